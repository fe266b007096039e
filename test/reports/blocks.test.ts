/** Comparisons on a test split of blocks: how often the rule is wrong by chance, and what it finds. */
import { describe, expect, test } from 'vitest';
import { bertSupersense } from '../../experiments/bert.js';
import { blockInterval } from '../../reports/claims/blocks.js';
import { CLAIMS } from '../../reports/claims/index.js';
import { positive, type Outcome } from '../../reports/claims/verdict.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { designEffect, tInterval } from '../../src/core/stats.js';

const SETS = 300;
const SEEDS = Array.from({ length: bertSupersense.seeds.laptop! }, (_, i) => i + 1);
const ARMS = ['three-stage', 'direct'] as const;
const DEPENDENT = bertSupersense.dependent!;
const SIZE = DEPENDENT.rows / DEPENDENT.blocks;
const NAMES = new Map(
  ARMS.flatMap((arm) =>
    SEEDS.map((seed) => {
      const run = `${arm} ${seed}`;
      return [run, named({ run, experiment: bertSupersense.name, arm, scale: 'laptop', seed })] as const;
    }),
  ),
);
const rowOf = (arm: string, seed: number, values: TableRow['values']): TableRow => ({
  ...NAMES.get(`${arm} ${seed}`)!,
  values,
});

/**
 * Runs whose two arms are drawn alike but for `effect` in log odds. A block has a difficulty that both arms share, and
 * a part that one arm alone has with all its seeds: it knows that file of glosses, or it does not.
 */
function draw(set: number, name: string, effect: number): { results: TableRow[]; rows: TableRow[] } {
  const z = normals(rngKey(set, 'blocks', name), 6000);
  let nextZ = 0;
  const shared = Array.from({ length: DEPENDENT.blocks }, () => 1.5 * z[nextZ++]!);
  const [results, rows]: [TableRow[], TableRow[]] = [[], []];
  for (const arm of ARMS) {
    const own = shared.map((difficulty) => difficulty + 1.5 * z[nextZ++]!);
    for (const seed of SEEDS) {
      const level = (arm === 'three-stage' ? effect : 0) - 0.5 + 0.05 * z[nextZ++]!;
      const right = own.map((block) => {
        const share = 1 / (1 + Math.exp(-(block + level + 0.3 * z[nextZ++]!)));
        // a binomial count, by the normal distribution with its mean and variance
        const count = Math.round(SIZE * share + Math.sqrt(SIZE * share * (1 - share)) * z[nextZ++]!);
        return Math.min(SIZE, Math.max(0, count));
      });
      const total = right.reduce((sum, count) => sum + count, 0);
      results.push(rowOf(arm, seed, { testAccuracy: (100 * total) / DEPENDENT.rows }));
      right.forEach((count, block) =>
        rows.push(rowOf(arm, seed, { event: 'block', split: 'test', block, examples: SIZE, right: count })),
      );
    }
  }
  return { results, rows };
}

const { rows: rowsOf, judge } = CLAIMS['bert-supersense']!;

interface Counts {
  supported: number;
  decided: number;
}

/** Sets that are called supported, or are decided, by what is kept of the runs, and by seeds alone as it once was. */
function count(name: string, effect: number): Record<'table' | 'byBlock' | 'seedsAlone', Counts> {
  const [table, byBlock, seedsAlone] = Array.from({ length: 3 }, (): Counts => ({ supported: 0, decided: 0 }));
  const add = (counts: Counts, outcome: Outcome): void => {
    if (outcome === 'supported') counts.supported++;
    if (outcome !== 'inconclusive') counts.decided++;
  };
  for (let set = 0; set < SETS; set++) {
    const { results, rows } = draw(set, name, effect);
    add(table!, judge(rowsOf({ rows: [], results })).outcome);
    add(byBlock!, judge(rowsOf({ rows, results })).outcome);
    const of = (arm: string, seed: number): number =>
      Number(results.find((row) => row.arm === arm && row.seed === seed)!.values.testAccuracy);
    add(seedsAlone!, positive(tInterval(SEEDS.map((seed) => of(ARMS[0], seed) - of(ARMS[1], seed)))));
  }
  return { table: table!, byBlock: byBlock!, seedsAlone: seedsAlone! };
}

describe('a test split of blocks, 300 sets', () => {
  test('arms that differ by chance alone are called better in fewer than 5 %, where seeds alone decide in a third', () => {
    const { table, byBlock, seedsAlone } = count('null', 0);
    expect(table.supported / SETS).toBeLessThan(0.05);
    expect(byBlock.supported / SETS).toBeLessThan(0.05);
    // a decision either way is nominally wrong in 5 %, 15 sets; more than 26 come once in 1,000 such tests
    expect(Math.max(table.decided, byBlock.decided)).toBeLessThanOrEqual(26);
    expect(seedsAlone.decided / SETS).toBeGreaterThan(0.33);
  });

  test('rows by block find in 80 % what accuracies alone do not, and these twice the effect', () => {
    const { table, byBlock } = count('effect', 0.95);
    expect(byBlock.supported / SETS).toBeGreaterThan(0.8);
    expect(table.supported / SETS).toBeLessThan(0.8);
    expect(count('large effect', 2.2).table.supported / SETS).toBeGreaterThan(0.8);
  });
});

test('blocks whose rows are all alike count as one row each', () => {
  const right = Array.from({ length: 40 }, (_, block) => (block % 2 === 0 ? 10 : 0));
  const logged = (arm: string, shift: number): TableRow[] =>
    [1, 2].flatMap((seed) => [
      rowOf(arm, seed, { testAccuracy: 50 }),
      ...right.map((_, block) =>
        rowOf(arm, seed, { event: 'block', block, examples: 10, right: right[(block + shift) % 40]! }),
      ),
    ]);
  const rows = [...logged(ARMS[0], 0), ...logged(ARMS[1], 1)];
  const { low, high, df } = blockInterval(rows, ARMS, 'testAccuracy', DEPENDENT);
  // every block's two shares are opposed: influence ±1/40 * 0.5 * 4 * 2, 40 of them, and 40/39
  const error = Math.sqrt((40 * 0.1 ** 2 * 40) / 39);
  expect(df).toBe(39);
  expect((high - low) / 2 / error).toBeCloseTo(2.0227, 3); // scipy.stats.t.ppf(0.975, 39) = 2.02269
  expect(positive({ mean: 0, low, high, n: 3 })).toBe('inconclusive');
});

test('the design effect: 1 of rows that are mixed, the rows of a block where all its labels are one', () => {
  expect(
    designEffect([
      [0, 0, 0],
      [1, 1, 1],
    ]),
  ).toBeCloseTo(3);
  expect(
    designEffect([
      [0, 1],
      [0, 1],
    ]),
  ).toBe(1);
  expect(() => designEffect([[0], [1]])).toThrow(/expected blocks of rows/);
  expect(() =>
    designEffect([
      [0, 0],
      [0, 0],
    ]),
  ).toThrow(/two labels at least/);
});

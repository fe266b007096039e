/** Rules of comparisons between arms: how often they are wrong where there is nothing, and right where there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Experiment } from '../../src/core/experiment.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { atLevel, holm, signFlip, sumInterval, tInterval, type Interval } from '../../src/core/stats.js';
import { armBeats } from '../../reports/claims/arms.js';
import { decideAlone, leftTo, type UncorrectedVerdict } from '../../reports/claims/claim.js';
import { CLAIMS } from '../../reports/claims/index.js';
import { LEFT_BY_MINUTES } from '../../reports/claims/scales.js';
import { correctFamily, FAMILY_RATE } from '../../reports/claims/family.js';
import { decided, errorRate, negative, positive, within, type Outcome } from '../../reports/claims/verdict.js';
import { named, type TableRow } from '../../reports/data/rows.js';
import { TEST_ACCURACY, TEST_CROSS_ENTROPY } from '../../experiments/metrics.js';

const DRAWS = 300;
const experiment = (changes: Partial<Experiment> = {}): Experiment => ({
  name: 'made up',
  group: 'resnet',
  title: 'made up',
  kind: 'train',
  seeds: { laptop: 5 },
  arms: () => ({}),
  metric: TEST_ACCURACY,
  ...changes,
});
const claimOf = (changes: Partial<Experiment> = {}, smaller?: string): ReturnType<typeof armBeats> =>
  armBeats({
    experiment: experiment(changes),
    id: 'made-up',
    statement: 'a is better than b',
    source: 'this test',
    arms: ['a', 'b'],
    ...(smaller !== undefined && { smaller }),
  });
const rowsOf = (values: Readonly<Record<string, readonly number[]>>, key = TEST_ACCURACY.key): TableRow[] =>
  Object.entries(values).flatMap(([arm, list]) =>
    list.map((value, seed) => ({
      ...named({ run: `${arm}${seed}`, experiment: 'made up', arm, scale: 'laptop', seed }),
      values: { [key]: value },
    })),
  );
const judged = (claim: ReturnType<typeof armBeats>, results: readonly TableRow[]): UncorrectedVerdict =>
  decideAlone(claim, { rows: [], results });

/** Two arms of so many seeds: what a seed has in common, what each arm adds, and how much better `a` is. */
function drawn(draw: number, n: number, { at = 90, shared = 2, own = 1, gain = 0 } = {}): Record<string, number[]> {
  const z = normals(rngKey(draw, 'rules'), 3 * n);
  const value = (arm: number, i: number, more: number): number =>
    Math.min(100, at + more + shared * z[i]! + own * z[(arm + 1) * n + i]!);
  const seeds = Array.from({ length: n }, (_, i) => i);
  return { a: seeds.map((i) => value(0, i, gain)), b: seeds.map((i) => value(1, i, 0)) };
}

test('claims that scale minutes leaves are claims', () => {
  expect(LEFT_BY_MINUTES.filter((id) => CLAIMS[id]?.from !== 'laptop')).toEqual([]);
});

test('a claim whose arms a scale does not declare is left to the next larger one that does', () => {
  const evidence = (id: string, scale: string): string =>
    decideAlone(CLAIMS[id]!, { scale, rows: [], results: [] }).evidence;
  for (const id of ['bert-deeper', 'bert-total-cost', 'resnet-all-at-once', 'hierarchy-total-cost'])
    expect(evidence(id, 'minutes'), id).toBe('left to scale laptop: its arms are not declared at minutes');
  expect(evidence('bert-deeper', 'laptop')).toBe('no finished run');
  expect(evidence('bert-deeper', 'overnight')).toBe('no finished run');
  expect(evidence('resnet-three-stage', 'minutes')).toBe('no finished run');
  expect(leftTo(CLAIMS['bert-deeper']!, 'custom')).toBeUndefined();
});

describe('a claim that is left to a larger scale', () => {
  const claim = { ...claimOf(), from: 'laptop' } as const;
  const results = rowsOf({ a: [90, 91, 92], b: [80, 82, 81] });

  test('is not judged at a smaller one, and says so', () => {
    expect(decideAlone(claim, { scale: 'minutes', rows: [], results })).toMatchObject({
      outcome: 'not run',
      evidence: 'left to scale laptop',
      seeds: 0,
    });
  });

  test('counts for no correction there', () => {
    const family = (scale: string): number | undefined =>
      correctFamily([claim, claimOf()].map((one) => decideAlone(one, { scale, rows: [], results })))[1]!.significance
        ?.family;
    expect([family('minutes'), family('laptop')]).toEqual([1, 2]);
  });

  test.each(['laptop', 'paper', undefined])('is judged at its own scale and above: %s', (scale) => {
    expect(decideAlone(claim, { ...(scale !== undefined && { scale }), rows: [], results }).outcome).toBe('supported');
  });
});

describe('one comparison', () => {
  test.each([
    [3, 90],
    [5, 90],
    [10, 90],
    [5, 99],
    [10, 50],
  ])('of %i seeds at %i %%, without a difference: a false alarm in at most 5 of 100', (n, at) => {
    const claim = claimOf();
    let alarms = 0;
    for (let draw = 0; draw < DRAWS; draw++)
      if (decided(judged(claim, rowsOf(drawn(draw, n, { at }))).outcome)) alarms++;
    // 5 % is exact for normal differences: of 300 draws, 25 would be passed by chance once in two hundred
    expect(alarms).toBeLessThanOrEqual(25);
  });

  test('a difference of two points, four times its own spread, is found with 5 seeds', () => {
    const claim = claimOf();
    const outcomes = Array.from(
      { length: 100 },
      (_, draw) => judged(claim, rowsOf(drawn(draw, 5, { own: 0.35, gain: 2 }))).outcome,
    );
    expect(outcomes.filter((outcome) => outcome === 'supported').length).toBeGreaterThan(90);
  });

  test('more seeds than the sign-flip test takes are decided by the interval alone', () => {
    const seeds = Array.from({ length: 24 }, (_, i) => i);
    const verdict = judged(claimOf(), rowsOf({ a: seeds.map((i) => 90 + (i % 3)), b: seeds.map((i) => 80 + (i % 2)) }));
    expect(verdict).toMatchObject({ outcome: 'supported', p: expect.any(Number) as number });
    expect(verdict.evidence).not.toContain('sign-flip');
  });

  test('a saturated accuracy is a finite difference', () => {
    const { evidence } = judged(claimOf(), rowsOf({ a: [100, 100, 99.95], b: [88, 90, 87] }));
    expect(evidence).toMatch(/^11\.65 points; log odds \d\.\d+ \[/);
  });
});

describe('a family of claims', () => {
  const family = (draw: number, gains: readonly number[], n: number): ReturnType<typeof correctFamily> =>
    correctFamily(gains.map((gain, i) => judged(claimOf(), rowsOf(drawn(1000 * draw + i, n, { own: 0.35, gain })))));

  test('of twenty, none with a difference: any false alarm in at most 5 of 100 families, where it is 64 without correction', () => {
    const none = new Array<number>(20).fill(0);
    let [corrected, plain] = [0, 0];
    for (let draw = 0; draw < DRAWS; draw++) {
      const verdicts = family(draw, none, 5);
      if (verdicts.some(({ outcome }) => decided(outcome))) corrected++;
      if (verdicts.some(({ significance }) => significance!.p < FAMILY_RATE)) plain++;
    }
    expect(corrected / DRAWS).toBeLessThan(0.08);
    expect(plain / DRAWS).toBeGreaterThan(0.5);
  });

  test('of twenty, ten with a difference of two points: nine of ten are found with 10 seeds, the others are not', () => {
    const gains = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 2 : 0));
    let [found, wrong] = [0, 0];
    for (let draw = 0; draw < 30; draw++)
      family(draw, gains, 10).forEach(({ outcome }, i) => {
        if (gains[i]! > 0 && outcome === 'supported') found++;
        if (gains[i] === 0 && decided(outcome)) wrong++;
      });
    expect(found / 300).toBeGreaterThan(0.9);
    expect(wrong).toBeLessThan(8);
  });

  test('both p-values stand in the evidence, and what does not survive is inconclusive', () => {
    const few = judged(claimOf(), rowsOf({ a: [92, 93, 92.2], b: [90, 90, 90] }));
    expect([few.outcome, few.p! < 0.05]).toEqual(['supported', true]);
    const many = correctFamily(new Array<UncorrectedVerdict>(20).fill(few));
    expect(many[0]!.outcome).toBe('inconclusive');
    expect(many[0]!.evidence).toMatch(/p 0\.0\d+, with Holm’s correction for 20 claims 0\.\d+$/);
  });
});

describe('power', () => {
  const SIZES = [1, 2, 4, 8, 16];
  const SEEDS = [3, 5, 10];
  /** The page's claims about trained networks that one family corrects, and those of them that are decided. */
  const PAGE = { claims: 56, decided: 32 };
  const others = (p: number, count: number): UncorrectedVerdict[] =>
    Array.from({ length: count }, () => ({ ...judged(claimOf(), rowsOf(drawn(0, 5))), p }));

  /** In how many percent of sets a difference of so many standard deviations of one seed's is found. */
  function found(size: number, seeds: number): { alone: number; onPage: number } {
    const own = 0.2;
    const verdicts = Array.from({ length: DRAWS }, (_, draw) =>
      judged(claimOf(), rowsOf(drawn(draw, seeds, { at: 80, shared: 0.5, own, gain: size * own * Math.SQRT2 }))),
    );
    const rest = [...others(1e-9, PAGE.decided), ...others(0.5, PAGE.claims - 1 - PAGE.decided)];
    const onPage = verdicts.filter((one) => correctFamily([one, ...rest])[0]!.outcome === 'supported');
    const percent = (list: readonly unknown[]): number => Math.round((100 * list.length) / DRAWS);
    return { alone: percent(verdicts.filter(({ outcome }) => outcome === 'supported')), onPage: percent(onPage) };
  }

  test('by seeds, alone and on the page, is as the note on rules has it', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/notes/2026-11-26-rules-of-comparisons.md'), 'utf8');
    const stated = [...text.matchAll(/^\| (\d+) \|((?: \d+, \d+ \|){3})$/gm)].map(([, size, cells]) => [
      Number(size),
      ...cells!.match(/\d+, \d+/g)!,
    ]);
    const counted = SIZES.map((size) => [
      size,
      ...SEEDS.map((seeds) => {
        const { alone, onPage } = found(size, seeds);
        return `${alone}, ${onPage}`;
      }),
    ]);
    expect(stated).toEqual(counted);
  });
});

describe('a rival that did not train, or no better than a smaller version of it, decides nothing', () => {
  const results = { a: [90, 91, 92], b: [40, 41, 43], c: [65, 66, 64] };

  test('no better than its own smaller version', () => {
    const verdict = judged(claimOf({}, 'c'), rowsOf(results));
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.evidence).toMatch(
      /^cannot be decided, as the rival is no better than its smaller version: 41\.0 %, where .* 65\.0 \(medians\); /,
    );
    expect(judged(claimOf({}, 'c'), rowsOf({ ...results, c: [30, 31, 32] })).outcome).toBe('supported');
  });

  test('no better than chance', () => {
    const verdict = judged(claimOf({ chance: 50 }), rowsOf(results));
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.evidence).toMatch(/did not train: 41\.3 %, 50\.0 by chance/);
    expect(judged(claimOf({ chance: 10 }), rowsOf(results)).outcome).toBe('supported');
  });

  test('above chance by luck alone', () => {
    const [chance, method] = [{ chance: 25 }, [62.5, 61, 64.5, 63]];
    const at = (b: readonly number[]): UncorrectedVerdict =>
      judged(claimOf(chance), rowsOf({ a: method.slice(0, b.length), b }));
    const verdict = at([25.4, 24.9, 25.3]);
    expect(verdict.outcome).toBe('inconclusive');
    expect(verdict.evidence).toMatch(
      /^cannot be decided, as the rival did not train: 25\.2 % \[24\.5, 25\.9\], 25\.0 by /,
    );
    expect(at([31, 29.5, 30.2]).outcome).toBe('supported');
    // two seeds have no interval to speak of
    expect(at([25.4, 25.3]).evidence).not.toContain('did not train');
    expect(at([25, 24.8]).evidence).toContain('did not train');
  });

  test('diverged in one seed: it counts as it ended, and with few seeds nothing is decided', () => {
    const good = [88.5, 87.9, 89.1, 88.2, 87.7, 88.8, 89.4, 88, 87.5, 88.6];
    const method = good.map((value, i) => value + 1 + 0.1 * (i % 3));
    const few = judged(claimOf({ chance: 10 }), rowsOf({ a: method.slice(0, 3), b: [88.5, 10, 89.1] }));
    expect(few.outcome).toBe('inconclusive');
    expect(few.evidence).toContain('did not train');
    const ten = judged(
      claimOf({ chance: 10 }),
      rowsOf({ a: method, b: good.map((value, i) => (i === 4 ? 10 : value)) }),
    );
    expect(ten.evidence).toMatch(/^8\.86 points; /); // 7.77 of them by the seed that diverged
    expect(ten.evidence).not.toContain('did not train');
  });

  test('a smaller version that diverged in one seed makes no rival a trained one', () => {
    const b = [41, 40, 42, 43, 40];
    const c = [65, 66, 64, 65, 66];
    const method = [90, 91, 92, 90, 91];
    for (const diverged of [0, NaN, -Infinity]) {
      const { outcome, evidence } = judged(claimOf({}, 'c'), rowsOf({ a: method, b, c: [diverged, ...c.slice(1)] }));
      expect([outcome, evidence]).toEqual([
        'inconclusive',
        expect.stringContaining('no better than its smaller version'),
      ]);
    }
  });

  test('a run without a number counts: nothing is decided, and it is named', () => {
    for (const lost of [NaN, Infinity]) {
      const verdict = judged(claimOf(), rowsOf({ a: [90, lost, 92, 91], b: [80, 81, 82, 80] }));
      expect(verdict).toMatchObject({ outcome: 'inconclusive', seeds: 4 });
      expect(verdict.evidence).toMatch(/^cannot be decided, as .* is no number: a with seed 1$/);
      expect(verdict.p).toBeUndefined();
    }
  });

  test('where lower is better, too', () => {
    const nats = claimOf({ metric: TEST_CROSS_ENTROPY }, 'c');
    const given = { a: [4.6, 4.7, 4.6], b: [6.1, 6, 6.2], c: [5.3, 5.2, 5.4] };
    expect(judged(nats, rowsOf(given, TEST_CROSS_ENTROPY.key)).outcome).toBe('inconclusive');
    expect(judged(nats, rowsOf({ ...given, c: [6.5, 6.6, 6.4] }, TEST_CROSS_ENTROPY.key)).outcome).toBe('supported');
  });
});

describe('p-values', () => {
  test('of a decision: the level at which the interval just decides', () => {
    const values = [1, 2, 3, 2.5];
    const above = (interval: Parameters<typeof within>[0]): ReturnType<typeof within> => within(interval, 0, Infinity);
    const p = errorRate(tInterval(values), above)!;
    expect(p).toBeCloseTo(0.015587, 6); // closed form of Student's t with 3 degrees of freedom
    expect(tInterval(values, 1 - p).low).toBeCloseTo(0, 6);
    expect(errorRate(tInterval([1, 2]), above)).toBeUndefined();
    const far = tInterval([0, 0, 0, 1e-9].map((value) => value - 1));
    expect(errorRate(far, (interval) => within(interval, 1, 2))).toBeCloseTo(1e-12, 20);
  });

  test('where all seeds give one number is that of the sign-flip test, not that of an interval without width', () => {
    for (const [values, p] of [
      [[2, 2, 2], 0.25],
      [[0.1, 0.1, 0.1, 0.1, 0.1], 0.0625],
      [new Array<number>(10).fill(-0.3), 2 ** -9],
      [[0, 0, 0], 1],
    ] as const) {
      expect(errorRate(tInterval(values), positive), String(values)).toBe(p);
      if (p < 1) expect(signFlip(values), String(values)).toBe(p);
    }
  });

  test('the bits are those of a search that asks for a quantile at each step', () => {
    const values = [-0.4, 0.1, 0.7, 0.2, -0.1];
    const shifted = (shift: number, n = 5): Interval => tInterval(values.slice(0, n).map((value) => value + shift));
    for (const [interval, outcome] of [
      [shifted(0.3), (given) => within(given, 0, Infinity)],
      [shifted(2), (given) => within(given, 0, Infinity)],
      [shifted(200), (given) => within(given, 0, Infinity)],
      [shifted(40), (given) => within(given, 0, 1)],
      [shifted(0.1), (given) => within(given, -1, 3)],
      [shifted(3, 3), positive],
      [shifted(-0.9), negative],
      [
        sumInterval(
          0.5,
          [
            { variance: 0.02, df: 4 },
            { variance: 0.01, df: 30 },
          ],
          5,
        ),
        positive,
      ],
    ] as const satisfies readonly (readonly [Interval, (interval: Interval) => Outcome])[]) {
      let [low, high] = [Math.log(1e-12), 0];
      for (let i = 0; i < 40; i++) {
        const middle = (low + high) / 2;
        if (decided(outcome(atLevel(interval, 1 - Math.min(1 - 1e-9, Math.exp(middle)))))) high = middle;
        else low = middle;
      }
      expect(errorRate(interval, outcome)).toBe(Math.exp(high));
    }
  });

  test('Holm’s correction is that of R’s p.adjust', () => {
    expect(holm([0.01, 0.02, 0.03, 0.04, 0.05])).toEqual([0.05, 0.08, 0.09, 0.09, 0.09]);
    expect(holm([0.04, 0.001, 0.6])).toEqual([0.08, 0.003, 0.6]);
    expect(holm([])).toEqual([]);
  });

  test('the exact sign-flip test counts assignments', () => {
    expect(signFlip([1, 2, 3])).toBe(2 / 8);
    expect(signFlip([1, -1])).toBe(1);
    expect(signFlip([0.1, 0.2, 0.3, 0.4, 0.5])).toBe(2 / 32);
    expect(() => signFlip([])).toThrow(RangeError);
  });
});

describe('on a par with the deeper net', () => {
  const judged = (f1: Readonly<Record<string, readonly number[]>>): unknown => {
    const results = Object.entries(f1).flatMap(([arm, values]) =>
      values.map((value, i) => ({
        ...named({ run: `${arm} ${i}`, experiment: 'bert-squad', arm, scale: 'paper', seed: i + 1 }),
        values: { 'test f1': value },
      })),
    );
    return decideAlone(CLAIMS['squad-deeper']!, { rows: [], results }).outcome;
  };
  const deeper = [91, 91.1, 90.9];
  test('half a point below is on a par, two points are not, and a wide interval leaves it open', () => {
    expect(judged({ deeper, direct: [88, 88, 88], 'three-stage': [90.5, 90.6, 90.5] })).toBe('supported');
    expect(judged({ deeper, direct: [88, 88, 88], 'three-stage': [89, 89.1, 89] })).toBe('not supported');
    expect(judged({ deeper, direct: [88, 88, 88], 'three-stage': [92, 89, 91] })).toBe('inconclusive');
  });
  test('a deeper net that is no better than the thin one, or a run without a number, decides nothing', () => {
    expect(judged({ deeper, direct: [92, 92, 92], 'three-stage': [93, 93.1, 93] })).toBe('inconclusive');
    expect(judged({ deeper, direct: [88, 88, 88], 'three-stage': [93, 93.1, NaN] })).toBe('inconclusive');
  });
});

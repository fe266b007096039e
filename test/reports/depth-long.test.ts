/** The growth of three stages' gain with depth, where the wide net is trained for long. */
import { describe, expect, test } from 'vitest';
import { CLAIMS } from '../../reports/claims/index.js';
import type { Judgement } from '../../reports/claims/rules.js';
import { bestValidated, gainRows, longGains, PLAIN_FRONTIERS } from '../../reports/data/depth-gains.js';
import { named, type TableRow } from '../../reports/data/rows.js';

const claim = CLAIMS['depth-long-training']!;

/** A run's accuracy on the test split, and on the validation split unless that is the same. */
type Accuracy = number | readonly [test: number, validation: number];

/** Accuracies of a seed, by way of training, layers and budget. */
type Law = (training: string, layers: number, budget: number) => Accuracy;

/** A gain of one point for each doubling of the depth over KD, and a tenth of a point's scatter. */
const growing: Law = (training, layers, budget) =>
  ({ direct: 40, kd: 60, 'selected-kl': 50 })[training] ?? 60 + Math.log2(layers) + 0.01 * budget;

function rowsOf(law: Law, seeds: readonly number[] = [1, 2, 3, 4, 5], depths = [8, 16, 32, 64]): TableRow[] {
  return depths.flatMap((layers) =>
    ['direct', 'kd', 'selected-kl', 'three-stage'].flatMap((training) =>
      [16, 64].flatMap((budget) =>
        seeds.map((seed): TableRow => {
          const experiment = `frontier-plain-${layers}`;
          const arm = `${training} x${budget}`;
          const accuracy = law(training, layers, budget);
          const [test, validation] = typeof accuracy === 'number' ? [accuracy, accuracy] : accuracy;
          return {
            ...named({ run: `${experiment} ${arm} ${seed}`, experiment, arm, scale: 'laptop', seed }),
            values: {
              testAccuracy: test + budget / 16 + 0.1 * Math.sin(seed * layers),
              validationAccuracy: validation,
            },
          };
        }),
      ),
    ),
  );
}

const judged = (results: readonly TableRow[]): Judgement => claim.judge(claim.rows({ rows: [], results }));

test('the gain is that over the rival which validation puts first at each depth, whatever the test split says', () => {
  const rows = rowsOf((training, layers) => {
    if (training === 'direct') return layers === 64 ? [50, 90] : 40;
    return training === 'kd' ? 60 : training === 'selected-kl' ? 55 : 65;
  });
  const rivals = [...PLAIN_FRONTIERS.values()].map((frontier) => bestValidated(gainRows(rows, frontier, 64)));
  expect(rivals).toEqual(['kd', 'kd', 'kd', 'direct']);
  const ofSeed = longGains(rows, 64).filter(({ seed }) => seed === 3);
  expect(ofSeed.map(({ depth }) => depth)).toEqual([8, 16, 32, 64]);
  ofSeed.forEach(({ gain }, i) => expect(gain).toBeCloseTo([5, 5, 5, 15][i]!, 9));
});

describe('growth with depth', () => {
  test('is the slope for each doubling of the depth', () => {
    const { outcome, evidence, seeds } = judged(rowsOf(growing));
    expect([outcome, seeds]).toEqual(['supported', 5]);
    expect(evidence).toMatch(/^1\.00 \[.*\], 5 seeds; .* points over KD at 64 layers$/);
  });

  test('is not decided where the rival of one depth learnt nothing, or no more than in a quarter of the steps', () => {
    const chance = judged(
      rowsOf((training, layers, budget) =>
        layers === 64 && training !== 'three-stage' ? 5 : growing(training, layers, budget),
      ),
    );
    expect(chance.outcome).toBe('inconclusive');
    expect(chance.evidence).toMatch(/^cannot be decided, as at 64 layers the rival did not train: 9\.\d /);
    const stuck = judged(
      rowsOf((training, layers, budget) =>
        layers === 32 && training === 'kd' && budget === 64 ? 55 : growing(training, layers, budget),
      ),
    );
    expect(stuck.outcome).toBe('inconclusive');
    expect(stuck.evidence).toContain('as at 32 layers the rival is no better than its smaller version');
  });

  test('leaves out a seed that one depth lacks, and is not run where a depth is missing', () => {
    const all = rowsOf(growing);
    const fewer = all.filter(({ experiment, seed }) => !(experiment === 'frontier-plain-8' && seed > 3));
    expect(judged(fewer).seeds).toBe(3);
    expect(claim.rows({ rows: [], results: rowsOf(growing, [1, 2, 3], [16, 32, 64]) })).toEqual([]);
  });
});

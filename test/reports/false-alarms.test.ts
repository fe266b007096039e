/**
 * How often each rule is wrong by chance: 300 sets of rows under the null hypothesis, at the edge of what the rule
 * calls supported, with as many seeds as scale laptop has and 5 % of noise. A rule is nominally wrong in 2.5 % of
 * sets: 7 or 8. More than 17 come once in 1,000 entries of the table then, and nearly always from a rule that is wrong
 * in 10 %. The same rows with an effect of the claim's own size must be found in 80 %.
 */
import { describe, expect, test } from 'vitest';
import type { Scale } from '../../src/core/experiment.js';
import type { Row } from '../../src/core/run.js';
import { normals, rngKey, type RngKey } from '../../src/core/rng.js';
import { CLAIMS } from '../../reports/claims/index.js';
import { CHANCE } from '../../reports/claims/rules.js';
import { named, type Named, type TableRow } from '../../reports/data/rows.js';
import { PUBLISHED } from '../../theory/studies/residual.js';

const SETS = 300;
const MOST_FALSE = 17;
const LEAST_FOUND = 0.8 * SETS;
/** Relative noise of a point, and of all points of one seed together. */
const [NOISE, SEED_NOISE] = [0.05, 0.2];

/** A factor that scatters about 1, one for each call. */
type Noise = () => number;
/** Rows of one seed: arms with their values, of the claim's experiment unless another is named. */
type SeedRows = (noise: Noise, z: Noise) => readonly (readonly [arm: string, values: Row, experiment?: string])[];

interface Case {
  readonly claims: RegExp;
  /** The claim that stands for all that have its rule. */
  readonly id: string;
  /** Rows under the null hypothesis, at each edge. */
  readonly nulls: Readonly<Record<string, SeedRows>>;
  /** Rows with an effect of the claim's size. */
  readonly effect: SeedRows;
  /** Whether rows are final figures of training runs. */
  readonly final?: boolean;
}

const WIDTHS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
const DEPTHS = [1, 2, 3, 4, 6, 8, 12, 16];
const TIMES = [0, 1, 2, 4, 8, 12, 16, 20];

const widthRows =
  (training: string, exponent: number): SeedRows =>
  (noise) =>
    WIDTHS.map((m) => ['skip', { training, m, discrepancy: m ** exponent * noise(), lossIncreases: 0 }]);
const depthRows =
  (column: string, law: (L: number) => number): SeedRows =>
  (noise) =>
    DEPTHS.map((L) => ['skip', { depth: L, [column]: law(L) * noise(), violations: 0, lossIncreases: 0 }]);
const timeRows =
  (column: string, law: (t: number) => number): SeedRows =>
  (noise) =>
    TIMES.map((time) => ['skip', { time, [column]: law(time) * noise() }]);
/** Two columns whose ratio is `ratio` at the first value, and 0.5 elsewhere unless `all`. */
const ratioRows =
  (arm: string, at: string, values: readonly number[], [column, other]: [string, string], ratio: number, all = false) =>
  (noise: Noise): ReturnType<SeedRows> =>
    values.map((value, i) => [
      arm,
      { [at]: value, [column]: (all || i === 0 ? ratio : 0.5) * noise(), [other]: noise() },
    ]);
const selectionRows =
  (column: string, exponent: (depth: number) => number): SeedRows =>
  (noise) =>
    [1, 2, 4, 8].flatMap((depth) =>
      [8, 16, 32, 64, 128, 256, 512, 1024].map((m): [string, Row] => [
        'skip',
        { depth, m, [column]: m ** exponent(depth) * noise() },
      ]),
    );
/** sqrt(m) D of real thin nets and of the limit, by depth and width; what a claim reads scatters by 5 %. */
const limitRows =
  (training: string, value: (depth: number) => number, of: 'ratio' | 'both' = 'ratio'): SeedRows =>
  (noise, z) =>
    [1, 2, 3, 4].flatMap((depth) =>
      [128, 2048].map((m): [string, Row] => {
        const limit = noise() * (of === 'both' ? value(depth) : 1);
        const particles = of === 'both' ? noise() * value(depth) : limit * value(depth) * Math.exp(NOISE * z());
        return ['skip', { training, depth, m, lossIncreases: 0, particles, limit }];
      }),
    );
const saddleRows =
  (arm: string, depths: readonly number[], factor: number): SeedRows =>
  (noise) =>
    depths.map((depth) => {
      const scale = arm === 'B' ? 1.3 ** (depth - 1) * Math.sqrt(depth) : Math.sqrt(depth);
      const growth = arm === 'B' ? 0.8 * 1.3 ** depth : 0.8 * depth;
      const [direct, directTheory] = [factor, 1].map((by) => scale * Math.exp(by * growth));
      return [arm, { depth, direct: direct! * noise(), directTheory: directTheory!, directParticles: 1 }];
    });
const tanhRows =
  (factor: number): SeedRows =>
  (_, z) =>
    [2, 4, 6, 8].map((depth) => [
      'C',
      { depth, linearised: 0.1 * depth, growth: (factor + NOISE * z()) * 0.1 * depth },
    ]);
const genericRows =
  (bend: number): SeedRows =>
  (_, z) =>
    Array.from({ length: 7 }, (_unused, family) => family).flatMap((family) =>
      DEPTHS.map((depth): [string, Row] => [
        `family ${family}`,
        { depth, growth: 0.1 * depth + (family === 0 ? bend * depth ** 2 : 0) + 0.05 * z(), lossIncreases: 0 },
      ]),
    );
const fitRows =
  (key: string, value: number): SeedRows =>
  (_, z) => [['tanh', { row: 'fit', [key]: value * (1 + 0.1 * z()) }]];
const blockRows =
  (exponent: number): SeedRows =>
  (noise) =>
    [2, 4, 8, 16, 32, 64].map((depth) => ['tanh', { depth, change: depth ** exponent * noise(), lossIncreases: 0 }]);
const armRows =
  (key: string, arms: [string, string], base: number, difference: number): SeedRows =>
  (_, z) => [
    [arms[0], { [key]: base * (1 + difference + 0.02 * z()) }],
    [arms[1], { [key]: base * (1 + 0.02 * z()) }],
  ];
/** F1 of three stages so many points from the deeper net's, with noise of a tenth, and of a thin net far below. */
const squadRows =
  (points: number): SeedRows =>
  (_, z) => [
    ['three-stage', { loss: 90 + points + 0.1 * z() }],
    ['deeper', { loss: 90 + 0.1 * z() }],
    ['direct', { loss: 80 }],
  ];
const depthSkipRows =
  (gain: (layers: number, kind: string) => number): SeedRows =>
  (_, z) =>
    [4, 16].flatMap((layers) =>
      ['plain', 'skip'].flatMap((kind) =>
        ['direct', 'selected-kl', 'kd', 'closed-form', 'imitation'].map((training): [string, Row] => [
          `${layers} ${kind} ${training}`,
          {
            testAccuracy: 50 + z() + (['closed-form', 'imitation'].includes(training) ? gain(layers, kind) : 0),
            validationAccuracy: 50 + z(),
          },
        ]),
      ),
    );
/** Points that three stages add in nets of four depths, and rivals that trained; each run scatters by a point. */
const depthLongRows =
  (gain: (layers: number) => number): SeedRows =>
  (_, z) =>
    [8, 16, 32, 64].flatMap((layers) =>
      ['direct', 'selected-kl', 'kd', 'three-stage'].flatMap((training) =>
        [16, 64].map((budget): [string, Row, string] => [
          `${training} x${budget}`,
          {
            testAccuracy: 50 + budget / 4 + z() + (training === 'three-stage' ? gain(layers) : 0),
            validationAccuracy: 50 + z(),
          },
          `frontier-plain-${layers}`,
        ]),
      ),
    );
/** Accuracies at the smallest budget and the largest, and a wide net of 100 %; what the others cost with it. */
const frontierRows =
  (
    accuracies: (training: string) => readonly [number, number],
    taught = (budget: number): number => 40 + 20 * budget,
  ): SeedRows =>
  (_, z) => [
    ['wide', { testAccuracy: 100, gigaflops: 40, teacherGigaflops: 0 }],
    ...['direct', 'selected-kl', 'three-stage'].flatMap((training) =>
      [1, 8].map((budget, i): [string, Row] => [
        `${training} x${budget}`,
        {
          testAccuracy: accuracies(training)[i]! + z(),
          gigaflops: budget,
          teacherGigaflops: training === 'direct' ? 0 : taught(budget),
        },
      ]),
    ),
  ];
/**
 * Three stages at the smallest budget so many points above direct training of the same cost, which is half way between
 * its two budgets: on the logit scale, in the logarithm of the cost.
 */
function atEqualCost(points: number): SeedRows {
  const logits = [60, 80].map((percent) => Math.log(percent / (100 - percent)));
  const direct = 100 / (1 + Math.exp(-(logits[0]! + logits[1]!) / 2));
  return frontierRows(
    (training) => (training === 'direct' ? [60, 80] : [direct + points, 80]),
    () => Math.sqrt(8) - 1,
  );
}
const hybridRows =
  (exponent: number): SeedRows =>
  (noise) =>
    [4, 16].flatMap((layers) =>
      ['plain', 'skip'].map((kind): [string, Row] => [
        `${layers} ${kind} imitation`,
        { event: 'hybrid', when: 'imitation', tap: 'layer1', discrepancy: layers ** exponent * noise() },
      ]),
    );

const CASES: readonly Case[] = [
  ...(['imitation', 'direct', 'initial'] as const).map((training) => ({
    claims: new RegExp(`^width-${training}-`),
    id: `width-${training}-skip`,
    nulls: { '-0.45': widthRows(training, -0.45), '-0.55': widthRows(training, -0.55) },
    effect: widthRows(training, -0.5),
  })),
  ...[
    ['telescoped', 'depth-imitation-skip', /^depth-imitation-(no-)?skip$/] as const,
    ['imitation', 'depth-imitation-actual-skip', /^depth-imitation-actual-/] as const,
  ].map(([column, id, claims]) => ({
    claims,
    id,
    nulls: { 'exponent 1.1': depthRows(column, (L) => L ** 1.1) },
    effect: depthRows(column, (L) => L),
  })),
  {
    claims: /^depth-direct-/,
    id: 'depth-direct-skip',
    nulls: {
      'purely exponential': depthRows('direct', (L) => Math.exp(0.1 * L)),
      level: depthRows('direct', () => 1),
      'a dip, then level': depthRows('direct', (L) => 1 + Math.exp(-L)),
    },
    effect: depthRows('direct', (L) => Math.exp(0.02 * L ** 2)),
  },
  {
    claims: /^depth-imitation-below-/,
    id: 'depth-imitation-below-skip',
    nulls: { 'no difference at one depth': ratioRows('skip', 'depth', DEPTHS, ['imitation', 'direct'], 1) },
    effect: ratioRows('skip', 'depth', DEPTHS, ['imitation', 'direct'], 0.8, true),
  },
  {
    claims: /^time-imitation-/,
    id: 'time-imitation-skip',
    nulls: { level: timeRows('imitation', () => 1) },
    effect: timeRows('imitation', (t) => 1 / (1 + t)),
  },
  ...(['direct', 'directTrain'] as const).map((column) => {
    const id = column === 'direct' ? 'time-direct' : 'time-direct-train';
    return {
      claims: new RegExp(`^${id}-(no-)?skip$`),
      id: `${id}-skip`,
      nulls: {
        level: timeRows(column, () => 1),
        'a dip, then level': timeRows(column, (t) => 1 + Math.exp(-t)),
      },
      effect: timeRows(column, (t) => Math.exp(0.02 * t)),
    };
  }),
  {
    claims: /^imitation-time-/,
    id: 'imitation-time-skip',
    nulls: { 'no difference at one time': ratioRows('skip', 'time', [0, 1, 4, 20], ['imitation', 'direct'], 1) },
    effect: ratioRows('skip', 'time', [0, 1, 4, 20], ['imitation', 'direct'], 0.8, true),
  },
  {
    claims: /^imitation-closed-form-/,
    id: 'imitation-closed-form-skip',
    nulls: { 'no difference': (noise) => [['skip', { time: 0, ridge: noise(), direct: noise() }]] },
    effect: (noise) => [['skip', { time: 0, ridge: 0.8 * noise(), direct: noise() }]],
  },
  ...(['direct', 'imitation'] as const).map((training) => ({
    claims: new RegExp(`^limit-${training}-`),
    id: `limit-${training}-skip`,
    nulls: {
      'above at one depth': limitRows(training, (depth) => (depth === 1 ? Math.exp(0.2) : 1)),
      'below at one depth': limitRows(training, (depth) => (depth === 1 ? Math.exp(-0.2) : 1)),
    },
    effect: limitRows(training, () => 1),
  })),
  ...(['', 'narrow-'] as const).map((who) => ({
    claims: new RegExp(`^limit-concave-${who}(no-)?skip$`),
    id: `limit-concave-${who}skip`,
    nulls: { linear: limitRows('direct', (depth) => depth, 'both') },
    // level from two layers on, as D of narrow nets was said to be
    effect: limitRows('direct', (depth) => Math.min(depth, 2), 'both'),
  })),
  {
    claims: /^selection-rate-/,
    id: 'selection-rate-herding-skip',
    nulls: { '-0.5 at one depth': selectionRows('herding', (depth) => (depth === 1 ? -0.5 : -0.8)) },
    effect: selectionRows('herding', () => -0.7),
  },
  {
    claims: /^selection-(direct|imitation)-/,
    id: 'selection-direct-herding-skip',
    nulls: { 'no difference at one depth': ratioRows('skip', 'depth', [1, 2, 4, 8], ['herding', 'direct'], 1) },
    effect: ratioRows('skip', 'depth', [1, 2, 4, 8], ['herding', 'direct'], 0.8, true),
  },
  {
    claims: /^scale-/,
    id: 'scale-c',
    nulls: { 'no difference at one value': ratioRows('c', 'value', [0.3, 1, 2, 3], ['imitation', 'direct'], 1) },
    effect: ratioRows('c', 'value', [0.3, 1, 2, 3], ['imitation', 'direct'], 0.8, true),
  },
  {
    claims: /^bounds-residual-rate$/,
    id: 'bounds-residual-rate',
    nulls: {
      'growth 0.25': (noise) =>
        DEPTHS.map((depth) => ['residual 1/L', { depth, rate: (Math.exp(0.25 * depth) / depth) * noise() }]),
    },
    effect: (noise) => DEPTHS.map((depth) => ['residual 1/L', { depth, rate: (10 / depth) * noise() }]),
  },
  {
    claims: /^stages-/,
    id: 'stages-skip',
    nulls: { 'no difference at one width': ratioRows('skip', 'm', [16, 64, 256], ['staged', 'direct'], 1) },
    effect: ratioRows('skip', 'm', [16, 64, 256], ['staged', 'direct'], 0.9, true),
  },
  {
    claims: /^saddle-direct$/,
    id: 'saddle-direct',
    nulls: { '0.95': saddleRows('B1', [2, 4, 8, 16], 0.95), '1.05': saddleRows('B1', [2, 4, 8, 16], 1.05) },
    effect: saddleRows('B1', [2, 4, 8, 16], 1),
  },
  {
    claims: /^saddle-double-exponential$/,
    id: 'saddle-double-exponential',
    nulls: { '0.95': saddleRows('B', [7, 8, 9, 10], 0.95), '1.05': saddleRows('B', [7, 8, 9, 10], 1.05) },
    effect: saddleRows('B', [7, 8, 9, 10], 1),
  },
  {
    claims: /^saddle-imitation$/,
    id: 'saddle-imitation',
    nulls: Object.fromEntries(
      [0.9, 1.1].map((exponent) => [
        String(exponent),
        (noise: Noise) =>
          [2, 4, 8, 16].map((depth): [string, Row] => ['B1', { depth, telescoped: depth ** exponent * noise() }]),
      ]),
    ),
    effect: (noise) => [2, 4, 8, 16].map((depth) => ['B1', { depth, telescoped: depth * noise() }]),
  },
  {
    claims: /^tanh-saddle-growth$/,
    id: 'tanh-saddle-growth',
    nulls: { '0.9': tanhRows(0.9), '1.1': tanhRows(1.1) },
    effect: tanhRows(1),
  },
  {
    claims: /^generic-search$/,
    id: 'generic-search',
    nulls: { 'seven families, purely exponential': genericRows(0) },
    effect: genericRows(0.03),
  },
  ...(
    [
      ['residual-sampling', 'hiddenSampling'],
      ['residual-embedding', 'hiddenEmbedding'],
      ['residual-output-sampling', 'outputSampling'],
      ['residual-output-embedding', 'outputEmbedding'],
    ] as const
  ).map(([id, key]) => ({
    claims: new RegExp(`^${id}$`),
    id,
    nulls: {
      'the lower end': fitRows(key, PUBLISHED[key] / 1.25),
      'the upper end': fitRows(key, PUBLISHED[key] * 1.25),
    },
    effect: fitRows(key, PUBLISHED[key]),
  })),
  {
    claims: /^residual-depth-/,
    id: 'residual-depth-tanh',
    nulls: { '-0.9': blockRows(-0.9), '-1.1': blockRows(-1.1) },
    effect: blockRows(-1),
  },
  {
    claims: /^(resnet|hierarchy|fashion-mnist|cifar10|sst2)-|^frontier-.*-(convergence|thin-cost|deeper)$/,
    id: 'resnet-three-stage',
    final: true,
    nulls: { 'no difference': armRows('testAccuracy', ['three-stage', 'direct'], 50, 0) },
    effect: armRows('testAccuracy', ['three-stage', 'direct'], 50, 0.1),
  },
  {
    // the supersenses have a rule of their own: test/reports/blocks.test.ts
    claims: /^bert-/,
    id: 'bert-three-stage',
    final: true,
    nulls: { 'no difference': armRows('loss', ['three-stage', 'direct'], 5, 0) },
    effect: armRows('loss', ['three-stage', 'direct'], 5, -0.25),
  },
  {
    claims: /^squad-three-stage$/,
    id: 'squad-three-stage',
    final: true,
    nulls: { 'no difference': armRows('loss', ['three-stage', 'direct'], 50, 0) },
    effect: armRows('loss', ['three-stage', 'direct'], 50, 0.25),
  },
  {
    claims: /^squad-deeper$/,
    id: 'squad-deeper',
    final: true,
    nulls: { 'a point below': squadRows(-1) },
    effect: squadRows(0),
  },
  ...['depth-plain', 'depth-gradient', 'depth-gradient-rival', 'depth-bridge', 'depth-growth'].map((id) => ({
    claims: new RegExp(`^${id}$`),
    id,
    final: true,
    nulls: { 'no gain': depthSkipRows(() => 0) },
    effect: depthSkipRows((layers, kind) => (kind === 'plain' ? 4 * Math.log2(layers) : 0)),
  })),
  {
    claims: /^depth-long-/,
    id: 'depth-long-training',
    final: true,
    nulls: { 'a gain of three points at every depth': depthLongRows(() => 3) },
    effect: depthLongRows((layers) => Math.log2(layers)),
  },
  {
    claims: /^frontier-.*-(existing|total)-cost$/,
    id: 'frontier-hierarchy-total-cost',
    final: true,
    nulls: { 'no difference': atEqualCost(0) },
    effect: atEqualCost(6),
  },
  {
    claims: /^frontier-.*-worth$/,
    id: 'frontier-hierarchy-worth',
    final: true,
    nulls: { 'as fast': frontierRows(() => [60, 97]) },
    effect: frontierRows((training) => (training === 'direct' ? [60, 94] : [80, 98])),
  },
  {
    claims: /^frontier-.*-two-budgets$/,
    id: 'frontier-hierarchy-two-budgets',
    final: true,
    nulls: {
      'no difference at equal steps': frontierRows((training) => (training === 'direct' ? [60, 90] : [60, 80])),
      'a point too few at equal cost': frontierRows((training) => (training === 'direct' ? [50, 79] : [80, 85])),
    },
    effect: frontierRows((training) => (training === 'direct' ? [60, 90] : [70, 80])),
  },
  {
    claims: /^depth-telescoped-/,
    id: 'depth-telescoped-plain',
    nulls: { 'exponent 1.1': hybridRows(1.1) },
    effect: hybridRows(0.9),
  },
];

/** The key of the metric by which the claim's experiment compares arms. */
const metricOf = (id: string): string => CLAIMS[id]!.experiment.metric?.key ?? '';

/** Standard normal numbers one by one, made as they are asked for: few sets need many. */
function drawn(key: RngKey): Noise {
  const BLOCK = 64;
  let [draws, next] = [normals(key, BLOCK), 0];
  return () => {
    if (next > 0 && next % BLOCK === 0) draws = normals(key, BLOCK, next);
    return draws[next++ % BLOCK]!;
  };
}

/** How many of the sets the claim's rule calls supported. */
function supported({ id, final = false }: Case, rowsOfSeed: SeedRows, name: string): number {
  const { experiment, rows, judge } = CLAIMS[id]!;
  const scale = experiment.seeds.laptop === undefined ? (Object.keys(experiment.seeds)[0] as Scale) : 'laptop';
  const names = new Map<string, Named>();
  const nameOf = (arm: string, seed: number, of: string): Named => {
    const key = `${of} ${arm} ${seed}`;
    const known = names.get(key) ?? named({ run: key, experiment: of, arm, scale, seed });
    names.set(key, known);
    return known;
  };
  let count = 0;
  for (let set = 0; set < SETS; set++) {
    const z = drawn(rngKey(set, 'false alarms', id, name));
    const all: TableRow[] = [];
    for (let seed = 1; seed <= experiment.seeds[scale]!; seed++) {
      const level = Math.exp(SEED_NOISE * z());
      const metric = metricOf(id);
      for (const [arm, values, of = experiment.name] of rowsOfSeed(() => level * Math.exp(NOISE * z()), z))
        all.push({
          ...nameOf(arm, seed, of),
          values: final && 'loss' in values ? { ...values, [metric]: values.loss! } : values,
        });
    }
    const mine = rows(final ? { rows: [], results: all } : { rows: all, results: [] });
    // an assertion each time took a tenth of the file's time
    if (mine.length === 0) throw new Error(`${id}: expected rows, got none`);
    if (judge(mine).outcome === 'supported') count += 1;
  }
  return count;
}

test('every claim that leaves something to chance has a case here', () => {
  for (const { id, chance = CHANCE } of Object.values(CLAIMS))
    expect([id, chance === 0 || CASES.some(({ claims }) => claims.test(id))]).toEqual([id, true]);
});

describe.each(CASES.map((one) => [one.id, one] as const))('%s', (id, one) => {
  test.each(Object.keys(one.nulls))('%s: false no more often than by a chance of 2.5 %%', (name) => {
    const count = supported(one, one.nulls[name]!, name);
    expect(count, `${id}, ${name}: ${count} of ${SETS}`).toBeLessThanOrEqual(MOST_FALSE);
  });
  test('an effect of the claim’s size is found in 80 of 100 sets', () => {
    const count = supported(one, one.effect, 'effect');
    expect(count, `${id}: found in ${count} of ${SETS}`).toBeGreaterThanOrEqual(LEAST_FOUND);
  });
});

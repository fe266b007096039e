/** Rows of every experiment, as each claim says and turned round, and how many marks each figure makes of them. */
import type { Frontier } from '../../experiments/frontier.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { named, type Curve, type TableRow } from '../../reports/data/rows.js';
import type { Row } from '../../src/core/run.js';

const row = (experiment: string, arm: string, seed: number, values: Row): TableRow => ({
  ...named({ run: `${experiment}-${arm}-${seed}`, experiment, arm, scale: 'laptop', seed }),
  values,
});
export const SEEDS = [1, 2, 3, 4, 5];
const REGIMES = ['skip', 'no skip'];
/** Depths that depth-skip declares at one scale or another. */
const DEPTHS = [4, 16, 32];
/** A small wobble that differs from seed to seed and from point to point. */
const wobble = (seed: number, x: number): number => 1 + 0.01 * Math.sin(7 * seed + 3 * x);

interface Laws {
  readonly width: (m: number) => number;
  readonly telescoped: (depth: number) => number;
  readonly direct: (depth: number) => number;
  readonly saddle: (depth: number) => number;
  readonly threeStage: number;
  readonly control: number;
  /** Whether the rest of the theory is as claimed. */
  readonly claimed: boolean;
}

export const AS_CLAIMED: Laws = {
  width: (m) => m ** -0.5,
  telescoped: (depth) => 0.1 * depth,
  direct: (depth) => 0.01 * Math.exp(0.05 * depth ** 2),
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.8 * depth),
  threeStage: 85,
  control: 80,
  claimed: true,
};
/** The same with each law turned round. */
export const REVERSED: Laws = {
  width: (m) => m ** -0.2,
  telescoped: (depth) => 0.1 * depth ** 2,
  direct: (depth) => 0.01 * depth ** 0.5,
  saddle: (depth) => Math.sqrt(depth) * Math.exp(0.4 * depth),
  threeStage: 70,
  control: 78,
  claimed: false,
};

/** Rows of the other studies, as claimed or turned round. */
function restOfTheory(seed: number, claimed: boolean): TableRow[] {
  const w = (x: number): number => wobble(seed, x);
  return [
    ...REGIMES.flatMap((arm) => [
      ...[0, 1, 2, 4].map((time) =>
        row('time', arm, seed, {
          time,
          direct: (claimed ? [1, 0.3, 0.4, 0.6][Math.min(3, time)]! : 1 / (1 + time)) * w(time),
          directTrain: (claimed ? [1, 0.3, 0.4, 0.6][Math.min(3, time)]! : 1 / (1 + time)) * w(time + 1),
          imitation: (claimed ? 1 / (1 + time) : 1 + time) * w(time),
        }),
      ),
      ...[0, 1, 2, 4].map((time) =>
        row('imitation', arm, seed, {
          time,
          direct: w(time),
          imitation: (claimed ? 0.5 : 2) * w(time + 1),
          ridge: (claimed ? 0.1 : 3) * w(time + 2),
        }),
      ),
      ...[1, 4].flatMap((depth) =>
        [16, 32, 64, 128].map((m) => {
          const chosen = m ** (claimed ? -0.8 : -0.3) * (claimed ? 0.5 : 2) * w(m + depth);
          return row('selection', arm, seed, {
            ...{ depth, m, direct: m ** -0.3, random: 2 * m ** -0.3, randomImitation: m ** -0.3, greedy: chosen },
            ...{ herding: chosen, herdingLeastSquares: chosen },
          });
        }),
      ),
      ...['direct', 'imitation'].flatMap((training) =>
        [1, 2, 3, 4, 6].flatMap((depth) =>
          [32, 128, 2048].map((m) => {
            const limit = claimed ? Math.sqrt(depth) : depth ** 2;
            return row('limit', arm, seed, {
              ...{ regime: arm, training, depth, time: 4, m, wideLossIncreases: 0, lossIncreases: 0, lossRises: 0 },
              ...{ limit: limit * w(depth), particles: limit * (claimed ? 1 : 2) * w(m + depth) },
            });
          }),
        ),
      ),
      ...[16, 64].map((m) =>
        row('stages', arm, seed, {
          m,
          direct: 1 * w(m),
          sampled: 1 * w(m + 2),
          long: 1 * w(m + 3),
          staged: (claimed ? 0.8 : 1.2) * w(m + 1),
          wide: 0.7,
        }),
      ),
    ]),
    ...[1, 10, 50].map((time) =>
      row('limit', 'skip, late', seed, {
        ...{ regime: 'skip', training: 'direct', depth: 2, time, m: 128 },
        ...{ wideLossIncreases: 0, lossIncreases: 0, lossRises: 0, limit: 1 + time, particles: (1 + time) * w(time) },
      }),
    ),
    ...['alpha', 'c', 'rho'].flatMap((parameter) =>
      [0.1, 0.5].map((value) =>
        row('scale', parameter, seed, {
          parameter,
          value,
          direct: w(value),
          imitation: (claimed ? 0.5 : 2) * w(value + 1),
          sampled: 2,
          violations: 0,
        }),
      ),
    ),
    ...[...REGIMES, 'residual 1/L'].flatMap((arm) =>
      [1, 2, 4, 6].map((depth) =>
        row('bounds', arm, seed, {
          depth,
          direct: 0.1 * w(depth),
          imitation: 0.1 * w(depth),
          telescoped: 0.2,
          lipschitz: 0.3,
          wideTail: 0.3,
          cap: 3,
          gronwall: 5 * depth,
          closed: 100 * depth,
          rate: (claimed ? 10 / depth : 10 * Math.exp(depth)) * w(depth),
          violations: claimed || seed > 1 || depth > 1 ? 0 : 1,
        }),
      ),
    ),
    ...[4, 7, 9].map((depth) => {
      const closed = 1.3 ** (depth - 1) * Math.sqrt(depth) * Math.exp(0.1 * 1.3 ** depth);
      return row('saddle', 'B', seed, {
        depth,
        direct: closed * (claimed ? 1 : 5) * w(depth),
        directTheory: closed,
        directParticles: 1,
        telescoped: 1,
        telescopedTheory: 1,
      });
    }),
    ...[2, 4, 6].map((depth) =>
      row('tanh-saddle', 'C', seed, {
        depth,
        growth: 0.1 * depth * (claimed ? w(depth) : 2 * w(depth)),
        linearised: 0.1 * depth,
      }),
    ),
    ...['one', 'two'].flatMap((family) =>
      [1, 2, 4, 6, 8].map((depth) =>
        row('generic', family, seed, { depth, growth: (claimed && family === 'one' ? depth ** 2 : -depth) * w(depth) }),
      ),
    ),
    ...[16, 32].map((D) =>
      row('residual', 'tanh', seed, { row: 'net', D, M: 8, L: 50, hidden: w(D) / Math.sqrt(D), output: w(D) / D }),
    ),
    row('residual', 'tanh', seed, {
      row: 'fit',
      hiddenSampling: (claimed ? 0.8 : 3) * w(1),
      hiddenEmbedding: (claimed ? 2.5 : 9) * w(2),
      outputSampling: (claimed ? 0.15 : 0.5) * w(3),
      outputEmbedding: (claimed ? 0.9 : 3) * w(4),
    }),
    ...['linear', 'tanh'].flatMap((arm) =>
      [8, 16, 32].map((depth) =>
        row('residual-depth', arm, seed, {
          depth,
          change: depth ** (claimed ? -1 : -0.5) * w(depth),
          lossIncreases: 0,
        }),
      ),
    ),
  ];
}

/**
 * Test accuracy of each way of training a frontier's net, at the smallest budget and at the largest; `start` is the way
 * that takes the wide net's weights. Direct training and three stages have converged by the budget before the largest.
 */
function frontierAccuracies(claimed: boolean, start: string): Record<string, [number, number]> {
  return {
    direct: [60, claimed ? 80 : 94],
    deeper: [70, claimed ? 81 : 95],
    kd: [62, 82],
    [start]: [claimed ? 65 : 40, 84],
    'three-stage': claimed ? [85, 94] : [50, 70],
    wide: [90, 95],
  };
}

function frontierNamed(name: string): Frontier {
  return Object.values(FRONTIERS).find(({ experiment }) => experiment.name === name)!;
}

export function records(laws: Laws): { scale: string; rows: TableRow[]; results: TableRow[]; curves: Curve[] } {
  const rows = SEEDS.flatMap((seed) => [
    ...REGIMES.flatMap((arm) => [
      ...[16, 32, 64, 128].flatMap((m) =>
        ['direct', 'sampled', 'imitation', 'layer', 'initial', 'fresh'].map((training) =>
          row('width', arm, seed, {
            regime: arm,
            training,
            m,
            discrepancy: laws.width(m) * wobble(seed, m),
            relative: 1,
            lossIncreases: 0,
            violations: 0,
          }),
        ),
      ),
      ...[1, 2, 4, 6, 8].map((depth) =>
        row('depth', arm, seed, {
          depth,
          direct: laws.direct(depth) * wobble(seed, depth),
          imitation: (laws.claimed ? 0.005 * depth ** 0.9 : 0.9 * depth ** 1.5) * wobble(seed, depth + 1),
          telescoped: laws.telescoped(depth) * wobble(seed, depth),
          violations: 0,
        }),
      ),
    ]),
    ...restOfTheory(seed, laws.claimed),
    ...[2, 4, 8].map((depth) =>
      row('saddle', 'B1', seed, {
        depth,
        directParticles: 1,
        direct: laws.saddle(depth) * wobble(seed, depth),
        directTheory: Math.sqrt(depth) * Math.exp(0.8 * depth),
        telescoped: (laws === AS_CLAIMED ? depth : depth ** 2) * wobble(seed, depth),
        telescopedTheory: depth,
      }),
    ),
    ...['imitation', 'end'].flatMap((when) => [
      ...['stem', 'stage1', 'logits'].map((tap) =>
        row('resnet-digits', 'three-stage', seed, {
          event: 'discrepancy',
          when,
          tap,
          discrepancy: 0.5 * wobble(seed, 1),
        }),
      ),
      ...DEPTHS.flatMap((layers) =>
        ['plain', 'skip'].flatMap((kind) =>
          ['imitation', 'closed-form'].flatMap((arm) =>
            ['layer1', 'logits'].flatMap((tap) =>
              ['discrepancy', 'hybrid'].map((event) =>
                row('depth-skip', `${layers} ${kind} ${arm}`, seed, {
                  event,
                  when,
                  tap,
                  discrepancy: 0.01 * layers ** (laws.claimed ? 0.8 : 2) * wobble(seed, layers),
                }),
              ),
            ),
          ),
        ),
      ),
      ...['discrepancy', 'hybrid', 'alone'].map((event) =>
        row('bert-ablations', 'wide blocks', seed, { event, when, tap: 'layer1', discrepancy: 0.5 * wobble(seed, 1) }),
      ),
    ]),
    row('bert-glosses', 'three-stage', seed, { event: 'merge', difference: laws.claimed ? 1e-6 : 1e-3 }),
  ]);
  const gain = laws.threeStage - laws.control;
  const accuracy = {
    wide: 95,
    direct: 75,
    deeper: 77,
    long: 76,
    kd: 75,
    'all-at-once': 76,
    'three-stage': laws.threeStage,
    'no-imitation': laws.control,
    'selected-kl': 75.5,
    'selected-three-stage': 75.5 + gain,
  };
  const depthSkip = SEEDS.flatMap((seed) =>
    DEPTHS.flatMap((layers) =>
      ['plain', 'skip'].flatMap((kind) => {
        const more = gain * (kind === 'plain' ? Math.log2(layers) : 0.1);
        const arms = {
          wide: 95,
          direct: 50,
          kd: 60,
          'selected-kl': 70,
          imitation: 70 + more,
          'closed-form': 70 + more,
        };
        return Object.entries(arms).map(([arm, value]) =>
          row('depth-skip', `${layers} ${kind} ${arm}`, seed, {
            testAccuracy: value + 0.01 * wobble(seed, layers + value),
            validationAccuracy: value,
          }),
        );
      }),
    ),
  );
  const ablations = SEEDS.map((seed) => row('resnet-ablations', 'own inputs', seed, { testAccuracy: 80 }));
  const results = ['resnet-digits', 'resnet-hierarchy', 'fashion-mnist', 'fashion-mnist-34', 'cifar10'].flatMap(
    (experiment) =>
      SEEDS.flatMap((seed) =>
        Object.entries(accuracy).map(([arm, value]) =>
          row(experiment, arm, seed, {
            testAccuracy: value * wobble(seed, value),
            parameters: 10,
            steps: 5,
            gigaflops: 1,
            teacherGigaflops: arm === 'wide' ? 0 : 2,
          }),
        ),
      ),
  );
  const budgets = {
    'frontier-hierarchy': [8, 16, 'selected-kl'],
    'frontier-digits': [16, 32, 'selected-kl'],
    'frontier-plain-16': [128, 256, 'selected-kl'],
    'frontier-plain-32': [128, 256, 'selected-kl'],
    'frontier-glosses': [4, 16, 'projected-kd'],
    'frontier-fashion': [16, 64, 'selected-kl'],
  } as const;
  const frontier = Object.entries(budgets).flatMap(([name, [before, most, start]]) =>
    SEEDS.flatMap((seed) => {
      const at = (training: string, budget: number, value: number, gigaflops: number): TableRow =>
        row(name, `${training} x${budget}`, seed, {
          testAccuracy: value + 0.1 * wobble(seed, value),
          validationAccuracy: value,
          ...{ parameters: 10, gigaflops },
          // the whole pipeline costs as much as direct training between the last two budgets
          teacherGigaflops: ['direct', 'deeper', 'wide'].includes(training) ? 0 : 3 + gigaflops,
        });
      const accuracies = frontierAccuracies(laws.claimed, start);
      const { baseSteps, teacherBudget, sizes, experiment } = frontierNamed(name);
      const steps = baseSteps * (teacherBudget(1) ?? 1);
      // the longest budget may be left to a few ways
      const declared = experiment.arms('laptop' in sizes ? 'laptop' : 'overnight');
      return [
        row(name, 'wide', seed, { testAccuracy: 95, gigaflops: 3, teacherGigaflops: 0, steps }),
        at('direct', before, accuracies.direct![1], 4),
        at('three-stage', before, accuracies['three-stage']![1], 4),
        ...Object.entries(accuracies).flatMap(([training, [first, last]]) => [
          at(training, 1, first, 1),
          ...(`${training} x${most}` in declared ? [at(training, most, last, 8)] : []),
        ]),
      ];
    }),
  );
  // the gain over KD, after few steps and after many
  const depthLong = [8, 16, 32, 64].flatMap((layers) =>
    // those of 16 and 32 layers have the smallest budget above
    (layers === 16 || layers === 32 ? [4, 16, 64] : [1, 4, 16, 64]).flatMap((budget) =>
      SEEDS.flatMap((seed) => {
        const gigaflops = 1 + budget / 32;
        const three = (laws.claimed ? 86 : 60) + budget / 8;
        const kd = three - gain * 0.1 * Math.log2(layers);
        const values = { direct: 55 + budget / 8, kd, 'selected-kl': 50, 'three-stage': three };
        return Object.entries(values).map(([training, value]) =>
          row(`frontier-plain-${layers}`, `${training} x${budget}`, seed, {
            testAccuracy: value + 0.01 * wobble(seed, layers + value),
            validationAccuracy: value,
            ...{ parameters: 10, gigaflops, teacherGigaflops: training === 'direct' ? 0 : 3 + gigaflops },
          }),
        );
      }),
    ),
  );
  const nats = {
    wide: 4.5,
    direct: 5.2,
    kd: 5.1,
    deeper: 5.15,
    long: 5.05,
    'ends-kd': 5,
    'projected-kd': 5,
    'three-stage': 5 - gain / 10,
    'projected-three-stage': 5 - gain / 10,
  };
  const bert = SEEDS.flatMap((seed) => [
    ...Object.entries(nats).map(([arm, value]) =>
      row('bert-glosses', arm, seed, {
        testCrossEntropy: value + 0.001 * wobble(seed, value),
        parameters: 10,
        gigaflops: 1,
        teacherGigaflops: 2,
      }),
    ),
    row('bert-ablations', 'own inputs', seed, { testCrossEntropy: 5 }),
    ...Object.entries({
      direct: 60,
      kd: 60,
      'three-stage': 60 + gain,
      'projected-kd': 60,
      'projected-three-stage': 60 + gain,
      'low-rank-clone': 60,
    }).flatMap(([arm, value]) =>
      ['sst2', 'sst2-base'].map((experiment) =>
        row(experiment, arm, seed, { testAccuracy: value + 0.01 * wobble(seed, value) }),
      ),
    ),
    ...Object.entries({ direct: 60, deeper: 62, 'three-stage': 60 + gain }).map(([arm, value]) =>
      row('bert-squad', arm, seed, { 'test f1': value + 0.01 * wobble(seed, value) }),
    ),
    ...Object.entries({ direct: laws.claimed ? 20 : 95, 'three-stage': 60 + gain }).map(([arm, value]) =>
      row('bert-supersense', arm, seed, { testAccuracy: value + 0.01 * wobble(seed, value) }),
    ),
  ]);
  const curves = ['resnet-digits', 'bert-glosses'].flatMap((experiment) =>
    SEEDS.flatMap((seed) =>
      Object.entries({ wide: ['train'], direct: ['train'], 'three-stage': ['imitate all', 'fine-tune'] }).map(
        ([arm, stages]): Curve => {
          const points = stages.flatMap((stage, i) =>
            [10, 20].map((step) => ({ stage, step: 20 * i + step, loss: wobble(seed, step) })),
          );
          return { ...named({ run: `${experiment}-${arm}-${seed}`, experiment, arm, scale: 'laptop', seed }), points };
        },
      ),
    ),
  );
  return {
    scale: 'laptop',
    rows,
    results: [...results, ...frontier, ...depthLong, ...depthSkip, ...ablations, ...bert],
    curves,
  };
}

/** Points of all seeds, and values with an interval, of each figure. */
export const MARKS: Readonly<Record<string, readonly [points: number, means: number]>> = {
  'hero-depth': [0, 2 * 3 * 5],
  'hero-frontier': [2 * 15, 2 * 15],
  width: [0, 2 * 4 * 5],
  depth: [5 * 2 * 3 * 5, 2 * 3 * 5],
  time: [5 * 2 * 3 * 4, 2 * 3 * 4],
  imitation: [5 * 2 * 3 * 4, 2 * 3 * 4],
  selection: [0, 2 * 4 * 6],
  scale: [5 * 3 * 3 * 2, 3 * 3 * 2],
  bounds: [0, 3 * 6 * 4],
  gronwall: [5 * 3 * 4, 3 * 4],
  saddle: [5 * 2 * 3 * 3, 2 * 3 * 3],
  'tanh-saddle': [5 * 3, 3],
  generic: [5 * 2 * 5, 2 * 5],
  residual: [5 * 2 * 2, 2 * 2],
  'residual-depth': [5 * 2 * 3, 2 * 3],
  stages: [5 * 2 * 5 * 2, 2 * 5 * 2],
  limit: [0, 2 * 5 * 5],
  'limit-time': [0, 2 * 3],
  'width-exponents': [5 * 2 * 2 * 3, 2 * 2 * 3],
  'depth-exponents': [5 * 2 * 3 * 4, 2 * 3 * 4],
  accuracy: [5 * 10, 10],
  differences: [5 * 8, 8],
  curves: [0, 8],
  taps: [5 * 4, 4],
  'depth-skip': [36, 36],
  'depth-gain': [32, 32],
  bridge: [5 * 24, 24],
  'depth-long': [28, 28],
  'layers-plain': [5 * 8, 8],
  'layers-skip': [5 * 8, 8],
  'resnet-ablations': [5, 1],
  'resnet-hierarchy': [5 * 10, 10],
  'frontier-hierarchy': [3 * 15, 3 * 15],
  'frontier-digits': [3 * 15, 3 * 15],
  'frontier-plain-16': [3 * 27, 3 * 27],
  'frontier-plain-32': [3 * 27, 3 * 27],
  'frontier-glosses': [3 * 15, 3 * 15],
  // its wide net is that of the largest budget
  'frontier-fashion': [3 * 13, 3 * 13],
  'fashion-mnist': [5 * 10, 10],
  'fashion-mnist-34': [5 * 10, 10],
  cifar10: [5 * 10, 10],
  'bert-glosses': [5 * 9, 9],
  'bert-differences': [5 * 6, 6],
  'bert-curves': [0, 8],
  'bert-supersense': [5 * 2, 2],
  'bert-squad': [5 * 3, 3],
  sst2: [6 * 5, 6],
  'sst2-base': [6 * 5, 6],
  'bert-ablations': [5, 1],
  'bert-layers': [5 * 6, 6],
  'trade-resnet': [20, 20],
  'trade-bert': [18, 18],
};

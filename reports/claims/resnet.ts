/** Claims about networks that are trained on data. */
import { fitLine, mean, powerLaw, tInterval } from '../../src/core/stats.js';
import { groupBy, numberAt, type TableRow } from '../data/tables.js';
import { within } from './verdict.js';
import { byInterval, type Claim } from './claim.js';

/** Differences of a result between two arms, seed by seed. */
export function pairedDifferences(
  results: readonly TableRow[],
  first: string,
  second: string,
  key: string,
): { readonly seed: number; readonly difference: number }[] {
  const of = (arm: string): Map<number, number> =>
    new Map(results.filter((row) => row.arm === arm).map((row) => [row.seed, numberAt(row, key)]));
  const [a, b] = [of(first), of(second)];
  return [...a].filter(([seed]) => b.has(seed)).map(([seed, value]) => ({ seed, difference: value - b.get(seed)! }));
}

const EQUAL_STEPS = 'at equal steps of the thin net';

/** What is compared, where, and with how many seeds in common. */
interface ArmClaim {
  readonly experiment: string;
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  readonly arms: readonly [string, string];
  readonly budget?: string;
}

/** One arm against another of the same experiment, by a result of which more, or less, is better. */
function armAgainst(key: string, what: string, better: 'above' | 'below', digits: number): (claim: ArmClaim) => Claim {
  const [worse, from, to] = better === 'above' ? (['below', 0, Infinity] as const) : (['above', -Infinity, 0] as const);
  return ({ experiment, id, statement, source, arms, budget = EQUAL_STEPS }) => ({
    id,
    statement,
    source,
    rule: `Difference in ${what}, paired by seed, ${budget}, 95 % t-interval: supported ${better} 0, not supported ${worse} 0, else inconclusive.`,
    experiment,
    arms,
    rows: ({ results }) => {
      const mine = results.filter((row) => row.experiment === experiment && arms.includes(row.arm));
      return pairedDifferences(mine, ...arms, key).length === 0 ? [] : mine;
    },
    judge: byInterval(
      (rows) => tInterval(pairedDifferences(rows, ...arms, key).map(({ difference }) => difference)),
      (interval) => within(interval, from, to),
      digits,
    ),
  });
}

export const armAbove = armAgainst('testAccuracy', 'test accuracy (points)', 'above', 2);
export const armBelow = armAgainst('testCrossEntropy', 'test cross-entropy (nats)', 'below', 3);

const PAPER = 'paper, abstract (ResNet-50 on ImageNet; its exact figures are unknown here)';
export const CONTROL = 'this project’s control for the paper’s second stage';
export const RIVAL = 'this project’s rivals of the three stages';

/** Gains of one arm over another in the depth x skip experiment: by seed and depth, for nets of one kind. */
export function depthGains(
  results: readonly TableRow[],
  kind: string,
  first: string,
  second: string,
): { seed: number; depth: number; gain: number }[] {
  const found = new Map(
    results
      .filter((row) => row.experiment === 'depth-skip')
      .map((row) => [`${row.arm} ${row.seed}`, numberAt(row, 'testAccuracy')]),
  );
  return [...found].flatMap(([key, value]) => {
    const [depth, itsKind, arm, seed] = key.split(' ') as [string, string, string, string];
    const other = found.get(`${depth} ${kind} ${second} ${seed}`);
    return itsKind === kind && arm === first && other !== undefined
      ? [{ seed: Number(seed), depth: Number(depth), gain: value - other }]
      : [];
  });
}

/** One number for each seed of the gains. */
function bySeed(
  gains: readonly { seed: number; depth: number; gain: number }[],
  value: (gains: readonly { depth: number; gain: number }[]) => number,
): Map<number, number> {
  return new Map([...groupBy(gains, ({ seed }) => seed)].map(([seed, group]) => [Number(seed), value(group)]));
}

const meanGain = (group: readonly { gain: number }[]): number => mean(group.map(({ gain }) => gain));

function depthClaim(
  id: string,
  statement: string,
  rule: string,
  valuesOf: (results: readonly TableRow[]) => number[],
): Claim {
  return {
    id,
    statement,
    source: 'theory (theory/README.md) and this project’s bridge to it',
    rule: `${rule}, 95 % t-interval: supported above 0, not supported below 0, else inconclusive.`,
    experiment: 'depth-skip',
    rows: ({ results }) => {
      const mine = results.filter((row) => row.experiment === 'depth-skip');
      return valuesOf(mine).length === 0 ? [] : mine;
    },
    judge: byInterval(
      (rows) => tInterval(valuesOf(rows)),
      (interval) => within(interval, 0, Infinity),
      2,
    ),
  };
}

/**
 * The telescoped sum of a trained net against its depth: does it grow at most linearly, as the theory says of
 * imitation?
 */
function depthTelescoped(kind: 'plain' | 'skip'): Claim {
  const bySeedAndDepth = (rows: readonly TableRow[]): { x: number[]; y: number[] }[] =>
    [...groupBy(rows, (row) => row.seed).values()].map((group) => {
      const sums = [...groupBy(group, (row) => row.arm)].map(([arm, hybrids]) => ({
        depth: Number(arm.split(' ')[0]),
        sum: hybrids.reduce((sum, row) => sum + numberAt(row, 'discrepancy'), 0),
      }));
      return { x: sums.map(({ depth }) => depth), y: sums.map(({ sum }) => sum) };
    });
  return {
    id: `depth-telescoped-${kind}`,
    statement: `In trained nets ${kind === 'plain' ? 'without' : 'with'} skip connections, the telescoped sum of the hybrids right after imitation by gradient grows at most linearly with depth.`,
    source: 'paper, Theorem on layerwise imitation, taken to networks that are trained on data',
    rule: 'Exponent of the sum over layers of |H_(l−1) − H_l| / |B| on the validation split against the number of layers, one fit per seed, 95 % t-interval: supported below 1.1, not supported above it, else inconclusive.',
    experiment: 'depth-skip',
    rows: ({ rows }) => {
      const mine = rows.filter(
        (row) =>
          row.experiment === 'depth-skip' &&
          row.values.event === 'hybrid' &&
          row.values.when === 'imitation' &&
          row.arm.endsWith(` ${kind} imitation`),
      );
      return new Set(mine.map((row) => row.arm)).size < 2 ? [] : mine;
    },
    judge: byInterval(
      (rows) => powerLaw(bySeedAndDepth(rows)),
      (interval) => within(interval, -Infinity, 1.1),
    ),
  };
}

const POINTS = 'difference in test accuracy (points), paired by seed, mean over the depths';

const [DIGITS, HIERARCHY] = ['resnet-digits', 'resnet-hierarchy'] as const;

export const RESNET_CLAIMS: readonly Claim[] = [
  armAbove({
    experiment: DIGITS,
    id: 'resnet-three-stage',
    statement:
      'On the digits, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    source: PAPER,
    arms: ['three-stage', 'direct'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-deeper',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the deeper net (ResNet-101’s place) trained directly for as many steps.',
    source: PAPER,
    arms: ['three-stage', 'deeper'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-kd',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the same net trained by distillation alone.',
    source: RIVAL,
    arms: ['three-stage', 'kd'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-selected',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the same net trained by distillation from the wide net’s most important channels.',
    source: RIVAL,
    arms: ['three-stage', 'selected-kl'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-all-at-once',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than with all imitation losses at once from random values.',
    source: RIVAL,
    arms: ['three-stage', 'all-at-once'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-imitation',
    statement:
      'On the digits, layerwise imitation adds accuracy over starting from the wide net’s shared parts and fine-tuning alone.',
    source: CONTROL,
    arms: ['three-stage', 'no-imitation'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-selected-imitation',
    statement:
      'On the digits, layerwise imitation adds accuracy over starting from the wide net’s most important channels and fine-tuning alone.',
    source: CONTROL,
    arms: ['selected-three-stage', 'selected-kl'],
  }),
  armAbove({
    experiment: DIGITS,
    id: 'resnet-total-cost',
    statement:
      'On the digits, three stages are more accurate than direct training of the same net with the operations of the whole pipeline, the wide net’s training included.',
    source: RIVAL,
    arms: ['three-stage', 'long'],
    budget: 'at equal floating-point operations in all',
  }),
  armAbove({
    experiment: HIERARCHY,
    id: 'hierarchy-three-stage',
    statement:
      'On strings of the Random Hierarchy Model, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    source: PAPER,
    arms: ['three-stage', 'direct'],
  }),
  armAbove({
    experiment: HIERARCHY,
    id: 'hierarchy-deeper',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the deeper net trained directly for as many steps.',
    source: PAPER,
    arms: ['three-stage', 'deeper'],
  }),
  armAbove({
    experiment: HIERARCHY,
    id: 'hierarchy-kd',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the same net trained by distillation alone.',
    source: RIVAL,
    arms: ['three-stage', 'kd'],
  }),
  armAbove({
    experiment: HIERARCHY,
    id: 'hierarchy-selected',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the same net trained by distillation from the wide net’s most important channels.',
    source: RIVAL,
    arms: ['three-stage', 'selected-kl'],
  }),
  depthClaim(
    'depth-plain',
    'In plain nets without skip connections, closed-form imitation adds accuracy over selected channels + KL alone.',
    `Closed form − selection + KL: ${POINTS}`,
    (results) => [...bySeed(depthGains(results, 'plain', 'closed-form', 'selected-kl'), meanGain).values()],
  ),
  depthClaim(
    'depth-gradient',
    'In plain nets without skip connections, imitation by gradient adds accuracy over distillation from the same random start.',
    `Imitation − KD: ${POINTS}`,
    (results) => [...bySeed(depthGains(results, 'plain', 'imitation', 'kd'), meanGain).values()],
  ),
  depthClaim(
    'depth-bridge',
    'What closed-form imitation adds is more without skip connections than with them.',
    'Gain over selection + KL in plain nets minus the same gain in nets with skips, paired by seed, mean over the depths',
    (results) => {
      const withSkips = bySeed(depthGains(results, 'skip', 'closed-form', 'selected-kl'), meanGain);
      return [...bySeed(depthGains(results, 'plain', 'closed-form', 'selected-kl'), meanGain)]
        .filter(([seed]) => withSkips.has(seed))
        .map(([seed, gain]) => gain - withSkips.get(seed)!);
    },
  ),
  depthClaim(
    'depth-growth',
    'In plain nets, what closed-form imitation adds grows with depth.',
    'Slope of the gain over selection + KL against log2 of the depth, one for each seed',
    (results) => [
      ...bySeed(
        depthGains(results, 'plain', 'closed-form', 'selected-kl'),
        (group) =>
          fitLine(
            group.map(({ depth }) => Math.log2(depth)),
            group.map(({ gain }) => gain),
          ).slope,
      ).values(),
    ],
  ),
  depthTelescoped('plain'),
  depthTelescoped('skip'),
];

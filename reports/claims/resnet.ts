/** Claims about networks that are trained on data. */
import { fitLine, mean, tInterval } from '../../src/core/stats.js';
import { groupBy, numberAt, type TableRow } from '../tables.js';
import { within } from '../verdict.js';
import { decide, type Claim } from './claim.js';

/** Differences of a result between two arms, seed by seed. */
export function pairedDifferences(results: readonly TableRow[], first: string, second: string, key: string): number[] {
  const of = (arm: string): Map<number, number> => new Map(results.filter((row) => row.arm === arm).map((row) => [row.seed, numberAt(row, key)]));
  const [a, b] = [of(first), of(second)];
  return [...a].filter(([seed]) => b.has(seed)).map(([seed, value]) => value - b.get(seed)!); // prettier-ignore
}

const EQUAL_STEPS = 'at equal steps of the thin net';

type ArmClaim = (experiment: string, id: string, statement: string, source: string, pair: readonly [string, string], budget?: string) => Claim;

/** One arm against another of the same experiment, by a result of which more, or less, is better. */
function armAgainst(key: string, what: string, better: 'above' | 'below', digits: number): ArmClaim {
  const [worse, from, to] = better === 'above' ? (['below', 0, Infinity] as const) : (['above', -Infinity, 0] as const);
  return (experiment, id, statement, source, [first, second], budget = EQUAL_STEPS) =>
    ({ results }) => {
      const mine = results.filter((row) => row.experiment === experiment);
      const differences = pairedDifferences(mine, first, second, key);
      const compared = differences.length === 0 ? [] : mine.filter((row) => row.arm === first || row.arm === second);
      const rule = `Difference in ${what}, paired by seed, ${budget}, 95 % t-interval: supported ${better} 0, not supported ${worse} 0, else inconclusive.`;
      return decide(
        { id, statement, source, rule },
        compared,
        () => tInterval(differences),
        (interval) => within(interval, from, to),
        digits,
      );
    };
}

export const armAbove = armAgainst('testAccuracy', 'test accuracy (points)', 'above', 2);
export const armBelow = armAgainst('testCrossEntropy', 'test cross-entropy (nats)', 'below', 3);

const PAPER = 'paper, abstract (ResNet-50 on ImageNet; its exact figures are unknown here)';
export const CONTROL = 'this project’s control for the paper’s second stage';
export const RIVAL = 'this project’s rivals of the three stages';

/** Gains of one arm over another in the depth x skip experiment: by seed and depth, for nets of one kind. */
export function depthGains(results: readonly TableRow[], kind: string, first: string, second: string): { seed: number; depth: number; gain: number }[] {
  const found = new Map(results.filter((row) => row.experiment === 'depth-skip').map((row) => [`${row.arm} ${row.seed}`, numberAt(row, 'testAccuracy')]));
  return [...found].flatMap(([key, value]) => {
    const [depth, itsKind, arm, seed] = key.split(' ') as [string, string, string, string];
    const other = found.get(`${depth} ${kind} ${second} ${seed}`);
    return itsKind === kind && arm === first && other !== undefined ? [{ seed: Number(seed), depth: Number(depth), gain: value - other }] : [];
  });
}

/** One number for each seed of the gains. */
function bySeed(gains: readonly { seed: number; depth: number; gain: number }[], value: (gains: readonly { depth: number; gain: number }[]) => number): Map<number, number> {
  return new Map([...groupBy(gains, ({ seed }) => seed)].map(([seed, group]) => [Number(seed), value(group)]));
}

const meanGain = (group: readonly { gain: number }[]): number => mean(group.map(({ gain }) => gain));

function depthClaim(id: string, statement: string, rule: string, valuesOf: (results: readonly TableRow[]) => number[]): Claim {
  return ({ results }) => {
    const mine = results.filter((row) => row.experiment === 'depth-skip');
    const values = mine.length === 0 ? [] : valuesOf(mine);
    return decide(
      {
        id,
        statement,
        source: 'theory (theory/README.md) and this project’s bridge to it',
        rule: `${rule}, 95 % t-interval: supported above 0, not supported below 0, else inconclusive.`,
      },
      values.length === 0 ? [] : mine,
      () => tInterval(values),
      (interval) => within(interval, 0, Infinity),
      2,
    );
  };
}

const POINTS = 'difference in test accuracy (points), paired by seed, mean over the depths';

const [DIGITS, HIERARCHY] = ['resnet-digits', 'resnet-hierarchy'] as const;

export const RESNET_CLAIMS: readonly Claim[] = [
  armAbove(DIGITS, 'resnet-three-stage', 'On the digits, a thin ResNet trained in three stages is more accurate than the same net trained directly.', PAPER, [
    'three-stage',
    'direct',
  ]),
  armAbove(DIGITS, 'resnet-deeper', 'It is more accurate than the deeper net (ResNet-101’s place) trained directly for as many steps.', PAPER, ['three-stage', 'deeper']),
  armAbove(DIGITS, 'resnet-kd', 'It is more accurate than the same net trained by distillation alone.', RIVAL, ['three-stage', 'kd']),
  armAbove(DIGITS, 'resnet-selected', 'It is more accurate than the same net trained by distillation from the wide net’s most important channels.', RIVAL, [
    'three-stage',
    'selected-kl',
  ]),
  armAbove(DIGITS, 'resnet-all-at-once', 'It is more accurate than with all imitation losses at once from random values.', RIVAL, ['three-stage', 'all-at-once']),
  armAbove(DIGITS, 'resnet-imitation', 'Layerwise imitation adds accuracy over starting from the wide net’s shared parts and fine-tuning alone.', CONTROL, [
    'three-stage',
    'no-imitation',
  ]),
  armAbove(DIGITS, 'resnet-selected-imitation', 'Layerwise imitation adds accuracy over starting from the wide net’s most important channels and fine-tuning alone.', CONTROL, [
    'selected-three-stage',
    'selected-kl',
  ]),
  armAbove(
    DIGITS,
    'resnet-total-cost',
    'Three stages are more accurate than direct training of the same net with the operations of the whole pipeline, the wide net’s training included.',
    RIVAL,
    ['three-stage', 'long'],
    'at equal floating-point operations in all',
  ),
  armAbove(
    HIERARCHY,
    'hierarchy-three-stage',
    'On strings of the Random Hierarchy Model, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    PAPER,
    ['three-stage', 'direct'],
  ),
  armAbove(HIERARCHY, 'hierarchy-deeper', 'There it is more accurate than the deeper net trained directly for as many steps.', PAPER, ['three-stage', 'deeper']),
  armAbove(HIERARCHY, 'hierarchy-kd', 'There it is more accurate than the same net trained by distillation alone.', RIVAL, ['three-stage', 'kd']),
  armAbove(HIERARCHY, 'hierarchy-selected', 'There it is more accurate than the same net trained by distillation from the wide net’s most important channels.', RIVAL, [
    'three-stage',
    'selected-kl',
  ]),
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
    (results) =>
      [...bySeed(depthGains(results, 'plain', 'closed-form', 'selected-kl'), (group) => fitLine(group.map(({ depth }) => Math.log2(depth)), group.map(({ gain }) => gain)).slope).values()], // prettier-ignore
  ),
];

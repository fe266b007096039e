/** Claims about networks that are trained on images and on strings. */
import { depthSkip } from '../../experiments/depth-skip.js';
import { resnetDigits, resnetHierarchy } from '../../experiments/resnet.js';
import { fitLine, mean, powerLaw, tInterval } from '../../src/core/stats.js';
import { depthGains, type Gain } from '../data/depth-gains.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, type TableRow } from '../data/rows.js';
import { armBeats, CONTROL, RIVAL } from './arms.js';
import type { Claim } from './claim.js';
import { QUESTIONS } from './questions.js';
import { byInterval } from './rules.js';
import { ABSTRACT } from './sources.js';
import { positive, within } from './verdict.js';

/** One number for each seed of the gains. */
function bySeed(gains: readonly Gain[], value: (gains: readonly Gain[]) => number): Map<number, number> {
  return new Map([...groupBy(gains, ({ seed }) => seed)].map(([seed, group]) => [Number(seed), value(group)]));
}

const meanGain = (group: readonly { gain: number }[]): number => mean(group.map(({ gain }) => gain));

function depthClaim(
  id: string,
  question: string,
  statement: string,
  rule: string,
  valuesOf: (results: readonly TableRow[]) => number[],
): Claim {
  return {
    id,
    statement,
    source: 'theory (theory/README.md) and this project’s bridge to it',
    question,
    setting: 'tanh-no-skip',
    rule: `${rule}, 95 % t-interval: supported above 0, not supported below 0, else inconclusive.`,
    experiment: depthSkip,
    rows: ({ results }) => {
      const mine = rowsOfExperiment(results, depthSkip);
      return valuesOf(mine).length === 0 ? [] : mine;
    },
    judge: byInterval((rows) => tInterval(valuesOf(rows)), positive, 2),
  };
}

/**
 * The telescoped sum of a trained net against its depth: does it grow at most linearly, as the theory says of
 * imitation?
 */
function depthTelescoped(skip: boolean): Claim {
  const bySeedAndDepth = (rows: readonly TableRow[]): { x: number[]; y: number[] }[] =>
    [...groupBy(rows, (row) => row.seed).values()].map((group) => {
      const sums = [...groupBy(group, (row) => row.arm).values()].map((hybrids) => ({
        depth: Number(hybrids[0]!.facts.factors!.layers),
        sum: hybrids.reduce((sum, row) => sum + numberAt(row, 'discrepancy'), 0),
      }));
      return { x: sums.map(({ depth }) => depth), y: sums.map(({ sum }) => sum) };
    });
  return {
    id: `depth-telescoped-${skip ? 'skip' : 'plain'}`,
    statement:
      `In trained nets ${skip ? 'with' : 'without'} skip connections, the telescoped sum of the hybrids right after ` +
      'imitation by gradient grows at most linearly with depth.',
    source: `${ABSTRACT.imitation}; taken to networks that are trained on data`,
    question: QUESTIONS.telescopedDepth,
    setting: skip ? 'tanh-skip' : 'tanh-no-skip',
    kind: 'paper',
    figure: 'bridge',
    rule:
      'Exponent of the sum over layers of |H_(l−1) − H_l| / |B| on the validation split against the number of ' +
      'layers, one fit per seed, 95 % t-interval: supported below 1.1, not supported above it, else inconclusive.',
    experiment: depthSkip,
    rows: ({ rows }) => {
      const mine = rowsOfExperiment(rows, depthSkip).filter(
        (row) =>
          row.values.event === 'hybrid' &&
          row.values.when === 'imitation' &&
          row.facts.factors?.skip === skip &&
          row.facts.factors.training === 'imitation',
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

/** The claims about nets on images and on strings, in the order of the page. */
export const RESNET_CLAIMS: readonly Claim[] = [
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-three-stage',
    question: QUESTIONS.equalSteps,
    setting: 'digits',
    kind: 'paper',
    statement:
      'On the digits, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    source: ABSTRACT.resnet,
    arms: ['three-stage', 'direct'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-deeper',
    question: QUESTIONS.deeper,
    setting: 'digits',
    kind: 'paper',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the deeper net (ResNet-101’s place) ' +
      'trained directly for as many steps.',
    source: ABSTRACT.resnet,
    arms: ['three-stage', 'deeper'],
    smaller: 'direct',
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-kd',
    question: QUESTIONS.distillation,
    setting: 'digits',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the same net trained by ' +
      'distillation alone.',
    source: RIVAL,
    arms: ['three-stage', 'kd'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-selected',
    question: QUESTIONS.selectedChannels,
    setting: 'digits',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than the same net trained by distillation ' +
      'from the wide net’s most important channels.',
    source: RIVAL,
    arms: ['three-stage', 'selected-kl'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-all-at-once',
    question: 'Three stages beat all imitation losses at once',
    setting: 'digits',
    statement:
      'On the digits, the thin ResNet of three stages is more accurate than with all imitation losses at once from ' +
      'random values.',
    source: RIVAL,
    arms: ['three-stage', 'all-at-once'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-imitation',
    question: QUESTIONS.sharedParts,
    setting: 'digits',
    statement:
      'On the digits, layerwise imitation adds accuracy over starting from the wide net’s shared parts and ' +
      'fine-tuning alone.',
    source: CONTROL,
    arms: ['three-stage', 'no-imitation'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-selected-imitation',
    question: QUESTIONS.ownWeights,
    setting: 'digits',
    statement:
      'On the digits, layerwise imitation adds accuracy over starting from the wide net’s most important channels ' +
      'and fine-tuning alone.',
    source: CONTROL,
    arms: ['selected-three-stage', 'selected-kl'],
  }),
  armBeats({
    experiment: resnetDigits,
    id: 'resnet-total-cost',
    question: QUESTIONS.totalCost,
    setting: 'digits',
    statement:
      'On the digits, three stages are more accurate than direct training of the same net with the operations of ' +
      'the whole pipeline, the wide net’s training included.',
    source: RIVAL,
    arms: ['three-stage', 'long'],
    budget: 'at equal floating-point operations in all',
  }),
  armBeats({
    experiment: resnetHierarchy,
    id: 'hierarchy-three-stage',
    question: QUESTIONS.equalSteps,
    setting: 'strings',
    kind: 'paper',
    statement:
      'On strings of the Random Hierarchy Model, a thin ResNet trained in three stages is more accurate than the ' +
      'same net trained directly.',
    source: ABSTRACT.resnet,
    arms: ['three-stage', 'direct'],
  }),
  armBeats({
    experiment: resnetHierarchy,
    id: 'hierarchy-deeper',
    question: QUESTIONS.deeper,
    setting: 'strings',
    kind: 'paper',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the deeper ' +
      'net trained directly for as many steps.',
    source: ABSTRACT.resnet,
    arms: ['three-stage', 'deeper'],
    smaller: 'direct',
  }),
  armBeats({
    experiment: resnetHierarchy,
    id: 'hierarchy-kd',
    question: QUESTIONS.distillation,
    setting: 'strings',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the same ' +
      'net trained by distillation alone.',
    source: RIVAL,
    arms: ['three-stage', 'kd'],
  }),
  armBeats({
    experiment: resnetHierarchy,
    id: 'hierarchy-selected',
    question: QUESTIONS.selectedChannels,
    setting: 'strings',
    statement:
      'On strings of the Random Hierarchy Model, the thin ResNet of three stages is more accurate than the same ' +
      'net trained by distillation from the wide net’s most important channels.',
    source: RIVAL,
    arms: ['three-stage', 'selected-kl'],
  }),
  armBeats({
    experiment: resnetHierarchy,
    id: 'hierarchy-total-cost',
    question: QUESTIONS.totalCost,
    setting: 'strings',
    statement:
      'On strings of the Random Hierarchy Model, three stages are more accurate than direct training of the same ' +
      'net with the operations of the whole pipeline, the wide net’s training included.',
    source: RIVAL,
    arms: ['three-stage', 'long'],
    budget: 'at equal floating-point operations in all',
  }),
  depthClaim(
    'depth-plain',
    'Closed-form imitation beats the best rival without imitation',
    'In plain nets without skip connections, closed-form imitation adds accuracy over the best rival ' +
      'without imitation.',
    'Closed form less the best of direct training, KD and selected channels + KL at each depth, by validation ' +
      `accuracy: ${POINTS}`,
    (results) => [...bySeed(depthGains(results, false, 'closed-form'), meanGain).values()],
  ),
  depthClaim(
    'depth-gradient',
    'Imitation by gradient beats distillation from the same random start',
    'In plain nets without skip connections, imitation by gradient adds accuracy over distillation from the same ' +
      'random start.',
    `Imitation − KD: ${POINTS}`,
    (results) => [...bySeed(depthGains(results, false, 'imitation', ['kd']), meanGain).values()],
  ),
  depthClaim(
    'depth-gradient-rival',
    'Imitation by gradient beats the best rival without imitation',
    'In plain nets without skip connections, imitation by gradient adds accuracy over the best rival ' +
      'without imitation.',
    'Imitation less the best of direct training, KD and selected channels + KL at each depth, by validation ' +
      `accuracy: ${POINTS}`,
    (results) => [...bySeed(depthGains(results, false, 'imitation'), meanGain).values()],
  ),
  depthClaim(
    'depth-bridge',
    'What imitation adds is more without skips than with them',
    'What closed-form imitation adds is more without skip connections than with them.',
    'Gain over the best rival without imitation (by validation accuracy, at each depth) in plain nets minus the ' +
      'same gain in nets with skips, paired by seed, mean over the depths',
    (results) => {
      const withSkips = bySeed(depthGains(results, true, 'closed-form'), meanGain);
      return [...bySeed(depthGains(results, false, 'closed-form'), meanGain)]
        .filter(([seed]) => withSkips.has(seed))
        .map(([seed, gain]) => gain - withSkips.get(seed)!);
    },
  ),
  depthClaim(
    'depth-growth',
    'What imitation adds grows with depth',
    'In plain nets, what closed-form imitation adds grows with depth.',
    'Slope of the gain over the best rival without imitation (by validation accuracy, at each depth) against log2 ' +
      'of the depth, one for each seed',
    (results) => [
      ...bySeed(
        depthGains(results, false, 'closed-form'),
        (group) =>
          fitLine(
            group.map(({ depth }) => Math.log2(depth)),
            group.map(({ gain }) => gain),
          ).slope,
      ).values(),
    ],
  ),
  depthTelescoped(false),
  depthTelescoped(true),
];

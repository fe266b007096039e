/** Claims about BERTs on SQuAD, at scale paper: the paper's own, not run here. */
import { bertSquad } from '../../experiments/bert.js';
import { TEST_F1 } from '../../experiments/metrics.js';
import type { Experiment, Metric } from '../../src/core/experiment.js';
import { tInterval, type Interval } from '../../src/core/stats.js';
import { rowsOfExperiment, type TableRow } from '../data/rows.js';
import { armBeats, diverged, untrained } from './arms.js';
import type { Claim } from './claim.js';
import { pairedDifferences, pairedValues } from './paired.js';
import { QUESTIONS } from './questions.js';
import { ABSTRACT } from './sources.js';
import { errorRate, formatInterval, within, type Outcome } from './verdict.js';

/** Points of F1 that a net may be below another one and still count as on a par with it. */
const PAR = 1;

const THREE = 'three-stage';
const DEEPER = 'deeper';
const DIRECT = 'direct';

/** On a par or better: above −{@link PAR} points. A narrower interval around the same mean decides alike. */
function isOnAPar(interval: Interval): Outcome {
  return within(interval, -PAR, Infinity);
}

/** Not worse than the deeper net by a point, paired by seed. */
function onAParWithDeeper(experiment: Experiment, metric: Metric): Claim {
  const differences = (rows: readonly TableRow[]): number[] =>
    pairedDifferences(rows, THREE, DEEPER, metric.key).map(({ difference }) => difference);
  return {
    id: 'squad-deeper',
    statement:
      'On SQuAD 1.1, BERT_BASE pre-trained in three stages is on a par with BERT_LARGE pre-trained directly for as ' +
      'many steps.',
    source: ABSTRACT.bert,
    question: 'Three stages are on a par with the deeper net at equal steps',
    setting: 'squad',
    kind: 'paper',
    rule:
      `Difference in ${metric.label} (${metric.differenceUnit}), paired by seed, at equal steps of pre-training, 95 % ` +
      `t-interval: supported above −${PAR}, not supported below −${PAR}, else inconclusive. The deeper net’s median has ` +
      'to be better than that of the thin net trained directly; else nothing is decided.',
    experiment,
    arms: [THREE, DEEPER, DIRECT],
    rows: ({ results }) => {
      const mine = rowsOfExperiment(results, experiment).filter(({ arm }) => [THREE, DEEPER, DIRECT].includes(arm));
      return differences(mine).length === 0 ? [] : mine;
    },
    judge: (rows) => {
      const reason =
        diverged(rows, [THREE, DEEPER], metric) ??
        untrained(rows, { experiment, arms: [THREE, DEEPER], smaller: DIRECT }, metric);
      const seeds = pairedValues(rows, THREE, DEEPER, metric.key).length;
      if (reason !== undefined) return { outcome: 'inconclusive', evidence: `cannot be decided, as ${reason}`, seeds };
      const found = tInterval(differences(rows));
      const evidence = formatInterval(found, 2);
      const p = errorRate(found, isOnAPar);
      return { outcome: isOnAPar(found), evidence, seeds: found.n, ...(p !== undefined && { p }) };
    },
  };
}

/** The claims about SQuAD, in the order of the page. */
export const SQUAD_CLAIMS: readonly Claim[] = [
  armBeats({
    experiment: bertSquad,
    id: 'squad-three-stage',
    question: QUESTIONS.equalSteps,
    setting: 'squad',
    kind: 'paper',
    statement:
      'On SQuAD 1.1, BERT_BASE pre-trained in three stages answers better than the same net pre-trained directly.',
    source: ABSTRACT.bert,
    arms: [THREE, DIRECT],
    budget: 'at equal steps of pre-training',
  }),
  onAParWithDeeper(bertSquad, TEST_F1),
];

/** Claims that one arm of an experiment is better than another. */
import type { Experiment } from '../../src/core/experiment.js';
import { tInterval } from '../../src/core/stats.js';
import { numberAt, type TableRow } from '../data/rows.js';
import { byInterval, type Claim } from './claim.js';
import { within } from './verdict.js';

/** Source of claims that compare the method with other ways to train the same net. */
export const RIVAL = 'this project’s rivals of the three stages';
/** Source of claims that compare the method with itself, less imitation. */
export const CONTROL = 'this project’s control for the paper’s second stage';

const EQUAL_STEPS = 'at equal steps of the thin net';

/** Differences of a result between two arms, seed by seed; a seed that only one of them has is left out. */
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

/** What is compared, and under which budget. */
interface ArmClaim {
  readonly experiment: Experiment;
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  /** The arm that is claimed to be better, and the other. */
  readonly arms: readonly [string, string];
  readonly budget?: string;
}

/**
 * One arm is better than another by the experiment's metric, paired by seed. Throws RangeError for an experiment that
 * declares none.
 */
export function armBeats({ experiment, id, statement, source, arms, budget = EQUAL_STEPS }: ArmClaim): Claim {
  const { metric } = experiment;
  if (metric === undefined) throw new RangeError(`claim "${id}": experiment "${experiment.name}" declares no metric`);
  const higher = metric.better === 'higher';
  const [better, worse] = higher ? ['above', 'below'] : ['below', 'above'];
  return {
    id,
    statement,
    source,
    rule: `Difference in ${metric.label} (${metric.differenceUnit}), paired by seed, ${budget}, 95 % t-interval: supported ${better} 0, not supported ${worse} 0, else inconclusive.`,
    experiment,
    arms,
    rows: ({ results }) => {
      const mine = results.filter((row) => row.experiment === experiment.name && arms.includes(row.arm));
      return pairedDifferences(mine, ...arms, metric.key).length === 0 ? [] : mine;
    },
    judge: byInterval(
      (rows) => tInterval(pairedDifferences(rows, ...arms, metric.key).map(({ difference }) => difference)),
      (interval) => (higher ? within(interval, 0, Infinity) : within(interval, -Infinity, 0)),
      Math.max(2, metric.digits),
    ),
  };
}

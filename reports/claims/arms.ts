/** Claims that one arm of an experiment is better than another. */
import type { Experiment, Metric } from '../../src/core/experiment.js';
import { mean, median, MOST_FLIPPED, signFlip, tInterval, type Interval } from '../../src/core/stats.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, type TableRow } from '../data/rows.js';
import { blockInterval, blockRows, blockRule } from './blocks.js';
import type { Claim } from './claim.js';
import { logit } from './logit.js';
import { pairedDifferences, pairedValues } from './paired.js';
import { errorRate, formatInterval, formatNumber, negative, positive, type ClaimKind } from './verdict.js';

/** Source of claims that compare the method with other ways to train the same net. */
export const RIVAL = 'this project’s rivals of the three stages';
/** Source of claims that compare the method with itself, less imitation. */
export const CONTROL = 'this project’s control for the paper’s second stage';

const EQUAL_STEPS = 'at equal steps of the thin net';

/** What a comparison asks for beside its two arms. */
export interface Precondition {
  /** In words, as a part of the rule. */
  readonly rule: string;
  /** Arms whose rows are read. */
  readonly arms: readonly string[];
  /** Why nothing is decided, as a clause; undefined where it is as asked. */
  readonly why: (rows: readonly TableRow[]) => string | undefined;
}

/** What is compared, and under which budget. */
interface ArmClaim {
  readonly experiment: Experiment;
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  /** The arm that is claimed to be better, and the other. */
  readonly arms: readonly [string, string];
  /** A smaller or shorter version of the other arm, which that one has to be better than to count as trained. */
  readonly smaller?: string;
  /** What else the comparison asks for, before it decides anything. */
  readonly asks?: Precondition;
  readonly budget?: string;
  /** As {@link Claim} says. */
  readonly question?: string;
  readonly setting?: string;
  readonly kind?: ClaimKind;
  readonly figure?: string;
}

/**
 * Which runs have no number at all, as a clause: they count as they are, so that nothing is decided. Undefined where
 * each of the arms' runs has one.
 */
export function diverged(
  rows: readonly TableRow[],
  arms: readonly string[],
  { key, label }: Metric,
): string | undefined {
  const lost = rows.filter((row) => arms.includes(row.arm) && !Number.isFinite(numberAt(row, key)));
  const named = [...groupBy(lost, ({ arm }) => arm).values()].map((group) => {
    const seeds = group.map(({ seed }) => seed).sort((x, y) => x - y);
    return `${group[0]!.facts.label} with seed${seeds.length === 1 ? '' : 's'} ${seeds.join(', ')}`;
  });
  return named.length === 0 ? undefined : `${label} is no number: ${named.join('; ')}`;
}

/**
 * Why the rival decides nothing: it is not certainly better than what a net without training has, by its mean's 95 %
 * interval from three seeds on, or its median is no better than its own smaller version's. Undefined for one that
 * trained. Medians, as one diverged run of the smaller version must not make the rival a trained one.
 */
export function untrained(
  results: readonly TableRow[],
  { experiment, arms: [, rival], smaller }: Pick<ArmClaim, 'experiment' | 'arms' | 'smaller'>,
  metric: Metric,
): string | undefined {
  const values = (arm: string): number[] =>
    results
      .filter((row) => row.arm === arm)
      .map((row) => numberAt(row, metric.key))
      // as bad as can be, but above or below all others, which NaN is not
      .map((value) => (Number.isNaN(value) ? (metric.better === 'higher' ? -Infinity : Infinity) : value));
  const better = (a: number, b: number): boolean => (metric.better === 'higher' ? a > b : a < b);
  const { mean: reached, low, high, n } = tInterval(values(rival));
  const worst = metric.better === 'higher' ? low : high;
  const say = (value: number): string => formatNumber(value, metric.digits);
  if (experiment.chance !== undefined && !better(n < 3 ? reached : worst, experiment.chance)) {
    const ends = better(reached, experiment.chance) ? ` [${say(low)}, ${say(high)}]` : '';
    return `the rival did not train: ${say(reached)} ${metric.unit}${ends}, ${say(experiment.chance)} by chance`;
  }
  if (smaller === undefined || values(smaller).length === 0) return undefined;
  const [typical, own] = [median(values(rival)), median(values(smaller))];
  if (better(typical, own)) return undefined;
  // as where both have learnt all that there is
  if (say(typical) === say(own))
    return `the rival is no better than its smaller version: both have ${say(own)} ${metric.unit} (medians)`;
  return (
    `the rival is no better than its smaller version: ${say(typical)} ${metric.unit}, where that has ${say(own)} ` +
    '(medians)'
  );
}

/** The rule of {@link armBeats} in words. */
function ruleText({ experiment, smaller, asks, budget = EQUAL_STEPS }: ArmClaim, metric: Metric): string {
  const { chance, dependent } = experiment;
  const [better, worse] = metric.better === 'higher' ? ['above', 'below'] : ['below', 'above'];
  const aboveChance = chance === undefined ? [] : ['certainly better than chance'];
  const trained =
    smaller === undefined
      ? aboveChance.map((text) => `to be ${text}`)
      : ['its median has to be better than its smaller version’s', ...aboveChance];
  return [
    `Difference in ${metric.label}${metric.proportion ? ', on the logit scale' : ` (${metric.differenceUnit})`}, ` +
      `paired by seed, ${budget}, 95 % t-interval${dependent === undefined ? '' : ` ${blockRule(dependent)}`}: ` +
      `supported ${better} 0, not supported ${worse} 0, else inconclusive.`,
    `The rival has to have trained${trained.length === 0 ? '' : `: ${trained.join(', and ')}`}; else nothing is decided.`,
    ...(asks === undefined ? [] : [asks.rule]),
  ].join(' ');
}

/**
 * One arm is better than another by the experiment's metric, paired by seed. Proportions are compared on the logit
 * scale. Throws RangeError for an experiment that declares no metric.
 */
export function armBeats(claim: ArmClaim): Claim {
  const { experiment, id, statement, source, arms, smaller, asks } = claim;
  const { question, setting, kind, figure } = claim;
  const { metric, dependent } = experiment;
  if (metric === undefined) throw new RangeError(`claim "${id}": experiment "${experiment.name}" declares no metric`);
  if (dependent !== undefined && !metric.proportion)
    throw new RangeError(`claim "${id}": experiment "${experiment.name}" has dependent rows and no share of them`);
  const higher = metric.better === 'higher';
  const digits = Math.max(2, metric.digits);
  const differences = (rows: readonly TableRow[], scale?: (value: number) => number): number[] =>
    pairedDifferences(rows, ...arms, metric.key, scale).map(({ difference }) => difference);
  const outcome = higher ? positive : negative;
  const interval = (rows: readonly TableRow[]): Interval & { readonly counted?: string } =>
    dependent === undefined
      ? tInterval(differences(rows, metric.proportion ? logit : undefined))
      : blockInterval(rows, arms, metric.key, dependent);
  return {
    id,
    statement,
    source,
    ...(question !== undefined && { question }),
    ...(setting !== undefined && { setting }),
    ...(kind !== undefined && { kind }),
    ...(figure !== undefined && { figure }),
    rule: ruleText(claim, metric),
    experiment,
    arms,
    rows: ({ results, rows: logged }) => {
      const named = new Set([...arms, smaller, ...(asks?.arms ?? [])]);
      const mineOf = (all: readonly TableRow[]): TableRow[] =>
        rowsOfExperiment(all, experiment).filter(({ arm }) => named.has(arm));
      const mine = mineOf(results);
      if (pairedDifferences(mine, ...arms, metric.key).length === 0) return [];
      return dependent === undefined ? mine : [...mine, ...blockRows(mineOf(logged))];
    },
    judge: (all) => {
      const rows = all.filter(({ values }) => values.event === undefined);
      const seeds = pairedValues(rows, ...arms, metric.key).length;
      const lost = diverged(rows, arms, metric);
      if (lost !== undefined) return { outcome: 'inconclusive', evidence: `cannot be decided, as ${lost}`, seeds };
      const found = interval(all);
      const plain = differences(rows);
      const size = metric.proportion
        ? `${formatNumber(mean(plain), digits)} ${metric.differenceUnit}; log odds ` +
          `${formatInterval(found, 2)}${found.counted === undefined ? '' : `, ${found.counted}`}`
        : formatInterval(found, digits);
      const p = errorRate(found, outcome);
      const flips = p === undefined || plain.length > MOST_FLIPPED ? undefined : signFlip(plain);
      const evidence = flips === undefined ? size : `${size}; sign-flip p ${formatNumber(flips, 3)}`;
      const reason = untrained(rows, claim, metric) ?? asks?.why(rows);
      if (reason !== undefined)
        return { outcome: 'inconclusive', evidence: `cannot be decided, as ${reason}; ${size}`, seeds };
      return { outcome: outcome(found), evidence, seeds, ...(p !== undefined && { p }) };
    },
  };
}

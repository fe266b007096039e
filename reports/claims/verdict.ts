/** What is said of a claim: the outcome, the evidence, and how firmly it was decided. */
import { atLevel, levelOf, type Interval } from '../../src/core/stats.js';

/** What a claim's rule says of the runs that there are. */
export type Outcome = 'supported' | 'not supported' | 'inconclusive' | 'not run';

/** Whose claim it is: the paper's own, or a control of this project. */
export type ClaimKind = 'paper' | 'control';

/** A number that decided a claim, and how likely a decision as firm would be by chance. */
export interface Significance {
  /** The smallest rate of false alarms at which the rule would still decide; 1 where it never would. */
  readonly p: number;
  /** {@link p} after the correction for all claims that are judged together. */
  readonly corrected: number;
  /** How many claims these are. */
  readonly family: number;
}

/** A claim with what decided it. */
export interface Verdict {
  readonly id: string;
  readonly statement: string;
  /** Where the claim stands. */
  readonly source: string;
  /** How it is decided. */
  readonly rule: string;
  readonly experiment: string;
  /** Its place in the matrix of verdicts: a row that it may share with others, a column, and whose claim it is. */
  readonly question: string;
  readonly setting: string;
  readonly kind: ClaimKind;
  /** Id of the figure below which it stands, where that is not its experiment's first. */
  readonly figure?: string;
  readonly outcome: Outcome;
  /** The statistic with its interval, or why there is none. */
  readonly evidence: string;
  /** Where one interval decides, how firmly. */
  readonly significance?: Significance;
  /** Seeds of the rows that decided it. */
  readonly seeds: number;
  readonly runs: readonly string[];
}

/** A verdict at the largest scale that was run, with those at the others. */
export interface ScaledVerdict extends Verdict {
  /** Null when no scale was run. */
  readonly scale: string | null;
  readonly others: readonly { readonly scale: string; readonly outcome: Outcome; readonly evidence: string }[];
}

/** Every outcome, in the order in which they are counted. */
export const OUTCOMES = ['supported', 'not supported', 'inconclusive', 'not run'] as const satisfies readonly Outcome[];

/** Fewer seeds than this decide nothing. */
export const MIN_SEEDS = 3;

/** Numbers in words: `1, 4 and 16`. */
export function listOf(numbers: readonly number[]): string {
  return new Intl.ListFormat('en-GB').format(numbers.map(String));
}

/** A number with so many digits after the point; very large and very small ones in powers of ten. */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : 'unknown';
  return (
    Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : value.toFixed(digits)
  ).replace('-', '−');
}

/** The mean with its interval, if there is one; "–" for a mean that is NaN. */
export function formatMean({ mean, low, high, n }: Interval, digits = 3): string {
  if (Number.isNaN(mean)) return '–';
  return n > 1 && Number.isFinite(mean)
    ? `${formatNumber(mean, digits)} [${formatNumber(low, digits)}, ${formatNumber(high, digits)}]`
    : formatNumber(mean, digits);
}

/** The mean with its interval, if there is one, and the number of seeds. */
export function formatInterval(interval: Interval, digits = 3): string {
  return `${formatMean(interval, digits)}, ${interval.n} seed${interval.n === 1 ? '' : 's'}`;
}

/** Whether an outcome is a decision. */
export function decided(outcome: Outcome): boolean {
  return outcome === 'supported' || outcome === 'not supported';
}

/** About the rate at which {@link errorRate} ends, from how much wider an interval may be that still decides. */
function nearRate(interval: Interval, outcome: (interval: Interval) => Outcome): number {
  const { mean, low, high } = interval;
  const decides = (factor: number): boolean => {
    const half = ((high - low) / 2) * factor;
    return decided(outcome({ ...interval, low: mean - half, high: mean + half }));
  };
  let [narrow, wide] = [0, 1];
  for (let i = 0; i < 100 && decides(wide); i++) [narrow, wide] = [wide, 2 * wide];
  for (let i = 0; i < 60; i++) {
    const middle = (narrow + wide) / 2;
    if (decides(middle)) narrow = middle;
    else wide = middle;
  }
  return 1 - levelOf(interval, narrow);
}

/** Whether all values of an interval are one number, but for rounding. */
function isWithoutSpread({ mean, low, high }: Interval): boolean {
  return high - low <= 1e-12 * Math.abs(mean);
}

/**
 * The smallest rate of false alarms at which a rule would still decide by an interval that is a t-interval of 95 %: the
 * p-value of its decision. 1 where no interval around this mean would be decided by; undefined for too few seeds; where
 * all seeds give one number, that of the exact sign-flip test, as an interval without width says nothing of chance. A
 * rule that decides by an interval must decide by each narrower one around the same mean, too.
 */
export function errorRate(interval: Interval, outcome: (interval: Interval) => Outcome): number | undefined {
  if (interval.n < MIN_SEEDS) return undefined;
  // seeds that all give one number have no spread to compare it with: what is left is that they lie on one side
  if (isWithoutSpread(interval)) return decided(outcome(interval)) ? 2 ** (1 - interval.n) : 1;
  const decides = (rate: number): boolean => decided(outcome(atLevel(interval, 1 - rate)));
  // on a logarithmic axis: rates of interest span many powers of ten
  let [low, high] = [Math.log(1e-12), 0];
  if (decides(Math.exp(low))) return Math.exp(low);
  if (!decides(1 - 1e-9)) return 1;
  // quantiles take long: only rates that rounding could bring to the other side are decided by one
  const rate = nearRate(interval, outcome);
  const [near, unsure] = [Math.log(rate), 1e-9 + 1e-13 / rate];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    const known = Math.abs(middle - near) > unsure;
    if (known ? middle > near : decides(Math.min(1 - 1e-9, Math.exp(middle)))) high = middle;
    else low = middle;
  }
  return Math.exp(high);
}

/**
 * Supported: the interval lies within `low` .. `high`. Not supported: it lies outside. Else, or with too few seeds,
 * inconclusive.
 */
export function within({ low, high, n }: Interval, from: number, to: number): Outcome {
  if (n === 0) return 'not run';
  if (n < MIN_SEEDS) return 'inconclusive';
  if (low >= from && high <= to) return 'supported';
  return high < from || low > to ? 'not supported' : 'inconclusive';
}

/**
 * Supported: the interval of differences lies above 0. Not supported: it lies below. Else, or with too few seeds,
 * inconclusive; so are differences that are all 0, as of two arms that make no error at all.
 */
export function positive({ low, high, n }: Interval): Outcome {
  if (n === 0) return 'not run';
  if (n < MIN_SEEDS) return 'inconclusive';
  if (low > 0) return 'supported';
  return high < 0 ? 'not supported' : 'inconclusive';
}

/** As {@link positive}, where smaller is better: supported below 0, not supported above. */
export function negative({ mean, low, high, n }: Interval): Outcome {
  return positive({ mean: -mean, low: -high, high: -low, n });
}

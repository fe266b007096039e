/** Means, intervals and fitted slopes. Every interval that the reports show comes from here. */
import { checkAllFinite, checkList, checkObject } from './range.js';
import { studentCdf, studentQuantile } from './student.js';

/** A mean with the two ends of its confidence interval, in the unit of the values. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Number of independent repetitions (seeds). */
  readonly n: number;
  /** Degrees of freedom of the t-distribution that gave the ends; n - 1 unless given. */
  readonly df?: number;
}

/** Arithmetic mean, added up in the order of the values; NaN of none. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * The largest value; NaN where one is, -Infinity of none. `Math.max(...values)` overflows the stack from some 120,000
 * values on.
 */
export function largest(values: Iterable<number>): number {
  let found = -Infinity;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** The smallest value; NaN where one is, Infinity of none. */
export function smallest(values: Iterable<number>): number {
  let found = Infinity;
  for (const value of values) found = Math.min(found, value);
  return found;
}

/** The middle value, or the mean of the two in the middle; NaN of none and where one is NaN. */
export function median(values: ArrayLike<number>): number {
  const sorted = Array.from(values).sort((a, b) => a - b);
  if (sorted.length === 0 || sorted.some(Number.isNaN)) return NaN;
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}

/** Sample standard deviation (n - 1); NaN for fewer than two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  const center = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - center) ** 2;
  return values.length < 2 ? NaN : Math.sqrt(sum / (values.length - 1));
}

/** Root of the mean square. */
export function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum / values.length);
}

/** Throws RangeError on no value, one that is not finite, or a level of confidence that is none. */
function checkSample(what: string, values: readonly number[], level: number): void {
  checkAllFinite(`${what}: values`, values);
  if (values.length === 0) throw new RangeError(`${what}: expected at least one value, got none`);
  if (!(level > 0 && level < 1))
    throw new RangeError(`${what}: level: expected a number between 0 and 1, got ${level}`);
}

/**
 * Student-t interval of the mean: `mean +- t_{(1 + level)/2, n-1} * s / sqrt(n)`.
 * With one value the ends are infinite: one seed says nothing about spread. Throws RangeError when empty, on a value
 * that is not finite, and on a level outside 0 to 1.
 */
export function tInterval(values: readonly number[], level = 0.95): Interval {
  checkSample('tInterval', values, level);
  const n = values.length;
  const center = mean(values);
  if (n === 1) return { mean: center, low: -Infinity, high: Infinity, n };
  const quantile = level === 0.95 ? halfWidth(n - 1) : studentQuantile((1 + level) / 2, n - 1);
  const half = (quantile * standardDeviation(values)) / Math.sqrt(n);
  return { mean: center, low: center - half, high: center + half, n };
}

/** {@link studentQuantile} of 0.975 by degrees of freedom; p-values ask for it again and again. */
const QUANTILES = new Map<number, number>();
const MOST_QUANTILES = 1000;

/** Half of a 95 % t-interval, in standard errors. */
function halfWidth(df: number): number {
  const known = QUANTILES.get(df);
  if (known !== undefined) return known;
  if (QUANTILES.size === MOST_QUANTILES) QUANTILES.clear();
  const half = studentQuantile(0.975, df);
  QUANTILES.set(df, half);
  return half;
}

/**
 * The level at which an interval that {@link tInterval} gave is `factor` times as wide. Throws RangeError for fewer
 * than two values.
 */
export function levelOf({ n, df = n - 1 }: Interval, factor: number): number {
  if (n < 2) throw new RangeError(`levelOf: expected an interval of at least two values, got one of ${n}`);
  return 2 * studentCdf(factor * halfWidth(df), df) - 1;
}

/**
 * An interval that {@link tInterval} gave, at another level. Throws RangeError for fewer than two values.
 */
export function atLevel(interval: Interval, level: number): Interval {
  const { mean: center, low, high, n, df = n - 1 } = interval;
  if (n < 2) throw new RangeError(`atLevel: expected an interval of at least two values, got one of ${n}`);
  const half = ((high - low) / 2) * (studentQuantile((1 + level) / 2, df) / halfWidth(df));
  return { ...interval, low: center - half, high: center + half };
}

/** A part of the variance of an estimate, and how many degrees of freedom it was estimated with. */
export interface VariancePart {
  readonly variance: number;
  readonly df: number;
}

/**
 * 95 % t-interval of an estimate over `n` seeds whose variance is the sum of independent parts, with Satterthwaite's
 * degrees of freedom (Satterthwaite 1946). Parts of variance 0 give an interval without width.
 */
export function sumInterval(center: number, parts: readonly VariancePart[], n: number): Interval {
  const variance = parts.reduce((sum, part) => sum + part.variance, 0);
  if (variance === 0) return { mean: center, low: center, high: center, n };
  const df = variance ** 2 / parts.reduce((sum, part) => sum + part.variance ** 2 / part.df, 0);
  const half = halfWidth(df) * Math.sqrt(variance);
  return { mean: center, low: center - half, high: center + half, n, df };
}

/**
 * Factor by which dependence within blocks makes the variance of a share larger than that of as many independent rows
 * (Kish's design effect): 1 + (m - 1) rho, with m the rows of a block, weighted by their number, and rho how much more
 * often two rows of a block have one label than two of any blocks, 0 to 1. Throws RangeError where no block has two
 * rows, or all rows have one label.
 */
export function designEffect(blocks: readonly (readonly number[])[]): number {
  const rows = blocks.reduce((sum, { length }) => sum + length, 0);
  const squares = (labels: readonly number[]): number => {
    const counts = new Map<number, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts.values()].reduce((sum, count) => sum + count ** 2, 0);
  };
  const pairs = blocks.reduce((sum, { length }) => sum + length * (length - 1), 0);
  const byChance = squares(blocks.flat()) / rows ** 2;
  if (pairs === 0 || byChance === 1)
    throw new RangeError('designEffect: expected blocks of rows, of two labels at least');
  const alike = blocks.reduce((sum, labels) => sum + squares(labels) - labels.length, 0) / pairs;
  return 1 + (pairs / rows) * Math.max(0, (alike - byChance) / (1 - byChance));
}

/** Most values of which {@link signFlip} tries every assignment of signs: a million of them. */
export const MOST_FLIPPED = 20;

/**
 * Exact two-sided p-value of Fisher's randomization test that paired differences are symmetric around 0: the share of
 * all assignments of signs whose sum is at least as far from 0. With n values it cannot lie below 2^(1 - n). Throws
 * RangeError for no value, more than 20, or one that is not finite.
 */
export function signFlip(values: readonly number[]): number {
  const n = values.length;
  if (n === 0 || n > MOST_FLIPPED) throw new RangeError(`signFlip: expected 1 to ${MOST_FLIPPED} values, got ${n}`);
  checkAllFinite('signFlip: values', values);
  const observed = Math.abs(values.reduce((sum, value) => sum + value, 0));
  const rounding = 1e-12 * values.reduce((sum, value) => sum + Math.abs(value), 0);
  const all = 2 ** n;
  let far = 0;
  for (let signs = 0; signs < all; signs++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += (signs >> i) & 1 ? values[i]! : -values[i]!;
    if (Math.abs(sum) >= observed - rounding) far++;
  }
  return far / all;
}

/**
 * Holm's step-down correction (Holm 1979): p-values for which the chance of any false alarm among all of them is at
 * most the level at which each is read. In the order of the given ones. Throws RangeError on a value outside 0 to 1.
 */
export function holm(values: readonly number[]): number[] {
  const wrong = values.find((value) => !(value >= 0 && value <= 1));
  if (wrong !== undefined) throw new RangeError(`holm: expected p-values from 0 to 1, got ${wrong}`);
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const corrected = new Array<number>(values.length);
  let largest = 0;
  order.forEach((at, rank) => {
    largest = Math.max(largest, Math.min(1, (values.length - rank) * values[at]!));
    corrected[at] = largest;
  });
  return corrected;
}

/** A line y = intercept + slope x that was fitted by least squares. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
  /** Share of the variance of y that the line explains. */
  readonly r2: number;
}

/** Least-squares line through (x, y). Throws RangeError on fewer than two different x, or a number not finite. */
export function fitLine(x: readonly number[], y: readonly number[]): Line {
  checkAllFinite('fitLine: x', x);
  checkAllFinite('fitLine: y', y);
  if (x.length !== y.length) throw new RangeError(`fitLine: expected as many x as y, got ${x.length} and ${y.length}`);
  const xMean = mean(x);
  const yMean = mean(y);
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let i = 0; i < x.length; i++) {
    xx += (x[i]! - xMean) ** 2;
    xy += (x[i]! - xMean) * (y[i]! - yMean);
    yy += (y[i]! - yMean) ** 2;
  }
  if (!(xx > 0)) throw new RangeError('fitLine: expected at least two different x');
  const slope = xy / xx;
  return { slope, intercept: yMean - slope * xMean, r2: yy === 0 ? 1 : (xy * xy) / (xx * yy) };
}

/**
 * Exponent p of `y = k x^p`, one fit per seed, then a t-interval over the seeds' exponents: points of one seed share
 * its randomness, so seeds and not points are the independent units. Throws RangeError without seeds, and on points
 * that no power law has: a seed with fewer than two different x, or a number that is not above 0.
 */
export function powerLaw(
  bySeed: readonly { x: readonly number[]; y: readonly number[] }[],
): Interval & { readonly scale: number } {
  checkList('powerLaw', bySeed);
  if (bySeed.length === 0) throw new RangeError('powerLaw: expected at least one seed, got none');
  for (const [seed, points] of bySeed.entries())
    for (const name of ['x', 'y'] as const) {
      checkObject(`powerLaw: seed ${seed}`, points, ['x', 'y']);
      checkList(`powerLaw: ${name} of seed ${seed}`, points[name]);
      const wrong = points[name].find((value) => !(value > 0 && value < Infinity));
      if (wrong !== undefined)
        throw new RangeError(`powerLaw: ${name} of seed ${seed}: expected finite numbers above 0, got ${wrong}`);
    }
  const fits = bySeed.map(({ x, y }) => fitLine(x.map(Math.log), y.map(Math.log)));
  return { ...tInterval(fits.map((fit) => fit.slope)), scale: Math.exp(mean(fits.map((fit) => fit.intercept))) };
}

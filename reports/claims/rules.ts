/** The rules that decide claims: from numbers of seeds to an outcome and its p-value. */
import { fitLine, powerLaw, tInterval, type Interval } from '../../src/core/stats.js';
import { bandWords, laterHalf, LEVEL, type Band } from '../../theory/studies/rule.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, type TableRow } from '../data/rows.js';
import { errorRate, formatInterval, formatMean, within, type Outcome } from './verdict.js';

/** What rows say about a claim. */
export interface Judgement {
  readonly outcome: Outcome;
  /** The statistic with its interval. */
  readonly evidence: string;
  /**
   * The p-value of the decision, as {@link errorRate} says; 1 where there is none. Not given where chance has no part.
   */
  readonly p?: number;
  /** How many seeds decided; all seeds of the claim's rows unless given. */
  readonly seeds?: number;
}

/** From rows to a judgement. */
export type Judge = (rows: readonly TableRow[]) => Judgement;

/**
 * Largest chance that a rule calls a null hypothesis supported: a two-sided 95 % interval lies on the wrong side of a
 * limit in 2.5 % of cases. test/reports/false-alarms.test.ts counts it.
 */
export const CHANCE = (1 - LEVEL) / 2;

/** A band's rule in words: its statistic, and what each outcome takes. */
export function bandText(band: Band): string {
  const statistic = band.statistic[0]!.toUpperCase() + band.statistic.slice(1);
  return (
    `${statistic}, one for each seed, 95 % t-interval: supported ${bandWords(band)}, not supported outside, else ` +
    'inconclusive.'
  );
}

/**
 * A judgement by one interval, which lies evenly around its mean; `outcome` must decide by each narrower one around the
 * same mean where it decides by this one, as its p-value says how narrow an interval has to be.
 */
export function byInterval(
  interval: (rows: readonly TableRow[]) => Interval,
  outcome: (interval: Interval) => Outcome,
  digits = 3,
): Judge {
  return (rows) => {
    const value = interval(rows);
    const p = errorRate(value, outcome);
    return {
      ...{ outcome: outcome(value), evidence: formatInterval(value, digits), seeds: value.n },
      ...(p !== undefined && { p }),
    };
  };
}

/** A judgement by a band: one number for each seed, their t-interval inside it. */
export function byBand(band: Band, values: (rows: readonly TableRow[]) => readonly number[], digits = 3): Judge {
  return byInterval(
    (rows) => tInterval(values(rows)),
    (interval) => within(interval, band.from, band.to),
    digits,
  );
}

/** One number for each seed. */
export function perSeed(rows: readonly TableRow[], value: (rows: readonly TableRow[]) => number): number[] {
  return [...groupBy(rows, (row) => row.seed).values()].map(value);
}

/** y against x, of one seed. */
export interface SeedCurve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Per seed: x and y of the rows, by rising x. */
export function curves(rows: readonly TableRow[], x: string, y: string): SeedCurve[] {
  return [...groupBy(rows, (row) => row.seed).values()].map((group) => {
    const sorted = [...group].sort((a, b) => numberAt(a, x) - numberAt(b, x));
    return { x: sorted.map((row) => numberAt(row, x)), y: sorted.map((row) => numberAt(row, y)) };
  });
}

/** The later half of a curve, with three points at least: see {@link laterHalf}. */
export function later({ x, y }: SeedCurve): SeedCurve {
  const from = laterHalf(x.length);
  return { x: x.slice(from), y: y.slice(from) };
}

/** Exponents of the later halves of curves, one for each seed, inside a band. */
export function laterExponent(band: Band, rows: readonly TableRow[], x: string, y: string): Judgement {
  return byInterval(
    (some) => powerLaw(curves(some, x, y).map(later)),
    (interval) => within(interval, band.from, band.to),
  )(rows);
}

/** Rows that count, and a note that names what was left out. */
interface StableRows {
  readonly kept: TableRow[];
  readonly note: string;
}

/**
 * Rows without those values of `x` at which the loss rose on more than one step on average, by any of the columns
 * `rises`: there Euler's own instability looks like the growth that is looked for.
 */
export function stableRows(
  rows: readonly TableRow[],
  x: string,
  rises: readonly string[] = ['lossIncreases'],
): StableRows {
  const count = (row: TableRow): number =>
    rises.reduce((sum, key) => sum + (typeof row.values[key] === 'number' ? row.values[key] : 0), 0);
  const coarse = [...groupBy(rows, (row) => String(numberAt(row, x)))]
    .filter(([, group]) => group.reduce((sum, row) => sum + count(row), 0) > group.length)
    .map(([value]) => value);
  const kept = rows.filter((row) => !coarse.includes(String(numberAt(row, x))));
  return { kept, note: coarse.length === 0 ? '' : `; left out, as the loss rose there: ${coarse.join(', ')}` };
}

/** Curves of fewer points than this have no bend that could be told from none. */
const BEND_POINTS = 4;

/**
 * Whether curves grow and bend upwards on a logarithmic axis, one for each seed: supported when both intervals lie
 * above 0, not supported when either lies below. With fewer than four points the bend is 0 whatever was measured:
 * undecided.
 */
export function explosion(bySeed: readonly SeedCurve[]): Judgement {
  const points = Math.min(...bySeed.map(({ x }) => x.length));
  if (!(points >= BEND_POINTS))
    return {
      outcome: 'inconclusive',
      evidence: `cannot be decided: ${points} points, and a bend needs ${BEND_POINTS}`,
    };
  const found = bySeed.map(growthAndBend);
  const [growth, bend] = (['growth', 'bend'] as const).map((key) => tInterval(found.map((one) => one[key]))) as [
    Interval,
    Interval,
  ];
  const above = (interval: Interval): Outcome => within(interval, 0, Infinity);
  const evidence = `growth ${formatInterval(growth)}; bend ${formatInterval(bend)}`;
  return allHold(
    [growth, bend].map((interval) => ({ outcome: above(interval), p: errorRate(interval, above) ?? 1 })),
    evidence,
  );
}

/**
 * A judgement by several intervals: supported when each of them says so, so that no correction is needed; not supported
 * when any of them says that, at a p-value that counts as often as there are intervals.
 */
export function allHold(
  parts: readonly { readonly outcome: Outcome; readonly p: number }[],
  evidence: string,
): Judgement {
  if (parts.every(({ outcome }) => outcome === 'supported'))
    return { outcome: 'supported', evidence, p: Math.max(...parts.map(({ p }) => p)) };
  const against = parts.filter(({ outcome }) => outcome === 'not supported').map(({ p }) => p);
  return against.length > 0
    ? { outcome: 'not supported', evidence, p: Math.min(1, parts.length * Math.min(...against)) }
    : { outcome: 'inconclusive', evidence, p: 1 };
}

/**
 * Growth of log y per unit of x over the later half of the points, and its bend: how much steeper the second part of
 * that half is than the first. Both lie within the half, as a curve that first falls bends upwards without ever growing
 * faster than exponentially.
 */
function growthAndBend(curve: SeedCurve): { readonly growth: number; readonly bend: number } {
  const { x, y } = later(curve);
  const part = Math.ceil((x.length + 1) / 2);
  const slope = (start: number, end: number): number => fitLine(x.slice(start, end), y.slice(start, end)).slope;
  return { growth: slope(0, x.length), bend: slope(x.length - part, x.length) - slope(0, part) };
}

/** Where a statistic is looked at: at every value of one column. */
interface Places {
  /** Column of the values. */
  readonly at: string;
  /** Columns that count rises of the loss: values at which it rose are left out. */
  readonly rises?: readonly string[];
}

/** Two columns that are compared at every value of a third. */
interface Comparison extends Places {
  readonly column: string;
  readonly other: string;
}

/**
 * Whether one column lies below another at every value: the log of their ratio, one mean for each seed and value,
 * inside the band, by {@link everyPlace}.
 */
export function everyValue(band: Band, { column, other, ...places }: Comparison): Judge {
  const ratio = (row: TableRow): number => Math.log(numberAt(row, column) / numberAt(row, other));
  return everyPlace(band, places, (some) => some.reduce((sum, row) => sum + ratio(row), 0) / some.length);
}

/**
 * Whether a statistic, one number for each seed and value, lies inside the band at every value. Supported when the
 * interval does so at each value, so that no correction is needed; not supported when it lies outside at any value,
 * with an interval at the level of all values together (Bonferroni). The evidence says where.
 */
export function everyPlace(
  band: Band,
  { at, rises = [] }: Places,
  statistic: (rowsOfSeed: readonly TableRow[]) => number,
): Judge {
  const inside = (interval: Interval): Outcome => within(interval, band.from, band.to);
  return (all) => {
    const { kept: rows, note } = stableRows(all, at, rises);
    if (rows.length === 0) return { outcome: 'inconclusive', evidence: `cannot be decided${note}` };
    const groups = [...groupBy(rows, (row) => String(numberAt(row, at)))]
      .map(([value, group]) => ({ value: Number(value), group }))
      .sort((a, b) => a.value - b.value);
    const found = groups.map(({ value, group }) => {
      const interval = tInterval(perSeed(group, statistic));
      const p = errorRate(interval, inside) ?? 1;
      const outcome = inside(interval);
      // an exception is looked for at every value, so that its chance counts as often
      const fails = outcome === 'not supported' && groups.length * p < 1 - LEVEL;
      return { value, interval, p, outcome: outcome === 'not supported' && !fails ? 'inconclusive' : outcome };
    });
    const outcomes = found.map(({ outcome }) => outcome);
    const failing = found.filter(({ outcome }) => outcome === 'not supported').map(({ p }) => groups.length * p);
    const evidence = `${placesText(found)}${note}`;
    if (failing.length > 0) return { outcome: 'not supported', evidence, p: Math.min(...failing) };
    return outcomes.every((one) => one === 'supported')
      ? { outcome: 'supported', evidence, p: Math.max(...found.map(({ p }) => p)) }
      : { outcome: 'inconclusive', evidence, p: 1 };
  };
}

/** Where a comparison holds, where it fails, and its interval at every value. */
function placesText(
  found: readonly { readonly value: number; readonly interval: Interval; readonly outcome: Outcome }[],
): string {
  const where = (outcome: Outcome): string =>
    found
      .filter((one) => one.outcome === outcome)
      .map(({ value }) => String(value))
      .join(', ');
  const parts = [
    ['holds at', where('supported')],
    ['fails at', where('not supported')],
    ['undecided at', where('inconclusive')],
  ].filter(([, values]) => values !== '');
  const told = found.map(({ value, interval }) => `${value}: ${formatMean(interval)}`);
  const seeds = Math.min(...found.map(({ interval }) => interval.n));
  return `${parts.map((part) => part.join(' ')).join('; ')} (${told.join('; ')}), ${seeds} seeds`;
}

/** The rule of {@link everyValue} in words. */
export function everyValueText(band: Band, what: string): string {
  return (
    `${band.statistic[0]!.toUpperCase()}${band.statistic.slice(1)}, at every ${what}, 95 % t-interval over seeds: ` +
    `supported when it lies ${bandWords(band)} at each, not supported when it lies outside at any (Bonferroni over ` +
    `the ${what}s), else inconclusive.`
  );
}

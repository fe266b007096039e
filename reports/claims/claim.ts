/** What a claim is made of: rows to a verdict. */
import type { Experiment } from '../../src/core/experiment.js';
import { fitLine, mean, tInterval, type Interval } from '../../src/core/stats.js';
import { groupBy, numberAt, runIds, type TableRow } from '../data/rows.js';
import { errorRate, formatInterval, within, type Outcome, type Verdict } from './verdict.js';

/** Rows of one scale. */
export interface ClaimInput {
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
}

/** What the rows of a claim say about it. */
export interface Judgement extends Pick<Verdict, 'outcome' | 'evidence'> {
  /** The p-value of the decision, as {@link errorRate} says, where one interval decides. */
  readonly p?: number;
}

/** A claim, fixed before any run: what is claimed, which rows decide it, and how. */
export interface Claim {
  readonly id: string;
  readonly statement: string;
  readonly source: string;
  /** The statistic, its interval, and what counts as supported; in words, as {@link judge} computes it. */
  readonly rule: string;
  /** The experiment whose runs decide it, and its arms; all arms unless given. */
  readonly experiment: Experiment;
  readonly arms?: readonly string[];
  readonly rows: (input: ClaimInput) => readonly TableRow[];
  /** Called with at least one row. */
  readonly judge: (rows: readonly TableRow[]) => Judgement;
}

/** A verdict before the correction for how many claims are judged together. */
export type UncorrectedVerdict = Omit<Verdict, 'significance'> & Pick<Judgement, 'p'>;

/** The verdict on one claim, as if it were the only one; without rows, "not run". */
export function decideAlone(
  { id, statement, source, rule, experiment, rows, judge }: Claim,
  input: ClaimInput,
): UncorrectedVerdict {
  const mine = rows(input);
  const judgement: Judgement = mine.length === 0 ? { outcome: 'not run', evidence: 'no finished run' } : judge(mine);
  return {
    id,
    statement,
    source,
    rule,
    experiment: experiment.name,
    ...judgement,
    seeds: new Set(mine.map((row) => row.seed)).size,
    runs: runIds(mine),
  };
}

/** A judgement by one interval. */
export function byInterval(
  interval: (rows: readonly TableRow[]) => Interval,
  outcome: (interval: Interval) => Outcome,
  digits = 3,
): Claim['judge'] {
  return (rows) => {
    const value = interval(rows);
    const p = errorRate(value, outcome);
    return { outcome: outcome(value), evidence: formatInterval(value, digits), ...(p !== undefined && { p }) };
  };
}

/** Logged rows of an experiment, and of one arm where that is given. */
export function rowsOf({ name }: Experiment, arm?: string): Claim['rows'] {
  return ({ rows }) => rows.filter((row) => row.experiment === name && (arm === undefined || row.arm === arm));
}

/** One number for each seed. */
export function perSeed(rows: readonly TableRow[], value: (rows: readonly TableRow[]) => number): number[] {
  return [...groupBy(rows, (row) => row.seed).values()].map(value);
}

/** Per seed: x and y of the rows, sorted as they are. */
export function curves(rows: readonly TableRow[], x: string, y: string): { x: number[]; y: number[] }[] {
  return [...groupBy(rows, (row) => row.seed).values()].map((group) => ({
    x: group.map((row) => numberAt(row, x)),
    y: group.map((row) => numberAt(row, y)),
  }));
}

/**
 * Rows without those values of `x` at which the loss rose on more than one step on average: there Euler's own
 * instability looks like the growth that is looked for. `note` names what was left out.
 */
export function stableRows(rows: readonly TableRow[], x: string): { readonly kept: TableRow[]; readonly note: string } {
  const rises = (row: TableRow): number =>
    typeof row.values.lossIncreases === 'number' ? row.values.lossIncreases : 0;
  const coarse = [...groupBy(rows, (row) => String(numberAt(row, x)))]
    .filter(([, group]) => group.reduce((sum, row) => sum + rises(row), 0) > group.length)
    .map(([value]) => value);
  const kept = rows.filter((row) => !coarse.includes(String(numberAt(row, x))));
  return { kept, note: coarse.length === 0 ? '' : `; left out, as the loss rose there: ${coarse.join(', ')}` };
}

/**
 * Whether curves grow and bend upwards on a logarithmic axis, one for each seed: supported when both intervals lie
 * above 0.
 */
export function explosion(bySeed: readonly { readonly x: readonly number[]; readonly logs: readonly number[] }[]): {
  readonly outcome: Outcome;
  readonly evidence: string;
} {
  const found = bySeed.map(({ x, logs }) => growthAndBend(x, logs));
  const growth = tInterval(found.map((one) => one.growth));
  const bend = tInterval(found.map((one) => one.bend));
  const both = [growth, bend].map((interval) => within(interval, 0, Infinity));
  const outcome = both.every((one) => one === 'supported')
    ? 'supported'
    : both.includes('not supported')
      ? 'not supported'
      : 'inconclusive';
  return { outcome, evidence: `growth ${formatInterval(growth)}; bend ${formatInterval(bend)}` };
}

/**
 * Growth of log y per unit of x over the deeper half of the points, and its bend: how much steeper the second part of
 * that half is than the first. Both lie within the half, as a curve that first falls bends upwards without ever growing
 * faster than exponentially.
 */
function growthAndBend(
  x: readonly number[],
  logs: readonly number[],
): { readonly growth: number; readonly bend: number } {
  const from = Math.min(Math.floor(x.length / 2), Math.max(0, x.length - 3));
  const [deep, values] = [x.slice(from), logs.slice(from)];
  const part = Math.ceil((deep.length + 1) / 2);
  const slope = (start: number, end: number): number => fitLine(deep.slice(start, end), values.slice(start, end)).slope;
  return { growth: slope(0, deep.length), bend: slope(deep.length - part, deep.length) - slope(0, part) };
}

/** Whether one column lies below another: log ratio of the two, one mean for each seed over its rows. */
export function below(column: string, other: string): Claim['judge'] {
  const ratio = (group: readonly TableRow[]): number =>
    mean(group.map((row) => Math.log(numberAt(row, column) / numberAt(row, other))));
  return byInterval(
    (rows) => tInterval(perSeed(rows, ratio)),
    (interval) => within(interval, -Infinity, 0),
  );
}

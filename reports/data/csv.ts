/**
 * Rows to keep, and back: final figures of training runs as comma-separated values, what runs logged as lines of JSON.
 */
import { fromCSV, table } from 'arquero';
import { fromFormulaFree, withoutFormula } from '../../src/core/formula.js';
import { parseNumber, parseWhole } from '../../src/core/number.js';
import type { Row } from '../../src/core/run.js';

const COLUMNS = [
  'arm',
  'seed',
  'run',
  'parameters',
  'steps',
  'gigaflops',
  'teacherGigaflops',
  'validationAccuracy',
  'testAccuracy',
  'testCrossEntropy',
  'logitDiscrepancy',
] as const;

/** The final figures of one training run. */
export interface ResultRow {
  readonly arm: string;
  readonly seed: number;
  readonly run: string;
  /** The other columns; null where an arm has none. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** The columns that are numbers. */
export const NUMBERS = COLUMNS.slice(3);

/** Whether a figure is one of a task's own scores, which stand after the columns that every run has: `test f1`. */
export function isScore(name: string): boolean {
  return /^(validation|test) ./.test(name);
}

/**
 * Flat records as comma-separated values; the columns are all keys, in the order in which they occur. What is missing
 * or null is empty.
 */
export function csv(data: readonly Readonly<Record<string, string | number | null>>[]): string {
  const columns = [...new Set(data.flatMap((datum) => Object.keys(datum)))];
  return table(
    Object.fromEntries(columns.map((column) => [column, data.map((datum) => asCell(datum[column] ?? null))])),
  )
    .toCSV()
    .replace(/\n$/, '');
}

function asCell(value: string | number | null): string | number | null {
  return typeof value === 'string' ? withoutFormula(value) : value;
}

/** Final figures as comma-separated values, a line for each run. */
export function toCsv(rows: readonly ResultRow[]): string {
  return `${csv(rows.map(({ arm, seed, run, values }) => ({ arm, seed, run, ...values })))}\n`;
}

/** What is wrong with a line of a table. */
function damaged(line: number, what: string): RangeError {
  return new RangeError(`line ${line}: ${what}`);
}

/** A row with the number of its line. */
type Numbered<R> = readonly [line: number, row: R];

/**
 * The rows without their lines. Throws RangeError, which names both lines, where the same thing is there twice:
 * statistics would take one of the two here, and both there.
 */
function eachOnce<R extends Pick<ResultRow, 'arm' | 'seed'>>(
  rows: readonly Numbered<R>[],
  keyOf: (row: R) => unknown,
): R[] {
  const first = new Map<string, number>();
  return rows.map(([line, row]) => {
    const key = JSON.stringify(keyOf(row));
    const before = first.get(key);
    if (before !== undefined)
      throw damaged(line, `arm "${row.arm}", seed ${row.seed} is there twice: it is on line ${before}, too`);
    first.set(key, line);
    return row;
  });
}

/**
 * Reads what {@link toCsv} wrote. Throws RangeError on other columns, on a table without rows, on texts for numbers, on
 * an arm that has a seed twice, and on a line cut off.
 */
export function fromCsv(text: string): ResultRow[] {
  if (text === '') throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got an empty file`);
  if (!text.endsWith('\n')) throw new RangeError('results: the last line is cut off: it has no end');
  const read = fromCSV(text, { autoType: false });
  const columns = read.columnNames();
  if (columns.filter((name) => !isScore(name)).join(',') !== COLUMNS.join(','))
    throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got ${columns.join(',')}`);
  const rows = (read.objects() as Record<string, string | null | undefined>[]).map((cells, i) =>
    resultOf(cells, i + 2),
  );
  if (rows.length === 0) throw new RangeError('results: expected a row for each run, got the names of columns alone');
  return eachOnce(rows, ({ arm, seed }) => [arm, seed]);
}

function resultOf(
  { arm, seed, run, ...numbers }: Record<string, string | null | undefined>,
  line: number,
): Numbered<ResultRow> {
  if (!arm || !run) throw damaged(line, 'expected the names of an arm and of a run');
  const whole = parseWhole(seed ?? '');
  if (whole === undefined) throw damaged(line, `run ${run}: expected a whole number in "seed", got "${seed ?? ''}"`);
  const values = Object.entries(numbers).map(([column, cell]) => {
    if (cell === undefined) throw damaged(line, `run ${run}: expected a cell for "${column}", got none`);
    const number = cell === null ? null : numberOf(cell);
    if (number === undefined) throw damaged(line, `run ${run}: expected a number in "${column}", got "${cell}"`);
    return [column, number] as const;
  });
  return [line, { arm: fromFormulaFree(arm), seed: whole, run, values: Object.fromEntries(values) }];
}

/** A cell's number, which may be one that is not finite; undefined where it is none. */
function numberOf(cell: string): number | undefined {
  return ['NaN', 'Infinity', '-Infinity'].includes(cell) ? Number(cell) : parseNumber(cell);
}

/** A line that a run logged, with the run's names beside it. */
export interface LoggedRow {
  readonly arm: string;
  readonly seed: number;
  readonly run: string;
  readonly values: Row;
}

/** Logged rows as lines of JSON. */
export function toLines(rows: readonly LoggedRow[]): string {
  return rows.map(({ arm, seed, run, values }) => `${JSON.stringify({ arm, seed, run, ...values })}\n`).join('');
}

/**
 * Reads what {@link toLines} wrote. `coordinates`: the columns that tell two rows of a run with equal texts apart, all
 * unless given. Throws RangeError on a line that is none of it, on a row that is there twice, and on an empty file.
 */
export function fromLines(text: string, coordinates?: (row: LoggedRow) => readonly string[] | undefined): LoggedRow[] {
  const rows = text.split('\n').flatMap((line, i) => (line === '' ? [] : [loggedOf(line, i + 1)]));
  if (rows.length === 0) throw new RangeError('logged rows: expected lines of JSON, got an empty file');
  return eachOnce(rows, (row) => {
    const columns = coordinates?.(row) ?? Object.keys(row.values);
    const told = Object.entries(row.values).filter(
      ([column, value]) => typeof value === 'string' || columns.includes(column),
    );
    return [row.run, Object.fromEntries(told)];
  });
}

function loggedOf(text: string, line: number): Numbered<LoggedRow> {
  const { arm, seed, run, ...values } = (parsed(text, line) ?? {}) as Record<string, string | number>;
  if (typeof arm !== 'string' || !Number.isSafeInteger(seed) || typeof run !== 'string')
    throw damaged(line, 'expected "arm", "seed" and "run", the seed a whole number');
  return [line, { arm, seed: seed as number, run, values }];
}

function parsed(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(line, 'not valid JSON');
  }
}

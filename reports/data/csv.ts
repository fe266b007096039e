/**
 * Rows to keep, and back: final figures of training runs as comma-separated values, what runs logged as lines of JSON.
 */
import { table } from 'arquero';
import { UsageError } from '../../src/core/errors.js';
import { fromFormulaFree, withoutFormula } from '../../src/core/formula.js';
import { parseJson } from '../../src/core/json.js';
import { parseNumber, parseWhole } from '../../src/core/number.js';
import { nonFiniteIn, type Row } from '../../src/core/run.js';

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

/** A cell, in quotation marks or not, and what it ends in. */
const CELL = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/y;

/** Cells of each record of a text that ends in a line feed, with the number of its first line. */
function recordsOf(text: string): Numbered<string[]>[] {
  const records: Numbered<string[]>[] = [];
  let [at, line, cells] = [0, 1, [] as string[]];
  for (let next = 1; at < text.length;) {
    CELL.lastIndex = at;
    const [whole, quoted, plain, end] = CELL.exec(text) ?? [];
    if (whole === undefined) throw damaged(next, 'a quotation mark that is not closed, or stands within a cell');
    at += whole.length;
    next += whole.split('\n').length - 1;
    cells.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end === ',') continue;
    records.push([line, cells]);
    [line, cells] = [next, []];
  }
  return records;
}

/** Columns that every run has, be it one that diverged, whose measured figures are no numbers. */
const REQUIRED: readonly string[] = NUMBERS.slice(0, 6);

/** Figures that are measured, and no numbers where a run diverged. */
const MEASURED: readonly string[] = NUMBERS.slice(4, 7);

/** Figures that are known before a run, and the same for all seeds of an arm. */
export const KNOWN_BEFORE: readonly string[] = NUMBERS.slice(0, 4);

/** Whether a name is that of a share in percent. */
const isPercent = (name: string): boolean => /accuracy$/i.test(name);

/**
 * Reads what {@link toCsv} wrote, or a spreadsheet of it: with a byte order mark or without, its lines ended in either
 * way. Throws RangeError, with the line and the column, on other columns, on a table without rows, on a cell too many
 * or too few, on what no run can have in a column, on an arm that has a seed twice or whose seeds differ in what they
 * cost, and on a line cut off.
 */
export function fromCsv(given: string): ResultRow[] {
  const text = given.replace(/^\uFEFF/, '');
  if (text === '') throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got an empty file`);
  if (!text.endsWith('\n')) throw new RangeError('results: the last line is cut off: it has no end');
  const [first, ...records] = recordsOf(text);
  const columns = first![1];
  if (columns.filter((name) => !isScore(name)).join(',') !== COLUMNS.join(','))
    throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got ${columns.join(',')}`);
  const twice = columns.find((name, i) => columns.indexOf(name) < i);
  if (twice !== undefined) throw new RangeError(`results: the column "${twice}" is there twice; expected it once`);
  const rows = records.map(([line, cells]) => resultOf(columns, cells, line));
  if (rows.length === 0) throw new RangeError('results: expected a row for each run, got the names of columns alone');
  checkCosts(rows);
  return eachOnce(rows, ({ arm, seed }) => [arm, seed]);
}

function resultOf(columns: readonly string[], cells: readonly string[], line: number): Numbered<ResultRow> {
  if (cells.length > columns.length)
    throw damaged(line, `${cells.length} cells, expected ${columns.length}; a number has a point, not a comma`);
  const at = Object.fromEntries(columns.map((column, i) => [column, cells[i]]));
  const { arm, seed, run, ...numbers } = at;
  if (!arm || !run) throw damaged(line, 'expected the names of an arm and of a run');
  const refuse = (column: string, expected: string): RangeError =>
    damaged(line, `run ${run}: expected ${expected} in "${column}", got "${at[column] ?? ''}"`);
  const whole = parseWhole(seed ?? '');
  if (whole === undefined || whole < 0) throw refuse('seed', 'a whole number of at least 0');
  const hasDiverged =
    MEASURED.every((column) => ['NaN', ''].includes(numbers[column] ?? '')) &&
    NUMBERS.some((column) => numbers[column] === 'NaN');
  const values = Object.entries(numbers).map(([column, cell]) => {
    if (cell === undefined) throw damaged(line, `run ${run}: expected a cell for "${column}", got none`);
    if (cell === '') {
      if (!REQUIRED.includes(column)) return [column, null] as const;
      throw refuse(column, expectedIn(column));
    }
    if (cell === 'NaN' && hasDiverged) return [column, NaN] as const;
    const number = parseNumber(cell);
    if (number === undefined || !isPossible(column, number)) throw refuse(column, expectedIn(column));
    return [column, number] as const;
  });
  return [line, { arm: fromFormulaFree(arm), seed: whole, run, values: Object.fromEntries(values) }];
}

/** Columns that count something. */
const COUNTS: readonly string[] = ['parameters', 'steps'];

function isPossible(column: string, value: number): boolean {
  if (isScore(column)) return true;
  return (
    value >= 0 && (!isPercent(column) || value <= 100) && (!COUNTS.includes(column) || Number.isSafeInteger(value))
  );
}

function expectedIn(column: string): string {
  if (isScore(column)) return 'a number';
  if (isPercent(column)) return 'a number from 0 to 100';
  return `a ${COUNTS.includes(column) ? 'whole ' : ''}number of at least 0`;
}

/** Throws RangeError where two seeds of an arm differ in what is known before a run: one stands for all of them. */
function checkCosts(rows: readonly Numbered<ResultRow>[]): void {
  const first = new Map<string, Numbered<number>>();
  for (const [line, { arm, run, values }] of rows)
    for (const column of KNOWN_BEFORE) {
      const value = values[column]!;
      if (Number.isNaN(value)) continue;
      const key = JSON.stringify([arm, column]);
      const [before, other] = first.get(key) ?? [line, value];
      if (other !== value)
        throw damaged(
          line,
          `run ${run}: expected the same number in "${column}" for each seed of arm "${arm}", got ${value}, and ` +
            `${other} on line ${before}`,
        );
      first.set(key, [before, other]);
    }
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
 * unless given. `isSigned`: whether a column may have numbers below 0, any unless given. Throws RangeError, with the
 * line and the column, on a line that is none of it, on a number that no run can have there, on a row that is there
 * twice, and on an empty file.
 */
export function fromLines(
  given: string,
  coordinates?: readonly string[],
  isSigned: (column: string) => boolean = () => true,
): LoggedRow[] {
  const text = given.replace(/^\uFEFF/, '');
  const rows = text.split(/\r?\n/).flatMap((line, i) => (line === '' ? [] : [loggedOf(line, i + 1, isSigned)]));
  if (rows.length === 0) throw new RangeError('logged rows: expected lines of JSON, got an empty file');
  return eachOnce(rows, (row) => {
    const columns = coordinates ?? Object.keys(row.values);
    const told = Object.entries(row.values).filter(
      ([column, value]) => typeof value === 'string' || columns.includes(column),
    );
    return [row.run, Object.fromEntries(told)];
  });
}

function loggedOf(text: string, line: number, isSigned: (column: string) => boolean): Numbered<LoggedRow> {
  const { arm, seed, run, ...values } = (parsed(text, line) ?? {}) as Record<string, string | number>;
  if (typeof arm !== 'string' || !Number.isSafeInteger(seed) || Number(seed) < 0 || typeof run !== 'string')
    throw damaged(line, 'expected "arm", "seed" and "run", the seed a whole number of at least 0');
  const refuse = (column: string, expected: string, value: unknown): RangeError =>
    damaged(line, `run ${run}: expected ${expected} in "${column}", got ${String(value)}`);
  // 1e400 is valid JSON, and no number of a run
  const odd = nonFiniteIn(values);
  if (odd !== undefined) throw refuse(odd[0], 'a number that is finite', odd[1]);
  for (const [column, value] of Object.entries(values))
    if (typeof value === 'number' && value < 0 && !isSigned(column))
      throw refuse(column, 'a number of at least 0', value);
  return [line, { arm, seed: seed as number, run, values }];
}

function parsed(text: string, line: number): unknown {
  try {
    const row: unknown = JSON.parse(text);
    // the parser that finds keys given twice takes ten times as long
    return text.split('":').length - 1 === Object.keys(Object(row) as object).length ? row : parseJson(text);
  } catch (error) {
    throw damaged(line, error instanceof UsageError ? error.message : 'not valid JSON');
  }
}

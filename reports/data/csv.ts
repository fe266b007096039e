/**
 * Rows to keep, and back: final figures of training runs as comma-separated values, what runs logged as lines of JSON.
 */
import { fromCSV, table } from 'arquero';
import { fromFormulaFree, withoutFormula } from '../../src/core/formula.js';
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

/** Reads what {@link toCsv} wrote. Throws RangeError on other columns, on texts for numbers, and on a line cut off. */
export function fromCsv(text: string): ResultRow[] {
  if (text === '') throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got an empty file`);
  if (!text.endsWith('\n')) throw new RangeError('results: the last line is cut off: it has no end');
  const read = fromCSV(text, { autoType: false });
  const columns = read.columnNames();
  if (columns.filter((name) => !isScore(name)).join(',') !== COLUMNS.join(','))
    throw new RangeError(`results: expected the columns ${COLUMNS.join(',')}, got ${columns.join(',')}`);
  return (read.objects() as Record<string, string | null>[]).map(({ arm, seed, run, ...numbers }) => ({
    arm: fromFormulaFree(arm!),
    seed: Number(seed),
    run: run!,
    values: Object.fromEntries(
      Object.entries(numbers).map(([column, cell]) => [column, cell === null ? null : numberOf(cell, column, run!)]),
    ),
  }));
}

/** A cell's number, which may be one that is not finite. Throws RangeError on a text that is none. */
function numberOf(cell: string, column: string, run: string): number {
  const number = Number(cell);
  if (Number.isNaN(number) && cell !== 'NaN')
    throw new RangeError(`results: run ${run}: expected a number in "${column}", got "${cell}"`);
  return number;
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

/** Reads what {@link toLines} wrote. Throws RangeError on a line that is none of it. */
export function fromLines(text: string): LoggedRow[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line, i) => {
      const { arm, seed, run, ...values } = parsed(line, i) as Record<string, string | number>;
      if (typeof arm !== 'string' || typeof seed !== 'number' || typeof run !== 'string')
        throw new RangeError(`line ${i + 1}: expected "arm", "seed" and "run"`);
      return { arm, seed, run, values };
    });
}

function parsed(line: string, i: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new RangeError(`line ${i + 1}: not valid JSON`);
  }
}

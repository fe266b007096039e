/**
 * Results as files to keep: for each experiment and scale one CSV with a row for each training run and a Markdown table
 * made of it, what other runs logged as lines of JSON, and the vega-lite specs of the figures that these make.
 */
import { join } from 'node:path';
import { makeFolder, writeAtomic } from '../../src/store/atomic.js';
import { fromCsv, isScore, NUMBERS, toCsv, toLines, type LoggedRow, type ResultRow } from '../data/csv.js';
import { readRecords } from '../data/records.js';
import { groupBy, type TableRow } from '../data/rows.js';
import { toMarkdown } from './arm-table.js';
import { figuresOfTables, withoutRows } from './kept-specs.js';

const KIND = 'train';

function toResult({ arm, seed, run, values }: TableRow): ResultRow {
  const scores = Object.keys(values).filter(isScore);
  const numbers = [...NUMBERS, ...scores].map(
    (column) => [column, typeof values[column] === 'number' ? values[column] : null] as const,
  );
  return { arm, seed, run, values: Object.fromEntries(numbers) };
}

/** Events of training runs that figures and claims are made of. */
const KEPT_EVENTS: readonly unknown[] = ['discrepancy', 'hybrid', 'alone', 'merge'];

/**
 * Writes what every experiment below `folders` found, at every declared scale: final figures of training runs (.csv,
 * .md), what the others logged (.jsonl), and the specs of the figures that these make. Folders of kept tables count as
 * runs do. Returns the files.
 */
export function writeResults(folders: readonly string[], target: string): string[] {
  const { runs, rows, results } = readRecords(folders);
  const cells = new Map(runs.map(({ id, cell }) => [id, cell]));
  const nameOf = ({ experiment, scale }: TableRow): string => `${experiment}.${scale}`;
  // rows of kept tables have no run here: they were chosen when they were written
  const isResult = ({ run, scale }: TableRow): boolean => scale !== 'custom' && (cells.get(run)?.kind ?? KIND) === KIND;
  const isKept = ({ run, scale, values }: TableRow): boolean =>
    scale !== 'custom' && (cells.get(run)?.kind !== KIND || KEPT_EVENTS.includes(values.event));
  const byName = groupBy(results.filter(isResult), nameOf);
  const logged = groupBy(rows.filter(isKept), nameOf);
  makeFolder(target);
  return [...new Set([...byName.keys(), ...logged.keys()])].flatMap((name) => {
    const [experiment, scale] = name.split('.') as [string, string];
    const table = sorted((byName.get(name) ?? []).map(toResult));
    const lines = sorted(
      (logged.get(name) ?? []).map(({ arm, seed, run, values }): LoggedRow => ({ arm, seed, run, values })),
    );
    const text = toCsv(table);
    // as it will be read again
    const finals = table.length === 0 ? [] : fromCsv(text);
    const tables: Record<string, string> = {
      ...(table.length > 0 && { [`${name}.csv`]: text }),
      ...(lines.length > 0 && { [`${name}.jsonl`]: toLines(lines) }),
    };
    const specs = figuresOfTables(experiment, scale, finals, lines).map((figure) => [
      `${figure.id}.${scale}.vl.json`,
      `${JSON.stringify(withoutRows(figure, Object.keys(tables)), null, 1)}\n`,
    ]);
    const files: Record<string, string> = {
      ...tables,
      ...(table.length > 0 && { [`${name}.md`]: toMarkdown(experiment, scale, finals) }),
      ...(Object.fromEntries(specs) as Record<string, string>),
    };
    return Object.entries(files).map(([file, content]) => {
      writeAtomic(join(target, file), content);
      return join(target, file);
    });
  });
}

function sorted<T extends { readonly arm: string; readonly seed: number }>(rows: readonly T[]): T[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...rows].sort((a, b) => compare(a.arm, b.arm) || a.seed - b.seed);
}

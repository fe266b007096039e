/**
 * Results as files to keep: for each experiment and scale one CSV with a row for each training run and a Markdown table
 * made of it, what other runs logged as lines of JSON, and the vega-lite specs of the figures that these make.
 */
import { join } from 'node:path';
import { makeFolder, writeAtomic } from '../../src/store/atomic.js';
import { fromCsv } from '../data/csv.js';
import { mergeOrigins, originFile, originsOfRuns, type Origin } from '../data/origins.js';
import { readRecords, type Records } from '../data/records.js';
import { keptRowsOf, tablesOf } from '../data/tables.js';
import { toMarkdown } from './arm-table.js';
import { figuresOfTables, withoutRows } from './kept-specs.js';

/**
 * Writes what every experiment below `folders` found, at every declared scale: final figures of training runs (.csv,
 * .md), what the others logged (.jsonl), where both come from (.origin.json), and the specs of the figures that these
 * make. Folders of kept tables count as
 * runs do. Returns the files.
 */
export function writeResults(folders: readonly string[], target: string): string[] {
  const records = readRecords(folders);
  makeFolder(target);
  return keptRowsOf(records).flatMap((rows) => {
    const { experiment, scale, results, logged } = rows;
    const name = `${experiment}.${scale}`;
    const tables = tablesOf(rows);
    const text = tables[`${name}.csv`];
    // as it will be read again
    const finals = text === undefined ? [] : fromCsv(text);
    const specs = figuresOfTables(experiment, scale, finals, logged).map((figure) => [
      `${figure.id}.${scale}.vl.json`,
      `${JSON.stringify(withoutRows(figure, Object.keys(tables)), null, 1)}\n`,
    ]);
    const origins = originsOfTable(records, name);
    const files: Record<string, string> = {
      ...tables,
      ...(results.length > 0 && { [`${name}.md`]: toMarkdown(experiment, scale, finals) }),
      ...(origins.length > 0 && { [originFile(name)]: `${JSON.stringify(origins, null, 1)}\n` }),
      ...(Object.fromEntries(specs) as Record<string, string>),
    };
    return Object.entries(files).map(([file, content]) => {
      writeAtomic(join(target, file), content);
      return join(target, file);
    });
  });
}

/** Where a table's rows come from: its runs say it, and what was kept of earlier ones. */
function originsOfTable({ runs, origins }: Records, name: string): Origin[] {
  const mine = runs.filter(({ cell }) => `${cell.experiment}.${cell.scale}` === name);
  return mergeOrigins([...originsOfRuns(mine), ...(origins.get(name) ?? [])]);
}

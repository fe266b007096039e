/** Tables that were kept of earlier runs, and are read as the runs themselves would be. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isThere } from '../../src/store/regular.js';
import { fromCsv, fromLines } from './csv.js';
import { named, type TableRow } from './rows.js';

/**
 * Tables that `gowide report --tables` wrote: final figures (.csv) and logged rows (.jsonl), by experiment and scale.
 */
export function keptTables(folder: string): string[] {
  if (!isThere(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[\w-]+\.[a-z]+\.(csv|jsonl)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** The rows of a kept table. Throws RangeError on a file that is none. */
export function keptRows(file: string): TableRow[] {
  const [experiment, scale] = basename(file).split('.') as [string, string];
  const text = readFileSync(file, 'utf8');
  return (file.endsWith('.csv') ? fromCsv(text) : fromLines(text)).map(({ arm, seed, run, values }) => ({
    ...named({ run, experiment, arm, scale, seed }),
    values,
  }));
}

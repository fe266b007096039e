/** Runs to tidy rows: one row per logged line of each finished run, with the names of the run beside it. */
import type { Row } from '../src/core/run.js';
import { listRuns, readMetrics, type RunRecord } from '../src/store/runs.js';

export interface TableRow {
  readonly run: string;
  readonly experiment: string;
  readonly arm: string;
  readonly scale: string;
  readonly seed: number;
  readonly values: Row;
}

export interface Records {
  readonly runs: readonly RunRecord[];
  readonly rows: readonly TableRow[];
  /** Final figures of each run, as one row. */
  readonly results: readonly TableRow[];
  /** One line for everything that is not in the tables: unfinished runs, and folders that cannot be read. */
  readonly problems: readonly string[];
}

/** Reads every finished run below the given folders. Nothing that is damaged or unfinished enters a table. */
export function readRecords(folders: readonly string[]): Records {
  const runs: RunRecord[] = [];
  const rows: TableRow[] = [];
  const results: TableRow[] = [];
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    const listing = listRuns(folder);
    problems.push(...listing.problems);
    for (const run of listing.runs) {
      if (run.status !== 'finished') {
        problems.push(`${run.folder}: ${run.status}, not shown`);
        continue;
      }
      if (seen.has(run.id)) continue;
      seen.add(run.id);
      try {
        const { experiment, arm, scale, seed } = run.cell;
        const row = (values: Row): TableRow => ({ run: run.id, experiment, arm, scale, seed, values });
        rows.push(...readMetrics(run).map(row));
        results.push(row(run.result!));
        runs.push(run);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
  }
  return { runs, rows, results, problems };
}

/** A number of a row. Throws RangeError when it is none: a table that lost a column must not become a figure. */
export function numberAt(row: TableRow, key: string): number {
  const value = row.values[key];
  if (typeof value !== 'number') throw new RangeError(`run ${row.run}: expected a number in "${key}", got ${JSON.stringify(value)}`);
  return value;
}

/** Groups by a key, in the order of first appearance. */
export function groupBy<T>(items: readonly T[], key: (item: T) => string | number): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = String(key(item));
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

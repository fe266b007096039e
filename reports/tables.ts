/** Runs to tidy rows: one row per logged line of each finished run, with the names of the run beside it. */
import { hashOf, type Json } from '../src/core/json.js';
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

/** Finished runs below the given folders, each id once, and a line for everything else. */
function finishedRuns(folders: readonly string[]): { runs: RunRecord[]; problems: string[] } {
  const listings = folders.map((folder) => listRuns(folder));
  const all = listings.flatMap(({ runs }) => runs);
  const finished = new Map(all.filter((run) => run.status === 'finished').map((run) => [run.id, run]));
  const open = all.filter((run) => run.status !== 'finished').map((run) => `${run.folder}: ${run.status}, not shown`);
  return { runs: [...finished.values()], problems: [...listings.flatMap(({ problems }) => problems), ...open] };
}

/**
 * Of runs that bear the same names (experiment, arm, scale) only those with the spec that was begun last: a declaration that changed
 * between two versions of this program must not enter one table with its successor. Custom runs are all kept.
 */
function oneSpecEach(runs: readonly RunRecord[]): { kept: RunRecord[]; problems: string[] } {
  const begun = (run: RunRecord): string => run.environments[0]?.started ?? '';
  const groups = groupBy(runs, ({ id, cell }) => (cell.scale === 'custom' ? id : JSON.stringify([cell.experiment, cell.arm, cell.scale])));
  const kept: RunRecord[] = [];
  const problems: string[] = [];
  for (const group of groups.values()) {
    const specOf = (run: RunRecord): string => hashOf(run.cell.spec as Json);
    const newest = specOf(group.reduce((last, run) => (begun(run) > begun(last) ? run : last)));
    const [mine, others] = [group.filter((run) => specOf(run) === newest), group.filter((run) => specOf(run) !== newest)];
    kept.push(...mine);
    if (others.length > 0) {
      const { experiment, arm, scale } = group[0]!.cell;
      problems.push(`${experiment} ${arm}, scale ${scale}: ${others.length} runs with another spec than the newest are left out: ${others.map((run) => run.id).join(', ')}`);
    }
  }
  return { kept, problems };
}

/** Reads every finished run below the given folders. Nothing that is damaged, unfinished or of an older declaration enters a table. */
export function readRecords(folders: readonly string[]): Records {
  const found = finishedRuns(folders);
  const { kept, problems: older } = oneSpecEach(found.runs);
  const problems = [...found.problems, ...older];
  const runs: RunRecord[] = [];
  const rows: TableRow[] = [];
  const results: TableRow[] = [];
  for (const run of kept) {
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
  return { runs, rows, results, problems };
}

/** A number of a row. Throws RangeError when it is none: a table that lost a column must not become a figure. */
export function numberAt(row: TableRow, key: string): number {
  const value = row.values[key];
  if (typeof value !== 'number') throw new RangeError(`run ${row.run}: expected a number in "${key}", got ${JSON.stringify(value)}`);
  return value;
}

/** Flat records as comma-separated values; the columns are all keys, in the order in which they occur. What is missing or null is empty. */
export function csv(data: readonly Readonly<Record<string, string | number | null>>[]): string {
  const columns = [...new Set(data.flatMap((datum) => Object.keys(datum)))];
  const quote = (value: string | number | null | undefined): string =>
    typeof value === 'string' && /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : String(value ?? '');
  return [columns.join(','), ...data.map((datum) => columns.map((column) => quote(datum[column])).join(','))].join('\n');
}

/** Ids of the runs that the rows come from, each once. */
export function runIds(rows: readonly TableRow[]): string[] {
  return [...new Set(rows.map((row) => row.run))];
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

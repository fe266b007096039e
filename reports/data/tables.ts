/** Rows of records as the tables that are kept of them: final figures as CSV, what else was logged as lines of JSON. */
import { FRONTIERS } from '../../experiments/frontiers.js';
import { CUSTOM_SCALE } from '../../src/core/experiment.js';
import { isScore, NUMBERS, toCsv, toLines, type LoggedRow, type ResultRow } from './csv.js';
import { frontierRows } from './frontier.js';
import { mergeOrigins, originFile, originsOfRuns, type Origin } from './origins.js';
import type { Records } from './records.js';
import { groupBy } from '../../src/core/group.js';
import { oncePer } from '../../src/core/memo.js';
import { rowsOfExperiment, type TableRow } from './rows.js';

const KIND = 'train';

/** Events of training runs that figures and claims are made of. */
const KEPT_EVENTS: readonly unknown[] = ['discrepancy', 'hybrid', 'alone', 'merge', 'block'];

/** Rows of one experiment at one scale, in the order in which they are kept. */
export interface KeptRows {
  readonly experiment: string;
  readonly scale: string;
  readonly results: readonly ResultRow[];
  readonly logged: readonly LoggedRow[];
}

function toResult({ arm, seed, run, values }: TableRow): ResultRow {
  const scores = Object.keys(values).filter(isScore);
  const numbers = [...NUMBERS, ...scores].map(
    (column) => [column, typeof values[column] === 'number' ? values[column] : null] as const,
  );
  return { arm, seed, run, values: Object.fromEntries(numbers) };
}

function sorted<T extends { readonly arm: string; readonly seed: number }>(rows: readonly T[]): T[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...rows].sort((a, b) => compare(a.arm, b.arm) || a.seed - b.seed);
}

/** The name of the table that has a row or a run. */
function nameOf({ experiment, scale }: Pick<TableRow, 'experiment' | 'scale'>): string {
  return `${experiment}.${scale}`;
}

/**
 * Rows of results, with those of runs that a frontier shares with another experiment under the frontier's names, too:
 * in a folder a run is kept once, and a table has all that its experiment declares.
 */
const withShared = oncePer((results: readonly TableRow[]): readonly TableRow[] => {
  const shared = Object.values(FRONTIERS).flatMap((frontier) => {
    const own = rowsOfExperiment(results, frontier.experiment).length;
    return frontierRows(frontier, results).slice(own);
  });
  return [...results, ...shared];
});

/** The rows to keep, by experiment and declared scale. */
export function keptRowsOf({ runs, rows, results }: Pick<Records, 'runs' | 'rows' | 'results'>): KeptRows[] {
  const cells = new Map(runs.map(({ id, cell }) => [id, cell]));
  // rows of kept tables have no run here: they were chosen when they were written
  const isResult = ({ run, scale }: TableRow): boolean =>
    scale !== CUSTOM_SCALE && (cells.get(run)?.kind ?? KIND) === KIND;
  const isKept = ({ run, scale, values }: TableRow): boolean =>
    scale !== CUSTOM_SCALE && (cells.get(run)?.kind !== KIND || KEPT_EVENTS.includes(values.event));
  const byName = groupBy(withShared(results).filter(isResult), nameOf);
  const logged = groupBy(rows.filter(isKept), nameOf);
  return [...new Set([...byName.keys(), ...logged.keys()])].map((name) => {
    const [experiment, scale] = name.split('.') as [string, string];
    return {
      experiment,
      scale,
      results: sorted((byName.get(name) ?? []).map(toResult)),
      logged: sorted(
        (logged.get(name) ?? []).map(({ arm, seed, run, values }): LoggedRow => ({ arm, seed, run, values })),
      ),
    };
  });
}

/** The tables of some rows as text, by the names of their files. */
export function tablesOf({ experiment, scale, results, logged }: KeptRows): Record<string, string> {
  const name = `${experiment}.${scale}`;
  return {
    ...(results.length > 0 && { [`${name}.csv`]: toCsv(results) }),
    ...(logged.length > 0 && { [`${name}.jsonl`]: toLines(logged) }),
  };
}

type OriginRecords = Pick<Records, 'runs' | 'origins' | 'results'>;

/** Where the rows of a table come from: of its runs, and of what was kept. */
export function originsOfTable({ runs, origins, results }: OriginRecords, name: string): Origin[] {
  // a run that two experiments declare has another arm in the other one's table
  const arms = new Map(
    withShared(results)
      .filter((row) => nameOf(row) === name)
      .map(({ run, arm }) => [run, arm]),
  );
  const mine = runs.filter(({ id, cell }) => nameOf(cell) === name || arms.has(id));
  const made = originsOfRuns(mine, ({ id, cell }) => arms.get(id) ?? cell.arm);
  return mergeOrigins([...made, ...(origins.get(name) ?? [])]).map(({ arms: times, ...origin }) => ({
    ...origin,
    ...(times !== undefined && { arms: times.map((one) => ({ ...one, seconds: Number(one.seconds.toFixed(1)) })) }),
  }));
}

/** The file beside a table that says where its rows come from, by its name. */
export function originTables(records: OriginRecords, name: string): Record<string, string> {
  const all = originsOfTable(records, name);
  return all.length === 0 ? {} : { [originFile(name)]: `${JSON.stringify(all, null, 1)}\n` };
}

/** What a sweep has to do: its cells with those that they require, and which of them the store still lacks. */
import { runnerOf, type Platform, type Runner } from '../core/experiment.js';
import { cellId, type Cell } from '../core/run.js';
import { changedInput, changedSince, readInputs, type Input } from '../store/inputs.js';
import {
  DamagedError,
  folderOf,
  indexRuns,
  inputsOf,
  isFinished,
  readRun,
  setDamagedAside,
  whileIdle,
} from '../store/runs.js';
import type { Costs } from './progress.js';

/** The work of a sweep. Every map is keyed by the ids of cells, and lists a cell after those that it requires. */
export interface Work extends Costs {
  /** Every cell of the sweep, and every cell that one of them requires. */
  readonly all: ReadonlyMap<string, Cell>;
  /** Ids of the cells that each cell requires. */
  readonly required: ReadonlyMap<string, readonly string[]>;
  /** The cells that are not finished in the store. */
  readonly open: ReadonlyMap<string, Cell>;
}

/**
 * The work that a sweep over `cells` has to do in the store `out`. A finished run with damaged files is set aside, with
 * a notice, and its cell counts as open. Costs are those on `platform`. Throws UsageError on a cell whose kind has no
 * runner.
 */
export function workOf(
  out: string,
  cells: readonly Cell[],
  runners: Readonly<Record<string, Runner>>,
  notice: (line: string) => void,
  platform?: Platform,
): Work {
  const all = withRequired(cells, runners);
  const index = indexRuns(out);
  const done = (cell: Cell): boolean => {
    try {
      return isFinished(out, cell, index);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      const folder = folderOf(out, cell, index);
      // a process that is at work on it has seen what is damaged
      whileIdle(folder, () => setDamagedAside(out, folder, error, notice));
      return false;
    }
  };
  const costs = new Map([...all].map(([id, cell]) => [id, runnerOf(cell, runners).cost(cell, platform)]));
  const open = new Map([...all].filter(([, cell]) => !done(cell)));
  const steps = new Map<string, number>();
  for (const [id, cell] of open) {
    const own = runnerOf(cell, runners).steps?.(cell);
    if (own !== undefined) steps.set(id, own);
  }
  const sum = (ids: Iterable<string>): number => [...ids].reduce((total, id) => total + costs.get(id)!, 0);
  const total = sum(costs.keys());
  const required = new Map([...all].map(([id, cell]) => [id, runnerOf(cell, runners).requires(cell).map(cellId)]));
  return { all, required, costs, steps, open, total, done: open.size === 0 ? total : total - sum(open.keys()) };
}

/**
 * Cells and all that they require, by id, each after those that it requires. Throws UsageError on a cell whose kind
 * has no runner.
 */
export function withRequired(cells: readonly Cell[], runners: Readonly<Record<string, Runner>>): Map<string, Cell> {
  const all = new Map<string, Cell>();
  const add = (cell: Cell): void => {
    const id = cellId(cell);
    if (all.has(id)) return;
    runnerOf(cell, runners).requires(cell).forEach(add);
    all.set(id, cell);
  };
  cells.forEach(add);
  return all;
}

/**
 * Compares the files that finished runs of a sweep read with what they held then. Throws UsageError naming one that has
 * changed since, and InterruptedError when `signal` fires.
 */
export async function checkInputs(
  out: string,
  { all, open }: Pick<Work, 'all' | 'open'>,
  runners: Readonly<Record<string, Runner>>,
  { signal, notice }: { readonly signal?: AbortSignal; readonly notice: (line: string) => void },
): Promise<void> {
  const index = indexRuns(out);
  const read = new Map<string, Promise<Input[]>>();
  let said = false;
  const progress = (_: number, total: number): void => {
    if (!said && total > 2 ** 30) notice(`Comparing ${(total / 2 ** 30).toFixed(1)} GiB of data with what runs read.`);
    said = true;
  };
  for (const [id, cell] of all) {
    const files = runnerOf(cell, runners).files?.(cell) ?? [];
    if (open.has(id) || files.length === 0) continue;
    const run = readRun(folderOf(out, cell, index));
    const noted = inputsOf(run);
    if (noted.length === 0) continue;
    const key = JSON.stringify(files);
    if (!read.has(key)) read.set(key, readInputs(files, { ...(signal && { signal }), progress }));
    const changed = changedInput(noted, await read.get(key)!);
    if (changed !== undefined) throw changedSince(run.folder, changed);
  }
}

/** Runs many cells on this machine, several processes at once; what is finished is not run again. */
import { FailureError, InterruptedError } from '../../core/errors.js';
import { cellId, type Cell } from '../../core/run.js';
import { DamagedError, folderOf, indexRuns, isFinished, setDamagedAside } from '../../store/runs.js';
import { Crew, type CrewOptions } from '../crew.js';
import { Tally, type Costs } from '../tally.js';

export interface PoolOptions extends CrewOptions {
  readonly signal: AbortSignal;
  /** A line for the user; the same line comes once. */
  readonly notice: (line: string) => void;
  /** `share` of all cells' work that is done, 0 to 1. */
  readonly progress: (cell: Cell, stage: string, done: number, total: number, share: number) => void;
}

/**
 * Cells, and those that they require, required ones first; the ids of what each requires, and what is still to be done.
 */
export interface Work extends Costs {
  readonly all: ReadonlyMap<string, Cell>;
  readonly required: ReadonlyMap<string, readonly string[]>;
  readonly open: ReadonlyMap<string, Cell>;
}

/** What there is to do. Finished runs with damaged files are set aside, with a notice, and count as open. */
export function workOf(
  out: string,
  cells: readonly Cell[],
  runners: PoolOptions['runners'],
  notice: (line: string) => void,
): Work {
  const all = withRequired(cells, runners);
  const index = indexRuns(out);
  const done = (cell: Cell): boolean => {
    try {
      return isFinished(out, cell, index);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      setDamagedAside(out, folderOf(out, cell, index), error, notice);
      return false;
    }
  };
  const costs = new Map([...all].map(([id, cell]) => [id, runners[cell.kind]!.cost(cell)]));
  const open = new Map([...all].filter(([, cell]) => !done(cell)));
  const sum = (ids: Iterable<string>): number => [...ids].reduce((total, id) => total + costs.get(id)!, 0);
  const total = sum(costs.keys());
  const required = new Map([...all].map(([id, cell]) => [id, runners[cell.kind]!.requires(cell).map(cellId)]));
  return { all, required, costs, open, total, done: open.size === 0 ? total : total - sum(open.keys()) };
}

/**
 * Runs all that is open; cells that others require come first. Throws InterruptedError when it was stopped, and the
 * first failure after the cells that were already at work have ended.
 */
export async function runPool(work: Work, given: PoolOptions): Promise<void> {
  const said = new Set<string>();
  const notice = (line: string): void => {
    if (!said.has(line)) given.notice(line);
    said.add(line);
  };
  const { required } = work;
  const tally = new Tally(work);
  const waiting = new Map(work.open);
  const active = new Set<Promise<void>>();
  const crew = new Crew(given);
  let failure: Error | undefined;
  const stop = (): void => crew.stop();
  given.signal.addEventListener('abort', stop);
  const start = (id: string, cell: Cell): void => {
    waiting.delete(id);
    tally.note(id, 0, 1);
    const progress = (stageCell: Cell, stage: string, step: number, steps: number): void => {
      if (cellId(stageCell) === id) tally.note(id, step, steps);
      given.progress(stageCell, stage, step, steps, tally.share);
    };
    const one = crew
      .run(cell, { notice, progress })
      .then(() => tally.end(id, { finished: true }))
      .catch((error: unknown) => {
        failure ??= error as Error;
        tally.end(id, { finished: false });
      })
      .finally(() => active.delete(one));
    active.add(one);
  };
  const ready = (): [string, Cell] | undefined => {
    for (const [id, cell] of waiting)
      if (required.get(id)!.every((other) => !waiting.has(other) && !tally.atWork(other))) return [id, cell];
    return undefined;
  };
  try {
    while ((waiting.size > 0 && failure === undefined && !given.signal.aborted) || active.size > 0) {
      const next = failure !== undefined || given.signal.aborted ? undefined : ready();
      if (next !== undefined && crew.mayStart(next[1])) start(...next);
      else if (active.size > 0) await Promise.race(active);
      else break;
    }
  } finally {
    given.signal.removeEventListener('abort', stop);
    crew.close();
  }
  if (given.signal.aborted) throw new InterruptedError('stopped; finished runs are kept, unfinished ones are saved');
  if (failure !== undefined) throw failure;
}

/** Cells by id, each after those that it requires. */
export function withRequired(cells: readonly Cell[], runners: PoolOptions['runners']): Map<string, Cell> {
  const all = new Map<string, Cell>();
  const add = (cell: Cell): void => {
    const id = cellId(cell);
    if (all.has(id)) return;
    const runner = runners[cell.kind];
    if (runner === undefined) throw new FailureError(`no runner for runs of the kind "${cell.kind}"`);
    runner.requires(cell).forEach(add);
    all.set(id, cell);
  };
  cells.forEach(add);
  return all;
}

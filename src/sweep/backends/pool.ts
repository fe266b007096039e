/** A sweep on this machine, in several processes at once; what is finished is not run again. */
import { DivergedError, few, InterruptedError, messageOf, SavedError } from '../../core/errors.js';
import { cellId, nameOf, type Cell } from '../../core/run.js';
import { UnsavedError } from '../child.js';
import { WorkerPool, type WorkerPoolOptions } from '../worker-pool.js';
import { StartOrder } from '../order.js';
import { graceSeconds } from '../orphan.js';
import { SweepProgress, type SweepReporter } from '../progress.js';
import { checkInputs, workOf, type Work } from '../work.js';
import { defineBackend, type LocalSweep } from './backend.js';

/** How a sweep runs on this machine. */
export interface PoolOptions extends WorkerPoolOptions {
  readonly signal: AbortSignal;
  /** Prints a line for the user; a line that several processes send is printed once. */
  readonly notice: (line: string) => void;
  readonly progress: SweepReporter;
}

/**
 * Runs the open cells of a sweep, those that others require first. Throws InterruptedError when it was stopped, which
 * says what became of the cells at work, and the first failure after the cells that were already at work have ended.
 * A cell that diverges holds up no other: DivergedError names the first such cell when all have been tried.
 */
export async function runPool(work: Work, given: PoolOptions): Promise<void> {
  const said = new Set<string>();
  const notice = (line: string): void => {
    if (!said.has(line)) given.notice(line);
    said.add(line);
  };
  const { required } = work;
  let settled = false;
  const sweepProgress = new SweepProgress(work, undefined, () => settled);
  const waiting = new StartOrder(work, given.jobs);
  const active = new Set<Promise<void>>();
  const workers = new WorkerPool(given);
  const stopped: Stopped = { saved: 0, late: [], gone: [] };
  const diverged: DivergedError[] = [];
  let failure: Error | undefined;
  const stop = (): void => workers.stop();
  given.signal.addEventListener('abort', stop);
  const start = (id: string, cell: Cell): void => {
    waiting.take(id);
    sweepProgress.note(id, 0, 1);
    const progress = (stageCell: Cell, stage: string, step: number, steps: number): void => {
      if (cellId(stageCell) === id) sweepProgress.note(id, step, steps, stage);
      given.progress(stageCell, stage, step, steps, sweepProgress);
    };
    const one = workers
      .run(cell, { notice, progress })
      .then(() => sweepProgress.end(id, { finished: true }))
      .catch((error: unknown) => {
        if (error instanceof SavedError) stopped.saved++;
        else if (error instanceof UnsavedError) stopped[error.late ? 'late' : 'gone'].push(nameOf(cell));
        else if (error instanceof DivergedError) diverged.push(error);
        else if (!(error instanceof InterruptedError)) failure ??= error as Error;
        sweepProgress.end(id, { finished: false });
      })
      .finally(() => active.delete(one));
    active.add(one);
  };
  const ready = (id: string): boolean =>
    required.get(id)!.every((other) => !waiting.has(other) && !sweepProgress.atWork(other));
  // one that is ready, though it may have to wait; while the engine is being set up, one that needs none
  const next = (): [string, Cell] | undefined =>
    waiting.next((id, cell) => ready(id) && (settled || workers.mayStart(cell)));
  const engine = workers.engineReady
    .catch((error: unknown) => void (failure ??= error as Error))
    .finally(() => (settled = true));
  try {
    while ((waiting.size > 0 && failure === undefined && !given.signal.aborted) || active.size > 0) {
      const found = failure !== undefined || given.signal.aborted ? undefined : next();
      if (found !== undefined && workers.mayStart(found[1])) start(...found);
      else if (!settled) await Promise.race([engine, ...active]);
      else if (active.size > 0) await Promise.race(active);
      else break;
    }
  } finally {
    given.signal.removeEventListener('abort', stop);
    workers.close();
  }
  if (given.signal.aborted) throw new InterruptedError(whatWasKept(stopped, failure));
  if (failure !== undefined) throw failure;
  if (diverged.length > 0) throw divergedOf(diverged);
}

/** One error for all cells that diverged; one that needs another diverges with it, in the same words. */
function divergedOf([first, ...others]: readonly DivergedError[]): DivergedError {
  if (others.length === 0) return first!;
  return new DivergedError(`${others.length + 1} runs diverged, the others are finished; the first: ${first!.message}`);
}

/** What became of the cells that were at work when a sweep was stopped; of those that had nothing to save, nothing. */
interface Stopped {
  saved: number;
  /** Names of those whose time to save was over. */
  readonly late: string[];
  /** Names of those whose process ended by itself before it had saved. */
  readonly gone: string[];
}

/** The line that says what a stopped sweep has kept, and what it has not. */
function whatWasKept({ saved, late, gone }: Stopped, failure: Error | undefined): string {
  const parts = ['stopped; finished runs are kept'];
  if (saved > 0) parts.push(`, ${saved} unfinished ${saved === 1 ? 'one is' : 'ones are'} saved`);
  const named = (names: readonly string[]): string => few(names, 3, '; ');
  if (late.length > 0) parts.push(`; not saved within ${graceSeconds()} s: ${named(late)}`);
  if (gone.length > 0) parts.push(`; not saved, as the process ended: ${named(gone)}`);
  const lost = late.length + gone.length;
  if (lost > 0) parts.push(`; ${lost === 1 ? 'it goes' : 'they go'} back to the last saved state, if any`);
  if (failure !== undefined) parts.push(`; before that: ${messageOf(failure)}`);
  return parts.join('');
}

/** Runs the open cells of a sweep on this machine, and sets the machine up only where there are some. */
export async function runHere(sweep: LocalSweep): Promise<void> {
  const { cells, out, runners, platform, signal, notice, progress, workers } = sweep;
  const work = workOf(out, cells, runners, notice, platform);
  await checkInputs(out, work, runners, { signal, notice });
  if (work.open.size === 0) return;
  const options = await workers([...work.open.values()]);
  await runPool(work, { ...options, signal, notice, progress: progress(work.done / work.total) });
}

/** The worker pool of this machine: the back end of every command that is not told of another. */
export const POOL = defineBackend({
  name: 'pool',
  description: 'processes of this machine (the default)',
  options: {},
  run: async (sweep) => {
    await runHere(sweep);
    return { state: 'finished', cells: sweep.cells };
  },
});

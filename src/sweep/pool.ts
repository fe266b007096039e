/** Runs many cells on this machine, one process each, several at once; what is finished is not run again. */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { FailureError, InterruptedError, UsageError } from '../core/errors.js';
import type { Runner } from '../core/experiment.js';
import { cellId, type Cell } from '../core/run.js';
import type { EngineChoice } from '../engine/choose.js';
import { isFinished } from '../store/runs.js';
import type { Job, Message } from './worker.js';

export interface PoolOptions {
  readonly out: string;
  readonly engine: EngineChoice;
  readonly jobs: number;
  readonly command: string;
  readonly runners: Readonly<Record<string, Runner>>;
  readonly signal: AbortSignal;
  /** Arguments that make this program a worker. */
  readonly worker: { readonly module: string; readonly args: readonly string[] };
  /** A line for the user; the same line comes once. */
  readonly notice: (line: string) => void;
  /** `share` of all cells' work that is done, 0 to 1. */
  readonly progress: (cell: Cell, stage: string, done: number, total: number, share: number) => void;
}

/** Share of the work of these cells, and of those that they require, that is finished, 0 to 1. */
export function finishedShare(out: string, cells: readonly Cell[], runners: PoolOptions['runners']): number {
  const all = [...withRequired(cells, runners).values()];
  const cost = (list: readonly Cell[]): number => list.reduce((sum, cell) => sum + runners[cell.kind]!.cost(cell), 0);
  const finished = all.filter((cell) => isFinished(out, cell));
  return finished.length === all.length ? 1 : cost(finished) / cost(all);
}

/**
 * Runs all cells; those that others require come first. Throws InterruptedError when it was stopped, and the first failure after
 * the cells that were already at work have ended.
 */
export async function runPool(cells: readonly Cell[], given: PoolOptions): Promise<void> {
  const said = new Set<string>();
  const notice = (line: string): void => {
    if (!said.has(line)) given.notice(line);
    said.add(line);
  };
  const options = { ...given, notice };
  const all = withRequired(cells, options.runners);
  const waiting = new Map([...all].filter(([, cell]) => !isFinished(options.out, cell)));
  const required = new Map([...all].map(([id, cell]) => [id, options.runners[cell.kind]!.requires(cell).map(cellId)]));
  const shares = new Map<string, number>();
  const costs = new Map([...all].map(([id, cell]) => [id, options.runners[cell.kind]!.cost(cell)]));
  const total = [...costs.values()].reduce((sum, cost) => sum + cost, 0);
  const active = new Set<Promise<void>>();
  const children = new Set<ChildProcess>();
  let failure: Error | undefined;
  const stop = (): void => children.forEach((child) => child.kill('SIGTERM'));
  options.signal.addEventListener('abort', stop);
  const share = (): number => {
    const open = [...waiting.keys()].reduce((sum, id) => sum + costs.get(id)!, 0);
    const atWork = [...shares].reduce((sum, [id, part]) => sum + costs.get(id)! * (1 - part), 0);
    return Math.max(0, 1 - (open + atWork) / total);
  };
  const start = (id: string, cell: Cell): void => {
    waiting.delete(id);
    shares.set(id, 0);
    const work = runInChild(cell, options, children, (stageCell, stage, done, total) => {
      if (cellId(stageCell) === id) shares.set(id, total > 0 ? done / total : 0);
      options.progress(stageCell, stage, done, total, share());
    })
      .catch((error: unknown) => {
        failure ??= error as Error;
      })
      .finally(() => {
        shares.delete(id);
        active.delete(work);
      });
    active.add(work);
  };
  try {
    while ((waiting.size > 0 && failure === undefined && !options.signal.aborted) || active.size > 0) {
      const stopped = failure !== undefined || options.signal.aborted;
      const next = stopped ? undefined : [...waiting].find(([id]) => required.get(id)!.every((other) => !waiting.has(other) && !shares.has(other)));
      if (next !== undefined && active.size < options.jobs) start(...next);
      else if (active.size > 0) await Promise.race(active);
      else break;
    }
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
  if (options.signal.aborted) throw new InterruptedError('stopped; finished runs are kept, unfinished ones are saved');
  if (failure !== undefined) throw failure;
}

function withRequired(cells: readonly Cell[], runners: PoolOptions['runners']): Map<string, Cell> {
  const all = new Map<string, Cell>();
  const add = (cell: Cell): void => {
    const runner = runners[cell.kind];
    if (runner === undefined) throw new FailureError(`no runner for runs of the kind "${cell.kind}"`);
    for (const required of runner.requires(cell)) add(required);
    if (!all.has(cellId(cell))) all.set(cellId(cell), cell);
  };
  cells.forEach(add);
  return all;
}

async function runInChild(
  cell: Cell,
  { out, engine, command, worker, notice, jobs }: PoolOptions,
  children: Set<ChildProcess>,
  progress: (cell: Cell, stage: string, done: number, total: number) => void,
): Promise<void> {
  // Several runs at once share the cores.
  const env = { ...process.env, GOWIDE_THREADS: process.env.GOWIDE_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / jobs))) };
  // Its own process group: Ctrl-C reaches the parent alone, which stops its children in an orderly way.
  const child = fork(worker.module, [...worker.args], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: process.platform !== 'win32' });
  children.add(child);
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4000)));
  try {
    await new Promise<void>((resolve, reject) => {
      let settled = false;
      child.on('message', (message: Message) => {
        if (message.type === 'progress') return progress(message.cell, message.stage, message.done, message.total);
        if (message.type === 'notice') return notice(message.line);
        settled = true;
        if (message.type === 'done') resolve();
        else reject(rebuild(message));
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        if (!settled)
          reject(
            new FailureError(
              `${cell.experiment} ${cell.arm}, seed ${cell.seed}: its process ended with ${signal ?? `status ${code}`}; run the same command again to go on. ${errors.trim().split('\n').at(-1) ?? ''}`.trim(),
            ),
          );
      });
      child.send({ cell, out, engine, command } satisfies Job);
    });
  } finally {
    children.delete(child);
  }
}

/** The worker's error with its class, so that the exit status is right. */
function rebuild({ name, message, stack }: Extract<Message, { type: 'error' }>): Error {
  const known = { UsageError, InterruptedError, FailureError }[name];
  const error = known === undefined ? new FailureError(message) : new known(message);
  error.stack = stack;
  return error;
}

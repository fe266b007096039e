/** A worker: takes cells from a queue, runs each in a process of its own, and sends the finished runs back. */
import { UnrecoverableError, WaitingError, Worker, type Job } from 'bullmq';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError, InterruptedError, messageOf } from '../../../core/errors.js';
import { cellId, parseCell, type Cell } from '../../../core/run.js';
import { DamagedError, isFinished } from '../../../store/runs.js';
import { WorkerPool, type WorkerPoolOptions } from '../../worker-pool.js';
import { fetchTransfer, sendTransfer } from './transfer.js';
import { cancelKey, jobOfCell, nameOf, wantedKey, type CellJob, type Place } from './queue.js';
import { connect, PREFIX } from './redis.js';

export interface RemoteOptions extends WorkerPoolOptions, Place {
  readonly signal: AbortSignal;
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
  /** Ends when the queue has been empty for so long; undefined: works until it is stopped. */
  readonly idleSeconds?: number;
  /** How long a worker that says nothing keeps its cell. */
  readonly lockSeconds: number;
}

/** A cell whose worker died is given to another; so often before it is taken to be the cell that kills them. */
const MAX_DEATHS = 20;

/** Works until it is stopped, or the queue stays empty. Throws FailureError when there is no Redis. */
export async function serveQueue(
  options: RemoteOptions,
): Promise<{ readonly finished: number; readonly failed: number }> {
  const { name, signal, notice } = options;
  const redis = await connect(options.url, notice);
  // a connection of its own: it waits for cells
  const waiting = redis.duplicate();
  waiting.on('error', () => {});
  const workers = new WorkerPool(options);
  const counts = { finished: 0, failed: 0 };
  let lastWork = performance.now();
  let active = 0;

  const takeRequired = async ({ required }: CellJob): Promise<void> => {
    for (const cell of required) {
      if (isWhole(options.out, cell)) continue;
      if ((await fetchTransfer(redis, name, options.out, parseCell(cell))) === undefined)
        throw new FailureError(`${nameOf(cell)}, which it needs, is not in the queue`);
    }
  };
  const runJob = async (job: Job<CellJob>, token: string | undefined): Promise<string> => {
    const cell = parseCell(job.data.cell);
    const id = cellId(cell);
    if (jobOfCell(id) !== job.id)
      throw new UnrecoverableError(
        `${nameOf(cell)}: its id is ${id} here and ${job.id} where it was sent: another version of this program`,
      );
    const runner = options.runners[cell.kind];
    if (runner === undefined) throw new UnrecoverableError(`no runner for runs of the kind "${cell.kind}"`);
    let said = 0;
    try {
      runner.check(cell);
      if (!isWhole(options.out, cell)) {
        await takeRequired(job.data);
        while (!workers.mayStart(cell) && !signal.aborted) await sleep(200);
        if (signal.aborted) throw new InterruptedError('stopped');
        await workers.run(cell, {
          notice,
          progress: (at, stage, done, total) => {
            if (cellId(at) !== id) return;
            options.progress(at, stage, done, total);
            if (performance.now() - said < 2000) return;
            said = performance.now();
            job.updateProgress({ stage, done, total }).catch(() => {});
          },
        });
      }
      if (await redis.sismember(wantedKey(name), id)) await sendTransfer(redis, name, options.out, cell);
      return hostname();
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      if (await redis.exists(cancelKey(name))) throw new UnrecoverableError('the sweep was cancelled');
      await job.moveToWait(token);
      throw new WaitingError();
    }
  };
  const worker = new Worker<CellJob>(
    name,
    async (job, token) => {
      active++;
      try {
        return await runJob(job, token);
      } finally {
        active--;
        lastWork = performance.now();
      }
    },
    {
      connection: waiting,
      prefix: PREFIX,
      concurrency: options.jobs,
      name: `${hostname()}-${process.pid}`,
      lockDuration: options.lockSeconds * 1000,
      stalledInterval: (options.lockSeconds * 1000) / 2,
      maxStalledCount: MAX_DEATHS,
    },
  );
  worker.on('error', (error) => {
    // a lock that was lost while Redis was away: the cell is given out again, and found finished
    if (!/ECONNREFUSED|ECONNRESET|Connection is closed|Missing lock|could not renew lock|EPIPE/i.test(messageOf(error)))
      notice(messageOf(error));
  });
  worker.on('completed', () => void counts.finished++);
  worker.on('failed', (job, error) => {
    counts.failed++;
    notice(
      `${job === undefined ? 'a cell' : nameOf(job.data.cell)}: ${messageOf(error)}${job !== undefined && job.attemptsMade < (job.opts.attempts ?? 1) ? '; it will be tried again' : ''}`,
    );
  });
  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    while (!signal.aborted) {
      await Promise.race([ended, sleep(500, undefined, { ref: false })]);
      if (active > 0) {
        if (redis.status === 'ready' && (await redis.exists(cancelKey(name)))) workers.stop();
      } else if (options.idleSeconds !== undefined && performance.now() - lastWork > options.idleSeconds * 1000) break;
    }
  } finally {
    workers.stop();
    await worker.close().catch(() => {});
    workers.close();
    waiting.disconnect();
    redis.disconnect();
  }
  return counts;
}

/** A finished run with damaged files is set aside by the process that runs its cell. */
function isWhole(out: string, cell: Cell): boolean {
  try {
    return isFinished(out, cell);
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}

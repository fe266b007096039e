/** A worker of a queue: takes cells, runs each in a process of its own, and sends the finished runs back. */
import { UnrecoverableError, WaitingError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { DivergedError, FailureError, InterruptedError, messageOf } from '../../../core/errors.js';
import { cellId, nameOf, parseCell, type Cell } from '../../../core/run.js';
import { isWhole } from '../../../store/execute.js';
import { UnsavedError } from '../../child.js';
import { WorkerPool, type WorkerPoolOptions } from '../../worker-pool.js';
import { fetchTransfer, sendTransfer, transferKey } from './transfer.js';
import {
  cancelKey,
  divergedBy,
  divergedReason,
  jobOfCell,
  overKey,
  wantedKey,
  type CellJob,
  type QueueAddress,
} from './queue.js';
import { asRedisError, connect, PREFIX, withinSeconds } from './redis.js';

/** How a worker serves a queue. */
export interface QueueWorkerOptions extends WorkerPoolOptions, QueueAddress {
  readonly signal: AbortSignal;
  /** Prints a line for the user. */
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
  /** Seconds for which the queue has to be empty before the worker ends; undefined: it works until it is stopped. */
  readonly idleSeconds?: number;
  /** Seconds after which the cell of a worker that no longer answers is given to another. */
  readonly lockSeconds: number;
}

/** Times that a cell may lose its worker before it is taken to be the cell that kills them. */
const MAX_DEATHS = 20;
/** Milliseconds between two words to the sweep on how far a cell is. */
const PROGRESS_MS = 2000;
/** What BullMQ reports while Redis is away, or when a lock was lost meanwhile, which the cell's own notice says. */
const PASSING = /ECONNREFUSED|ECONNRESET|Connection is closed|Missing lock|could not renew lock|EPIPE/i;

/** Takes cells until it is stopped, or the queue stays empty. Throws FailureError when there is no Redis. */
export async function serveQueue(
  options: QueueWorkerOptions,
): Promise<{ readonly finished: number; readonly failed: number }> {
  const { name, signal, notice } = options;
  await options.tensors; // a cell that is taken can start
  const redis = await connect(options.url, notice);
  // a connection of its own: it waits for cells
  const waiting = redis.duplicate();
  waiting.on('error', () => {});
  const jobs = new JobRunner(options, redis);
  const counts = { finished: 0, failed: 0 };
  const worker = new Worker<CellJob>(name, (job, token) => jobs.run(job, token), {
    connection: waiting,
    prefix: PREFIX,
    concurrency: options.jobs,
    name: `${hostname()}-${process.pid}`,
    lockDuration: options.lockSeconds * 1000,
    stalledInterval: (options.lockSeconds * 1000) / 2,
    maxStalledCount: MAX_DEATHS,
  });
  worker.on('error', (error) => {
    if (!PASSING.test(messageOf(error))) notice(messageOf(error));
  });
  worker.on('lockRenewalFailed', (ids) => jobs.leave(ids));
  worker.on('completed', () => void counts.finished++);
  worker.on('failed', (job, error) => {
    counts.failed++;
    const cell = job === undefined ? 'a cell' : nameOf(job.data.cell);
    const isLast = error instanceof UnrecoverableError || job === undefined;
    const again = !isLast && job.attemptsMade < (job.opts.attempts ?? 1) ? '; it will be tried again' : '';
    notice(`${divergedBy(error.message) === undefined ? `${cell}: ` : ''}${messageOf(error)}${again}`);
  });
  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    while (!signal.aborted) {
      await Promise.race([ended, sleep(500, undefined, { ref: false })]);
      if (jobs.idleSeconds === 0) await jobs.stopWhenCancelled();
      else if (options.idleSeconds !== undefined && jobs.idleSeconds > options.idleSeconds) break;
    }
  } finally {
    jobs.stop();
    await Promise.race([worker.close().catch(() => {}), jobs.endedWithout(redis)]);
    jobs.close();
    waiting.disconnect();
    redis.disconnect();
  }
  return counts;
}

/** Runs the jobs of a queue on the worker pool of this machine. */
class JobRunner {
  private readonly workers: WorkerPool;
  /** What stops each job that is at work, by its id. */
  private readonly stops = new Map<string, AbortController>();
  private active = 0;
  private lastWork = performance.now();

  constructor(
    private readonly options: QueueWorkerOptions,
    private readonly redis: Redis,
  ) {
    this.workers = new WorkerPool(options);
  }

  /** Seconds since the last job ended, or 0 while one is at work. */
  get idleSeconds(): number {
    return this.active > 0 ? 0 : (performance.now() - this.lastWork) / 1000;
  }

  stop(): void {
    this.workers.stop();
  }

  /** Resolves when no process is at work and the server does not answer: nothing can be given back to it. */
  async endedWithout(redis: Redis): Promise<void> {
    for (;;) {
      await sleep(1000, undefined, { ref: false });
      if (this.workers.isBusy) continue;
      const answers = withinSeconds(5, '', () => redis.ping());
      if (!(await answers.then(() => true).catch(() => false))) return;
    }
  }

  close(): void {
    this.workers.close();
  }

  async stopWhenCancelled(): Promise<void> {
    if (this.redis.status === 'ready' && (await this.redis.exists(cancelKey(this.options.name)))) this.workers.stop();
  }

  /** Leaves jobs that the queue takes from this worker, which was not heard of for too long. */
  leave(ids: readonly string[]): void {
    for (const id of ids) this.stops.get(id)?.abort();
  }

  /**
   * Runs a job and sends its run back; returns the name of this machine. A job whose run diverged is set aside at once;
   * one whose cell was stopped goes back to the queue, unless the sweep was cancelled, or the queue has taken it back
   * already.
   */
  async run(job: Job<CellJob>, token: string | undefined): Promise<string> {
    const stop = new AbortController();
    this.stops.set(job.id!, stop);
    this.active++;
    try {
      return await this.runCell(job, stop.signal);
    } catch (error) {
      // its numbers would be the same at another attempt
      if (error instanceof DivergedError) throw new UnrecoverableError(divergedReason(job.data.cell, error.message));
      const isUnsaved = error instanceof UnsavedError;
      if (!(error instanceof InterruptedError) && !isUnsaved) throw error;
      if (await this.redis.exists(cancelKey(this.options.name)))
        throw new UnrecoverableError('the sweep was cancelled');
      if (stop.signal.aborted) {
        const { notice, lockSeconds } = this.options;
        const why = `the queue has not heard of this worker for ${lockSeconds} s and gives the cell to any`;
        const state = isUnsaved ? 'what it did since it was saved last is lost' : 'its state is saved';
        notice(`${nameOf(job.data.cell)}: ${why}; it stops here, ${state}`);
      } else {
        if (isUnsaved) this.options.notice(`${error.message}; it is given back`);
        await job.moveToWait(token);
      }
      throw new WaitingError();
    } finally {
      this.active--;
      this.lastWork = performance.now();
      if (this.stops.get(job.id!) === stop) this.stops.delete(job.id!); // else it was taken again meanwhile
    }
  }

  private async runCell(job: Job<CellJob>, left: AbortSignal): Promise<string> {
    const { name, out, signal, notice } = this.options;
    const cell = this.cellOf(job);
    if (!isWhole(out, cell)) {
      await this.takeRequired(job.data);
      const stopped = (): boolean => signal.aborted || left.aborted;
      while (!this.workers.mayStart(cell) && !stopped()) await sleep(200);
      if (stopped()) throw new InterruptedError('stopped');
      await this.workers.run(cell, { notice, progress: this.progressOf(job, cell), signal: left });
    }
    const id = cellId(cell);
    if (await this.redis.sismember(wantedKey(name), id)) {
      const sent = await sendTransfer(this.redis, name, out, cell).catch((error: unknown) => {
        throw asRedisError(error, this.options.url);
      });
      if (!sent) notice(`${nameOf(cell)}: its run is in the queue already; that one is kept, and this one is not sent`);
      // the sweep has collected another worker's copy meanwhile, and has ended: nobody would take this one
      if (await this.redis.exists(overKey(name))) await this.redis.del(transferKey(name, id));
    }
    return hostname();
  }

  /** The job's cell. Throws UnrecoverableError where this program does not run it as the one that sent it does. */
  private cellOf(job: Job<CellJob>): Cell {
    const cell = parseCell(job.data.cell);
    const id = cellId(cell);
    if (jobOfCell(id) !== job.id)
      throw new UnrecoverableError(
        `${nameOf(cell)}: its id is ${id} here and ${job.id} where it was sent: another version of this program`,
      );
    const { runners } = this.options;
    const runner = Object.hasOwn(runners, cell.kind) ? runners[cell.kind] : undefined;
    if (runner === undefined) throw new UnrecoverableError(`no runner for runs of the kind "${cell.kind}"`);
    runner.check(cell);
    return cell;
  }

  private async takeRequired({ required }: CellJob): Promise<void> {
    const { name, out } = this.options;
    for (const cell of required) {
      if (isWhole(out, cell)) continue;
      if ((await fetchTransfer(this.redis, name, out, parseCell(cell))) === undefined)
        throw new FailureError(`${nameOf(cell)}, which it needs, is not in the queue`);
    }
  }

  /** Passes progress on to the user, and less often to the sweep. */
  private progressOf(job: Job<CellJob>, cell: Cell): QueueWorkerOptions['progress'] {
    let said = 0;
    return (at, stage, done, total) => {
      if (cellId(at) !== cellId(cell)) return;
      this.options.progress(at, stage, done, total);
      if (performance.now() - said < PROGRESS_MS) return;
      said = performance.now();
      job.updateProgress({ stage, done, total }).catch(() => {});
    };
  }
}

/**
 * A sweep over many machines: cells go out as jobs of a BullMQ queue in Redis, and finished runs come back through
 * Redis into one store. The id of a job is the id of its cell, so a cell that is sent twice is one job, and a run that
 * is finished twice is stored once: what is lost on the way is done again, and nothing is done twice.
 */
import { QueueEvents, type Queue } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { DivergedError, FailureError, InterruptedError, isOrAre, messageOf, plural } from '../../../core/errors.js';
import { nameOf, type Cell } from '../../../core/run.js';
import { isFinished } from '../../../store/runs.js';
import { SweepProgress, type SweepReporter } from '../../progress.js';
import type { Work } from '../../work.js';
import {
  BATCH,
  cancelKey,
  cellOfJob,
  divergedBy,
  jobOfCell,
  openQueue,
  overKey,
  wantedKey,
  type CellJob,
  type QueueAddress,
} from './queue.js';
import { asRedisError, connect, PREFIX } from './redis.js';
import { fetchTransfer, sendTransfer, transferKey } from './transfer.js';

/** How a sweep uses a queue. */
export interface QueueOptions extends QueueAddress {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly notice: (line: string) => void;
  readonly progress: SweepReporter;
}

/** Attempts at a cell, 1, 2, 4 … seconds apart, before it is set aside. */
const ATTEMPTS = 3;
/** Seconds between two looks at every job, since events are missed while the connection is lost. */
const LOOK_SECONDS = 3;
/** Runs that are fetched at the same time. */
const FETCHES = 8;

/**
 * Sends what is open, and stores what comes back, until all is there. Throws InterruptedError when it is stopped
 * (workers go on; the same command collects), and when all others have ended FailureError that names cells which failed
 * again and again, or DivergedError where runs diverged and nothing else failed.
 */
export async function runQueue(work: Work, options: QueueOptions): Promise<void> {
  const redis = await connect(options.url, options.notice);
  const queue = openQueue(redis, options.name);
  const listening = redis.duplicate();
  listening.on('error', () => {}); // said once, by the other connection
  const events = new QueueEvents(options.name, { connection: listening, prefix: PREFIX });
  const sweep = new Sweep(work, options, redis, queue);
  events.on('error', () => {});
  queue.on('error', () => {});
  events.on('completed', ({ jobId }) => sweep.collect(cellOfJob(jobId)));
  events.on('failed', ({ jobId, failedReason }) => sweep.fail(cellOfJob(jobId), failedReason));
  events.on('progress', ({ jobId, data }) => sweep.progress(cellOfJob(jobId), data));
  try {
    await events.waitUntilReady();
    await Promise.race([sweep.run(), stoppedFor(STOP_SECONDS, options.signal)]);
  } catch (error) {
    throw asRedisError(error, options.url);
  } finally {
    // first the connections: over one to a server that has stopped nothing is closed
    listening.disconnect();
    redis.disconnect();
    await Promise.allSettled([events.close(), queue.close()]);
  }
}

/** Seconds after which a stopped sweep no longer waits for a server that does not answer. */
const STOP_SECONDS = 10;

/** Throws InterruptedError some seconds after a signal. */
async function stoppedFor(seconds: number, signal: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await sleep(seconds * 1000, undefined, { ref: false });
  throw new InterruptedError('stopped; the queue does not answer, and workers go on');
}

class Sweep {
  /** Not sent yet, sent and not stored, stored or failed. */
  private readonly waiting: Map<string, Cell>;
  private readonly sent = new Map<string, Cell>();
  private readonly failed = new Map<string, string>();
  /** Why runs diverged; they are among the failed. */
  private readonly diverged = new Map<string, string>();
  private readonly fetching = new Set<string>();
  private readonly toFetch: string[] = [];
  private readonly sweepProgress: SweepProgress;
  /** Number of open cells that need the run of each cell. */
  private readonly needed = new Map<string, number>();
  private wake: () => void = () => {};
  private broken: Error | undefined;

  constructor(
    private readonly work: Work,
    private readonly options: QueueOptions,
    private readonly redis: Redis,
    private readonly queue: Queue<CellJob>,
  ) {
    this.waiting = new Map(work.open);
    this.sweepProgress = new SweepProgress(work);
    for (const id of work.open.keys())
      for (const other of work.required.get(id)!) this.needed.set(other, (this.needed.get(other) ?? 0) + 1);
  }

  async run(): Promise<void> {
    const { signal } = this.options;
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await this.redis.del(overKey(this.options.name));
    await this.retryFailed();
    let woken = this.woken();
    await this.sendReady();
    await this.look();
    for (let looked = performance.now(); this.sent.size > 0 && !signal.aborted && this.broken === undefined;) {
      await Promise.race([woken, aborted, sleep(LOOK_SECONDS * 1000, undefined, { ref: false })]);
      // before what comes next, which is waited for: a run that is collected meanwhile wakes, too
      woken = this.woken();
      await this.sendReady();
      if (performance.now() - looked > LOOK_SECONDS * 1000) {
        await this.look();
        looked = performance.now();
      }
    }
    if (this.broken !== undefined) throw this.broken;
    if (signal.aborted)
      throw new InterruptedError(
        'stopped; workers go on, and what they finish stays in the queue until it is collected',
      );
    // what was sent once more in the moment of its collection; what comes later, its worker takes back
    await this.redis.set(overKey(this.options.name), '1', 'EX', 60);
    await this.forget([...this.work.open.keys()].filter((id) => !this.failed.has(id) && !this.waiting.has(id)));
    if (this.failed.size > this.diverged.size) throw new FailureError(this.failures());
    if (this.diverged.size > 0) throw new DivergedError(this.divergences());
  }

  /** Comes when a run was collected, or the sweep is to end, from now on. */
  private woken(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private async forget(ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += BATCH)
      await this.redis.del(...ids.slice(start, start + BATCH).map((id) => transferKey(this.options.name, id)));
  }

  private failures(): string {
    const { all } = this.work;
    const names = [...this.failed].map(([id, reason]) => `${nameOf(all.get(id)!)} (${reason})`);
    const blocked = this.waiting.size === 0 ? '' : `; ${this.waiting.size} that need them were not begun`;
    return (
      `${plural(this.failed.size, 'cell')} failed at every attempt and ${isOrAre(this.failed.size)} set aside: ` +
      `${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}${blocked}. The same command tries them again`
    );
  }

  /** Runs that diverged, in the words of a sweep on one machine. */
  private divergences(): string {
    const [first] = this.diverged.values();
    const blocked = this.waiting.size === 0 ? '' : ` (not begun, as they need one: ${this.waiting.size})`;
    return `${plural(this.diverged.size, 'run')} diverged${blocked}, the others are finished; the first: ${first}`;
  }

  /** Cells that were set aside in an earlier sweep get new attempts. */
  private async retryFailed(): Promise<void> {
    for (const job of await this.queue.getFailed())
      if (job.id !== undefined && this.waiting.has(cellOfJob(job.id))) await job.remove();
  }

  /** Sends every cell whose required runs are stored here; these travel with it, where no worker can have them. */
  private async sendReady(): Promise<void> {
    const isOpen = (id: string): boolean => this.waiting.has(id) || this.sent.has(id) || this.failed.has(id);
    const ready = [...this.waiting].filter(([id]) => !this.work.required.get(id)!.some(isOpen));
    for (let start = 0; start < ready.length && !this.options.signal.aborted; start += BATCH) {
      const batch = ready.slice(start, start + BATCH);
      const required = new Set(batch.flatMap(([id]) => this.work.required.get(id)!));
      for (const id of required)
        if (!(await this.redis.exists(transferKey(this.options.name, id))))
          await sendTransfer(this.redis, this.options.name, this.options.out, this.work.all.get(id)!);
      await this.redis.sadd(wantedKey(this.options.name), ...batch.map(([id]) => id));
      await this.queue.addBulk(
        batch.map(([id, cell]) => ({
          name: 'cell',
          data: { cell, required: this.work.required.get(id)!.map((other) => this.work.all.get(other)!) },
          opts: {
            jobId: jobOfCell(id),
            attempts: ATTEMPTS,
            backoff: { type: 'exponential', delay: 1000 },
            removeOnComplete: true,
          },
        })),
      );
      for (const [id, cell] of batch) {
        this.waiting.delete(id);
        this.sent.set(id, cell);
      }
    }
  }

  /** Finds jobs that ended or failed without an event that said so. */
  private async look(): Promise<void> {
    const ids = [...this.sent.keys()];
    for (let start = 0; start < ids.length; start += BATCH) {
      const some = ids.slice(start, start + BATCH);
      const pipeline = this.redis.pipeline();
      for (const id of some)
        pipeline.exists(transferKey(this.options.name, id)).exists(`${PREFIX}:${this.options.name}:${jobOfCell(id)}`);
      const answers = (await pipeline.exec())!.map(([, answer]) => answer === 1);
      for (const [k, id] of some.entries()) {
        if (answers[2 * k]) this.collect(id);
        else if (!answers[2 * k + 1] && !this.fetching.has(id)) await this.sendAgain(id);
      }
    }
    for (const job of await this.queue.getFailed())
      if (job.id !== undefined) this.fail(cellOfJob(job.id), job.failedReason);
  }

  /**
   * Handles a job that is gone without a run, because it was cancelled or Redis lost it: its run has come meanwhile, or
   * its cell is sent again after the others.
   */
  private async sendAgain(id: string): Promise<void> {
    if (await this.redis.exists(transferKey(this.options.name, id))) return this.collect(id);
    const cell = this.sent.get(id);
    if (cell === undefined) return;
    if (await this.redis.exists(cancelKey(this.options.name)))
      this.broken = new InterruptedError('the sweep was cancelled; finished runs are kept');
    this.sent.delete(id);
    this.waiting.set(id, cell);
  }

  collect(id: string): void {
    if (!this.sent.has(id) || this.fetching.has(id)) return;
    this.fetching.add(id);
    this.toFetch.push(id);
    if (this.fetching.size - this.toFetch.length < FETCHES) void this.fetchOn();
  }

  private async fetchOn(): Promise<void> {
    for (let id = this.toFetch.shift(); id !== undefined; id = this.toFetch.shift()) {
      try {
        await this.store(id);
      } catch (error) {
        this.broken ??= error as Error;
      }
      this.fetching.delete(id);
      this.wake();
    }
  }

  private async store(id: string): Promise<void> {
    const cell = this.sent.get(id)!;
    const { out, name, notice } = this.options;
    try {
      const outcome = await fetchTransfer(this.redis, name, out, cell);
      if (outcome === undefined && !isFinished(out, cell)) return; // another look comes
      if (outcome === 'busy') return;
      if (outcome === 'conflict')
        notice(`${nameOf(cell)}: two workers finished it with other figures; the first is kept`);
    } catch (error) {
      if (!(error instanceof FailureError) || /no space left/.test(error.message)) throw error;
      // damaged on its way: thrown away and done again
      notice(`${nameOf(cell)}: ${messageOf(error)}; it is done again`);
      await this.redis.del(transferKey(name, id));
      this.sent.delete(id);
      this.waiting.set(id, cell);
      return;
    }
    this.sent.delete(id);
    this.sweepProgress.end(id, { finished: true });
    this.options.progress(cell, 'stored', 1, 1, this.sweepProgress);
    for (const other of this.work.required.get(id)!) {
      const left = this.needed.get(other)! - 1;
      this.needed.set(other, left);
      if (left === 0) await this.redis.del(transferKey(name, other));
    }
    await this.redis.srem(wantedKey(name), id);
    if ((this.needed.get(id) ?? 0) === 0) await this.redis.del(transferKey(name, id));
  }

  fail(id: string, reason: string): void {
    if (!this.sent.delete(id)) return;
    this.sweepProgress.end(id, { finished: false });
    const line = reason.replaceAll(/\s*\n\s*/g, ' ');
    this.failed.set(id, line);
    const diverged = divergedBy(line);
    if (diverged !== undefined) this.diverged.set(id, diverged);
    const failed = `${nameOf(this.work.all.get(id)!)}: set aside, as every attempt failed: ${line}`;
    this.options.notice(diverged === undefined ? failed : line);
    this.wake();
  }

  progress(id: string, data: unknown): void {
    const cell = this.sent.get(id);
    if (cell === undefined || data === null || typeof data !== 'object') return;
    const { stage, done, total } = data as { stage?: unknown; done?: unknown; total?: unknown };
    if (typeof stage !== 'string' || typeof done !== 'number' || typeof total !== 'number') return;
    this.sweepProgress.note(id, done, total, stage);
    this.options.progress(cell, stage, done, total, this.sweepProgress);
  }
}

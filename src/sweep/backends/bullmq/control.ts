/** Status, pause, resume and cancel of a queue that a sweep goes through. */
import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { nameOf } from '../../../core/run.js';
import { BATCH, cancelKey, cellOfJob, openQueue, wantedKey, type CellJob, type QueueAddress } from './queue.js';
import { redacted } from '../../address.js';
import { asRedisError, connect, withinSeconds } from './redis.js';
import { isHalf, transferKey } from './transfer.js';

/** How many cells of a queue wait, are at work or were set aside. */
export interface QueueStatus {
  readonly counts: {
    readonly name: string;
    readonly paused: boolean;
    readonly waiting: number;
    readonly delayed: number;
    /** Finished runs that no sweep has collected yet, or that open cells need. */
    readonly transfers: number;
    readonly workers: number;
  };
  /** Cells at work, with the worker that has each. */
  readonly active: readonly { readonly cell: string; readonly id: string; readonly worker: string | undefined }[];
  /** Cells that failed at every attempt. */
  readonly failed: readonly {
    readonly cell: string;
    readonly id: string;
    readonly attempts: number;
    readonly reason: string;
  }[];
}

/** Seconds within which a queue has to be looked at or changed. */
const CONTROL_SECONDS = 60;

async function withQueue<T>(
  { url, name }: QueueAddress,
  act: (queue: Queue<CellJob>, redis: Redis) => Promise<T>,
): Promise<T> {
  const redis = await connect(url, () => {});
  const queue = openQueue(redis, name);
  queue.on('error', () => {});
  try {
    return await withinSeconds(CONTROL_SECONDS, redacted(url), () => act(queue, redis));
  } catch (error) {
    throw asRedisError(error, url);
  } finally {
    // a server that has stopped would be waited for
    redis.disconnect();
    await queue.close().catch(() => {});
  }
}

async function keysOf(redis: Redis, pattern: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const some of redis.scanStream({ match: pattern, count: 1000 })) keys.push(...(some as string[]));
  return keys;
}

/** How the queue stands now. Throws FailureError when there is no Redis. */
export function queueStatus(address: QueueAddress): Promise<QueueStatus> {
  return withQueue(address, async (queue, redis) => {
    const counts = await queue.getJobCounts('waiting', 'prioritized', 'delayed');
    const brief = (job: Job<CellJob>): { cell: string; id: string } => ({
      cell: nameOf(job.data.cell),
      id: cellOfJob(job.id!),
    });
    const [active, failed, workers, paused] = [
      await queue.getActive(),
      await queue.getFailed(),
      await queue.getWorkersCount(),
      await queue.isPaused(),
    ];
    return {
      counts: {
        name: address.name,
        paused,
        waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0),
        delayed: counts.delayed ?? 0,
        transfers: (await keysOf(redis, transferKey(address.name, '*'))).filter((key) => !isHalf(key)).length,
        workers,
      },
      active: active.map((job) => ({ ...brief(job), worker: job.processedBy })),
      failed: failed.map((job) => ({ ...brief(job), attempts: job.attemptsMade, reason: job.failedReason })),
    };
  });
}

/** Lets workers finish what they have and take nothing more. */
export function pauseQueue(address: QueueAddress): Promise<void> {
  return withQueue(address, (queue) => queue.pause());
}

/** Lets workers take cells again after {@link pauseQueue}. */
export function resumeQueue(address: QueueAddress): Promise<void> {
  return withQueue(address, (queue) => queue.resume());
}

/**
 * Drops every cell; workers stop what they have within seconds and keep its saved state. Returns how many were dropped.
 */
export function cancelQueue(address: QueueAddress): Promise<number> {
  return withQueue(address, async (queue, redis) => {
    const counts = await queue.getJobCounts();
    await redis.set(cancelKey(address.name), '1', 'EX', 60);
    await redis.del(wantedKey(address.name));
    await queue.obliterate({ force: true });
    const transfers = await keysOf(redis, transferKey(address.name, '*'));
    for (let start = 0; start < transfers.length; start += BATCH)
      await redis.del(...transfers.slice(start, start + BATCH));
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  });
}

/** The queue in Redis: its address, its jobs, and the names of its keys. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { nameOf, type Cell } from '../../../core/run.js';
import { PREFIX } from './redis.js';

/** What a job on the queue carries to a worker. */
export interface CellJob {
  readonly cell: Cell;
  /** Cells whose finished runs the worker has to have first. */
  readonly required: readonly Cell[];
}

/** Where a queue is, and which of the queues there. */
export interface QueueAddress {
  /** Address of the Redis server, redis://… or rediss://…; it may hold a password. */
  readonly url: string;
  /** Name of the queue; sweeps of different names do not see each other. */
  readonly name: string;
}

/** How many keys or jobs one command to Redis names at most. */
export const BATCH = 1000;

/** Job id of a cell: BullMQ refuses ids that are numbers, and one cell's hash in 280 has no letter in it. */
export function jobOfCell(id: string): string {
  return `cell-${id}`;
}

/** Id of the cell whose job has this id: the inverse of {@link jobOfCell}. */
export function cellOfJob(job: string): string {
  return job.replace(/^cell-/, '');
}

/** The queue of this name over a connection that stays the caller's. */
export function openQueue(redis: Redis, name: string): Queue<CellJob> {
  return new Queue<CellJob>(name, { connection: redis, prefix: PREFIX });
}

/** Key of the set of cell ids that a sweep waits for: a run that is finished twice is sent back once. */
export function wantedKey(name: string): string {
  return `${PREFIX}-wanted:${name}`;
}

/** Key that says for a minute that a sweep has collected all that it wanted. */
export function overKey(name: string): string {
  return `${PREFIX}-over:${name}`;
}

/** Key that exists for a minute after a sweep was cancelled, so that every worker sees it. */
export function cancelKey(name: string): string {
  return `${PREFIX}-cancelled:${name}`;
}

/** What the reason begins with for which the job of a run that diverged is set aside, by which a sweep knows it. */
const DIVERGED = 'the run diverged: ';

/** The reason for which the job of a run that diverged is set aside; it names the run. */
export function divergedReason(cell: Cell, message: string): string {
  const name = `${nameOf(cell)}: `;
  return `${DIVERGED}${message.includes(name) ? '' : name}${message}`;
}

/** Why a run diverged, by the reason for which its job was set aside; undefined where it failed otherwise. */
export function divergedBy(reason: string): string | undefined {
  return reason.startsWith(DIVERGED) ? reason.slice(DIVERGED.length) : undefined;
}

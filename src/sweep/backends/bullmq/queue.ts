/** The queue in Redis: its address, its jobs, and the names of its keys. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Cell } from '../../../core/run.js';
import { PREFIX } from './redis.js';

/** What a job on the queue holds. */
export interface CellJob {
  readonly cell: Cell;
  /** Cells whose finished runs it needs. */
  readonly required: readonly Cell[];
}

export interface Place {
  /** redis://… */
  readonly url: string;
  /** Name of the queue: sweeps of different names know nothing of each other. */
  readonly name: string;
}

/** Keys that one command to Redis may name. */
export const BATCH = 1000;

/** A job's id: BullMQ takes none that is a number, and one cell's hash in 280 has no letter in it. */
export function jobOfCell(id: string): string {
  return `cell-${id}`;
}

export function cellOfJob(job: string): string {
  return job.replace(/^cell-/, '');
}

export function openQueue(redis: Redis, name: string): Queue<CellJob> {
  return new Queue<CellJob>(name, { connection: redis, prefix: PREFIX });
}

export function nameOf({ experiment, arm, seed }: Cell): string {
  return `${experiment} ${arm}, seed ${seed}`;
}

/** Ids of the cells that a sweep waits for: a run that is finished twice is sent once. */
export function wantedKey(name: string): string {
  return `${PREFIX}-wanted:${name}`;
}

export function cancelKey(name: string): string {
  return `${PREFIX}-cancelled:${name}`;
}

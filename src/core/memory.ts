/** Whether a machine has the memory that a run needs: asked before anything is allocated, and said in one line. */
import { totalmem } from 'node:os';
import { UsageError } from './errors.js';

/** Bytes of one number in float32. */
export const FLOAT32_BYTES = 4;
/** Bytes of one number in float64. */
export const FLOAT64_BYTES = 8;

/** Bytes of memory that a process may have: the machine's, or those that its container is limited to. */
export function memoryLimit(): number {
  // 0, or more than there is, where nothing limits the process
  const limited = process.constrainedMemory?.() ?? 0;
  return limited > 0 ? Math.min(limited, totalmem()) : totalmem();
}

const gigabytes = (bytes: number): string => `${Number((bytes / 1e9).toPrecision(3))} GB`;

/**
 * Throws UsageError where a run needs more than there is of memory; `what` names what needs it. `bytes` are those that
 * it holds at the same time, at least: a run that is refused could not have come to its end.
 */
export function checkMemory(what: string, bytes: number, most = memoryLimit()): void {
  if (bytes > most)
    throw new UsageError(
      `${what} need at least ${gigabytes(bytes)} of memory, and there are ${gigabytes(most)}; give smaller numbers`,
    );
}

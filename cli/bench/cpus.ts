/** Programs that are compared by threads have as many processors, whatever threads they start beside those. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The processors of this process, as Linux lists them: "0-3,6". */
const allowedNow = (): string | undefined => {
  try {
    return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
};

/** The numbers in a list such as "0-3,6". */
export function processorsOf(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Moves all threads of this process, and so what it starts from now on, to these processors, where it may. */
function moveTo(list: string): void {
  spawnSync('taskset', ['-a', '-c', '-p', list, String(process.pid)], { timeout: 20_000 });
}

/**
 * Does `work` with this process, and what it starts, on `count` processors; on all where that is not possible, with a
 * line for `notes`. A thread pool of XLA takes every processor that it is allowed, whatever it is told.
 */
export async function onProcessors<T>(count: number, notes: string[], work: () => Promise<T>): Promise<T> {
  const before = allowedNow();
  const chosen = before === undefined ? [] : processorsOf(before).slice(-count);
  if (chosen.length === count) moveTo(chosen.join(','));
  const now = allowedNow();
  if (now === undefined || processorsOf(now).length !== count)
    notes.push('programs may use more processors than threads: they cannot be confined here');
  try {
    return await work();
  } finally {
    if (before !== undefined && now !== before) moveTo(before);
  }
}

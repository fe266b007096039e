/** Processes that end with the one that started them, whatever they are doing. */
import { Worker } from 'node:worker_threads';
import { numberSetting } from '../core/settings.js';

/** Seconds that a process at work has to save its run once it is to stop; `GOWIDE_GRACE_SECONDS` sets others. */
export function graceSeconds(): number {
  return numberSetting('GOWIDE_GRACE_SECONDS') ?? 30;
}

/** Environment variable by which a process learns whose child it is. */
export const PARENT = 'GOWIDE_PARENT';

/** Code of a thread of its own, since a step may keep the main one for minutes, which then hears of nothing. */
const WATCH = `
const { workerData: { parent, grace } } = require('node:worker_threads');
const timer = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(timer);
  setTimeout(() => {
    try { process.kill(-process.pid, 'SIGKILL'); } catch {}
    process.kill(process.pid, 'SIGKILL');
  }, grace * 1000);
}, 500);
`;

/**
 * Has this process and its group end `grace` seconds after its parent did, unless it has ended by itself. Where the
 * system gives orphans no other parent (Windows) nothing is done: there Node's child processes end with their parent,
 * but for those that are detached.
 */
export function endWithParent(grace = graceSeconds()): void {
  const parent = Number(process.env[PARENT] ?? process.ppid);
  if (process.platform === 'win32' || !Number.isSafeInteger(parent)) return;
  const thread = new Worker(WATCH, { eval: true, workerData: { parent, grace }, execArgv: [] });
  thread.unref();
}

/** The other workers of a run on this machine: processes that this one starts, and ends whatever happens. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError, messageOf, UsageError } from '../../src/core/errors.js';
import type { Cell } from '../../src/core/run.js';
import { numberSetting } from '../../src/core/settings.js';
import { localAddresses } from '../../src/distributed/sockets.js';
import type { EngineChoice } from '../../src/engine/engines/choose.js';
import type { Device } from '../../src/toolchain/nvidia.js';
import { EXECUTABLE, FOLLOW_COMMAND } from './executable.js';
import { followCells, type Place } from './as-worker.js';

/** What a worker of this machine is given. */
export interface Job {
  readonly cells: readonly Cell[];
  readonly engine: EngineChoice;
  readonly place: Place;
}

type LocalPlace = Omit<Place, 'seconds'>;

/** Workers of this machine at work. */
export interface LocalWorkers {
  /** This process's own place. */
  readonly place: LocalPlace;
  /** Aborted when one of them has ended with an error, which is its reason. */
  readonly lost: AbortSignal;
  /** Resolves when they have ended by themselves, or after a while. */
  readonly ended: () => Promise<void>;
  /** Ends those that are left. */
  readonly end: () => void;
}

/** Milliseconds for a worker that is done to leave. */
const LEAVE = 5000;

/** Cores of each of so many workers that share this machine. */
export function coresOf(count: number): number {
  return Math.max(1, Math.floor(availableParallelism() / count));
}

/**
 * Variables of the environment in which each of so many workers differs from this process, the first of them its own:
 * threads, so that they share the cores, and a GPU each where there are GPUs. Throws UsageError where these are fewer.
 */
export function workerVariables(count: number, devices: readonly Device[]): NodeJS.ProcessEnv[] {
  if (devices.length > 0 && count > devices.length)
    throw new UsageError(
      `--local-workers ${count}: each has a GPU of its own, and ${devices.length} can be seen here; ` +
        'expected at most as many, or CUDA_VISIBLE_DEVICES= for none',
    );
  const threads = String(numberSetting('GOWIDE_THREADS') ?? coresOf(count));
  return Array.from({ length: count }, (_, task) => ({
    GOWIDE_THREADS: threads,
    ...(devices.length > 0 && { CUDA_VISIBLE_DEVICES: devices[task]!.name }),
  }));
}

/**
 * Starts all workers but the first, which is this process. They talk over socket files that only this user can reach,
 * and have what {@link workerVariables} gives them, which throws UsageError where there are too few GPUs.
 */
export function startLocalWorkers(
  count: number,
  devices: readonly Device[],
  jobOf: (place: LocalPlace) => Job,
): LocalWorkers {
  const variables = workerVariables(count, devices);
  const { folder, addresses } = localAddresses(count, 'gowide-workers-');
  const windows = process.platform === 'win32';
  const secret = randomBytes(32).toString('hex');
  const cores = coresOf(count);
  const placeOf = (task: number): LocalPlace => ({ addresses, task, secret, cores });
  const lost = new AbortController();
  const children = Array.from({ length: count - 1 }, (_, i) => {
    const child = fork(EXECUTABLE, [FOLLOW_COMMAND], {
      env: { ...process.env, ...variables[i + 1] },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: !windows, // Ctrl-C reaches this process alone, which stops all of them after the same step
    });
    watch(child, i + 1, lost);
    child.send(jobOf(placeOf(i + 1)));
    return child;
  });
  Object.assign(process.env, variables[0]);
  const end = (): void => {
    process.off('exit', end);
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', end);
  const gone = (child: ChildProcess): Promise<unknown> =>
    new Promise((resolve) => {
      // one that a signal has ended has no status
      if (child.exitCode === null && child.signalCode === null) child.once('exit', resolve);
      else resolve(undefined);
    });
  const ended = async (): Promise<void> => {
    await Promise.race([Promise.all(children.map(gone)), sleep(LEAVE, undefined, { ref: false })]);
  };
  return { place: placeOf(0), lost: lost.signal, ended, end };
}

/** Notes how a worker ends when it does not end well. */
function watch(child: ChildProcess, task: number, lost: AbortController): void {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000)));
  const fail = (how: string): void =>
    lost.abort(new FailureError(`worker ${task} (process ${child.pid} of this machine) ${how}`));
  child.on('error', (error) => fail(`does not start: ${error.message}`));
  child.on('message', (message: string) => fail(`ended: ${message}`));
  child.on('close', (code, signal) => {
    const last = text.trim().split('\n').at(-1) ?? '';
    if (code !== 0) fail(`ended with ${signal ?? `status ${code}`}. ${last}`.trim());
  });
}

/** Main function of a worker that {@link startLocalWorkers} has started: takes part, and ends with its parent. */
export function serveLocalWorker(): void {
  let folder: string | undefined;
  const fail = (): void => {
    // where the parent was killed, it cannot clean up
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  };
  process.on('disconnect', fail); // the parent is gone
  process.once('message', ({ cells, engine, place }: Job) => {
    const [first] = place.addresses;
    if (process.platform !== 'win32' && first !== undefined && 'path' in first) folder = dirname(first.path);
    followCells(cells, engine, place, () => {}).then(
      () => process.exit(0),
      (error: unknown) => process.send!(messageOf(error), fail),
    );
  });
}

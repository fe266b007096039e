/** A lock file that names its owner's process, so that two processes do not install, or write one run, at once. */
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from '../core/errors.js';
import { asFileError } from './atomic.js';

export interface Owner {
  readonly pid: number;
  readonly host: string;
}

export interface Lock {
  /**
   * Says that the owner is still at work; needed at least every few minutes where other hosts look on. Cheap to call
   * often.
   */
  readonly refresh: () => void;
  readonly release: () => void;
}

const REFRESH_SECONDS = 30;
/** A lock of another host that was not refreshed for so long is taken over: that host is gone. */
const STALE_SECONDS = 600;

/** Takes the lock, or says who holds it. A lock left by a process that is gone is taken over. */
export function tryLock(path: string): Lock | { heldBy: Owner } {
  const mine = `${path}.${hostname()}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner);
  try {
    // Linking a complete file is atomic: nobody ever reads a lock that is half written.
    writeFileSync(mine, text);
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(mine, path);
        return held(path, text);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const owner = readOwner(path);
      if (owner !== undefined && isAlive(owner) && !isStale(owner, path, mine)) return { heldBy: owner };
      rmSync(path, { force: true });
    }
    return { heldBy: readOwner(path) ?? { pid: 0, host: 'unknown' } };
  } catch (error) {
    throw asFileError(error, path);
  } finally {
    rmSync(mine, { force: true });
  }
}

function held(path: string, text: string): Lock {
  let refreshed = performance.now();
  return {
    refresh: () => {
      if (performance.now() - refreshed < REFRESH_SECONDS * 1000) return;
      refreshed = performance.now();
      try {
        if (readFileSync(path, 'utf8') === text) writeFileSync(path, text);
      } catch {
        // a full disk is met, and named, where the run itself is written
      }
    },
    release: () => {
      try {
        if (readFileSync(path, 'utf8') === text) rmSync(path, { force: true });
      } catch {
        // its folder was moved away, with it
      }
    },
  };
}

/** Both times are the file system's own: clocks of hosts may differ, and be set back. */
function isStale({ host }: Owner, path: string, mine: string): boolean {
  const [lock, now] = [statSync(path, { throwIfNoEntry: false }), statSync(mine)];
  return host !== hostname() && lock !== undefined && now.mtimeMs - lock.mtimeMs > STALE_SECONDS * 1000;
}

/** Who holds the lock, or undefined when nobody does or its process is gone. */
export function liveOwner(path: string): Owner | undefined {
  const owner = readOwner(path);
  return owner !== undefined && (owner.pid === process.pid || isAlive(owner)) ? owner : undefined;
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** A process of another host cannot be asked; it is taken to be alive. */
function isAlive({ pid, host }: Owner): boolean {
  if (host !== hostname()) return true;
  return pid !== process.pid && processLives(pid);
}

/** Whether there is a process of this number here. */
export function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

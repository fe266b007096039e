/** A lock file that names its owner's process, so that two processes do not install, or write one run, at once. */
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from '../core/errors.js';
import { asFileError } from './atomic.js';

export interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** Takes the lock, or says who holds it. A lock left by a process of this machine that is gone is taken over. */
export function tryLock(path: string): { release: () => void } | { heldBy: Owner } {
  const mine = `${path}.${process.pid}`;
  try {
    // Linking a complete file is atomic: nobody ever reads a lock that is half written.
    writeFileSync(mine, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner));
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(mine, path);
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      const owner = readOwner(path);
      if (owner !== undefined && isAlive(owner)) return { heldBy: owner };
      rmSync(path, { force: true });
    }
    return { heldBy: readOwner(path) ?? { pid: 0, host: 'unknown' } };
  } catch (error) {
    throw asFileError(error, path);
  } finally {
    rmSync(mine, { force: true });
  }
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
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

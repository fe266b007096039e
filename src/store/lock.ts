/**
 * A lock file that names its owner's process and holds a random token, so that two processes do not install, or write
 * one run, at once. Where the owner cannot be asked whether it lives (another machine, another container), a lock that
 * was not refreshed for a while is taken over; should its owner live after all, the token is no longer its own, which
 * it notices before its next write, and it stops.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, FailureError, InterruptedError, messageOf } from '../core/errors.js';
import { asFileError } from './atomic.js';
import { readRegular } from './regular.js';

/** The process that holds a lock, and where it is. */
export interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Kernel's id of the machine's start; '' where the system has none, absent in locks of version 0.1. */
  readonly boot?: string;
  /** The namespace that the process number belongs to: containers of one machine may share all but this. */
  readonly namespace?: string;
  /** When the process began, in ticks since the machine's start: numbers of processes are given out again. */
  readonly began?: string;
  /** Random; who finds another one in the lock has lost it. */
  readonly token?: string;
}

/** A run’s lock while this process has it. */
export interface Lock {
  /**
   * Says that the owner is still at work; needed at least every few minutes where other hosts look on. Cheap to call
   * often.
   */
  readonly refresh: () => void;
  /** Throws LostLockError when another process has taken the lock over. To be called before every write. */
  readonly check: () => void;
  /** Gives the lock back, if it is still this one. */
  readonly release: () => void;
}

/** Another process has taken a lock over, as if its owner were gone: the owner has to stop. */
export class LostLockError extends FailureError {}

const REFRESH_SECONDS = 15;
/** A lock of another host that was not refreshed for so long is taken over: that host is gone. */
export const STALE_SECONDS = 600;
/** Limit for a lock of this host before its last start, or of another of its containers, as after a restart. */
const STALE_HERE_SECONDS = 120;
/** A lock that holds no owner for so long was left by a process that ended while it wrote. */
const STALE_UNREADABLE_SECONDS = 5;

function firstOf(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

/** When a process of this machine began; '' where the system does not say. */
function beginOf(pid: number): string {
  // its name stands in brackets, and may hold any character
  return firstOf(
    () =>
      readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? '',
  );
}

let place: Omit<Owner, 'token'> | undefined;

/** This process, as its locks name it. */
export function thisProcess(): Omit<Owner, 'token'> {
  return (place ??= {
    pid: process.pid,
    host: hostname(),
    boot: firstOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1')),
    namespace: firstOf(() => readlinkSync('/proc/self/ns/pid')),
    began: beginOf(process.pid),
  });
}

/** Tokens of the locks that this process holds. */
const own = new Set<string>();

/** Takes the lock, or says who holds it. A lock left by a process that is gone is taken over. */
export function tryLock(path: string): Lock | { heldBy: Owner } {
  const token = randomBytes(16).toString('hex');
  const text = JSON.stringify({ ...thisProcess(), token } satisfies Owner);
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      // Read again: had this process been stopped before it wrote, another may have taken the empty file for a
      // leftover.
      if (create(path, text) && read(path) === text) return held(path, text, token);
      const found = read(path);
      if (found === undefined) continue;
      if (!isLeft(path, found)) return { heldBy: ownerOf(found) ?? NOBODY };
      removeLeft(path, found);
    }
    return { heldBy: ownerOf(read(path) ?? '') ?? NOBODY };
  } catch (error) {
    throw asFileError(error, path, '--out');
  }
}

/** Milliseconds between two attempts to take a lock. */
const RETRY_MS = 250;

/**
 * Takes the lock once nobody else has it; `onWait` is told who has it, at every attempt in vain. Throws
 * InterruptedError when `signal` fires.
 */
export async function waitForLock(
  path: string,
  { onWait, signal }: { readonly onWait?: (heldBy: Owner) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<Lock> {
  for (;;) {
    const lock = tryLock(path);
    if ('release' in lock) return lock;
    if (signal?.aborted === true) throw new InterruptedError(`stopped while another process has ${path}`);
    onWait?.(lock.heldBy);
    await sleep(RETRY_MS);
  }
}

const NOBODY: Owner = { pid: 0, host: 'unknown' };

/** Makes the file; false when there is one. Needs no hard links, which some file systems lack. */
function create(path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  try {
    writeSync(file, text);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return true;
}

function read(path: string): string | undefined {
  try {
    return readRegular(path, { links: false, limit: 65_536 }).toString();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** {@link read} for the owner of the lock, to whom an error has to be said in one line. */
function readAsOwner(path: string): string | undefined {
  try {
    return read(path);
  } catch (error) {
    throw asFileError(error, path, '--out');
  }
}

/**
 * Removes a lock that was left, one process at a time: two that found the same one would else remove it, and then the
 * lock that a third has made meanwhile.
 */
function removeLeft(path: string, text: string): void {
  const guard = `${path}.removing`;
  if (create(guard, text)) {
    try {
      if (read(path) === text) remove(path, text);
    } finally {
      rmSync(guard, { force: true });
    }
  } else if (ageSeconds(guard) > STALE_UNREADABLE_SECONDS) rmSync(guard, { force: true });
  else pause(10);
}

/**
 * Removes a lock whose text was read before. Whatever stands there by now is moved away, which only one process can do,
 * and put back when it turns out to be another lock.
 */
function remove(path: string, text: string): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = read(aside);
  if (moved !== undefined && moved !== text) putBack(aside, path, moved);
  rmSync(aside, { force: true });
}

function putBack(aside: string, path: string, text: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') create(path, text); // a file system without links
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function held(path: string, text: string, token: string): Lock {
  own.add(token);
  let refreshed = performance.now();
  return {
    refresh: () => {
      if (performance.now() - refreshed < REFRESH_SECONDS * 1000) return;
      refreshed = performance.now();
      touch(path, text);
    },
    check: () => {
      for (let attempt = 0; ; attempt++) {
        const found = readAsOwner(path);
        if (found === text) return;
        const owner = ownerOf(found ?? '');
        if (owner === undefined && attempt < 10) {
          pause(10); // it is being written, or put back after it was moved away by mistake
          continue;
        }
        const why = owner === undefined ? 'the lock is gone' : `process ${owner.pid} on ${owner.host} has taken over`;
        throw new LostLockError(`${path}: ${why}; this process stops, and leaves the work to the other one`);
      }
    },
    release: () => {
      own.delete(token);
      try {
        if (read(path) === text) remove(path, text);
      } catch {
        // its folder was moved away, with it
      }
    },
  };
}

/** Writes the lock's own text over itself, so that its time is the file system's. */
function touch(path: string, text: string): void {
  try {
    const file = openSync(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0));
    try {
      if (readFileSync(file, 'utf8') === text) writeSync(file, text, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    // a full disk is met, and named, where the run itself is written
  }
}

/** Whether a lock with this text was left by a process that is gone. */
function isLeft(path: string, text: string): boolean {
  const owner = ownerOf(text);
  if (owner === undefined) return ageSeconds(path) > STALE_UNREADABLE_SECONDS;
  if (canBeAsked(owner)) return !isAlive(owner);
  return ageSeconds(path) > (owner.host === hostname() ? STALE_HERE_SECONDS : STALE_SECONDS);
}

/**
 * Seconds since a file was written. Both times are the file system's own: clocks of hosts may differ, and be set back.
 * A file whose time lies ahead, as after its file system's clock was set back, is given the present one, so that it is
 * as old as whoever met it first knows it to be: else it would be young until that time comes.
 */
function ageSeconds(path: string): number {
  const probe = `${path}.${randomBytes(8).toString('hex')}`;
  closeSync(openSync(probe, 'wx'));
  try {
    const written = lstatSync(path, { throwIfNoEntry: false });
    if (written === undefined) return 0;
    const now = lstatSync(probe);
    const age = (now.mtimeMs - written.mtimeMs) / 1000;
    if (age < -REFRESH_SECONDS) setTime(path, now.mtime);
    return age;
  } finally {
    rmSync(probe, { force: true });
  }
}

function setTime(path: string, time: Date): void {
  try {
    lutimesSync(path, time, time);
  } catch {
    // it is gone, or another user's
  }
}

/**
 * Seconds after which a lock of this host whose owner cannot be asked may be taken over, unless it is refreshed before:
 * for as long it is worth to wait. 0 for other locks.
 */
export function patienceFor(owner: Owner): number {
  return !canBeAsked(owner) && owner.host === hostname() ? STALE_HERE_SECONDS + REFRESH_SECONDS : 0;
}

/** Whether the owner of a lock is another process of this machine, and lives. */
export function isAtWork(owner: Owner): boolean {
  return canBeAsked(owner) && isAlive(owner) && owner.pid !== process.pid;
}

/**
 * Why nobody can say who holds the lock, in one line: it is a symbolic link, which is never followed, or nothing that
 * can be read. Undefined for a lock like any other, and where there is none.
 */
export function lockProblem(path: string): string | undefined {
  try {
    read(path);
    return undefined;
  } catch (error) {
    return messageOf(asFileError(error, path));
  }
}

/** Who holds the lock, or undefined when nobody does or its process is gone. */
export function liveOwner(path: string): Owner | undefined {
  let owner: Owner | undefined;
  try {
    owner = ownerOf(read(path) ?? '');
  } catch {
    return undefined;
  }
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

function ownerOf(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner> | null;
    return Number.isSafeInteger(owner?.pid) && typeof owner?.host === 'string' ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the owner is, or was, a process that this one could see. */
function canBeAsked({ host, boot, namespace }: Owner): boolean {
  const here = thisProcess();
  if (host !== here.host) return false;
  // locks of version 0.1 say no more than the host
  return boot === undefined || (boot === here.boot && namespace === here.namespace);
}

/** A process that cannot be asked is taken to be alive. */
function isAlive(owner: Owner): boolean {
  if (!canBeAsked(owner)) return true;
  if (owner.pid === process.pid) return owner.token !== undefined && own.has(owner.token);
  if (!processLives(owner.pid)) return false;
  const began = beginOf(owner.pid); // '' where /proc hides the processes of others
  return !owner.began || began === '' || began === owner.began;
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

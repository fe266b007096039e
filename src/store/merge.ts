/** Takes runs from elsewhere into a store: from another store, or from a worker on another machine. */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, FailureError, messageOf } from '../core/errors.js';
import { cellId, type Cell } from '../core/run.js';
import { asFileError, makeFolder } from './atomic.js';
import { liveOwner, lockProblem, tryLock, type Lock } from './lock.js';
import { copyRegular, DeniedError, isThere, readRegular } from './regular.js';
import {
  ASIDE,
  asideFolder,
  checkFinished,
  FILES,
  FINISHED_FILES,
  folderOf,
  indexRuns,
  isMarked,
  OtherVersionError,
  readCell,
  readDone,
  runsFolder,
  setAside,
  whileIdle,
} from './runs.js';

/** What became of a run that was offered to a store; `busy` where a process is at work on that cell. */
export type MergeOutcome = 'added' | 'present' | 'conflict' | 'busy';

/** A folder for a run on its way into a store; `lock` says that it is still being filled. */
export interface Incoming {
  readonly folder: string;
  readonly lock: Lock;
}

/** How folders begin that are on their way into a store, and those of unfinished runs that gave way to them. */
const [INCOMING, REPLACED] = ['.incoming-', '.replaced-'] as const;
/** Why a folder that is left under such a name can be deleted. */
const LEFT: Readonly<Record<string, string>> = {
  [INCOMING]: 'on its way into the store when its process ended',
  [REPLACED]: 'gave way to a finished run',
};

/**
 * A new folder for a run on its way into the store `out`. Its name begins with a dot, so that it is not a run yet.
 * Throws FailureError where another process has taken it in that moment.
 */
export function incomingFolder(out: string, id: string): Incoming {
  makeFolder(runsFolder(out), '--out');
  const folder = mkdtempSync(join(runsFolder(out), `${INCOMING}${id}-`));
  const lock = tryLock(join(folder, FILES.lock));
  if (!('release' in lock)) throw new FailureError(`${folder}: taken by process ${lock.heldBy.pid}`);
  return { folder, lock };
}

/** Deletes a folder that will not get into the store after all. */
export function dropIncoming({ folder, lock }: Incoming): void {
  lock.release();
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Moves a complete folder from {@link incomingFolder} to its place. A finished run that is there already stays, also
 * one that came in the moment before: `present` when it logged and left the same bytes, `conflict` otherwise. An
 * unfinished one gives way, unless a process is at work on it. What stands there is moved away or left, never deleted
 * in its place, where another process may have begun in the meantime.
 */
export function settle(out: string, cell: Cell, incoming: Incoming, index?: ReadonlyMap<string, string>): MergeOutcome {
  const target = folderOf(out, cell, index);
  const finished = (): MergeOutcome | undefined => {
    if (!isMarked(target)) return undefined;
    return sameBytes(target, incoming.folder) ? 'present' : 'conflict';
  };
  // a folder that has files in it is not replaced by the system: whoever was there first keeps the place
  const move = (): MergeOutcome => {
    incoming.lock.release();
    renameSync(incoming.folder, target);
    return 'added';
  };
  const replaced = join(dirname(target), `${REPLACED}${randomBytes(6).toString('hex')}`);
  try {
    if (!isThere(target)) return move();
    let outcome = finished();
    if (outcome !== undefined) return outcome;
    const idle = whileIdle(target, () => {
      outcome = finished();
      if (outcome !== undefined) return;
      renameSync(target, replaced);
      outcome = move();
    });
    return idle ? outcome! : 'busy';
  } catch (error) {
    // somebody began it, or finished it, in the moment before
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) return finished() ?? 'busy';
    throw asFileError(error, target, '--out');
  } finally {
    // where nothing came into its place, the run that was there goes back to it
    if (isThere(replaced) && !isThere(target)) renameSync(replaced, target);
    rmSync(replaced, { recursive: true, force: true });
    dropIncoming(incoming);
  }
}

/** Whether the marks that two runs are finished agree to the byte, so that nothing needs to be copied. */
function sameMark(one: string, other: string): boolean {
  const [a, b] = [join(one, FILES.done), join(other, FILES.done)];
  return isThere(a) && readRegular(a, { links: false }).equals(readRegular(b, { links: false }));
}

/** Whether two finished runs have equal metrics and arrays; where and when they ran may differ. */
export function sameBytes(one: string, other: string): boolean {
  const [a, b] = [readDone(one).files, readDone(other).files];
  return [FILES.metrics, FILES.final].every((name) => a[name]?.sha256 === b[name]?.sha256);
}

/** What became of the runs of a store that was merged into another. */
export interface Merged {
  readonly added: number;
  readonly present: number;
  /** Folders of runs that are finished in both stores, with other figures. */
  readonly conflicts: readonly { readonly kept: string; readonly other: string }[];
  /** One line for each folder that was left out. */
  readonly problems: readonly string[];
}

/**
 * Takes every finished run of `source`, and unfinished ones that `out` does not have, into `out`; one that is
 * unfinished in both is named. The source stays as it is.
 */
export function mergeStores(
  out: string,
  source: string,
  onRun: (done: number, total: number) => void = () => {},
): Merged {
  const index = new Map(indexRuns(out));
  const names = [...indexRuns(source).values()];
  const conflicts: { kept: string; other: string }[] = [];
  const problems: string[] = [];
  let [added, present] = [0, 0];
  names.forEach((name, k) => {
    onRun(k, names.length);
    const folder = join(runsFolder(source), name);
    try {
      const finished = isMarked(folder);
      const cell = finished ? checkFinished(folder, { arrays: true }) : readCell(folder);
      if (finished) {
        if (index.has(cellId(cell)) && sameMark(folderOf(out, cell, index), folder)) {
          present++;
          return;
        }
      } else if (index.has(cellId(cell))) {
        const there = folderOf(out, cell, index);
        if (!isMarked(there)) problems.push(`${folder}: unfinished, as is ${there}, which stays; it was not taken`);
        return;
      }
      const unknown = finished ? undefined : lockProblem(join(folder, FILES.lock));
      if (unknown !== undefined) return void problems.push(`${unknown}; ${folder} was not taken`);
      if (!finished && liveOwner(join(folder, FILES.lock)) !== undefined)
        return void problems.push(`${folder}: a process is at work on it; merge it when it has ended`);
      const outcome = settle(out, cell, copyOf(out, folder, cellId(cell), finished), index);
      if (outcome === 'added') added++;
      if (outcome === 'present') present++;
      if (outcome === 'conflict') conflicts.push({ kept: folderOf(out, cell, index), other: folder });
      if (outcome === 'busy')
        problems.push(`${folderOf(out, cell, index)}: a process is at work on it; ${folder} was not taken`);
      if (outcome === 'added') index.set(cellId(cell), name);
    } catch (error) {
      problems.push(messageOf(error));
    }
  });
  return { added, present, conflicts, problems };
}

/**
 * Copies the files of a run, and nothing else that lies in its folder, into an incoming folder. They are copies and no
 * hard links: what happens to a file in one store does not happen to it in the other.
 */
function copyOf(out: string, folder: string, id: string, finished: boolean): Incoming {
  const incoming = incomingFolder(out, id);
  const names = finished ? [...Object.keys(readDone(folder).files), FILES.done] : [...FINISHED_FILES, FILES.last];
  try {
    for (const name of names) {
      const [from, to] = [join(folder, name), join(incoming.folder, name)];
      if (!finished && !isThere(from)) continue;
      try {
        copyRegular(from, to);
      } catch (error) {
        throw asFileError(error, to, '--out');
      }
    }
    // what was checked may have been replaced before it was copied
    if (finished) checkFinished(incoming.folder, { arrays: true });
    return incoming;
  } catch (error) {
    dropIncoming(incoming);
    throw error;
  }
}

/** What a look at every file of a store found. */
export interface Verified {
  readonly finished: number;
  readonly unfinished: number;
  /** Runs with a file whose hash differs from that of what was written. */
  readonly damaged: readonly {
    readonly folder: string;
    readonly problem: string;
    /** Folder that the run was moved to. */
    readonly aside?: string;
    /** Why it was not moved though it was to be: what is wrong with its lock, or that a process is at work on it. */
    readonly kept?: string;
    /** It may not be read by this user, and may be whole: it is left where it is. */
    readonly denied?: true;
  }[];
  /** One line for each run of another version, which is neither looked into nor set aside. */
  readonly otherVersions: readonly string[];
}

/**
 * Compares every file of every finished run with its hash; `repair` sets damaged runs aside, so that their cells are
 * done again.
 */
export function verifyStore(
  out: string,
  { repair }: { repair: boolean },
  onRun: (done: number, total: number) => void = () => {},
): Verified {
  const names = [...indexRuns(out).values()];
  const damaged: Verified['damaged'][number][] = [];
  const otherVersions: string[] = [];
  let [finished, unfinished] = [0, 0];
  names.forEach((name, k) => {
    onRun(k, names.length);
    const folder = join(runsFolder(out), name);
    try {
      if (isMarked(folder)) {
        checkFinished(folder, { arrays: true });
        finished++;
      } else {
        if (isThere(join(folder, FILES.spec))) readCell(folder);
        unfinished++;
      }
    } catch (error) {
      if (error instanceof OtherVersionError) otherVersions.push(error.message);
      else
        damaged.push({
          folder,
          problem: messageOf(error),
          ...(error instanceof DeniedError ? { denied: true } : repair && asideOf(out, folder)),
        });
    }
  });
  return { finished, unfinished, damaged, otherVersions };
}

/** Sets a damaged run aside; `kept` says why that cannot be. */
function asideOf(out: string, folder: string): { readonly aside?: string; readonly kept?: string } {
  const kept = lockProblem(join(folder, FILES.lock));
  if (kept !== undefined) return { kept };
  let aside: string | undefined;
  whileIdle(folder, () => (aside = setAside(out, folder)));
  return aside === undefined ? { kept: 'a process is at work on it' } : { aside };
}

/** Files of a run that stay with it; the others are of a process at work. */
const KEPT = new Set<string>(Object.values(FILES).filter((name) => name !== FILES.lock));

/** A file or folder that can be deleted, with the reason in a few words. */
export interface Garbage {
  readonly path: string;
  readonly why: string;
}

/**
 * What can be deleted from a store: folders of runs that never began, temporary files and locks of processes that are
 * gone, runs set aside, and with `unfinished` the runs that were not brought to their end. Runs that a process is at
 * work on are never among them, nor those whose lock says nothing, as a symbolic link, nor what somebody else put
 * there, nor a finished run that lost its spec: `passOver` gets a line of each.
 */
export function garbage(
  out: string,
  { unfinished }: { unfinished: boolean },
  passOver: (line: string) => void = () => {},
): Garbage[] {
  const found: Garbage[] = [];
  const root = runsFolder(out);
  for (const name of isThere(root) ? readdirSync(root).sort() : []) {
    const folder = join(root, name);
    const status = lstatSync(folder, { throwIfNoEntry: false });
    if (status === undefined) continue; // another process has moved it
    const problem = status.isDirectory() ? lockProblem(join(folder, FILES.lock)) : undefined;
    if (problem !== undefined) {
      passOver(`${problem}; ${folder} is passed over`);
      continue;
    }
    const left = [INCOMING, REPLACED].find((prefix) => name.startsWith(prefix));
    if (left !== undefined) {
      if (liveOwner(join(folder, FILES.lock)) === undefined) found.push({ path: folder, why: LEFT[left]! });
      continue;
    }
    if (!status.isDirectory() || liveOwner(join(folder, FILES.lock)) !== undefined) continue;
    if (!isThere(join(folder, FILES.spec)) && isMarked(folder))
      passOver(`${folder}: finished, and has no ${FILES.spec}; it is passed over: see gowide runs verify`);
    else if (!isThere(join(folder, FILES.spec))) {
      const foreign = foreignIn(folder);
      if (foreign === undefined) found.push({ path: folder, why: `has no ${FILES.spec}` });
      else passOver(`${folder}: no run, and has ${foreign} of something else; it is passed over`);
    } else if (unfinished && !isMarked(folder)) found.push({ path: folder, why: 'unfinished' });
    else
      for (const file of readdirSync(folder))
        if (isOwn(file) && !KEPT.has(file))
          found.push({ path: join(folder, file), why: 'left by a process that is gone' });
  }
  const aside = asideFolder(out);
  for (const name of isThere(aside) ? readdirSync(aside).sort() : []) {
    const path = join(aside, name);
    const other = otherThanAside(path);
    if (other === undefined) found.push({ path, why: 'was set aside' });
    else passOver(`${path}: ${other}; it is passed over`);
  }
  return found;
}

/** Why a path among the runs set aside is none of them; undefined for one that is. */
function otherThanAside(path: string): string | undefined {
  if (!ASIDE.test(basename(path)) || !lstatSync(path, { throwIfNoEntry: false })?.isDirectory())
    return 'no run that was set aside';
  const foreign = foreignIn(path);
  return foreign === undefined ? undefined : `a run that was set aside, and has ${foreign} of something else`;
}

/** Whether a name is one of a run's files, of what they are written as first, or of what a lock is taken with. */
function isOwn(name: string): boolean {
  const known: readonly string[] = Object.values(FILES);
  return known.includes(name.replace(/[.]tmp-.*$/, '')) || name.startsWith(`${FILES.lock}.`);
}

/** What a run does not have, in a folder among the runs: somebody put it there. */
function foreignIn(folder: string): string | undefined {
  return readdirSync(folder).find((name) => !isOwn(name));
}

/** Deletes what {@link garbage} found, but nothing that a process has begun to work on since. */
export function deleteGarbage(found: readonly Garbage[]): void {
  for (const { path } of found) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const remove = (): void => rmSync(path, { recursive: true, force: true });
    try {
      if (stat.isDirectory()) whileIdle(path, remove);
      // a lock that was left goes when its folder is locked
      else whileIdle(dirname(path), basename(path) === FILES.lock ? () => {} : remove);
    } catch (error) {
      throw asFileError(error, path);
    }
  }
}

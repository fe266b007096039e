/**
 * What the files that a run reads hold: sizes and hashes, noted in the run and compared when its result is asked for
 * again. Content decides. A file is not read again whose size, times, device and number on it are those that it had
 * when it was hashed: every write sets its time of change (ctime), which no program can set back, and what was changed
 * in the seconds before it was hashed is not remembered, as a second write could have the same time.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, statSync, type BigIntStats } from 'node:fs';
import { join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { InterruptedError, plural, UsageError } from '../core/errors.js';
import type { InputFiles } from '../core/run.js';
import { cacheFolder } from '../toolchain/cache.js';
import { asFileError, makeFolder, writeAtomic } from './atomic.js';
import { hashRegular, readRegular, SETTLED_MS } from './regular.js';
import { sha256 } from './seal.js';

/** A file, or some files of a folder, as a run found them. */
export interface Input {
  /** As the run's spec names it. */
  readonly path: string;
  /** How many files. */
  readonly files: number;
  readonly bytes: number;
  /** SHA-256 of the one file's content, or of a list with size, hash and name of each file. */
  readonly sha256: string;
  /** Size and hash of each file by name, of a folder with few of them. */
  readonly list?: Readonly<Record<string, readonly [bytes: number, sha256: string]>>;
}

/** How files are hashed. */
export interface InputOptions {
  readonly signal?: AbortSignal;
  /** Hears how many of how many bytes that have to be read are read. */
  readonly progress?: (done: number, total: number) => void;
  /** How old a change has to be for the hash to be remembered, in milliseconds; 3,000 by default. */
  readonly settled?: number;
}

/** Folders with more files have one hash for all of them. */
const LISTED = 200;
/** Fewer bytes than this are read as fast as they are looked up. */
const WORTH_REMEMBERING = 2 ** 20;
/** In the place of a hash: a file that cannot be read, which a data set may allow. */
const UNREADABLE = 'unreadable';

/** A file, with all by which one that was not written to is known again. */
interface Found {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly mark: string;
  /** When it was changed last, in milliseconds, by the clock of its file system. */
  readonly newest: number;
}

function find(path: string, name: string): Found {
  const full = name === '' ? path : join(path, name);
  let stat: BigIntStats | undefined;
  try {
    stat = statSync(full, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw asFileError(error, full);
  }
  if (stat === undefined) throw new UsageError(`${full}: not found, and a run reads it`);
  const { dev, ino, size, mtimeNs, ctimeNs } = stat;
  const newest = Number((mtimeNs > ctimeNs ? mtimeNs : ctimeNs) / 1_000_000n);
  const mark = `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`;
  return { name, path: full, bytes: Number(size), mark, newest };
}

/**
 * Hashes of files, in the order in which they are given. Throws UsageError on one that is missing, InterruptedError
 * when `signal` fires.
 */
export async function readInputs(all: readonly InputFiles[], options: InputOptions = {}): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const one of all) inputs.push(await readInput(one, options));
  return inputs;
}

async function readInput({ path, names }: InputFiles, options: InputOptions): Promise<Input> {
  const found = (names ?? ['']).map((name) => find(path, name));
  const bytes = found.reduce((sum, file) => sum + file.bytes, 0);
  const remembers = bytes >= WORTH_REMEMBERING;
  const memory = join(cacheFolder(), 'hashes', sha256(resolve(path)));
  const marks = sha256(found.map(({ name, mark }) => `${mark} ${name}\n`).join(''));
  const known = remembers ? recallInput(memory, marks) : undefined;
  if (known !== undefined) return { ...known, path };
  const now = remembers ? clock() : 0;
  const hashes = await hashesOf(found, remembers ? recallHashes(`${memory}.files`) : new Map(), options);
  const input = names === undefined ? single(path, found[0]!, hashes) : several(path, found, hashes);
  const limit = now - (options.settled ?? SETTLED_MS);
  if (remembers) remember({ memory, marks, input }, found, hashes, limit);
  return input;
}

function single(path: string, { bytes }: Found, [hash]: readonly string[]): Input {
  if (hash === UNREADABLE) throw whyUnreadable(path);
  return { path, files: 1, bytes, sha256: hash! };
}

/** What keeps a file from being read that a run needs. */
function whyUnreadable(path: string): Error {
  try {
    hashRegular(path, { links: true });
  } catch (error) {
    return asFileError(error, path);
  }
  return new UsageError(`${path}: it could not be read a moment ago, and a run needs it; run the command again`);
}

function several(path: string, found: readonly Found[], hashes: readonly string[]): Input {
  const manifest = createHash('sha256');
  for (const [i, { name, bytes }] of found.entries()) manifest.update(`${bytes} ${hashes[i]!} ${name}\n`);
  const entries = found.map(({ name, bytes }, i) => [name, [bytes, hashes[i]!]] as const);
  return {
    path,
    files: found.length,
    bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
    sha256: manifest.digest('hex'),
    ...(found.length <= LISTED && { list: Object.fromEntries(entries) }),
  };
}

async function hashesOf(
  found: readonly Found[],
  known: ReadonlyMap<string, string>,
  { signal, progress = () => {} }: InputOptions,
): Promise<string[]> {
  const isKnown = ({ mark, name }: Found): boolean => known.has(`${mark} ${name}`);
  const total = found.reduce((sum, file) => sum + (isKnown(file) ? 0 : file.bytes), 0);
  const hashes: string[] = [];
  let [done, told] = [0, 0];
  // within a file, too: a large one takes minutes, in which whoever has the run's lock must refresh it
  const onRead = (bytes: number): void => {
    done += bytes;
    if (done - told < 2 ** 25) return;
    told = done;
    progress(Math.min(done, total), total);
  };
  for (const file of found) {
    const before = told;
    hashes.push(known.get(`${file.mark} ${file.name}`) ?? hashOf(file, onRead));
    if (told === before) continue;
    await turn(); // a signal is heard between two files
    if (signal?.aborted) throw new InterruptedError(`stopped while it read ${file.path}`);
  }
  return hashes;
}

function hashOf({ path }: Found, onRead: (bytes: number) => void): string {
  let refused: unknown;
  const hear = (bytes: number): void => {
    try {
      onRead(bytes);
    } catch (error) {
      refused = error; // of who listens, and not of the file
      throw error;
    }
  };
  try {
    return hashRegular(path, { links: true }, hear).sha256;
  } catch (error) {
    if (refused !== undefined) throw error;
    return UNREADABLE;
  }
}

function recallInput(memory: string, marks: string): Input | undefined {
  try {
    const kept = JSON.parse(readRegular(`${memory}.json`, { links: false }).toString()) as {
      marks: string;
      input: Input;
    };
    return kept.marks === marks ? kept.input : undefined;
  } catch {
    return undefined; // none yet, or a damaged one: the files are read
  }
}

/** Hashes of files by mark and name; each line of the file has both, and the hash in front. */
function recallHashes(path: string): Map<string, string> {
  try {
    const lines = readRegular(path, { links: false }).toString().split('\n').filter(Boolean);
    return new Map(lines.map((line) => [line.slice(65), line.slice(0, 64)]));
  } catch {
    return new Map();
  }
}

/** The time now as file systems have it, in milliseconds; -Infinity where no file can be written. */
function clock(): number {
  const path = join(cacheFolder(), 'hashes', `now-${randomBytes(6).toString('hex')}`);
  try {
    makeFolder(join(cacheFolder(), 'hashes'));
    closeSync(openSync(path, 'wx'));
    return statSync(path).mtimeMs;
  } catch {
    return -Infinity;
  } finally {
    rmSync(path, { force: true });
  }
}

/** What cannot be remembered is read again the next time. */
function remember(
  { memory, marks, input }: { readonly memory: string; readonly marks: string; readonly input: Input },
  found: readonly Found[],
  hashes: readonly string[],
  limit: number,
): void {
  const lines = found.flatMap(({ mark, name, newest }, i) =>
    newest <= limit && hashes[i] !== UNREADABLE && !name.includes('\n') ? [`${hashes[i]!} ${mark} ${name}\n`] : [],
  );
  try {
    if (lines.length === found.length) writeAtomic(`${memory}.json`, JSON.stringify({ marks, input }));
    if (found.length > 1) writeAtomic(`${memory}.files`, lines);
  } catch {
    // a cache that is full or may not be written
  }
}

/** Which file is another than the one that was noted, in a few words; undefined where all are what they were. */
export function changedInput(noted: readonly Input[], now: readonly Input[]): string | undefined {
  for (const [i, before] of noted.entries()) {
    const after = now[i];
    if (after === undefined || after.path !== before.path) return before.path;
    if (after.sha256 !== before.sha256) return changeOf(before, after);
  }
  return now[noted.length]?.path;
}

function changeOf(before: Input, after: Input): string {
  if (before.list !== undefined && after.list !== undefined) {
    const names = [...new Set([...Object.keys(before.list), ...Object.keys(after.list)])];
    const changed = names.filter((name) => String(before.list![name]) !== String(after.list![name]));
    const [first] = changed;
    if (first !== undefined)
      return `${join(before.path, first)}${changed.length > 1 ? ` and ${plural(changed.length - 1, 'other')}` : ''}`;
  }
  const size = ({ files, bytes }: Input): string => `${files === 1 ? '' : `${files} files, `}${bytes} bytes`;
  return `${before.path} (${size(before)} then, ${size(after)} now)`;
}

/** One line for a run whose files have changed since. */
export function changedSince(folder: string, changed: string): UsageError {
  return new UsageError(
    `${changed}: changed since the run in ${folder} read it, which is a run of what was there before; ` +
      'put that back, choose another folder with --out, or delete that run to have it done anew',
  );
}

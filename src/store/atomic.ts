/** Files that are either as they were or as they should be, whatever happens in between. */
import { randomBytes, type Hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, FailureError, messageOf, UsageError } from '../core/errors.js';
import { makeFolders, syncFolder } from '../core/folder.js';
import { DeniedError } from './regular.js';

/**
 * Makes a folder and its parents. Throws UsageError with the path when it cannot be written, and with the option that
 * says where, if it is known.
 */
export function makeFolder(path: string, option?: string): void {
  try {
    makeFolders(path);
  } catch (error) {
    throw asFileError(error, path, option);
  }
}

/** Makes a folder, as {@link makeFolder} does, and sees whether files can be written there. */
export function makeWritable(path: string, option?: string): void {
  makeFolder(path, option);
  try {
    rmSync(mkdtempSync(join(path, '.writable-')), { recursive: true });
  } catch (error) {
    throw asFileError(error, path, option);
  }
}

/** What a write may be asked for. */
export interface WriteOptions {
  /** May throw in the last moment before the file is replaced, and then nothing has changed. */
  readonly check?: () => void;
  /** Gets every byte that is written. */
  readonly hash?: Hash;
}

/**
 * A name beside a file that no other writer of the file has, in this process or another: process numbers are those of a
 * container, so that two may be equal. It has to be opened exclusively ('x'), which follows nothing that stands there.
 */
function temporaryFor(path: string): string {
  return `${path}.tmp-${process.pid}-${randomBytes(6).toString('hex')}`;
}

/**
 * Writes `chunks` to `path`: a temporary file beside it, flushed to the disk, then renamed over it. A symbolic link
 * there is replaced, not followed.
 */
export function writeAtomic(
  path: string,
  chunks: string | readonly (string | Uint8Array)[],
  { check = () => {}, hash }: WriteOptions = {},
): void {
  let temporary: string | undefined;
  try {
    temporary = writeBeside(path, typeof chunks === 'string' ? [chunks] : chunks, hash);
    check();
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw asFileError(error, path);
  }
}

/** Writes and flushes a new file beside `path`, and returns its name; leaves none where that fails. */
function writeBeside(path: string, chunks: readonly (string | Uint8Array)[], hash?: Hash): string {
  const temporary = temporaryFor(path);
  const file = openSync(temporary, 'wx');
  try {
    try {
      for (const chunk of chunks) {
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
        writeAll(file, bytes);
        hash?.update(bytes);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return temporary;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A file of several that belong together; without `chunks` it is to be gone. */
export interface FileOfSet {
  readonly path: string;
  readonly chunks?: readonly (string | Uint8Array)[];
}

/**
 * Writes files of one folder that belong together over what may stand there; the last of them is the one that no reader
 * does without. All are written beside their places first, so that a full disk changes nothing. Then the last is taken
 * away until the others are in their places: whatever ends the process in between, nobody reads old weights with a new
 * configuration.
 */
export function writeTogether(files: readonly FileOfSet[]): void {
  const key = files.at(-1)!.path;
  const written: [temporary: string, path: string][] = [];
  let at = key;
  try {
    for (const { path, chunks } of files) {
      at = path;
      if (chunks !== undefined) written.push([writeBeside(path, chunks), path]);
    }
    at = key;
    rmSync(key, { force: true });
    syncFolder(dirname(key));
    for (const { path, chunks } of files) if (chunks === undefined) rmSync(path, { force: true });
    for (const [temporary, path] of written) {
      at = path;
      if (path === key) syncFolder(dirname(key));
      renameSync(temporary, path);
    }
    syncFolder(dirname(key));
  } catch (error) {
    for (const [temporary] of written) rmSync(temporary, { force: true });
    throw asFileError(error, at);
  }
}

/**
 * A new file with `bytes` at `path`, open to be appended to. What stood there under that name is replaced, not followed
 * and not changed: whoever still has it open writes to a file that nobody sees.
 */
export function openReplacing(path: string, bytes: Uint8Array, check: () => void): number {
  const temporary = temporaryFor(path);
  let file: number | undefined;
  try {
    file = openSync(temporary, 'ax+');
    writeAll(file, bytes);
    fsyncSync(file);
    check();
    renameSync(temporary, path);
    syncFolder(dirname(path));
    return file;
  } catch (error) {
    if (file !== undefined) {
      closeSync(file);
      rmSync(temporary, { force: true });
    }
    throw asFileError(error, path);
  }
}

/** All of `bytes`: a single `write` may take only a part of them. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

/** System calls that change nothing. */
const READING = new Set(['scandir', 'opendir', 'stat', 'lstat', 'fstat', 'read', 'readlink', 'access', 'realpath']);

/** What the system says, without the call and the path that Node adds: `EIO: i/o error, read` is `i/o error (EIO)`. */
function inWords(message: string): string {
  return message.replace(/^(E[A-Z0-9]+): ([^,]+), \w+.*$/s, '$2 ($1)');
}

/** Whether a path is a symbolic link; none is below a file, where the system says more than that nothing is there. */
export function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false;
    throw asFileError(error, path);
  }
}

/** One line for the common ways in which a file cannot be read or written; `option` is the one that says where. */
export function asFileError(error: unknown, path: string, option?: string): Error {
  const advice = option === undefined ? 'choose another place' : `choose another folder with ${option}`;
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FailureError(
        `no space left on the disk while writing ${path}; free some and run the same command again, ` +
          'what is saved already is kept',
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      if (READING.has((error as NodeJS.ErrnoException).syscall ?? '')) return new DeniedError(path);
      return new UsageError(`cannot write ${path}: permission denied or read-only; ${advice}`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new UsageError(`cannot write ${path}: a part of that path is a file, not a folder; ${advice}`);
    case 'EISDIR':
      return new UsageError(`${path}: it is a folder; expected a file`);
    case 'ELOOP':
      return new UsageError(`${path}: symbolic links on the way to it lead in a circle; expected a path without one`);
    case 'ENAMETOOLONG':
      return new UsageError(`${path}: a name in it is longer than the file system allows; choose a shorter one`);
    case 'ENOENT':
      if ((error as NodeJS.ErrnoException).syscall === 'uv_cwd')
        return new UsageError('the current folder is gone; change to one that is there, and run the command again');
      return new UsageError(
        (isLink(path) ? `${path}: a symbolic link to a place that is not there` : `${path}: no such file or folder`) +
          (existsSync(dirname(path)) ? '' : `: ${dirname(path)} is not there`) +
          (option === undefined ? '' : `; ${advice}`),
      );
    default:
      return error instanceof Error && error.name !== 'Error'
        ? error
        : new FailureError(`${path}: ${inWords(messageOf(error))}`);
  }
}

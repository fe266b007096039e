/** Files that are either as they were or as they should be, whatever happens in between. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf, FailureError, messageOf, UsageError } from '../core/errors.js';

/** Makes a folder (and its parents). Throws UsageError naming it when it cannot be written. */
export function makeFolder(path: string): void {
  // One by one: mkdir's own `recursive` never returns where a parent exists and refuses (below /proc, Node 20).
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  try {
    for (const folder of missing.length > 0 ? missing : [path]) mkdirOnce(folder);
  } catch (error) {
    throw asFileError(error, path);
  }
}

/** Another process may have made it in the meantime. */
function mkdirOnce(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

/** Writes `chunks` to `path`: a temporary file beside it, flushed to the disk, then renamed over it. */
export function writeAtomic(path: string, ...chunks: (string | Uint8Array)[]): void {
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    const file = openSync(temporary, 'w');
    try {
      for (const chunk of chunks) writeAll(file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asFileError(error, path);
  }
}

/** All of `bytes`: a single `write` may take only a part of them. */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

/** Makes a rename in this folder durable; a no-op where folders cannot be opened (Windows). */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** One line for the common ways in which a file cannot be read or written. */
export function asFileError(error: unknown, path: string): Error {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new FailureError(
        `no space left on the disk while writing ${path}; free some and run the same command again, finished work is kept`,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UsageError(`cannot write ${path}: permission denied or read-only; choose another folder with --out`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new UsageError(
        `cannot write ${path}: a part of that path is a file, not a folder; choose another folder with --out`,
      );
    case 'EISDIR':
      return new UsageError(`${path}: it is a folder; expected a file`);
    case 'ENOENT':
      return new UsageError(`${path}: no such file or folder, or it cannot be made there`);
    default:
      return error instanceof Error && error.name !== 'Error'
        ? error
        : new FailureError(`${path}: ${messageOf(error)}`);
  }
}

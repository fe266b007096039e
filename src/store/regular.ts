/** Reads files that may not be what their names say: a pipe, a device, or a link that somebody planted. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { codeOf, FailureError, messageOf, UsageError } from '../core/errors.js';

// Windows has neither; there no file of a folder is a pipe.
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

/** A file that was changed so recently, in milliseconds, may be changed again without another time. */
export const SETTLED_MS = 3000;

/** Largest file that is read as a whole: what JavaScript can hold in one buffer on every supported version. */
const LARGEST = 2 ** 31 - 1;

/** What is allowed of a file that is opened to be read. */
export interface RegularOptions {
  /** Whether the path may be a symbolic link; files of a store may not, since a link leads out of it. */
  readonly links: boolean;
  /** Most bytes that the file may have; 2 GiB by default. */
  readonly limit?: number;
}

/**
 * Opens a regular file to be read, and never waits for a pipe. Throws UsageError on anything else, and on a file that
 * is too large; what the system throws where it cannot be opened.
 */
export function openRegular(path: string, { links, limit = Infinity }: RegularOptions): number {
  let file: number;
  try {
    file = openSync(path, O_RDONLY | O_NONBLOCK | (links ? 0 : O_NOFOLLOW));
  } catch (error) {
    if (codeOf(error) === 'ELOOP' && !links)
      throw new UsageError(`${path}: it is a symbolic link; expected a file of the store itself`);
    if (isDenied(error)) throw new DeniedError(path);
    if (codeOf(error) === 'ENXIO') throw new UsageError(`${path}: not a regular file`);
    throw error;
  }
  const { size } = fstatOf(file, path);
  if (size <= limit) return file;
  closeSync(file);
  throw new UsageError(`${path}: ${size} bytes; expected at most ${limit}`);
}

/** A file that this user may not read, and which may be whole. */
export class DeniedError extends UsageError {
  constructor(path: string) {
    super(`cannot read ${path}: permission denied`);
  }
}

/** Whether an error of the system says that this user may not. */
export function isDenied(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(codeOf(error) ?? '');
}

/**
 * Whether there is something at a path. Throws DeniedError where that cannot be told, as in a folder of somebody else:
 * what may not be seen is not missing.
 */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isDenied(error)) throw new DeniedError(path);
    if (['ELOOP', 'ENAMETOOLONG', 'ENOTDIR'].includes(codeOf(error) ?? '')) return false;
    throw new FailureError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

function fstatOf(file: number, path: string): { size: number } {
  let stat: Stats;
  try {
    stat = fstatSync(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  if (stat.isFile()) return stat;
  closeSync(file);
  throw stat.isDirectory()
    ? Object.assign(new Error(`${path}: it is a folder`), { code: 'EISDIR', path })
    : new UsageError(`${path}: not a regular file (a pipe or a device); expected a file`);
}

/** The bytes of a regular file. Throws as {@link openRegular} does. */
export function readRegular(path: string, options: RegularOptions): Buffer {
  const file = openRegular(path, { limit: LARGEST, ...options });
  try {
    const parts: Buffer[] = [];
    // to the end, and not by its size: it may grow meanwhile
    for (let size = Math.max(fstatSync(file).size, 1) + 1; ; size = 65_536) {
      const part = Buffer.allocUnsafe(size);
      const got = readSync(file, part, 0, size, null);
      if (got === 0) return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      parts.push(part.subarray(0, got));
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Size and SHA-256 of a regular file of any size; `onRead` hears of every MiB or less that was read. Throws as
 * {@link openRegular} does.
 */
export function hashRegular(
  path: string,
  options: RegularOptions,
  onRead: (bytes: number) => void = () => {},
): { readonly bytes: number; readonly sha256: string } {
  const file = openRegular(path, options);
  try {
    const hash = createHash('sha256');
    const part = Buffer.allocUnsafe(2 ** 20);
    for (let bytes = 0; ;) {
      const got = readSync(file, part, 0, part.length, null);
      if (got === 0) return { bytes, sha256: hash.digest('hex') };
      hash.update(part.subarray(0, got));
      bytes += got;
      onRead(got);
    }
  } finally {
    closeSync(file);
  }
}

/** Copies a regular file to a new one. Throws as {@link openRegular} does, and where there is a file of that name. */
export function copyRegular(from: string, to: string): void {
  const source = openRegular(from, { links: false });
  try {
    const target = openSync(to, 'wx');
    try {
      const part = Buffer.allocUnsafe(2 ** 20);
      for (let got; (got = readSync(source, part, 0, part.length, null)) > 0;)
        for (let written = 0; written < got;) written += writeSync(target, part, written, got - written);
      fsyncSync(target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

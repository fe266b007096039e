/** Socket files, by which workers of one machine reach each other. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { messageOf, UsageError } from '../core/errors.js';
import type { Address } from './address.js';

/** Longest path of a socket file, in bytes: the system has 108 of them on Linux and 104 elsewhere, with a last 0. */
export const LONGEST_SOCKET_PATH = process.platform === 'linux' ? 107 : 103;

/** Addresses of workers of this machine, and the folder of their socket files, to be deleted when they have ended. */
export interface LocalAddresses {
  readonly folder: string;
  readonly addresses: readonly Address[];
}

/** Whether the path of a socket file is longer than the system allows; names of pipes on Windows are no paths. */
export function isTooLong(path: string): boolean {
  return process.platform !== 'win32' && Buffer.byteLength(path) > LONGEST_SOCKET_PATH;
}

/**
 * Addresses for so many workers of this machine, in a new folder that only this user can open: in TMPDIR, or in /tmp
 * where socket files in TMPDIR would have too long a path. Throws UsageError where no folder can be made.
 */
export function localAddresses(count: number, prefix: string): LocalAddresses {
  const nameOf = (root: string): string => join(root, prefix, String(count - 1));
  const given = tmpdir();
  const random = 6; // characters that mkdtemp adds
  const isShort = !isTooLong(nameOf(given) + '-'.repeat(random));
  const root = isShort ? given : '/tmp';
  let folder: string;
  try {
    folder = mkdtempSync(join(root, prefix));
  } catch (error) {
    const why = isShort ? '' : `TMPDIR, ${given}, is too long a path for socket files, and in its place `;
    throw new UsageError(
      `${why}no folder can be made in ${root} (${messageOf(error)}); ` +
        'set TMPDIR to a folder that can be written, with a path of at most ' +
        `${LONGEST_SOCKET_PATH - nameOf('').length - random} bytes`,
    );
  }
  const pathOf = (task: number): string =>
    process.platform === 'win32' ? `\\\\.\\pipe\\${basename(folder)}-${task}` : join(folder, String(task));
  return { folder, addresses: Array.from({ length: count }, (_, task): Address => ({ path: pathOf(task) })) };
}

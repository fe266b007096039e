/** Makes folders that are there after a loss of power, too, and writes paths as every system has them. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { codeOf } from './errors.js';

/** Whether there is a folder at a path. */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/**
 * Makes a folder and its parents. Throws what the system says where it cannot. One by one: mkdir's own `recursive`
 * never returns where a parent exists and refuses (below /proc, Node 20).
 */
export function makeFolders(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing.length > 0 ? missing : [path]) makeOnce(folder);
}

/** Another process may have made it in the meantime. */
function makeOnce(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
    return;
  }
  try {
    syncFolder(dirname(folder)); // else what is flushed below is lost with the folder's own name
  } catch (error) {
    // who may write there need not be allowed to read, and some file systems flush no folders
    if (!['EACCES', 'EPERM', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
  }
}

/** Makes what was renamed or made in this folder durable; a no-op where folders cannot be opened (Windows). */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** A path with `/` between its parts: what is sorted, hashed or kept by it is then the same on Windows. */
export function withSlashes(path: string): string {
  return path.split(sep).join('/');
}

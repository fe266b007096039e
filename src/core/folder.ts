/** Makes folders. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { codeOf } from './errors.js';

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
  }
}

/** Where what is downloaded or built is kept. */
import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';

/** The user's home; where `HOME` is empty or relative, that of the user's account. */
function home(): string {
  const named = homedir();
  const found = isAbsolute(named) ? named : accountHome();
  if (found !== undefined) return found;
  throw new UsageError(
    'the home folder is not known (HOME is empty or relative), and with it no place for what is built; ' +
      'set GOWIDE_CACHE to a folder',
  );
}

function accountHome(): string | undefined {
  try {
    const { homedir: path } = userInfo();
    return isAbsolute(path) ? path : undefined;
  } catch {
    return undefined; // a user without an account
  }
}

/** A folder that the environment names; the specification of these variables has relative ones ignored. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

/** A path that the user chose for the cache. Throws UsageError where a file is there, or in the way to it. */
function folderAt(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  if (!existsSync(at) || isFolder(at)) return path;
  throw new UsageError(
    `GOWIDE_CACHE is ${path}, and ${at === path ? 'that' : at} is a file; expected a folder, or a path where one can be made`,
  );
}

/**
 * Folder of everything that is downloaded or built once per machine: `$GOWIDE_CACHE`, else the platform's cache folder.
 * Throws UsageError where neither is known, and where `$GOWIDE_CACHE` is no folder.
 */
export function cacheFolder(): string {
  const { GOWIDE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (GOWIDE_CACHE) return folderAt(resolve(GOWIDE_CACHE));
  if (process.platform === 'win32')
    return join(absolute(LOCALAPPDATA) ?? join(home(), 'AppData', 'Local'), 'gowide', 'cache');
  if (process.platform === 'darwin') return join(home(), 'Library', 'Caches', 'gowide');
  return join(absolute(XDG_CACHE_HOME) ?? join(home(), '.cache'), 'gowide');
}

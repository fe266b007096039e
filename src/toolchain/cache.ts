/** Where what is downloaded or built is kept. */
import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.js';

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

/**
 * Folder of everything that is downloaded or built once per machine: `$GOWIDE_CACHE`, else the platform's cache folder.
 * Throws UsageError where neither is known.
 */
export function cacheFolder(): string {
  const { GOWIDE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (GOWIDE_CACHE) return resolve(GOWIDE_CACHE);
  if (process.platform === 'win32')
    return join(absolute(LOCALAPPDATA) ?? join(home(), 'AppData', 'Local'), 'gowide', 'cache');
  if (process.platform === 'darwin') return join(home(), 'Library', 'Caches', 'gowide');
  return join(absolute(XDG_CACHE_HOME) ?? join(home(), '.cache'), 'gowide');
}

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Folder of everything that is downloaded or built once per machine: `$GOWIDE_CACHE`, else the platform's cache folder.
 */
export function cacheFolder(): string {
  const { GOWIDE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (GOWIDE_CACHE) return resolve(GOWIDE_CACHE);
  if (process.platform === 'win32') return join(LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'gowide', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'gowide');
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'gowide');
}

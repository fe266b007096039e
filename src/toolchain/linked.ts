/** How what is compiled here is linked to shared libraries. */
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FailureError, InterruptedError, messageOf } from '../core/errors.js';
import { packageRoot } from '../core/package.js';
import { failureOf } from './tools.js';

/**
 * Options with which a compiler links a shared object to libraries, which the loader then looks for where they are, or
 * in the folder `rpath`. The linker of Linux reads all names of a library, 9 s for TensorFlow's, only to write down
 * which libraries there are; it gets empty ones of the same names instead, which are made in `folder` and stay there.
 * Names that no library has are met by the loader, as ever. Throws FailureError where they cannot be made.
 */
export function linkOptions(
  compiler: string,
  libraries: readonly string[],
  folder: string,
  rpath?: string,
): readonly string[] {
  if (libraries.length === 0) return [];
  const folders = rpath === undefined ? [...new Set(libraries.map((path) => dirname(path)))] : [rpath];
  const found = folders.map((one) => `-Wl,-rpath,${one}`);
  if (process.platform !== 'linux') return [...libraries, ...found];
  const empty = libraries.map((path) => emptyLibrary(compiler, basename(path), folder));
  return ['-Wl,--no-as-needed', ...empty, ...found];
}

/** Path of a library in a folder that has a name and nothing else, made where it is not there. */
function emptyLibrary(compiler: string, name: string, folder: string): string {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString('hex')}`;
  const options = ['-shared', '-nostdlib', '-x', 'c++', '/dev/null', `-Wl,-soname,${name}`, '-o', temporary];
  try {
    mkdirSync(folder, { recursive: true });
    const { status, signal, stderr, error } = spawnSync(compiler, options, { encoding: 'utf8', cwd: packageRoot() });
    if (error !== undefined) throw error;
    if (status !== 0) throw failureOf(compiler, { code: status, signal, said: stderr });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (error instanceof FailureError || error instanceof InterruptedError) throw error;
    throw new FailureError(`an empty ${name} to link to could not be made: ${messageOf(error)}`);
  }
  return path;
}

/** How what is compiled here is linked to shared libraries. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { FailureError } from '../core/errors.js';

/**
 * Options by which a shared object calls libraries and finds them again, in their folders or in that of `rpath`, when
 * it is loaded. The linker of Linux reads all names of a library, 9 s for TensorFlow's, only to write down which
 * libraries there are; it gets empty ones of the same names instead, which are made in `folder`. Whether every name is
 * there is seen when the object is loaded, as ever. Throws FailureError where they cannot be made.
 */
export function linked(compiler: string, libraries: readonly string[], folder: string, rpath?: string): string[] {
  if (libraries.length === 0) return [];
  const folders = rpath === undefined ? [...new Set(libraries.map((path) => dirname(path)))] : [rpath];
  const found = folders.map((one) => `-Wl,-rpath,${one}`);
  if (process.platform !== 'linux') return [...libraries, ...found];
  mkdirSync(folder, { recursive: true });
  const named = libraries.map((path) => withoutContent(compiler, basename(path), folder));
  return ['-Wl,--no-as-needed', ...named, ...found];
}

/** Path of a library that has a name and nothing else. */
function withoutContent(compiler: string, name: string, folder: string): string {
  const path = join(folder, name);
  const options = ['-shared', '-nostdlib', '-x', 'c++', '/dev/null', `-Wl,-soname,${name}`, '-o', path];
  const { status, stderr, error } = spawnSync(compiler, options, { encoding: 'utf8' });
  if (status !== 0) throw new FailureError(error?.message ?? stderr.trim().split('\n').at(-1) ?? `status ${status}`);
  return path;
}

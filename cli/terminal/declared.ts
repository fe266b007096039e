import { rewording, UsageError } from '../../src/core/errors.js';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { readDeclaration } from '../../src/store/config.js';
import { readSafetensors } from '../../src/store/safetensors.js';
import { notice } from './notices.js';

/** What a simulation is declared by: its settings, and the particles and data that come with them. */
interface Declared {
  /** Path of the settings. */
  readonly file: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly arrays: HostArrays<HostValues>;
  /** Path of their file, where there is one. */
  readonly particles: string | undefined;
}

/**
 * Reads a declaration of `simulate` and its safetensors file: the one that the user gives with --particles, else the
 * one that the declaration names, else none. Throws UsageError on a file that cannot be read.
 */
export function readDeclared(options: { readonly config: string; readonly particles?: string }): Declared {
  const { particles: named, ...config } = readDeclaration(options.config, notice);
  if (named !== undefined && (typeof named !== 'string' || named === ''))
    throw new UsageError(`${options.config}: "particles": expected the name of a safetensors file, or no such key`);
  const path = options.particles ?? named;
  return {
    file: options.config,
    config,
    arrays: path === undefined ? {} : readSafetensors(path).tensors,
    particles: path,
  };
}

/**
 * Calls what takes a declaration. Its errors begin with the argument that is wrong, `config` or `particles`; where that
 * came from a file, its name stands in that place, or before `invalid config`.
 */
export function namingFiles<T>({ file, particles }: Declared, call: () => T): T {
  return rewording((message) => {
    const [argument, ...rest] = message.split(': ');
    if (argument === 'invalid config') return `${file}: ${message}`;
    const named = argument === 'config' ? file : argument === 'particles' ? particles : undefined;
    return [named ?? argument, ...rest].join(': ');
  }, call);
}

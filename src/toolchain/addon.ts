/** Node-API addons of one C++ source, compiled once per machine for its own vector instructions. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { FailureError, messageOf } from '../core/errors.js';
import { cacheFolder } from './cache.js';
import { findCompiler } from './tools.js';

export interface AddonSource {
  /** Folder in the cache, and the addon's file name. */
  readonly name: string;
  /** What it is, and what is there without it, for messages. */
  readonly what: string;
  readonly without: string;
  /** Path of the source; it may include headers beside it. */
  readonly source: string;
  /** For the compiler, beside what every addon needs: folders of headers, libraries. */
  readonly options?: readonly string[];
}

const require = createRequire(import.meta.url);

/**
 * Loads the addon, building it first if need be; one that does not load (a damaged file, say) is built again, once.
 * Throws FailureError with the reason.
 */
export function loadAddon<T>(source: AddonSource): T {
  const path = builtAddon(source);
  try {
    return require(path) as T;
  } catch {
    build(path, source);
  }
  try {
    return require(path) as T;
  } catch (error) {
    throw new FailureError(`${source.what} does not load: ${messageOf(error)}; ${source.without}`);
  }
}

/** Features of this processor, by which one cache serves several kinds of machines. */
function processor(): string {
  const flags = existsSync('/proc/cpuinfo')
    ? /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]
    : undefined;
  return flags ?? cpus()[0]?.model ?? '';
}

function sourcesOf({ source }: AddonSource): string[] {
  const folder = dirname(source);
  return [
    source,
    ...readdirSync(folder)
      .filter((name) => name.endsWith('.h'))
      .sort()
      .map((name) => join(folder, name)),
  ];
}

/**
 * Path of the built addon, for code that loads it itself; builds it first if need be. Throws FailureError with the
 * reason.
 */
export function builtAddon(source: AddonSource): string {
  const place = `${process.platform} ${process.arch} ${processor()}`;
  const hash = createHash('sha256').update(place);
  for (const file of sourcesOf(source)) hash.update(readFileSync(file));
  const key = hash
    .update((source.options ?? []).join('\n'))
    .digest('hex')
    .slice(0, 16);
  const path = join(cacheFolder(), source.name, key, `${source.name}.node`);
  if (!existsSync(path)) build(path, source);
  return path;
}

function build(path: string, { what, without, source, options = [] }: AddonSource): void {
  const compiler = findCompiler();
  if (compiler === undefined)
    throw new FailureError(`${what} needs a C++ compiler (g++ or clang++), not found on the PATH; ${without}`);
  // clang takes -march=native on arm64 only as -mcpu=native
  const machine = process.arch === 'arm64' ? '-mcpu=native' : '-march=native';
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const temporary = `${path}.${process.pid}`;
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const common = [
    '-std=c++17',
    '-O3',
    machine,
    '-ffp-contract=fast',
    '-fno-math-errno',
    '-fPIC',
    '-shared',
    '-pthread',
    '-DNAPI_VERSION=8',
  ];
  try {
    mkdirSync(dirname(path), { recursive: true });
    const { status, stderr, error } = spawnSync(
      compiler,
      [...common, `-I${headers}`, source, '-o', temporary, ...link, ...options],
      { encoding: 'utf8' },
    );
    if (status !== 0)
      throw new Error(
        error?.message ?? (stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim()).slice(0, 300),
      );
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new FailureError(`${what} could not be built with ${compiler}: ${messageOf(error)}; ${without}`);
  }
}

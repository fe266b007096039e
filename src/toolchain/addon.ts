/** Node-API addons of one C++ source, compiled once per machine for its own vector instructions. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FailureError, messageOf } from '../core/errors.js';
import { makeFolders } from '../core/folder.js';
import { cacheFolder } from './cache.js';
import { linkOptions } from './linked.js';
import { strangerIn } from './owner.js';
import { findCompiler } from './tools.js';

/** An addon of C++ that is compiled when it is first needed, and kept in the cache. */
export interface AddonSource {
  /** Folder in the cache, and the addon's file name. */
  readonly name: string;
  /** What it is, and what is there without it, for messages. */
  readonly what: string;
  readonly without: string;
  /** Path of the source; it may include headers beside it. */
  readonly source: string;
  /** For the compiler, beside what every addon needs, such as folders of headers. */
  readonly options?: readonly string[];
  /** Paths of the shared libraries that it calls. */
  readonly libraries?: readonly string[];
}

const require = createRequire(import.meta.url);

/**
 * Loads the addon, building it first if need be; one that does not load is built again, once. Throws FailureError with
 * the reason.
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
  const path = pathOf(source);
  if (!isAsBuilt(path)) build(path, source);
  return path;
}

/** Whether the addon was built, or there is a compiler that may build it; nothing is built. */
export function isWithinReach(source: AddonSource): boolean {
  try {
    return isAsBuilt(pathOf(source)) || findCompiler() !== undefined;
  } catch {
    return false; // no folder of one's own to put it in
  }
}

/**
 * Builds the addon if need be, while this process goes on with other things; `begin` is called where there is something
 * to build. Throws FailureError with the reason.
 */
export async function prepareAddon(source: AddonSource, begin?: () => void): Promise<void> {
  const path = pathOf(source);
  if (isAsBuilt(path)) return;
  begin?.();
  const { compiler, options, folder, finish } = compilation(path, source);
  await new Promise<void>((resolve, reject) => {
    execFile(compiler, options, { cwd: folder }, (error, _, stderr) => {
      try {
        finish(error === null ? undefined : (firstError(stderr) ?? error.message));
        resolve();
      } catch (problem) {
        reject(problem as Error);
      }
    });
  });
}

/**
 * Builds those of the addons that there is something to build of, side by side. `report` is called with 0 as the first
 * begins and with 1 as all are over, where one had to be built; `missing` with the reason for each that cannot be.
 */
export async function prepareAddons(
  sources: readonly AddonSource[],
  report?: (done: 0 | 1) => void,
  missing?: (reason: string) => void,
): Promise<void> {
  let begun = false;
  const begin = (): void => {
    if (!begun) report?.(0);
    begun = true;
  };
  const prepare = (source: AddonSource): Promise<void> =>
    prepareAddon(source, begin).catch((error: unknown) => missing?.(messageOf(error)));
  await Promise.all(sources.map(prepare));
  if (begun) report?.(1);
}

/** Where the built addon is, or will be. Throws FailureError where others could have put one there. */
function pathOf(source: AddonSource): string {
  const place = `${process.platform} ${process.arch} ${processor()}`;
  const hash = createHash('sha256').update(place);
  for (const file of sourcesOf(source)) hash.update(readFileSync(file));
  const key = hash
    .update([...(source.options ?? []), ...(source.libraries ?? [])].join('\n'))
    .digest('hex')
    .slice(0, 16);
  const path = join(cacheFolder(), source.name, key, `${source.name}.node`);
  if (existsSync(dirname(path))) checkOwner(path, source);
  return path;
}

/** Name of the file beside an addon that holds its hash and the key that it was built for. */
const recordOf = (path: string): string => `${path}.json`;

function record(path: string): string {
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
  return JSON.stringify({ key: basename(dirname(path)), sha256 });
}

/**
 * Whether the file is, to the bit, what was built for this machine: a cut one would end the process with a bus error,
 * and one with a flipped bit would compute.
 */
function isAsBuilt(path: string): boolean {
  try {
    return readFileSync(recordOf(path), 'utf8') === record(path);
  } catch {
    return false; // missing, or built by a version that kept no record
  }
}

/** Throws FailureError where others could have put an addon there: code of theirs would run. */
function checkOwner(path: string, { what, without }: AddonSource): void {
  const why = strangerIn([dirname(path), path, recordOf(path)]);
  if (why !== undefined)
    throw new FailureError(
      `${what} is not loaded: ${why}; delete it, or set GOWIDE_CACHE to a folder of your own; ${without}`,
    );
}

function build(path: string, source: AddonSource): void {
  const { compiler, options, folder, finish } = compilation(path, source);
  const { status, stderr, error } = spawnSync(compiler, options, { encoding: 'utf8', cwd: folder });
  finish(status === 0 ? undefined : (error?.message ?? firstError(stderr) ?? `it ended with ${status}`));
}

/** What a compiler says is wrong, in one line; undefined where it says nothing. */
function firstError(stderr: string): string | undefined {
  const line = stderr.split('\n').find((text) => text.includes('error')) ?? stderr.trim();
  return line === '' ? undefined : line.slice(0, 300);
}

/** How a compiler is called for an addon, and what is done when it has ended. */
interface Compilation {
  readonly compiler: string;
  readonly options: readonly string[];
  readonly folder: string;
  /** Puts what was compiled in its place. Throws FailureError where there was a problem. */
  readonly finish: (problem: string | undefined) => void;
}

function compilation(path: string, { what, without, source, options = [], libraries = [] }: AddonSource): Compilation {
  const compiler = findCompiler();
  if (compiler === undefined)
    throw new FailureError(`${what} needs a C++ compiler (g++ or clang++), not found on the PATH; ${without}`);
  // clang takes -march=native on arm64 only as -mcpu=native
  const machine = process.arch === 'arm64' ? '-mcpu=native' : '-march=native';
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const unique = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const [temporary, written] = [`${path}.${unique}`, `${recordOf(path)}.${unique}`];
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
  const orFail = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      for (const file of [temporary, written]) rmSync(file, { force: true });
      throw new FailureError(`${what} could not be built with ${compiler}: ${messageOf(error)}; ${without}`);
    }
  };
  orFail(() => {
    makeFolders(dirname(path));
    chmodSync(dirname(path), 0o755);
    link.push(...linkOptions(compiler, libraries, join(dirname(path), 'libraries')));
  });
  return {
    compiler,
    options: [...common, `-I${headers}`, source, '-o', temporary, ...link, ...options],
    folder: dirname(source),
    finish: (problem) =>
      orFail(() => {
        if (problem !== undefined) throw new Error(problem);
        chmodSync(temporary, 0o755);
        renameSync(temporary, path);
        writeFileSync(written, record(path), { flag: 'wx', mode: 0o644 });
        renameSync(written, recordOf(path));
      }),
  };
}

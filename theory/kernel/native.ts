/** The native kernel: native.cc, compiled once per machine for its own vector instructions, loaded as a Node-API addon. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { FailureError, messageOf } from '../../src/core/errors.js';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { findCompiler } from '../../src/toolchain/tools.js';
import type { Layer, Net } from '../particles.js';
import { ACTIVATION_CODE, type Kernel } from './interface.js';

interface Addon {
  forward(numbers: Float64Array, arrays: Float64Array[], x: Float64Array, outs: (Float64Array | undefined)[]): number;
  descend(numbers: Float64Array, arrays: Float64Array[], x: Float64Array, y: Float64Array, dt: number, losses: Float64Array, to: Float64Array[]): number;
  setThreads(threads: number): number;
  peak(): number;
}

const require = createRequire(import.meta.url);
const SOURCE = join(import.meta.dirname, 'native.cc');

const flatten = (layers: readonly Layer[]): Float64Array[] => layers.flatMap(({ a, b, bias }) => [a, b, bias]);

/** Opens it, building it first if need be. Throws FailureError with the reason and what to do. */
export function openNative(threads: number): Kernel {
  const addon = loadAddon();
  // Several kernels of one process share the addon's threads.
  const call = (): Addon => {
    if (shared !== threads) shared = addon.setThreads(threads);
    return addon;
  };
  const numbers = ({ d, alpha, c, activation }: Net, x: Float64Array): Float64Array => Float64Array.of(d, alpha, c, ACTIVATION_CODE[activation], x.length / d);
  return {
    name: 'native',
    forward: (net, x, outs) => void call().forward(numbers(net, x), flatten(net.layers), x, [...outs]),
    descend: (net, x, y, dt, losses, to) => call().descend(numbers(net, x), flatten(net.layers), x, y, dt, losses, to === undefined ? [] : flatten(to)),
    peak: () => addon.peak(),
  };
}

/** Threads that the addon has now. */
let shared = 0;

/** Features of this processor, by which one cache serves several kinds of machines. */
function processor(): string {
  const flags = existsSync('/proc/cpuinfo') ? /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] : undefined;
  return flags ?? cpus()[0]?.model ?? '';
}

/** Loads the addon; one that does not load (a damaged file, say) is built again, once. */
function loadAddon(): Addon {
  const path = builtAddon();
  try {
    return require(path) as Addon;
  } catch {
    build(path);
  }
  try {
    return require(path) as Addon;
  } catch (error) {
    throw new FailureError(`the native kernel does not load: ${messageOf(error)}; the WebAssembly kernel runs without`);
  }
}

function builtAddon(): string {
  const source = readFileSync(SOURCE);
  const key = createHash('sha256').update(source).update(`${process.platform} ${process.arch} ${processor()}`).digest('hex').slice(0, 16);
  const path = join(cacheFolder(), 'kernel', key, 'kernel.node');
  if (!existsSync(path)) build(path);
  return path;
}

function build(path: string): void {
  const compiler = findCompiler();
  if (compiler === undefined) throw new FailureError('the native kernel needs a C++ compiler (g++ or clang++), not found on the PATH; the WebAssembly kernel runs without');
  // clang takes -march=native on arm64 only as -mcpu=native
  const machine = process.arch === 'arm64' ? '-mcpu=native' : '-march=native';
  const headers = join(dirname(require.resolve('node-api-headers/package.json')), 'include');
  const temporary = `${path}.${process.pid}`;
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const options = ['-std=c++17', '-O3', machine, '-ffp-contract=fast', '-fno-math-errno', '-fPIC', '-shared', '-pthread', '-DNAPI_VERSION=8'];
  try {
    mkdirSync(dirname(path), { recursive: true });
    const { status, stderr, error } = spawnSync(compiler, [...options, `-I${headers}`, SOURCE, '-o', temporary, ...link], { encoding: 'utf8' });
    if (status !== 0) throw new Error(error?.message ?? (stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim()).slice(0, 300));
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new FailureError(`the native kernel could not be built with ${compiler}: ${messageOf(error)}; the WebAssembly kernel runs without`);
  }
}

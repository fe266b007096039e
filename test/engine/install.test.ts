/** The install’s bad days: no tools, damaged downloads, a half install. Nothing is downloaded here. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { requestedEngine } from '../../src/engine/engines/choose.js';
import { installTensorflow, smokeTest } from '../../src/engine/install/install.js';
import { findBroken, findInstalled, isWhole, whyNotInstallable } from '../../src/engine/install/installed.js';
import { CPU_VARIANTS, GPU_VARIANTS } from '../../src/engine/install/pins.js';
import { findTools, runTool } from '../../src/toolchain/tools.js';
import { tensorflowReadiness } from '../../src/engine/engines/tensorflow.js';
import { tryLock } from '../../src/store/lock.js';
import { sha256 } from '../../src/store/seal.js';

const saved = { ...process.env };
let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'gowide-cache-'));
  process.env.GOWIDE_CACHE = cache;
});
afterEach(() => {
  process.env = { ...saved };
});

const supported =
  `${process.platform}-${process.arch}` in CPU_VARIANTS &&
  Object.values(findTools()).every((tool) => tool !== undefined);

test('GOWIDE_CACHE names the cache, which is empty: nothing is installed, nothing is broken', () => {
  expect(cacheFolder()).toBe(cache);
  expect([findInstalled(), findBroken()]).toEqual([undefined, undefined]);
});

test('every pin has a version and a SHA-256', () => {
  const wheels = [...Object.values(CPU_VARIANTS), ...Object.values(GPU_VARIANTS)].flatMap((variant) => variant.wheels);
  expect(wheels.length).toBeGreaterThan(10);
  for (const { sha256, version } of wheels) {
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(version).toMatch(/^\d+(\.\d+)+$/);
  }
});

test('without pip and compiler it says so in one line, and what to do', async () => {
  process.env.PATH = cache;
  process.env.CXX = '';
  if (`${process.platform}-${process.arch}` in CPU_VARIANTS) {
    expect(whyNotInstallable()).toBe(
      'it needs Python 3 with pip and a C++ compiler (g++ or clang++), not found on the PATH',
    );
    expect(tensorflowReadiness()).toEqual({
      state: 'impossible',
      reason: expect.stringContaining('then run: gowide engine install') as string,
    });
  }
  await expect(installTensorflow()).rejects.toThrow(/cannot be set up|is set up on/);
});

describe.skipIf(!supported)('with the tools', () => {
  test('a damaged wheel is refused, by its hash, and the lock is given back', async () => {
    const wheels = mkdtempSync(join(tmpdir(), 'gowide-wheels-'));
    const [wheel] = CPU_VARIANTS[`${process.platform}-${process.arch}`]!.wheels;
    writeFileSync(join(wheels, `${wheel!.name.replaceAll('-', '_')}-${wheel!.version}-cp312-x.whl`), 'damaged');
    mkdirSync(join(cache, 'tfjs-node-gpu-4.22.0'));
    writeFileSync(join(cache, 'tfjs-node-gpu-4.22.0', 'package.json'), '{}');
    await expect(installTensorflow({ wheels })).rejects.toThrow(/its SHA-256 is not [0-9a-f]{64}; it is damaged/);
    await expect(installTensorflow({ wheels: cache })).rejects.toThrow(/no file tensorflow.*whl there/);
    // the wheels are looked for before anything is fetched, and so is what npm would fetch
    rmSync(join(cache, 'tfjs-node-gpu-4.22.0'), { recursive: true });
    writeFileSync(join(wheels, 'tensorflow-tfjs-node-gpu-4.22.0.tgz'), 'damaged');
    process.env.npm_config_registry = 'http://127.0.0.1:1';
    await expect(installTensorflow({ wheels: cache })).rejects.toThrow(/no file tensorflow.*whl there/);
    await expect(installTensorflow({ wheels })).rejects.toThrow(/4.22.0.tgz: its SHA-512 is not that of @tensorflow/);
    expect(findInstalled()).toBeUndefined();
    expect(existsSync(join(cache, 'install.lock'))).toBe(false);
  });
});

test('an install with a missing, cut-off or changed file does not count, and is called broken', () => {
  const real = { ...process.env, GOWIDE_CACHE: saved.GOWIDE_CACHE };
  process.env = real;
  if (saved.GOWIDE_CACHE === undefined) delete process.env.GOWIDE_CACHE;
  const installed = findInstalled();
  process.env.GOWIDE_CACHE = cache;
  if (installed === undefined) return; // nothing to compare with on this machine
  const folder = join(cache, installed.folder.split(/[\\/]/).at(-1)!);
  mkdirSync(folder);
  writeFileSync(join(folder, 'a'), '12345');
  writeFileSync(
    join(folder, 'installed.json'),
    JSON.stringify({ files: { a: { bytes: 5, sha256: sha256('12345') } } }),
  );
  expect(findInstalled()?.folder).toBe(folder);
  expect(isWhole(folder, -Infinity)).toBe(true);
  expect(existsSync(join(folder, 'checked.json'))).toBe(true); // what was read is remembered
  const { atime, mtime, ctimeMs } = statSync(join(folder, 'a'));
  do writeFileSync(join(folder, 'a'), '12346');
  while (statSync(join(folder, 'a')).ctimeMs === ctimeMs);
  utimesSync(join(folder, 'a'), atime, mtime);
  expect([findInstalled(), findBroken()]).toEqual([undefined, folder]);
  writeFileSync(join(folder, 'a'), '12345');
  expect(findBroken()).toBeUndefined();
  truncateSync(join(folder, 'a'), 3);
  expect([findInstalled(), findBroken()]).toEqual([undefined, folder]);
  writeFileSync(join(folder, 'installed.json'), '{"files"');
  expect(findBroken()).toBe(folder);
});

test('a tool that fails gives its last error line; an addon that is none does not load', async () => {
  await expect(
    runTool(process.execPath, ['-e', 'console.error("first\\nERROR: no such wheel"); process.exit(3)']),
  ).rejects.toThrow(/failed \(status 3\): ERROR: no such wheel/);
  await expect(runTool(join(cache, 'none'), [])).rejects.toThrow(/could not be started/);
  await expect(
    runTool(process.execPath, ['-e', 'console.error("OSError: No space left on device"); process.exit(1)']),
  ).rejects.toThrow(/no space left on the disk/);
  writeFileSync(join(cache, 'bad.node'), 'no addon');
  await expect(smokeTest(join(cache, 'bad.node'))).rejects.toThrow(/addon does not load/);
});

test('a lock is held once, and taken over from a process that is gone', () => {
  const path = join(cache, 'lock');
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, host: 'elsewhere' }));
  expect(tryLock(path)).toEqual({ heldBy: { pid: 2 ** 22 + 1, host: 'elsewhere' } });
  writeFileSync(path, 'half a lo');
  expect(tryLock(path)).toEqual({ heldBy: { pid: 0, host: 'unknown' } }); // its owner may be writing it
  utimesSync(path, Date.now() / 1000 - 60, Date.now() / 1000 - 60);
  const lock = tryLock(path);
  expect('release' in lock).toBe(true);
  if ('release' in lock) lock.release();
  expect(readdirSync(cache)).toEqual([]);
});

test('requestedEngine: flag, then GOWIDE_ENGINE, then auto', () => {
  delete process.env.GOWIDE_ENGINE;
  expect(requestedEngine()).toBe('auto');
  process.env.GOWIDE_ENGINE = 'wasm';
  expect(requestedEngine()).toBe('wasm');
  expect(requestedEngine('webgpu')).toBe('webgpu');
  process.env.GOWIDE_ENGINE = 'fast';
  expect(() => requestedEngine()).toThrow('unknown engine "fast"');
});

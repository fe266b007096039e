import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { builtAddon, loadAddon, prepareAddons, type AddonSource } from '../../src/toolchain/addon.js';
import { findCompiler } from '../../src/toolchain/tools.js';

const compiler = findCompiler();

describe.skipIf(compiler === undefined)('an addon in the cache (skipped without a C++ compiler)', () => {
  let source: AddonSource;
  beforeEach(() => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-addon-'));
    vi.stubEnv('GOWIDE_CACHE', join(folder, 'cache'));
    writeFileSync(
      join(folder, 'one.cc'),
      `#include <node_api.h>
       NAPI_MODULE_INIT() { napi_value one; napi_create_int32(env, 1, &one); napi_set_named_property(env, exports, "one", one); return exports; }`,
    );
    source = { name: 'one', what: 'the addon', without: 'nothing is lost', source: join(folder, 'one.cc') };
  });
  afterEach(() => vi.unstubAllEnvs());

  test('is built once', () => {
    expect(loadAddon(source)).toEqual({ one: 1 });
    const { mtimeMs } = statSync(builtAddon(source));
    expect(statSync(builtAddon(source)).mtimeMs).toBe(mtimeMs);
    expect(readdirSync(join(builtAddon(source), '..')).sort()).toEqual(['one.node', 'one.node.json']);
  });

  test('is built beside others, of which those that cannot be built are named', async () => {
    const wrong = { ...source, name: 'two', what: 'the other addon', source: join(dirname(source.source), 'two.cc') };
    writeFileSync(wrong.source, '#error no such register\n');
    const told: unknown[] = [];
    await prepareAddons(
      [wrong, source],
      (done) => told.push(done),
      (reason) => told.push(reason),
    );
    expect(told).toEqual([
      0,
      expect.stringMatching(/^the other addon could not be built with .*no such register.*; nothing is lost$/),
      1,
    ]);
    expect(existsSync(builtAddon(source))).toBe(true);
  });

  test.runIf(process.platform === 'linux')('finds the libraries that it calls in their folder', () => {
    const libraries = join(dirname(source.source), 'libraries of others');
    mkdirSync(libraries);
    const library = join(libraries, 'libanswer.so.2');
    const lines = ['-shared', '-fPIC', '-Wl,-soname,libanswer.so.2', '-x', 'c++', '-', '-o', library];
    const input = 'extern "C" int answer() { return 42; }';
    const built = spawnSync(compiler!, lines, { input, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' });
    expect(built.stderr).toBe('');
    const text = readFileSync(source.source, 'utf8').replace('env, 1,', 'env, answer(),');
    writeFileSync(source.source, `extern "C" int answer();\n${text}`);
    const calling = { ...source, libraries: [library] };
    expect(loadAddon(calling)).toEqual({ one: 42 });
    expect(readdirSync(dirname(builtAddon(calling))).sort()).toEqual(['libraries', 'one.node', 'one.node.json']);
    expect(readdirSync(join(dirname(builtAddon(calling)), 'libraries'))).toEqual(['libanswer.so.2']);
  });

  test.each([
    ['cut', (path: string) => truncateSync(path, 4096)],
    [
      'with a flipped bit',
      (path: string) => {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(path, bytes);
      },
    ],
    ['without its record', (path: string) => truncateSync(`${path}.json`, 0)],
  ])('is built anew when it is %s', (_, damage) => {
    const path = builtAddon(source);
    const bytes = readFileSync(path);
    damage(path);
    expect(builtAddon(source)).toBe(path);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  test.runIf(process.platform !== 'win32')('is not loaded where others could have put it there', () => {
    const path = builtAddon(source);
    for (const [one, mode] of [
      [join(path, '..'), 0o777],
      [path, 0o757],
    ] as const) {
      const { mode: before } = statSync(one);
      chmodSync(one, mode);
      expect(() => loadAddon(source)).toThrow(
        /the addon is not loaded: .* can be written by others; delete it, or set GOWIDE_CACHE .*; nothing is lost/,
      );
      chmodSync(one, before);
    }
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(12_345);
    if (statSync(path).uid !== 0) expect(() => loadAddon(source)).toThrow(/belongs to user/);
    getuid.mockRestore();
    expect(existsSync(path)).toBe(true);
  });
});

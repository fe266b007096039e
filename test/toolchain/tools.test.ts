import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { FailureError, InterruptedError } from '../../src/core/errors.js';
import { cacheFolder } from '../../src/toolchain/cache.js';
import { imports } from '../../src/toolchain/python.js';
import { findTools, ISOLATED, runTool } from '../../src/toolchain/tools.js';

afterEach(() => vi.unstubAllEnvs());

const { python } = findTools();

test.skipIf(process.platform === 'win32')(
  'a tool that was stopped is said to be, and one that was killed, too',
  async () => {
    const ended = (signal: string): Promise<string> => runTool('sh', ['-c', `kill -${signal} $$`]);
    await expect(ended('TERM')).rejects.toThrow(new InterruptedError('sh was stopped by SIGTERM'));
    await expect(ended('KILL')).rejects.toThrow(new FailureError('sh failed (SIGKILL): it said nothing'));
  },
);

test.skipIf(python === undefined)('no module of the current folder is run by Python (skipped without it)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-tools-'));
  for (const name of ['pip', 'zipfile', 'tarfile', 'os', 'here'])
    writeFileSync(join(folder, `${name}.py`), `open(${JSON.stringify(join(folder, 'ran'))}, 'w')`);
  const before = process.cwd();
  process.chdir(folder);
  vi.stubEnv('PYTHONPATH', folder);
  try {
    expect(findTools().python).toBe(python);
    expect(imports(python!, 'here')).toBe(false);
    await runTool(python!, [...ISOLATED, '-m', 'pip', '--version']);
    await expect(runTool(python!, [...ISOLATED, '-m', 'here'])).rejects.toThrow(/No module named here/);
  } finally {
    process.chdir(before);
  }
  expect(existsSync(join(folder, 'ran'))).toBe(false);
});

test.runIf(process.platform === 'linux')('the cache is never in the folder that happens to be the current one', () => {
  for (const home of ['', '.', 'home'])
    for (const cache of ['', '.', 'cache']) {
      vi.stubEnv('GOWIDE_CACHE', '');
      vi.stubEnv('HOME', home);
      vi.stubEnv('XDG_CACHE_HOME', cache);
      expect([cacheFolder(), homedir()]).toEqual([join(userInfo().homedir, '.cache', 'gowide'), home]);
    }
  vi.stubEnv('XDG_CACHE_HOME', '/somewhere');
  expect(cacheFolder()).toBe('/somewhere/gowide');
});

test('a cache that is a file, or within one, is refused by name; a folder that is not there yet is none of these', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-tools-'));
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const [path, what] of [
    [file, 'that'],
    [join(file, 'cache'), file],
  ] as const) {
    vi.stubEnv('GOWIDE_CACHE', path);
    expect(() => cacheFolder()).toThrow(`GOWIDE_CACHE is ${path}, and ${what} is a file; expected a folder, or a path`);
  }
  vi.stubEnv('GOWIDE_CACHE', join(folder, 'new', 'cache'));
  expect(cacheFolder()).toBe(join(folder, 'new', 'cache'));
});

test.runIf(process.platform === 'linux')('a cache where nothing can be made is refused at once', async () => {
  const { makeFolders } = await import('../../src/core/folder.js');
  expect(() => makeFolders('/proc/gowide/kernel/0123')).toThrow(/ENOENT|EACCES|EPERM/);
});

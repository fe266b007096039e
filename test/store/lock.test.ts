import { spawn } from 'node:child_process';
import fs, { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { packageRoot } from '../../src/core/package.js';
import {
  liveOwner,
  LostLockError,
  patienceFor,
  thisProcess,
  tryLock,
  waitForLock,
  type Lock,
} from '../../src/store/lock.js';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'gowide-lock-')), 'lock');
});

function take(): Lock {
  const lock = tryLock(path);
  if (!('release' in lock)) throw new Error(`held by ${JSON.stringify(lock.heldBy)}`);
  return lock;
}

const write = (owner: object, ageSeconds = 0): void => {
  writeFileSync(path, JSON.stringify(owner));
  utimesSync(path, Date.now() / 1000 - ageSeconds, Date.now() / 1000 - ageSeconds);
};

test('a lock is held once, by the process that it names with a token, and leaves nothing', () => {
  const lock = take();
  const owner = JSON.parse(readFileSync(path, 'utf8')) as { token: string };
  expect(owner).toEqual({ ...thisProcess(), token: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
  expect(tryLock(path)).toEqual({ heldBy: owner });
  expect(liveOwner(path)).toEqual(owner);
  lock.check();
  lock.release();
  expect(readdirSync(join(path, '..'))).toEqual([]);
  expect(take()).toBeDefined();
});

describe('whether the owner of a lock is gone', () => {
  const here = thisProcess();

  test.each([
    ['a process of here that lives', { ...here, pid: process.ppid, began: '', token: 'x' }, 0, false],
    ['the same after an hour in one step', { ...here, pid: process.ppid, began: '', token: 'x' }, 3600, false],
    ['a process of here that is gone', { ...here, pid: 2 ** 22 + 1, token: 'x' }, 0, true],
    ['an earlier process with our number', { ...here, token: 'x' }, 0, true],
    ['one of another container with a number that lives here', { ...here, namespace: 'pid:[1]', token: 'x' }, 0, false],
    ['one of another container, silent for minutes', { ...here, namespace: 'pid:[1]', token: 'x' }, 130, true],
    ['one of another container with our number', { ...here, namespace: 'pid:[1]', token: 'x' }, 60, false],
    ['one from before the last start', { ...here, boot: 'another', token: 'x' }, 130, true],
    ['one of another host', { ...here, host: 'elsewhere', token: 'x' }, 500, false],
    ['one of another host, silent for ten minutes', { ...here, host: 'elsewhere', token: 'x' }, 700, true],
    ['a lock of version 0.1', { pid: process.ppid, host: hostname() }, 3600, false],
    ['a lock of version 0.1 whose process is gone', { pid: 2 ** 22 + 1, host: hostname() }, 0, true],
  ])('%s', (_, owner, age, gone) => {
    write(owner, age);
    const lock = tryLock(path);
    expect('release' in lock).toBe(gone);
    if ('release' in lock) lock.release();
    else expect(lock.heldBy).toEqual(owner);
    expect(readdirSync(join(path, '..'))).toEqual(gone ? [] : ['lock']);
  });

  test.each([
    ['another host', { ...here, host: 'elsewhere', token: 'x' }, 700],
    ['another container', { ...here, namespace: 'pid:[1]', token: 'x' }, 130],
    ['a process that ended while it wrote', {}, 6],
  ])('a lock of %s whose time lies ahead grows old from when it is first met', (_, owner, patience) => {
    write(owner, -1e9);
    expect('release' in tryLock(path)).toBe(false);
    const met = statSync(path).mtimeMs / 1000 - Date.now() / 1000;
    expect(met).toBeLessThan(1e6); // the present, whatever the clock of this machine does meanwhile
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(owner);
    write(owner, patience);
    take().release();
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  test('what guards the removal of a lock, and was left with a time ahead, holds nobody up for ever', () => {
    write({ ...here, pid: 2 ** 22 + 1, token: 'x' });
    const guard = `${path}.removing`;
    writeFileSync(guard, '');
    utimesSync(guard, 4e9, 4e9);
    tryLock(path);
    expect(statSync(guard).mtimeMs).toBeLessThan(3.9e12);
    utimesSync(guard, 1e9, 1e9);
    take().release();
  });

  test.runIf(process.platform === 'linux')('a number that was given to another process since', () => {
    write({ ...here, pid: process.ppid, began: '1', token: 'x' });
    expect(liveOwner(path)).toBeUndefined();
    take().release();
  });

  test('only one that may be gone after a restart of its container is worth to be waited for', () => {
    expect(patienceFor({ ...here, namespace: 'pid:[1]' })).toBeGreaterThan(120);
    expect(patienceFor(here)).toBe(0);
    expect(patienceFor({ ...here, host: 'elsewhere' })).toBe(0);
  });
});

test('who has lost a lock stops by name, and takes nothing from the new owner', () => {
  const lock = take();
  const other = { pid: 7, host: 'elsewhere', token: 'other' };
  write(other);
  expect(() => lock.check()).toThrow(LostLockError);
  expect(() => lock.check()).toThrow(/lock: process 7 on elsewhere has taken over; this process stops/);
  lock.refresh();
  lock.release();
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(other);
});

test('an owner at work refreshes its lock, so that other hosts see that it lives; not at every step', () => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  try {
    const lock = take();
    const text = readFileSync(path, 'utf8');
    const age = (): number => (statSync(join(path, '..')).mtimeMs - statSync(path).mtimeMs) / 1000;
    utimesSync(path, 1, 1);
    now.mockReturnValue(14_000);
    lock.refresh();
    expect(age()).toBeGreaterThan(1e6);
    now.mockReturnValue(16_000);
    lock.refresh();
    expect(age()).toBeLessThan(1e6);
    expect(readFileSync(path, 'utf8')).toBe(text);
    lock.release();
  } finally {
    now.mockRestore();
  }
});

test('of many processes that want a lock left by a process that is gone, one has it at a time', async () => {
  const folder = join(path, '..');
  const module = pathToFileURL(join(packageRoot(), 'dist', 'src', 'store', 'lock.js')).href;
  // who has the lock makes a file that must not be there, and removes it
  const program = `
    import { closeSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
    import { tryLock } from ${JSON.stringify(module)};
    let taken = 0;
    for (const end = Date.now() + 1500; Date.now() < end;) {
      const lock = tryLock('lock');
      if (!('release' in lock)) continue;
      closeSync(openSync('alone', 'wx'));
      taken++;
      rmSync('alone');
      lock.check();
      // every other time as if the owner were killed
      if (taken % 2) lock.release();
      else {
        writeFileSync('left' + process.pid, JSON.stringify({ pid: 2 ** 22 + 1, host: ${JSON.stringify(hostname())}, token: String(taken) + process.pid }));
        renameSync('left' + process.pid, 'lock');
      }
    }
    process.exitCode = taken > 0 ? 0 : 3;`;
  const results = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<string>((resolve) => {
          const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
            cwd: folder,
            timeout: 30_000,
            killSignal: 'SIGKILL',
          });
          let said = '';
          child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
          child.on('close', (code) => resolve(`${code} ${said}`));
        }),
    ),
  );
  expect(results.filter((one) => !/^[03] $/.test(one))).toEqual([]);
  expect(results.some((one) => one === '0 ')).toBe(true);
  expect(existsSync(join(folder, 'alone'))).toBe(false);
});

test.skipIf(process.platform !== 'linux')('a process that lives and may not be looked at (hidepid) is not gone', () => {
  write({ ...thisProcess(), pid: process.ppid, began: '1234', token: 'x' });
  expect(liveOwner(path)).toBeUndefined(); // another process has its number by now
  const { readFileSync: original } = fs;
  fs.readFileSync = ((file: string, ...rest: []) => {
    if (file === `/proc/${process.ppid}/stat`) throw Object.assign(new Error('hidden'), { code: 'ENOENT' });
    return original(file, ...rest);
  }) as typeof original;
  syncBuiltinESMExports();
  try {
    expect('heldBy' in tryLock(path)).toBe(true);
  } finally {
    fs.readFileSync = original;
    syncBuiltinESMExports();
  }
});

test('a lock is waited for until it is given back', async () => {
  const first = await waitForLock(path);
  const held: number[] = [];
  let isFree = false;
  const onWait = ({ pid }: { pid: number }): void => {
    held.push(pid);
    if (held.length < 2) return;
    isFree = true;
    first.release();
  };
  const second = waitForLock(path, { onWait });
  const lock = await second;
  expect([isFree, held]).toEqual([true, [process.pid, process.pid]]);
  lock.release();
  expect(liveOwner(path)).toBeUndefined();
});

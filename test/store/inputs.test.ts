import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { InterruptedError, UsageError } from '../../src/core/errors.js';
import type { Cell, Executor, InputFiles } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import { changedInput, readInputs } from '../../src/store/inputs.js';
import { folderOf, readRun } from '../../src/store/runs.js';
import { sha256 } from '../../src/store/seal.js';
import { checkInputs, workOf } from '../../src/sweep/work.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gowide-inputs-'));
  vi.stubEnv('GOWIDE_CACHE', join(folder, 'cache'));
});
afterEach(() => vi.unstubAllEnvs());

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const LONG = 'x'.repeat(2 ** 20);

describe('what files hold', () => {
  test('size and SHA-256 of a file; of a folder each of few files, and one hash of many', async () => {
    const path = write('a.tsv', 'one');
    expect(await readInputs([{ path }])).toEqual([{ path, files: 1, bytes: 3, sha256: sha256('one') }]);
    mkdirSync(join(folder, 'many'));
    const names = Array.from({ length: 300 }, (_, i) => `${i}.png`);
    names.forEach((name) => write(join('many', name), name));
    const [few] = await readInputs([{ path: join(folder, 'many'), names: names.slice(0, 2) }]);
    expect(few!.list).toEqual({ '0.png': [5, sha256('0.png')], '1.png': [5, sha256('1.png')] });
    const [many] = await readInputs([{ path: join(folder, 'many'), names }]);
    expect(many).toMatchObject({ files: 300, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(many).not.toHaveProperty('list');
  });

  test.each([
    ['with the size and time that it had', LONG.replace('x', 'y'), true],
    ['of another size', `${LONG}y`, false],
  ])('a large file whose content is another %s is another, though its hash was remembered', async (_, text, keep) => {
    const path = write('large', LONG);
    const old = new Date(Date.now() - 60_000);
    utimesSync(path, old, old);
    const before = await readInputs([{ path }], { settled: -1000 });
    await sleep(20); // longer than the tick of a file system's clock
    writeFileSync(path, text);
    if (keep) utimesSync(path, old, old);
    const after = await readInputs([{ path }]);
    expect(after[0]!.sha256).toBe(sha256(text));
    expect(changedInput(before, after)).toContain('large');
  });

  test('what was not written to is not read again; a remembered hash of a damaged cache is not used', async () => {
    const path = write('large', LONG);
    const before = await readInputs([{ path }], { settled: -1000 });
    const [name] = readdirSync(join(folder, 'cache', 'hashes'));
    const memory = join(folder, 'cache', 'hashes', name!);
    // proof that it is looked up: what the cache says comes back
    writeFileSync(memory, readFileSync(memory, 'utf8').replace(before[0]!.sha256, 'f'.repeat(64)));
    expect((await readInputs([{ path }]))[0]!.sha256).toBe('f'.repeat(64));
    writeFileSync(memory, '{');
    expect(await readInputs([{ path }])).toEqual(before);
    // just written: another write could have the same time
    const fresh = write('fresh', LONG);
    await readInputs([{ path: fresh }]);
    expect(readdirSync(join(folder, 'cache', 'hashes'))).toHaveLength(1);
  });

  test('a changed, a new and a missing file of a folder are named', async () => {
    mkdirSync(join(folder, 'pictures'));
    const names = ['a.png', 'b.png'];
    names.forEach((name) => write(join('pictures', name), name));
    const path = join(folder, 'pictures');
    const before = await readInputs([{ path, names }]);
    write('pictures/b.png', 'other');
    expect(changedInput(before, await readInputs([{ path, names }]))).toBe(join(path, 'b.png'));
    expect(changedInput(before, await readInputs([{ path, names: ['a.png'] }]))).toBe(join(path, 'b.png'));
    write('pictures/a.png', 'another');
    expect(changedInput(before, await readInputs([{ path, names }]))).toBe(`${join(path, 'a.png')} and 1 other`);
    await expect(readInputs([{ path, names: ['c.png'] }])).rejects.toThrow(/c.png: not found/);
  });

  test('a folder that was moved and put back is what it was', async () => {
    const path = write('a', LONG);
    const before = await readInputs([{ path }]);
    renameSync(path, `${path}2`);
    writeFileSync(path, LONG);
    expect(changedInput(before, await readInputs([{ path }]))).toBeUndefined();
  });

  test('what cannot be read is named with the reason', async () => {
    await expect(readInputs([{ path: folder }])).rejects.toThrow(`${folder}: it is a folder; expected a file`);
  });

  test.runIf(process.platform !== 'win32')('a pipe is refused, and never waited for; a signal is heard', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path], { timeout: 10_000, killSignal: 'SIGKILL' });
    await expect(readInputs([{ path }])).rejects.toThrow(
      /pipe: not a regular file \(a pipe or a device\); expected a file/,
    );
    const large = Array.from({ length: 40 }, (_, i) => ({ name: write(`${i}`, LONG) }));
    const names = large.map((_, i) => String(i));
    await expect(readInputs([{ path: folder, names }], { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(
      InterruptedError,
    );
  });
});

describe('a run whose data are others now', () => {
  const CELL: Cell = { experiment: 'test', arm: 'a', scale: 'minutes', kind: 'read', spec: {}, seed: 1 };
  const read: Executor = (context) => {
    const text = readFileSync(join(folder, 't.tsv'), 'utf8');
    context.log({ length: text.length });
    return Promise.resolve({ result: { text } });
  };
  const files = (): InputFiles[] => [{ path: join(folder, 't.tsv') }];
  const options = (execute: Executor = read): ExecuteOptions => ({
    out: join(folder, 'out'),
    environment: environment(null, 'test'),
    executors: { read: execute },
    files,
    signal: new AbortController().signal,
    progress: () => {},
  });
  const changed = /t\.tsv .*: changed since the run in .* read it.*put that back, choose another folder with --out/;

  test('is not given as the result of these; it is again when they are put back', async () => {
    write('t.tsv', 'one');
    await executeRun(CELL, options());
    write('t.tsv', 'two');
    await expect(executeRun(CELL, options())).rejects.toThrow(changed);
    await expect(executeRun(CELL, options())).rejects.toBeInstanceOf(UsageError);
    write('t.tsv', 'one');
    expect((await executeRun(CELL, options())).result).toEqual({ text: 'one' });
    expect(readRun(folderOf(join(folder, 'out'), CELL)).environments[0]!.inputs).toMatchObject([{ bytes: 3 }]);
  });

  test('is found by a sweep before anything is run', async () => {
    write('t.tsv', 'one');
    await executeRun(CELL, options());
    const runner = { execute: read, check: () => {}, requires: () => [], cost: () => 1, stepFlops: undefined, files };
    const work = workOf(join(folder, 'out'), [CELL], { read: runner }, () => {});
    expect(work.open.size).toBe(0);
    const check = (): Promise<void> => checkInputs(join(folder, 'out'), work, { read: runner }, { notice: () => {} });
    await check();
    write('t.tsv', 'two');
    await expect(check()).rejects.toThrow(changed);
  });

  test('does not go on from what was saved with the old ones', async () => {
    write('t.tsv', 'one');
    const killed: Executor = (context) => {
      context.save({ arrays: {}, position: '1' });
      return Promise.reject(new Error('killed'));
    };
    await expect(executeRun(CELL, options(killed))).rejects.toThrow('killed');
    write('t.tsv', 'two');
    await expect(executeRun(CELL, options())).rejects.toThrow(changed);
  });

  test('begins anew where nothing was saved with the old ones, and is a run of the new ones alone', async () => {
    write('t.tsv', 'cut off');
    const refuses: Executor = () => Promise.reject(new UsageError('the file is cut off'));
    await expect(executeRun(CELL, options(refuses))).rejects.toThrow('the file is cut off');
    write('t.tsv', 'whole');
    expect((await executeRun(CELL, options())).result).toEqual({ text: 'whole' });
    expect((await executeRun(CELL, options())).result).toEqual({ text: 'whole' });
    write('t.tsv', 'cut off');
    await expect(executeRun(CELL, options())).rejects.toThrow(changed);
  });

  test('has no result when they changed while it read them', async () => {
    write('t.tsv', 'one');
    const during: Executor = (context) => {
      write('t.tsv', 'two!');
      return read(context);
    };
    await expect(executeRun(CELL, options(during))).rejects.toThrow(/t\.tsv .*: changed while the run in .* read it/);
    expect(readRun(folderOf(join(folder, 'out'), CELL)).status).toBe('unfinished');
  });

  test('times and places may change', async () => {
    const path = write('t.tsv', 'one');
    await executeRun(CELL, options());
    const { mtimeMs } = statSync(path);
    utimesSync(path, mtimeMs / 1000 + 100, mtimeMs / 1000 + 100);
    expect((await executeRun(CELL, options())).result).toEqual({ text: 'one' });
  });
});

test('within a large file, too, it is told how far the reading is: a lock is refreshed meanwhile', async () => {
  const path = join(folder, 'large');
  writeFileSync(path, '');
  truncateSync(path, 3 * 2 ** 25); // holes: no room on the disk
  const told: number[] = [];
  const [input] = await readInputs([{ path }], { progress: (done) => void told.push(done) });
  expect(told).toEqual([2 ** 25, 2 * 2 ** 25, 3 * 2 ** 25]);
  expect(input!.bytes).toBe(3 * 2 ** 25);
  const stop = (): never => {
    throw new Error('the lock is lost');
  };
  truncateSync(path, 2 ** 26);
  await expect(readInputs([{ path }], { progress: stop })).rejects.toThrow('the lock is lost');
});

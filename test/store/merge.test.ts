import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyCells, EMPTY_KIND, EMPTY_RUNNER } from '../../cli/bench/empty.js';
import type { Cell, Executor } from '../../src/core/run.js';
import { deleteGarbage, garbage, mergeStores, verifyStore } from '../../src/store/merge.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { folderOf, listRuns, readMetrics } from '../../src/store/runs.js';
import { tryLock } from '../../src/store/lock.js';
import { isSealed, seal } from '../../src/store/seal.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-merge-'));
const cells = emptyCells(4);
const run = async (out: string, list: readonly Cell[], execute: Executor = EMPTY_RUNNER.execute): Promise<void> => {
  for (const cell of list)
    await executeRun(cell, {
      out,
      environment: environment(null, 'test'),
      executors: { [EMPTY_KIND]: execute },
      signal: new AbortController().signal,
      progress: () => {},
    });
};
const rows = (out: string): unknown => listRuns(out).runs.map((found) => [found.id, readMetrics(found)]);

test('a sealed object is known after a way through JSON, and no other is', () => {
  const sealed = seal({ a: 1, b: [{ c: 'é' }], d: null });
  expect(isSealed(JSON.parse(JSON.stringify(sealed, null, 2)))).toBe(true);
  expect(isSealed({ ...sealed, a: 2 })).toBe(false);
  expect(isSealed({ a: 1 })).toBe(false);
  expect(isSealed(null)).toBe(false);
});

describe('merging', () => {
  let [one, two] = ['', ''];
  beforeEach(async () => {
    [one, two] = [newFolder(), newFolder()];
    await run(one, cells.slice(0, 3));
    await run(two, cells.slice(1));
  });

  test('makes the store that one machine would have made; the sources stay', async () => {
    const [out, all] = [newFolder(), newFolder()];
    await run(all, cells);
    expect(mergeStores(out, one)).toEqual({ added: 3, present: 0, conflicts: [], problems: [] });
    expect(mergeStores(out, two)).toEqual({ added: 1, present: 2, conflicts: [], problems: [] });
    expect(rows(out)).toEqual(rows(all));
    expect(listRuns(one).runs).toHaveLength(3);
    expect(mergeStores(out, two)).toMatchObject({ added: 0, present: 3 });
    expect(readdirSync(join(out, 'runs')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('other figures for the same cell are a conflict, and the first stay', async () => {
    const other = newFolder();
    await run(other, [cells[0]!], (context) => {
      context.log({ seed: 99 });
      return Promise.resolve({ result: { seed: 99 } });
    });
    const before = rows(one);
    expect(mergeStores(one, other)).toEqual({
      added: 0,
      present: 0,
      conflicts: [{ kept: folderOf(one, cells[0]!), other: folderOf(other, cells[0]!) }],
      problems: [],
    });
    expect(rows(one)).toEqual(before);
  });

  test('damaged runs are named and left out; unfinished ones come along only where there is none', async () => {
    appendFileSync(join(folderOf(two, cells[1]!), 'metrics.jsonl'), '{}\n');
    await run(two, [{ ...cells[0]!, seed: 50 }], () => Promise.reject(new Error('stopped'))).catch(() => {});
    const { added, problems } = mergeStores(one, two);
    expect(added).toBe(2);
    expect(problems).toEqual([expect.stringMatching(/metrics.jsonl: not what the run wrote/)]);
    expect(listRuns(one).runs.filter(({ status }) => status === 'unfinished')).toHaveLength(1);
    expect(mergeStores(one, two).added).toBe(0);
  });
});

test('a damaged run is found, set aside, and done again by whoever asks for its cell', async () => {
  const out = newFolder();
  await run(out, cells);
  const good = rows(out);
  const folder = folderOf(out, cells[2]!);
  writeFileSync(join(folder, 'DONE'), readFileSync(join(folder, 'DONE'), 'utf8').replace('"seed": 2', '"seed": 3'));
  expect(verifyStore(out, { repair: false })).toMatchObject({ finished: 3, damaged: [{ folder }] });
  expect(listRuns(out)).toMatchObject({
    runs: { length: 3 },
    problems: [expect.stringMatching(/DONE: not what the run wrote/)],
  });
  await run(out, cells);
  expect(rows(out)).toEqual(good);
  expect(readdirSync(join(out, 'damaged'))).toHaveLength(1);
  expect(verifyStore(out, { repair: true })).toMatchObject({ finished: 4, damaged: [] });
});

test('garbage is what nobody needs, and nothing that is at work', async () => {
  const out = newFolder();
  await run(out, cells);
  const root = join(out, 'runs');
  mkdirSync(join(root, 'never-began'));
  mkdirSync(join(root, `.incoming-x-${2 ** 22 + 1}`));
  cpSync(folderOf(out, cells[0]!), join(out, 'damaged', 'x.1'), { recursive: true });
  writeFileSync(join(folderOf(out, cells[1]!), 'DONE.tmp-1'), '');
  rmSync(join(folderOf(out, cells[2]!), 'DONE'));
  rmSync(join(folderOf(out, cells[3]!), 'DONE'));
  writeFileSync(join(folderOf(out, cells[3]!), 'lock'), JSON.stringify({ pid: process.ppid, host: hostname() }));
  const names = (unfinished: boolean): string[] =>
    garbage(out, { unfinished })
      .map(({ path }) => path.slice(out.length + 1))
      .sort();
  const always = [
    'damaged/x.1',
    `runs/.incoming-x-${2 ** 22 + 1}`,
    `${folderOf(out, cells[1]!).slice(out.length + 1)}/DONE.tmp-1`,
    'runs/never-began',
  ].sort();
  expect(names(false)).toEqual(always);
  expect(names(true)).toEqual([...always, folderOf(out, cells[2]!).slice(out.length + 1)].sort());
  expect(existsSync(join(root, 'never-began'))).toBe(true);
});

test('what a process has begun to work on since it was found is not deleted: its lock, its temporary files', async () => {
  const out = newFolder();
  await run(out, cells.slice(0, 1));
  const folder = folderOf(out, cells[0]!);
  const [lock, temporary] = [join(folder, 'lock'), join(folder, 'env.json.tmp-1-x')];
  writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
  writeFileSync(temporary, '');
  const found = garbage(out, { unfinished: false });
  expect(found.map(({ path }) => path)).toEqual([temporary, lock]);
  const taken = tryLock(lock);
  if (!('release' in taken)) throw new Error('a lock that was left was not taken over');
  deleteGarbage(found);
  taken.check();
  expect(readdirSync(folder)).toContain('env.json.tmp-1-x');
  taken.release();
  deleteGarbage(found);
  expect(readdirSync(folder).filter((name) => /lock|tmp/.test(name))).toEqual([]);
});

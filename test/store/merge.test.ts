import fs, {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { emptyCells, EMPTY_KIND, EMPTY_RUNNER } from '../../cli/bench/empty.js';
import { cellId, type Cell, type Executor } from '../../src/core/run.js';
import {
  deleteGarbage,
  garbage,
  incomingFolder,
  mergeStores,
  settle,
  verifyStore,
  type MergeOutcome,
} from '../../src/store/merge.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { folderOf, listRuns, readMetrics, setAside } from '../../src/store/runs.js';
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
    const again = mergeStores(one, two);
    expect(again.added).toBe(0);
    expect(again.problems).toContainEqual(
      expect.stringMatching(/: unfinished, as is .*, which stays; it was not taken$/),
    );
  });

  test('runs whose specs were exchanged, each of them sealed, are damaged for whoever reads them', () => {
    const [a, b] = [cells[0]!, cells[1]!].map((cell) => join(folderOf(one, cell), 'spec.json')) as [string, string];
    const [first, second] = [readFileSync(a), readFileSync(b)];
    writeFileSync(a, second);
    writeFileSync(b, first);
    expect(verifyStore(one, { repair: false })).toMatchObject({ finished: 1, damaged: { length: 2 } });
    expect(listRuns(one)).toMatchObject({
      runs: { length: 1 },
      problems: [a, b].map((path) => expect.stringContaining(`${path}: not what the run wrote`) as string),
    });
    const merged = mergeStores(newFolder(), one);
    expect([merged.added, merged.problems.length]).toEqual([1, 2]);
  });
});

describe('two that bring a run of one cell into a store at once', () => {
  const [cell] = cells as [Cell];
  /** A store with the finished run of the cell, whose figures are `seed`'s. */
  const finished = async (seed: number): Promise<string> => {
    const out = newFolder();
    await run(out, [cell], (context) => {
      context.log({ seed });
      return Promise.resolve({ result: { seed } });
    });
    return folderOf(out, cell);
  };
  const filesOf = (folder: string): string[] =>
    readdirSync(folder)
      .sort()
      .map((name) => `${name} ${readFileSync(join(folder, name), 'utf8')}`);
  const CALLS = ['statSync', 'lstatSync', 'openSync', 'renameSync', 'rmSync', 'mkdirSync'] as const;
  /** Does `act`, and `other` right before the call of the file system with this number; how many there were. */
  const interrupted = (at: number, other: () => void, act: () => void): number => {
    const originals = CALLS.map((name) => fs[name]);
    const patch = (functions: readonly unknown[]): void => {
      CALLS.forEach((name, i) => Object.assign(fs, { [name]: functions[i] }));
      syncBuiltinESMExports();
    };
    let calls = 0;
    patch(
      originals.map((original) => (...given: unknown[]) => {
        if (++calls === at) {
          patch(originals);
          other();
        }
        return (original as (...given: unknown[]) => unknown)(...given);
      }),
    );
    try {
      act();
    } finally {
      patch(originals);
    }
    return calls;
  };
  /** Settles the run `mine` while the other does `other`, at each call in turn: what came of it, and what is there. */
  const everywhere = (
    mine: string,
    prepare: (target: string) => void,
    other: (target: string) => boolean,
  ): { outcome: MergeOutcome; took: boolean; files: string[] }[] => {
    const found: { outcome: MergeOutcome; took: boolean; files: string[] }[] = [];
    for (let at = 1; ; at++) {
      const out = newFolder();
      const incoming = incomingFolder(out, cellId(cell));
      cpSync(mine, incoming.folder, { recursive: true });
      const target = folderOf(out, cell);
      prepare(target);
      let [outcome, took] = ['busy' as MergeOutcome, false];
      const calls = interrupted(
        at,
        () => (took = other(target)),
        () => (outcome = settle(out, cell, incoming)),
      );
      if (calls < at) return found;
      found.push({ outcome, took, files: filesOf(target) });
      expect(readdirSync(join(out, 'runs'))).toHaveLength(1); // nothing is left over
    }
  };

  test('whoever is second keeps off the first one’s record, in whatever moment that comes', async () => {
    const [mine, theirs] = [await finished(1), await finished(2)];
    const ways = newFolder();
    const found = everywhere(
      mine,
      () => {},
      (target) => {
        const way = mkdtempSync(join(ways, 'run-'));
        cpSync(theirs, way, { recursive: true });
        if (existsSync(target)) return false; // a rename would not replace it
        renameSync(way, target);
        return true;
      },
    );
    expect(found.length).toBeGreaterThan(4);
    for (const { outcome, took, files } of found) {
      expect(outcome).toBe(took ? 'conflict' : 'added');
      expect(files).toEqual(filesOf(took ? theirs : mine));
    }
    expect(new Set(found.map(({ took }) => took)).size).toBe(2);
  });

  test('an unfinished run is not lost to an error of the disk, in whatever moment that comes', async () => {
    const mine = await finished(1);
    let failures = 0;
    for (let at = 1; ; at++) {
      const out = newFolder();
      const incoming = incomingFolder(out, cellId(cell));
      cpSync(mine, incoming.folder, { recursive: true });
      const target = folderOf(out, cell);
      mkdirSync(target);
      writeFileSync(join(target, 'spec.json'), 'unfinished');
      let calls = at;
      const settled = (): void => {
        calls = interrupted(
          at,
          () => {
            throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
          },
          () => settle(out, cell, incoming),
        );
      };
      try {
        settled();
      } catch (error) {
        expect((error as Error).message).toContain('i/o error');
        failures++;
      }
      if (calls < at) break;
      const kept = existsSync(join(target, 'DONE')) ? filesOf(mine) : [expect.stringMatching(/^spec.json unfinished$/)];
      expect(filesOf(target).filter((file) => !file.startsWith('lock'))).toEqual(kept);
    }
    expect(failures).toBeGreaterThan(4);
  });

  test('a process that begins in the place of an unfinished run keeps what it has begun', async () => {
    const mine = await finished(1);
    const found = everywhere(
      mine,
      (target) => {
        mkdirSync(target);
        writeFileSync(join(target, 'spec.json'), 'unfinished');
      },
      (target) => {
        mkdirSync(target, { recursive: true });
        const lock = join(target, 'lock');
        if (existsSync(lock) || existsSync(join(target, 'DONE'))) return false;
        writeFileSync(lock, JSON.stringify({ pid: process.ppid, host: hostname() }));
        writeFileSync(join(target, 'spec.json'), 'begun');
        return true;
      },
    );
    for (const { outcome, took, files } of found) {
      expect(outcome).toBe(took ? 'busy' : 'added');
      if (took) expect(files).toEqual([expect.stringMatching(/^lock /), 'spec.json begun']);
      else expect(files).toEqual(filesOf(mine));
    }
    expect(new Set(found.map(({ took }) => took)).size).toBe(2);
  });
});

test.runIf(process.platform !== 'win32')('a lock that is a link, or no file, is passed over by name', async () => {
  const out = newFolder();
  await run(out, cells);
  const elsewhere = join(newFolder(), 'precious');
  writeFileSync(elsewhere, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
  const [linked, dangling, folder, incoming] = [
    ...cells.slice(0, 3).map((cell) => folderOf(out, cell)),
    join(out, 'runs', '.incoming-x-1'),
  ] as [string, string, string, string];
  mkdirSync(incoming);
  symlinkSync(elsewhere, join(linked, 'lock'));
  symlinkSync('/nowhere/at/all', join(dangling, 'lock'));
  mkdirSync(join(folder, 'lock'));
  symlinkSync(elsewhere, join(incoming, 'lock'));
  for (const one of [linked, dangling, folder]) rmSync(join(one, 'DONE'));
  const lines: string[] = [];
  const found = garbage(out, { unfinished: true }, (line) => lines.push(line));
  expect(found).toEqual([]);
  expect(lines.sort()).toEqual(
    [
      ...[linked, dangling, incoming].map(
        (one) => `${one}/lock: it is a symbolic link; expected a file of the store itself; ${one} is passed over`,
      ),
      `${folder}/lock: it is a folder; expected a file; ${folder} is passed over`,
    ].sort(),
  );
  const target = newFolder();
  expect(mergeStores(target, out)).toMatchObject({
    added: 1,
    problems: [linked, dangling, folder].map((one) => expect.stringMatching(`${one} was not taken$`) as string).sort(),
  });
  appendFileSync(join(linked, 'spec.json'), 'x');
  expect(verifyStore(out, { repair: true }).damaged).toMatchObject([
    { folder: linked, kept: expect.stringContaining('symbolic link') as string },
  ]);
  await expect(run(out, [cells[1]!])).rejects.toThrow(/lock: it is a symbolic link; expected a file of the store/);
  expect(readFileSync(elsewhere, 'utf8')).toContain('pid');
  expect(existsSync(linked) && existsSync(incoming)).toBe(true);
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
  for (const name of ['mine.tmp-1', 'locks.txt']) writeFileSync(join(folderOf(out, cells[1]!), name), ''); // somebody's
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

test('a finished run that lost its spec is no garbage: it is named and stays', async () => {
  const out = newFolder();
  await run(out, cells.slice(0, 2));
  const folder = folderOf(out, cells[0]!);
  rmSync(join(folder, 'spec.json'));
  const lines: string[] = [];
  for (const unfinished of [false, true]) expect(garbage(out, { unfinished }, (line) => lines.push(line))).toEqual([]);
  expect(lines[0]).toBe(`${folder}: finished, and has no spec.json; it is passed over: see gowide runs verify`);
  expect(verifyStore(out, { repair: false }).damaged).toMatchObject([{ folder }]);
});

test('what somebody put beside the runs that were set aside is named and stays', async () => {
  const out = newFolder();
  await run(out, cells.slice(0, 2));
  const [aside, folder] = [join(out, 'damaged'), folderOf(out, cells[0]!)];
  const [own, kept] = [setAside(out, folder), setAside(out, folderOf(out, cells[1]!))];
  writeFileSync(join(kept, 'why.txt'), 'mine');
  for (const name of ['mine.txt', 'notes.1']) writeFileSync(join(aside, name), '');
  mkdirSync(join(aside, 'mydir'));
  const lines: string[] = [];
  const found = garbage(out, { unfinished: false }, (line) => lines.push(line));
  expect(found).toEqual([{ path: own, why: 'was set aside' }]);
  expect(lines).toEqual(
    [
      `${kept}: a run that was set aside, and has why.txt of something else; it is passed over`,
      ...['mine.txt', 'mydir', 'notes.1'].map(
        (name) => `${join(aside, name)}: no run that was set aside; it is passed over`,
      ),
    ].sort(),
  );
  deleteGarbage(found);
  expect(readdirSync(aside)).toHaveLength(4);
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

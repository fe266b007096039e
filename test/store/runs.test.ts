import { execFileSync } from 'node:child_process';
import fs, {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { hostname, tmpdir } from 'node:os';
import { readFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { FailureError, InterruptedError, UsageError } from '../../src/core/errors.js';
import type { Cell, Executor, RunContext } from '../../src/core/run.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import {
  checkFinished,
  findRun,
  folderOf,
  isKnownRun,
  listRuns,
  readArrays,
  readMetrics,
  readRun,
} from '../../src/store/runs.js';
import { seal } from '../../src/store/seal.js';
import { environment } from '../../src/store/environment.js';

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
});

const CELL: Cell = { experiment: 'test', arm: 'a b', scale: 'minutes', kind: 'count', spec: { steps: 10 }, seed: 1 };

/** Adds up 1..steps in a host array; stops, fails or crashes where it is told to. */
function counter(
  at: { abort?: { step: number; controller: AbortController }; crash?: number; infinite?: number } = {},
): Executor {
  return async (context) => {
    const steps = Number(context.cell.spec.steps);
    let step = context.resumed === undefined ? 0 : Number(context.resumed.position);
    let sum = context.resumed === undefined ? 0 : context.resumed.arrays.sum!.values[0]!;
    for (; step < steps; step++) {
      if (at.abort?.step === step) at.abort.controller.abort();
      if (context.shouldSave())
        context.save({ arrays: { sum: { shape: [], values: Float64Array.of(sum) } }, position: String(step) });
      if (at.crash === step) throw new Error('killed');
      sum += step + 1;
      context.log({ step: step + 1, sum: at.infinite === step ? Infinity : sum });
    }
    return { result: { sum }, arrays: { sum: { shape: [], values: Float64Array.of(sum) } } };
  };
}

function options(executor: Executor, extra: Partial<ExecuteOptions> = {}): ExecuteOptions {
  return {
    out,
    environment: environment(null, 'test'),
    executors: { count: executor },
    signal: new AbortController().signal,
    progress: () => {},
    ...extra,
  };
}

test('a file that a run reads and that is not there is named, not the folder of the run', async () => {
  const gone = join(out, 'gone.tsv');
  const reads: Executor = async () => ({ result: { bytes: (await readFile(gone)).length }, arrays: {} });
  await expect(executeRun(CELL, options(reads))).rejects.toThrow(`${gone}: no such file or folder`);
});

test('a run leaves its spec, environment, metrics, arrays and mark, and is not done again', async () => {
  const run = await executeRun(CELL, options(counter()));
  expect(run.status).toBe('finished');
  expect(run.result).toEqual({ sum: 55 });
  expect(readdirSync(run.folder).sort()).toEqual([
    'DONE',
    'env.json',
    'final.safetensors',
    'metrics.jsonl',
    'spec.json',
  ]);
  expect(readMetrics(run)).toHaveLength(10);
  expect([...readArrays(run).sum!.values]).toEqual([55]);
  const [session] = run.environments;
  expect(session).toMatchObject({ node: process.version, engine: null, resumed: false, command: 'test' });
  const again = await executeRun(
    { ...CELL, experiment: 'another name' },
    options(async () => expect.unreachable('it was done already')),
  );
  expect(again.folder).toBe(run.folder);
});

describe('a stopped run goes on to the same bytes', () => {
  const files = (folder: string): string[] =>
    ['metrics.jsonl', 'final.safetensors', 'spec.json'].map((name) => readFileSync(join(folder, name)).toString('hex'));

  test.each([0, 4, 9])('stopped by a signal before step %d', async (step) => {
    const whole = files((await executeRun(CELL, options(counter()))).folder);
    out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
    const controller = new AbortController();
    await expect(
      executeRun(CELL, options(counter({ abort: { step, controller } }), { signal: controller.signal })),
    ).rejects.toBeInstanceOf(InterruptedError);
    expect(readRun(folderOf(out, CELL)).status).toBe('unfinished');
    const resumed = await executeRun(CELL, options(counter()));
    expect(resumed.environments.map((entry) => entry.resumed)).toEqual([false, true]);
    expect(files(resumed.folder)).toEqual(whole);
  });

  test.each([3, 8])('killed at step %d, some steps after its last save, with a torn line', async (crash) => {
    const whole = files((await executeRun(CELL, options(counter()))).folder);
    out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
    await expect(executeRun(CELL, options(counter({ crash }), { saveSeconds: -1 }))).rejects.toThrow('killed');
    appendFileSync(join(folderOf(out, CELL), 'metrics.jsonl'), '{"step":');
    expect(files((await executeRun(CELL, options(counter()))).folder)).toEqual(whole);
  });

  test('a saved state of another run means a start from the beginning, though it is whole', async () => {
    const whole = files((await executeRun(CELL, options(counter()))).folder);
    out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
    const other = { ...CELL, seed: CELL.seed + 1 };
    for (const cell of [CELL, other])
      await expect(executeRun(cell, options(counter({ crash: 5 }), { saveSeconds: -1 }))).rejects.toThrow('killed');
    for (const name of ['last.safetensors', 'metrics.jsonl'])
      writeFileSync(join(folderOf(out, CELL), name), readFileSync(join(folderOf(out, other), name)));
    const notices: string[] = [];
    const run = await executeRun(CELL, options(counter(), { notice: (line) => notices.push(line) }));
    expect(notices).toEqual([expect.stringMatching(/last.safetensors: the state of another run .*starts again from/)]);
    expect(files(run.folder)).toEqual(whole);
  });

  test.each(['last.safetensors', 'metrics.jsonl', 'env.json', 'final.safetensors'])(
    'a folder in the place of %s: the run is set aside and done anew',
    async (name) => {
      const whole = files((await executeRun(CELL, options(counter()))).folder);
      out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
      await expect(executeRun(CELL, options(counter({ crash: 5 }), { saveSeconds: -1 }))).rejects.toThrow('killed');
      const path = join(folderOf(out, CELL), name);
      rmSync(path, { force: true });
      mkdirSync(path);
      const notices: string[] = [];
      const run = await executeRun(CELL, options(counter(), { notice: (line) => notices.push(line) }));
      expect(notices).toEqual([expect.stringContaining(`${path}: damaged; the run is set aside in `)]);
      expect(files(run.folder)).toEqual(whole);
      expect(readdirSync(join(out, 'damaged'))).toHaveLength(1);
    },
  );

  test('a saved state that is damaged means a start from the beginning', async () => {
    const whole = files((await executeRun(CELL, options(counter()))).folder);
    out = mkdtempSync(join(tmpdir(), 'gowide-runs-'));
    await expect(executeRun(CELL, options(counter({ crash: 5 }), { saveSeconds: -1 }))).rejects.toThrow('killed');
    const last = join(folderOf(out, CELL), 'last.safetensors');
    writeFileSync(last, readFileSync(last).subarray(0, 20));
    const notices: string[] = [];
    const run = await executeRun(CELL, options(counter(), { notice: (line) => notices.push(line) }));
    expect(notices).toEqual([
      expect.stringMatching(
        /last.safetensors: not a valid safetensors file: .*that run starts again from its beginning/,
      ),
    ]);
    expect(run.environments.at(-1)!.resumed).toBe(false);
    expect(files(run.folder)).toEqual(whole);
  });
});

test('a number that is not finite stops the run and names the step', async () => {
  await expect(executeRun(CELL, options(counter({ infinite: 4 })))).rejects.toThrow(
    /test a b, seed 1: sum is Infinity at step 5; the run is stopped/,
  );
  expect(existsSync(join(folderOf(out, CELL), 'DONE'))).toBe(false);
  expect(readRun(folderOf(out, CELL))).toMatchObject({
    status: 'diverged',
    environments: [{ diverged: expect.stringMatching(/sum is Infinity at step 5/) as string }],
  });
});

test('a run that another process works on is left alone; a lock of a process that is gone is not', async () => {
  const run = await executeRun(CELL, options(counter()));
  const other = { ...CELL, seed: 2 };
  let inside: Promise<unknown> | undefined;
  await executeRun(
    other,
    options(async (context) => {
      const lock = join(folderOf(out, other), 'lock');
      const own = readFileSync(lock);
      const tries = { lockSeconds: 0.5 };
      writeFileSync(lock, JSON.stringify({ pid: 1, host: 'another-host' }));
      await expect(executeRun(other, options(counter(), tries))).rejects.toThrow(/1 on another-host is working on/);
      // one of this machine is waited for, and what it made is taken
      writeFileSync(lock, JSON.stringify({ pid: process.ppid, host: hostname() }));
      inside = executeRun(
        other,
        options(() => Promise.reject(new Error('done twice')), tries),
      );
      await new Promise((resolve) => setTimeout(resolve, 1000));
      writeFileSync(lock, own);
      return counter()(context);
    }),
  );
  expect(await inside).toEqual(readRun(folderOf(out, other)));
  const stale = { ...CELL, seed: 3 };
  await expect(executeRun(stale, options(counter({ crash: 0 })))).rejects.toThrow('killed');
  writeFileSync(join(folderOf(out, stale), 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }));
  expect((await executeRun(stale, options(counter()))).result).toEqual(run.result);
});

describe('what was changed afterwards is found and named', () => {
  test('metrics', async () => {
    const run = await executeRun(CELL, options(counter()));
    appendFileSync(join(run.folder, 'metrics.jsonl'), '{"step":11}\n');
    expect(() => readMetrics(run)).toThrow(/metrics.jsonl: not what the run wrote/);
  });
  test('arrays', async () => {
    const run = await executeRun(CELL, options(counter()));
    const path = join(run.folder, 'final.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(() => readArrays(run)).toThrow(/final.safetensors: not what the run wrote/);
  });
  test('spec', async () => {
    const run = await executeRun(CELL, options(counter()));
    const path = join(run.folder, 'spec.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"steps": 10', '"steps": 11'));
    expect(() => readRun(run.folder)).toThrow(FailureError);
    expect(listRuns(out).problems[0]).toMatch(/changed by hand/);
    writeFileSync(path, '{');
    expect(listRuns(out)).toMatchObject({ runs: [], problems: [expect.stringContaining('not valid JSON')] });
  });
});

test('findRun takes the first digits of an id or a folder, and says when they fit none or several', async () => {
  const first = await executeRun(CELL, options(counter()));
  await executeRun({ ...CELL, seed: 2 }, options(counter()));
  expect(findRun(out, first.id.slice(0, 6)).id).toBe(first.id);
  const { folder } = first;
  for (const text of [basename(folder), folder, join(folder, '.'), relative('.', folder)])
    expect(findRun(out, text).id).toBe(first.id);
  expect(() => findRun(out, basename(folder).slice(1))).toThrow(UsageError);
  expect(() => findRun(out, 'zzz')).toThrow(UsageError);
  expect(() => findRun(out, '')).toThrow(/fits 2 runs: .*give more digits/);
  cpSync(folder, `${folder.replace('.s1.', '.s9.')}`, { recursive: true });
  const names = [basename(folder), basename(folder).replace('.s1.', '.s9.')];
  expect(() => findRun(out, first.id.slice(0, 6))).toThrow(
    `fits 2 folders, some of them of one run: ${names.join(', ')}; give the name of one of these folders`,
  );
  expect(findRun(out, names[1]!).id).toBe(first.id);
});

test('findRun says what is amiss with a run that cannot be read', async () => {
  const { id, folder } = await executeRun(CELL, options(counter()));
  const done = join(folder, 'DONE');
  writeFileSync(done, readFileSync(done, 'utf8').slice(0, 40));
  expect(isKnownRun(out, id.slice(0, 2))).toBe(true);
  expect(() => findRun(out, id.slice(0, 2))).toThrow(`${done}: not valid JSON; it is damaged`);
  rmSync(join(folder, 'spec.json'));
  expect(() => findRun(out, id)).toThrow(`${folder}: no spec.json; not a run, or stopped before it began`);
  expect(isKnownRun(out, 'zzz')).toBe(false);
});

test('a folder that cannot be written gives one line', async () => {
  const file = join(out, 'file');
  writeFileSync(file, '');
  await expect(executeRun(CELL, options(counter(), { out: file }))).rejects.toThrow(
    /a part of that path is a file, not a folder; choose another folder with --out/,
  );
});

describe('two processes that both believe that a run is theirs', () => {
  const lockOf = (cell: Cell): string => join(folderOf(out, cell), 'lock');
  /** Makes the run's lock look as if its owner, of another container, had been silent for long. */
  const silence = (cell: Cell): void => {
    const owner = JSON.parse(readFileSync(lockOf(cell), 'utf8')) as object;
    writeFileSync(lockOf(cell), JSON.stringify({ ...owner, namespace: 'pid:[1]' }));
    utimesSync(lockOf(cell), Date.now() / 1000 - 1000, Date.now() / 1000 - 1000);
  };

  test.each([0, 6])(
    'the one whose lock was taken over at step %d stops by name; the other ends the run',
    async (step) => {
      const whole = await executeRun({ ...CELL, seed: 9 }, options(counter()));
      const slow: Executor = async (context) => {
        const work = counter()({
          ...bound(context),
          log: (row) => {
            context.log(row);
            if (row.step === step + 1) silence(CELL);
          },
          save: (snapshot) => context.save(snapshot),
        });
        const outcome = await work;
        // both have logged all, and one of them is finished
        await executeRun(CELL, options(counter()));
        return outcome;
      };
      await expect(executeRun(CELL, options(slow))).rejects.toThrow(
        /lock: (process \d+ on .* has taken over|the lock is gone); this process stops/,
      );
      const run = readRun(folderOf(out, CELL));
      expect(run.status).toBe('finished');
      expect(readMetrics(run)).toEqual(readMetrics(whole));
      expect(readdirSync(run.folder).sort()).toEqual(readdirSync(whole.folder).sort());
    },
  );

  test('what the loser had not written yet does not reach the metrics of the other', async () => {
    const loser: Executor = async (context) => {
      const outcome = await counter()(context);
      silence(CELL);
      await executeRun(
        CELL,
        options(async (winner) => {
          const won = await counter()(winner);
          expect(() => context.save({ arrays: {}, position: '3' })).toThrow(/has taken over/);
          return won;
        }),
      );
      return outcome;
    };
    await expect(executeRun(CELL, options(loser))).rejects.toThrow(/this process stops/);
    expect(readMetrics(readRun(folderOf(out, CELL)))).toHaveLength(10);
  });
});

function bound(context: RunContext): RunContext {
  return {
    cell: context.cell,
    seed: context.seed,
    resumed: context.resumed,
    log: (row) => context.log(row),
    progress: (...args) => context.progress(...args),
    shouldSave: () => context.shouldSave(),
    save: (snapshot) => context.save(snapshot),
    require: (cell) => context.require(cell),
  };
}

describe('what is changed while a run works is not sealed as its own', () => {
  test.each(['metrics.jsonl', 'env.json', 'spec.json', 'final.safetensors'])('%s', async (name) => {
    const clean = await executeRun({ ...CELL, seed: 8 }, options(counter()));
    let times = 0;
    const notices: string[] = [];
    const executor: Executor = async (context) => {
      if (times++ > 0) return counter()(context);
      return counter({})({
        ...bound(context),
        log: (row) => {
          context.log(row);
          if (row.step !== 5) return;
          context.save({ arrays: {}, position: '5' });
          const path = join(folderOf(out, CELL), name);
          if (name === 'spec.json') writeFileSync(path, `${readFileSync(path, 'utf8')} `);
          else if (name !== 'final.safetensors') writeFileSync(path, readFileSync(path, 'utf8').replace('1', '2'));
        },
      });
    };
    const run = await executeRun(CELL, options(executor, { notice: (line) => notices.push(line) }));
    // env.json and final.safetensors are written again at the end
    const changed = name === 'metrics.jsonl' || name === 'spec.json';
    expect(times).toBe(changed ? 2 : 1);
    expect(notices).toEqual(changed ? [expect.stringMatching(`${name}: damaged; the run is set aside`)] : []);
    expect(readMetrics(run)).toEqual(readMetrics(clean));
  });
});

test.runIf(process.platform !== 'win32')(
  'a file of a run that is a link to somebody else’s is replaced, not written to',
  async () => {
    const mine = join(out, 'precious.txt');
    writeFileSync(mine, 'precious');
    await expect(executeRun(CELL, options(counter({ crash: 3 }), { saveSeconds: -1 }))).rejects.toThrow('killed');
    for (const name of ['metrics.jsonl', 'env.json', 'last.safetensors', 'final.safetensors']) {
      rmSync(join(folderOf(out, CELL), name), { force: true });
      symlinkSync(mine, join(folderOf(out, CELL), name));
    }
    const run = await executeRun(CELL, options(counter()));
    expect(readMetrics(run)).toHaveLength(10);
    expect(readFileSync(mine, 'utf8')).toBe('precious');
    const other = { ...CELL, seed: 5 };
    symlinkSync(run.folder, folderOf(out, other));
    await expect(executeRun(other, options(counter()))).rejects.toThrow(/it is a symbolic link/);
  },
);

test('a process that has lost its lock does not set aside what the other one wrote', async () => {
  const { renameSync: original } = fs;
  const folder = folderOf(out, CELL);
  let times = 0;
  // another host takes over, and writes, after the last look of this process at its lock
  const renamed: typeof original = (from, to) => {
    original(from, to);
    if (String(to) !== join(folder, 'env.json') || ++times < 2) return;
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 1, host: 'another host', token: 'x' }));
    writeFileSync(join(folder, 'metrics.jsonl'), 'theirs\n');
  };
  Object.assign(fs, { renameSync: renamed });
  syncBuiltinESMExports();
  try {
    await expect(executeRun(CELL, options(counter()))).rejects.toThrow(
      /lock: process 1 on another host has taken over; this process stops, and leaves the work to the other one/,
    );
  } finally {
    Object.assign(fs, { renameSync: original });
    syncBuiltinESMExports();
  }
  expect(times).toBe(2);
  expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8')).toBe('theirs\n');
  expect(existsSync(join(out, 'damaged'))).toBe(false);
});

test('a copy of a run under the name of another cell is not that cell’s result', async () => {
  const run = await executeRun(CELL, options(counter()));
  const other = { ...CELL, spec: { steps: 3 } };
  cpSync(run.folder, folderOf(out, other), { recursive: true });
  expect((await executeRun(other, options(counter()))).result).toEqual({ sum: 6 });
  expect(readdirSync(join(out, 'damaged'))).toHaveLength(1);
});

test.runIf(process.platform !== 'win32')(
  'a pipe or a device in a run’s folder is refused, and never waited for',
  async () => {
    const run = await executeRun(CELL, options(counter()));
    const done = JSON.parse(readFileSync(join(run.folder, 'DONE'), 'utf8')) as { seal?: string; files: object };
    const rest = Object.fromEntries(Object.entries(done).filter(([key]) => key !== 'seal')) as typeof done;
    const file = { bytes: 0, sha256: '' };
    writeFileSync(
      join(run.folder, 'DONE'),
      JSON.stringify(seal({ ...rest, files: { ...rest.files, '../../../../../../../dev/zero': file } })),
    );
    expect(() => checkFinished(run.folder, { arrays: true })).toThrow(/DONE: not what the run wrote/);
    const metrics = join(run.folder, 'metrics.jsonl');
    writeFileSync(join(run.folder, 'DONE'), JSON.stringify(done));
    rmSync(metrics);
    execFileSync('mkfifo', [metrics], { timeout: 10_000, killSignal: 'SIGKILL' });
    expect(() => checkFinished(run.folder, { arrays: true })).toThrow(/metrics.jsonl: not a regular file/);
    rmSync(join(run.folder, 'spec.json'));
    execFileSync('mkfifo', [join(run.folder, 'spec.json')], { timeout: 10_000, killSignal: 'SIGKILL' });
    expect(listRuns(out)).toMatchObject({
      runs: [],
      problems: [expect.stringMatching(/spec.json: not a regular file/)],
    });
  },
);

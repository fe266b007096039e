import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { InterruptedError } from '../../src/core/errors.js';
import type { Cell } from '../../src/core/run.js';
import { processLives } from '../../src/store/lock.js';
import { runPool } from '../../src/sweep/backends/pool.js';
import { workOf } from '../../src/sweep/work.js';
import { cellOf, newFolder, RUNNERS, WORKER } from './cells.js';

afterEach(() => vi.unstubAllEnvs());

/** A cell whose first step keeps its process for two minutes. */
const CELL = cellOf('wide', 1, { block: 120_000 });

/** Numbers of the processes that began so many cells, once all have. */
async function workers(journal: string, count: number): Promise<number[]> {
  for (let i = 0; i < 300; i++) {
    const lines = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').slice(0, -1) : [];
    if (lines.length >= count) return lines.map((line) => (JSON.parse(line) as { pid: number }).pid);
    await sleep(50);
  }
  throw new Error('no process began the cells');
}

async function ends(pid: number): Promise<boolean> {
  for (let i = 0; i < 200 && processLives(pid); i++) await sleep(50);
  return !processLives(pid);
}

/** Begins cells, each in a process, stops when all have begun, and returns what the sweep threw and the processes. */
async function stopped(cells: readonly Cell[], graceSeconds: number): Promise<{ error: unknown; pids: number[] }> {
  const out = newFolder();
  const journal = join(out, 'journal');
  vi.stubEnv('GOWIDE_JOURNAL', journal);
  vi.stubEnv('GOWIDE_GRACE_SECONDS', String(graceSeconds));
  const controller = new AbortController();
  const ran = runPool(
    workOf(out, cells, RUNNERS, () => {}),
    {
      out,
      tensors: Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] }),
      jobs: cells.length,
      command: 'test',
      runners: RUNNERS,
      worker: WORKER,
      signal: controller.signal,
      notice: () => {},
      progress: () => {},
    },
  ).catch((error: unknown) => error);
  const pids = await workers(journal, cells.length);
  controller.abort();
  return { error: await ran, pids };
}

test('a cell in the middle of a long step is ended some seconds after it was told to stop, and said not to be saved', async () => {
  const { error, pids } = await stopped([CELL, cellOf('wide', 2, { milliseconds: 10_000 })], 5);
  expect(error).toBeInstanceOf(InterruptedError);
  // a step of the second takes 1 s
  expect((error as Error).message).toBe(
    'stopped; finished runs are kept, 1 unfinished one is saved; not saved within 5 s: small wide, seed 1; ' +
      'it goes back to the last saved state, if any',
  );
  for (const pid of pids) expect(await ends(pid)).toBe(true);
}, 60_000);

test('where all cells at work are saved, none is said not to be', async () => {
  const { error } = await stopped(
    [1, 2].map((seed) => cellOf('wide', seed, { milliseconds: 20_000 })),
    30,
  );
  expect((error as Error).message).toBe('stopped; finished runs are kept, 2 unfinished ones are saved');
}, 60_000);

test.runIf(process.platform !== 'win32')(
  'a cell in the middle of a long step ends with a parent that was killed',
  async () => {
    const out = newFolder();
    const journal = join(out, 'journal');
    const program = `
      import { fork } from 'node:child_process';
      const child = fork(${JSON.stringify(resolve(import.meta.dirname, 'worker.mjs'))}, [], {
        timeout: 60_000, killSignal: 'SIGKILL', detached: true, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: { ...process.env, GOWIDE_PARENT: String(process.pid) } });
      child.send(${JSON.stringify({ cell: CELL, out, engine: { name: 'wasm', why: 'test' }, command: 'test' })});`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, GOWIDE_JOURNAL: journal, GOWIDE_GRACE_SECONDS: '1' },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    const [pid] = (await workers(journal, 1)) as [number];
    parent.kill('SIGKILL');
    expect(await ends(pid)).toBe(true);
  },
  60_000,
);

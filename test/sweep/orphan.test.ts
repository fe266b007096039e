import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { InterruptedError } from '../../src/core/errors.js';
import { processLives } from '../../src/store/lock.js';
import { runPool } from '../../src/sweep/backends/pool.js';
import { workOf } from '../../src/sweep/work.js';
import { cellOf, newFolder, RUNNERS, WORKER } from './cells.js';

afterEach(() => vi.unstubAllEnvs());

/** A cell whose first step keeps its process for two minutes. */
const CELL = cellOf('wide', 1, { block: 120_000 });

/** Number of the process that began the cell, once it has. */
async function worker(journal: string): Promise<number> {
  for (let i = 0; i < 300; i++) {
    if (existsSync(journal) && readFileSync(journal, 'utf8').endsWith('\n'))
      return (JSON.parse(readFileSync(journal, 'utf8').split('\n')[0]!) as { pid: number }).pid;
    await sleep(50);
  }
  throw new Error('no process began the cell');
}

async function ends(pid: number): Promise<boolean> {
  for (let i = 0; i < 200 && processLives(pid); i++) await sleep(50);
  return !processLives(pid);
}

test('a cell in the middle of a long step is ended some seconds after it was told to stop', async () => {
  const out = newFolder();
  const journal = join(out, 'journal');
  vi.stubEnv('GOWIDE_JOURNAL', journal);
  vi.stubEnv('GOWIDE_GRACE_SECONDS', '1');
  const controller = new AbortController();
  const ran = runPool(
    workOf(out, [CELL], RUNNERS, () => {}),
    {
      out,
      tensors: Promise.resolve({ engine: { name: 'wasm', why: 'test' }, devices: [] }),
      jobs: 1,
      command: 'test',
      runners: RUNNERS,
      worker: WORKER,
      signal: controller.signal,
      notice: () => {},
      progress: () => {},
    },
  ).catch((error: unknown) => error);
  const pid = await worker(journal);
  controller.abort();
  expect(await ran).toBeInstanceOf(InterruptedError);
  expect(await ends(pid)).toBe(true);
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
    const pid = await worker(journal);
    parent.kill('SIGKILL');
    expect(await ends(pid)).toBe(true);
  },
  60_000,
);

/**
 * Which processes a machine starts: by cores, memory and GPUs. The processes are stand-ins that say what they were
 * given.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Runner } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { WorkerPool, type WorkerPoolOptions } from '../../src/sweep/worker-pool.js';
import { newFolder } from './cells.js';

const folder = newFolder();
const module = join(folder, 'stand-in.mjs');
writeFileSync(
  module,
  `process.on('message', ({ cell }) => setTimeout(() => {
    process.send({ type: 'notice', line: JSON.stringify({ arm: cell.arm, pid: process.pid, device: process.env.CUDA_VISIBLE_DEVICES ?? null, threads: process.env.GOWIDE_THREADS }) });
    process.send({ type: 'done', peakBytes: 2 ** 20 });
  }, 300));`,
);

interface Said {
  readonly arm: string;
  readonly pid: number;
  readonly device: string | null;
  readonly threads: string;
}

const runner = (stepFlops: number | undefined, memoryBytes = 0): Runner => ({
  execute: () => Promise.reject(new Error('not here')),
  check: () => {},
  requires: () => [],
  cost: () => 1,
  stepFlops: stepFlops === undefined ? undefined : () => stepFlops,
  memoryBytes: () => memoryBytes,
});
beforeEach(() => void vi.stubEnv('GOWIDE_OPS_THREADS', undefined));
afterEach(() => void vi.unstubAllEnvs());

const GiB = 2 ** 30;
const RUNNERS = {
  theory: runner(undefined),
  small: runner(1e8),
  middle: runner(2e9),
  large: runner(1e12),
  big: runner(1e8, 30 * GiB),
  vast: runner(1e8, 1000 * GiB),
};
const cell = (kind: keyof typeof RUNNERS, arm: string): Cell => ({
  experiment: 'x',
  arm,
  scale: 'custom',
  kind,
  spec: {},
  seed: 1,
});
const workersWith = async (extra: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> => {
  const workers = new WorkerPool({
    out: folder,
    tensors: Promise.resolve({ engine: { name: 'wasm', why: '' }, devices: [] }),
    jobs: 2,
    command: 'test',
    runners: RUNNERS,
    worker: { module, args: [] },
    ...extra,
  });
  await workers.engineReady;
  return workers;
};
const run = async (workers: WorkerPool, given: Cell): Promise<Said> => {
  let said: Said | undefined;
  await workers.run(given, { notice: (line) => (said = JSON.parse(line) as Said), progress: () => {} });
  return said!;
};

test('processes take one cell after the other, with an engine or without; a large cell has one of its own', async () => {
  const workers = await workersWith();
  const [first, second] = [await run(workers, cell('theory', 'a')), await run(workers, cell('theory', 'b'))];
  expect(second.pid).toBe(first.pid);
  const [third, fourth] = [await run(workers, cell('small', 'a')), await run(workers, cell('middle', 'b'))];
  expect(fourth.pid).toBe(third.pid);
  const [fifth, sixth] = [await run(workers, cell('large', 'a')), await run(workers, cell('large', 'b'))];
  expect(new Set([first, third, fifth, sixth].map(({ pid }) => pid)).size).toBe(4);
  workers.close();
});

test('where the user says how many threads a run has, the smallest cells share no process with others', async () => {
  vi.stubEnv('GOWIDE_OPS_THREADS', '2');
  const workers = await workersWith({ threads: 2 });
  const said: Said[] = [];
  for (const kind of ['small', 'middle', 'small', 'middle'] as const) said.push(await run(workers, cell(kind, 'a')));
  const [first, second, third, fourth] = said.map(({ pid }) => pid);
  expect([third, fourth]).toEqual([first, second]);
  expect(second).not.toBe(first);
  workers.close();
});

test('small cells share the cores, a large one gets them all', async () => {
  const workers = await workersWith();
  const small = run(workers, cell('small', 'a'));
  expect([workers.mayStart(cell('small', 'b')), workers.mayStart(cell('large', 'b'))]).toEqual([true, false]);
  expect((await small).threads).toBe(String(Math.max(1, Math.floor(availableParallelism() / 2))));
  const large = run(workers, cell('large', 'a'));
  expect(workers.mayStart(cell('small', 'b'))).toBe(false);
  expect((await large).threads).toBe(String(availableParallelism()));
  workers.close();
});

test('a GPU of its own for each cell while there are some, the smallest on which it fits; then cells share', async () => {
  const devices = [
    { name: '0', bytes: 80 * GiB, model: 'NVIDIA A100' },
    { name: '1', bytes: 24 * GiB, model: 'NVIDIA A100' },
  ];
  const workers = await workersWith({
    jobs: 8,
    tensors: Promise.resolve({ engine: { name: 'wasm', why: '' }, devices }),
  });
  const [small, big] = [run(workers, cell('small', 'a')), run(workers, cell('big', 'b'))];
  expect(['small', 'big', 'theory', 'vast'].map((kind) => workers.mayStart(cell(kind as 'small', 'c')))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  const second = run(workers, cell('big', 'd'));
  expect(workers.mayStart(cell('big', 'e'))).toBe(false); // 31 + 31 of 80 GiB are taken, and 24 are too few
  const shared = run(workers, cell('small', 'f'));
  expect((await Promise.all([small, big, second, shared])).map(({ device }) => device)).toEqual(['1', '0', '0', '1']);
  const vast = run(workers, cell('vast', 'g'));
  expect(workers.mayStart(cell('vast', 'h'))).toBe(false);
  expect((await vast).device).toBe('0');
  expect((await run(workers, cell('vast', 'i'))).device).toBe('0');
  workers.close();
});

test('what does not fit into memory beside others waits, and may start alone', async () => {
  const workers = await workersWith();
  expect(workers.mayStart(cell('vast', 'a'))).toBe(true);
  const other = run(workers, cell('theory', 'b'));
  expect([workers.mayStart(cell('vast', 'a')), workers.mayStart(cell('theory', 'c'))]).toEqual([false, true]);
  await other;
  workers.close();
});

test('where the user says how many threads a run has, a large cell runs beside others', async () => {
  const workers = await workersWith({ threads: 1 });
  const large = run(workers, cell('large', 'a'));
  expect(workers.mayStart(cell('large', 'b'))).toBe(true);
  await large;
  workers.close();
});

/** The processes of `--local-workers`: what each is started with. No process is: `fork` is a stand-in. */
import type { ChildProcess, fork, ForkOptions } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { coresOf, startLocalWorkers, type Job } from '../../cli/terminal/local-workers.js';
import type { Device } from '../../src/toolchain/nvidia.js';

const { forked, sent } = vi.hoisted(() => ({ forked: [] as ForkOptions[], sent: [] as Job[] }));

vi.mock(import('node:child_process'), async (original) => ({
  ...(await original()),
  fork: ((_file: string, _args: readonly string[], options: ForkOptions) => {
    forked.push(options);
    const send = (job: Job): number => sent.push(job);
    return Object.assign(new EventEmitter(), { exitCode: 0, signalCode: null, send }) as unknown as ChildProcess;
  }) as typeof fork,
}));

const VARIABLES = ['GOWIDE_THREADS', 'CUDA_VISIBLE_DEVICES'] as const;
beforeEach(() => {
  forked.length = 0;
  sent.length = 0;
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const gpu = (name: string): Device => ({ name, bytes: 2 ** 36, model: 'made up' });

/** Starts workers, and gives the variables of all of them: this process first. */
function started(count: number, devices: readonly Device[]): (string | undefined)[][] {
  const job = { cells: [], engine: { name: 'wasm', why: '' } } as const;
  const workers = startLocalWorkers(count, devices, (place) => ({ ...job, place: { ...place, seconds: 1 } }));
  workers.end();
  return [process.env, ...forked.map(({ env }) => env!)].map((env) => VARIABLES.map((name) => env[name]));
}

test('each worker sees one GPU, its own, in the order in which they are listed; this process has the first', () => {
  const cores = String(coresOf(3));
  expect(started(3, ['2', '0', '5', '7'].map(gpu))).toEqual([
    [cores, '2'],
    [cores, '0'],
    [cores, '5'],
  ]);
  expect(sent.map(({ place }) => place.task)).toEqual([1, 2]);
});

test('without a GPU the variable stays as it is, and threads that were asked for are those of each worker', () => {
  vi.stubEnv('GOWIDE_THREADS', '3');
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '');
  expect(started(2, [])).toEqual([
    ['3', ''],
    ['3', ''],
  ]);
});

test('more workers than GPUs are refused before any is started', () => {
  expect(() => started(3, ['0', '1'].map(gpu))).toThrow(
    '--local-workers 3: each has a GPU of its own, and 2 can be seen here; expected at most as many, or ' +
      'CUDA_VISIBLE_DEVICES= for none',
  );
  expect(forked).toEqual([]);
});

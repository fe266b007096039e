/** The processes of `--local-workers`: the variables that each is started with. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { coresOf, workerVariables } from '../../cli/terminal/local-workers.js';
import type { Device } from '../../src/toolchain/nvidia.js';

beforeEach(() => {
  vi.stubEnv('GOWIDE_THREADS', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const gpu = (name: string): Device => ({ name, bytes: 2 ** 36, model: 'made up' });

test('each worker sees one GPU, its own, in the order in which they are listed; this process has the first', () => {
  const GOWIDE_THREADS = String(coresOf(3));
  expect(workerVariables(3, ['2', '0', '5', '7'].map(gpu))).toEqual(
    ['2', '0', '5'].map((name) => ({ GOWIDE_THREADS, CUDA_VISIBLE_DEVICES: name })),
  );
});

test('without a GPU the variable stays as it is, and threads that were asked for are those of each worker', () => {
  vi.stubEnv('GOWIDE_THREADS', '3');
  expect(workerVariables(2, [])).toEqual([{ GOWIDE_THREADS: '3' }, { GOWIDE_THREADS: '3' }]);
});

test('more workers than GPUs are refused', () => {
  expect(() => workerVariables(3, ['0', '1'].map(gpu))).toThrow(
    '--local-workers 3: each has a GPU of its own, and 2 can be seen here; expected at most as many, or ' +
      'CUDA_VISIBLE_DEVICES= for none',
  );
});

/** Programs that are compared by threads have as many processors. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { expect, test } from 'vitest';
import { onProcessors, processorsOf } from '../../cli/bench/cpus.js';

test('lists of processors', () => {
  expect(processorsOf('0')).toEqual([0]);
  expect(processorsOf('0-3,6,8-9')).toEqual([0, 1, 2, 3, 6, 8, 9]);
});

test.skipIf(
  process.platform !== 'linux' ||
    spawnSync('taskset', ['--version'], { timeout: 20_000, killSignal: 'SIGKILL' }).status !== 0,
)('what is started within has as many processors, and all of them afterwards', async () => {
  const seen = (): number =>
    Number(
      spawnSync(process.execPath, ['-p', 'require("node:os").availableParallelism()'], {
        encoding: 'utf8',
        timeout: 20_000,
        killSignal: 'SIGKILL',
      }).stdout,
    );
  const before = availableParallelism();
  const notes: string[] = [];
  expect(await onProcessors(1, notes, () => Promise.resolve(seen()))).toBe(1);
  expect(seen()).toBe(before);
  expect(notes).toEqual([]);
  await expect(onProcessors(1, notes, () => Promise.reject(new Error('within')))).rejects.toThrow('within');
  expect(seen()).toBe(before);
});

test('more processors than there are: nothing changes, and a note says so', async () => {
  const notes: string[] = [];
  expect(await onProcessors(4096, notes, () => Promise.resolve('done'))).toBe('done');
  expect(notes).toEqual(['programs may use more processors than threads: they cannot be confined here']);
});

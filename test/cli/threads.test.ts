/** `--threads`, and how many threads TensorFlow is given. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { beforeEach, afterEach, expect, test, vi } from 'vitest';
import { tuneFor } from '../../src/engine/engines/choose.js';
import { allThreads, opsThreads, SMALL_STEP_FLOPS } from '../../src/engine/engines/engine.js';
import { coresOf } from '../../cli/terminal/local-workers.js';
import { jobsOption } from '../../cli/terminal/options.js';
import { withThreads } from '../../cli/terminal/run-options.js';

beforeEach(() => {
  for (const name of ['TF_NUM_INTRAOP_THREADS', 'GOWIDE_OPS_THREADS', 'GOWIDE_THREADS']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** What a command with these words has, and the variables that its processes would. */
async function given(...words: string[]): Promise<{ jobs?: number; threads?: number; variables: unknown[] }> {
  let options: { jobs?: number; threads?: number } = {};
  const command = withThreads(new Command('x').addOption(jobsOption()).exitOverride()).action((found) => {
    options = found as typeof options;
  });
  command.configureOutput({ writeErr: () => {} });
  await command.parseAsync(words, { from: 'user' });
  return { ...options, variables: [process.env.TF_NUM_INTRAOP_THREADS, process.env.GOWIDE_THREADS] };
}

const JOBS = Math.min(4, availableParallelism());

test('nothing is changed where nobody asks for threads', async () => {
  expect(await given()).toEqual({ jobs: JOBS, variables: [undefined, undefined] });
});

test('every run has the threads that were asked for, and so many are at work that they share the cores', async () => {
  const threads = 2 * availableParallelism();
  expect(await given('--threads', String(threads))).toEqual({
    jobs: 1,
    threads,
    variables: [String(threads), String(threads)],
  });
  expect(await given('--threads', '1')).toMatchObject({ jobs: JOBS, threads: 1 });
  expect(await given('--threads', String(threads), '--jobs', '3')).toMatchObject({ jobs: 3 });
});

test('a number of threads is a whole one from 1 on', async () => {
  for (const wrong of ['0', '1.5', 'two']) await expect(given('--threads', wrong)).rejects.toThrow(/--threads/);
});

test('a large network takes its share of the cores, a small one a single thread, and what the user says stands', () => {
  tuneFor(SMALL_STEP_FLOPS, 3);
  expect(process.env.TF_NUM_INTRAOP_THREADS).toBe('3');
  tuneFor(SMALL_STEP_FLOPS, 5);
  expect(process.env.TF_NUM_INTRAOP_THREADS).toBe('3');
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', undefined);
  tuneFor(SMALL_STEP_FLOPS);
  expect(process.env.TF_NUM_INTRAOP_THREADS).toBeUndefined();
  tuneFor(SMALL_STEP_FLOPS / 2, 3);
  expect(process.env.TF_NUM_INTRAOP_THREADS).toBe('1');
});

test('of the smallest steps the fused ops alone are divided among the threads that were asked for', async () => {
  await given('--threads', '3');
  tuneFor(SMALL_STEP_FLOPS / 2);
  expect([process.env.TF_NUM_INTRAOP_THREADS, opsThreads()]).toEqual(['3', 3]);
  tuneFor(1e9);
  expect([process.env.TF_NUM_INTRAOP_THREADS, allThreads(), opsThreads()]).toEqual(['1', 1, 3]);
});

test('a variable that the user set stands where nobody says --threads', () => {
  vi.stubEnv('TF_NUM_INTRAOP_THREADS', '2');
  tuneFor(1e9);
  expect([process.env.TF_NUM_INTRAOP_THREADS, allThreads()]).toEqual(['2', 2]);
  vi.stubEnv('GOWIDE_OPS_THREADS', '3');
  tuneFor(1e9);
  expect([process.env.TF_NUM_INTRAOP_THREADS, allThreads(), opsThreads()]).toEqual(['2', 2, 3]);
});

test('workers of one machine divide its cores', () => {
  expect(coresOf(1)).toBe(availableParallelism());
  expect(coresOf(2 * availableParallelism())).toBe(1);
});

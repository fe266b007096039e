/** Every back end keeps the contract, and so does one that is added here as one object. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { command as sweepCommand } from '../../cli/commands/sweep.js';
import { findRedis, RedisServer } from '../../cli/selftest/redis.js';
import { InterruptedError } from '../../src/core/errors.js';
import { defineBackend, type SweepBackend } from '../../src/sweep/backends/backend.js';
import { backendOf, BACKENDS, registerBackend, workerOf } from '../../src/sweep/backends/registry.js';
import { workOf } from '../../src/sweep/work.js';
import { WorkerPool } from '../../src/sweep/worker-pool.js';
import { contract, type Site } from './contract.js';
import { SlurmStandIn } from './slurm-stand-in.js';

/** One cell after the other, each in a process of its own. */
const ONE_BY_ONE = defineBackend({
  name: 'one-by-one',
  description: 'one cell after the other',
  options: {
    gently: { kind: 'switch', description: 'one cell after the other' },
    breaks: { kind: 'whole', argument: 'ms', description: 'with --gently: pause after each', least: 0, default: 0 },
  },
  selector: 'gently',
  run: async ({ cells, out, runners, notice, signal, workers }) => {
    const work = workOf(out, cells, runners, notice);
    const pool = new WorkerPool(await workers(cells));
    signal.addEventListener('abort', () => pool.stop());
    try {
      for (const cell of work.open.values()) {
        if (signal.aborted) throw new InterruptedError('stopped');
        await pool.run(cell, { notice, progress: () => {} });
      }
    } finally {
      pool.close();
    }
    return { state: 'finished', cells };
  },
});

const built = { ...BACKENDS };
registerBackend(ONE_BY_ONE);

const redis = findRedis();

/** How each back end is tried. */
const CASES: Readonly<Record<string, Parameters<typeof contract>[2]>> = {
  pool: { open: () => Promise.resolve(directly(BACKENDS.pool!)) },
  bullmq: { open: withQueue, ...('missing' in redis && { missing: redis.missing }) },
  shard: {
    open: () =>
      Promise.resolve({
        run: async (sweep) => {
          const parts = ['1/2', '2/2'].map((shard) => BACKENDS.shard!.run(sweep, { shard }));
          for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
        },
      }),
  },
  slurm: { open: onCluster, ...(process.platform === 'win32' && { missing: 'Slurm is not for Windows' }) },
  'one-by-one': { open: () => Promise.resolve(directly(ONE_BY_ONE)) },
};

function directly(backend: SweepBackend): Site {
  return { run: (sweep) => backend.run(sweep, {}) };
}

async function withQueue(folder: string): Promise<Site> {
  if ('missing' in redis) throw new Error(redis.missing);
  const server = await RedisServer.start(join(folder, 'redis'), redis);
  const values = { queue: server.url, name: 'contract' };
  const workers = [1, 2].map((k) => {
    const args = [
      join(import.meta.dirname, 'program.mjs'),
      'worker',
      server.url,
      'contract',
      join(folder, `worker-${k}`),
    ];
    const worker = spawn(process.execPath, args, { stdio: 'ignore', timeout: 240_000, killSignal: 'SIGKILL' });
    return { worker, ended: once(worker, 'close') };
  });
  return {
    run: (sweep) => BACKENDS.bullmq!.run(sweep, values),
    victim: ({ parent }) => parent,
    values,
    close: async () => {
      workers.forEach(({ worker }) => worker.kill('SIGTERM'));
      await Promise.all(workers.map(({ ended }) => ended));
      await server.kill();
    },
  };
}

function onCluster(folder: string): Promise<Site> {
  const slurm = new SlurmStandIn(join(folder, 'slurm'));
  return Promise.resolve({
    run: async (sweep) => {
      const outcome = await BACKENDS.slurm!.run(sweep, { tasks: 2, time: 3, cpus: 1, gpus: 0, sbatch: [] });
      expect(outcome).toMatchObject({ state: 'submitted', data: { job: '7', tasks: 2 } });
      await slurm.drained();
    },
    stop: () => slurm.timeUp(),
    close: () => slurm.close(),
  });
}

/** An address in $GOWIDE_QUEUE, which is no choice where an option makes one. */
const ENVIRONMENT = 'redis://from-the-environment';

for (const [name, given] of Object.entries(CASES)) contract(name, BACKENDS[name]!, given);

test('every back end is tried', () => {
  expect(Object.keys(CASES)).toEqual(Object.keys(BACKENDS));
});

test('a back end that is registered has its flags in the help of gowide sweep, and is found by name and by flag', () => {
  const help = sweepCommand()
    .commands.find((command) => command.name() === 'run')!
    .helpInformation()
    .replace(/\s+/g, ' ');
  for (const text of ['--gently', '--breaks <ms>', '"slurm"', '"one-by-one"']) expect(help).toContain(text);
  expect(backendOf({ backend: 'one-by-one' })).toBe(ONE_BY_ONE);
  expect(backendOf({ gently: true })).toBe(ONE_BY_ONE);
});

test('a name, or the name of an option, is registered once', () => {
  expect(() => registerBackend({ ...ONE_BY_ONE, name: 'pool' })).toThrow(
    /option --gently, which belongs to "one-by-one"/,
  );
  const control = { options: { queue: BACKENDS.bullmq!.control!.options.queue! }, actions: {} };
  expect(() => registerBackend({ ...ONE_BY_ONE, name: 'other', options: {}, control })).toThrow(
    /cannot have the option --queue, which belongs to "bullmq"/,
  );
  expect(() => registerBackend({ ...ONE_BY_ONE, name: 'pool', options: {} })).toThrow(/"pool" is registered already/);
  expect(BACKENDS.pool).toBe(built.pool);
});

test.each([
  [{}, 'pool'],
  [{ queue: 'redis://h' }, 'bullmq'],
  [{ queue: ENVIRONMENT, shard: '1/2' }, 'shard'],
  [{ queue: ENVIRONMENT, slurm: true }, 'slurm'],
  [{ backend: 'pool', queue: ENVIRONMENT, name: 'sweep' }, 'pool'],
])('options %j choose the back end %s', (given, name) => {
  vi.stubEnv('GOWIDE_QUEUE', ENVIRONMENT);
  expect(backendOf(given)).toBe(BACKENDS[name]);
  vi.unstubAllEnvs();
});

test.each([
  [{ script: true }, '--script is of the back end "slurm", and this sweep uses "pool"; add --slurm, or leave'],
  [{ sbatch: ['--qos=x'] }, '--sbatch is of the back end "slurm"'],
  [{ name: 'mine' }, '--name is of the back end "bullmq", and this sweep uses "pool"; add --queue, or leave'],
  [{ queue: 'redis://h', shard: '1/2' }, '--queue is of the back end "bullmq", and this sweep uses "shard"; leave'],
  [{ backend: 'pool', slurm: true }, '--slurm is of the back end "slurm", and this sweep uses "pool"; leave'],
])('options %j, of which one would have no effect, are refused', (given, message) => {
  expect(() => backendOf(given)).toThrow(message);
});

test('an unknown name gets a suggestion, and a back end without workers is refused with those that have some', () => {
  expect(() => backendOf({ backend: 'slrm' })).toThrow(
    /^unknown back end "slrm"; expected one of: pool, bullmq, shard, slurm, (.*, )?one-by-one. Did you mean "slurm"\?$/,
  );
  expect(() => workerOf({ backend: 'shard' })).toThrow(
    'the back end "shard" has no workers of its own; back ends that can: bullmq',
  );
});

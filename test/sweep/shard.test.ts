import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cellId } from '../../src/core/run.js';
import { groupsOf, parseShard, shardOf } from '../../src/sweep/backends/shard.js';
import { slurmScript, writeSlurm, type SlurmOptions } from '../../src/sweep/backends/slurm.js';
import { parseGpus } from '../../src/toolchain/nvidia.js';
import { tablesOf } from '../../cli/selftest/check.js';
import { cellOf, newFolder, PROGRAM, RUNNERS } from './cells.js';
import { SlurmNode, whyNoSlurm } from './slurm-node.js';

const cells = [1, 2, 3, 4, 5].flatMap((seed) => ['direct', 'kd', 'wide'].map((arm) => cellOf(arm, seed)));

test('cells that need the same run are in one group', () => {
  const groups = groupsOf(cells, RUNNERS);
  expect(groups.map((group) => new Set(group.map(({ seed }) => seed)).size)).toEqual([1, 1, 1, 1, 1]);
  expect(groups.every((group) => group.length === 3)).toBe(true);
});

test('shards are a division of the cells, alike in every process', () => {
  const shards = [1, 2, 3].map((index) => shardOf(cells, RUNNERS, { index, count: 3 }));
  expect(shards.flat().map(cellId).sort()).toEqual(cells.map(cellId).sort());
  expect(shards.map((shard) => shard.length)).toEqual([6, 6, 3]);
  expect(shardOf(cells, RUNNERS, { index: 2, count: 3 })).toEqual(shards[1]);
  expect(shardOf(cells, RUNNERS, { index: 9, count: 9 })).toEqual([]);
});

test.each(['0/3', '4/3', '1', 'a/b', '1/0', '1/3/2', '-1/3'])('--shard %s is refused', (text) => {
  expect(() => parseShard(text)).toThrow(/expected i\/n with 1 <= i <= n/);
});

test('GPUs are those that CUDA_VISIBLE_DEVICES leaves', () => {
  const text = '0, GPU-aaaa, 81559, NVIDIA H100 80GB HBM3\n1, GPU-bbbb, 40960, NVIDIA A100-PCIE-40GB\n';
  expect(parseGpus(text, undefined).map(({ name }) => name)).toEqual(['0', '1']);
  expect(parseGpus(text, '1')).toEqual([{ name: '1', bytes: 40_960 * 2 ** 20, model: 'NVIDIA A100-PCIE-40GB' }]);
  expect(parseGpus(text, 'GPU-aa')).toMatchObject([{ name: '0' }]);
  expect(parseGpus(text, '1,GPU-aa').map(({ name }) => name)).toEqual(['1', '0']);
  expect(parseGpus(text, '')).toEqual([]);
});

const options = (out: string, extra: Partial<SlurmOptions> = {}): SlurmOptions => ({
  out,
  tasks: 2,
  minutes: 3,
  cpus: 1,
  threads: 1,
  gpus: 0,
  memoryGiB: undefined,
  partition: undefined,
  extra: [],
  command: [process.execPath, PROGRAM, 'sweep', 'run', 'saddle', '--seeds', '2', '--jobs', '1', '--out', out],
  ...extra,
});

describe('the script of an array job', () => {
  test('asks for what was asked for, requeues, and is told in time', () => {
    const text = slurmScript(
      options('/shared/it’s here', { gpus: 2, threads: 4, memoryGiB: 16, partition: 'long', extra: ['--account=x'] }),
    );
    for (const line of [
      '--array=1-2',
      '--requeue',
      '--signal=B:TERM@90',
      '--time=3',
      '--gpus=2',
      '--mem=16G',
      '--partition=long',
      '--account=x',
    ])
      expect(text).toContain(`#SBATCH ${line}\n`);
    expect(text).toContain('\'/shared/it’s here\' --shard "$SLURM_ARRAY_TASK_ID/2"');
    expect(text).toContain('#SBATCH --output="/shared/it’s here/slurm/%A_%a.log"\n');
    expect(text).toContain('GOWIDE_THREADS:-4}');
    expect(spawnSync('bash', ['-n'], { input: text, timeout: 20_000, killSignal: 'SIGKILL' }).status).toBe(0);
  });

  test('a task that is told to leave saves, and is queued again; one that fails is not', () => {
    const folder = newFolder();
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'scontrol'), '#!/bin/sh\necho "$@" >> "$REQUEUED"\n');
    chmodSync(join(bin, 'scontrol'), 0o755);
    const env = {
      ...process.env,
      PATH: `${bin}:${process.env.PATH}`,
      REQUEUED: join(folder, 'requeued'),
      SLURM_ARRAY_TASK_ID: '2',
      SLURM_ARRAY_JOB_ID: '7',
    };
    const bash = (command: string[], kill: boolean): number | null => {
      const script = writeSlurm(options(folder, { command }));
      return spawnSync(
        'bash',
        ['-c', kill ? `bash '${script}' & sleep 2; kill -TERM $!; wait $!` : `bash '${script}'`],
        { env, encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL' },
      ).status;
    };
    const patient = ['bash', '-c', "trap 'exit 130' TERM; for i in $(seq 100); do sleep 0.1; done", 'x'];
    expect(bash(patient, true)).toBe(0);
    expect(readFileSync(env.REQUEUED, 'utf8')).toBe('requeue 7_2\n');
    expect(bash(['bash', '-c', 'exit 2', 'x'], false)).toBe(2);
    expect(bash(['bash', '-c', 'exit 0', 'x'], false)).toBe(0);
    expect(readFileSync(env.REQUEUED, 'utf8')).toBe('requeue 7_2\n');
  });
});

const missing = whyNoSlurm();
describe.skipIf(missing !== undefined)(
  `on a real Slurm of one node${missing === undefined ? '' : ` (${missing}: only the scripts were tested)`}`,
  () => {
    const folder = newFolder();
    const slurm = new SlurmNode(folder);
    beforeAll(() => slurm.start());
    afterAll(() => slurm.stop());

    test('an array job makes the same tables as this machine alone', async () => {
      const [out, serial] = [join(folder, 'out of it'), join(folder, 'serial')];
      const sweep = spawnSync(
        process.execPath,
        [PROGRAM, 'sweep', 'saddle', '--seeds', '2', '--slurm', '--tasks', '2', '--cpus', '1', '--out', out, '--json'],
        {
          env: slurm.env,
          encoding: 'utf8',
          timeout: 60_000,
          killSignal: 'SIGKILL',
        },
      );
      expect([sweep.status, sweep.stderr]).toEqual([0, '']);
      const { tasks, job } = JSON.parse(sweep.stdout) as { tasks: number; job: string };
      expect(tasks).toBe(2);
      expect(job).toMatch(/^\d+$/);
      await slurm.drained(200);
      const args = [PROGRAM, 'sweep', 'saddle', '--seeds', '2', '--out', serial];
      expect(spawnSync(process.execPath, args, { timeout: 200_000, killSignal: 'SIGKILL' }).status).toBe(0);
      expect(tablesOf(out)).toEqual(tablesOf(serial));
      expect(tablesOf(out).runs).toBeGreaterThan(0);
    });
  },
);

/** `gowide sweep --set`: a value that is changed in every cell, here and where the command is started elsewhere. */
import { appendFileSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { listRuns } from '../../src/store/runs.js';
import { gowide, gowideHere, newFolder } from '../support/program.js';

const SADDLE = ['sweep', 'saddle', '--scale', 'minutes', '--seeds', '1', '--set', 'draws=2', '--set', 'particles=16'];

test('--set changes the spec of every arm, and its runs are not those that were declared', () => {
  const out = newFolder();
  const { status, stderr } = gowide([...SADDLE, '--out', out]);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  const { runs } = listRuns(out);
  expect(runs.map(({ cell }) => cell.arm).sort()).toEqual(['B', 'B1']);
  for (const { cell, status: state } of runs) {
    expect(cell).toMatchObject({ scale: 'custom', spec: { draws: 2, particles: 16, kappa: 4 } });
    expect(state).toBe('finished');
  }
});

test('the script of an array job has what --set said', async () => {
  const out = newFolder();
  const { status, stdout } = await gowideHere([...SADDLE, '--slurm', '--script', '--out', out]);
  expect(status).toBe(0);
  const path = stdout.trim();
  expect(dirname(path)).toBe(join(out, 'slurm'));
  const script = readFileSync(path, 'utf8');
  expect(script).toMatch(/ --set '?draws=2'? --set '?particles=16'? /);
});

test('a script of an array job is not written over by that of another sweep, nor once it was edited', async () => {
  const out = newFolder();
  const write = async (...more: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> =>
    gowideHere([...SADDLE, '--slurm', '--script', '--out', out, ...more]);
  const path = (await write()).stdout.trim();
  const other = (await write('--time', '90')).stdout.trim();
  expect([path, other].map((one) => readFileSync(one, 'utf8').includes('--time=90'))).toEqual([false, true]);
  expect((await write()).stdout.trim()).toBe(path);
  appendFileSync(path, '# mine\n');
  const { status, stderr } = await write();
  expect(status).not.toBe(0);
  expect(stderr).toContain(`${path}: it was edited since it was written for this sweep`);
  expect(readFileSync(path, 'utf8')).toMatch(/# mine\n$/);
});

test('what would be another line of the script is refused', async () => {
  const script = ['--slurm', '--script'];
  for (const partition of ['x\nrm -rf /', 'x --nodelist=y', 'x"y']) {
    const { status, stderr } = await gowideHere([...SADDLE, ...script, '--out', newFolder(), '--partition', partition]);
    expect([partition, status]).not.toEqual([partition, 0]);
    expect(stderr).toMatch(/--partition ".*": expected the name of a partition/);
  }
  const out = join(newFolder(), 'a\nb');
  const { status, stderr } = await gowideHere([...SADDLE, ...script, '--out', out]);
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/--out ".*": expected a path on one line without quotes/);
});

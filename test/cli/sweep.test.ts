/** `gowide sweep --set`: a value that is changed in every cell, here and where the command is started elsewhere. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  const { status } = await gowideHere([...SADDLE, '--slurm', '--script', '--out', out]);
  expect(status).toBe(0);
  const script = readFileSync(join(out, 'slurm', 'sweep.sh'), 'utf8');
  expect(script).toMatch(/ --set '?draws=2'? --set '?particles=16'? /);
});

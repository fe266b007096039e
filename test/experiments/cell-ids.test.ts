/** Ids of cells, pinned: a run that is finished must be found again by every later version of this format. */
import { expect, test } from 'vitest';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { cellsOf } from '../../src/core/experiment.js';
import { cellId, RUN_FORMAT } from '../../src/core/run.js';
import { lookUp } from '../../src/core/registry.js';

test.each([
  ['width', 'skip', '6ed9366d880c'],
  ['bounds', 'residual 1/L', '923d96b5fd11'],
  ['saddle', 'B1', '870a41323ebf'],
  ['residual', 'tanh', 'd6387b74ebb9'],
  ['stages', 'no skip', '2058f5d86f96'],
  ['resnet-digits', 'three-stage', 'ac50615a615b'],
  ['resnet-hierarchy', 'direct', 'c77d2f63bf21'],
  ['depth-skip', '16 plain imitation', '8e6d4dd1deb5'],
  ['bert-glosses', 'three-stage', 'a4dc26e333d7'],
  ['bert-supersense', 'direct', 'b6c7b3b0d448'],
])('format 3: %s, arm %s, seed 1 at scale minutes', (name, arm, id) => {
  expect(RUN_FORMAT).toBe(3);
  const cell = cellsOf(lookUp('experiment', EXPERIMENTS, name), 'minutes', 1, 1).find((one) => one.arm === arm)!;
  expect(cellId(cell)).toBe(id);
});

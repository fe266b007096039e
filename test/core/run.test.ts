import { expect, test } from 'vitest';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { cellsOf } from '../../src/core/experiment.js';
import { cellId, RUN_FORMAT } from '../../src/core/run.js';

/** Ids of the first seed at scale minutes, of BERTs and of the digits at scale laptop: an arm of ten experiments. */
const IDS: readonly (readonly [experiment: string, arm: string, id: string])[] = [
  ['width', 'skip', '6ed9366d880c'],
  ['saddle', 'B1', '66cdf9b0a3b0'],
  ['generic', 'skip, sine', '9a37f3f96cc8'],
  ['residual', 'tanh', '94ae73ce6e96'],
  ['stages', 'no skip', '70eb448cad97'],
  ['resnet-digits', 'three-stage', '3eb305d0ff41'],
  ['resnet-hierarchy', 'three-stage', 'c3b2dd09addb'],
  ['depth-skip', '4 plain direct', '48d16abc69d8'],
  ['bert-glosses', 'three-stage', '4892d8baae83'],
  ['bert-supersense', 'three-stage', '4e697a786579'],
];

test('ids belong to the format: what they are made of does not change without it', () => {
  expect(RUN_FORMAT).toBe(3);
  const ids = IDS.map(([name, arm]) => {
    const experiment = EXPERIMENTS[name]!;
    const cell = cellsOf(experiment, /^bert|digits$/.test(name) ? 'laptop' : 'minutes', 1, 1).find(
      (one) => one.arm === arm,
    );
    return [name, arm, cell && cellId(cell)];
  });
  expect(ids).toEqual(IDS);
});

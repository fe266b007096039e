/** The examples of a data set and an experiment of one's own: known to the commands, and trained as they stand. */
import { beforeAll, expect, test } from 'vitest';
import { ownExperiment, registerOwnExperiment } from '../../examples/own-experiment.js';
import { registerOwnStripes } from '../../examples/own-data-set.js';
import { cellsOf } from '../../src/core/experiment.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { TRAIN_RUNNER } from '../../src/method/run/runner.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import { anyEngine } from '../support/engines.js';
import { gowideHere, newFolder } from '../support/program.js';

beforeAll(async () => {
  registerOwnStripes();
  registerOwnExperiment();
  await anyEngine();
});

test('the command that trains has the experiment, and checks the data set’s own keys', async () => {
  const printed = await gowideHere(['train', 'own-stripes', '--arm', 'kd', '--print-config']);
  expect([printed.status, JSON.parse(printed.stdout)]).toMatchObject([0, { data: { set: 'own-stripes', train: 64 } }]);
  const wrong = await gowideHere(['train', 'own-stripes', '--arm', 'kd', '--set', 'data.noise=-1', '--print-config']);
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('data.noise: expected at least 0, got -1')]);
});

test('its arms learn', async () => {
  const options: ExecuteOptions = {
    out: newFolder(),
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: TRAIN_RUNNER.execute },
    signal: new AbortController().signal,
    progress: () => {},
  };
  const cells = cellsOf(ownExperiment, 'minutes', 1, 1).filter(({ arm }) => arm !== 'direct');
  expect(cells.map(({ arm }) => arm)).toEqual(['wide', 'kd']);
  for (const cell of cells) {
    const { result } = await executeRun(cell, options);
    expect(Number(result!.testAccuracy)).toBeGreaterThan(80); // chance is 50
  }
});

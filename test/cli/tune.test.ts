/** `gowide tune`. */
import { expect, test } from 'vitest';
import { depthSkip } from '../../experiments/depth-skip.js';
import { searchCost, searchText } from '../../cli/tuning/search.js';
import { resnetDigits } from '../../experiments/resnet.js';
import { armSpecs } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { costOf, ownCost } from '../../src/method/cost/cost.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { gowide, newFolder } from '../support/program.js';
import { beginningWith, program, userFolder } from '../support/user-package.js';

test('tune runs what lies beyond an end, and says where the best still is at one', () => {
  const args = ['tune', 'resnet', '--experiment', 'depth-skip', '--arm', '^4 plain direct$', '--json'];
  const { status, stdout } = gowide([...args, '--out', newFolder()], { GOWIDE_ENGINE: 'wasm' });
  expect(status).toBe(0);
  const { measured, best, cost } = JSON.parse(stdout) as {
    measured: { arm: string; rate: number; accuracies: number[]; mean: number }[];
    best: Record<string, number[]>;
    cost: Record<'runs' | 'steps' | 'teraflops' | 'seconds', number>;
  };
  const rates = measured.map(({ rate }) => rate);
  const declared = depthSkip.tuning!.rates;
  expect(rates.slice(0, declared.length)).toEqual(declared);
  const top = measured.reduce((a, b) => (b.mean > a.mean ? b : a));
  expect(best['4 plain direct']).toEqual([top.rate]);
  // inside, or widened until it was, or three times
  const sorted = [...rates].sort((a, b) => a - b);
  expect(rates.length === declared.length + 3 || (top.rate > sorted[0]! && top.rate < sorted.at(-1)!)).toBe(true);
  for (const { accuracies } of measured) expect(accuracies).toHaveLength(2);
  // two seeds of every point, the widened ones included
  const spec = parseTrainSpec(depthSkip.arms('minutes')['4 plain direct']!.spec);
  const { steps, flops } = costOf(spec);
  const runs = 2 * measured.length;
  expect(cost).toEqual({
    runs,
    steps: runs * steps,
    teraflops: expect.any(Number) as number,
    seconds: expect.any(Number) as number,
  });
  expect(cost.teraflops).toBeCloseTo((runs * flops) / 1e12, 9);
  expect(cost.seconds).toBeGreaterThan(0);
});

test('the cost of a search has the wide net once, for each seed, and stands below the table in a line', () => {
  const cell = (arm: string, seed: number): Cell => ({
    ...{ experiment: 'resnet-digits-tuning', arm, scale: 'custom', kind: 'train', seed },
    spec: resnetDigits.arms('minutes')[arm]!.spec,
  });
  const cells = [1, 2].flatMap((seed) => [cell('direct', seed), cell('three-stage', seed)]);
  const cost = searchCost(cells, () => 10);
  const { direct, 'three-stage': staged, wide } = armSpecs(resnetDigits, 'minutes');
  const stepsOf = [direct, staged, wide].map((spec) => ownCost(parseTrainSpec(spec)).steps);
  expect(cost).toMatchObject({ runs: 6, steps: 2 * stepsOf.reduce((sum, one) => sum + one, 0), seconds: 60 });
  expect(searchText({ runs: 1, steps: 2000, teraflops: 0.5, seconds: 60 })).toBe(
    'The search took 1 run, wide nets included: 2000 training steps, 0.50 teraflops, 60.0 seconds of wall time, run after run.',
  );
});

test('a rate at which training diverges is worse than any other, and holds up nothing', () => {
  const declares = program(
    userFolder(),
    'steep.mjs',
    `import { registerExperiment, TRAIN_KIND } from 'go-wide-then-narrow/experiments';
    const network = { family: 'mlp', numLayers: 2, width: 4, activation: 'relu', classes: 10, inputs: 196 };
    const training = {
      steps: 8,
      batch: 8,
      schedule: { kind: 'constant', peak: 0.1 },
      optimizer: { kind: 'sgd' },
      objective: { labels: 1 },
    };
    const data = { set: 'digits', train: 64 };
    const spec = { data, network, training, teacher: null, start: 'random', imitation: null };
    registerExperiment({
      name: 'steep',
      group: 'steep',
      title: 'rates that are far too high',
      kind: TRAIN_KIND,
      seeds: { minutes: 1 },
      arms: () => ({ direct: { spec, learnsFrom: 'labels' } }),
      tuning: { rates: [0.01, 0.1, 1e30], seeds: [7, 8] },
    });`,
  );
  const out = newFolder();
  const args = ['steep', '--out', out, '--engine', 'wasm', '--json'];
  const { status, stdout, stderr } = gowide(['tune', ...args], beginningWith(declares));
  expect([status, stderr]).toEqual([0, expect.stringMatching(/2 runs diverged, the others are finished.*loss is NaN/)]);
  const { measured, best } = JSON.parse(stdout) as {
    measured: { rate: number; accuracies: (number | null)[] }[];
    best: Record<string, number[]>;
  };
  expect(measured.find(({ rate }) => rate === 1e30)!.accuracies).toEqual([null, null]);
  expect(best.direct![0]).toBeLessThan(1);
  // where that rate is asked for, it is a failure
  const steep = ['--set', 'training.schedule.peak=1e30'];
  const trained = gowide(['train', ...args, ...steep], beginningWith(declares));
  expect([trained.status, trained.stdout]).toEqual([1, '']);
  expect(trained.stderr).toMatch(/^error: steep direct, seed 1: loss is NaN at stage train, step \d/m);
});

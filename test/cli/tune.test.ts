/** Grids of learning rates: widened while the best is at an end. */
import { describe, expect, test } from 'vitest';
import { atPoint, pointsBeyond, shortened } from '../../cli/commands/tune.js';
import { depthSkip } from '../../experiments/depth-skip.js';
import { trainExperiment } from '../../experiments/registry.js';
import { armSpecs } from '../../src/core/experiment.js';
import { ownCost } from '../../src/method/cost.js';
import type { GradientImitation, TrainSpec } from '../../src/method/spec.js';
import { gowide, newFolder } from '../support/program.js';

describe('a grid is widened', () => {
  test.each([
    ['below', [[0.1], [0.3], [1]], [0.1], [[0.033]]],
    ['above', [[0.1], [0.3], [1]], [1], [[3.3]]],
    ['not where the best is inside', [[0.1], [0.3], [1]], [0.3], []],
    ['not where there is one value only', [[0.1]], [0.1], []],
  ] as const)('%s', (_, points, best, expected) => {
    expect(pointsBeyond(points, best)).toEqual(expected);
  });

  test('on each of two axes, with every value of the other', () => {
    const points = [0.1, 0.2].flatMap((rate) => [1, 2, 4].map((imitation) => [rate, imitation] as const));
    expect(pointsBeyond(points, [0.2, 2])).toEqual([1, 2, 4].map((imitation) => [0.4, imitation]));
    expect(pointsBeyond(points, [0.1, 4])).toEqual([
      ...[1, 2, 4].map((imitation) => [0.05, imitation]),
      [0.1, 8],
      [0.2, 8],
    ]);
  });
});

describe('a share of the steps that imitates', () => {
  test('is a third axis, which is widened as rates are, and never reaches all the steps', () => {
    const points = [0.1, 0.2].flatMap((rate) => [0.2, 0.4].map((share) => [rate, 1, share] as const));
    expect(pointsBeyond(points, [0.1, 1, 0.4])).toEqual([
      ...[0.2, 0.4].map((share) => [0.05, 1, share]),
      ...[0.1, 0.2].map((rate) => [rate, 1, 0.8]),
    ]);
    const wider = [...points, [0.1, 1, 0.8], [0.2, 1, 0.8]] as const;
    expect(pointsBeyond(wider, [0.2, 1, 0.8])).toEqual([0.2, 0.4, 0.8].map((share) => [0.4, 1, share]));
    expect(pointsBeyond(wider, [0.2, 1, 0.2])).toContainEqual([0.1, 1, 0.1]);
  });

  test.each([
    ['of all layers at once', 'bert', 'bert-glosses'],
    ['of one stage after the other', 'resnet', 'resnet-digits'],
  ] as const)('leaves the steps of an arm as many: imitation %s', (_, group, name) => {
    const spec = armSpecs(trainExperiment(group, name), 'laptop')['three-stage']!;
    const declared = ownCost(spec as unknown as TrainSpec).steps;
    for (const share of [0.1, 0.175, 0.6]) {
      const tried = atPoint(spec as unknown as Parameters<typeof atPoint>[0], [
        0.5,
        0.25,
        share,
      ]) as unknown as TrainSpec;
      const { steps } = ownCost(tried);
      expect(steps).toBe(declared);
      const imitates = steps - tried.training.steps;
      expect(Math.abs(imitates - share * steps)).toBeLessThanOrEqual(4);
      expect(tried.training.schedule.peak).toBe(0.5);
      expect((tried.imitation as GradientImitation).recipe.schedule.peak).toBe(0.25);
    }
  });
});

describe('a recipe for a share of its steps', () => {
  const schedule = { kind: 'step', peak: 0.1, warmup: 10, drops: [50, 75], factor: 0.1 };
  const recipe = { steps: 100, batch: 32, schedule };

  test('warms up and drops its rate at the same shares of them', () => {
    expect(shortened(recipe, 0.2)).toEqual({
      steps: 20,
      batch: 32,
      schedule: { ...schedule, warmup: 2, drops: [10, 15] },
    });
  });

  test('has one step at least', () => {
    expect(shortened({ steps: 2, schedule: { kind: 'cosine', peak: 1, warmup: 0 } }, 0.1)).toEqual({
      steps: 1,
      schedule: { kind: 'cosine', peak: 1, warmup: 0 },
    });
  });

  test('has no drop before its first step, which no schedule may have', () => {
    const few = { steps: 8, schedule: { kind: 'step', peak: 1, warmup: 0, drops: [1, 4] } };
    expect(shortened(few, 0.25).schedule.drops).toEqual([1, 1]);
  });

  test('is the recipe itself for all of them', () => {
    expect(shortened(recipe, 1)).toBe(recipe);
  });
});

test('tune runs what lies beyond an end, and says where the best still is at one', () => {
  const args = ['tune', 'resnet', '--experiment', 'depth-skip', '--arm', '^4 plain direct$', '--json'];
  const { status, stdout } = gowide([...args, '--out', newFolder()], { GOWIDE_ENGINE: 'wasm' });
  expect(status).toBe(0);
  const { measured, best } = JSON.parse(stdout) as {
    measured: { arm: string; rate: number; accuracies: number[]; mean: number }[];
    best: Record<string, number[]>;
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
});

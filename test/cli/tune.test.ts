/** Grids of learning rates: widened while the best is at an end. */
import { describe, expect, test } from 'vitest';
import { pointsBeyond, shortened } from '../../cli/commands/tune.js';
import { depthSkip } from '../../experiments/depth-skip.js';
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

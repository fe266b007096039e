/** Grids of learning rates: widened while the best is at an end. */
import { describe, expect, test } from 'vitest';
import { trainExperiment } from '../../experiments/registry.js';
import { UsageError } from '../../src/core/errors.js';
import { armSpecs, type Experiment } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { ownCost } from '../../src/method/cost/cost.js';
import { atSteps, shortened } from '../../src/method/spec/recipe-steps.js';
import type { GradientImitation, TrainSpec } from '../../src/method/spec/spec.js';
import { specAtPoint, MOST_WIDENED, pointsBeyond, tuneByGrid } from '../../src/method/run/tuning.js';

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
    const spec = armSpecs(trainExperiment(group, name), 'laptop')['three-stage'] as unknown as TrainSpec;
    const declared = ownCost(spec).steps;
    for (const share of [0.1, 0.175, 0.6]) {
      const tried = specAtPoint(spec, [0.5, 0.25, share]);
      const { steps } = ownCost(tried);
      expect(steps).toBe(declared);
      const imitates = steps - tried.training.steps;
      expect(Math.abs(imitates - share * steps)).toBeLessThanOrEqual(4);
      expect(tried.training.schedule.peak).toBe(0.5);
      expect((tried.imitation as GradientImitation).recipe.schedule.peak).toBe(0.25);
    }
  });
});

test.each([
  ['bert', 'bert-glosses'],
  ['resnet', 'resnet-digits'],
] as const)('a share near all of few steps leaves one to what follows imitation: %s', (group, name) => {
  const declared = armSpecs(trainExperiment(group, name), 'minutes')['three-stage'] as unknown as TrainSpec;
  const imitation = declared.imitation as GradientImitation;
  const few = {
    ...declared,
    training: atSteps(declared.training, 5),
    imitation: { ...imitation, recipe: atSteps(imitation.recipe, 3) },
  };
  const tried = specAtPoint(few, [0.5, 0.25, 0.97]);
  expect(tried.training.steps).toBeGreaterThanOrEqual(1);
  expect(ownCost(tried).steps).toBe(ownCost(few).steps);
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
    expect(shortened(few, 0.25).schedule.drops).toEqual([1]);
  });

  test('is the recipe itself for all of them', () => {
    expect(shortened(recipe, 1)).toBe(recipe);
  });
});

describe('a grid that is measured by whoever asks', () => {
  const experiment: Experiment = {
    ...trainExperiment('resnet', 'resnet-digits'),
    tuning: { rates: [0.1, 0.3, 1], imitationRates: [0.02, 0.04], seeds: [7, 8] },
  };
  const specs = Object.fromEntries(
    ['direct', 'three-stage'].map((arm) => [arm, armSpecs(experiment, 'minutes')[arm] as unknown as TrainSpec]),
  );
  const peakOf = ({ spec }: Cell): number => (spec as unknown as TrainSpec).training.schedule.peak;
  const distance = (rate: number, best: number): number => Math.abs(Math.log(rate / best));
  const tuned = async (accuracy: (cell: Cell) => number) => {
    const asked: Cell[][] = [];
    const { measured, arms } = await tuneByGrid(experiment, specs, async (cells) => {
      asked.push([...cells]);
      return cells.map(accuracy);
    });
    return { asked, measured, arms: Object.fromEntries(arms.map((one) => [one.arm, one])) };
  };

  test('is tried once at each point, with each seed, and not widened where the best is inside', async () => {
    const inside = (cell: Cell): number => {
      const imitation = (cell.spec as unknown as TrainSpec).imitation as GradientImitation | null;
      // on the axis of imitation no point is inside two
      return (
        90 - distance(peakOf(cell), 0.3) - distance(imitation?.recipe.schedule.peak ?? 0.01, 0.01) + cell.seed / 100
      );
    };
    const { asked, arms } = await tuned(inside);
    expect(asked[0]).toHaveLength(2 * 3 + 2 * 3 * 2);
    const { direct, 'three-stage': three } = arms;
    expect(direct!.tried.map(({ point }) => point)).toEqual([[0.1], [0.3], [1]]);
    expect(direct!.best.point).toEqual([0.3]);
    expect(direct!.best.accuracies).toEqual([90.07, 90.08]);
    expect(direct!.best.mean).toBeCloseTo(90.075, 10);
    expect(direct!.atEnd).toBe(false);
    // below 0.02 there are 0.01 and, as 0.01 was then at the end, 0.005
    expect(asked.map((cells) => cells.length)).toEqual([18, 6, 6]);
    expect(three!.best.point).toEqual([0.3, 0.01]);
    expect(three!.atEnd).toBe(false);
    const ids = asked.flat().map((cell) => JSON.stringify([cell.arm, cell.seed]));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is widened three times at most, and then says that the best is at an end', async () => {
    const { asked, arms } = await tuned((cell) => peakOf(cell));
    expect(asked).toHaveLength(1 + MOST_WIDENED);
    expect(arms.direct!.tried.map(({ point: [rate] }) => rate)).toEqual([0.1, 0.3, 1, 3.3, 11, 37]);
    expect(arms.direct!.best.point).toEqual([37]);
    expect(arms.direct!.atEnd).toBe(true);
  });

  test('takes a point without an accuracy for worse than any other, wherever it stands', async () => {
    for (const missing of [0.1, 0.3, 1]) {
      const rest = [0.1, 0.3, 1].filter((rate) => rate !== missing);
      const { arms } = await tuned((cell) => (peakOf(cell) === missing ? NaN : peakOf(cell) === rest[1] ? 80 : 70));
      expect(arms.direct!.best.point, String(missing)).toEqual([rest[1]]);
    }
  });

  test('is refused where no run has an accuracy, and where another number of results comes back', async () => {
    const nothing = tuned(() => NaN);
    await expect(nothing).rejects.toThrow(UsageError);
    await expect(nothing).rejects.toThrow(/^direct: no point .* `validationAccuracy`/);
    for (const change of [(values: number[]) => values.slice(1), (values: number[]) => [...values, 1]])
      await expect(tuneByGrid(experiment, specs, async (cells) => change(cells.map(() => 50)))).rejects.toThrow(
        /^measure: expected 18 results, one for each cell, got 1[79]$/,
      );
  });

  test('is one that is declared', async () => {
    await expect(tuneByGrid({ ...experiment, tuning: undefined }, specs, async () => [])).rejects.toThrow(
      /resnet-digits/,
    );
  });

  test('of shares alone is tried at the rates that an arm declares, by the arms that imitate by steps', async () => {
    const sharesAfterwards = [0.1, 0.2];
    const withShares = { ...experiment, tuning: { ...experiment.tuning!, sharesAfterwards } };
    const asked: Cell[] = [];
    const shareIn = ({ spec }: Cell): number => {
      const { training } = spec as unknown as TrainSpec;
      return 1 - training.steps / ownCost(spec as unknown as TrainSpec).steps;
    };
    const { measured, arms } = await tuneByGrid(
      withShares,
      specs,
      async (cells) => {
        asked.push(...cells);
        return cells.map((cell) => 90 - Math.abs(shareIn(cell) - 0.2));
      },
      'shares',
    );
    const { training, imitation } = specs['three-stage']!;
    const rates = [training.schedule.peak, (imitation as GradientImitation).recipe.schedule.peak];
    expect(arms.map(({ arm }) => arm)).toEqual(['three-stage']);
    // widened beyond the end at which the best was
    expect(measured.map(({ point }) => point)).toEqual([0.1, 0.2, 0.4].map((share) => [...rates, share]));
    expect(arms[0]!.best.point[2]).toBe(0.2);
    const { steps } = ownCost(specs['three-stage']!);
    for (const { spec } of asked) {
      const tried = spec as unknown as TrainSpec;
      expect(Math.abs(ownCost(tried).steps - steps)).toBeLessThan(3);
      expect(tried.training.schedule.peak).toBe(rates[0]);
    }
    await expect(tuneByGrid(experiment, specs, async () => [], 'shares')).rejects.toThrow(/sharesAfterwards/);
    const { direct } = specs;
    await expect(tuneByGrid(withShares, { direct: direct! }, async () => [], 'shares')).rejects.toThrow(
      /resnet-digits: expected an arm that imitates by steps/,
    );
  });
});

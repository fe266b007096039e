/** The three stages beside their rivals, on networks of a program's own. */
import { beforeAll, expect, test } from 'vitest';
import type { Source } from '../../src/data/dataset.js';
import { loadDigits } from '../../src/data/digits.js';
import { networkOf } from '../../src/models/index.js';
import { ARMS } from '../../src/thin/arms.js';
import { compareArms, type CompareOptions } from '../../src/thin/compare.js';
import { RECIPES } from '../../src/thin/recipes.js';
import { anyEngine } from '../support/engines.js';
import { MLP } from '../method/support.js';

beforeAll(async () => void (await anyEngine()));

test('every arm is trained to its end at the same steps, and one that cannot be is left out with the reason', async () => {
  const network = networkOf({ ...MLP, width: 6 });
  const wide = { network, weights: network.init(1) };
  const options = { wide, thin: networkOf(MLP), data: loadDigits(64), steps: 12, batch: 8, tries: 1 } as const;
  const notices: string[] = [];
  const { arms, left } = await compareArms({ ...options, recipe: 'sgd', onNotice: (line) => notices.push(line) });
  expect(arms.map(({ arm }) => arm).sort()).toEqual(['closed-form', 'direct', 'kd', 'selected-kl', 'three-stage']);
  expect(left.map(({ arm }) => arm)).toEqual(['low-rank-clone']);
  expect(notices).toHaveLength(6);
  const accuracies = arms.map(({ validation }) => validation.accuracy);
  expect(accuracies).toEqual([...accuracies].sort((a, b) => b - a));
  for (const { weights } of arms)
    expect(Object.keys(weights.params).sort()).toEqual(Object.keys(options.thin.shapes).sort());
});

test('what a program gives by mistake is named in one line, before anything is trained', async () => {
  const network = networkOf({ ...MLP, width: 6 });
  const weights = network.init(1);
  const data = loadDigits(64);
  const thin = networkOf(MLP);
  const base = { wide: { network, weights }, thin, data, steps: 2, batch: 8, recipe: 'sgd' } as const;
  const { batch: _, ...noBatch } = base;
  const cases: readonly (readonly [given: unknown, message: string])[] = [
    [undefined, 'compareArms: expected an object with wide, thin, data, steps, batch, got nothing'],
    [noBatch, 'compareArms: batch: expected a number, got nothing'],
    [{ ...base, wide: network }, 'compareArms: wide: network: expected an object, got nothing'],
    [{ ...base, thin: MLP }, 'compareArms: thin: taps: expected an array, got nothing'],
    [{ ...base, wide: { network, weights: thin.init(1) } }, 'compareArms: wide: its weights have'],
    [{ ...base, data: { ...data, validation: {} } }, 'compareArms: data: validation: count: expected a number'],
    [{ ...base, steps: 1.5 }, 'compareArms: steps: expected a whole number of at least 1, got 1.5'],
    [{ ...base, batch: 65 }, 'compareArms.batch: 65, and the data have 64 training examples'],
    [{ ...base, seed: -1 }, 'compareArms: seed'],
    [{ ...base, tries: 2 }, 'compareArms: tries: expected one of 1, 3, 6, got 2'],
    [{ ...base, recipe: 'adam' }, 'unknown recipe "adam"; expected one of: sgd, adamw'],
    [{ ...base, recipe: {} }, 'compareArms: recipe: rates: expected an object, got nothing'],
    [{ ...base, recipe: { ...RECIPES.sgd, optimizer: { kind: 'rmsprop' } } }, 'invalid recipe of compareArms'],
    [
      { ...base, recipe: { ...RECIPES.sgd, rates: { wide: 1, thin: NaN, imitation: 1 } } },
      'invalid recipe of compareArms at its rate "thin"',
    ],
    [{ ...base, arms: ['best'] }, 'unknown arm "best"'],
    [{ ...base, arm: ['kd'] }, 'unknown option of compareArms "arm"'],
  ];
  for (const [given, message] of cases) await expect(compareArms(given as CompareOptions)).rejects.toThrow(message);
});

test('the test split chooses nothing: with other examples in it the same rates and weights are found', async () => {
  const network = networkOf({ ...MLP, width: 6 });
  const [data, wide] = [loadDigits(64), { network, weights: network.init(1) }];
  const options = {
    wide,
    thin: networkOf(MLP),
    steps: 12,
    batch: 8,
    tries: 3,
    recipe: 'sgd',
    arms: ['direct'],
  } as const;
  // the same pictures, of which none is what it is said to be
  const wrong: Source = {
    count: data.test.count,
    batch: async (indices) => {
      const { values, labels } = await data.test.batch(indices);
      return { values, labels: labels.map((label) => (label + 1) % 10) };
    },
  };
  const [one, other] = [
    (await compareArms({ ...options, data })).arms[0]!,
    (await compareArms({ ...options, data: { ...data, test: wrong } })).arms[0]!,
  ];
  expect([other.rates, other.weights, other.validation]).toEqual([one.rates, one.weights, one.validation]);
  expect(other.test.accuracy).not.toBe(one.test.accuracy);
});

test('the closed form fits layers by so many samples as are asked for, and by no more than there are', () => {
  const network = networkOf(MLP);
  const setting = { wide: network, thin: network, steps: 9, batch: 8, base: RECIPES.sgd };
  const imagesOf = (samples: number | undefined, train: number): unknown =>
    ARMS['closed-form'].procedure({ ...setting, samples, examples: { train, validation: 8 } }, { training: 0.1 })
      .imitation;
  expect(imagesOf(undefined, 9999)).toEqual({ by: 'ridge', images: 600, ridge: 1e-3 });
  expect(imagesOf(2 ** 14, 99_999)).toMatchObject({ images: 2 ** 14 });
  expect(imagesOf(256, 200)).toMatchObject({ images: 200 });
});

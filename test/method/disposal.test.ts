/** Runs that fail or are stopped leave no tensor: another one may follow in the same process. */
import { beforeAll, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import type { Dataset } from '../../src/data/dataset.js';
import { tf } from '../../src/engine/tensor.js';
import { threeStage, type ThreeStageOptions } from '../../src/method/three-stage.js';
import { networkOf } from '../../src/models/index.js';
import { anyEngine } from '../support/engines.js';
import { IMITATION, MLP, recipe } from './support.js';

let data: Dataset;
beforeAll(async () => {
  await anyEngine();
  data = loadDigits(64);
});

const wide = networkOf({ ...MLP, width: 6 });

const far = { ...recipe(20), schedule: { kind: 'constant', peak: 1e30, warmup: 0 } } as const;
const call = (changes: Partial<ThreeStageOptions>) =>
  threeStage({
    ...{ wide, thin: networkOf(MLP), data, wideTraining: wide.init(1) },
    ...{ imitation: { ...IMITATION, maps: 'up', recipe: recipe(3, 0.01) }, finetune: recipe(4) },
    ...changes,
  });
const infinite = (): ReturnType<typeof wide.init> => {
  const { params, state } = wide.init(1);
  const changed = Object.entries(params).map(([path, array]) => [
    path,
    path.endsWith('/kernel') ? { ...array, values: array.values.map(() => 3e38) } : array,
  ]);
  return { params: Object.fromEntries(changed) as typeof params, state };
};
const stopAt = (step: number): Partial<ThreeStageOptions> => {
  const stop = new AbortController();
  let steps = 0;
  return { signal: stop.signal, onProgress: () => void (++steps === step && stop.abort()) };
};

test.each<[string, () => Partial<ThreeStageOptions>]>([
  [
    'the wide net’s training diverges',
    () => ({ wide: networkOf({ ...MLP, width: 6, activation: 'relu' }), wideTraining: far }),
  ],
  ['fine-tuning diverges', () => ({ thin: networkOf({ ...MLP, activation: 'relu' }), finetune: far })],
  [
    'averages are kept, and it diverges',
    () => ({ thin: networkOf({ ...MLP, activation: 'relu' }), finetune: { ...far, ema: 0.9 } }),
  ],
  [
    'imitation diverges',
    () => ({
      thin: networkOf({ ...MLP, activation: 'relu' }),
      imitation: {
        ...IMITATION,
        maps: 'up',
        recipe: { ...far, optimizer: { kind: 'adamw', weightDecay: 0 } } as never,
      },
    }),
  ],
  [
    'a row is not taken in fine-tuning',
    () => ({
      onRow: ({ stage }) => {
        if (stage === 'fine-tune') throw new Error('full');
      },
    }),
  ],
  [
    'a row is not taken after imitation',
    () => ({
      onRow: ({ when }) => {
        if (when === 'imitation') throw new Error('full');
      },
    }),
  ],
  [
    'a row is not taken at the end',
    () => ({
      onRow: ({ when }) => {
        if (when === 'end') throw new Error('full');
      },
    }),
  ],
  ['the wide net is beyond float32', () => ({ wideTraining: infinite() })],
  ['it is stopped while it imitates', () => stopAt(2)],
  ['it is stopped in fine-tuning', () => stopAt(5)],
] as const)('%s', async (_, changes) => {
  await expect(call(changes())).rejects.toThrow(); // what is made once is made now
  const before = tf.memory().numTensors;
  for (let run = 0; run < 3; run++) await expect(call(changes())).rejects.toThrow();
  expect(tf.memory().numTensors).toBe(before);
});

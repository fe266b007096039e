/** Runs that fail or are stopped leave no tensor: another one may follow in the same process. */
import { beforeAll, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import type { Dataset } from '../../src/data/dataset.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { threeStage, type ThreeStageOptions } from '../../src/method/three-stage/call.js';
import { networkOf } from '../../src/models/index.js';
import type { Network } from '../../src/nn/network.js';
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

/** Imitation with pairs of maps by a thin net that gives other logits, or throws, where they are merged. */
const unmerged = (logits: (before: Tensor) => Tensor): Partial<ThreeStageOptions> => {
  const network = networkOf(MLP);
  const last = network.taps.at(-1)!;
  const apply: Network['apply'] = (scope, x, range) => {
    const taps = network.apply(scope, x, range);
    // the examples of that check are 16, all batches 8
    const isCheck = range === undefined && x.shape[0] === 16 && !Object.keys(scope.params).some(isMap);
    return isCheck ? { ...taps, [last]: logits(taps[last]!) } : taps;
  };
  const imitation = { ...IMITATION, maps: 'pair', recipe: recipe(3, 0.01) } as const;
  return { thin: { ...network, apply }, imitation };
};
const isMap = (path: string): boolean => path.startsWith('maps/');

test.each<[string, () => Partial<ThreeStageOptions>, RegExp]>([
  [
    'merging the maps changes the logits',
    () => unmerged((before) => tf.add(before, 1)),
    /merging the maps changed the logits by/,
  ],
  [
    'the merged net cannot be applied',
    () =>
      unmerged(() => {
        throw new Error('no logits');
      }),
    /no logits/,
  ],
  [
    'the wide net’s training diverges',
    () => ({ wide: networkOf({ ...MLP, width: 6, activation: 'relu' }), wideTraining: far }),
    /loss is (NaN|Infinity) at step \d+ of "train"/,
  ],
  [
    'fine-tuning diverges',
    () => ({ thin: networkOf({ ...MLP, activation: 'relu' }), finetune: far }),
    /loss is (NaN|Infinity) at step \d+ of "fine-tune"/,
  ],
  [
    'averages are kept, and it diverges',
    () => ({ thin: networkOf({ ...MLP, activation: 'relu' }), finetune: { ...far, ema: 0.9 } }),
    /loss is (NaN|Infinity) at step \d+ of "fine-tune"/,
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
    /loss is (NaN|Infinity) at step \d+ of "imitate layer1"/,
  ],
  [
    'a row is not taken in fine-tuning',
    () => ({
      onRow: ({ stage }) => {
        if (stage === 'fine-tune') throw new Error('full');
      },
    }),
    /full/,
  ],
  [
    'a row is not taken after imitation',
    () => ({
      onRow: ({ when }) => {
        if (when === 'imitation') throw new Error('full');
      },
    }),
    /full/,
  ],
  [
    'a row is not taken at the end',
    () => ({
      onRow: ({ when }) => {
        if (when === 'end') throw new Error('full');
      },
    }),
    /full/,
  ],
  ['the wide net is beyond float32', () => ({ wideTraining: infinite() }), /layer2\/kernel is Infinity/],
  ['it is stopped while it imitates', () => stopAt(2), /stopped; nothing was saved/],
  ['it is stopped in fine-tuning', () => stopAt(5), /stopped; nothing was saved/],
])('%s', async (_, changes, said) => {
  await expect(call(changes())).rejects.toThrow(said); // what is made once is made now
  const before = tf.memory().numTensors;
  for (let run = 0; run < 3; run++) await expect(call(changes())).rejects.toThrow(said);
  expect(tf.memory().numTensors).toBe(before);
});

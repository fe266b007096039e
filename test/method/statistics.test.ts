import { beforeAll, expect, test } from 'vitest';
import type { Dataset, Source } from '../../src/data/dataset.js';
import { tf, type Tensors } from '../../src/engine/tensor.js';
import { openData } from '../../src/data/index.js';
import { fromTensors } from '../../src/engine/host-memory.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import { networkOf } from '../../src/models/index.js';
import { estimateStatistics } from '../../src/method/values/statistics.js';
import type { Network } from '../../src/nn/network.js';
import { anyEngine } from '../support/engines.js';
import { chain } from './chain.js';
import { DIRECT, LABELS, memory, recipe, THIN } from './support.js';

/** Four examples, so that a batch of four is always all of them; augmentation adds the number of the step. */
const COUNT = 4;
const train: Source = {
  count: COUNT,
  batch: (indices, augment) => ({
    values: Float32Array.from(
      [...indices].flatMap((i) => [i, 10 * i]),
      (value) => value + (augment?.step ?? 1000),
    ),
    labels: new Int32Array(indices.length),
  }),
};
const data: Dataset = { shape: [2], classes: 2, train, validation: train, test: train };

/** Observes the mean of its input over the batch, as a batch norm does in training. */
const observing: Network = {
  ...chain(2, 2),
  apply: (scope, x) => {
    if (scope.train) scope.observe('norm/mean', tf.mean(x, 0));
    return { logits: x };
  },
};

beforeAll(anyEngine);

test('statistics are the mean over 30 augmented training batches, whatever was collected before', async () => {
  const state: Tensors = { 'norm/mean': tf.tensor1d([-7, -7]) };
  const before = tf.memory().numTensors;
  const estimated = await estimateStatistics(observing, { params: {}, state }, data, COUNT, 1);
  expect(tf.memory().numTensors).toBe(before + 1);
  // means of 0..3 and of 0, 10, 20, 30; the steps 0..29 add 14.5 on average
  expect([...(await estimated['norm/mean']!.data())]).toEqual([1.5 + 14.5, 15 + 14.5]);
  expect([...(await state['norm/mean']!.data())]).toEqual([-7, -7]);
});

test('a network without statistics has none to estimate, and no batch is read', async () => {
  const unread: Dataset = { ...data, train: { count: COUNT, batch: () => Promise.reject(new Error('read')) } };
  expect(await estimateStatistics(observing, { params: {}, state: {} }, unread, COUNT, 1)).toEqual({});
});

test('moving averages of the parameters get the statistics of what they compute, not those of the way there', async () => {
  const digits = await openData(DIRECT.data);
  const network = networkOf(THIN);
  const training = { ...recipe(6), ema: 0.9, objective: LABELS };
  const weights = await trainThin(memory(), { ...DIRECT, training }, { thin: network, data: digits });
  const expected = await fromTensors(await estimateStatistics(network, weights, digits, training.batch, 1));
  const found = await fromTensors(weights.state);
  expect(Object.keys(found).length).toBeGreaterThan(0);
  expect(found).toEqual(expected);
  // without averages they are the running ones
  const plain = await trainThin(
    memory(),
    { ...DIRECT, training: { ...recipe(6), objective: LABELS } },
    { thin: network, data: digits },
  );
  expect(await fromTensors(plain.state)).not.toEqual(
    await fromTensors(await estimateStatistics(network, plain, digits, training.batch, 1)),
  );
});

import { beforeAll, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import type { Dataset } from '../../src/data/dataset.js';
import { memorySource } from '../../src/data/images.js';
import { tf } from '../../src/engine/tensor.js';
import { productSums, wideMoments } from '../../src/method/values/moments.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { anyEngine } from '../support/engines.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { chain } from './chain.js';

/** More than the 512 examples that moments are taken over, and more than one evaluation batch. */
const [COUNT, USED] = [600, 512];
const values = Float32Array.from(normals(rngKey(1, 'moments'), COUNT * 2));
const source = memorySource({ images: values, labels: new Uint8Array(COUNT), height: 1, width: 1, channels: 2 });
const data: Dataset = { shape: [2], classes: 2, train: source, validation: source, test: source };

/** sum_n x_n[i] x_n[j] over the examples that are used. */
const expected = [0, 1].map((i) =>
  [0, 1].map((j) => {
    let sum = 0;
    for (let n = 0; n < USED; n++) sum += values[2 * n + i]! * values[2 * n + j]!;
    return sum;
  }),
);

beforeAll(anyEngine);

test('sums of products run over the first 512 training examples and over positions', async () => {
  const before = tf.memory().numTensors;
  const sums = await productSums(data, ['own', 'twice', 'positions'], (x) => ({
    own: [x, x],
    twice: [x, tf.mul(x, 2)],
    positions: [tf.stack([x, x], 1), tf.stack([x, tf.zerosLike(x)], 1)],
  }));
  expect(tf.memory().numTensors).toBe(before);
  const flat = expected.flat();
  expect(relativeError(sums.own!.to1DArray(), flat)).toBeLessThan(TOLERANCE.f32);
  expect(relativeError(sums.positions!.to1DArray(), flat)).toBeLessThan(TOLERANCE.f32);
  const twice = flat.map((value) => 2 * value);
  expect(relativeError(sums.twice!.to1DArray(), twice)).toBeLessThan(TOLERANCE.f32);
});

test('second moments of the wide net’s taps: W^T (sum x x^T) W of a linear layer', async () => {
  const network = chain(2, 2, 3, 1);
  const start = network.init(1);
  const params = { ...start.params, 'layer1/kernel': { shape: [2, 2], values: Float32Array.of(1, 2, 0, 3) } };
  const host = { params, state: {} };
  const moments = await wideMoments({ network, host, weights: weightsOf(host) }, ['layer1', 'layer2'], data);
  // layer1 = (x0, 2 x0 + 3 x1); layer2 = (3 x0 + 3 x1) (1, 1, 1)
  const [[a, b], [, c]] = expected as [[number, number], [number, number]];
  const first = [a, 2 * a + 3 * b, 2 * a + 3 * b, 4 * a + 12 * b + 9 * c];
  expect(relativeError(moments.layer1!.to1DArray(), first)).toBeLessThan(TOLERANCE.f32);
  const second = new Array<number>(9).fill(9 * (a + 2 * b + c));
  expect(relativeError(moments.layer2!.to1DArray(), second)).toBeLessThan(TOLERANCE.f32);
});

test('sums that are beyond float32 are refused by the name of the values, and leave no tensor', async () => {
  const before = tf.memory().numTensors;
  const sums = productSums(data, ['small', 'large'], (x) => ({ small: [x, x], large: [x, tf.mul(x, 1e38)] }));
  await expect(sums).rejects.toThrow(/sums of products of values at "large" are (-?Infinity|NaN)/);
  expect(tf.memory().numTensors).toBe(before);
});

import { beforeAll, expect, test } from 'vitest';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../../src/engine/tensor.js';
import { countValues } from '../../src/core/host-array.js';
import { fromTensors, toTensors } from '../../src/engine/host-memory.js';
import { normals, rngKey, uniforms } from '../../src/core/rng.js';
import { constant, heNormal, orthogonal, scaledNormal, uniformFanIn } from '../../src/nn/init.js';
import {
  BATCH_NORM_EPSILON,
  batchNorm,
  conv2d,
  convNorm,
  convNormAdd,
  dense,
  type Scope,
} from '../../src/nn/layers.js';
import { rms } from '../../src/core/stats.js';
import { anyEngine } from '../support/engines.js';

beforeAll(anyEngine);

const scope = (params: Record<string, Tensor>, state: Record<string, Tensor> = {}, train = false): Scope => ({
  params,
  state,
  train,
  observe: () => {},
});

test('initial values depend on seed and path alone, and have the variance that they should', () => {
  const kernel = heNormal(1, 'a/kernel', [3, 3, 16, 64]);
  expect(heNormal(1, 'a/kernel', [3, 3, 16, 64])).toEqual(kernel);
  expect(heNormal(2, 'a/kernel', [3, 3, 16, 64]).values[0]).not.toBe(kernel.values[0]);
  expect(rms(kernel.values)).toBeCloseTo(Math.sqrt(2 / (9 * 64)), 2);
  const head = uniformFanIn(1, 'h', [64, 10]);
  expect(head.values.every((value) => Math.abs(value) <= 1 / 8)).toBe(true);
  expect(rms(head.values)).toBeCloseTo(1 / 8 / Math.sqrt(3), 2);
  expect(countValues({ kernel, head, c: constant([5], 1) })).toBe(9 * 16 * 64 + 640 + 5);
});

test('values that are drawn some at a time are those of the stream as a whole, of both kinds and at every length', () => {
  for (const count of [1, 2 ** 16 - 1, 2 ** 16, 2 ** 17 + 3]) {
    const key = rngKey(4, 'init', 'a/kernel');
    const [u, z] = [uniforms(key, count), normals(key, count)];
    const uniform = new Float32Array(u.map((value) => (2 * value - 1) * (1 / Math.sqrt(7))));
    expect(Buffer.from(uniformFanIn(4, 'a/kernel', [count], 7).values.buffer).equals(Buffer.from(uniform.buffer))).toBe(
      true,
    );
    const normal = new Float32Array(z.map((value) => value * 0.02));
    expect(
      Buffer.from(scaledNormal(4, 'a/kernel', [count], 0.02).values.buffer).equals(Buffer.from(normal.buffer)),
    ).toBe(true);
  }
});

test('parameters survive the way to the engine and back', async () => {
  const parameters = { 'a/b': constant([2, 3], 0.1), c: heNormal(1, 'c', [1, 1, 2, 2]) };
  const tensors = toTensors(parameters);
  expect(await fromTensors(tensors)).toEqual(parameters);
  tf.dispose(Object.values(tensors));
});

test('a stride-2 3x3 convolution pads both sides, as torch does', async () => {
  // torch: F.conv2d(torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3), stride=2, padding=1) = [[4, 6], [6, 9]]
  const y = conv2d(scope({ 'c/kernel': tf.ones([3, 3, 1, 1]) }), 'c', tf.ones([1, 4, 4, 1]) as Tensor4D, 2);
  expect([...(await y.data())]).toEqual([4, 6, 6, 9]);
});

test('batch norm in evaluation uses the running statistics', async () => {
  const params = { 'n/gamma': tf.tensor1d([2]), 'n/beta': tf.tensor1d([1]) };
  const state = { 'n/mean': tf.tensor1d([3]), 'n/variance': tf.tensor1d([4]) };
  const y = batchNorm(scope(params, state), 'n', tf.tensor4d([5, 3], [2, 1, 1, 1]));
  const scale = 2 / Math.sqrt(4 + BATCH_NORM_EPSILON);
  const [first, second] = await y.data();
  expect(first).toBeCloseTo(1 + 2 * scale, 5);
  expect(second).toBeCloseTo(1, 5);
});

test('batch norm of one value for each channel is refused in training, as PyTorch refuses it', () => {
  // torch: F.batch_norm(torch.ones(1, 16, 1, 1), None, None, training=True) raises "Expected more than 1 value per
  // channel when training"; of (1, 16, 1, 2) and (2, 16, 1, 1) it does not
  const channels = 16;
  const params = {
    'n/gamma': tf.ones([channels]),
    'n/beta': tf.zeros([channels]),
    'c/kernel': tf.ones([1, 1, channels, channels]),
  };
  const state = { 'n/mean': tf.zeros([channels]), 'n/variance': tf.ones([channels]) };
  const of = (...shape: [number, number, number]): Tensor4D => tf.ones([...shape, channels]);
  const forms: ((x: Tensor4D, train: boolean) => Tensor)[] = [
    (x, train) => batchNorm(scope(params, state, train), 'n', x),
    (x, train) => batchNorm(scope(params, state, train), 'n', x, true),
    (x, train) => convNorm(scope(params, state, train), 'c', 'n', x, { relu: true }),
    (x, train) => convNormAdd(scope(params, state, train), 'c', 'n', x, { identity: () => x }),
  ];
  for (const apply of forms) {
    expect(() => apply(of(1, 1, 1), true)).toThrow(
      'batch norm n: expected more than one value for each channel in training, got [1, 1, 1, 16]',
    );
    for (const x of [of(1, 1, 2), of(2, 1, 1)]) expect(apply(x, true).shape).toEqual(x.shape);
    expect(apply(of(1, 1, 1), false).shape).toEqual([1, 1, 1, channels]);
  }
});

test('what does not fit is named', () => {
  expect(() => conv2d(scope({ 'c/kernel': tf.ones([3, 3, 2, 1]) }), 'c', tf.ones([1, 4, 4, 1]) as Tensor4D)).toThrow(
    'conv2d c: expected [B, H, W, 2], got [1, 4, 4, 1]',
  );
  expect(() =>
    dense(scope({ 'd/kernel': tf.ones([3, 1]), 'd/bias': tf.ones([1]) }), 'd', tf.ones([2, 4]) as Tensor2D),
  ).toThrow('dense d: expected [B, 3], got [2, 4]');
  expect(() => dense(scope({}), 'd', tf.ones([2, 4]) as Tensor2D)).toThrow('parameter "d/kernel" is missing');
});

test('an initial value of a shape, a deviation or a gain that is none is refused by name', () => {
  for (const wrong of [-1, 1.5, NaN, Infinity, 1e12]) {
    expect(() => heNormal(1, 'a', [3, wrong])).toThrow('a: expected whole sizes');
    expect(() => scaledNormal(1, 'a', [wrong], 1)).toThrow('a: expected whole sizes');
    expect(() => uniformFanIn(1, 'a', [3, wrong])).toThrow('a: expected whole sizes');
    expect(() => orthogonal(1, 'a', [3, wrong])).toThrow('orthogonal a: expected whole sizes');
    expect(() => constant([wrong, 2], 1)).toThrow('constant: expected whole sizes');
  }
  // a fan-out needs a size for what is read: without one every value would be NaN
  expect(() => heNormal(1, 'a', [4])).toThrow('heNormal a: expected a shape of two sizes or more, got [4]');
  for (const wrong of [NaN, Infinity, -1])
    expect(() => scaledNormal(1, 'a', [2], wrong)).toThrow('scaledNormal a: std');
  for (const wrong of [NaN, 0, -1]) expect(() => uniformFanIn(1, 'a', [2], wrong)).toThrow('uniformFanIn a: fanIn');
  expect(() => orthogonal(1, 'a', [2, 2], NaN)).toThrow('orthogonal a: gain');
  expect(() => constant([2], NaN)).toThrow('constant: value');
});

/**
 * Every op that the networks use, on every engine: values against plain float64 loops, gradients against central
 * differences of them.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { BATCH_NORM_TRAIN } from '../../src/engine/ops/kernels.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { tf, type Scalar, type Tensor, type Tensor2D, type Tensor4D, type Tensors } from '../../src/engine/tensor.js';
import { batchNorm as batchNormLayer, conv2d as convLayer, dense, type Scope } from '../../src/nn/layers.js';
import { crossEntropy, klDivergence, logSoftmax, relativeSquaredError, squaredError } from '../../src/optim/losses.js';
import { enginesUnderTest } from '../support/engines.js';
import * as oracle from '../support/oracle.js';
import type { Oracle } from '../support/oracle.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

interface Case {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly run: (inputs: readonly Tensor[]) => Tensor;
  readonly oracle: (inputs: readonly Oracle[]) => Oracle;
}

const scope = (params: Record<string, Tensor>): Scope => ({ params, state: {}, train: true, observe: () => {} });
const scalar = (value: number): Oracle => ({ shape: [], data: Float64Array.of(value) });
const softmax = (z: Oracle): Float64Array => oracle.logSoftmax(z).data.map(Math.exp);
const meanRows = (values: Float64Array, rows: number): number => values.reduce((a, b) => a + b, 0) / rows;

function convCase(kernel: number, stride: number, size: number): Case {
  return {
    name: `convolution ${kernel}x${kernel}, stride ${stride}, ${size} pixels`,
    shapes: [
      [2, size, size + 1, 3],
      [kernel, kernel, 3, 4],
    ],
    run: ([x, k]) => convLayer(scope({ 'c/kernel': k! }), 'c', x as Tensor4D, stride),
    oracle: ([x, k]) => oracle.conv2d(x!, k!, stride),
  };
}

const CASES: readonly Case[] = [
  {
    name: 'matMul',
    shapes: [
      [3, 5],
      [5, 4],
    ],
    run: ([a, b]) => tf.matMul(a as Tensor2D, b as Tensor2D),
    oracle: ([a, b]) => oracle.matMul(a!, b!),
  },
  ...[
    [1, 1, 5],
    [1, 2, 5],
    [1, 2, 6],
    [3, 1, 5],
    [3, 2, 5],
    [3, 2, 6],
    [3, 2, 7],
  ].map(([kernel, stride, size]) => convCase(kernel!, stride!, size!)),
  {
    name: 'batch norm in training',
    shapes: [[3, 4, 5, 2], [2], [2]],
    run: ([x, gamma, beta]) => batchNormLayer(scope({ 'n/gamma': gamma!, 'n/beta': beta! }), 'n', x as Tensor4D),
    oracle: ([x, gamma, beta]) => oracle.batchNorm(x!, gamma!, beta!, 1e-5),
  },
  {
    name: 'batch norm and ReLU in training',
    shapes: [[3, 4, 5, 2], [2], [2]],
    run: ([x, gamma, beta]) => batchNormLayer(scope({ 'n/gamma': gamma!, 'n/beta': beta! }), 'n', x as Tensor4D, true),
    oracle: ([x, gamma, beta]) => {
      const { shape, data } = oracle.batchNorm(x!, gamma!, beta!, 1e-5);
      return { shape, data: data.map((value) => Math.max(0, value)) };
    },
  },
  {
    name: 'max pooling',
    shapes: [[2, 6, 5, 3]],
    run: ([x]) => tf.maxPool(x as Tensor4D, 3, 2, 'valid'),
    oracle: ([x]) => oracle.maxPool(x!, 3, 2),
  },
  {
    name: 'dense',
    shapes: [[3, 5], [5, 4], [4]],
    run: ([x, k, b]) => dense(scope({ 'd/kernel': k!, 'd/bias': b! }), 'd', x as Tensor2D),
    oracle: ([x, k, b]) => ({
      shape: [3, 4],
      data: oracle.matMul(x!, k!).data.map((value, i) => value + b!.data[i % 4]!),
    }),
  },
  {
    name: 'relu',
    shapes: [[4, 6]],
    run: ([x]) => tf.relu(x!),
    oracle: ([x]) => ({ shape: x!.shape, data: x!.data.map((value) => Math.max(0, value)) }),
  },
  {
    name: 'sum of two branches, relu',
    shapes: [
      [2, 3, 3, 2],
      [2, 3, 3, 2],
    ],
    run: ([a, b]) => tf.relu(tf.add(a!, b!)),
    oracle: ([a, b]) => ({ shape: a!.shape, data: a!.data.map((value, i) => Math.max(0, value + b!.data[i]!)) }),
  },
  {
    name: 'mean over height and width',
    shapes: [[2, 3, 4, 5]],
    run: ([x]) => tf.mean(x!, [1, 2]),
    oracle: ([x]) => {
      const out = oracle.zeros([2, 5]);
      x!.data.forEach((value, i) => (out.data[Math.floor(i / 60) * 5 + (i % 5)]! += value / 12));
      return out;
    },
  },
  {
    name: 'log softmax',
    shapes: [[3, 5]],
    run: ([z]) => logSoftmax(z as Tensor2D),
    oracle: ([z]) => oracle.logSoftmax(z!),
  },
  {
    name: 'cross-entropy',
    shapes: [
      [3, 5],
      [3, 5],
    ],
    run: ([z, t]) => crossEntropy(z as Tensor2D, t as Tensor2D),
    oracle: ([z, t]) =>
      scalar(
        -meanRows(
          oracle.logSoftmax(z!).data.map((value, i) => value * t!.data[i]!),
          3,
        ),
      ),
  },
  {
    name: 'KL divergence',
    shapes: [
      [3, 5],
      [3, 5],
    ],
    run: ([s, t]) => klDivergence(s as Tensor2D, t as Tensor2D),
    oracle: ([s, t]) => {
      const [own, teacher, weights] = [oracle.logSoftmax(s!).data, oracle.logSoftmax(t!).data, softmax(t!)];
      return scalar(
        meanRows(
          weights.map((w, i) => w * (teacher[i]! - own[i]!)),
          3,
        ),
      );
    },
  },
  {
    name: 'KL divergence at temperature 3',
    shapes: [
      [3, 5],
      [3, 5],
    ],
    run: ([s, t]) => klDivergence(s as Tensor2D, t as Tensor2D, 3),
    oracle: (given) => {
      const [s, t] = given.map((one) => ({ ...one, data: one.data.map((value) => value / 3) }));
      const [own, teacher, weights] = [oracle.logSoftmax(s!).data, oracle.logSoftmax(t!).data, softmax(t!)];
      return scalar(
        9 *
          meanRows(
            weights.map((w, i) => w * (teacher[i]! - own[i]!)),
            3,
          ),
      );
    },
  },
  {
    name: 'squared error',
    shapes: [
      [2, 3, 3, 2],
      [2, 3, 3, 2],
    ],
    run: ([a, b]) => squaredError(a!, b!),
    oracle: ([a, b]) => scalar(a!.data.reduce((sum, value, i) => sum + (value - b!.data[i]!) ** 2, 0) / a!.data.length),
  },
  {
    name: 'relative squared error',
    shapes: [
      [2, 3, 3, 2],
      [2, 3, 3, 2],
    ],
    run: ([a, b]) => relativeSquaredError(a!, b!),
    oracle: ([a, b]) => {
      const difference = a!.data.reduce((sum, value, i) => sum + (value - b!.data[i]!) ** 2, 0);
      return scalar(difference / b!.data.reduce((sum, value) => sum + value * value, 0));
    },
  },
];

/**
 * Kernels of which every window sees the whole image, and which are large enough to be computed as dense layers; the
 * last is not.
 */
const TINY_IMAGES = [
  [1, 1, 1],
  [2, 2, 1],
  [2, 2, 2],
  [1, 2, 1],
  [3, 2, 1],
] as const;

const engines = await enginesUnderTest();
afterAll(() => tf.disposeVariables());

describe.each(engines)('$name', ({ name, missing }) => {
  describe.each(CASES)('$name', ({ name: op, shapes, run, oracle: expected }) => {
    const inputs = shapes.map((shape, i): Oracle => {
      const size = shape.reduce((a, b) => a * b, 1);
      return { shape, data: normals(rngKey(1, op, i), size).map((value) => Math.fround(value)) };
    });
    const value = expected(inputs);
    const weights = normals(rngKey(2, op), value.data.length).map((w) => Math.fround(w));

    test.skipIf(missing !== undefined)('value', async () => {
      await tf.setBackend(name);
      const result = tf.tidy(() =>
        run(inputs.map(({ shape, data }) => tf.tensor(Float32Array.from(data), [...shape]))),
      );
      expect(result.shape).toEqual([...value.shape]);
      expect(relativeError(await result.data(), value.data)).toBeLessThan(TOLERANCE.f32);
      result.dispose();
    });

    test.skipIf(missing !== undefined)('gradient', async () => {
      await tf.setBackend(name);
      const before = tf.memory().numTensors;
      const params = Object.fromEntries(
        inputs.map(({ shape, data }, i) => [String(i), tf.tensor(Float32Array.from(data), [...shape])]),
      );
      const w = tf.tensor(Float32Array.from(weights), [...value.shape]);
      const { loss, gradients, aside } = differentiate(
        params,
        (tensors) => tf.sum(tf.mul(w, run(inputs.map((_, i) => tensors[String(i)]!)))) as Scalar,
      );
      for (const [i, { shape }] of inputs.entries()) {
        const gradient = gradients[String(i)]!;
        expect(gradient.shape).toEqual([...shape]);
        expect(
          relativeError(await gradient.data(), oracle.centralDifferences(expected, inputs, weights, i)),
        ).toBeLessThan(TOLERANCE.gradient);
      }
      tf.dispose([loss, w, ...Object.values(params), ...Object.values(gradients), ...Object.values(aside)]);
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  test.skipIf(missing !== undefined).each(TINY_IMAGES)(
    'convolution 3x3 of 88 channels on %i x %i pixels, stride %i',
    async (height, width, stride) => {
      await tf.setBackend(name);
      const draw = (shape: number[], key: string): Oracle => ({
        shape,
        data: normals(
          rngKey(4, key),
          shape.reduce((a, b) => a * b, 1),
        ).map(Math.fround),
      });
      const [x, kernel] = [draw([3, height, width, 88], 'x'), draw([3, 3, 88, 88], 'kernel')];
      const value = oracle.conv2d(x, kernel, stride);
      const w = draw([...value.shape], 'w');
      const tensors = Object.fromEntries(
        Object.entries({ x, kernel, w }).map(([key, { shape, data }]) => [
          key,
          tf.tensor(Float32Array.from(data), [...shape]),
        ]),
      );
      const apply = (p: Tensors): Tensor => convLayer(scope({ 'c/kernel': p.kernel! }), 'c', p.x as Tensor4D, stride);
      const result = tf.tidy(() => apply(tensors));
      expect(result.shape).toEqual([...value.shape]);
      expect(relativeError(await result.data(), value.data)).toBeLessThan(TOLERANCE.f32);
      const { loss, gradients } = differentiate(
        { x: tensors.x!, kernel: tensors.kernel! },
        (p) => tf.sum(tf.mul(tensors.w!, apply(p))) as Scalar,
      );
      const expected = oracle.conv2dGradients(x, kernel, stride, w.data);
      for (const [i, key] of ['x', 'kernel'].entries())
        expect(relativeError(await gradients[key]!.data(), expected[i]!)).toBeLessThan(TOLERANCE.f32);
      tf.dispose([loss, result, ...Object.values(tensors), ...Object.values(gradients)]);
    },
  );

  test.skipIf(missing !== undefined)('batch norm hands out the batch mean and the unbiased variance', async () => {
    await tf.setBackend(name);
    const x: Oracle = { shape: [3, 4, 5, 2], data: normals(rngKey(3), 120).map((z) => Math.fround(2 * z + 5)) };
    const outputs = tf
      .engine()
      .runKernel(
        BATCH_NORM_TRAIN,
        { x: tf.tensor(Float32Array.from(x.data), [3, 4, 5, 2]), gamma: tf.ones([2]), beta: tf.zeros([2]) },
        { epsilon: 1e-5 },
      );
    const [, mean, variance] = outputs as unknown as Tensor[];
    const moments = oracle.channelMoments(x);
    expect(relativeError(await mean!.data(), moments.mean)).toBeLessThan(TOLERANCE.f32);
    expect(
      relativeError(
        await variance!.data(),
        moments.variance.map((v) => (v * 60) / 59),
      ),
    ).toBeLessThan(TOLERANCE.f32);
  });

  test.skipIf(missing !== undefined).each([8, 50, 120])(
    '%i tensors are added, and joined, as few are',
    async (count) => {
      await tf.setBackend(name);
      const parts = Array.from({ length: count }, (_, i) => tf.fill([70], i + 1));
      const { numTensors } = tf.memory();
      const [sum, joined] = [tf.addN(parts), tf.concat(parts)];
      expect(new Set(await sum.data())).toEqual(new Set([(count * (count + 1)) / 2]));
      const values = await joined.data();
      expect(parts.every((_, i) => values.slice(70 * i, 70 * (i + 1)).every((value) => value === i + 1))).toBe(true);
      expect(tf.memory().numTensors).toBe(numTensors + 2);
      tf.dispose([sum, joined, ...parts]);
    },
  );

  test.skipIf(missing !== undefined)('gradients that nobody asks for are freed', async () => {
    await tf.setBackend(name);
    const [x, gamma, beta] = [tf.randomNormal([2, 3, 3, 2], 0, 1, 'float32', 1), tf.ones([2]), tf.zeros([2])];
    const before = tf.memory().numTensors;
    const { loss, gradients } = differentiate(
      { gamma },
      (p) =>
        tf.sum(tf.square(batchNormLayer(scope({ 'n/gamma': p.gamma!, 'n/beta': beta }), 'n', x as Tensor4D))) as Scalar,
    );
    tf.dispose([loss, gradients.gamma!]);
    expect(tf.memory().numTensors).toBe(before);
    tf.dispose([x, gamma, beta]);
  });
});

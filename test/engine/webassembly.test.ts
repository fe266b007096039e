/** The engine `wasm`: products of matrices, sums of columns, and sums by index, against plain loops. */
import { beforeAll, describe, expect, test } from 'vitest';
import { WASM } from '../../src/engine/backends/wasm.js';
import { tf, type Tensor, type Tensor2D } from '../../src/engine/tensor.js';
import { normals, rngKey } from '../../src/core/rng.js';

beforeAll(async () => {
  await WASM.start();
});

const values = (shape: readonly number[], stream: string): Tensor =>
  tf.tensor(Float32Array.from(normals(rngKey(1, stream), tf.util.sizeFromShape([...shape]))), [...shape]);

/** Largest difference of a tensor from what it should be. */
function difference(got: Tensor, expected: readonly number[]): number {
  const numbers = got.dataSync();
  expect(numbers.length).toBe(expected.length);
  return Math.max(0, ...expected.map((value, i) => Math.abs(value - numbers[i]!)));
}

describe('a product', () => {
  const CASES = [
    [[], 1, 1, 1],
    [[], 4, 8, 3],
    [[], 7, 19, 33],
    [[], 130, 66, 17],
    [[], 1, 9, 200],
    [[3], 5, 11, 6],
    [[2, 3], 9, 7, 5],
  ] as const;
  test.each(
    CASES.flatMap(([outer, m, n, k]) =>
      [false, true].flatMap((a) => [false, true].map((b) => [[...outer], m, n, k, a, b] as const)),
    ),
  )('of %j x %i x %i over %i, transposed %s, %s', (outer, m, n, k, transposeA, transposeB) => {
    const a = values([...outer, ...(transposeA ? [k, m] : [m, k])], 'a');
    const b = values([...outer, ...(transposeB ? [n, k] : [k, n])], 'b');
    const [x, y] = [a.dataSync(), b.dataSync()];
    const expected: number[] = [];
    for (let pair = 0; pair < tf.util.sizeFromShape([...outer]); pair++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++)
            sum +=
              x[pair * m * k + (transposeA ? l * m + i : i * k + l)]! *
              y[pair * k * n + (transposeB ? j * k + l : l * n + j)]!;
          expected.push(sum);
        }
    const product = tf.matMul(a as Tensor2D, b as Tensor2D, transposeA, transposeB);
    expect(product.shape).toEqual([...outer, m, n]);
    expect(difference(product, expected)).toBeLessThan(2e-6 * k);
  });

  test('with one matrix for a whole stack, and of none, is the backend’s', () => {
    const [a, b] = [values([3, 4, 5], 'a'), values([1, 5, 2], 'b')];
    const [one, two] = [tf.matMul(a as Tensor2D, b as Tensor2D), tf.matMul(a.reshape([12, 5]), b.reshape([5, 2]))];
    expect(one.shape).toEqual([3, 4, 2]);
    expect(difference(one, [...two.dataSync()])).toBeLessThan(1e-5);
    expect(tf.matMul(tf.zeros([0, 5]), b.reshape([5, 2])).shape).toEqual([0, 2]);
  });

  test('carries NaN and infinity where they belong, and nowhere else', () => {
    const product = tf.matMul(tf.tensor2d([NaN, 1, 1, Infinity, 1, 2], [3, 2]), tf.tensor2d([1, 0, 1, 3], [2, 2]));
    expect([...product.dataSync()]).toEqual([NaN, NaN, Infinity, Infinity, 3, 6]);
  });

  test('keeps no memory', () => {
    const [a, b] = [values([30, 40], 'a') as Tensor2D, values([50, 40], 'b') as Tensor2D];
    const { numTensors, numDataBuffers } = tf.memory();
    for (let i = 0; i < 100; i++) tf.matMul(a, b, false, true).dispose();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  });
});

test.each([
  [[7, 3], 0],
  [[5, 4], 0],
  [
    [2, 3, 5],
    [0, 1],
  ],
  [
    [2, 3, 4, 6],
    [2, 0, 1],
  ],
  [[2, 3, 5], 1],
  [[2, 3, 5], [-1]],
  [
    [4, 6],
    [0, 1],
  ],
] as const)('sums of %j over %j', (shape, axis) => {
  const x = values(shape, 'x');
  const axes = tf.util.parseAxisParam(axis as number | number[], [...shape]);
  const kept = shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const expected = new Array<number>(tf.util.sizeFromShape(kept)).fill(0);
  const strides = kept.map((_, i) => tf.util.sizeFromShape(kept.slice(i + 1)));
  for (const [at, value] of x.dataSync().entries()) {
    let [rest, to] = [at, 0];
    for (let i = shape.length - 1; i >= 0; i--) {
      if (!axes.includes(i)) to += (rest % shape[i]!) * strides[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    expected[to]! += value;
  }
  for (const keep of [false, true]) {
    const sums = tf.sum(x, axis as number | number[], keep);
    expect(sums.shape).toEqual(keep ? kept : shape.filter((_, i) => !axes.includes(i)));
    expect(difference(sums, expected)).toBeLessThan(1e-5);
  }
});

test('sums by index leave out what is outside, as TensorFlow does', () => {
  const x = tf.tensor2d([1, 2, 10, 20, 100, 200, 1000, 2000], [4, 2]);
  const sums = tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, -1], 'int32'), 3);
  expect([...sums.dataSync()]).toEqual([10, 20, 0, 0, 101, 202]);
});

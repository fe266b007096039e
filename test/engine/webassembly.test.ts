/** The engine `wasm`: the kernels of our own against plain loops and against the same in other words. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { WASM } from '../../src/engine/engines/wasm.js';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../../src/engine/tensor.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { normals, rngKey } from '../../src/core/rng.js';

declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

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
    [[], 3, 21, 700],
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

describe.each(['assembly', 'assembly-relaxed'])('the module %s', (name) => {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const bytes = readFileSync(new URL(`../../src/engine/ops/${name}.wasm`, import.meta.url));
  type Product = (...given: number[]) => void;

  test('multiplies matrices: columns for whole panels and for a part of one, sums in one block and in several', () => {
    const module = new WebAssembly.Module(bytes);
    const { product } = new WebAssembly.Instance(module, { env: { memory } }).exports as { product: Product };
    const numbers = new Float32Array(memory.buffer);
    for (const [m, n, k] of [
      [5, 37, 700],
      [8, 16, 256],
      [3, 5, 12],
    ] as const) {
      const [a, b] = [m * k, k * n].map((size, i) => Float32Array.from(normals(rngKey(1, `factor ${i}`), size)));
      const [aAt, bAt, out, panel] = [1024, 1024 + m * k, 1024 + (m + n) * k, 1024 + (m + n) * k + m * n] as const;
      numbers.set(a!, aAt);
      numbers.set(b!, bAt);
      product(4 * aAt, 4 * bAt, 4 * out, 4 * panel, 1, m, n, k, 0, 0);
      for (let i = 0; i < m * n; i++) {
        let [sum, size] = [0, 0];
        for (let l = 0; l < k; l++) {
          const term = a![Math.floor(i / n) * k + l]! * b![l * n + (i % n)]!;
          sum += term;
          size += Math.abs(term);
        }
        expect(Math.abs(numbers[out + i]! - sum)).toBeLessThan(3e-6 * size);
      }
    }
  });
});

test('fused multiply-add rounds once, where the engine has it', () => {
  // (1 + 2^-12)² - (1 + 2^-11) is 2^-24, and 0 once the square is rounded
  const [x, y] = [tf.tensor2d([1 + 2 ** -12, 1], [1, 2]), tf.tensor2d([-(1 + 2 ** -11), 1 + 2 ** -12], [2, 1])];
  const [got] = tf.matMul(tf.reverse(x, 1), y).dataSync();
  expect([0, 2 ** -24]).toContain(got);
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

describe('a convolution and its gradients', () => {
  const CASES = [
    [[2, 5, 6, 3], [3, 3, 3, 5], 1, 1],
    [[3, 8, 7, 4], [3, 3, 4, 9], 2, 1],
    [[2, 6, 6, 5], [1, 1, 5, 8], 2, 0],
    [[1, 9, 9, 1], [7, 7, 1, 4], 2, 3],
    [[2, 2, 2, 8], [3, 3, 8, 4], 1, 1],
    [[2, 40, 40, 16], [5, 5, 16, 3], 1, 2],
  ] as const;
  test.each(CASES)('of %j by %j, stride %i, padding %i', (input, kernel, stride, padding) => {
    const [batch, height, width, channels] = input;
    const [high, wide, , outputs] = kernel;
    const [x, filter] = [values(input, 'x') as Tensor4D, values(kernel, 'filter') as Tensor4D];
    const pad: [number, number][] = [0, padding, padding, 0].map((each) => [each, each]);
    const y = tf.conv2d(x, filter, stride, pad as Parameters<typeof tf.conv2d>[3]);
    const [rows, columns] = [height, width].map((size, i) =>
      Math.floor((size + 2 * padding - kernel[i]!) / stride + 1),
    ) as [number, number];
    expect(y.shape).toEqual([batch, rows, columns, outputs]);
    const dy = values(y.shape, 'dy') as Tensor4D;
    const [images, weights, upstream] = [x, filter, dy].map((tensor) => tensor.dataSync()) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const expected = [y, x, filter].map(({ size }) => new Float64Array(size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    for (let to = 0; to < y.size; to++) {
      const [o, column, row] = [to % outputs, Math.floor(to / outputs) % columns, Math.floor(to / outputs / columns)];
      const [image, down] = [Math.floor(row / rows), row % rows];
      for (let tap = 0; tap < high * wide * channels; tap++) {
        const [c, j, i] = [tap % channels, Math.floor(tap / channels) % wide, Math.floor(tap / channels / wide)];
        const [at, along] = [down * stride + i - padding, column * stride + j - padding];
        if (at < 0 || at >= height || along < 0 || along >= width) continue;
        const from = ((image * height + at) * width + along) * channels + c;
        expected[0][to]! += images[from]! * weights[tap * outputs + o]!;
        expected[1][from]! += upstream[to]! * weights[tap * outputs + o]!;
        expected[2][tap * outputs + o]! += images[from]! * upstream[to]!;
      }
    }
    const [dx, dfilter] = tf.grads((image: Tensor, kernels: Tensor) =>
      tf.conv2d(image as Tensor4D, kernels as Tensor4D, stride, pad as Parameters<typeof tf.conv2d>[3]),
    )([x, filter], dy);
    expect([dx!.shape, dfilter!.shape]).toEqual([input, kernel]);
    for (const [i, got] of [y, dx!, dfilter!].entries())
      expect(relativeError(got.dataSync(), expected[i]!)).toBeLessThan(TOLERANCE.f32);
  });

  test('keeps no memory', () => {
    const [x, filter] = [values([2, 8, 8, 4], 'x') as Tensor4D, values([3, 3, 4, 4], 'f') as Tensor4D];
    const gradients = tf.grads((image: Tensor, kernels: Tensor) =>
      tf.conv2d(image as Tensor4D, kernels as Tensor4D, 1, 'same'),
    );
    const { numTensors, numDataBuffers } = tf.memory();
    for (let i = 0; i < 20; i++) tf.dispose(gradients([x, filter]));
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  });
});

test('exp from what is too small for a float to what is too large, and of what is not a number', () => {
  const x = [-Infinity, -110, -100, -87.5, -1, -1e-8, 0, 1e-3, 1, 5.5, 88.7, 89, Infinity, NaN];
  const got = tf.exp(tf.tensor1d(x)).dataSync();
  for (const [i, value] of x.entries()) {
    const expected = Math.fround(Math.exp(Math.fround(value)));
    if (Number.isNaN(expected) || !Number.isFinite(expected) || expected === 0) expect(got[i]).toBe(expected);
    else expect(Math.abs(got[i]! / expected - 1)).toBeLessThan(expected < 1e-37 ? 1e-2 : 3e-7);
  }
});

test.each([
  [
    [4, 5],
    [1, 0],
    [2, 5],
  ],
  [
    [4, 5],
    [1, 2],
    [3, 2],
  ],
  [
    [3, 4, 5],
    [0, 1, 0],
    [3, 2, 5],
  ],
  [
    [3, 4, 5],
    [1, 0, 3],
    [2, 4, 1],
  ],
  [[6], [2], [0]],
  [
    [2, 3],
    [1, 2],
    [1, 1],
  ],
] as const)('the part of %j from %j on of shape %j', (shape, begin, size) => {
  const x = values(shape, 'x');
  const all = x.arraySync() as unknown[];
  const cut = (part: unknown, axis: number): unknown =>
    axis === shape.length
      ? part
      : (part as unknown[]).slice(begin[axis], begin[axis]! + size[axis]!).map((each) => cut(each, axis + 1));
  expect(tf.slice(x, [...begin], [...size]).arraySync()).toEqual(cut(all, 0));
});

test('parts along any axis, of floats, integers and truth values', () => {
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const parts = (tensor: Tensor2D, sizes: number[], axis: number): unknown =>
    tf.split(tensor, sizes, axis).map((part) => part.arraySync());
  expect(parts(x, [1, 2], 1)).toEqual([
    [[1], [4]],
    [
      [2, 3],
      [5, 6],
    ],
  ]);
  expect(parts(x.toInt(), [1, 1], 0)).toEqual([[[1, 2, 3]], [[4, 5, 6]]]);
  expect(parts(tf.greater(x, 3) as Tensor2D, [2, 1], 1)).toEqual([
    [
      [0, 0],
      [1, 1],
    ],
    [[0], [1]],
  ]);
});

test('rows by index; one that is not there is refused', () => {
  const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5]);
  expect(tf.gather(x, tf.tensor1d([1, 0, 1], 'int32')).arraySync()).toEqual([
    [6, 7, 8, 9, 10],
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10],
  ]);
  expect(() => tf.gather(x, tf.tensor1d([2], 'int32'))).toThrow(/index value 2 is not in/);
});

test('a clone shares the memory of its tensor, and outlives it', () => {
  const x = tf.tensor1d([1, 2, 3]);
  const clone = x.clone();
  expect(clone.dataId).toBe(x.dataId);
  x.dispose();
  expect([...clone.dataSync()]).toEqual([1, 2, 3]);
});

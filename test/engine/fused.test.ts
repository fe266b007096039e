/**
 * The fused ops against plain formulas in float64: rows of every length, one part and many, and what must not be lost
 * (NaN, masked places).
 */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import {
  adamwInPlace,
  attention,
  attentionGradient,
  denseGelu,
  geluGradient,
  denseNorm,
  fusedBatchNorm,
  fusedBatchNormGradient,
  fusedCrossEntropy,
  fusedCrossEntropyGradient,
  fusedDense,
  fusedDenseGradient,
  fusedDenseTanh,
  fusedDenseTanhGradient,
  fusedDivergence,
  fusedDivergenceGradient,
  fusedNormAffine,
  fusedProduct,
  fusedSquaredError,
  fusedSquaredErrorGradient,
  hasFused,
  hasFusedOnTensorflow,
  norm,
  normFactor,
  normGradient,
  scaleShift,
  sgdInPlace,
  squareSum,
} from '../../src/engine/ops/fused.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { tf, type Tensor, type Tensor2D } from '../../src/engine/tensor.js';
import { dense, denseActivated } from '../../src/nn/layers.js';
import { erf } from 'mathjs';
import { enginesUnderTest } from '../support/engines.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

const engines = (await enginesUnderTest()).filter(({ name }) => name !== 'webgpu');

const draw = (name: string, size: number): Float64Array => normals(rngKey(7, name), size).map(Math.fround);
const tensor = (values: ArrayLike<number>, ...shape: number[]): Tensor => tf.tensor(Float32Array.from(values), shape);
const close = async (given: Tensor, expected: ArrayLike<number>, tolerance: number = TOLERANCE.f32): Promise<void> =>
  expect(relativeError(await given.data(), Float64Array.from(expected))).toBeLessThan(tolerance);
const columnSums = (values: ArrayLike<number>, columns: number): Float64Array => {
  const sums = new Float64Array(columns);
  Array.from(values).forEach((value, i) => (sums[i % columns]! += value));
  return sums;
};

const ROWS = [
  [1, 1],
  [3, 5],
  [2, 16],
  [7, 33],
  [130, 768],
  [1500, 48],
] as const;

/** [rows, depth] times [depth, columns]. */
function product(a: Float64Array, b: Float64Array, depth: number, columns: number): Float64Array {
  const y = new Float64Array((a.length / depth) * columns);
  for (let i = 0; i < a.length; i++) {
    const [row, from] = [Math.floor(i / depth) * columns, (i % depth) * columns];
    for (let c = 0; c < columns; c++) y[row + c]! += a[i]! * b[from + c]!;
  }
  return y;
}

/** A matrix [rows, columns], transposed. */
function turned(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** Rows, depth and columns: tiles and panels that are full and that are not, and more depth than a panel has. */
const PRODUCTS = [
  [1, 1, 1],
  [3, 5, 7],
  [6, 16, 64],
  [7, 33, 33],
  [130, 768, 200],
  [1000, 40, 130],
  [13, 2100, 70],
] as const;

/** Factors whose product has values of about 1. */
const factors = (rows: number, depth: number, columns: number): [Float64Array, Float64Array, Float64Array] => [
  draw('x', rows * depth),
  draw('matrix', depth * columns).map((value) => Math.fround(value / Math.sqrt(depth))),
  draw('bias', columns),
];
const phi = (u: number): number => 0.5 * (1 + erf(u * Math.SQRT1_2));
const slopeOfGelu = (u: number): number => phi(u) + (u * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI);

describe.each(engines)('fused ops on $name', ({ name, missing }) => {
  beforeAll(async () => {
    if (missing === undefined) await tf.setBackend(name);
  });
  // a TensorFlow that is not set up by us, or without a compiler, has none
  beforeEach(({ skip }) => {
    if (missing !== undefined || !hasFused()) skip();
  });

  test.each(PRODUCTS)('gelu of a dense layer, %i x %i by %i columns', async (rows, depth, columns) => {
    const [x, weights, bias] = factors(rows, depth, columns);
    const sums = product(x, weights, depth, columns);
    const [matrix, shift] = [tensor(weights, depth, columns), tensor(bias, columns)];
    const [y, slope] = denseGelu({ x: tensor(x, rows, depth), matrix, bias: shift }, true);
    await close(
      slope,
      sums.map((value, i) => slopeOfGelu(value + bias[i % columns]!)),
    );
    await close(
      y,
      sums.map((value, i) => (value + bias[i % columns]!) * phi(value + bias[i % columns]!)),
    );
    const [plain, none] = denseGelu({ x: tensor(x, 1, rows, depth), matrix, bias: shift }, false);
    expect([plain.shape, none.size]).toEqual([[1, rows, columns], 0]);
    expect(await plain.data()).toEqual(await y.data());
    // a row does not depend on those beside it
    const few = Math.ceil(rows / 3);
    const [part] = denseGelu({ x: tensor(x.subarray(0, few * depth), few, depth), matrix, bias: shift }, false);
    expect(await part.data()).toEqual((await y.data()).subarray(0, few * columns));
  });

  test.each(ROWS)('gradient of gelu, %i x %i', async (rows, columns) => {
    const [slope, dy] = [draw('slope', rows * columns), draw('dy', rows * columns)];
    const gradients = Array.from(dy, (value, i) => value * slope[i]!);
    const [dx, dbias] = geluGradient(tensor(slope, rows, columns), tensor(dy, rows, columns));
    await close(dx, gradients);
    await close(dbias, columnSums(gradients, columns));
  });

  test('gelu far from 0, and of what is not a number', async () => {
    const values = [-30, -13, -9, 0, 9, 40, Infinity, NaN];
    const bias = tensor([0], 1);
    const y = await denseGelu({ x: tensor(values, 8, 1), matrix: tensor([1], 1, 1), bias }, false)[0].data();
    expect([...y.slice(3, 7)]).toEqual([0, 9, 40, Infinity]);
    expect(Math.abs(y[0]!) + Math.abs(y[1]!)).toBeLessThan(1e-30);
    expect(y[2]! / (-9 * 1.1285884059538324e-19)).toBeCloseTo(1, 4); // Phi(-9)
    expect(y[7]).toBeNaN();
  });

  /** Layer norm of rows, with its gradient. */
  function normOf(rows: Float64Array, columns: number, gamma: Float64Array, beta: Float64Array, dy: Float64Array) {
    const count = rows.length / columns;
    const [hat, inverse, dx] = [new Float64Array(rows.length), new Float64Array(count), new Float64Array(rows.length)];
    for (let r = 0; r < count; r++) {
      const row = rows.slice(r * columns, (r + 1) * columns);
      const mean = row.reduce((a, b) => a + b, 0) / columns;
      inverse[r] = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / columns + 0.01);
      row.forEach((value, c) => (hat[r * columns + c] = (value - mean) * inverse[r]!));
      const g = Array.from(row, (_, c) => dy[r * columns + c]! * gamma[c]!);
      const [average, along] = [
        g.reduce((a, b) => a + b, 0) / columns,
        g.reduce((a, b, c) => a + b * hat[r * columns + c]!, 0) / columns,
      ];
      g.forEach((value, c) => (dx[r * columns + c] = inverse[r]! * (value - average - hat[r * columns + c]! * along)));
    }
    return { y: hat.map((value, i) => value * gamma[i % columns]! + beta[i % columns]!), hat, inverse, dx };
  }

  test.each(ROWS)('layer norm of %i x %i', async (rows, columns) => {
    const size = rows * columns;
    const [x, gamma, beta, dy] = [draw('x', size), draw('g', columns), draw('s', columns), draw('dy', size)];
    const expected = normOf(x, columns, gamma, beta, dy);
    const parameters = { gamma: tensor(gamma, columns), beta: tensor(beta, columns) };
    const [y, normalized, scale] = norm(tensor(x, rows, columns), parameters, 0.01, true);
    const [plain, ...none] = norm(tensor(x, rows, columns), parameters, 0.01, false);
    await close(y, expected.y);
    expect(await plain.data()).toEqual(await y.data());
    expect(none.map(({ size: left }) => left)).toEqual([0, 0]);
    await close(scale, expected.inverse);
    const gradients = normGradient(tensor(dy, rows, columns), normalized, scale, parameters.gamma);
    if (columns > 1) await close(gradients[0], expected.dx, TOLERANCE.gradient);
    await close(
      gradients[1],
      columnSums(
        dy.map((value, i) => value * expected.hat[i]!),
        columns,
      ),
      TOLERANCE.gradient,
    );
    await close(gradients[2], columnSums(dy, columns), TOLERANCE.gradient);
    const byBias = columnSums(expected.dx, columns);
    expect(Math.max(...(await gradients[3].data()).map((value, c) => Math.abs(value - byBias[c]!)))).toBeLessThan(1e-3);
  });

  test.each(PRODUCTS.filter(([, , columns]) => columns > 1))(
    'layer norm of a dense layer and a residual, %i x %i by %i columns',
    async (rows, depth, columns) => {
      const [x, weights, bias] = factors(rows, depth, columns);
      const [residual, gamma, beta] = [draw('r', rows * columns), draw('g', columns), draw('s', columns)];
      const sums = product(x, weights, depth, columns).map((value, i) => value + bias[i % columns]! + residual[i]!);
      const expected = normOf(sums, columns, gamma, beta, sums);
      const dense = { x: tensor(x, rows, depth), matrix: tensor(weights, depth, columns), bias: tensor(bias, columns) };
      const parameters = { gamma: tensor(gamma, columns), beta: tensor(beta, columns) };
      const [y, normalized, scale] = denseNorm(dense, tensor(residual, rows, columns), parameters, 0.01, true);
      await close(y, expected.y);
      await close(normalized, expected.hat);
      await close(scale, expected.inverse);
      const [plain, ...none] = denseNorm(
        { ...dense, x: tensor(x, 1, rows, depth) },
        tensor(residual, 1, rows, columns),
        parameters,
        0.01,
        false,
      );
      expect([plain.shape, ...none.map(({ size }) => size)]).toEqual([[1, rows, columns], 0, 0]);
      expect(await plain.data()).toEqual(await y.data());
    },
  );

  test('a residual that is larger than the product does not take its last digits', async () => {
    const [rows, depth, columns] = [20, 2000, 64];
    const [x, weights, residual] = [
      draw('x', rows * depth),
      draw('matrix', depth * columns).map((value) => Math.fround(value / 2000)),
      draw('r', rows * columns),
    ];
    const [ones, zeros] = [new Float64Array(columns).fill(1), new Float64Array(columns)];
    const sums = product(x, weights, depth, columns).map((value, i) => value + residual[i]!);
    const dense = { x: tensor(x, rows, depth), matrix: tensor(weights, depth, columns), bias: tensor(zeros, columns) };
    const [y] = denseNorm(
      dense,
      tensor(residual, rows, columns),
      { gamma: tensor(ones, columns), beta: tensor(zeros, columns) },
      0.01,
      false,
    );
    // 1.1e-7 where it is added last, 2.6e-6 where first
    await close(y, normOf(sums, columns, ones, zeros, sums).y, 2e-7);
  });

  /** Attention of each head, softmax(q k^T / sqrt(d) + mask) v, and its gradients, by plain loops. */
  function attentionOf(
    shape: { B: number; N: number; T: number; d: number },
    inputs: readonly Float64Array[],
    dy: Float64Array,
    mask: (b: number, n: number, i: number, j: number) => number,
    kept?: Float64Array,
  ) {
    const { B, N, T, d } = shape;
    const at = (b: number, n: number, t: number, c: number): number => (b * T + t) * N * d + n * d + c;
    const [q, k, v] = [0, 1, 2].map((m) => inputs[m]!.map((value, i) => value + inputs[3 + m]![i % (N * d)]!)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const [y, dq, dk, dv] = [0, 1, 2, 3].map(() => new Float64Array(B * T * N * d)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const weights = new Float64Array(B * N * T * T);
    const dot = (x: Float64Array, from: number, z: Float64Array, other: number): number =>
      x.subarray(from, from + d).reduce((total, value, c) => total + value * z[other + c]!, 0);
    for (let head = 0; head < B * N; head++) {
      const [b, n] = [Math.floor(head / N), head % N];
      for (let i = 0; i < T; i++) {
        const scores = Array.from({ length: T }, (_, j) =>
          Math.exp(dot(q, at(b, n, i, 0), k, at(b, n, j, 0)) / Math.sqrt(d) + mask(b, n, i, j)),
        );
        const total = scores.reduce((sum, value) => sum + value, 0);
        const p = scores.map((value) => value / total);
        const factor = p.map((_, j) => kept?.[(head * T + i) * T + j] ?? 1);
        const g = p.map((_, j) => dot(dy, at(b, n, i, 0), v, at(b, n, j, 0)) * factor[j]!);
        const aligned = p.reduce((sum, value, j) => sum + value * g[j]!, 0);
        for (let j = 0; j < T; j++) {
          weights[(head * T + i) * T + j] = p[j]!;
          const gradient = (p[j]! * (g[j]! - aligned)) / Math.sqrt(d);
          for (let c = 0; c < d; c++) {
            y[at(b, n, i, c)]! += p[j]! * factor[j]! * v[at(b, n, j, c)]!;
            dq[at(b, n, i, c)]! += gradient * k[at(b, n, j, c)]!;
            dk[at(b, n, j, c)]! += gradient * q[at(b, n, i, c)]!;
            dv[at(b, n, j, c)]! += p[j]! * factor[j]! * dy[at(b, n, i, c)]!;
          }
        }
      }
    }
    return { y, weights, gradients: [dq, dk, dv] };
  }

  test.each([
    ['no mask', 2, 3, 21, 5, undefined, false],
    ['one token', 3, 2, 1, 4, undefined, false],
    ['a mask by token', 2, 3, 16, 16, [2, 1, 1], false],
    ['by head and place, and dropout', 2, 3, 33, 20, [1, 3, 33], true],
    ['whole, and dropout', 1, 2, 70, 64, [1, 2, 70], true],
    ['broad heads', 5, 1, 40, 90, undefined, false],
    ['as published', 9, 2, 128, 64, [1, 1, 1], false],
  ] as const)('attention: %s', async (_, B, N, T, d, axes, dropout) => {
    const [columns, depth] = [N * d, N * d + 3];
    const x = draw('x', B * T * depth);
    const [matrices, biases] = ['q', 'k', 'v'].reduce<[Float64Array[], Float64Array[]]>(
      ([matrix, bias], name) => [
        [...matrix, draw(name, depth * columns).map((value) => Math.fround(value / Math.sqrt(depth)))],
        [...bias, draw(`${name} bias`, columns)],
      ],
      [[], []],
    );
    const dy = draw('dy', B * T * columns);
    const mask = axes && draw('mask', axes[0] * axes[1] * axes[2] * T);
    const kept = dropout ? draw('kept', B * N * T * T).map((value) => (value > -0.5 ? 1.5 : 0)) : undefined;
    const step = (axis: number, index: number): number => (axes![axis] === 1 ? 0 : index);
    const mixed = matrices.map((matrix) => product(x, matrix, depth, columns));
    const expected = attentionOf(
      { B, N, T, d },
      [...mixed, ...biases],
      dy,
      (b, n, i, j) => mask?.[((step(0, b) * axes![1] + step(1, n)) * axes![2] + step(2, i)) * T + j] ?? 0,
      kept,
    );
    const dense = matrices.flatMap((matrix, i) => [tensor(matrix, depth, columns), tensor(biases[i]!, columns)]);
    const heads = { heads: N, tokens: T, kept: kept && tensor(kept, B, N, T, T) };
    const shift = mask && tensor(mask, ...axes, T);
    const [y, ...used] = attention(tensor(x, B * T, depth), dense, shift, heads, true);
    const [plain, ...none] = attention(tensor(x, B, T, depth), dense, shift, heads, false);
    expect([y.shape, used[0].shape, plain.shape, none.map(({ size }) => size)]).toEqual([
      [B * T, columns],
      [B, N, T, T],
      [B, T, columns],
      [0, 0, 0, 0],
    ]);
    await close(y, expected.y, TOLERANCE.gradient);
    await close(used[0], expected.weights, TOLERANCE.gradient);
    await close(plain, expected.y, TOLERANCE.gradient);
    for (const [i, values] of mixed.entries())
      await close(
        used[1 + i]!,
        values.map((value, at) => value + biases[i]![at % columns]!),
      );
    const gradients = attentionGradient(tensor(dy, B * T, columns), used, heads);
    for (const [i, gradient] of expected.gradients.entries()) {
      if (T > 1 || i === 2) await close(gradients[i]!, gradient, TOLERANCE.gradient);
      if (i !== 1 && (T > 1 || i === 2))
        await close(gradients[3 + i]!, columnSums(gradient, columns), TOLERANCE.gradient);
    }
    // a key's bias moves all scores of a query alike
    expect(Math.max(...(await gradients[4]!.data()).map(Math.abs))).toBeLessThan(1e-3);
  });

  test.each([
    ['one of each', 3, 2, 21, 5, [1, 1], 1],
    ['a mask by place', 2, 3, 33, 20, [2, 33], 7],
    ['more than a tile of them', 4, 2, 64, 32, [4, 64], 30],
    ['more than there are tokens', 2, 2, 5, 4, [1, 5], 40],
  ] as const)('attention of some tokens: %s', async (_, B, N, T, d, axes, A) => {
    const [columns, depth] = [N * d, N * d + 3];
    const x = tensor(draw('x', B * T * depth), B * T, depth);
    const dense = ['q', 'k', 'v'].flatMap((name) => [
      tensor(draw(name, depth * columns), depth, columns),
      tensor(draw(`${name} bias`, columns), columns),
    ]);
    const mask = tensor(draw('mask', axes[0] * N * axes[1] * T), axes[0], N, axes[1], T);
    // not in turn, and where there is room one of them twice
    const tokens = Array.from({ length: B * A }, (__, i) => (i % A === 1 ? 3 : (7 * i + 3) % T));
    const rows = tokens.map((token, i) => Math.floor(i / A) * T + token);
    const places = tf.tensor1d(rows, 'int32');
    const asking = { rows: tf.gather(x, places), places };
    const shape = { heads: N, tokens: T };
    const [whole, weights, q, k, v] = attention(x, dense, mask, shape, true);
    const [y, ...kept] = attention(x, dense, mask, { ...shape, asking }, true);
    expect([y.shape, ...kept.map((each) => each.shape)]).toEqual([
      [B * A, columns],
      [B, N, A, T],
      ...[
        [B * A, columns],
        [B * T, columns],
        [B * T, columns],
      ],
    ]);
    expect(await y.data()).toEqual(await tf.gather(whole, places).data());
    expect(await kept[1].data()).toEqual(await tf.gather(q, places).data());
    const [plain] = attention(x, dense, mask, { ...shape, asking }, false);
    expect(await plain.data()).toEqual(await y.data());
    // as if the gradient of all other rows were 0; that of a token which asks twice is the sum of both
    const dy = tensor(draw('dy', B * A * columns), B * A, columns);
    const spread = (rowsOf: Tensor): Tensor => tf.unsortedSegmentSum(rowsOf as Tensor2D, places, B * T);
    const few = attentionGradient(dy, kept, shape);
    const all = attentionGradient(spread(dy), [weights, q, k, v], shape);
    await close(spread(few[0]!), Float64Array.from(await all[0]!.data()), TOLERANCE.gradient);
    for (const i of [1, 2, 3, 5]) await close(few[i]!, Float64Array.from(await all[i]!.data()), TOLERANCE.gradient);
    // neither another sequence's token nor more of one sequence than of another
    const wrong = { rows: asking.rows, places: tf.tensor1d([T * B - 1, ...rows.slice(1)], 'int32') };
    expect(() => attention(x, dense, mask, { ...shape, asking: wrong }, true)).toThrow(/not of its sequence/);
    const fewer = { rows: tf.slice(asking.rows, 1), places: tf.slice(places, 1) };
    expect(() => attention(x, dense, mask, { ...shape, asking: fewer }, true)).toThrow(/as many rows of each sequence/);
  });

  test('masked places come to exactly 0, and a NaN is not hidden', async () => {
    // queries are the first two columns of x, keys the next two, values the last two
    const pick = (from: number): Tensor =>
      tensor(
        Array.from({ length: 12 }, (_, i) => Number(Math.floor(i / 2) === from + (i % 2))),
        6,
        2,
      );
    const bias = tensor([0, 0], 2);
    const dense = [pick(0), bias, pick(2), bias, pick(4), bias];
    const p = async (x: number[]): Promise<ArrayLike<number>> =>
      attention(tensor(x, 3, 6), dense, tensor([0, -3.4e38, 0], 1, 1, 1, 3), { heads: 1, tokens: 3 }, true)[1].data();
    const weights = await p([1, 0, 1, 2, 1, 0, 0, 1, 3, 4, 0, 1, 1, 1, 5, 6, 1, 1]);
    expect([weights[1], weights[4], weights[7]]).toEqual([0, 0, 0]);
    expect(weights[0]! + weights[2]!).toBeCloseTo(1, 6);
    expect((await p([1, 0, 1, 2, 1, 0, 0, 1, 3, 4, 0, 1, NaN, 0, 5, 6, 1, 1]))[6]).toBeNaN();
  });

  test.each([1, 15, 40_000])('steps of the optimisers, %i values, in their own memory', async (size) => {
    const [p, m, v, g, mask] = ['p', 'm', 'v', 'g', 'mask'].map((name) => draw(name, size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const square = v.map((value) => Math.abs(value));
    for (const each of [false, true]) {
      const decay = each ? mask.map((value) => (value > 0 ? 0.02 : 0)) : new Float64Array(1).fill(0.01);
      const decayOf = (i: number): number => decay[each ? i : 0]!;
      const pull = { gradient: tensor(g, size), factor: tensor([0.5], 1), decay: tensor(decay, decay.length) };
      const [value, velocity] = [tensor(p, size), tensor(m, size)];
      sgdInPlace(pull, tensor([0.1, 0.9], 2), [value, velocity]);
      const moved = m.map((old, i) => 0.9 * old + 0.5 * g[i]! + decayOf(i) * p[i]!);
      await close(velocity, moved);
      await close(
        value,
        p.map((old, i) => old - 0.1 * moved[i]!),
      );
      const [weight, mean, second] = [tensor(p, size), tensor(m, size), tensor(square, size)];
      adamwInPlace(pull, tensor([0.1, 1e-3, 0.9, 1 - 0.9, 0.999, 1 - 0.999, 1], 7), [weight, mean, second]);
      const means = m.map((old, i) => 0.9 * old + 0.1 * 0.5 * g[i]!);
      const squares = square.map((old, i) => 0.999 * old + 0.001 * (0.5 * g[i]!) ** 2);
      await close(mean, means);
      await close(second, squares);
      await close(
        weight,
        p.map((old, i) => (1 - decayOf(i)) * old - (0.1 * means[i]!) / (Math.sqrt(squares[i]!) + 1e-3)),
      );
    }
    await close(squareSum(tensor(g, size)), [g.reduce((sum, value) => sum + value * value, 0)]);
  });

  test.each([
    [1, 3, false, false],
    [40, 7, true, false],
    [5000, 16, false, true],
    [300, 70, true, true],
    // few channels: rows that come out even in whole vectors, and rows that do not
    [1024, 2, false, false],
    [64, 4, true, true],
    [33, 8, true, true],
  ] as const)('batch norm of %i x %i, ReLU %s, residual %s', async (rows, columns, relu, residual) => {
    const size = rows * columns;
    const [noise, skip, gamma, beta, dy] = [
      draw('x', size),
      draw('r', size),
      draw('g', columns),
      draw('s', columns),
      draw('dy', size),
    ];
    const x = noise.map((value, i) => Math.fround(0.1 * value + 30 * (i % columns))); // a mean far from 0
    const of = (column: number): number[] => Array.from({ length: rows }, (_, r) => x[r * columns + column]!);
    const means = Float64Array.from({ length: columns }, (_, c) => of(c).reduce((a, b) => a + b, 0) / rows);
    const spreads = Float64Array.from(
      { length: columns },
      (_, c) => of(c).reduce((a, b) => a + (b - means[c]!) ** 2, 0) / rows,
    );
    const inverses = spreads.map((spread) => 1 / Math.sqrt(spread + 1e-3));
    const hat = x.map((value, i) => (value - means[i % columns]!) * inverses[i % columns]!);
    const y = hat.map((value, i) => {
      const sum = value * gamma[i % columns]! + beta[i % columns]! + (residual ? skip[i]! : 0);
      return relu ? Math.max(0, sum) : sum;
    });
    const g = dy.map((value, i) => (relu && y[i]! <= 0 ? 0 : value));
    const [dbeta, dgamma] = [
      columnSums(g, columns),
      columnSums(
        g.map((value, i) => value * hat[i]!),
        columns,
      ),
    ];
    const dx = g.map((value, i) => {
      const c = i % columns;
      return gamma[c]! * inverses[c]! * (value - dbeta[c]! / rows - (hat[i]! * dgamma[c]!) / rows);
    });
    const input = tensor(x, rows, columns);
    const parameters = {
      gamma: tensor(gamma, columns),
      beta: tensor(beta, columns),
      ...(residual && { residual: tensor(skip, rows, columns) }),
    };
    const [out, mean, variance, inverse] = fusedBatchNorm({ x: input, ...parameters }, 1e-3, relu);
    await close(out, y, TOLERANCE.gradient);
    await close(mean, means);
    await close(
      variance,
      spreads.map((spread) => (spread * rows) / Math.max(1, rows - 1)),
      TOLERANCE.gradient,
    );
    await close(inverse, inverses, TOLERANCE.gradient);
    const gradients = fusedBatchNormGradient(
      { dy: tensor(dy, rows, columns), x: input, y: relu ? out : undefined, gamma: parameters.gamma, mean, inverse },
      residual,
    );
    if (rows > 1) await close(gradients[0], dx, TOLERANCE.gradient);
    if (rows > 1) await close(gradients[1], dgamma, TOLERANCE.gradient);
    await close(gradients[2], dbeta, TOLERANCE.gradient);
    if (residual) await close(gradients[3], g);
    else expect(gradients[3].size).toBe(0);
  });

  test('batch norm rounds as PyTorch’s does: sums of 512 rows in float32 would lose a digit of every value', async () => {
    const [rows, columns] = [512, 64];
    const x = draw('x', rows * columns).map((value) => Math.fround(value + 2));
    const dy = draw('dy', rows * columns);
    const means = columnSums(x, columns).map((sum) => sum / rows);
    const squares = columnSums(
      x.map((value, i) => (value - means[i % columns]!) ** 2),
      columns,
    );
    const inverses = squares.map((sum) => 1 / Math.sqrt(sum / rows + 1e-5));
    const hat = x.map((value, i) => (value - means[i % columns]!) * inverses[i % columns]!);
    const dbeta = columnSums(dy, columns);
    const dgamma = columnSums(
      dy.map((value, i) => value * hat[i]!),
      columns,
    );
    const dx = dy.map((value, i) => {
      const c = i % columns;
      return inverses[c]! * (value - dbeta[c]! / rows - (hat[i]! * dgamma[c]!) / rows);
    });
    const gamma = tensor(new Float32Array(columns).fill(1), columns);
    const input = tensor(x, rows, columns);
    const [y, mean, , inverse] = fusedBatchNorm({ x: input, gamma, beta: tf.zeros([columns]) }, 1e-5, false);
    const gradients = fusedBatchNormGradient(
      { dy: tensor(dy, rows, columns), x: input, y: undefined, gamma, mean, inverse },
      false,
    );
    const squareSumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value ** 2, 0);
    const rounding = async (given: Tensor, exact: Float64Array): Promise<number> => {
      const values = await given.data();
      return Math.sqrt(squareSumOf(exact.map((value, i) => values[i]! - value)) / squareSumOf(exact));
    };
    // some 6e-8 here and in PyTorch; 1e-6 with sums in float32 about the first row
    expect(await rounding(y, hat)).toBeLessThan(2e-7);
    expect(await rounding(gradients[0], dx)).toBeLessThan(2e-7);
    expect(await rounding(gradients[1], dgamma)).toBeLessThan(5e-7);
    expect(await rounding(gradients[2], dbeta)).toBeLessThan(5e-7);
  });

  test('batch norm: a first row that is far from the rest takes no digits of the variance', async () => {
    const [rows, columns] = [200, 21];
    const x = draw('far', rows * columns);
    // some columns begin far off, one is constant but for its first value
    for (let c = 0; c < columns; c += 2) x[c] = Math.fround(10 ** (c / 4));
    for (let row = 0; row < rows; row++) x[row * columns + 3] = row === 0 ? 0 : 1e4;
    const means = columnSums(x, columns).map((sum) => sum / rows);
    const squares = columnSums(
      x.map((value, i) => (value - means[i % columns]!) ** 2),
      columns,
    );
    const parameters = { gamma: tensor(new Float32Array(columns).fill(1), columns), beta: tf.zeros([columns]) };
    const [, mean, variance] = fusedBatchNorm({ x: tensor(x, rows, columns), ...parameters }, 1e-5, false);
    const given = { mean: await mean.data(), variance: await variance.data() };
    for (let c = 0; c < columns; c++) {
      expect(Math.abs(given.variance[c]! / (squares[c]! / (rows - 1)) - 1), `column ${c}`).toBeLessThan(1e-5);
      expect(Math.abs(given.mean[c]! - means[c]!)).toBeLessThan(1e-6 * (1 + Math.abs(x[c]!)));
    }
  });

  test.each([
    [false, false, false],
    [true, false, true],
    [false, true, true],
    [true, true, false],
  ])('scale %s, shift, residual %s, ReLU %s', async (scaled, residual, relu) => {
    const [rows, columns] = [23, 37];
    const [x, scale, shift, skip] = [
      draw('x', rows * columns),
      draw('scale', columns),
      draw('shift', columns),
      draw('r', rows * columns),
    ];
    const y = x.map((value, i) => {
      const sum = value * (scaled ? scale[i % columns]! : 1) + shift[i % columns]! + (residual ? skip[i]! : 0);
      return relu ? Math.max(0, sum) : sum;
    });
    const inputs = {
      x: tensor(x, rows, columns),
      shift: tensor(shift, columns),
      ...(scaled && { scale: tensor(scale, columns) }),
    };
    await close(scaleShift({ ...inputs, ...(residual && { residual: tensor(skip, rows, columns) }) }, relu), y);
  });

  test('shapes that do not fit are refused', () => {
    const [x, bias, square] = [
      tensor([1, 2, 3, 4, 5, 6], 2, 3),
      tensor([1, 2, 3], 3),
      tensor(new Array(9).fill(1), 3, 3),
    ];
    const dense = { x, matrix: square, bias };
    expect(() => denseGelu({ ...dense, bias: tensor([1], 1) }, false)).toThrow(/shapes differ/);
    expect(() => denseGelu({ ...dense, matrix: x }, false)).toThrow(/shapes differ/);
    expect(() => denseNorm(dense, bias, { gamma: bias, beta: bias }, 1, false)).toThrow(/shapes differ/);
    expect(() => norm(x, { gamma: bias, beta: tensor([1], 1) }, 1, false)).toThrow(/one gamma and beta/);
    const six = [square, bias, square, bias, square, bias];
    expect(() => attention(x, six, undefined, { heads: 2, tokens: 2 }, false)).toThrow(/cannot be divided/);
    expect(() => attention(x, six, tensor([1], 1, 1, 1, 1), { heads: 3, tokens: 2 }, false)).toThrow(/other axes/);
    expect(() => attention(x, [x, ...six.slice(1)], undefined, { heads: 3, tokens: 2 }, false)).toThrow(
      /shapes differ/,
    );
    expect(() => attentionGradient(x, [tensor([1], 1), x, x, x], { heads: 3, tokens: 2 })).toThrow(/shapes differ/);
    expect(() =>
      sgdInPlace({ gradient: x, factor: tensor([1], 1), decay: tensor([1, 2], 2) }, tensor([1, 0], 2), [x, x]),
    ).toThrow(/one for each value/);
  });

  test('AdamW takes the factor on the decay, to the last bit of what several ops do', async () => {
    const numbers = [1e-3, 1e-8, 0.9, 0.1, 0.999, 0.001];
    const [decay, factor] = [tensor(draw('d', 40), 40), tensor([0.5], 1)];
    const gradient = tensor(draw('g', 40), 40);
    const state = (): Tensor[] => ['p', 'm', 'v'].map((name) => tensor(draw(name, 40).map(Math.abs), 40));
    const [one, several] = [state(), state()];
    adamwInPlace({ gradient, factor, decay }, tensor([...numbers, 0.03, 5, 6], 9), one);
    adamwInPlace({ gradient, factor, decay: tf.mul(decay, 0.03) }, tensor([...numbers, 1], 7), several);
    for (const i of [0, 1, 2]) expect(await one[i]!.data()).toEqual(await several[i]!.data());
    expect(() => adamwInPlace({ gradient, factor, decay }, tensor(numbers, 6), one)).toThrow(/shapes differ/);
  });

  if (name !== 'tensorflow') return; // the ops below are TensorFlow's alone

  test('one op clips, to the last bit of what several do', async ({ skip }) => {
    if (!hasFusedOnTensorflow()) skip();
    for (const scale of [1e-3, 1, 1e25, NaN]) {
      const x = tf.mul(tensor(draw('x', 70), 70), scale);
      const apart = tf.minimum(tf.div(0.7, tf.add(tf.sqrt(squareSum(x)), 1e-12)), 1);
      expect(await normFactor(x, 0.7).data()).toEqual(await apart.data());
    }
  });

  describe('a small dense layer', () => {
    beforeEach(({ skip }) => {
      if (!hasFusedOnTensorflow()) skip();
    });

    test.each(PRODUCTS)('%i x %i by %i columns, with its gradient', async (rows, depth, columns) => {
      const [x, weights, bias] = factors(rows, depth, columns);
      const dy = draw('dy', rows * columns);
      const [given, matrix, upper] = [
        tensor(x, rows, depth),
        tensor(weights, depth, columns),
        tensor(dy, rows, columns),
      ];
      const y = product(x, weights, depth, columns).map((value, i) => value + bias[i % columns]!);
      await close(fusedDense({ x: given, matrix, bias: tensor(bias, columns) }), y);
      const gradients = fusedDenseGradient(upper, given, matrix);
      expect(gradients.map(({ shape }) => shape)).toEqual([[rows, depth], [depth, columns], [columns]]);
      await close(gradients[0], product(dy, turned(weights, depth, columns), columns, depth), TOLERANCE.gradient);
      await close(gradients[1], product(turned(x, rows, depth), dy, rows, columns), TOLERANCE.gradient);
      await close(gradients[2], columnSums(dy, columns), TOLERANCE.gradient);
    });
  });

  describe('tanh of a dense layer', () => {
    beforeEach(({ skip }) => {
      if (!hasFusedOnTensorflow()) skip();
    });

    test.each(PRODUCTS)('%i x %i by %i columns, with its gradient', async (rows, depth, columns) => {
      const [x, weights, bias] = factors(rows, depth, columns);
      const dy = draw('dy', rows * columns);
      const y = product(x, weights, depth, columns).map((value, i) => Math.tanh(value + bias[i % columns]!));
      const before = dy.map((value, i) => value * (1 - y[i]! ** 2));
      const transposed = turned(x, rows, depth);
      const [given, matrix] = [tensor(x, rows, depth), tensor(weights, depth, columns)];
      await close(fusedDenseTanh({ x: given, matrix, bias: tensor(bias, columns) }), y);
      const saved = { y: tensor(y, rows, columns), x: given, matrix };
      const gradients = fusedDenseTanhGradient(tensor(dy, rows, columns), saved);
      expect(gradients.map(({ shape }) => shape)).toEqual([[rows, depth], [depth, columns], [columns]]);
      await close(gradients[0], product(before, turned(weights, depth, columns), columns, depth), TOLERANCE.gradient);
      await close(gradients[1], product(transposed, before, rows, columns), TOLERANCE.gradient);
      await close(gradients[2], columnSums(before, columns), TOLERANCE.gradient);
    });

    test('near 0 and far from it, and of what is not a number', async () => {
      const values = [1e-30, -1e-6, 0.624, -0.626, 3, -9, 200, -Infinity, NaN];
      const [matrix, bias] = [tensor([1], 1, 1), tensor([0], 1)];
      const found = await fusedDenseTanh({ x: tensor(values, values.length, 1), matrix, bias }).data();
      for (const [i, value] of values.slice(0, -1).entries())
        expect(found[i]! / Math.tanh(Math.fround(value))).toBeCloseTo(1, 6);
      expect(found.at(-1)).toBeNaN();
    });

    test('a layer that is small enough takes it, and gives what its two ops give', async () => {
      const params = { 'a/kernel': tensor(draw('k', 12), 3, 4), 'a/bias': tensor(draw('b', 4), 4) };
      const run = (layer: typeof denseActivated) => {
        const [x, scope] = [tensor(draw('x', 15), 5, 3), { state: {}, train: true, observe: () => {} }];
        const all = { ...params, x };
        return differentiate(all, (given) =>
          tf.sum(tf.square(layer({ ...scope, params: given }, 'a', given.x as Tensor2D, 'tanh'))),
        );
      };
      const [fused, apart] = [run(denseActivated), run((scope, path, x) => tf.tanh(dense(scope, path, x)))];
      await close(fused.loss, await apart.loss.data());
      for (const name of Object.keys(apart.gradients))
        await close(fused.gradients[name]!, await apart.gradients[name]!.data(), TOLERANCE.gradient);
    });
  });

  describe('a product of matrices', () => {
    beforeEach(({ skip }) => {
      if (!hasFusedOnTensorflow()) skip();
    });

    const SHAPES = [...PRODUCTS, [5, 1100, 70], [97, 16, 64], [200, 33, 300], [6, 17, 16]] as const;
    const turned = (values: Float64Array, rows: number, columns: number): Float64Array =>
      values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);

    test.each(SHAPES)('%i x %i by %i columns, either turned or not', async (rows, depth, columns) => {
      const [a, b] = [draw('a', rows * depth), draw('b', depth * columns)];
      const expected = product(a, b, depth, columns);
      const first = [tensor(a, rows, depth), tensor(turned(a, rows, depth), depth, rows)];
      const second = [tensor(b, depth, columns), tensor(turned(b, depth, columns), columns, depth)];
      const straight = await fusedProduct(first[0]!, second[0]!, false, false).data();
      await close(tf.tensor1d(straight), expected);
      // the order of each sum is the same, so every bit is
      for (const [transposeA, transposeB] of [
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const y = fusedProduct(first[Number(transposeA)]!, second[Number(transposeB)]!, transposeA, transposeB);
        expect(y.shape).toEqual([rows, columns]);
        expect(await y.data()).toEqual(straight);
      }
    });
  });

  describe('batch norm by running statistics as scale and shift', () => {
    beforeEach(({ skip }) => {
      if (!hasFusedOnTensorflow()) skip();
    });

    test.each([1, 16, 37])('%i channels', async (channels) => {
      const [gamma, beta, mean] = ['gamma', 'beta', 'mean'].map((name) => draw(name, channels));
      const variance = draw('variance', channels).map((value) => Math.fround(value ** 2));
      const inputs = [gamma!, beta!, mean!, variance].map((values) => tensor(values, channels));
      const [scale, shift] = fusedNormAffine(inputs as [Tensor, Tensor, Tensor, Tensor], 1e-5);
      const scales = gamma!.map((value, i) => value / Math.sqrt(variance[i]! + 1e-5));
      await close(scale, scales);
      await close(
        shift,
        beta!.map((value, i) => value - mean![i]! * scales[i]!),
      );
    });
  });

  describe('divergence', () => {
    beforeEach(({ skip }) => {
      if (!hasFused()) skip();
    });

    test.each(ROWS.flatMap((shape) => [1, 3].map((temperature) => [...shape, temperature] as const)))(
      '%i x %i at temperature %i',
      async (rows, columns, temperature) => {
        const [z, w] = [draw('z', rows * columns), draw('w', rows * columns)].map((values) =>
          values.map((value) => Math.fround(100 + 4 * value)),
        ) as [Float64Array, Float64Array];
        const logs = (values: Float64Array): Float64Array => {
          const norms = Array.from({ length: rows }, (_, row) =>
            Math.log(
              values
                .subarray(row * columns, (row + 1) * columns)
                .reduce((sum, value) => sum + Math.exp((value - 100) / temperature), 0),
            ),
          );
          return values.map((value, i) => (value - 100) / temperature - norms[Math.floor(i / columns)]!);
        };
        const [mine, theirs] = [logs(z), logs(w)];
        const loss = theirs.reduce((sum, log, i) => sum + Math.exp(log) * (log - mine[i]!), 0);
        const [student, teacher] = [tensor(z, rows, columns), tensor(w, rows, columns)];
        const [value, norms] = fusedDivergence(student, teacher, temperature);
        const found = fusedDivergenceGradient(tf.scalar(3), [student, teacher], norms, temperature);
        expect(found.shape).toEqual([rows, columns]);
        // of one column softmax is 1: no divergence, and no gradient
        if (columns === 1) return expect([...(await value.data()), ...(await found.data())]).toEqual([0, 0]);
        await close(value, [(temperature ** 2 * loss) / rows]);
        await close(
          found,
          mine.map((log, i) => (3 * temperature * (Math.exp(log) - Math.exp(theirs[i]!))) / rows),
          TOLERANCE.gradient,
        );
        expect(await fusedDivergence(student, student, temperature)[0].data()).toEqual(new Float32Array(1));
      },
    );

    test('what is not a number reaches the loss, far logits do not overflow', async () => {
      const loss = async (student: number[], teacher: number[]): Promise<number> =>
        (await fusedDivergence(tensor(student, 1, 3), tensor(teacher, 1, 3), 1)[0].data())[0]!;
      expect([await loss([NaN, 0, 0], [0, 0, 0]), await loss([0, 0, 0], [0, NaN, 0])]).toEqual([NaN, NaN]);
      expect([await loss([1000, 0, 0], [1000, 0, 0]), await loss([0, 1000, 0], [1000, 0, 0])]).toEqual([0, 1000]);
    });

    test('tensors of another shape are an error', () => {
      const three = tensor([1, 2, 3], 1, 3);
      expect(() => fusedDivergence(three, tensor([1, 2], 1, 2), 1)).toThrow(/shapes differ/);
    });
  });

  describe('squared error', () => {
    beforeEach(({ skip }) => {
      if (!hasFusedOnTensorflow()) skip();
    });

    test.each([...ROWS, [40, 1000] as const])('%i x %i', async (rows, columns) => {
      const [a, b] = [draw('a', rows * columns), draw('b', rows * columns)];
      const error = a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
      for (const [relative, unit] of [
        [false, a.length],
        [true, b.reduce((sum, value) => sum + value ** 2, 0)],
      ] as const) {
        const given = [tensor(a, rows, columns), tensor(b, rows, columns)] as const;
        const [value, found] = fusedSquaredError(...given, relative);
        await close(value, [error / unit]);
        await close(found, [unit]);
        await close(
          fusedSquaredErrorGradient(tf.scalar(3), ...given, found),
          a.map((x, i) => (6 * (x - b[i]!)) / unit),
          TOLERANCE.gradient,
        );
      }
      expect(() => fusedSquaredError(tensor(a, a.length), tensor([1, 2, 3], 3), true)).toThrow(/shapes differ/);
    });
  });

  describe('cross-entropy', () => {
    beforeEach(({ skip }) => {
      if (!hasFused()) skip();
    });

    test.each(ROWS)('%i x %i', async (rows, columns) => {
      const z = draw('z', rows * columns).map((value) => 100 + 4 * value);
      const soft = draw('t', rows * columns).map((value) => Math.abs(value));
      const labels = Int32Array.from({ length: rows }, (_, row) => (row % 7 === 6 ? -1 : (5 * row) % columns));
      const ones = soft.map((_, i) => Number(labels[Math.floor(i / columns)] === i % columns));
      const logits = tensor(z, rows, columns);
      for (const t of [soft, ones]) {
        let loss = 0;
        const gradient = new Float64Array(z.length);
        for (let row = 0; row < rows; row++) {
          const [from, to] = [row * columns, (row + 1) * columns];
          const norm = Math.log(z.subarray(from, to).reduce((sum, value) => sum + Math.exp(value - 100), 0)) + 100;
          const weight = t.subarray(from, to).reduce((sum, value) => sum + value, 0);
          for (let i = from; i < to; i++) {
            loss -= (t[i]! * (z[i]! - norm)) / rows;
            gradient[i] = ((Math.exp(z[i]! - norm) * weight - t[i]!) * 3) / rows;
          }
        }
        const targets = tensor(t, rows, columns);
        const [value, norms] = fusedCrossEntropy(logits, targets);
        if (columns > 1) await close(value, [loss]);
        const found = fusedCrossEntropyGradient(tf.scalar(3), logits, targets, norms);
        if (columns > 1) await close(found, gradient, TOLERANCE.gradient);
        // of WebAssembly's op every target is a number of its own
        if (t === soft || !hasFusedOnTensorflow()) continue;
        // labels are ones and zeros to the last bit
        const [short, same] = fusedCrossEntropy(logits, tensor(labels, rows));
        expect(await short.data()).toEqual(await value.data());
        const alike = fusedCrossEntropyGradient(tf.scalar(3), logits, tensor(labels, rows), same);
        expect(await tf.max(tf.abs(tf.sub(alike, found))).data()).toEqual(new Float32Array(1));
      }
    });

    test('what is not a number reaches the loss, far logits do not overflow', async () => {
      const right = tensor([1, 0, 0], 1, 3);
      const loss = async (...z: number[]): Promise<number> =>
        (await fusedCrossEntropy(tensor(z, 1, 3), right)[0].data())[0]!;
      expect([await loss(NaN, 0, 0), await loss(0, NaN, 0), await loss(0, 0, Infinity)]).toEqual([NaN, NaN, NaN]);
      expect([await loss(1000, 0, 0), await loss(-1000, 0, -1000)]).toEqual([0, 1000]);
      if (!hasFusedOnTensorflow()) return;
      expect((await fusedCrossEntropy(tensor([0, NaN, 0], 1, 3), tensor([0], 1))[0].data())[0]).toBeNaN();
    });

    test('targets of another shape are an error', () => {
      expect(() => fusedCrossEntropy(tensor([1, 2, 3, 4], 2, 2), tensor([1, 0, 1], 3))).toThrow(/one target/);
    });
  });
});

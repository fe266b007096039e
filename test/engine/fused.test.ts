/** The fused ops against plain formulas in float64: rows of every length, one part and many, and what must not be lost (NaN, masked places). */
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import {
  biasGelu,
  biasGeluGradient,
  fusedBatchNorm,
  fusedBatchNormGradient,
  hasFused,
  joinHeads,
  norm,
  normGradient,
  scaleShift,
  scaledSoftmax,
  scaledSoftmaxGradient,
  splitHeads,
} from '../../src/engine/fused.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { erf } from 'mathjs';
import { enginesUnderTest } from '../support/engines.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

await enginesUnderTest();
const here = await tf.setBackend('tensorflow').then(() => hasFused()).catch(() => false); // prettier-ignore

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

describe.skipIf(!here)('fused ops', () => {
  test.each(ROWS)('gelu of %i x %i', async (rows, columns) => {
    const [x, bias, dy] = [draw('x', rows * columns).map((v) => 3 * v), draw('bias', columns), draw('dy', rows * columns)];
    const at = Array.from(x, (value, i) => Math.fround(value) + bias[i % columns]!);
    const phi = at.map((u) => 0.5 * (1 + erf(u * Math.SQRT1_2)));
    const slopes = at.map((u, i) => dy[i]! * (phi[i]! + (u * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI)));
    const [input, shift] = [tensor(x, rows, columns), tensor(bias, columns)];
    await close(biasGelu(input, shift), at.map((u, i) => u * phi[i]!)); // prettier-ignore
    const [dx, dbias] = biasGeluGradient(input, shift, tensor(dy, rows, columns));
    await close(dx, slopes);
    await close(dbias, columnSums(slopes, columns));
  });

  test('gelu far from 0, and of what is not a number', async () => {
    const values = [-30, -13, -9, 0, 9, 40, Infinity, NaN];
    const [y] = [await biasGelu(tensor(values, 1, 8), tensor(new Array(8).fill(0), 8)).data()];
    expect([...y!.slice(3, 7)]).toEqual([0, 9, 40, Infinity]);
    expect(Math.abs(y![0]!) + Math.abs(y![1]!)).toBeLessThan(1e-30);
    expect(y![2]! / (-9 * 1.1285884059538324e-19)).toBeCloseTo(1, 4); // Phi(-9)
    expect(y![7]).toBeNaN();
  });

  test.each(ROWS)('layer norm of %i x %i, with and without a bias and a residual', async (rows, columns) => {
    const size = rows * columns;
    const [x, bias, residual, gamma, beta, dy] = [draw('x', size), draw('b', columns), draw('r', size), draw('g', columns), draw('s', columns), draw('dy', size)];
    for (const added of [false, true]) {
      const sums = x.map((value, i) => (added ? value + bias[i % columns]! + residual[i]! : value));
      const [hat, inverse, dx] = [new Float64Array(size), new Float64Array(rows), new Float64Array(size)];
      for (let r = 0; r < rows; r++) {
        const row = sums.slice(r * columns, (r + 1) * columns);
        const mean = row.reduce((a, b) => a + b, 0) / columns;
        inverse[r] = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / columns + 0.01);
        row.forEach((value, c) => (hat[r * columns + c] = (value - mean) * inverse[r]!));
        const g = Array.from(row, (_, c) => dy[r * columns + c]! * gamma[c]!);
        const [average, along] = [g.reduce((a, b) => a + b, 0) / columns, g.reduce((a, b, c) => a + b * hat[r * columns + c]!, 0) / columns];
        g.forEach((value, c) => (dx[r * columns + c] = inverse[r]! * (value - average - hat[r * columns + c]! * along)));
      }
      const parameters = { gamma: tensor(gamma, columns), beta: tensor(beta, columns), ...(added && { bias: tensor(bias, columns), residual: tensor(residual, rows, columns) }) };
      const [y, normalised, scale] = norm({ x: tensor(x, rows, columns), ...parameters }, 0.01, true);
      const [plain, ...none] = norm({ x: tensor(x, rows, columns), ...parameters }, 0.01, false);
      await close(y, hat.map((value, i) => value * gamma[i % columns]! + beta[i % columns]!)); // prettier-ignore
      expect([...(await plain.data())]).toEqual([...(await y.data())]);
      expect(none.map(({ size: left }) => left)).toEqual([0, 0]);
      await close(scale, inverse);
      const slopes = normGradient(tensor(dy, rows, columns), normalised, scale, parameters.gamma);
      if (columns > 1) await close(slopes[0], dx, TOLERANCE.gradient);
      await close(slopes[1], columnSums(dy.map((value, i) => value * hat[i]!), columns), TOLERANCE.gradient); // prettier-ignore
      await close(slopes[2], columnSums(dy, columns), TOLERANCE.gradient);
      expect(Math.max(...(await slopes[3].data()).map((value, c) => Math.abs(value - columnSums(dx, columns)[c]!)))).toBeLessThan(1e-3);
    }
  });

  test.each([
    ['none', undefined],
    ['by token', [1, 1, 1, 21]],
    ['by sequence', [2, 1, 1, 21]],
    ['by head and place', [1, 3, 4, 21]],
    ['whole', [2, 3, 4, 21]],
  ] as const)('softmax with a bias: %s', async (_, shape) => {
    const [B, N, T, K] = [2, 3, 4, 21];
    const [x, dp] = [draw('x', B * N * T * K), draw('dp', B * N * T * K)];
    const bias = shape && draw('bias', (shape as readonly number[]).reduce((a, b) => a * b, 1)); // prettier-ignore
    const p = new Float64Array(x.length);
    const dx = new Float64Array(x.length);
    for (let row = 0; row < B * N * T; row++) {
      const [b, n, t] = [Math.floor(row / N / T), Math.floor(row / T) % N, row % T];
      const from = shape && (((shape[0] === 1 ? 0 : b) * shape[1] + (shape[1] === 1 ? 0 : n)) * shape[2] + (shape[2] === 1 ? 0 : t)) * K;
      const e = Array.from({ length: K }, (_u, k) => Math.exp(0.3 * x[row * K + k]! + (bias?.[from! + k] ?? 0)));
      const total = e.reduce((a, c) => a + c, 0);
      e.forEach((value, k) => (p[row * K + k] = value / total));
      const along = e.reduce((a, value, k) => a + (value / total) * dp[row * K + k]!, 0);
      e.forEach((value, k) => (dx[row * K + k] = 0.3 * (value / total) * (dp[row * K + k]! - along)));
    }
    const probabilities = scaledSoftmax(tensor(x, B, N, T, K), bias && tensor(bias, ...shape), 0.3);
    await close(probabilities, p);
    await close(scaledSoftmaxGradient(probabilities, tensor(dp, B, N, T, K), 0.3), dx);
  });

  test('masked places come to exactly 0, and a NaN is not hidden', async () => {
    const p = await scaledSoftmax(tensor([1, 2, 3, 4, NaN, 0], 1, 1, 2, 3), tensor([0, -3.4e38, 0], 1, 1, 1, 3), 1).data();
    expect(p[1]).toBe(0);
    expect(p[0]! + p[2]!).toBeCloseTo(1, 6);
    expect(p[4]).toBeNaN();
  });

  test('heads are split and joined again, and columns summed', async () => {
    const [B, T, N, d] = [3, 5, 4, 6];
    const [x, bias] = [draw('x', B * T * N * d), draw('bias', N * d)];
    const split = splitHeads(tensor(x, B * T, N * d), tensor(bias, N * d), N, T);
    expect(split.shape).toEqual([B, N, T, d]);
    const shifted = x.map((value, i) => value + bias[i % (N * d)]!);
    await close(tf.transpose(split, [0, 2, 1, 3]), shifted);
    const [joined, sums] = joinHeads(split, true);
    await close(joined, shifted);
    await close(sums, columnSums(shifted, N * d));
    expect(joinHeads(split, false)[1].size).toBe(0);
    await close(splitHeads(joined, undefined, N, T), Array.from(await split.data()));
  });

  test.each([
    [1, 3, false, false],
    [40, 7, true, false],
    [5000, 16, false, true],
    [300, 70, true, true],
  ] as const)('batch norm of %i x %i, ReLU %s, residual %s', async (rows, columns, relu, residual) => {
    const size = rows * columns;
    const [noise, skip, gamma, beta, dy] = [draw('x', size), draw('r', size), draw('g', columns), draw('s', columns), draw('dy', size)];
    const x = noise.map((value, i) => Math.fround(0.1 * value + 30 * (i % columns))); // a mean far from 0
    const of = (column: number): number[] => Array.from({ length: rows }, (_, r) => x[r * columns + column]!);
    const means = Float64Array.from({ length: columns }, (_, c) => of(c).reduce((a, b) => a + b, 0) / rows);
    const spreads = Float64Array.from({ length: columns }, (_, c) => of(c).reduce((a, b) => a + (b - means[c]!) ** 2, 0) / rows);
    const inverses = spreads.map((spread) => 1 / Math.sqrt(spread + 1e-3));
    const hat = x.map((value, i) => (value - means[i % columns]!) * inverses[i % columns]!);
    const y = hat.map((value, i) => {
      const sum = value * gamma[i % columns]! + beta[i % columns]! + (residual ? skip[i]! : 0);
      return relu ? Math.max(0, sum) : sum;
    });
    const g = dy.map((value, i) => (relu && y[i]! <= 0 ? 0 : value));
    const [dbeta, dgamma] = [columnSums(g, columns), columnSums(g.map((value, i) => value * hat[i]!), columns)]; // prettier-ignore
    const dx = g.map((value, i) => {
      const c = i % columns;
      return gamma[c]! * inverses[c]! * (value - dbeta[c]! / rows - (hat[i]! * dgamma[c]!) / rows);
    });
    const input = tensor(x, rows, columns);
    const parameters = { gamma: tensor(gamma, columns), beta: tensor(beta, columns), ...(residual && { residual: tensor(skip, rows, columns) }) };
    const [out, mean, variance, inverse] = fusedBatchNorm({ x: input, ...parameters }, 1e-3, relu);
    await close(out, y, TOLERANCE.gradient);
    await close(mean, means);
    await close(variance, spreads.map((spread) => (spread * rows) / Math.max(1, rows - 1)), TOLERANCE.gradient); // prettier-ignore
    await close(inverse, inverses, TOLERANCE.gradient);
    const slopes = fusedBatchNormGradient({ dy: tensor(dy, rows, columns), x: input, y: relu ? out : undefined, gamma: parameters.gamma, mean, inverse }, residual);
    if (rows > 1) await close(slopes[0], dx, TOLERANCE.gradient);
    if (rows > 1) await close(slopes[1], dgamma, TOLERANCE.gradient);
    await close(slopes[2], dbeta, TOLERANCE.gradient);
    if (residual) await close(slopes[3], g);
    else expect(slopes[3].size).toBe(0);
  });

  test.each([
    [false, false, false],
    [true, false, true],
    [false, true, true],
    [true, true, false],
  ])('scale %s, shift, residual %s, ReLU %s', async (scaled, residual, relu) => {
    const [rows, columns] = [23, 37];
    const [x, scale, shift, skip] = [draw('x', rows * columns), draw('scale', columns), draw('shift', columns), draw('r', rows * columns)];
    const y = x.map((value, i) => {
      const sum = value * (scaled ? scale[i % columns]! : 1) + shift[i % columns]! + (residual ? skip[i]! : 0);
      return relu ? Math.max(0, sum) : sum;
    });
    const inputs = { x: tensor(x, rows, columns), shift: tensor(shift, columns), ...(scaled && { scale: tensor(scale, columns) }) };
    await close(scaleShift({ ...inputs, ...(residual && { residual: tensor(skip, rows, columns) }) }, relu), y);
  });

  test('shapes that do not fit are refused', () => {
    expect(() => biasGelu(tensor([1, 2], 1, 2), tensor([1], 1))).toThrow(/one bias for each column/);
    expect(() => splitHeads(tensor([1, 2, 3], 1, 3), undefined, 2, 1)).toThrow(/cannot be divided/);
    expect(() => scaledSoftmax(tensor([1, 2], 1, 1, 1, 2), tensor([1], 1, 1, 1, 1), 1)).toThrow(/other axes/);
  });
});

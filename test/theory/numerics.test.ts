/** Special functions and small linear algebra against mathjs 15, which the simulator itself does without. */
import { eigs, erf as mathErf, gamma as mathGamma, lusolve } from 'mathjs';
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { erf } from '../../theory/numerics/erf.js';
import { gamma } from '../../theory/numerics/gamma.js';
import { factorLinear, innerProduct, solveLinear, symmetricEigenvalues } from '../../theory/numerics/linear.js';
import { gaussHermite, gaussLegendre } from '../../theory/numerics/quadrature.js';
import { denseSystem, integrateStiff, STIFF_ORDER } from '../../theory/numerics/stiff.js';

/** [n, n], standard normal. */
function randomMatrix(n: number, seed: number): number[][] {
  const values = normals(rngKey(seed, 'test matrix', n), n * n);
  return Array.from({ length: n }, (_, i) => [...values.subarray(i * n, (i + 1) * n)]);
}

describe('erf', () => {
  test('is that of mathjs to the last bit, on each of its three pieces [a]', () => {
    for (const scale of [0.2, 1, 3, 20])
      for (const z of normals(rngKey(1, 'erf'), 2000)) expect(erf(z * scale)).toBe(mathErf(z * scale));
  });
  test('at the ends of the line and of the pieces [b]', () => {
    expect([-Infinity, -7, 0, 7, Infinity].map(erf)).toEqual([-1, -1, 0, 1, 1]);
    for (const end of [0.46875, 4]) expect(erf(end * (1 - 1e-15))).toBeCloseTo(erf(end * (1 + 1e-15)), 14);
    expect(erf(NaN)).toBeNaN();
  });
});

test('gamma of halves and wholes is that of mathjs; other arguments are refused [a]', () => {
  for (let twice = 1; twice <= 128; twice++) expect(gamma(twice / 2)).toBe(mathGamma(twice / 2));
  expect(() => gamma(0)).toThrow('gamma: expected a number from 0.5 to 85, got 0');
});

describe('linear algebra', () => {
  test.each([1, 2, 5, 8])('eigenvalues of a symmetric matrix of %i rows are those of mathjs [a]', (n) => {
    const root = randomMatrix(n, 2);
    const matrix = root.map((row) => root.map((other) => row.reduce((sum, value, k) => sum + value * other[k]!, 0)));
    const expected = (eigs(matrix, { eigenvectors: false }).values as number[]).sort((a, b) => a - b);
    const found = symmetricEigenvalues(matrix).sort((a, b) => a - b);
    expect(found).toHaveLength(n);
    expected.forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(1e-10 * expected.at(-1)!));
  });
  test('equal eigenvalues and a diagonal matrix [b]', () => {
    expect(
      symmetricEigenvalues([
        [3, 0],
        [0, 3],
      ]),
    ).toEqual([3, 3]);
    expect(
      symmetricEigenvalues([
        [2, 1],
        [1, 2],
      ]).sort()[0],
    ).toBeCloseTo(1, 14);
  });
  test.each([1, 3, 6])('a system of %i equations has the solution of mathjs [a]', (n) => {
    const [A, b] = [randomMatrix(n, 3), [...normals(rngKey(4, 'right side'), n)]];
    const expected = (lusolve(A, b) as number[][]).map(([value]) => value!);
    const found = solveLinear(A, b);
    expect(found).toHaveLength(n);
    expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 12));
  });
  test('a zero on the diagonal is no obstacle, a singular matrix is one', () => {
    expect(
      solveLinear(
        [
          [0, 1],
          [2, 0],
        ],
        [3, 4],
      ),
    ).toEqual([2, 3]);
    expect(() =>
      solveLinear(
        [
          [1, 2],
          [2, 4],
        ],
        [1, 1],
      ),
    ).toThrow('singular');
  });
});

test('quadrature with n nodes is exact for degree 2n - 1 [b]', () => {
  const { nodes, weights } = gaussLegendre(4, -1, 3);
  const integral = nodes.reduce((sum, x, i) => sum + weights[i]! * x ** 7, 0);
  expect(integral).toBeCloseTo((3 ** 8 - 1) / 8, 9);
});

test('a matrix is factored once for any number of right sides', () => {
  const A = randomMatrix(5, 3);
  const solve = factorLinear(A);
  for (const b of randomMatrix(5, 4)) expect(solve(b)).toEqual(solveLinear(A, b));
});

describe('stiff systems', () => {
  /** y1' = -k (y1 - y2^2), y2' = -y2 from (2, 1): y2 = e^-t, y1 = A e^-2t + (2 - A) e^-kt with A = k / (k - 2). */
  const problem = (
    k: number,
  ): { exact: (t: number) => number[]; solve: (t: number, tolerance?: number) => number[] } => ({
    exact: (t) => {
      const A = k / (k - 2);
      return [A * Math.exp(-2 * t) + (2 - A) * Math.exp(-k * t), Math.exp(-t)];
    },
    solve: (t, tolerance) => [
      ...integrateStiff(
        denseSystem(([y1, y2]) => Float64Array.of(-k * (y1! - y2! ** 2), -y2!)),
        Float64Array.of(2, 1),
        t,
        { tolerance, floor: 1e-3 },
      ),
    ],
  });

  test.each([1, 1e3, 1e6, 1e9])(
    'the exact solution at a rate of %d, in the layer at the start and long after [b]',
    (k) => {
      const { exact, solve } = problem(k);
      for (const t of [0, 1 / k, 10 / k, 1, 20]) {
        const expected = exact(t);
        solve(t).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-11));
      }
    },
  );

  test('the error follows the tolerance [f]', () => {
    const { exact, solve } = problem(50);
    for (const tolerance of [1e-3, 1e-5, 1e-7, 1e-9])
      expect(Math.abs(solve(1, tolerance)[0]! - exact(1)[0]!)).toBeLessThan(10 * tolerance);
  });

  test('the number of steps grows as the tolerance to the power of -1 over the order [f]', () => {
    const stepsFor = (tolerance: number): number => {
      let steps = 0;
      const system = denseSystem(([y]) => Float64Array.of(y! * (1 - y!)));
      integrateStiff({ ...system, shifted: (y) => ((steps += 1), system.shifted(y)) }, Float64Array.of(1e-3), 50, {
        tolerance,
      });
      return steps;
    };
    const [few, many] = [stepsFor(1e-6), stepsFor(1e-12)];
    expect(many! / few!).toBeLessThan(1.5 * 1e6 ** (1 / STIFF_ORDER));
  });

  test('what leaves float64, and what takes too many steps, is an error', () => {
    const square = denseSystem(([y]) => Float64Array.of(y! ** 2));
    expect(() => integrateStiff(square, Float64Array.of(1), 2)).toThrow(/float64 at time (1|0\.99)|not reached/);
    const decay = denseSystem(([y]) => Float64Array.of(-y!));
    expect(() => integrateStiff(decay, Float64Array.of(1), 5, { most: 3 })).toThrow(/not reached in 3 steps/);
    expect(() => integrateStiff(decay, Float64Array.of(NaN), 5)).toThrow(/initial values/);
  });
});

test.each([0, 1, 3, 4, 9])('an inner product of %d numbers is the sum written out, from any place [a]', (length) => {
  const [u, v] = [3, 5].map((by) => Float64Array.from({ length: 12 }, (_, i) => (i * by) % 7));
  let sum = 0;
  for (let j = 0; j < length; j++) sum += u![j + 1]! * v![j + 2]!;
  expect(innerProduct(u!, 1, v!, 2, length)).toBe(sum);
});

test.each([1, 2, 3, 8, 33])('Gauss-Hermite with %i nodes has the moments of the normal law up to 2n - 1', (n) => {
  const { nodes, weights } = gaussHermite(n);
  let exact = 1;
  for (let k = 0; k < Math.min(2 * n, 24); k += 2) {
    const moment = (power: number): number => nodes.reduce((sum, z, i) => sum + weights[i]! * z ** power, 0);
    expect(moment(k) / exact).toBeCloseTo(1, 10);
    expect(moment(k + 1) / exact).toBeCloseTo(0, 8);
    exact *= k + 1;
  }
});

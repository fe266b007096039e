/** Every activation of the registry: its facts against their definitions. */
import { describe, expect, test } from 'vitest';
import { namesOf } from '../../src/core/registry.js';
import { ACTIVATIONS } from '../../theory/model/activations.js';
import { gaussLegendre } from '../../theory/numerics/quadrature.js';

/** From -4 to 4, beside the corner of relu. */
const GRID = Array.from({ length: 4001 }, (_, i) => -4.001 + i * 0.002);

describe.each(namesOf(ACTIVATIONS))('%s', (name) => {
  const { at, bound, lipschitz, meanSquare } = ACTIVATIONS[name];
  const h = 1e-4;

  test('the derivative is that of the value [c]', () => {
    for (const u of GRID) {
      const difference = (at(u + h)[0] - at(u - h)[0]) / (2 * h);
      if (Math.abs(u) > h) expect(at(u)[1]).toBeCloseTo(difference, 7);
    }
  });

  test('its constants are the largest derivatives, and its bound is 1', () => {
    const largest = (f: (u: number) => number): number => Math.max(...GRID.map((u) => Math.abs(f(u))));
    expect(largest((u) => at(u)[1])).toBeCloseTo(lipschitz, 5);
    if (bound === undefined) return;
    expect(largest((u) => at(u)[0])).toBeLessThanOrEqual(1);
    expect(bound.derivative).toBe(lipschitz);
    expect(largest((u) => (at(u + h)[1] - at(u - h)[1]) / (2 * h))).toBeCloseTo(bound.secondDerivative, 5);
  });

  test.each([0.3, 1, 4])('the mean square at variance %d is that of quadrature [a]', (q) => {
    const { nodes, weights } = gaussLegendre(80, 0, 10);
    const integrand = (z: number): number => (at(Math.sqrt(q) * z)[0] ** 2 + at(-Math.sqrt(q) * z)[0] ** 2) / 2;
    const density = (z: number): number => (2 * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
    const expected = nodes.reduce((sum, z, i) => sum + weights[i]! * integrand(z) * density(z), 0);
    expect(meanSquare(q)).toBeCloseTo(expected, 9);
  });
});

test('the kernel’s numbers are each used once', () => {
  const codes = Object.values(ACTIVATIONS).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

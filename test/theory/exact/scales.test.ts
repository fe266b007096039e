/** Moments, kernels and bounds where squares and powers leave float64 and the answer does not. */
import { describe, expect, test } from 'vitest';
import { closedForm, type UniformConstants } from '../../../theory/bounds/gronwall.js';
import { cltConstant, secondMoment } from '../../../theory/exact/clt.js';
import { arcsineDerivativeKernel, arcsineKernel } from '../../../theory/exact/kernels.js';
import { radialMean, radialMeanDerivative } from '../../../theory/exact/radial.js';
import { ACTIVATIONS } from '../../../theory/model/activations.js';

const near = (found: number, expected: number, digits = 1e-12): void =>
  expect(Math.abs(found / expected - 1), `${found} for ${expected}`).toBeLessThan(digits);

const BOUNDED = ['tanh', 'erf'] as const;
/** Activations that are a share of a large |u| in mean square, with that share and that of a small one. */
const GROWING = [
  ['identity', 1, 1],
  ['relu', 1 / 2, 1 / 2],
  ['gelu', 1 / 2, 1 / 4],
  ['silu', 1 / 2, 1 / 4],
] as const;

describe('the second moment of a particle’s output', () => {
  test('of large weights is 1, or its share of sa^2 d + sbias^2 [c]', () => {
    for (const sa of [1e20, 1e60, 1e77, 1e99, 1.1e100, 1e150, 1e153]) {
      for (const activation of BOUNDED) near(secondMoment({ d: 3, depth: 1, activation, sa }), 1);
      for (const [activation, share] of GROWING)
        near(secondMoment({ d: 3, depth: 1, activation, sa, sbias: sa }), share * sa * sa * 4);
    }
    for (const scale of [1e155, 1e160, 1e200, 1e300]) {
      for (const activation of BOUNDED)
        for (const law of [{ sa: scale }, { sbias: scale }]) {
          near(secondMoment({ d: 3, depth: 1, activation, ...law }), 1);
          near(cltConstant({ d: 3, depth: 2, activation, ...law }), Math.sqrt(6));
        }
      for (const [activation, share] of GROWING) {
        const setting = { d: 4, depth: 1, activation, sa: scale, sbias: 0 };
        near(cltConstant(setting), 4 * Math.sqrt(share) * scale);
        near(cltConstant({ ...setting, c: 1e300, sb: 1e-300 }), 4 * Math.sqrt(share) * scale);
        expect(() => secondMoment(setting)).toThrow('secondMoment: the moment leaves float64');
        expect(() => cltConstant({ ...setting, c: 1e300 })).toThrow('cltConstant: the limit leaves float64');
      }
    }
  });

  test('of small weights is the square of act’(0) times theirs, with a root where it vanishes itself [c]', () => {
    const shares = [
      ['tanh', 1],
      ['erf', 2 / Math.PI],
      ...GROWING.map(([name, , small]) => [name, small] as const),
    ] as const;
    for (const [activation, share] of shares)
      for (const sa of [1e-20, 1e-99, 1e-101, 1e-150, 1e-200, 1e-300]) {
        const setting = { d: 4, depth: 1, activation, sa, sbias: 0 };
        near(cltConstant(setting), 4 * Math.sqrt(share) * sa);
        if (sa >= 1e-150) near(secondMoment(setting), 4 * share * sa * sa);
      }
    expect(secondMoment({ d: 4, depth: 1, sa: 0, sbias: 0 })).toBe(0);
  });

  test('and the mean square of every activation go on without a jump to the largest variance', () => {
    for (const q of [1e90, 0.99e100, 1.01e100, 1e153, 1e200, 1.7e308]) {
      for (const activation of BOUNDED) near(ACTIVATIONS[activation].meanSquare(q), 1);
      for (const [activation, share] of GROWING) near(ACTIVATIONS[activation].meanSquare(q), share * q);
    }
  });
});

test('q(s) of the radial mean field is 1 for large s, and its derivative (2 sqrt 2 / pi) / s^2 [c]', () => {
  for (const s of [1e20, 0.99e50, 1.01e50, 1e76, 1e78, 1e103, 1e104, 1e150, 1e154, 1e155, 1e308])
    for (const sign of [-1, 1]) {
      near(radialMean(sign * s), 1);
      if (s < 1e154) near(radialMeanDerivative(sign * s), (sign * 2 * Math.SQRT2) / Math.PI / s / s);
      else expect(Math.abs(radialMeanDerivative(s))).toBeLessThan(1e-307);
    }
});

test('the arcsine kernels of large variances are those of their correlation [c]', () => {
  for (const v of [1e70, 0.99e140, 1.01e140, 1e154, 1e160, 1e300, 1.7e308]) {
    near(arcsineKernel({ uu: v, uv: v, vv: v }), 1);
    near(arcsineKernel({ uu: v, uv: -v / 2, vv: v }), -1 / 3);
    // sin = uv / sqrt((1 + uu) 2)
    near(arcsineKernel({ uu: v, uv: Math.sqrt(v) / 2, vv: 1 }), (2 / Math.PI) * Math.asin(0.5 / Math.SQRT2));
    near(arcsineDerivativeKernel({ uu: v, uv: v, vv: v }) * Math.sqrt(v), Math.SQRT2 / Math.PI);
    near(arcsineDerivativeKernel({ uu: v, uv: 0, vv: 3 }) * Math.sqrt(v), 1 / Math.PI);
    if (v < 1e300) near(arcsineDerivativeKernel({ uu: v, uv: v / 2, vv: v }) * v, 4 / Math.PI / Math.sqrt(3));
  }
});

describe('the closed form of the Gronwall bound', () => {
  const one: UniformConstants = {
    ...{ depth: 10, c: 1, G: 1, A: 1, B: 1, b: 1, Z: 1, R: 1, F: 1, H: 1, K: 1, xi: 1, xiJ: 1 },
    ...{ derivative: 1, secondDerivative: 1 },
  };

  test('is that of the constants that it is given where G^L leaves float64: S_L xi at time 0 [c]', () => {
    for (const G of [1e40, 1e200, 1e300]) {
      const { rate, logBound } = closedForm({ ...one, G }, 0);
      expect(rate).toBe(Infinity);
      near(logBound, 9 * Math.log(G));
      expect(closedForm({ ...one, G }, 1).logBound).toBe(Infinity);
      const still = closedForm({ ...one, G, c: 0 }, 1);
      expect(still.rate).toBe(0);
      expect(still.logBound).toBeCloseTo(9 * Math.log(G), 9);
      expect(closedForm({ ...one, G, xi: 0, xiJ: 0 }, 1).logBound).toBe(-Infinity);
      expect(closedForm({ ...one, G, F: 0 }, 1).logBound).toBeCloseTo(9 * Math.log(G), 9);
    }
  });

  test('has its logarithm to all digits: at a time of 1/rate by hand, c and G in one power of e [c]', () => {
    // with A = B = H = K = b = xi' = secondDerivative = 0, all else 1: rate = c G^L (S + 2), source = c G^L S
    const bare = { ...one, A: 0, B: 0, H: 0, K: 0, b: 0, xiJ: 0, secondDerivative: 0, depth: 2 };
    for (const [G, c] of [
      [1e120, 1e-300],
      [1e100, 1e-200],
      [1e100, 1e-290],
      [3, 2],
    ] as const) {
      const logRate = Math.log(c) + 2 * Math.log(G) + Math.log(3 + G);
      for (const grown of [1e-3, 1, 20, 100, 1e6]) {
        // D <= S (delta + 1) with delta = (S / (S + 2)) (e^(rate T) - 1), S = 1 + G
        const time = Math.exp(Math.log(grown) - logRate);
        const growth = grown > 30 ? grown : Math.log(Math.expm1(grown));
        const logDelta = Math.log((1 + G) / (3 + G)) + growth;
        const expected = Math.log(1 + G) + Math.log1p(Math.exp(-logDelta)) + logDelta;
        near(closedForm({ ...bare, G, c }, time).logBound, expected, 1e-9);
      }
    }
  });

  test('is the same by both ways where both are in float64', () => {
    // constants that only the logarithms reach differ from those of plain numbers by a factor that is taken off again
    const near1 = closedForm({ ...one, G: 1.3, xi: 1e-280, xiJ: 1e-280 }, 1e-3).logBound;
    const far = closedForm({ ...one, G: 1.3, xi: 1e-305, xiJ: 1e-305 }, 1e-3).logBound;
    expect(near1 - far).toBeCloseTo(25 * Math.LN10, 9);
    const { rate } = closedForm({ ...one, G: 1.3, xi: 1e-305, xiJ: 1e-305 }, 1e-3);
    near(rate, closedForm({ ...one, G: 1.3 }, 1e-3).rate);
  });
});

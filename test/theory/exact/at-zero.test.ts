/** Chains with weights of 0, where no weight has a size of its own, against closed forms and mpmath. */
import { describe, expect, test } from 'vitest';
import { chainAmplification, chainDiscrepancy, chainSensitivity, chainWeights } from '../../../theory/exact/chain.js';

const close = (found: readonly number[], expected: readonly number[]): void => {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) =>
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-10 * (1 + Math.abs(expected[i]!))),
  );
};

describe('a chain that starts at 0', () => {
  test('grows a perturbation by exp(f’(0) T): f’(0) = -1 of one layer, y of two, 0 of more [c]', () => {
    close(
      [1, 2, 3, 7].map((depth) => chainAmplification(0, 1.5, depth, 0.8)),
      [Math.exp(-0.8), Math.exp(1.2), 1, 1],
    );
    for (const w0 of [5e-324, 1e-310]) close([chainAmplification(w0, 1.5, 2, 0.8)], [Math.exp(1.2)]);
  });

  test.each([1e-100, 2, 1e10, 1e100])('of one weight is y (1 - exp(-T)), y = %d [c]', (y) => {
    for (const w0 of [0, -0, 5e-324, 1e-310].filter((w) => w < 1e-20 * y)) {
      const { w, jacobian, gradient } = chainSensitivity([w0], y, 1);
      close([w[0]! / y, jacobian[0]![0]!, gradient[0]!], [-Math.expm1(-1), Math.exp(-1), Math.exp(-1)]);
    }
    expect(chainWeights([0], y, 0)).toEqual([0]);
  });

  test('with one weight of 0 has the weights and derivatives that mpmath has, by odefun at 30 digits [a]', () => {
    const two = chainSensitivity([0, 1], 1, 1);
    close(two.w, [0.625542701811358, 1.17953536267017]);
    close(two.jacobian.flat(), [0.309215504779, 0.0318557458318, 0.163986183393, 0.864685503796]);
    close(chainWeights([1e-320, 1], 1, 1), two.w);
    close(chainWeights([1, 0], -1, 1), [1.17953536267017, -0.625542701811358]);
    const three = chainSensitivity([0, 1, 1], 1, 1);
    close(three.w, [0.609183227593975, 1.17094158897095, 1.17094158897095]);
    close(three.jacobian[1]!, [0.117516508167, 0.828435261194, -0.0255783031196]);
    expect(chainSensitivity([0, 1], 1, 0)).toEqual({
      w: [0, 1],
      jacobian: [
        [1, 0],
        [0, 1],
      ],
      gradient: [1, 0],
    });
    expect(chainDiscrepancy([0, 3, 2], 1, 0)).toBe(6);
  });

  test('with two weights of 0 rests, and they grow apart and together by exp(+-y Q T) [c]', () => {
    const { w, jacobian, gradient } = chainSensitivity([0, 2, 0], 0.7, 1);
    expect(w).toEqual([0, 2, 0]);
    expect(gradient).toEqual([0, 0, 0]);
    const [even, odd] = [Math.cosh(1.4), Math.sinh(1.4)];
    close(jacobian.flat(), [even, 0, odd, 0, 1, 0, odd, 0, even]);
    expect(chainSensitivity([0, 0, 0], 5, 9).jacobian).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    for (const time of [0, 1, 1000]) {
      expect(chainWeights([0, 0], 1, time)).toEqual([0, 0]);
      expect(chainDiscrepancy([0, 0], 1, time)).toBe(0);
    }
    expect(() => chainSensitivity([0, 0], 1, 1000)).toThrow('chain: the derivatives of the weights leave float64');
  });
});

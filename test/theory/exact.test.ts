import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { fitLine, rms } from '../../src/core/stats.js';
import { chainProduct, chainWeights } from '../../theory/exact/chain.js';
import { cltConstant, tanhSecondMoment } from '../../theory/exact/clt.js';
import { sampledLayerVariance } from '../../theory/exact/sampling.js';
import { directLimit, growthRate, layerMeans, saddleDiscrepancy, saddleTelescope, telescopedLimit, trainSaddle } from '../../theory/instances/saddle.js';
import { PINNED, verifyAll } from '../../theory/verify.js';
import { smallNet } from './support.js';

test('every pinned number is met', () => {
  const failed = verifyAll().filter((check) => !check.pass);
  expect(failed).toEqual([]);
});

test.each(Object.keys(PINNED) as (keyof typeof PINNED)[])('a wrong digit in "%s" is found', (id) => {
  const failed = verifyAll({ ...PINNED, [id]: PINNED[id] * (1 + 1e-7) }).filter((check) => !check.pass);
  expect(failed.map((check) => check.id)).toEqual([id]);
});

describe('chain', () => {
  test('conserves w_1^2 - w_2^2 and goes to the target [b]', () => {
    const w = chainWeights([0.9, 1, 1.1], 2, 0.7);
    expect(w[0]! ** 2 - w[1]! ** 2).toBeCloseTo(0.81 - 1, 10);
    expect(chainProduct([0.9, 1, 1.1], 2, 20)).toBeCloseTo(2, 8);
  });
  test('is integrated to fourth order [f]', () => {
    const steps = [8, 16, 32, 64];
    const errors = steps.map((n) => Math.abs(chainProduct([0.9, 1, 1.1], 2, 0.5, n) - PINNED['chain P(0.5)']));
    const { slope } = fitLine(steps.map(Math.log), errors.map(Math.log));
    expect(slope).toBeLessThan(-3.8);
  });
});

describe('clt', () => {
  test('grows with the root of depth, and the moment lies between 0 and 1', () => {
    expect(cltConstant(4, 9)).toBeCloseTo(3 * cltConstant(4, 1), 12);
    expect(tanhSecondMoment(64)).toBeGreaterThan(tanhSecondMoment(8));
    expect(tanhSecondMoment(64)).toBeLessThan(1);
    expect(() => tanhSecondMoment(3)).toThrow('even d');
  });
});

test('the finite-population variance is 0 for the whole population', () => {
  const net = smallNet(1, 1, 10);
  expect(sampledLayerVariance(net, net.layers[0]!, normals(rngKey(1), 9), 10)).toBe(0);
  expect(sampledLayerVariance(net, net.layers[0]!, normals(rngKey(1), 9), 1)).toBeGreaterThan(0);
});

describe('saddle', () => {
  const saddle = { g: 1, kappa: 4, depth: 6 };

  test('without deviation it stays where it is; the sign of the deviation does not matter [b]', () => {
    const still = trainSaddle(saddle, new Float64Array(6), 0.4, 100);
    expect(saddleDiscrepancy(saddle, still)).toBe(0);
    const start = normals(rngKey(1), 6).map((z) => z * 1e-3);
    const [up, down] = [start, start.map((z) => -z)].map((theta) => saddleDiscrepancy(saddle, trainSaddle(saddle, theta, 0.4, 100)));
    expect(up).toBeCloseTo(down!, 10);
  });

  test('real particles follow the closed form: m = 4096, 200 draws, within 5 standard errors [e]', () => {
    const m = 4096;
    const squares = Array.from({ length: 200 }, (_, draw) => {
      const theta = layerMeans(normals(rngKey(draw, 'particles'), 6 * m), 6);
      return m * saddleDiscrepancy(saddle, trainSaddle(saddle, theta, 0.1, 100)) ** 2;
    });
    const centre = squares.reduce((a, b) => a + b, 0) / squares.length;
    const expected = directLimit(saddle, 0.1) ** 2;
    // D^2 is a squared normal: its standard deviation is sqrt(2) times its mean.
    expect(Math.abs(centre / expected - 1)).toBeLessThan(5 * Math.sqrt(2 / squares.length));
  });

  test('the telescoped sum bounds D, and meets its limit', () => {
    const sums = Array.from({ length: 500 }, (_, draw) => {
      const theta = normals(rngKey(draw, 'telescope'), 6).map((z) => z * 1e-6);
      const sum = saddleTelescope(saddle, theta);
      expect(saddleDiscrepancy(saddle, theta)).toBeLessThanOrEqual(sum * (1 + 1e-9));
      return sum * 1e6;
    });
    expect(rms(sums)).toBeGreaterThan(telescopedLimit(saddle));
    expect(Math.abs(sums.reduce((a, b) => a + b, 0) / 500 / telescopedLimit(saddle) - 1)).toBeLessThan(0.05);
  });

  test('the rate of B1 is (kappa - 2) L - (kappa - 1)', () => {
    expect([2, 5, 9].map((depth) => growthRate({ g: 1, kappa: 4, depth }))).toEqual([1, 7, 15]);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { fitLine } from '../../src/core/stats.js';
import { discrepancy, layerErrors, rmsDistance, telescope } from '../../theory/discrepancy.js';
import { trainDirect } from '../../theory/flow.js';
import { imitate } from '../../theory/imitation.js';
import { activations, layerForward, layerStep, output } from '../../theory/network.js';
import { copyNet, thinNet, type Layer, type Net } from '../../theory/particles.js';
import { sineTask } from '../../theory/task.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { smallNet } from './support.js';

const D = 3;
const x = normals(rngKey(1, 'x'), 5 * D);

/** The formula, one sample and one particle at a time. */
function naive({ alpha, c, d }: Net, { m, a, b, bias }: Layer, z: number[]): number[] {
  const out = z.map((value) => alpha * value);
  for (let i = 0; i < m; i++) {
    const u = z.reduce((sum, value, k) => sum + a[i * d + k]! * value, bias[i]!);
    for (let k = 0; k < d; k++) out[k]! += (c / m) * b[i * d + k]! * Math.tanh(u);
  }
  return out;
}

test('layerForward is the formula [b]', () => {
  const net = smallNet();
  const expected = Array.from({ length: 5 }, (_, n) => naive(net, net.layers[0]!, [...x.subarray(n * D, (n + 1) * D)])).flat();
  expect(relativeError(layerForward(net, net.layers[0]!, x), expected)).toBeLessThan(TOLERANCE.f64);
});

test('the order of particles is irrelevant [g]', () => {
  const net = smallNet();
  const shuffled = thinNet(net, net.layers[0]!.m, 9, 0); // all of them, in another order
  expect(relativeError(output(shuffled, x), output(net, x))).toBeLessThan(TOLERANCE.f64);
  expect(discrepancy(shuffled, net, x)).toBeLessThan(1e-12);
});

test('layerStep descends m times the gradient of the loss, by central differences [c]', () => {
  const net = smallNet(2, 2, 4);
  const y = normals(rngKey(2, 'y'), x.length);
  const loss = (): number => rmsDistance(output(net, x), y, D) ** 2 / 2;
  const dt = 1e-3;
  const h = 1e-6;
  const moved = copyNet(net);
  trainDirect(moved, { x, y, n: 5 }, 1, dt);
  for (const [l, layer] of net.layers.entries()) {
    for (const name of ['a', 'b', 'bias'] as const) {
      layer[name].forEach((value, i) => {
        layer[name][i] = value + h;
        const up = loss();
        layer[name][i] = value - h;
        const slope = (up - ((layer[name][i] = value - h), loss())) / (2 * h);
        layer[name][i] = value;
        const velocity = (moved.layers[l]![name][i]! - value) / dt;
        expect(Math.abs(velocity + layer.m * slope)).toBeLessThan(1e-6 * (1 + Math.abs(velocity)));
      });
    }
  }
});

test('layerStep returns the gradient by the input, by central differences [c]', () => {
  const net = smallNet(3, 1);
  const p = normals(rngKey(3, 'p'), x.length);
  const t = new Float64Array(net.layers[0]!.m * 5);
  layerForward(net, net.layers[0]!, x, t);
  const back = layerStep(net, copyNet(net).layers[0]!, { input: x, t }, p, 0);
  const z = x.slice();
  const numeric = z.map((value, i) => {
    const at = (shift: number): number => {
      z[i] = value + shift;
      const sum = layerForward(net, net.layers[0]!, z).reduce((total, out, j) => total + out * p[j]!, 0);
      z[i] = value;
      return sum;
    };
    return (at(1e-6) - at(-1e-6)) / 2e-6;
  });
  expect(relativeError(back, numeric)).toBeLessThan(1e-8); // differences of step 1e-6 in float64
});

describe('direct training', () => {
  const task = sineTask(1, D, 16, 16);

  test('Euler is of order 1: the error at time 1 falls as dt [f]', () => {
    const at = (dt: number): Float64Array => {
      const net = smallNet(4, 2, 8);
      trainDirect(net, task.train, Math.round(1 / dt), dt);
      return output(net, task.heldOut.x);
    };
    const exact = at(1 / 2048);
    const steps = [1 / 16, 1 / 32, 1 / 64, 1 / 128];
    const { slope } = fitLine(
      steps.map(Math.log),
      steps.map((dt) => Math.log(rmsDistance(at(dt), exact, D))),
    );
    expect(slope).toBeGreaterThan(0.95);
    expect(slope).toBeLessThan(1.15);
  });

  test('the loss falls at a small dt, and steps on which it rises are counted at a large one', () => {
    const { losses, increases } = trainDirect(smallNet(), task.train, 50, 0.02);
    expect(increases).toBe(0);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(trainDirect(smallNet(), task.train, 50, 1.5).increases).toBeGreaterThan(0);
  });

  test('a flow that explodes is stopped and says when', () => {
    expect(() => trainDirect(smallNet(1, 3, 6, 3, 2), task.train, 400, 1e6)).toThrow(/the loss is (NaN|Infinity) at step \d+; a smaller dt than 1000000 is needed/);
  });
});

describe('imitation', () => {
  const task = sineTask(2, D, 16, 16);

  test('of the wide net by itself changes nothing [b]', () => {
    const wide = smallNet(5, 3, 20);
    const same = copyNet(wide);
    imitate(same, wide, task.train.x, 10, 0.05);
    expect(discrepancy(same, wide, task.heldOut.x)).toBe(0);
    expect(layerErrors(same, wide, task.heldOut.x)).toEqual([0, 0, 0]);
  });

  test('lowers the error of every layer on the training points', () => {
    const wide = smallNet(6, 3, 40);
    const thin = thinNet(wide, 6, 1, 0);
    const before = layerErrors(thin, wide, task.train.x);
    imitate(thin, wide, task.train.x, 40, 0.05);
    layerErrors(thin, wide, task.train.x).forEach((error, l) => expect(error).toBeLessThan(before[l]!));
  });
});

test('D never exceeds the telescoped sum, and both end at 0 for equal nets [g]', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 10 }), fc.constantFrom(0, 1), (seed, depth, m, alpha) => {
      const wide = smallNet(seed, depth, 12, D, alpha);
      const thin = thinNet(wide, m, seed, 0);
      const sum = telescope(thin, wide, x).reduce((total, h) => total + h, 0);
      expect(discrepancy(thin, wide, x)).toBeLessThanOrEqual(sum * (1 + 1e-12));
      expect(telescope(wide, wide, x).every((h) => h === 0)).toBe(true);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('activations end with the output; depth 1 has no telescope but D itself', () => {
  const wide = smallNet(7, 1, 10);
  const thin = thinNet(wide, 3, 1, 0);
  expect(activations(wide, x).at(-1)).toEqual(output(wide, x));
  expect(telescope(thin, wide, x)).toEqual([discrepancy(thin, wide, x)]);
});

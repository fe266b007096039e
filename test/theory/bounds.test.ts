/** Every bound against what it bounds, in runs of any shape [g], and its parts against their definitions. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { posteriorCap } from '../../theory/bounds/cap.js';
import { activationBound, layerLipschitz, rowNorm, tailLipschitz } from '../../theory/bounds/constants.js';
import {
  closedForm,
  gronwallRate,
  runningGronwall,
  traceNet,
  uniformConstants,
  type UniformConstants,
} from '../../theory/bounds/gronwall.js';
import { lipschitzBound, telescopedBound, wideTailBound } from '../../theory/bounds/imitation.js';
import { discrepancy, rmsDistance } from '../../theory/network/discrepancy.js';
import { trainDirect } from '../../theory/flow/direct.js';
import { imitate } from '../../theory/flow/imitation.js';
import { activations, lossOf, output } from '../../theory/network/network.js';
import { kernel } from '../../theory/kernel/kernel.js';
import {
  copyNet,
  initialNet,
  pickNet,
  thinIndices,
  thinNet,
  type Layer,
  type Net,
} from '../../theory/model/particles.js';
import { sineTask } from '../../theory/model/task.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { smallNet } from './support.js';

const shapes = fc.record({
  seed: fc.nat(1000),
  depth: fc.integer({ min: 1, max: 4 }),
  d: fc.integer({ min: 1, max: 4 }),
  m: fc.integer({ min: 2, max: 12 }),
  alpha: fc.constantFrom(0, 0.5, 1),
  c: fc.constantFrom(0.3, 1, 2),
  activation: fc.constantFrom('tanh' as const, 'erf' as const),
});
const RUNS = { seed: 3, numRuns: 40 };
const SLACK = 1 + 1e-9;

test('I1, I2, I2′ and the cap dominate the discrepancy after imitation and after direct training [g]', () => {
  fc.assert(
    fc.property(shapes, ({ seed, depth, d, m, alpha, c, activation }) => {
      const task = sineTask(seed, d, 10, 12);
      const initial = initialNet(seed, { depth, m: 24, d, alpha, c, activation }, { rho: 0.5 });
      const wide = copyNet(initial);
      trainDirect(wide, task.train, { steps: 6, dt: 0.05 });
      const imitated = thinNet(wide, m, seed, 0);
      imitate(imitated, wide, task.train.x, { steps: 4, dt: 0.05 });
      const direct = thinNet(initial, m, seed, 0);
      trainDirect(direct, task.train, { steps: 6, dt: 0.05 });
      for (const thin of [imitated, direct]) {
        const D = discrepancy(thin, wide, task.heldOut.x);
        for (const bound of [telescopedBound, lipschitzBound, wideTailBound])
          expect(D).toBeLessThanOrEqual(bound(thin, wide, task.heldOut.x) * SLACK + 1e-14);
        expect(discrepancy(thin, wide, task.train.x)).toBeLessThanOrEqual(
          posteriorCap(lossOf(thin, task.train), lossOf(wide, task.train)) * SLACK,
        );
      }
    }),
    RUNS,
  );
});

test('the running Gronwall bound dominates D and the particles’ distance; the closed form dominates its end [g]', () => {
  fc.assert(
    fc.property(shapes, ({ seed, depth, d, m, alpha, c, activation }) => {
      const { train } = sineTask(seed, d, 6, 6);
      const [steps, dt] = [5, 0.02];
      const initial = initialNet(seed, { depth, m: 24, d, alpha, c, activation }, { rho: 0.5 });
      const { rows, constants: largest } = runningGronwall(initial, train, { m, seed, draw: 0 }, steps, dt);
      expect(rows).toHaveLength(steps + 1);
      expect(rows[0]!.distance).toBe(0);
      for (const row of rows) {
        expect(row.discrepancy).toBeLessThanOrEqual(row.bound * SLACK + 1e-14);
        expect(row.distance).toBeLessThanOrEqual(row.distanceBound * SLACK + 1e-14);
      }
      // The closed form with the largest constants of the run.
      const indices = thinIndices(initial, m, seed, 0);
      const [wide, thin] = [copyNet(initial), pickNet(initial, indices)];
      let constants: UniformConstants | undefined;
      for (let step = 0; step <= steps; step++) {
        const now = uniformConstants(thin, wide, pickNet(wide, indices), train);
        constants =
          constants === undefined
            ? now
            : (Object.fromEntries(
                Object.entries(now).map(([key, value]) => [
                  key,
                  Math.max(value as number, constants![key as keyof UniformConstants]),
                ]),
              ) as unknown as UniformConstants);
        for (const net of [wide, thin]) trainDirect(net, train, { steps: 1, dt });
      }
      expect(largest).toEqual(constants);
      const { rate, logBound } = closedForm(constants!, steps * dt);
      expect(rate).toBeGreaterThan(0);
      expect(Math.log(rows.at(-1)!.discrepancy)).toBeLessThanOrEqual(logBound + 1e-9);
    }),
    { ...RUNS, numRuns: 25 },
  );
});

describe('constants', () => {
  test('rowNorm is the operator norm of the rows over root m', () => {
    expect(rowNorm(Float64Array.of(3, 0, 0, 4), 2)).toBeCloseTo(4 / Math.SQRT2, 12);
    expect(rowNorm(Float64Array.of(1, -2, 2), 1)).toBeCloseTo(Math.sqrt(3), 12);
  });
  test('rowNorm and the Lipschitz constants are those of rows of size 1, at any scale of the rows [c]', () => {
    // of two rows (a, b), (p, q) the larger eigenvalue of [[E, F], [F, G]] is ((E + G) + sqrt((E - G)^2 + 4 F^2)) / 2
    const ofTwo = ([a, b, p, q]: readonly number[]): number => {
      const [E, F, G] = [(a! ** 2 + p! ** 2) / 2, (a! * b! + p! * q!) / 2, (b! ** 2 + q! ** 2) / 2];
      return Math.sqrt((E + G + Math.hypot(E - G, 2 * F)) / 2);
    };
    for (const rows of [
      [1, 1, 1, 1],
      [1, 0.5, 0.3, 1],
      [1, 1e-7, 1e-7, 1 + 1e-13],
      [3, -2, 1, 5],
    ])
      for (const scale of [1e-320, 1e-300, 1e-200, 1e-100, 1e-13, 1e-7, 1e-6, 1, 1e6, 1e100, 1e200, 1e307]) {
        const given = Float64Array.from(rows, (value) => value * scale);
        // what is subnormal has fewer digits, already where it is given
        const digits = scale < 1e-310 ? 1e-3 : 1e-12;
        expect(Math.abs(rowNorm(given, 2) / scale / ofTwo(rows) - 1), `${rows.join()}, ${scale}`).toBeLessThan(digits);
      }
    expect(rowNorm(new Float64Array(4), 2)).toBe(0);
    expect(() => rowNorm(new Float64Array(2).fill(1.7e308), 2)).toThrow('rowNorm: the norm leaves float64');
    // one particle: the slope at 0 along a is |a| |b|
    for (const [a, b, c] of [
      [1e-7, 1e-7, 1],
      [1e-200, 1e300, 1e-300],
      [1e200, 1e-300, 1e300],
    ] as const) {
      const layer = {
        ...{ m: 1, a: new Float64Array(2).fill(a), b: new Float64Array(2).fill(b), bias: new Float64Array(1) },
      };
      const net = { d: 2, alpha: 0, c, activation: 'tanh' as const, layers: [layer] };
      const expected = 2 * Math.exp(Math.log(a) + Math.log(b) + Math.log(c));
      expect(Math.abs(layerLipschitz(net, layer) / expected - 1)).toBeLessThan(1e-12);
      expect(tailLipschitz({ ...net, layers: [layer, layer] })[0]).toBe(layerLipschitz(net, layer));
    }
  });
  test('bounds hold behind a layer of small weights, and an error of 0 stays 0 behind an infinite constant', () => {
    const layer = (a: number, b: number): Layer => ({
      ...{ m: 1, a: new Float64Array(2).fill(a), b: new Float64Array(2).fill(b), bias: new Float64Array(1) },
    });
    const net = (...layers: Layer[]): Net => ({ d: 2, alpha: 0, c: 1, activation: 'identity', layers });
    const x = Float64Array.of(1, 1, 0.5, 0.2);
    const [thin, wide] = [net(layer(1, 1), layer(1e-7, 1)), net(layer(1, 2), layer(1e-7, 1))];
    for (const bound of [lipschitzBound, wideTailBound])
      expect(bound(thin, wide, x)).toBeGreaterThanOrEqual(discrepancy(thin, wide, x) * (1 - 1e-12));
    // constants of 2e200 and 2e-200: a product leaves float64 on the way to one that does not
    const [first, up, down] = [layer(1, 1), layer(1e100, 1e100), layer(1e-100, 1e-100)];
    const large = net(first, down, up, up);
    for (const bound of [lipschitzBound, wideTailBound]) expect(bound(large, large, x)).toBe(0);
    const digits = (one: Net): string[] => tailLipschitz(one).map((tail) => tail.toExponential(6));
    expect(digits(large)).toEqual(['8.000000e+200', 'Infinity', '2.000000e+200', '1.000000e+0']);
    expect(digits(net(first, up, down, down))).toEqual([
      '8.000000e-200',
      '0.000000e+0',
      '2.000000e-200',
      '1.000000e+0',
    ]);
    expect(tailLipschitz(net(first, layer(0, 1), up, up))[0]).toBe(0);
  });
  test('a layer’s own alpha and c are those of its Lipschitz constant', () => {
    const own: Layer = {
      ...{ m: 1, a: Float64Array.of(1, 0), b: Float64Array.of(1, 0), bias: new Float64Array(1) },
      ...{ alpha: 0, c: 10 },
    };
    const net: Net = { d: 2, alpha: 3, c: 1, activation: 'tanh', layers: [own] };
    expect(layerLipschitz(net, own)).toBeCloseTo(10, 12);
    expect(output(net, Float64Array.of(1e-6, 0))[0]! / 1e-6).toBeCloseTo(10, 6);
    expect(layerLipschitz(net, { ...own, alpha: 0.5 })).toBeCloseTo(10.5, 12);
    for (const name of ['alpha', 'c'] as const)
      for (const call of [
        (): unknown => layerLipschitz(net, { ...own, [name]: NaN }),
        (): unknown => output({ ...net, layers: [{ ...own, [name]: Infinity }] }, Float64Array.of(1, 0)),
      ])
        expect(call).toThrow(`net: layer 1: ${name}: expected a finite number`);
    expect(() => kernel().forward(net, Float64Array.of(1, 0), [new Float64Array(2)])).toThrow('of its own');
    const { train } = sineTask(1, 3, 4, 4);
    const [wide, indices] = [smallNet(), [0, 1, 2].map(() => Uint32Array.of(0, 1))];
    const ideal = pickNet(wide, indices);
    for (const wrong of [
      { ...ideal, layers: ideal.layers.map((layer) => ({ ...layer, c: 2 })) },
      { ...ideal, c: 2 },
    ])
      expect(() => gronwallRate(ideal, wide, wrong, train)).toThrow(/^bounds: (c: )?expected/);
  });
  test('no pair of points is driven apart faster than the Lipschitz constants allow [g]', () => {
    for (const activation of ['tanh', 'erf', 'relu'] as const) {
      const net = initialNet(2, { depth: 3, m: 20, d: 3, alpha: 0.7, c: 1.5, activation }, { rho: 0.3 });
      const tails = tailLipschitz(net);
      expect(tails.at(-1)).toBe(1);
      const [x, y] = [normals(rngKey(1, 'p'), 60), normals(rngKey(1, 'q'), 60).map((z) => z * 0.1)];
      const near = x.map((value, i) => value + y[i]!);
      const gaps = (u: Float64Array, v: Float64Array, n: number): number =>
        Math.hypot(...u.subarray(3 * n, 3 * n + 3).map((value, k) => value - v[3 * n + k]!));
      const [p, q] = [activations(net, x), activations(net, near)];
      for (let n = 0; n < 20; n++) {
        net.layers.forEach((layer, l) =>
          expect(gaps(p[l + 1]!, q[l + 1]!, n)).toBeLessThanOrEqual(
            layerLipschitz(net, layer) * gaps(p[l]!, q[l]!, n) * SLACK,
          ),
        );
        expect(gaps(p[3]!, q[3]!, n)).toBeLessThanOrEqual(tails[0]! * gaps(p[1]!, q[1]!, n) * SLACK);
      }
    }
  });
  test('derivatives and second derivatives are the largest ones', () => {
    const h = 1e-4;
    const grid = Array.from({ length: 4001 }, (_, i) => -4 + i * 0.002);
    const second = (f: (u: number) => number, u: number): number => (f(u + h) - 2 * f(u) + f(u - h)) / (h * h);
    expect(Math.max(...grid.map((u) => Math.abs(second(Math.tanh, u))))).toBeCloseTo(
      activationBound('tanh').secondDerivative,
      5,
    );
    // erf(u / sqrt 2)'' = -u phi'(u)
    expect(Math.max(...grid.map((u) => Math.abs(u) * Math.sqrt(2 / Math.PI) * Math.exp((-u * u) / 2)))).toBeCloseTo(
      activationBound('erf').secondDerivative,
      5,
    );
    expect(() => activationBound('relu')).toThrow(/bounded, smooth activation/);
  });
});

describe('the trace', () => {
  test('has the kernel’s activations, and Jacobians by central differences [c]', () => {
    const net = smallNet(3, 2, 7);
    const x = normals(rngKey(4, 'x'), 6);
    const y = normals(rngKey(4, 'y'), 6);
    const { z, p, J } = traceNet(net, { n: 2, x, y });
    activations(net, x).forEach((value, l) => expect(relativeError(z[l]!, value)).toBeLessThan(TOLERANCE.f64));
    expect(
      relativeError(
        p[1]!,
        output(net, x).map((value, j) => value - y[j]!),
      ),
    ).toBeLessThan(TOLERANCE.f64);
    for (let j = 0; j < 3; j++) {
      const moved = (sign: number): Float64Array =>
        output(
          { ...net, layers: [net.layers[0]!] },
          x.map((value, i) => (i === j ? value + sign * 1e-6 : value)),
        );
      const [up, down] = [moved(1), moved(-1)];
      for (let k = 0; k < 3; k++) expect(J[0]![k * 3 + j]).toBeCloseTo((up[k]! - down[k]!) / 2e-6, 7);
    }
  });
  test('Lambda is the growth of a small error under the linear part; blocks at 1/L keep it bounded', () => {
    const rate = (depth: number, c: number): number => {
      const initial = initialNet(1, { depth, m: 64, d: 2, alpha: 1, c }, { rho: 0 });
      const indices = thinIndices(initial, 16, 1, 0);
      return gronwallRate(pickNet(initial, indices), initial, pickNet(initial, indices), sineTask(1, 2, 8, 8).train);
    };
    expect(rate(6, 1) / rate(1, 1)).toBeGreaterThan(100);
    expect((6 * rate(6, 0.6 / 6)) / rate(1, 0.6)).toBeLessThan(5);
  });
});

test('rms distances of the cap: a thin net on its target leaves the wide net’s own error', () => {
  expect(posteriorCap(0, 2)).toBe(2);
  expect(rmsDistance(Float64Array.of(1, 1), Float64Array.of(1, 3), 1)).toBeCloseTo(Math.SQRT2, 12);
});

test('more samples and particles than arguments fit on the stack', () => {
  // 150,000 of each: Math.max(...values) throws RangeError from some 120,000 on
  const many = 150_000;
  const shape = { depth: 1, d: 1, alpha: 0.5, c: 1, activation: 'tanh' as const };
  const few = initialNet(1, { ...shape, m: 4 }, { rho: 0.5 });
  const { train } = sineTask(1, 1, many, 2);
  const { rows } = runningGronwall(few, train, { m: 2, seed: 1, draw: 0 }, 1, 0.01);
  expect(rows.map(({ discrepancy: found, bound }) => found <= bound * SLACK && bound < 10)).toEqual([true, true]);
  const wide = initialNet(1, { ...shape, m: many }, { rho: 0.5 });
  const thin = pickNet(wide, thinIndices(wide, many - 1, 1, 0));
  const { b, Z } = uniformConstants(thin, wide, copyNet(thin), sineTask(1, 1, 3, 2).train);
  expect(b).toBe([...thin.layers[0]!.b].reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  expect(Z).toBeGreaterThan(1);
});

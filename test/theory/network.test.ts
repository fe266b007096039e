import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import { fitLine } from '../../src/core/stats.js';
import {
  discrepancies,
  discrepancy,
  layerErrors,
  outputSize,
  rmsDistance,
  telescope,
} from '../../theory/network/discrepancy.js';
import { EXPLOSION, trainDirect, trainSgd } from '../../theory/flow/direct.js';
import { trainHalved } from '../../theory/flow/halving.js';
import { INTEGRATORS, integrate, integratorByName, stepSystem } from '../../theory/flow/integrators.js';
import { imitate } from '../../theory/flow/imitation.js';
import { imitateByRidge } from '../../theory/flow/ridge.js';
import { activations, layerForward, lossOf, output, outputFrom, velocity } from '../../theory/network/network.js';
import { outputChanges, velocityChanges } from '../../theory/network/tangents.js';
import { kernel, KERNELS, openKernel, useKernel, type KernelName } from '../../theory/kernel/kernel.js';
import {
  copyNet,
  freshNet,
  initialNet,
  singleLayer,
  thinNet,
  widthsOf,
  type Layer,
  type Net,
} from '../../theory/model/particles.js';
import { compress, threeStages } from '../../theory/flow/pipeline.js';
import { sineTask, type Samples } from '../../theory/model/task.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';
import { nativeSkip, smallNet } from './support.js';

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
  const expected = Array.from({ length: 5 }, (_, n) =>
    naive(net, net.layers[0]!, [...x.subarray(n * D, (n + 1) * D)]),
  ).flat();
  expect(relativeError(layerForward(net, net.layers[0]!, x), expected)).toBeLessThan(TOLERANCE.f64);
});

test('the order of particles is irrelevant [g]', () => {
  const net = smallNet();
  const shuffled = thinNet(net, net.layers[0]!.m, 9, 0); // all of them, in another order
  expect(relativeError(output(shuffled, x), output(net, x))).toBeLessThan(TOLERANCE.f64);
  expect(discrepancy(shuffled, net, x)).toBeLessThan(1e-12);
});

test('the velocity is m times the gradient of the loss with the sign turned, by central differences [c]', () => {
  const net = smallNet(2, 2, 4);
  const y = normals(rngKey(2, 'y'), x.length);
  const loss = (): number => lossOf(net, { n: 5, x, y });
  const h = 1e-6;
  const { loss: now, layers } = velocity(net, { n: 5, x, y });
  expect(now).toBeCloseTo(loss(), 12);
  for (const [l, layer] of net.layers.entries()) {
    for (const name of ['a', 'b', 'bias'] as const) {
      layer[name].forEach((value, i) => {
        layer[name][i] = value + h;
        const up = loss();
        layer[name][i] = value - h;
        const derivative = (up - loss()) / (2 * h);
        layer[name][i] = value;
        const found = layers[l]![name][i]!;
        expect(Math.abs(found + layer.m * derivative)).toBeLessThan(1e-6 * (1 + Math.abs(found)));
      });
    }
  }
});

test('shapes that do not fit are refused, and named', () => {
  const net = smallNet();
  expect(() => output(net, new Float64Array(4))).toThrow(/expected \[N, 3\]/);
  expect(() => velocity(net, { n: 1, x: new Float64Array(3), y: new Float64Array(6) })).toThrow(/y: expected as many/);
  expect(() => widthsOf([1, 2], 3)).toThrow(/one for each of 3 layers, got 2/);
  expect(() => thinNet(net, 7, 1, 0)).toThrow();
});

test('layers may differ in width; fresh thin nets are other particles of the same law', () => {
  const net = initialNet(1, { depth: 3, m: [5, 2, 9], d: 2, alpha: 1, c: 1 }, { rho: 0 });
  expect(net.layers.map(({ m, a }) => [m, a.length])).toEqual([
    [5, 10],
    [2, 4],
    [9, 18],
  ]);
  const fresh = freshNet(net, [3, 1, 2], { rho: 0 }, 1, 0);
  expect(fresh.layers.map(({ m }) => m)).toEqual([3, 1, 2]);
  expect(fresh.layers[0]!.a[0]).not.toBe(net.layers[0]!.a[0]);
  expect(freshNet(net, 2, { rho: 0 }, 1, 1).layers[0]!.a).not.toEqual(freshNet(net, 2, { rho: 0 }, 1, 0).layers[0]!.a);
});

describe('direct training', () => {
  const task = sineTask(1, D, 16, 16);

  test.each(Object.values(INTEGRATORS))(
    '$name is of order $order: the error at time 1/2 falls as dt^$order [f]',
    (method) => {
      const at = (steps: number, by = method): Float64Array => {
        const net = smallNet(4, 2, 8);
        trainDirect(net, task.train, { steps, dt: 0.5 / steps, method: by });
        return output(net, task.heldOut.x);
      };
      const exact = at(1024, INTEGRATORS.rk4);
      const counts = [16, 32, 64];
      const { slope } = fitLine(
        counts.map(Math.log),
        counts.map((n) => Math.log(rmsDistance(at(n), exact, D))),
      );
      expect(Math.abs(-slope - method.order)).toBeLessThan(0.15);
    },
  );

  test('small systems are integrated to the same orders, and the weights of each method add up to 1 [f]', () => {
    for (const method of Object.values(INTEGRATORS)) {
      expect(method.weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14);
      const errors = [20, 40].map((steps) =>
        Math.abs(integrate((y) => y.map((value) => -value), Float64Array.of(1), 1, steps, method)[0]! - Math.exp(-1)),
      );
      expect(Math.log2(errors[0]! / errors[1]!)).toBeGreaterThan(method.order - 0.1);
    }
    expect(stepSystem(INTEGRATORS.euler, () => Float64Array.of(2), Float64Array.of(1), 0.5)[0]).toBe(2);
    expect(() => integratorByName('leapfrog')).toThrow(/unknown integrator "leapfrog".*euler, heun, rk4/);
  });

  test('the loss falls at a small dt, and steps on which it rises are counted at a large one', () => {
    const { losses, increases, exploded } = trainDirect(smallNet(), task.train, { steps: 50, dt: 0.02 });
    expect([increases, exploded, losses.length]).toEqual([0, undefined, 51]);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(trainDirect(smallNet(), task.train, { steps: 50, dt: 1.5 }).increases).toBeGreaterThan(0);
  });

  test('a net at rest, whose loss moves by rounding alone, has no rise', () => {
    expect(trainDirect(smallNet(), task.train, { steps: 30, dt: 1e-300 }).increases).toBe(0);
  });

  test.each(['euler', 'rk4'] as const)('a flow that explodes is stopped and marked with its step: %s', (name) => {
    const result = trainDirect(smallNet(1, 3, 6, 3, 2), task.train, { steps: 400, dt: 1e6, method: INTEGRATORS[name] });
    expect(result.exploded).toBeGreaterThan(0);
    expect(result.exploded).toBeLessThan(100);
    expect(result.losses).toHaveLength(result.exploded! + 1);
    expect(result.losses.at(-1)! > EXPLOSION * result.losses[0]! || !Number.isFinite(result.losses.at(-1))).toBe(true);
  });

  test('halving dt changes the output little where dt is small, and much where the loss rises', () => {
    const fine = trainHalved(smallNet(), task.train, { steps: 20, dt: 0.01 }, task.heldOut.x);
    const coarse = trainHalved(smallNet(), task.train, { steps: 5, dt: 0.5 }, task.heldOut.x);
    expect(fine.difference).toBeLessThan(0.02);
    expect(coarse.difference).toBeGreaterThan(10 * fine.difference);
    expect(trainHalved(smallNet(1, 3, 6, 3, 2), task.train, { steps: 200, dt: 1e6 }, task.heldOut.x).difference).toBe(
      Infinity,
    );
  });

  test('full batches are the flow itself; smaller ones are seeded and average to it', () => {
    const [flow, sgd] = [smallNet(), smallNet()];
    trainDirect(flow, task.train, { steps: 4, dt: 0.05 });
    trainSgd(sgd, task.train, { steps: 4, dt: 0.05, batch: 16, seed: 1 });
    expect(discrepancy(sgd, flow, x)).toBeLessThan(1e-12);
    const losses = (seed: number): readonly number[] =>
      trainSgd(smallNet(), task.train, { steps: 8, dt: 0.05, batch: 4, seed }).losses;
    expect(losses(1)).toEqual(losses(1));
    expect(losses(1)).not.toEqual(losses(2));
    expect(losses(1).some((loss, i, all) => i > 0 && loss > all[i - 1]!)).toBe(true);
    // rises of the losses of batches say nothing
    expect(trainSgd(smallNet(), task.train, { steps: 8, dt: 0.05, batch: 4, seed: 1 }).increases).toBe(0);
    expect(() => trainSgd(smallNet(), task.train, { steps: 1, dt: 1, batch: 17, seed: 1 })).toThrow(/batch of 1 to 16/);
  });
});

describe('imitation', () => {
  const task = sineTask(2, D, 16, 16);

  test('of the wide net by itself changes nothing [b]', () => {
    const wide = smallNet(5, 3, 20);
    const same = copyNet(wide);
    imitate(same, wide, task.train.x, { steps: 10, dt: 0.05 });
    expect(discrepancy(same, wide, task.heldOut.x)).toBe(0);
    expect(layerErrors(same, wide, task.heldOut.x)).toEqual([0, 0, 0]);
  });

  test('lowers the error of every layer on the training points', () => {
    const wide = smallNet(6, 3, 40);
    const thin = thinNet(wide, 6, 1, 0);
    const before = layerErrors(thin, wide, task.train.x);
    imitate(thin, wide, task.train.x, { steps: 40, dt: 0.05 });
    layerErrors(thin, wide, task.train.x).forEach((error, l) => expect(error).toBeLessThan(before[l]!));
  });

  test('with the thin net’s own inputs all layers move at once, and the whole output comes closer', () => {
    const wide = smallNet(6, 3, 40);
    const thin = thinNet(wide, 6, 1, 0);
    const first = copyNet(thin);
    const before = discrepancy(thin, wide, task.train.x);
    const results = imitate(thin, wide, task.train.x, { steps: 60, dt: 0.05, inputs: 'thin' });
    expect(results.map(({ losses }) => losses.length)).toEqual([61, 61, 61]);
    expect(discrepancy(thin, wide, task.train.x)).toBeLessThan(before);
    // the first layer has the same input in both
    imitate(first, wide, task.train.x, { steps: 60, dt: 0.05 });
    expect(relativeError(thin.layers[0]!.a, first.layers[0]!.a)).toBeLessThan(TOLERANCE.f64);
    expect(relativeError(thin.layers[2]!.a, first.layers[2]!.a)).toBeGreaterThan(1e-3);
    expect(() => imitate(smallNet(1, 2), wide, task.train.x, { steps: 1, dt: 1 })).toThrow(/one depth and dimension/);
  });

  test.each(['wide', 'thin'] as const)('on %s inputs every method has the order that it declares [f]', (inputs) => {
    const wide = smallNet(6, 3, 40);
    for (const method of Object.values(INTEGRATORS)) {
      const after = (steps: number): Net => {
        const thin = thinNet(wide, 6, 1, 0);
        imitate(thin, wide, task.train.x, { steps, dt: 0.4 / steps, method, inputs });
        return thin;
      };
      const exact = output(after(256), task.train.x);
      const steps = [4, 8, 16];
      const errors = steps.map((n) => rmsDistance(output(after(n), task.train.x), exact, D));
      const { slope } = fitLine(steps.map(Math.log), errors.map(Math.log));
      expect(Math.abs(-slope - method.order)).toBeLessThan(0.25);
    }
  });

  test('in closed form each layer’s error on the training points is the least that its input weights allow', () => {
    const wide = smallNet(6, 3, 40);
    const thin = thinNet(wide, 6, 1, 0);
    imitateByRidge(thin, wide, task.train.x, { ridge: 1e-12 });
    const least = layerErrors(thin, wide, task.train.x);
    // no move of an output weight makes it smaller
    for (const [l, { b }] of thin.layers.entries())
      for (const sign of [-1, 1]) {
        b[3]! += sign * 1e-3;
        expect(layerErrors(thin, wide, task.train.x)[l]!).toBeGreaterThan(least[l]!);
        b[3]! -= sign * 1e-3;
      }
    // a net as wide as the wide one's own particles fits it
    const all = thinNet(wide, 40, 1, 0);
    for (const { b } of all.layers) b.fill(0);
    imitateByRidge(all, wide, task.train.x, { ridge: 1e-12 });
    for (const error of layerErrors(all, wide, task.train.x)) expect(error).toBeLessThan(1e-4);
    expect(() => imitateByRidge(smallNet(1, 2), wide, task.train.x, { ridge: 1 })).toThrow(/one depth/);
  });

  test('a layer alone is a net of depth one on the same arrays', () => {
    const net = smallNet();
    expect(singleLayer(net, 1).layers[0]).toBe(net.layers[1]);
  });
});

describe('three stages', () => {
  const task = sineTask(3, D, 24, 24);
  const flow = { steps: 30, dt: 0.05 };

  test('train, imitate, tune: each stage begins where the one before ended, the start is not touched', () => {
    const initial = smallNet(8, 2, 60);
    const kept = copyNet(initial);
    const result = threeStages(
      initial,
      task.train,
      { m: 10, seed: 1, draw: 0 },
      { wide: flow, imitation: flow, tuning: flow },
    );
    expect(initial).toEqual(kept);
    expect(result.imitated.layers.map(({ m }) => m)).toEqual([10, 10]);
    expect(lossOf(result.tuned, task.train)).toBeLessThan(lossOf(result.imitated, task.train));
    expect(result.tuning.losses[0]).toBeCloseTo(lossOf(result.imitated, task.train), 12);
    expect(
      compress(result.wide, task.train, { m: 10, seed: 1, draw: 0 }, { imitation: flow, tuning: flow }).tuned,
    ).toEqual(result.tuned);
  });
});

test('D never exceeds the telescoped sum, and both end at 0 for equal nets [g]', () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 10 }),
      fc.constantFrom(0, 1),
      (seed, depth, m, alpha) => {
        const wide = smallNet(seed, depth, 12, D, alpha);
        const thin = thinNet(wide, m, seed, 0);
        const sum = telescope(thin, wide, x).reduce((total, h) => total + h, 0);
        expect(discrepancy(thin, wide, x)).toBeLessThanOrEqual(sum * (1 + 1e-12));
        expect(telescope(wide, wide, x).every((h) => h === 0)).toBe(true);
      },
    ),
    { seed: 1, numRuns: 60 },
  );
});

test('discrepancies by layer end with D; the size of an output is its root mean square', () => {
  const [wide, thin] = [smallNet(5, 3, 20), thinNet(smallNet(5, 3, 20), 5, 1, 0)];
  expect(discrepancies(thin, wide, x).at(-1)).toBe(discrepancy(thin, wide, x));
  expect(discrepancies(thin, wide, x)[0]).toBeCloseTo(layerErrors(thin, wide, x)[0]!, 12);
  expect(outputSize(wide, x)).toBeCloseTo(
    Math.sqrt(output(wide, x).reduce((sum, value) => sum + value * value, 0) / 5),
    12,
  );
});

test('activations end with the output; depth 1 has no telescope but D itself', () => {
  const wide = smallNet(7, 1, 10);
  const thin = thinNet(wide, 3, 1, 0);
  expect(activations(wide, x).at(-1)).toEqual(output(wide, x));
  expect(telescope(thin, wide, x)).toEqual([discrepancy(thin, wide, x)]);
});

describe.each((nativeSkip() ? ['wasm'] : ['wasm', 'native']) as KernelName[])('on the %s kernel', (form) => {
  const before = kernel();
  afterAll(() => useKernel(before));
  const samples = { n: 5, x, y: x };
  const net = smallNet();
  const [first, ...others] = net.layers;
  const broken = (change: Partial<Layer>): Net => ({ ...net, layers: [{ ...first!, ...change }, ...others] });
  const WRONG: readonly (readonly [what: string, net: Net, message: string])[] = [
    ['input weights too short', broken({ a: first!.a.slice(1) }), 'net: layer 1: a [m, d]: expected 18 numbers'],
    ['input weights too long', broken({ a: new Float64Array(19) }), 'net: layer 1: a [m, d]: expected 18 numbers'],
    ['no output weights', broken({ b: new Float64Array(0) }), 'net: layer 1: b [m, d]: expected 18 numbers'],
    ['biases of another number', broken({ bias: new Float64Array(7) }), 'net: layer 1: bias [m]: expected 6 numbers'],
    [
      'float32',
      broken({ a: Float32Array.from(first!.a) as unknown as Float64Array }),
      'expected 18 numbers in a Float64Array, got Float32Array',
    ],
    ['no particle', broken({ m: 0 }), 'net: layer 1: m: expected a whole number of at least 1, got 0'],
    ['half a particle', broken({ m: 5.5 }), 'net: layer 1: m: expected a whole number'],
    ['another dimension', { ...net, d: 4 }, 'net: layer 1: a [m, d]: expected 24 numbers'],
    ['a negative dimension', { ...net, d: -1 }, 'net: d: expected a whole number of at least 1, got -1'],
    ['no dimension', { ...net, d: 0 }, 'net: d: expected'],
    ['a scale that is none', { ...net, c: NaN }, 'net: c: expected a finite number, got NaN'],
    ['an unknown activation', { ...net, activation: 'swish' as 'silu' }, 'net: activation: expected one of tanh, erf'],
    [
      'a read-in of another net',
      { ...net, readIn: { rows: 4, columns: 3, values: new Float64Array(12) } },
      'net: readIn: expected [3, inputs]',
    ],
    [
      'a read-out that is cut off',
      { ...net, readOut: { rows: 2, columns: 3, values: new Float64Array(5) } },
      'net: readOut: expected [outputs, 3] in a Float64Array, got [2, 3] with 5 numbers',
    ],
  ];

  test.each(WRONG)('a net with %s is refused by name before memory is read', (_, wrong, message) => {
    useKernel(openKernel(form, 1));
    const direction = net.layers;
    for (const call of [
      () => output(wrong, x),
      () => activations(wrong, x),
      () => outputFrom(wrong, x, 0),
      () => lossOf(wrong, samples),
      () => velocity(wrong, samples),
      () => trainDirect(copyNet(wrong), samples, { steps: 1, dt: 0.1 }),
      () => discrepancy(net, wrong, x),
      ...((wrong.readIn ?? wrong.readOut)
        ? []
        : [
            () => outputChanges(wrong, [direction], x),
            () => velocityChanges(wrong, [direction], samples),
            () => KERNELS[form](1).forward(wrong, x, []),
            () => KERNELS[form](1).descend(wrong, x, x, 0.1, new Float64Array(1)),
          ]),
    ]) {
      expect(call).toThrow(RangeError);
      expect(call).toThrow(message);
    }
  });

  test('samples and directions that do not fit are refused by name', () => {
    useKernel(openKernel(form, 1));
    const short = x.slice(1);
    expect(() => output(net, short)).toThrow('x: expected [N, 3] with N >= 1 in a Float64Array, got 14 numbers');
    expect(() => output(net, Float32Array.from(x) as unknown as Float64Array)).toThrow('x: expected [N, 3]');
    const train = (one: Net, wrong: Samples) => trainDirect(copyNet(one), wrong, { steps: 1, dt: 0.1 });
    for (const call of [lossOf, velocity, train])
      for (const [wrong, message] of [
        [{ ...samples, y: short }, 'y: expected as many numbers as x (15) in a Float64Array, got 14'],
        [{ ...samples, n: 4 }, 'n: expected the 5 samples of x, got 4'],
      ] as const)
        expect(() => call(net, wrong)).toThrow(message);
    expect(() => lossOf(net, { ...samples, loss: 'hinge' as 'squared' })).toThrow('loss: expected one of squared');
    const [one, ...rest] = net.layers;
    for (const name of ['a', 'b', 'bias'] as const) {
      const direction = [{ ...one!, [name]: one![name].slice(1) }, ...rest];
      expect(() => outputChanges(net, [direction], x)).toThrow(`direction 0, layer 1: ${name} [m`);
      expect(() => velocityChanges(net, [direction], samples)).toThrow(`direction 0, layer 1: ${name} [m`);
    }
    expect(() => outputChanges(net, [net.layers], x, [short])).toThrow('dx 0: expected 15 numbers');
    expect(() => outputFrom(net, x, 4)).toThrow('outputFrom: from: expected a layer from 0 to 3, got 4');
  });
});

test('a kernel is opened by its name, on a number of threads', () => {
  expect(() => openKernel('constructor' as 'wasm')).toThrow(
    'unknown kernel "constructor"; expected one of: native, wasm',
  );
  for (const threads of [0, -1, 1.5, NaN, 1e6])
    expect(() => openKernel('wasm', threads)).toThrow('openKernel: threads: expected a whole number from 1 to 9999');
});

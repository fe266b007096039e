/** Losses, read maps and scales by layer: gradients, both forms of the kernel, and what declarations make of them. */
import { afterEach, describe, expect, test } from 'vitest';
import type { HostArrays } from '../../src/core/host-array.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { lipschitzBound } from '../../theory/bounds/index.js';
import { trainDirect, trainSgd } from '../../theory/flow/direct.js';
import { imitate } from '../../theory/flow/imitation.js';
import { openKernel, useKernel, type KernelName } from '../../theory/kernel/kernel.js';
import { LOSSES, LOSS_NAMES, type LossName } from '../../theory/model/losses.js';
import { freshNet, initialNet, inputsOf, outputsOf, thinNet, type Net } from '../../theory/model/particles.js';
import { asClasses, sineTask, type Samples } from '../../theory/model/task.js';
import { discrepancy, telescope } from '../../theory/network/discrepancy.js';
import { activations, lossOf, output, velocity } from '../../theory/network/network.js';
import { simulate } from '../../theory/simulate/simulate.js';
import { relativeError } from '../support/tolerance.js';
import { nativeSkip } from './support.js';

const LAW = { rho: 0.5 };
const SHAPES = {
  'read-in and read-out': { alpha: 1, c: 1.5, inputs: 4, outputs: 2 },
  'a read-out alone': { alpha: 0.5, c: 1, outputs: 5 },
  'alpha and c by layer': { alpha: [1, 0, 0.5], c: [0.5, 2, -1] },
  'all of it': { alpha: [0.5, 1, 1], c: [1, 2, 0.25], inputs: 1, outputs: 3 },
} as const;
const netOf = (shape: object, m = 5): Net => initialNet(2, { depth: 3, m, d: 3, alpha: 1, c: 1, ...shape }, LAW);
const samplesFor = (net: Net, loss: LossName): Samples => {
  const { train } = sineTask(3, inputsOf(net), 5, 1, outputsOf(net));
  return { ...(LOSSES[loss].classes ? asClasses(train, outputsOf(net)) : train), loss };
};

/** The output by the formulas of theory/README.md, one number at a time. */
function formula(net: Net, x: readonly number[]): number[] {
  const times = (map: Net['readIn'], v: readonly number[]): number[] =>
    map === undefined
      ? [...v]
      : Array.from({ length: map.rows }, (_, r) =>
          v.reduce((sum, one, k) => sum + map.values[r * map.columns + k]! * one, 0),
        );
  const last = net.layers.reduce(
    (z, { m, a, b, bias, alpha = net.alpha, c = net.c }) =>
      z.map((value, k) => {
        let sum = alpha * value;
        for (let i = 0; i < m; i++) {
          const u = z.reduce((total, one, j) => total + a[i * net.d + j]! * one, bias[i]!);
          sum += (c / m) * b[i * net.d + k]! * Math.tanh(u);
        }
        return sum;
      }),
    times(net.readIn, x),
  );
  return times(net.readOut, last);
}

/** Mean loss of those outputs, by its definition. */
function lossByFormula(net: Net, { n, x, y, loss }: Samples): number {
  const [inputs, k] = [inputsOf(net), outputsOf(net)];
  let total = 0;
  for (let s = 0; s < n; s++) {
    const z = formula(net, [...x.subarray(s * inputs, (s + 1) * inputs)]);
    const sum = z.reduce((partial, value) => partial + Math.exp(value), 0);
    z.forEach((value, j) => {
      const target = y[s * k + j]!;
      total += loss === 'cross-entropy' ? -target * Math.log(Math.exp(value) / sum) : (value - target) ** 2 / 2;
    });
  }
  return total / n;
}

afterEach(() => useKernel(undefined));
const KERNELS: KernelName[] = nativeSkip() ? ['wasm'] : ['wasm', 'native'];
const CASES = LOSS_NAMES.flatMap((loss) =>
  Object.keys(SHAPES).map((name) => [loss, name as keyof typeof SHAPES] as const),
);

describe.each(KERNELS)('on the %s kernel', (form) => {
  test.each(CASES)('%s, %s: loss by the formula, velocity m times its gradient by differences [c]', (loss, name) => {
    useKernel(openKernel(form, 1));
    const net = netOf(SHAPES[name]);
    const samples = samplesFor(net, loss);
    const found = velocity(net, samples);
    expect(found.loss).toBeCloseTo(lossByFormula(net, samples), 12);
    expect(lossOf(net, samples)).toBeCloseTo(found.loss, 13);
    const h = 1e-6;
    for (const [l, layer] of net.layers.entries())
      for (const part of ['a', 'b', 'bias'] as const)
        layer[part].forEach((value, i) => {
          layer[part][i] = value + h;
          const up = lossByFormula(net, samples);
          layer[part][i] = value - h;
          const derivative = (up - lossByFormula(net, samples)) / (2 * h);
          layer[part][i] = value;
          const moved = found.layers[l]![part][i]!;
          expect(Math.abs(moved + layer.m * derivative)).toBeLessThan(1e-6 * (1 + Math.abs(moved)));
        });
  });
});

test.skipIf(KERNELS.length < 2)('both kernels train the same nets, of several chunks and slices', () => {
  const [wasm, native] = KERNELS.map((form) => {
    useKernel(openKernel(form, 1));
    return CASES.map(([loss, name]) => {
      const net = netOf(SHAPES[name], 70);
      trainDirect(net, samplesFor(net, loss), { steps: 5, dt: 0.05 });
      return output(net, normals(rngKey(1, 'x'), 4 * inputsOf(net)));
    });
  });
  wasm!.forEach((values, i) => expect(relativeError(values, native![i]!)).toBeLessThan(1e-12));
});

test('layer by layer gives what one call of the kernel gives', () => {
  const net = netOf({});
  const own: Net = { ...net, alpha: 7, c: 7, layers: net.layers.map((layer) => ({ ...layer, alpha: 1, c: 1 })) };
  const samples = samplesFor(net, 'squared');
  const [fused, single] = [velocity(net, samples), velocity(own, samples)];
  expect(single.loss).toBeCloseTo(fused.loss, 13);
  fused.layers.forEach((layer, l) => {
    for (const part of ['a', 'b', 'bias'] as const)
      expect(relativeError(single.layers[l]![part], layer[part])).toBeLessThan(1e-12);
  });
  const [together, apart] = [activations(net, samples.x), activations(own, samples.x)];
  together.forEach((z, l) => expect(relativeError(apart[l]!, z)).toBeLessThan(1e-13));
});

test('the cross-entropy of equal outputs is log k; large ones stay in float64', () => {
  const p = new Float64Array(3);
  const { mean } = LOSSES['cross-entropy'];
  expect(mean(new Float64Array(3), Float64Array.of(0, 1, 0), p, 3)).toBeCloseTo(Math.log(3), 14);
  expect(p[1]).toBeCloseTo(-2 / 3, 14);
  expect(mean(Float64Array.of(1e4, 0, -1e4), Float64Array.of(0, 1, 0), p, 3)).toBe(1e4);
  expect([...p]).toEqual([1, -1, 0]);
  expect(mean(Float64Array.of(1e4, 0, 0), Float64Array.of(1, 0, 0), p, 3)).toBe(0);
});

test('thin nets have the wide net’s maps and scales: of all particles they are the wide net, and imitation keeps that', () => {
  const wide = netOf(SHAPES['all of it']);
  const samples = samplesFor(wide, 'cross-entropy');
  const thin = thinNet(wide, 5, 1, 0);
  imitate(thin, wide, samples.x, { steps: 3, dt: 0.1 });
  expect(discrepancy(thin, wide, samples.x)).toBeLessThan(1e-13);
  const fresh = freshNet(wide, 4, LAW, 1, 0);
  expect(fresh.layers.map(({ alpha, c, m }) => [alpha, c, m])).toEqual([
    [0.5, 1, 4],
    [1, 2, 4],
    [1, 0.25, 4],
  ]);
  expect(fresh.readOut).toBe(wide.readOut);
  const D = discrepancy(fresh, wide, samples.x);
  expect(D).toBeGreaterThan(0);
  expect(D).toBeLessThanOrEqual(telescope(fresh, wide, samples.x).reduce((sum, h) => sum + h, 0) * (1 + 1e-12));
});

test('batches have the loss and the dimensions of their samples', () => {
  const [whole, batched] = [netOf(SHAPES['all of it']), netOf(SHAPES['all of it'])];
  const samples = samplesFor(whole, 'cross-entropy');
  trainDirect(whole, samples, { steps: 3, dt: 0.1 });
  trainSgd(batched, samples, { steps: 3, dt: 0.1, batch: 5, seed: 1 });
  expect(relativeError(output(batched, samples.x), output(whole, samples.x))).toBeLessThan(1e-12);
});

test('bounds, derived for one alpha and c and no maps, refuse the rest', () => {
  const net = netOf(SHAPES['alpha and c by layer']);
  expect(() => lipschitzBound(net, net, Float64Array.of(1, 2, 3))).toThrow(/^bounds: expected a net of one alpha/);
});

describe('simulate', () => {
  const MODEL = { depth: 2, d: 3, width: 16, inputs: 4, outputs: 2, alpha: [1, 0.5], c: [2, 1] };
  const CONFIG = {
    ...{ model: MODEL, loss: 'cross-entropy', data: { train: 8, heldOut: 8 } },
    ...{ flow: { steps: 20, dt: 0.1 }, thin: { m: 16 } },
  };

  test.each([
    { steps: 20, dt: 0.1 },
    { steps: 20, dt: 0.1, method: 'heun' },
    { steps: 20, dt: 0.1, batch: 4 },
  ])(
    'cross-entropy with maps and scales by layer, %j: the loss falls, and a thin net of all particles is the wide one',
    (flow) => {
      const { arrays, summary } = simulate({ ...CONFIG, flow });
      expect(summary.loss).toBeLessThan(simulate({ ...CONFIG, flow: { steps: 0, dt: 1 } }).summary.loss as number);
      expect((summary.thin as { discrepancy: number }).discrepancy).toBeLessThan(1e-11);
      expect(arrays.output!.shape).toEqual([8, 2]);
      expect(arrays['read-in']!.shape).toEqual([3, 4]);
      expect(arrays['read-out']!.shape).toEqual([2, 3]);
      for (let i = 0; i < 16; i += 2) expect(arrays.y!.values[i]! + arrays.y!.values[i + 1]!).toBe(1);
    },
  );

  test('what a run writes can be run on, with its maps', () => {
    const once = simulate({ ...CONFIG, thin: undefined, flow: { steps: 10, dt: 0.1 } });
    const twice = simulate({ ...CONFIG, seed: 9, thin: undefined, flow: { steps: 10, dt: 0.1 } }, once.arrays);
    const whole = simulate({ ...CONFIG, thin: undefined });
    expect(relativeError(twice.arrays.output!.values, whole.arrays.output!.values)).toBeLessThan(1e-12);
  });

  test('halving, imitation and three stages have them too', () => {
    const stage = { steps: 4, dt: 0.1 };
    const thin = { m: 4, training: 'three-stages', imitation: stage, tuning: stage };
    const { summary } = simulate({ ...CONFIG, thin, halving: true });
    expect(summary.halvingShare).toBeLessThan(0.05);
    const { discrepancy: D, telescope: sums } = summary.thin as { discrepancy: number; telescope: number[] };
    expect(D).toBeLessThanOrEqual(sums.reduce((sum, h) => sum + h, 0) * (1 + 1e-12));
  });

  test('equal numbers for all layers are one number', () => {
    const one = { ...CONFIG, model: { ...MODEL, alpha: 0.5, c: 2 } };
    expect(simulate({ ...CONFIG, model: { ...MODEL, alpha: [0.5, 0.5], c: [2, 2] } })).toEqual(simulate(one));
  });

  const array = (...shape: number[]): { shape: number[]; values: Float64Array } => ({
    shape,
    values: new Float64Array(shape.reduce((product, n) => product * n, 1)).fill(0.25),
  });
  test.each([
    [
      'scales for another depth',
      { model: { ...MODEL, c: [1, 2, 3] } },
      {},
      /"model.c": expected one number for each of 2/,
    ],
    ['a scale that is none', { model: { ...MODEL, c: '1/l' } }, {}, /model\.c: .*"1\/L"/],
    ['no dimension', { model: { ...MODEL, outputs: 0 } }, {}, /model\.outputs/],
    [
      'classes of one output',
      { model: { ...MODEL, outputs: 1 } },
      {},
      /"loss" is "cross-entropy", which needs 2 classes/,
    ],
    ['a loss that is none', { loss: 'hinge' }, {}, /loss: .*squared.*cross-entropy/],
    [
      'targets that are no classes',
      {},
      { x: array(3, 4), y: array(3, 2) },
      /"y", row 0: adds up to 0\.5; probabilities/,
    ],
    ['a map of another shape', {}, { 'read-in': array(4, 3) }, /"read-in": expected shape \[3, 4\], got \[4, 3\]/],
    [
      'a map that the model does not have',
      { model: { depth: 2, d: 3, width: 16 } },
      { 'read-out': array(2, 3) },
      /"read-out" is given, and the model has none; give "model.outputs"/,
    ],
  ])('%s: refused in one line', (_, change, arrays: HostArrays<Float64Array>, message) => {
    expect(() => simulate({ ...CONFIG, ...change, thin: undefined }, arrays)).toThrow(message);
  });
});

/** Flows with noise, batches and momentum: their declared orders, and where Langevin dynamics come to rest. */
import { describe, expect, test } from 'vitest';
import { fitLine, mean, rms } from '../../../src/core/stats.js';
import { langevinStationary } from '../../../theory/exact/langevin.js';
import { trainDirect, trainSgd } from '../../../theory/flow/direct.js';
import { FLOWS, type FlowName, type FlowOrders, type FlowSpec } from '../../../theory/flow/flows.js';
import { INTEGRATORS } from '../../../theory/flow/integrators.js';
import { particleNoise, pickNoise, trainLangevin, type ParticleNoise } from '../../../theory/flow/langevin.js';
import { trainMomentum } from '../../../theory/flow/momentum.js';
import { copyNet, initialNet, pickNet, type Layer, type Net } from '../../../theory/model/particles.js';
import { sineTask, type Samples } from '../../../theory/model/task.js';
import { rmsDistance } from '../../../theory/network/discrepancy.js';
import { output } from '../../../theory/network/network.js';
import { simulate } from '../../../theory/simulate/simulate.js';
import { smallNet } from '../support.js';

const D = 2;
const TASK = sineTask(1, D, 8, 8);

/** Noise of steps `factor` times as long, of the same Brownian motion. */
function coarser(noise: ParticleNoise, factor: number): ParticleNoise {
  return (step) => {
    const fine = Array.from({ length: factor }, (_, i) => noise(step * factor + i));
    return fine[0]!.map((layer, l): Layer => {
      const sum = (name: 'a' | 'b' | 'bias'): Float64Array =>
        layer[name].map((_, i) => fine.reduce((total, one) => total + one[l]![name][i]!, 0) / Math.sqrt(factor));
      return { m: layer.m, a: sum('a'), b: sum('b'), bias: sum('bias') };
    });
  };
}

const declared = (name: FlowName, spec: object): FlowOrders =>
  FLOWS[name].orders(FLOWS[name].spec.parse({ kind: name, ...spec }) as FlowSpec);

/** Orders that errors at numbers of steps show: of each draw's output [N, d], and of the mean of its square. */
function ordersOf(
  counts: readonly number[],
  draws: number,
  at: (steps: number, draw: number) => Float64Array,
  exact: (draw: number) => Float64Array,
): FlowOrders {
  const references = Array.from({ length: draws }, (_, draw) => exact(draw));
  const square = (values: Float64Array): number => rmsDistance(values, new Float64Array(values.length), D) ** 2;
  const errors = counts.map((steps) => {
    const found = references.map((_, draw) => at(steps, draw));
    return {
      strong: rms(found.map((values, draw) => rmsDistance(values, references[draw]!, D))),
      weak: Math.abs(mean(found.map((values, draw) => square(values) - square(references[draw]!)))),
    };
  });
  const order = (kind: keyof FlowOrders): number =>
    -fitLine(
      counts.map(Math.log),
      errors.map((error) => Math.log(error[kind])),
    ).slope;
  return { strong: order('strong'), weak: order('weak') };
}

describe('every flow has the orders that it declares, strong and weak [f]', () => {
  const close = (found: FlowOrders, expected: FlowOrders): void => {
    expect(Math.abs(found.strong - expected.strong), `strong ${found.strong}`).toBeLessThan(0.2);
    expect(Math.abs(found.weak - expected.weak), `weak ${found.weak}`).toBeLessThan(0.2);
  };
  const start = (): Net => smallNet(4, 2, 8, D);
  const trained = (train: (net: Net) => unknown): Float64Array => {
    const net = start();
    train(net);
    return output(net, TASK.heldOut.x);
  };
  const flow = (): Float64Array =>
    trained((net) => trainDirect(net, TASK.train, { steps: 128, dt: 1 / 128, method: INTEGRATORS.rk4 }));

  test('Langevin dynamics, on one Brownian motion', () => {
    const finest = 256;
    const at = (steps: number, draw: number): Float64Array =>
      trained((net) => {
        const noise = coarser(particleNoise(net, draw), finest / steps);
        trainLangevin(net, TASK.train, { steps, dt: 0.5 / steps, temperature: 0.3, decay: 0.5, noise });
      });
    const found = ordersOf([8, 16, 32], 8, at, (draw) => at(finest, draw));
    close(found, declared('langevin', { steps: 1, dt: 1, temperature: 0.1 }));
  });

  test('SGD, whole epochs against the gradient flow', () => {
    const at = (steps: number, seed: number): Float64Array =>
      trained((net) => trainSgd(net, TASK.train, { steps, dt: 1 / steps, batch: 2, seed }));
    close(ordersOf([32, 64, 128], 24, at, flow), declared('sgd', { steps: 1, dt: 1, batch: 2 }));
  });

  test('momentum', () => {
    const at = (steps: number): Float64Array =>
      trained((net) => trainMomentum(net, TASK.train, { steps, dt: 2 / steps, friction: 1.5 }));
    close(
      ordersOf([32, 64, 128], 1, at, () => at(8192)),
      declared('momentum', { steps: 1, dt: 1, friction: 1 }),
    );
  });

  test('the gradient flow has the order of its method', () => {
    for (const [method, { order }] of Object.entries(INTEGRATORS))
      expect(declared('gradient', { steps: 1, dt: 1, method })).toEqual({ strong: order, weak: order });
  });
});

describe('Langevin dynamics', () => {
  test('at temperature 0 without decay they are the gradient flow', () => {
    const [flow, still] = [smallNet(), smallNet()];
    const { train } = sineTask(1, 3, 8, 8);
    trainDirect(flow, train, { steps: 4, dt: 0.05 });
    trainLangevin(still, train, { steps: 4, dt: 0.05, temperature: 0, noise: particleNoise(still, 1) });
    expect(rmsDistance(output(still, train.x), output(flow, train.x), 3)).toBeLessThan(1e-13);
  });

  test('without a part in the output each particle is an Ornstein-Uhlenbeck process of its closed variance [e]', () => {
    const [temperature, decay, dt, m] = [0.3, 1.5, 0.1, 4096];
    const net = initialNet(1, { depth: 1, m, d: 1, alpha: 1, c: 0 }, { rho: 0 });
    const { train } = sineTask(1, 1, 4, 4);
    trainLangevin(net, train, { steps: 60, dt, temperature, decay, noise: particleNoise(net, 2) });
    // stationary at infinitely small steps: temperature / decay; by this method that over 1 - decay dt / 2
    const expected = temperature / decay / (1 - (decay * dt) / 2);
    const { a, b, bias } = net.layers[0]!;
    // three standard deviations of the variance of 3 x 4,096 numbers: a false alarm at one seed of 370
    const found = mean([a, b, bias].map((values) => rms([...values]) ** 2));
    expect(Math.abs(found / expected - 1)).toBeLessThan(3 * Math.sqrt(2 / (3 * m)));
  });

  test('one linear layer comes to rest at the law of the mean field, whose particles meet through the net [e]', () => {
    const setting = { alpha: 0.25, c: 1, target: 2, temperature: 0.4, decay: 0.8, d: 2 };
    const { alpha, c, target, temperature, decay, d } = setting;
    const net = initialNet(1, { depth: 1, m: 2048, d, alpha, c, activation: 'identity' }, { rho: 0 });
    // E x = 0 and E x x^T = I, exactly
    const x = Float64Array.from([1, 1, 1, -1, -1, 1, -1, -1]);
    const samples: Samples = { n: 4, x, y: x.map((value) => target * value) };
    const noise = particleNoise(net, 3);
    const found = { variance: 0, covariance: 0, risk: 0 };
    const [rest, measured, dt] = [120, 160, 0.05];
    trainLangevin(net, samples, {
      ...{ steps: rest + measured, dt, temperature, decay, noise },
      onStep: (done) => {
        if (done <= rest) return;
        const { a, b } = net.layers[0]!;
        found.variance += (rms([...a]) ** 2 + rms([...b]) ** 2) / (2 * measured);
        found.covariance += mean([...a].map((value, i) => value * b[i]!)) / measured;
        found.risk += rmsDistance(output(net, x), samples.y, d) ** 2 / (2 * measured);
      },
    });
    const exact = langevinStationary(setting);
    expect(exact.risk).toBeGreaterThan(0.05);
    // dt of 0.05 leaves 2 % of a variance, 4,096 pairs over 8 units of time 1 %
    for (const name of ['variance', 'covariance', 'risk'] as const)
      expect(Math.abs(found[name] / exact[name] - 1), `${name}: ${found[name]}, ${exact[name]}`).toBeLessThan(0.06);
  });

  test('the noise of a particle is its own, and the same whichever thin net it is in', () => {
    const net = smallNet();
    const noise = particleNoise(net, 5);
    const [first, again, next] = [noise(3), particleNoise(net, 5)(3), noise(4)];
    expect(again).toEqual(first);
    expect(next[0]!.a).not.toEqual(first[0]!.a);
    expect(first[1]!.a).not.toEqual(first[0]!.a);
    const indices = net.layers.map(() => Uint32Array.of(4, 0));
    const thin = pickNoise(noise, net.d, indices)(3);
    expect(thin).toEqual(pickNet({ ...net, layers: first }, indices).layers);
  });
});

describe('the stationary law of Langevin dynamics', () => {
  test.each([
    { alpha: 0, c: 1, target: 2, temperature: 0.1, decay: 0.2 },
    { alpha: 1, c: -3, target: -2, temperature: 5, decay: 0.01 },
    { alpha: 0, c: 1, target: 10, temperature: 1e-3, decay: 1 },
    { alpha: 0, c: 2, target: 0, temperature: 1, decay: 1e3 },
    { alpha: 0, c: 1e-3, target: 1, temperature: 1e3, decay: 1e-3 },
  ])('%j: no moment moves', (setting) => {
    const { alpha, c, target, temperature, decay } = setting;
    const { variance: v, covariance: s, bias, risk } = langevinStationary(setting);
    const q = Math.sign(c * (alpha + c * s - target)) * Math.abs(c) * Math.sqrt(2 * risk);
    // d E a^2 / 2 dt = -q s - decay v + temperature and d s / 2 dt = -q v - decay s
    expect((q * s + decay * v) / temperature).toBeCloseTo(1, 9);
    expect(Math.abs(q * v + decay * s) / (decay * v)).toBeLessThan(1e-12);
    expect(bias).toBe(temperature / decay);
  });

  test('c = 0 leaves particles alone; a temperature or decay of 0 is refused', () => {
    const alone = { alpha: 0.5, c: 0, target: 2, temperature: 0.3, decay: 0.6 };
    expect(langevinStationary(alone)).toEqual({ variance: 0.5, covariance: 0, bias: 0.5, risk: 1.125, sqrtMD: 0 });
    expect(() => langevinStationary({ ...alone, decay: 0 })).toThrow(/decay: expected a finite number above 0, got 0$/);
  });
});

describe('momentum', () => {
  test('without memory it is gradient descent at rate dt^2', () => {
    const { train } = sineTask(1, 3, 8, 8);
    const [ball, flow] = [smallNet(), smallNet()];
    trainMomentum(ball, train, { steps: 5, dt: 0.25, friction: 4 });
    trainDirect(flow, train, { steps: 5, dt: 0.25 ** 2 });
    expect(rmsDistance(output(ball, train.x), output(flow, train.x), 3)).toBeLessThan(1e-13);
    expect(() => trainMomentum(ball, train, { steps: 1, dt: 0.25, friction: 5 })).toThrow(/at most 1, got 5 x 0.25/);
  });

  test('two steps are those of momentum 1 - friction dt at rate dt^2', () => {
    const { train } = sineTask(1, 3, 8, 8);
    const [ball, first] = [smallNet(), smallNet()];
    trainMomentum(ball, train, { steps: 2, dt: 0.2, friction: 2 });
    const before = copyNet(first);
    trainDirect(first, train, { steps: 1, dt: 0.04 });
    const second = copyNet(first);
    trainDirect(second, train, { steps: 1, dt: 0.04 });
    ball.layers[1]!.a.forEach((value, i) => {
      const [was, one, two] = [before, first, second].map((net) => net.layers[1]!.a[i]!) as [number, number, number];
      expect(value).toBeCloseTo(two + 0.6 * (one - was), 13);
    });
  });
});

describe('simulate', () => {
  const MODEL = { depth: 2, d: 2, width: 8 };
  const SAMPLES = { train: 8, heldOut: 8 };
  const run = (flow: object, more: object = {}): ReturnType<typeof simulate> =>
    simulate({ model: MODEL, flow: { steps: 5, dt: 0.05, ...flow }, data: SAMPLES, ...more });
  const KINDS = [
    ['langevin', { kind: 'langevin', temperature: 0.1, decay: 0.01 }],
    ['langevin on batches', { kind: 'langevin', temperature: 0.1, batch: 4 }],
    ['momentum', { kind: 'momentum', friction: 1 }],
    ['momentum on batches', { kind: 'momentum', friction: 1, batch: 4 }],
  ] as const;

  test.each(KINDS)('%s: a thin net of all particles is the wide one, as it has its noise and batches', (_, flow) => {
    const { summary } = run(flow, { thin: { m: 8 } });
    expect((summary.thin as { discrepancy: number }).discrepancy).toBeLessThan(1e-12);
    expect(summary).toMatchObject({ kind: flow.kind, steps: 5 });
    expect(summary.lossIncreases).toBeUndefined();
  });

  test('noise and batches have streams of their own: another seed is another run, the same seed the same', () => {
    const noisy = (seed: number): unknown => run(KINDS[1][1], { seed, thin: { m: 3, coupling: 'fresh' } });
    expect(noisy(1)).toEqual(noisy(1));
    expect(noisy(1)).not.toEqual(noisy(2));
  });

  test('a kind that is left out is the gradient flow, or SGD where there are batches', () => {
    expect(run({ kind: 'gradient', method: 'heun' })).toEqual(run({ method: 'heun' }));
    expect(run({ kind: 'sgd', batch: 4 })).toEqual(run({ batch: 4 }));
    expect(run({ batch: 4 }).summary).toMatchObject({ method: 'euler', batch: 4 });
  });

  test.each([
    ['a kind that is none', { kind: 'adam' }, /flow\.kind: unknown kind of flow "adam".*langevin, momentum/],
    ['a key of another kind', { temperature: 1 }, /flow: unknown key "temperature"/],
    ['no temperature', { kind: 'langevin' }, /flow\.temperature/],
    ['a temperature below 0', { kind: 'langevin', temperature: -1 }, /flow\.temperature/],
    [
      'friction that turns round',
      { kind: 'momentum', friction: 30 },
      /flow\.friction: expected friction x dt of at most 1/,
    ],
    ['a batch above N', { kind: 'momentum', friction: 1, batch: 9 }, /"flow.batch": expected at most the 8 samples/],
    [
      'a temperature that explodes',
      { kind: 'langevin', temperature: 1e30, steps: 30 },
      /training exploded at step \d+/,
    ],
  ])('%s is refused in one line', (_, flow, message) => {
    expect(() => run(flow)).toThrow(message);
  });

  test('halving is said to have no effect where two runs would differ by their noise', () => {
    expect(run(KINDS[0][1], { halving: true }).warnings.join()).toMatch(
      /halving: has no effect on a flow of kind "langevin"/,
    );
  });
});

/** The response to changes of weights: against differences of weighted flows, written out from the formulas. */
import { describe, expect, test } from 'vitest';
import { normals, rngKey } from '../../../src/core/rng.js';
import { activations, output, velocity } from '../../../theory/network/network.js';
import { trainDirect } from '../../../theory/flow/direct.js';
import { INTEGRATORS } from '../../../theory/flow/integrators.js';
import { langevinMove, particleNoise } from '../../../theory/flow/langevin.js';
import { momentumMove } from '../../../theory/flow/momentum.js';
import { responsesOf, type Course, type Weights } from '../../../theory/limit/fluctuation.js';
import { copyNet, initialNet, singleLayer, zerosLike, type Layer, type Net } from '../../../theory/model/particles.js';

const D = 2;
const NET = initialNet(3, { depth: 3, m: 7, d: D, alpha: 0.6, c: 1.5 }, { rho: 0.5 });
const [X, Y, POINTS] = ['x', 'y', 'points'].map((name) => normals(rngKey(3, name), 5 * D)) as [
  Float64Array,
  Float64Array,
  Float64Array,
];
const TRAIN = { n: 5, x: X, y: Y };
const WEIGHTS: Weights[] = [1, 2].map((k) => NET.layers.map((_, l) => normals(rngKey(3, 'g', k, l), 7)));

/** A net whose particle i counts w_i times: b_i is w_i b_i as the other particles see it. */
function weighted(net: Net, w: readonly Float64Array[]): Net {
  const copy = copyNet(net);
  copy.layers.forEach(({ b }, l) => b.forEach((_, j) => (b[j]! *= w[l]![Math.floor(j / D)]!)));
  return copy;
}

/** One Euler step of a weighted net: particle i itself moves as if it counted once. */
function moveWeighted(net: Net, w: readonly Float64Array[], layers: readonly Layer[], dt: number): void {
  net.layers.forEach(({ a, b, bias }, l) => {
    const [v, weight] = [layers[l]!, (j: number) => w[l]![Math.floor(j / D)]!];
    a.forEach((_, j) => (a[j]! += (dt * v.a[j]!) / weight(j)));
    b.forEach((_, j) => (b[j]! += dt * weight(j) * v.b[j]!));
    bias.forEach((_, i) => (bias[i]! += (dt * v.bias[i]!) / w[l]![i]!));
  });
}

/** The output of the weighted net with weights 1 + h g on the points, after the course. */
type Finite = (w: readonly Float64Array[]) => Float64Array;

/** Mean squares of central differences over the points, one for each set of weights. */
function differences(finite: Finite): number[] {
  const h = 1e-5;
  return WEIGHTS.map((g) => {
    const [up, down] = [h, -h].map((step) => finite(g.map((one) => one.map((value) => 1 + step * value))));
    return up!.reduce((sum, value, j) => sum + ((value - down![j]!) / (2 * h)) ** 2, 0) / 5;
  });
}

function expectResponses(course: Course, finite: Finite): void {
  const { squares } = responsesOf(NET, WEIGHTS, course);
  // the differences' own error
  differences(finite).forEach((value, k) => expect(squares[0]![k]! / value).toBeCloseTo(1, 6));
}

const trained = (steps: number): Net => {
  const net = copyNet(NET);
  trainDirect(net, TRAIN, { steps, dt: 0.1 });
  return net;
};

describe('responses to changes of weights', () => {
  test('at the start', () => {
    expectResponses({ train: TRAIN, points: POINTS, flow: { steps: 0, dt: 0.1 } }, (w) =>
      output(weighted(NET, w), POINTS),
    );
  });

  test('of direct training', () => {
    expectResponses({ train: TRAIN, points: POINTS, flow: { steps: 8, dt: 0.1 } }, (w) => {
      const net = weighted(NET, w);
      for (let step = 0; step < 8; step++) moveWeighted(net, w, velocity(net, TRAIN).layers, 0.1);
      return output(net, POINTS);
    });
  });

  test('of a heavy ball, whose particles have momenta of their own', () => {
    const move: Course['flow']['move'] = (layers) => momentumMove(layers, { friction: 0.7, dt: 0.3 });
    expectResponses({ train: TRAIN, points: POINTS, flow: { steps: 6, dt: 0.3, move } }, (w) => {
      const net = weighted(NET, w);
      const momenta = zerosLike(net.layers);
      for (let step = 0; step < 6; step++) {
        momenta.forEach((layer) =>
          [layer.a, layer.b, layer.bias].forEach((values) => values.forEach((_, i) => (values[i]! *= 1 - 0.3 * 0.7))),
        );
        moveWeighted({ ...net, layers: momenta }, w, velocity(net, TRAIN).layers, 0.3);
        net.layers.forEach((layer, l) =>
          (['a', 'b', 'bias'] as const).forEach((part) =>
            layer[part].forEach((_, i) => (layer[part][i]! += 0.3 * momenta[l]![part][i]!)),
          ),
        );
      }
      return output(net, POINTS);
    });
  });

  test('of Langevin dynamics, whose noise belongs to the particles that are weighed', () => {
    const [dt, temperature, decay, noise] = [0.1, 0.4, 0.5, particleNoise(NET, 3)];
    const move: Course['flow']['move'] = (layers, own) => langevinMove(layers, { dt, temperature, decay, noise: own });
    const course: Course = { train: TRAIN, points: POINTS, flow: { steps: 6, dt, move } };
    const { squares } = responsesOf(NET, WEIGHTS, course, noise);
    const expected = differences((w) => {
      const net = weighted(NET, w);
      for (let step = 0; step < 6; step++) {
        const [{ layers }, kicks] = [velocity(net, TRAIN), noise(step)];
        net.layers.forEach((layer) =>
          [layer.a, layer.b, layer.bias].forEach((values) => values.forEach((_, i) => (values[i]! *= 1 - dt * decay))),
        );
        moveWeighted(net, w, layers, dt);
        const size = Math.sqrt(2 * temperature * dt);
        net.layers.forEach(({ a, b, bias }, l) => {
          a.forEach((_, j) => (a[j]! += size * kicks[l]!.a[j]!));
          b.forEach((_, j) => (b[j]! += size * w[l]![Math.floor(j / D)]! * kicks[l]!.b[j]!));
          bias.forEach((_, i) => (bias[i]! += size * kicks[l]!.bias[i]!));
        });
      }
      return output(net, POINTS);
    });
    expected.forEach((value, k) => expect(squares[0]![k]! / value).toBeCloseTo(1, 6));
  });

  test.each(['wide', 'thin'] as const)('of imitation on %s inputs', (inputs) => {
    const course: Course = {
      train: TRAIN,
      points: POINTS,
      flow: { steps: 5, dt: 0.1 },
      imitation: { steps: 6, dt: 0.1, inputs },
    };
    const wide = trained(5);
    const targets = activations(wide, X);
    expectResponses(course, (w) => {
      const net = weighted(wide, w);
      for (let step = 0; step < 6; step++) {
        const own = inputs === 'thin' ? activations(net, X) : targets;
        const layers = net.layers.map(
          (_, l) => velocity(singleLayer(net, l), { n: 5, x: own[l]!, y: targets[l + 1]! }).layers[0]!,
        );
        moveWeighted(net, w, layers, 0.1);
      }
      return output(net, POINTS);
    });
  });

  test('a method of higher order is differentiated as it stands: heun and rk4 tend to one value, by their orders', () => {
    const end = (method: keyof typeof INTEGRATORS, steps: number): number =>
      responsesOf(NET, WEIGHTS, {
        train: TRAIN,
        points: POINTS,
        flow: { steps, dt: 1.6 / steps, method: INTEGRATORS[method] },
      }).squares[0]![0]!;
    const fine = end('rk4', 32);
    for (const method of ['euler', 'heun', 'rk4'] as const) {
      const [coarse, finer] = [end(method, 8), end(method, 16)].map((value) => Math.abs(value - fine));
      const order = Math.log2(coarse! / finer!);
      expect(Math.abs(order - INTEGRATORS[method].order), `${method}: ${order}`).toBeLessThan(0.5);
    }
  });

  test('stochastic gradient descent sees the batches of the declared seed', () => {
    const course = (batch: number): Course => ({
      train: TRAIN,
      points: POINTS,
      flow: { steps: 6, dt: 0.1, batches: { batch, seed: 1 } },
    });
    const all = responsesOf(NET, WEIGHTS, { ...course(5), flow: { steps: 6, dt: 0.1 } }).squares[0]![0]!;
    // a batch of all samples is another order of the same sum
    expect(responsesOf(NET, WEIGHTS, course(5)).squares[0]![0]! / all).toBeCloseTo(1, 10);
    expect(Math.abs(responsesOf(NET, WEIGHTS, course(2)).squares[0]![0]! / all - 1)).toBeGreaterThan(1e-3);
  });

  test('probes give the course of the value, and a training that explodes is named', () => {
    const course: Course = { train: TRAIN, points: POINTS, flow: { steps: 4, dt: 0.1 } };
    const probed = responsesOf(NET, WEIGHTS, { ...course, probes: [0, 2, 4] }).squares;
    expect(probed).toHaveLength(3);
    expect(probed[2]).toEqual(responsesOf(NET, WEIGHTS, course).squares[0]);
    expect(() => responsesOf(NET, WEIGHTS, { ...course, flow: { steps: 50, dt: 500 } })).toThrow(
      /^limit: the wide net exploded at step \d+; a smaller dt than 500 is needed$/,
    );
  });
});

/** Imitation in closed form: it is the minimizer that it says, at every ridge, and refuses what does not fit. */
import { describe, expect, test } from 'vitest';
import { imitateByRidge } from '../../../theory/flow/ridge.js';
import { imitate } from '../../../theory/flow/imitation.js';
import { selectNets } from '../../../theory/flow/selection.js';
import { copyNet, initialNet, pickNet, thinNet, type Net } from '../../../theory/model/particles.js';
import { sineTask } from '../../../theory/model/task.js';
import { layerErrors, telescope } from '../../../theory/network/discrepancy.js';
import { activations, layerForward } from '../../../theory/network/network.js';
import { singularValues } from '../../../theory/numerics/linear.js';

const wide = initialNet(3, { depth: 1, m: 6, d: 2, alpha: 0.7, c: 1.3 }, { rho: 0.4 });
const { x } = sineTask(1, 2, 40, 0).train;
const [input, target] = activations(wide, x) as [Float64Array, Float64Array];

const fitted = (thin: Net, ridge: number, points = x): Net => {
  const net = copyNet(thin);
  imitateByRidge(net, wide, points, { ridge });
  return net;
};

/** Features (c/m) act [N][m] of a net of one layer. */
function featuresOf(net: Net): number[][] {
  const [layer] = net.layers;
  const columns = Array.from({ length: layer!.m }, (_, i) => {
    const b = new Float64Array(layer!.b.length).fill(1, i * 2, i * 2 + 1);
    return layerForward({ ...net, alpha: 0 }, { ...layer!, b }, input).filter((_value, j) => j % 2 === 0);
  });
  return Array.from({ length: 40 }, (_, s) => columns.map((column) => column[s]!));
}

/** Largest entry of F^T (F b + alpha z - A) + lambda b, which is 0 at the minimizer, relative to F^T (alpha z - A). */
function gradient(net: Net, ridge: number): number {
  const features = featuresOf(net);
  const lambda = (ridge * features.flat().reduce((sum, value) => sum + value * value, 0)) / 40;
  const { b, m } = net.layers[0]!;
  let [most, size] = [0, 0];
  for (let k = 0; k < 2; k++) {
    const rest = features.map((_row, s) => net.alpha * input[2 * s + k]! - target[2 * s + k]!);
    const left = features.map((row, s) => row.reduce((sum, value, i) => sum + value * b[2 * i + k]!, rest[s]!));
    for (let i = 0; i < m; i++) {
      const along = (values: readonly number[]): number =>
        features.reduce((sum, row, s) => sum + row[i]! * values[s]!, 0);
      most = Math.max(most, Math.abs(along(left) + lambda * b[2 * i + k]!));
      size = Math.max(size, Math.abs(along(rest)));
    }
  }
  return most / size;
}

describe('with more samples than particles', () => {
  const thin = thinNet(wide, 3, 1, 0);

  test.each([0, 1e-300, 1e-30, 1e-20, 1e-16, 1e-14, 1e-12, 1e-9, 1e-7, 1e-6, 1e-3, 1])(
    'ridge %d is minimal',
    (ridge) => {
      const net = fitted(thin, ridge);
      // the Gram matrix of a ridge from 1e-6 on has the square of the features' condition
      expect(gradient(net, ridge)).toBeLessThan(ridge < 1e-6 ? 1e-12 : 1e-9);
      // the least squares error is numpy's (lstsq), as this was found
      if (ridge < 1e-8) expect(layerErrors(net, wide, x)[0]).toBeCloseTo(0.0387269989670228, 12);
    },
  );

  test('a particle that stands twice, or has no feature, gets the smallest weights', () => {
    const twice = pickNet(wide, [Uint32Array.of(0, 0, 1)]);
    const once = fitted(pickNet(wide, [Uint32Array.of(0, 1)]), 0).layers[0]!.b;
    const { b } = fitted(twice, 0).layers[0]!;
    // c/m is smaller by 2/3
    [once[0]! * 0.75, once[1]! * 0.75, once[0]! * 0.75, once[1]! * 0.75, once[2]! * 1.5, once[3]! * 1.5].forEach(
      (value, j) => expect(b[j]).toBeCloseTo(value, 10),
    );
    const dead = { ...wide, activation: 'relu' as const };
    const silent = pickNet(dead, [Uint32Array.of(0, 1)]);
    silent.layers[0]!.bias[1] = -1e6;
    for (const ridge of [0, 1e-3]) expect([...fitted(silent, ridge).layers[0]!.b].slice(2)).toEqual([0, 0]);
    const none = { ...wide, c: 0 };
    for (const ridge of [0, 1e-12, 1e-3]) {
      const net = thinNet(none, 3, 1, 0);
      imitateByRidge(net, none, x, { ridge });
      expect([...net.layers[0]!.b]).toEqual(new Array(6).fill(0));
    }
  });

  test('the scale c of the sum changes the weights by its inverse alone, where its square leaves float64, too', () => {
    const plain = fitted({ ...thin, alpha: 0.7 }, 0).layers[0]!.b;
    for (const power of [-600, 600])
      for (const ridge of [0, 1e-3]) {
        const scale = 2 ** power;
        const scaled = { ...wide, c: wide.c * scale, alpha: 0 };
        const net = thinNet(scaled, 3, 1, 0);
        imitateByRidge(net, scaled, x, { ridge, targets: [input, target] });
        const same = thinNet({ ...wide, alpha: 0 }, 3, 1, 0);
        imitateByRidge(same, { ...wide, alpha: 0 }, x, { ridge, targets: [input, target] });
        expect([...net.layers[0]!.b].map((value) => value * scale)).toEqual([...same.layers[0]!.b]);
      }
    expect(plain.every(Number.isFinite)).toBe(true);
  });
});

test('with fewer samples than particles the fit is exact, by the smallest weights', () => {
  const few = x.slice(0, 8);
  const net = fitted(wide, 0, few);
  expect(layerErrors(net, wide, few)[0]).toBeLessThan(1e-13);
  const size = (one: Net): number => Math.hypot(...one.layers[0]!.b);
  expect(size(net)).toBeLessThanOrEqual(size(wide) * (1 + 1e-12));
  expect(size(fitted(wide, 1e-12, few))).toBeCloseTo(size(net), 6);
});

test('what does not fit is refused by name, and leaves the net as it was', () => {
  const thin = thinNet(wide, 3, 1, 0);
  const before = [...thin.layers[0]!.b];
  const targets = activations(wide, x.slice(0, 20));
  const message = 'expected states on the samples of x';
  for (const points of [x, x.slice(0, 2), x.slice(0, 19), new Float64Array(0)])
    for (const call of [
      (): unknown => imitateByRidge(thin, wide, points, { ridge: 1e-3, targets }),
      (): unknown => imitate(thin, wide, points, { steps: 1, dt: 0.1, targets }),
      (): unknown => selectNets(wide, points, 'greedy', [2], targets),
      (): unknown => layerErrors(thin, wide, points, targets),
      (): unknown => telescope(thin, wide, points, targets),
    ]) {
      expect(call).toThrow(RangeError);
      expect(call).toThrow(message);
    }
  const wrong = targets.map((values) => values.slice());
  wrong[1]![3] = NaN;
  expect(() => imitateByRidge(thin, wide, x.slice(0, 20), { ridge: 1e-3, targets: wrong })).toThrow(
    'imitateByRidge: targets: expected finite numbers, got NaN at place 3',
  );
  const tiny = { ...wide, c: 1e-310 };
  for (const ridge of [0, 1e-3])
    expect(() => imitateByRidge({ ...thin, c: 1e-310 }, tiny, x, { ridge, targets: [input, target] })).toThrow(
      'imitateByRidge: layer 1: the output weights leave float64',
    );
  expect([...thin.layers[0]!.b]).toEqual(before);
});

test('singular values of a matrix of either shape put it together again, and are orthogonal', () => {
  const tall = [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [1, 0, 1],
  ];
  const wideOne = tall[0]!.map((_, j) => tall.map((row) => row[j]!));
  for (const rows of [tall, wideOne, [[0, 0]], [[2]]]) {
    const { values, left, right } = singularValues(rows.map((row) => Float64Array.from(row)));
    expect(values).toHaveLength(Math.min(rows.length, rows[0]!.length));
    rows.forEach((row, i) =>
      row.forEach((entry, k) =>
        expect(values.reduce((sum, value, j) => sum + value * left[j]![i]! * right[j]![k]!, 0)).toBeCloseTo(entry, 13),
      ),
    );
  }
});

/** Particles that are chosen to imitate a layer: against exhaustive search, and against what each rule promises. */
import { describe, expect, test } from 'vitest';
import { featuresOf, selectNets, SELECTION_NAMES, SELECTIONS } from '../../theory/flow/selection.js';
import { ACTIVATIONS } from '../../theory/model/activations.js';
import { initialNet, thinNet, type Net } from '../../theory/model/particles.js';
import { sineTask } from '../../theory/model/task.js';
import { discrepancy } from '../../theory/network/discrepancy.js';
import { activations } from '../../theory/network/network.js';

const D = 2;
const wideOf = (m: number, depth = 1): Net => initialNet(3, { depth, m, d: D, alpha: 0, c: 1 }, { rho: 0.5 });
const { train } = sineTask(3, D, 12, 4);

/** Features phi_i [N d] of the first layer, written out, each over sqrt N. */
function written({ layers: [layer], activation }: Net): number[][] {
  const { m, a, b, bias } = layer!;
  return Array.from({ length: m }, (_, i) =>
    Array.from({ length: train.n }, (__, s) => {
      const u = train.x.subarray(s * D, s * D + D).reduce((sum, z, k) => sum + a[i * D + k]! * z, bias[i]!);
      return Array.from(
        { length: D },
        (___, k) => (b[i * D + k]! * ACTIVATIONS[activation].at(u)[0]) / Math.sqrt(train.n),
      );
    }).flat(),
  );
}
const dot = (u: readonly number[], v: readonly number[]): number => u.reduce((sum, x, j) => sum + x * v[j]!, 0);
const mixture = (phi: number[][], indices: ArrayLike<number>, weights: ArrayLike<number>): number[] =>
  phi[0]!.map((_, j) => Array.from(indices).reduce((sum, i, k) => sum + weights[k]! * phi[i]![j]!, 0));
const farFrom = (mu: number[], f: number[]): number =>
  dot(
    f.map((x, j) => x - mu[j]!),
    f.map((x, j) => x - mu[j]!),
  );

const wide = wideOf(9);
const phi = written(wide);
const mu = mixture(
  phi,
  [...phi.keys()],
  phi.map(() => 1 / phi.length),
);
const features = featuresOf(wide, wide.layers[0]!, train.x);

test('inner products are those of the features written out [a]', () => {
  const row = new Float64Array(9);
  phi.forEach((one, i) => {
    features.withOne(i, row);
    phi.forEach((other, j) => expect(row[j]).toBeCloseTo(dot(one, other), 13));
    expect(features.squares[i]).toBeCloseTo(dot(one, one), 13);
    expect(features.withMean[i]).toBeCloseTo(dot(one, mu), 13);
  });
});

describe('each particle is the best one at its step, by exhaustive search [a]', () => {
  const choices = (name: 'greedy' | 'herding') => SELECTIONS[name](features, [1, 2, 3, 4, 5]);

  test('herding: the mean of those chosen is nearest to the mean of all', () => {
    for (const { indices } of choices('herding')) {
      const before = [...indices].slice(0, -1);
      const distances = phi.map((_, i) =>
        before.includes(i)
          ? Infinity
          : farFrom(mu, mixture(phi, [...before, i], new Array(indices.length).fill(1 / indices.length))),
      );
      expect(indices.at(-1)).toBe(distances.indexOf(Math.min(...distances)));
    }
  });

  test('greedy: no other particle and weight come nearer', () => {
    const all = choices('greedy');
    all.forEach(({ indices, weights }, k) => {
      expect(weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 13);
      const reached = farFrom(mu, mixture(phi, indices, weights));
      if (k === 0) return;
      const before = mixture(phi, all[k - 1]!.indices, all[k - 1]!.weights);
      for (let i = 0; i < phi.length; i++)
        for (let g = 0; g <= 1; g += 0.05)
          if (!all[k - 1]!.indices.includes(i)) {
            const f = before.map((x, j) => (1 - g) * x + g * phi[i]![j]!);
            expect(farFrom(mu, f)).toBeGreaterThanOrEqual(reached - 1e-13);
          }
    });
  });
});

test.each(SELECTION_NAMES)('%s: no particle twice, and a smaller choice begins a larger one', (name) => {
  const [small, large] = SELECTIONS[name](features, [4, 9]);
  expect([...large!.indices].sort()).toEqual([...phi.keys()]);
  expect([...small!.indices]).toEqual([...large!.indices].slice(0, 4));
});

test('all particles by herding are the wide net; few come nearer than random ones, in every layer', () => {
  const deep = wideOf(256, 2);
  const targets = activations(deep, train.x);
  const [few, all] = selectNets(deep, train.x, 'herding', [16, 256], targets);
  expect(discrepancy(all!, deep, train.x)).toBeLessThan(1e-13);
  const [weighed] = selectNets(deep, train.x, 'greedy', [16]);
  const random = [1, 2, 3].map((draw) => discrepancy(thinNet(deep, 16, 1, draw), deep, train.x));
  for (const net of [few!, weighed!]) expect(discrepancy(net, deep, train.x)).toBeLessThan(0.5 * Math.min(...random));
});

test('features that are all zero leave any choice right, and no NaN', () => {
  const net = wideOf(4);
  net.layers[0]!.b.fill(0);
  for (const name of SELECTION_NAMES)
    for (const thin of selectNets(net, train.x, name, [1, 4])) expect(discrepancy(thin, net, train.x)).toBe(0);
});

test.each([[[0, 2]], [[2, 2]], [[3, 2]], [[1.5]], [[10]]])('widths %j are refused', (widths) => {
  expect(() => selectNets(wide, train.x, 'greedy', widths)).toThrow(/increasing widths of 1 to 9 particles/);
});

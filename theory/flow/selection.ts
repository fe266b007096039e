/**
 * Thin layers whose particles are chosen to imitate the wide layer, and not at random. All rules look at a layer's
 * features phi_i = b_i act(a_i . z + bias_i), one vector of N d numbers for each of M particles on the wide net's
 * inputs z [N, d], and want a mixture of few of them near the mean of all, mu.
 */
import { filled } from '../../src/core/host-array.js';
import { lookUp, namesOf } from '../../src/core/registry.js';
import { checkStates } from '../network/discrepancy.js';
import { ACTIVATIONS } from '../model/activations.js';
import { checkNet } from '../model/check.js';
import { pickNet, type Layer, type Net } from '../model/particles.js';
import { activations } from '../network/network.js';
import { innerProduct } from '../numerics/linear.js';

/** Particles of one layer, and how much each counts. */
export interface ParticleChoice {
  readonly indices: Uint32Array;
  /** One weight for each index; they sum to 1. */
  readonly weights: Float64Array;
}

/** Inner products of one layer's features, all over N: the only thing that a rule sees. */
export interface Features {
  /** Particles, M. */
  readonly count: number;
  /** |phi_i|^2 [M], and phi_i . mu [M]. */
  readonly squares: Float64Array;
  readonly withMean: Float64Array;
  /** phi_i . phi_j for every i, into `out` [M]. */
  readonly withOne: (j: number, out: Float64Array) => void;
}

/**
 * Chooses one particle after the other, each at most once, and returns what it has at each of the increasing `widths`:
 * a smaller choice is the beginning of a larger one.
 */
export type SelectionRule = (features: Features, widths: readonly number[]) => ParticleChoice[];

/** Calls `step` with the number of particles chosen so far until the last width, and keeps a copy at each width. */
function chosen(widths: readonly number[], step: (k: number) => number, weights: Float64Array): ParticleChoice[] {
  const order = new Uint32Array(widths.at(-1)!);
  const choices: ParticleChoice[] = [];
  for (let k = 0; k < order.length; k++) {
    order[k] = step(k);
    if (widths.includes(k + 1)) choices.push({ indices: order.slice(0, k + 1), weights: weights.slice(0, k + 1) });
  }
  return choices;
}

/** Index of the smallest of M values among particles that are not taken. */
function smallest(count: number, taken: Uint8Array, value: (i: number) => number): number {
  let [best, least] = [-1, Infinity];
  for (let i = 0; i < count; i++) {
    if (taken[i] === 1) continue;
    const one = value(i);
    if (one < least || best < 0) [best, least] = [i, one];
  }
  taken[best] = 1;
  return best;
}

/**
 * Greedy optimization: with the mixture f so far, the next particle i and its weight g are those with the smallest |(1
 * - g) f + g phi_i - mu|^2, 0 <= g <= 1, which has a closed form: g = (mu - f) . (phi_i - f) / |phi_i - f|^2. Ye, Wu,
 * Liu 2020, arXiv 2010.15969 (there a particle may be taken again; here it counts once, so that m is a width).
 */
const greedy: SelectionRule = ({ count, squares, withMean, withOne }, widths) => {
  const most = widths.at(-1)!;
  const [taken, weights] = [new Uint8Array(count), new Float64Array(most)];
  const [withMix, row] = [new Float64Array(count), new Float64Array(count)];
  /** f . f and f . mu. */
  let [ff, fm] = [0, 0];
  const step = (k: number): number => {
    const against = (i: number): readonly [toward: number, length: number] => [
      withMean[i]! - fm - withMix[i]! + ff,
      squares[i]! - 2 * withMix[i]! + ff,
    ];
    const gain = (i: number): number => {
      // the first particle has all the weight
      if (k === 0) return squares[i]! - 2 * withMean[i]!;
      const [toward, length] = against(i);
      if (!(toward > 0) || !(length > 0)) return 0;
      return toward >= length ? length - 2 * toward : -(toward ** 2) / length;
    };
    const next = smallest(count, taken, gain);
    const [toward, length] = against(next);
    const g = k === 0 ? 1 : length > 0 ? Math.min(1, Math.max(0, toward / length)) : 0;
    withOne(next, row);
    ff = (1 - g) ** 2 * ff + 2 * g * (1 - g) * withMix[next]! + g * g * squares[next]!;
    fm = (1 - g) * fm + g * withMean[next]!;
    for (let i = 0; i < count; i++) withMix[i] = (1 - g) * withMix[i]! + g * row[i]!;
    for (let j = 0; j < k; j++) weights[j]! *= 1 - g;
    weights[k] = g;
    return next;
  };
  return chosen(widths, step, weights);
};

/**
 * Herding: equal weights, and the next particle is the one that brings the mean of those chosen nearest to mu. Chen,
 * Welling, Smola 2010, arXiv 1203.3472, without repetition; the forward selection of Ye et al. 2020, arXiv 2003.01794.
 */
const herding: SelectionRule = ({ count, squares, withMean, withOne }, widths) => {
  const taken = new Uint8Array(count);
  const [withSum, row] = [new Float64Array(count), new Float64Array(count)];
  const step = (k: number): number => {
    const next = smallest(count, taken, (i) => 2 * withSum[i]! + squares[i]! - 2 * (k + 1) * withMean[i]!);
    withOne(next, row);
    for (let i = 0; i < count; i++) withSum[i]! += row[i]!;
    return next;
  };
  return chosen(widths, step, new Float64Array(widths.at(-1)!)).map(({ indices }) => ({
    indices,
    weights: new Float64Array(indices.length).fill(1 / indices.length),
  }));
};

const DEFINED = { greedy, herding } satisfies Readonly<Record<string, SelectionRule>>;

/** Name of a rule by which particles are chosen. */
export type SelectionName = keyof typeof DEFINED;

/** Every rule by its name. */
export const SELECTIONS: Readonly<Record<SelectionName, SelectionRule>> = DEFINED;

/** Names of {@link SELECTIONS}. */
export const SELECTION_NAMES = namesOf(DEFINED);

/** Features of a layer of particles on inputs z [N, d]. */
export function featuresOf({ activation, d }: Pick<Net, 'activation' | 'd'>, layer: Layer, z: Float64Array): Features {
  const { m, a, b, bias } = layer;
  const { at } = ACTIVATIONS[activation];
  const n = z.length / d;
  const act = new Float64Array(m * n);
  const mean = new Float64Array(n * d);
  for (let i = 0; i < m; i++) {
    for (let s = 0; s < n; s++) {
      let u = bias[i]!;
      for (let k = 0; k < d; k++) u += a[i * d + k]! * z[s * d + k]!;
      const [t] = at(u);
      act[i * n + s] = t;
      for (let k = 0; k < d; k++) mean[s * d + k]! += (b[i * d + k]! * t) / m;
    }
  }
  const product = (i: number, j: number): number => {
    return (innerProduct(b, i * d, b, j * d, d) * innerProduct(act, i * n, act, j * n, n)) / n;
  };
  const withMean = filled(new Float64Array(m), (i) => {
    let sum = 0;
    for (let s = 0; s < n; s++) {
      sum += act[i * n + s]! * innerProduct(b, i * d, mean, s * d, d);
    }
    return sum / n;
  });
  return {
    count: m,
    squares: filled(new Float64Array(m), (i) => product(i, i)),
    withMean,
    withOne: (j, out) => {
      for (let i = 0; i < m; i++) out[i] = product(i, j);
    },
  };
}

/**
 * Thin nets of the wide net's particles, chosen layer by layer on x [N, d], one for each of the increasing `widths`; m
 * particles with weights w_i stand as (c/m) sum_i (m w_i b_i) act. `targets` are the wide net's activations on x, where
 * they are known. Throws RangeError when widths do not increase, or exceed a layer's particles, and on targets that do
 * not fit; UsageError on a rule that is none.
 */
export function selectNets(
  wide: Net,
  x: Float64Array,
  rule: SelectionName,
  widths: readonly number[],
  targets: readonly Float64Array[] = activations(wide, x),
): Net[] {
  const select = lookUp('selection', SELECTIONS, rule);
  checkNet(wide);
  checkStates('selectNets: targets', wide, targets, x);
  const least = Math.min(...wide.layers.map(({ m }) => m));
  if (widths.length === 0 || widths.some((m, i) => !Number.isInteger(m) || m <= (widths[i - 1] ?? 0) || m > least))
    throw new RangeError(`selectNets: expected increasing widths of 1 to ${least} particles, got ${widths.join(', ')}`);
  const byLayer = wide.layers.map((layer, l) => select(featuresOf(wide, layer, targets[l]!), widths));
  return widths.map((m, w) => {
    const choices = byLayer.map((all) => all[w]!);
    const net = pickNet(
      wide,
      choices.map(({ indices }) => indices),
    );
    net.layers.forEach(({ b }, l) => {
      for (let j = 0; j < b.length; j++) b[j]! *= m * choices[l]!.weights[Math.floor(j / wide.d)]!;
    });
    return net;
  });
}

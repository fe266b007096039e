/**
 * The scalar chain as particles: sigma = theta z, layer l the mean of m particles theta_l,i ~ N(w_l(0), 1). The flow
 * closes on the means, so three forms can be compared: particles, their means drawn exactly, and the limit
 * (exact/chain.ts).
 */
import { checkAllFinite, checkFinite, checkPositive, checkWhole } from '../../src/core/range.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { chainProduct } from '../exact/chain.js';

/** A chain and how long it is trained. */
export interface ChainFlow {
  /** Means w_l(0) of the layers' initial laws. */
  readonly initial: readonly number[];
  /** The product that is wanted. */
  readonly y: number;
  readonly time: number;
}

/** How a chain's flow is computed: with `m` particles a layer, drawn by `seed`, in so many steps of explicit Euler. */
export interface ChainParticles {
  readonly m: number;
  readonly seed: number;
  readonly steps: number;
}

/**
 * Product at the end of a chain of real particles, each moved on its own. Throws RangeError without a weight, and on
 * weights, a target or settings that are none.
 */
export function chainByParticles({ initial, y, time }: ChainFlow, { m, seed, steps }: ChainParticles): number {
  if (initial.length === 0) throw new RangeError('chain: initial: expected at least one weight, got none');
  checkAllFinite('chainByParticles: initial', initial);
  checkFinite('chainByParticles: y', y);
  checkFinite('chainByParticles: time', time, 0);
  checkWhole('chainByParticles: m', m, 1);
  checkWhole('chainByParticles: steps', steps, 1);
  const layers = initial.map((w, l) => normals(rngKey(seed, 'chain', l), m).map((z) => w + z));
  const means = layers.map((layer) => advance(layer, 0) / m);
  const product = (): number => means.reduce((a, b) => a * b, 1);
  for (let step = 0; step < steps; step++) {
    const sigma = product();
    // m times the gradient by one particle of each layer
    const velocities = means.map((mean) => ((y - sigma) * sigma) / mean);
    layers.forEach((layer, l) => (means[l] = advance(layer, (time / steps) * velocities[l]!) / m));
  }
  return product();
}

/** Adds `move` to each value, in place, and gives the sum of what they are now. */
function advance(values: Float64Array, move: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const moved = values[i]! + move;
    values[i] = moved;
    sum += moved;
  }
  return sum;
}

/** Product at `time` when the means of m particles are drawn exactly, as N(w_l(0), 1/m). */
export function chainByMeans(initial: readonly number[], y: number, time: number, m: number, seed: number): number {
  checkPositive('chainByMeans: m', m);
  const z = normals(rngKey(seed, 'chain means'), initial.length);
  return chainProduct(
    initial.map((w, l) => w + z[l]! / Math.sqrt(m)),
    y,
    time,
  );
}

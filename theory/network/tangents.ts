/** Derivatives of passes through a network: first-order changes of its particles, carried to outputs and velocities. */
import type { TangentPass } from '../kernel/interface.js';
import { kernel } from '../kernel/kernel.js';
import { plainTangent } from '../kernel/tangent.js';
import { checkUniform, zerosLike, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';

/** First-order changes of a network's particles: one for each layer, with arrays like the layer's own. */
export type Direction = readonly Layer[];

function run(net: Net, directions: readonly Direction[], pass: TangentPass): number {
  checkUniform('tangents', net);
  for (const [k, direction] of directions.entries())
    for (const [l, { m }] of net.layers.entries())
      if (direction[l]?.m !== m)
        throw new RangeError(`direction ${k}, layer ${l}: expected ${m} particles, got ${direction[l]?.m ?? 'none'}`);
  return kernel().tangent?.(net, directions, pass) ?? plainTangent(net, directions, pass);
}

/**
 * Changes of every layer's output at x [N, d], [K][L] arrays [N, d], to first order in the changes of the particles
 * (`directions` [K]) and of the inputs (`dx` [K] arrays [N, d], none unless given). Throws RangeError on a direction
 * that does not fit.
 */
export function outputChanges(
  net: Net,
  directions: readonly Direction[],
  x: Float64Array,
  dx?: readonly Float64Array[],
): Float64Array[][] {
  const outputs = directions.map(() => net.layers.map(() => new Float64Array(x.length)));
  run(net, directions, { x, ...(dx !== undefined && { dx }), outputs });
  return outputs;
}

/** A velocity of the flow, and its change in each direction. */
export interface VelocityChanges {
  /** (1/2N) sum |z_L - y|^2. */
  readonly loss: number;
  /** d(a, b, bias)/dt of each layer. */
  readonly layers: readonly Layer[];
  /** Its first-order change in each direction, [K][L]. */
  readonly changes: readonly Direction[];
}

/**
 * The velocity of the mean-field gradient flow (network.ts) and its first-order changes in `directions` [K], and in
 * changes `dx` of the inputs. Throws RangeError on a direction that does not fit.
 */
export function velocityChanges(
  net: Net,
  directions: readonly Direction[],
  { x, y, loss: kind }: Samples,
  dx?: readonly Float64Array[],
): VelocityChanges {
  checkUniform('tangents', net, kind);
  const velocity = zerosLike(net.layers);
  const velocities = directions.map(() => zerosLike(net.layers));
  const loss = run(net, directions, { x, y, ...(dx !== undefined && { dx }), velocity, velocities });
  return { loss, layers: velocity, changes: velocities };
}

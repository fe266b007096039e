/**
 * Derivatives of passes through a network: first-order changes of its particles, carried to outputs and velocities. A
 * net of one alpha and one c passes the kernel in one call; layers with scales of their own, read maps and losses other
 * than the squared one go layer by layer, as in network.ts.
 */
import { checkNet } from '../model/check.js';
import type { TangentPass } from '../kernel/interface.js';
import { kernel } from '../kernel/kernel.js';
import { LOSSES } from '../model/losses.js';
import { isUniform, outputsOf, singleLayer, zerosLike, type Layer, type Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';
import { activations, isFused, lossAt, mapped, transposed } from './network.js';

/** First-order changes of a network's particles: one for each layer, with arrays like the layer's own. */
export type Direction = readonly Layer[];

function checkDirections(net: Net, directions: readonly Direction[]): void {
  checkNet(net);
  for (const [k, direction] of directions.entries())
    for (const [l, { m }] of net.layers.entries())
      if (direction[l]?.m !== m)
        throw new RangeError(`direction ${k}, layer ${l}: expected ${m} particles, got ${direction[l]?.m ?? 'none'}`);
}

function run(net: Net, directions: readonly Direction[], pass: TangentPass): number {
  return kernel().tangent(net, directions, pass);
}

/** Layer l of each direction, as directions of the layer alone. */
function ofLayer(directions: readonly Direction[], l: number): Direction[] {
  return directions.map((direction) => [direction[l]!]);
}

/** Changes [K][L + 1] of the states z_0 .. z_L (`states`), with `dx` [K] those of the inputs. */
function stateChanges(
  net: Net,
  directions: readonly Direction[],
  states: readonly Float64Array[],
  dx: readonly Float64Array[] | undefined,
): Float64Array[][] {
  const changes = directions.map((_, k) => {
    const change = dx?.[k];
    return [change === undefined ? new Float64Array(states[0]!.length) : mapped(net.readIn, change)];
  });
  net.layers.forEach((_, l) => {
    const outputs = directions.map(() => [new Float64Array(states[l]!.length)]);
    run(singleLayer(net, l), ofLayer(directions, l), { x: states[l]!, dx: changes.map((all) => all[l]!), outputs });
    changes.forEach((all, k) => all.push(outputs[k]![0]!));
  });
  return changes;
}

/**
 * Changes of every layer's state at x [N, inputs], [K][L] arrays [N, d], to first order in the changes of the particles
 * (`directions` [K]) and of the inputs (`dx` [K] arrays [N, inputs], none unless given). Throws RangeError on a
 * direction that does not fit.
 */
export function outputChanges(
  net: Net,
  directions: readonly Direction[],
  x: Float64Array,
  dx?: readonly Float64Array[],
): Float64Array[][] {
  checkDirections(net, directions);
  if (!isUniform(net)) return stateChanges(net, directions, activations(net, x), dx).map(([, ...changes]) => changes);
  const outputs = directions.map(() => net.layers.map(() => new Float64Array(x.length)));
  run(net, directions, { x, ...(dx !== undefined && { dx }), outputs });
  return outputs;
}

/** A velocity of the flow, and its change in each direction. */
export interface VelocityChanges {
  /** Mean loss of the samples; (1/2N) sum |z_L - y|^2 unless they have another. */
  readonly loss: number;
  /** d(a, b, bias)/dt of each layer. */
  readonly layers: readonly Layer[];
  /** Its first-order change in each direction, [K][L]. */
  readonly changes: readonly Direction[];
}

/**
 * The velocity of the mean-field gradient flow (network.ts) and its first-order changes in `directions` [K], and in
 * changes `dx` [K] of the inputs [N, inputs]. Throws RangeError on a direction that does not fit.
 */
export function velocityChanges(
  net: Net,
  directions: readonly Direction[],
  samples: Samples,
  dx?: readonly Float64Array[],
): VelocityChanges {
  checkDirections(net, directions);
  const velocity = zerosLike(net.layers);
  const velocities = directions.map(() => zerosLike(net.layers));
  const found = { layers: velocity, changes: velocities };
  if (!isFused(net, samples)) return { loss: backward(net, directions, samples, dx, found), ...found };
  const { x, y } = samples;
  const loss = run(net, directions, { x, y, ...(dx !== undefined && { dx }), velocity, velocities });
  return { loss, ...found };
}

/** Velocities and their changes layer by layer, from the last one back, into `to`; returns the loss. */
function backward(
  net: Net,
  directions: readonly Direction[],
  samples: Samples,
  dx: readonly Float64Array[] | undefined,
  { layers, changes }: Pick<VelocityChanges, 'layers' | 'changes'>,
): number {
  const states = activations(net, samples.x);
  const moved = stateChanges(net, directions, states, dx);
  const output = mapped(net.readOut, states.at(-1)!);
  const { loss, p } = lossAt(net, output, samples);
  const { hessianProduct } = LOSSES[samples.loss ?? 'squared'];
  const bent = moved.map((all) => hessianProduct(output, mapped(net.readOut, all.at(-1)!), outputsOf(net)));
  let gradient = [p, ...bent].map((values) => transposed(net.readOut, values));
  for (let l = net.layers.length - 1; l >= 0; l--) {
    const back = gradient.map((values) => new Float64Array(values.length));
    run(singleLayer(net, l), ofLayer(directions, l), {
      x: states[l]!,
      dx: moved.map((all) => all[l]!),
      gradient,
      back,
      velocity: [layers[l]!],
      velocities: ofLayer(changes, l),
    });
    gradient = back;
  }
  return loss;
}

/**
 * Forward passes, and the flow's velocity: shapes are checked here, and the work is done by the kernel. A net of one
 * alpha and one c passes it in one call; layers with scales of their own, read maps and losses other than the squared
 * one go layer by layer.
 */
import { checkObject } from '../../src/core/range.js';
import { checkNet } from '../model/check.js';
import { kernel } from '../kernel/kernel.js';
import { LOSSES, LOSS_NAMES, type LossLaw, type LossName } from '../model/losses.js';
import {
  inputsOf,
  isUniform,
  layerNet,
  outputsOf,
  sharesScales,
  singleLayer,
  zerosLike,
  type Layer,
  type LinearMap,
  type Net,
} from '../model/particles.js';
import type { Samples } from '../model/task.js';

function checkRows(width: number, x: Float64Array, name: string): void {
  if (!(x instanceof Float64Array) || x.length === 0 || x.length % width !== 0)
    throw new RangeError(
      `${name}: expected [N, ${width}] with N >= 1 in a Float64Array, got ${(x as ArrayLike<number> | undefined)?.length} numbers`,
    );
}

/** Throws RangeError on a net, or on one of its read maps, whose arrays are not those that its sizes say. */
function checkShapes(net: Net): void {
  checkNet(net);
  const { d, readIn, readOut } = net;
  for (const [name, map, own] of [
    ['readIn', readIn, readIn?.rows],
    ['readOut', readOut, readOut?.columns],
  ] as const) {
    if (map === undefined) continue;
    const { rows, columns, values } = map;
    const size = rows * columns;
    if (own !== d || !(size > 0) || !(values instanceof Float64Array) || values.length !== size)
      throw new RangeError(
        `net: ${name}: expected ${name === 'readIn' ? `[${d}, inputs]` : `[outputs, ${d}]`} in a Float64Array, ` +
          `got [${rows}, ${columns}] with ${(values as ArrayLike<number> | undefined)?.length} numbers`,
      );
  }
}

/** Throws RangeError on samples that do not fit a net: x [N, inputs], y [N, outputs]. */
export function checkSamples(net: Net, samples: Samples): void {
  checkShapes(net);
  checkObject('samples', samples, ['n', 'x', 'y']);
  const { n, x, y } = samples;
  checkRows(inputsOf(net), x, 'x');
  const rows = x.length / inputsOf(net);
  const expected = rows * outputsOf(net);
  if (!(y instanceof Float64Array) || y.length !== expected)
    throw new RangeError(
      `y: expected as many numbers as ${expected === x.length ? 'x' : 'outputs'} (${expected}) in a Float64Array, ` +
        `got ${(y as ArrayLike<number> | undefined)?.length}`,
    );
  if (n !== rows) throw new RangeError(`n: expected the ${rows} samples of x, got ${n}`);
}

/** W x [N, rows] of every row x [N, columns]; x itself without a map. */
export function mapped(map: LinearMap | undefined, x: Float64Array): Float64Array {
  if (map === undefined) return x;
  const { rows, columns, values } = map;
  const out = new Float64Array((x.length / columns) * rows);
  for (let from = 0, to = 0; from < x.length; from += columns)
    for (let r = 0; r < rows; r++, to++)
      for (let k = 0; k < columns; k++) out[to]! += values[r * columns + k]! * x[from + k]!;
  return out;
}

/** W^T p [N, columns] of every row p [N, rows]; p itself without a map. */
export function transposed(map: LinearMap | undefined, p: Float64Array): Float64Array {
  if (map === undefined) return p;
  const { rows, columns, values } = map;
  const out = new Float64Array((p.length / rows) * columns);
  for (let from = 0, to = 0; from < p.length; from += rows, to += columns)
    for (let r = 0; r < rows; r++)
      for (let k = 0; k < columns; k++) out[to + k]! += values[r * columns + k]! * p[from + r]!;
  return out;
}

/** Writes z_l [N, d] of each layer into `outs[l]` where that is given, from z_0 [N, d]. */
function forward(net: Net, z: Float64Array, outs: readonly (Float64Array | undefined)[]): void {
  if (net.layers.length === 0) return;
  if (sharesScales(net.layers)) {
    kernel().forward(net, z, outs);
    return;
  }
  let from = z;
  net.layers.forEach((_, l) => {
    const to = outs[l] ?? new Float64Array(z.length);
    kernel().forward(singleLayer(net, l), from, [to]);
    from = to;
  });
}

/**
 * States of every layer at x [N, inputs]: z_0 = x (or what the read-in makes of it), .., z_L, each [N, d]. Throws
 * RangeError on a shape that does not fit.
 */
export function activations(net: Net, x: Float64Array): Float64Array[] {
  checkShapes(net);
  checkRows(inputsOf(net), x, 'x');
  const start = mapped(net.readIn, x);
  const outs = net.layers.map(() => new Float64Array(start.length));
  forward(net, start, outs);
  return [start, ...outs];
}

/**
 * The output [N, outputs], from the state z [N, d] of layer `from` (0: what the first layer sees). Throws RangeError on
 * a shape that does not fit, or where there is no such layer.
 */
export function outputFrom(net: Net, z: Float64Array, from: number): Float64Array {
  checkShapes(net);
  if (!Number.isInteger(from) || from < 0 || from > net.layers.length)
    throw new RangeError(`outputFrom: from: expected a layer from 0 to ${net.layers.length}, got ${from}`);
  checkRows(net.d, z, 'z');
  const layers = net.layers.slice(from);
  if (layers.length === 0) return mapped(net.readOut, z);
  const out = new Float64Array(z.length);
  forward({ ...net, layers }, z, [...layers.slice(1).map(() => undefined), out]);
  return mapped(net.readOut, out);
}

/** The output [N, outputs] at x [N, inputs]. Throws RangeError on a shape that does not fit. */
export function output(net: Net, x: Float64Array): Float64Array {
  checkShapes(net);
  checkRows(inputsOf(net), x, 'x');
  return outputFrom(net, mapped(net.readIn, x), 0);
}

/**
 * alpha z + (c/m) sum_i b_i act(a_i . z + bias_i) [N, d]: one layer at z [N, d], with its own scales or those of `net`.
 * Throws RangeError on a shape that does not fit.
 */
export function layerForward(net: Net, layer: Layer, z: Float64Array): Float64Array {
  return output(layerNet(net, layer), z);
}

/** The loss of that name. Throws RangeError with the known names. */
function lossLaw(name: LossName): LossLaw {
  if (Object.hasOwn(LOSSES, name)) return LOSSES[name];
  throw new RangeError(`loss: expected one of ${LOSS_NAMES.join(', ')}, got ${String(name)}`);
}

/**
 * The loss of an output z [N, outputs] against the targets, and N times its gradient by the output. Throws RangeError
 * on targets of another size, and for a loss that is none.
 */
export function lossAt(net: Net, z: Float64Array, { y, loss = 'squared' }: Samples): { loss: number; p: Float64Array } {
  if (!(y instanceof Float64Array) || y.length !== z.length)
    throw new RangeError(
      `y: expected ${z.length} numbers in a Float64Array, got ${(y as ArrayLike<number> | undefined)?.length}`,
    );
  const p = new Float64Array(z.length);
  return { loss: lossLaw(loss).mean(z, y, p, outputsOf(net)), p };
}

/**
 * Mean over the samples of their loss, with x [N, inputs] and y [N, outputs]. Throws RangeError on a shape that does
 * not fit.
 */
export function lossOf(net: Net, samples: Samples): number {
  checkSamples(net, samples);
  return lossAt(net, output(net, samples.x), samples).loss;
}

/** What losses of samples are measured by, in their own units. */
export interface LossScale {
  /**
   * The loss of outputs that know nothing of the targets: mean |y|^2 / 2, or log K of K classes. Where all targets are
   * 0, that of the inputs in their place.
   */
  readonly unit: number;
  /** How much rounding alone may raise a loss. */
  readonly rounding: (loss: number) => number;
}

/** What losses of samples x [N, inputs], y [N, outputs] are measured by. Throws RangeError for a loss that is none. */
export function lossScale({ n, x, y, loss = 'squared' }: Samples): LossScale {
  const { blank, rounding } = lossLaw(loss);
  const [targets, inputs] = [blank(y, n), LOSSES.squared.blank(x, n)];
  // a skip carries the inputs to the output, where their rounding stays though the targets are small
  const size = Math.max(targets, inputs);
  return { unit: targets > 0 ? targets : inputs, rounding: (value) => rounding(value, size) };
}

/** Loss of a network, and how the gradient flow moves its particles. */
export interface Velocity {
  /** Mean loss of the samples; (1/2N) sum |z_L - y|^2 unless they have another. */
  readonly loss: number;
  /** d(a, b, bias)/dt of each layer. */
  readonly layers: readonly Layer[];
}

/** Whether the kernel has the whole step: one alpha and c, no read maps, the squared loss. */
export function isFused(net: Net, { loss = 'squared' }: Samples): boolean {
  return loss === 'squared' && isUniform(net);
}

/**
 * Velocity of the mean-field gradient flow, m times the Euclidean gradient with the sign turned: db_i/dt = -c E[p t_i],
 * da_i/dt = -c E[(b_i . p) s_i z], dbias_i/dt = -c E[(b_i . p) s_i], with p = p_l [N, d] the gradient of N times the
 * loss by the layer's output, p_{l-1} = J_l^T p_l, t = act, s = act', z = z_{l-1}, E the mean over samples. Throws
 * RangeError on a shape that does not fit.
 */
export function velocity(net: Net, samples: Samples): Velocity {
  const { x, y } = samples;
  checkSamples(net, samples);
  const layers = zerosLike(net.layers);
  if (!isFused(net, samples)) return { loss: backward(net, samples, layers), layers };
  const losses = new Float64Array(1);
  kernel().descend(net, x, y, 1, losses, layers);
  return { loss: losses[0]!, layers };
}

/** The velocity layer by layer, from the last one back, into `layers`; returns the loss. */
function backward(net: Net, samples: Samples, layers: readonly Layer[]): number {
  const states = activations(net, samples.x);
  const { loss, p: gradient } = lossAt(net, mapped(net.readOut, states.at(-1)!), samples);
  if (!Number.isFinite(loss)) return loss;
  let p: Float64Array = transposed(net.readOut, gradient);
  let back: Float64Array = new Float64Array(p.length);
  for (let l = layers.length - 1; l >= 0; l--) {
    kernel().backward(singleLayer(net, l), states[l]!, p, layers[l]!, back);
    [p, back] = [back, p];
  }
  return loss;
}

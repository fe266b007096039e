/** What the native and the WebAssembly form of the kernel have in common. */
import type { Layer, Net } from '../model/particles.js';

/**
 * One pass of K tangents through a network: a direction is a first-order change of every particle, of the inputs and so
 * of all that depends on them. Sample arrays are [N, d], row-major.
 */
export interface TangentPass {
  readonly x: Float64Array;
  /** Changes of the inputs, one for each direction; none unless given. */
  readonly dx?: readonly Float64Array[];
  /** Targets: with them the velocity of the mean-field flow is found, and its change in each direction. */
  readonly y?: Float64Array;
  /**
   * In place of targets, for a net of one layer: N times the gradient of a loss by its output, and the K changes of
   * that. Nothing is passed forward then. Needs `velocity`.
   */
  readonly gradient?: readonly Float64Array[];
  /** Gets the gradient by the layer's input, and its K changes; needs `gradient`. */
  readonly back?: readonly Float64Array[];
  /** Gets d(a, b, bias)/dt of each layer; needs `y` or `gradient`, and `velocities`. */
  readonly velocity?: readonly Layer[];
  /** Gets the changes of that velocity, [K][L]; needs `velocity`. */
  readonly velocities?: readonly (readonly Layer[])[];
  /** Gets the changes of the layers' outputs where they are given, [K][L]. */
  readonly outputs?: readonly (readonly (Float64Array | undefined)[])[];
}

/**
 * Passes through a network of particles. Letters: N samples, d dimension, m particles. All sample arrays are [N, d],
 * row-major.
 */
export interface Kernel {
  /** Its key in `KERNELS`. */
  readonly name: string;
  /**
   * z_l = alpha z_{l-1} + (c/m) sum_i b_i act(a_i . z_{l-1} + bias_i) for every layer in turn; writes z_l into
   * `outs[l]` where that is given.
   */
  forward(net: Net, x: Float64Array, outs: readonly (Float64Array | undefined)[]): void;
  /**
   * Without `to`: Euler steps of the mean-field gradient flow (m times the Euclidean gradient of (1/2N) sum |z_L -
   * y|^2), in place, one for each place in `losses`, which gets the loss before that step. Stops after a loss that is
   * not finite. With `to`: `dt` times the velocity into `to`, for one loss. Returns the number of losses written.
   */
  descend(net: Net, x: Float64Array, y: Float64Array, dt: number, losses: Float64Array, to?: readonly Layer[]): number;
  /**
   * Back through a `net` of one layer: with z [N, d] its input and p [N, d] N times the gradient of a loss by its
   * output, the velocity of its particles goes into `to`, and J^T p [N, d] into `back`.
   */
  backward(net: Net, z: Float64Array, p: Float64Array, to: Layer, back: Float64Array): void;
  /**
   * The derivative of a pass in K `directions` [K][L] (changes of a, b and bias), written into the arrays of `pass`;
   * returns the loss, or NaN without targets.
   */
  tangent(net: Net, directions: readonly (readonly Layer[])[], pass: TangentPass): number;
  /**
   * Floating-point operations per second that one thread reaches in registers, or undefined where that cannot be
   * measured.
   */
  peak(): number | undefined;
}

/**
 * Chunks of a layer of m particles, whose sums are added in chunk order: a function of m alone, so that threads change
 * no result.
 */
export function chunksOf(m: number): number {
  let chunks = 1;
  while (chunks < 64 && chunks * chunks * 16 < m) chunks *= 2;
  return chunks;
}

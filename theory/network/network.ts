/** Forward passes, and the flow's velocity: shapes are checked here, and the work is done by the kernel. */
import { kernel } from '../kernel/kernel.js';
import type { Layer, Net } from '../model/particles.js';
import type { Samples } from '../model/task.js';

function checkRows(net: Net, x: Float64Array, name: string): void {
  if (x.length === 0 || x.length % net.d !== 0)
    throw new RangeError(`${name}: expected [N, ${net.d}] with N >= 1, got ${x.length} numbers`);
}

/**
 * Outputs of every layer at x [N, d]: z_0 = x, .., z_L, each [N, d]. Throws RangeError on a shape that does not fit.
 */
export function activations(net: Net, x: Float64Array): Float64Array[] {
  checkRows(net, x, 'x');
  const outs = net.layers.map(() => new Float64Array(x.length));
  kernel().forward(net, x, outs);
  return [x, ...outs];
}

/**
 * z_L [N, d], from the output z [N, d] of layer `from` (0: the input). Throws RangeError on a shape that does not fit.
 */
export function output(net: Net, z: Float64Array, from = 0): Float64Array {
  checkRows(net, z, 'z');
  const layers = net.layers.slice(from);
  if (layers.length === 0) return z;
  const out = new Float64Array(z.length);
  kernel().forward({ ...net, layers }, z, [...layers.slice(1).map(() => undefined), out]);
  return out;
}

/**
 * alpha z + (c/m) sum_i b_i act(a_i . z + bias_i) [N, d]: one layer at z [N, d], with the constants of `net`. Throws
 * RangeError on a shape that does not fit.
 */
export function layerForward(net: Net, layer: Layer, z: Float64Array): Float64Array {
  return output({ ...net, layers: [layer] }, z);
}

/** Loss of a network, and how the gradient flow moves its particles. */
export interface Velocity {
  /** (1/2N) sum |z_L - y|^2. */
  readonly loss: number;
  /** d(a, b, bias)/dt of each layer. */
  readonly layers: readonly Layer[];
}

/**
 * Velocity of the mean-field gradient flow, m times the Euclidean gradient with the sign turned: db_i/dt = -c E[p t_i],
 * da_i/dt = -c E[(b_i . p) s_i z], dbias_i/dt = -c E[(b_i . p) s_i], with p = p_l [N, d] the gradient of N times the
 * loss by the layer's output, p_{l-1} = J_l^T p_l, t = act, s = act', z = z_{l-1}, E the mean over samples. Throws
 * RangeError on a shape that does not fit.
 */
export function velocity(net: Net, { x, y }: Samples): Velocity {
  checkRows(net, x, 'x');
  if (y.length !== x.length) throw new RangeError(`y: expected as many numbers as x (${x.length}), got ${y.length}`);
  const layers = net.layers.map(({ m, a, b }): Layer => ({
    m,
    a: new Float64Array(a.length),
    b: new Float64Array(b.length),
    bias: new Float64Array(m),
  }));
  const losses = new Float64Array(1);
  kernel().descend(net, x, y, 1, losses, layers);
  return { loss: losses[0]!, layers };
}

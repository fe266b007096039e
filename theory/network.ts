/** Forward and backward pass of one layer of particles. */
import type { Layer, Net } from './particles.js';

/** What the backward pass needs of a forward pass through one layer: tanh of each particle at each sample, [m, N]. */
export interface Tape {
  readonly input: Float64Array;
  readonly t: Float64Array;
}

/** z [N, d] -> alpha z + (c/m) sum_i b_i tanh(a_i . z + bias_i), [N, d]; `tape` keeps the activations. */
export function layerForward({ alpha, c, d }: Net, { m, a, b, bias }: Layer, z: Float64Array, tape?: Float64Array): Float64Array {
  const n = z.length / d;
  const out = new Float64Array(n * d);
  const scale = c / m;
  for (let i = 0; i < m; i++) {
    const offset = i * d;
    for (let s = 0; s < n; s++) {
      const row = s * d;
      let u = bias[i]!;
      for (let k = 0; k < d; k++) u += a[offset + k]! * z[row + k]!;
      const t = Math.tanh(u);
      if (tape !== undefined) tape[i * n + s] = t;
      for (let k = 0; k < d; k++) out[row + k]! += b[offset + k]! * t;
    }
  }
  for (let j = 0; j < out.length; j++) out[j] = alpha * z[j]! + scale * out[j]!;
  return out;
}

/** Outputs of every layer, z_0 = x first, each [N, d]. */
export function activations(net: Net, x: Float64Array): Float64Array[] {
  const values = [x];
  for (const layer of net.layers) values.push(layerForward(net, layer, values.at(-1)!));
  return values;
}

/** z_L [N, d], from the output of layer `from` (0: the input). */
export function output(net: Net, z: Float64Array, from = 0): Float64Array {
  return net.layers.slice(from).reduce((value, layer) => layerForward(net, layer, value), z);
}

/**
 * One explicit Euler step of length `dt` of one layer's mean-field flow (m times the Euclidean gradient), in place:
 * db_i/dt = -c E[p t_i], da_i/dt = -c E[(b_i . p) s_i z], dbias_i/dt = -c E[(b_i . p) s_i], with p [N, d] the gradient of the
 * loss by the layer's output, s = 1 - t^2 and E the mean over samples. Returns J^T p [N, d] at the particles before the step.
 */
export function layerStep({ alpha, c, d }: Net, { m, a, b, bias }: Layer, { input: z, t }: Tape, p: Float64Array, dt: number): Float64Array {
  const n = z.length / d;
  const back = new Float64Array(n * d);
  const da = new Float64Array(d);
  const db = new Float64Array(d);
  const rate = (dt * c) / n;
  for (let i = 0; i < m; i++) {
    const offset = i * d;
    da.fill(0);
    db.fill(0);
    let dbias = 0;
    for (let s = 0; s < n; s++) {
      const row = s * d;
      const value = t[i * n + s]!;
      let bp = 0;
      for (let k = 0; k < d; k++) {
        const pk = p[row + k]!;
        bp += b[offset + k]! * pk;
        db[k]! += pk * value;
      }
      const slope = bp * (1 - value * value);
      dbias += slope;
      for (let k = 0; k < d; k++) {
        da[k]! += slope * z[row + k]!;
        back[row + k]! += slope * a[offset + k]!;
      }
    }
    for (let k = 0; k < d; k++) {
      a[offset + k]! -= rate * da[k]!;
      b[offset + k]! -= rate * db[k]!;
    }
    bias[i]! -= rate * dbias;
  }
  for (let j = 0; j < back.length; j++) back[j] = alpha * p[j]! + (c / m) * back[j]!;
  return back;
}

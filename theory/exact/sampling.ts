import { layerForward } from '../network.js';
import type { Layer, Net } from '../particles.js';

/**
 * Exact mean square of one sampled layer's error, over all subsets of m out of M particles:
 * E eps^2 = (c^2/m) (M - m)/(M - 1) E_x[ mean_i |b_i|^2 t_i^2 - |mean_i b_i t_i|^2 ], t_i = tanh(a_i . x + bias_i).
 * Sampling without replacement, Cochran 1977, theorem 2.2. x is [N, d]. Valid for any particles, trained or not.
 */
export function sampledLayerVariance(net: Net, layer: Layer, x: Float64Array, m: number): number {
  const { d, c } = net;
  const n = x.length / d;
  const t = new Float64Array(layer.m * n);
  const centre = layerForward({ ...net, alpha: 0, c: 1 }, layer, x, t);
  let sum = 0;
  for (let i = 0; i < layer.m; i++) {
    let size = 0;
    for (let k = 0; k < d; k++) size += layer.b[i * d + k]! ** 2;
    for (let s = 0; s < n; s++) sum += (size * t[i * n + s]! ** 2) / layer.m;
  }
  const between = (sum - centre.reduce((total, value) => total + value * value, 0)) / n;
  return ((c * c) / m) * ((layer.m - m) / (layer.m - 1)) * between;
}

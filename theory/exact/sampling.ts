/** Errors of layers whose particles are drawn without replacement. */
import { checkWhole } from '../../src/core/range.js';
import { layerForward } from '../network/network.js';
import { layerNet, type Layer, type Net } from '../model/particles.js';

/**
 * Exact mean square of one sampled layer's error, over all subsets of m out of M particles:
 * E eps^2 = (c^2/m) (M - m)/(M - 1) E_x[ mean_i |b_i|^2 t_i^2 - |mean_i b_i t_i|^2 ], t_i = act(a_i . x + bias_i).
 * Sampling without replacement, Cochran 1977, theorem 2.2. x is [N, d]. Valid for any particles, trained or not. Throws
 * RangeError unless m is a whole number from 1 to M.
 */
export function sampledLayerVariance(net: Net, layer: Layer, x: Float64Array, m: number): number {
  checkWhole('sampledLayerVariance: m', m, 1, layer.m);
  const { c } = layerNet(net, layer);
  if (m === layer.m) return 0;
  return ((c * c) / m) * ((layer.m - m) / (layer.m - 1)) * particleVariance(net, layer, x);
}

/** E_x[ mean_i |b_i|^2 t_i^2 - |mean_i b_i t_i|^2 ]: the variance of one particle's output. x is [N, d]. */
export function particleVariance(net: Net, layer: Layer, x: Float64Array): number {
  const { d, activation } = net;
  const n = x.length / d;
  const centre = layerForward({ ...net, alpha: 0, c: 1 }, { m: layer.m, a: layer.a, b: layer.b, bias: layer.bias }, x);
  let total = 0;
  // One particle at a time, as a layer whose output is act in every coordinate.
  const one = { m: 1, a: new Float64Array(d), b: new Float64Array(d).fill(1), bias: new Float64Array(1) };
  for (let i = 0; i < layer.m; i++) {
    one.a.set(layer.a.subarray(i * d, (i + 1) * d));
    one.bias[0] = layer.bias[i]!;
    const t = layerForward({ d, alpha: 0, c: 1, activation, layers: [] }, one, x);
    let size = 0;
    for (let k = 0; k < d; k++) size += layer.b[i * d + k]! ** 2;
    for (let s = 0; s < n; s++) total += (size * t[s * d]! ** 2) / layer.m;
  }
  return (total - centre.reduce((sum, value) => sum + value * value, 0)) / n;
}

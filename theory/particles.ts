/**
 * Particles of a deep mean-field network, in float64. Letters: L layers, M wide particles, m thin particles, d dimension, N samples.
 * One particle of a layer is (a, bias, b) in R^{2d+1}. Araujo, Oliveira, Yukimura 2019; theory/README.md.
 */
import { normals, rngKey, subset } from '../src/core/rng.js';

/** One layer: a [m, d] input weights, b [m, d] output weights, bias [m]; row-major. */
export interface Layer {
  readonly m: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly bias: Float64Array;
}

/** z_l = alpha z_{l-1} + (c/m) sum_i b_i tanh(a_i . z_{l-1} + bias_i). */
export interface Net {
  readonly d: number;
  /** Weight of the skip connection: 0 or 1. */
  readonly alpha: number;
  /** Scale of the sum over particles. */
  readonly c: number;
  readonly layers: readonly Layer[];
}

/**
 * Law of the initial particles: a ~ N(0, 1), bias ~ N(0, 1/4), b = rho a + sqrt(1 - rho^2) xi with xi ~ N(0, 1), in each coordinate.
 * Without a skip rho > 0 is needed: with E[b | a] = 0 an infinitely wide layer without skip is zero.
 */
export interface InitialLaw {
  readonly rho: number;
}

export const BIAS_DEVIATION = 0.5;

/** `m` particles in each of `depth` layers. The first m particles of a larger draw are those of a smaller one. */
export function initialNet(seed: number, shape: { depth: number; m: number; d: number; alpha: number; c: number }, law: InitialLaw): Net {
  const { depth, m, d, alpha, c } = shape;
  const noise = Math.sqrt(1 - law.rho ** 2);
  const layers = Array.from({ length: depth }, (_, l): Layer => {
    const a = normals(rngKey(seed, 'a', l), m * d);
    const xi = normals(rngKey(seed, 'b', l), m * d);
    const bias = normals(rngKey(seed, 'bias', l), m).map((z) => z * BIAS_DEVIATION);
    return { m, a, bias, b: a.map((value, i) => law.rho * value + noise * xi[i]!) };
  });
  return { d, alpha, c, layers };
}

/** The particles at `indices` of one layer. */
function pick(layer: Layer, d: number, indices: Uint32Array): Layer {
  const rows = (source: Float64Array): Float64Array => Float64Array.from({ length: indices.length * d }, (_, k) => source[indices[Math.floor(k / d)]! * d + (k % d)]!);
  return { m: indices.length, a: rows(layer.a), b: rows(layer.b), bias: Float64Array.from(indices, (i) => layer.bias[i]!) };
}

/** A thin net of `m` of the wide net's own particles per layer, drawn without replacement: "coupled". Throws RangeError when m > M. */
export function thinNet(wide: Net, m: number, seed: number, draw: number): Net {
  return { ...wide, layers: wide.layers.map((layer, l) => pick(layer, wide.d, subset(rngKey(seed, 'thin', draw, l), layer.m, m))) };
}

/** A copy that shares nothing. */
export function copyNet(net: Net): Net {
  return { ...net, layers: net.layers.map(({ m, a, b, bias }) => ({ m, a: a.slice(), b: b.slice(), bias: bias.slice() })) };
}

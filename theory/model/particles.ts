/**
 * Particles of a deep mean-field network, in float64. Letters: L layers, M wide particles, m thin particles, d
 * dimension, N samples. One particle of a layer is (a, bias, b) in R^{2d+1}. Araujo, Oliveira, Yukimura 2019;
 * theory/README.md.
 */
import { normals, rngKey, subset } from '../../src/core/rng.js';
import type { Activation } from './activations.js';

/** Largest dimension that a declaration may name; the kernel's own cost grows linearly with it, from 1 on. */
export const MOST_DIMENSIONS = 1024;

/** The particles of one layer: input weights a [m, d], output weights b [m, d], bias [m]; row-major, float64. */
export interface Layer {
  readonly m: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly bias: Float64Array;
}

/**
 * A network of particles, z_l = alpha z_{l-1} + (c/m) sum_i b_i act(a_i . z_{l-1} + bias_i) for l = 1 .. L, with z_0 =
 * x in R^d. Layers may differ in m.
 */
export interface Net {
  readonly d: number;
  /** Weight of the skip connection; 0 is a net without. */
  readonly alpha: number;
  /** Scale of the sum over particles. */
  readonly c: number;
  readonly activation: Activation;
  readonly layers: readonly Layer[];
}

/**
 * Law of the initial particles: a ~ N(0, sa^2), bias ~ N(0, sbias^2), b = sb (rho a/sa + sqrt(1 - rho^2) xi) with xi ~
 * N(0, 1), in each coordinate. Without a skip rho > 0 is needed: with E[b | a] = 0 an infinitely wide layer without
 * skip is zero.
 */
export interface InitialLaw {
  readonly rho: number;
  /** Standard deviations of a, of b and of the bias; 1, 1 and 1/2 unless given. */
  readonly sa?: number;
  readonly sb?: number;
  readonly sbias?: number;
}

/** Shape and constants of a network to draw. */
export interface Shape {
  readonly depth: number;
  /** Particles of every layer, or one number for each layer. */
  readonly m: number | readonly number[];
  readonly d: number;
  readonly alpha: number;
  readonly c: number;
  readonly activation?: Activation;
}

/** Widths of the layers, one for each. Throws RangeError when a list has another length than `depth`. */
export function widthsOf(m: number | readonly number[], depth: number): readonly number[] {
  if (typeof m === 'number') return Array.from({ length: depth }, () => m);
  if (m.length !== depth) throw new RangeError(`widths: expected one for each of ${depth} layers, got ${m.length}`);
  return m;
}

/**
 * A network of particles drawn from the law; `path` names an independent draw of the same seed. Draws nest: the first m
 * particles of a larger draw are those of a smaller one.
 */
export function initialNet(
  seed: number,
  { depth, m, d, alpha, c, activation = 'tanh' }: Shape,
  { rho, sa = 1, sb = 1, sbias = 0.5 }: InitialLaw,
  path: readonly (string | number)[] = [],
): Net {
  const noise = Math.sqrt(1 - rho ** 2);
  const layers = widthsOf(m, depth).map((width, l): Layer => {
    const a = normals(rngKey(seed, ...path, 'a', l), width * d);
    const b = normals(rngKey(seed, ...path, 'b', l), width * d);
    const bias = normals(rngKey(seed, ...path, 'bias', l), width);
    for (let i = 0; i < b.length; i++) {
      b[i] = sb * (rho * a[i]! + noise * b[i]!);
      a[i]! *= sa;
    }
    for (let i = 0; i < bias.length; i++) bias[i]! *= sbias;
    return { m: width, a, bias, b };
  });
  return { d, alpha, c, activation, layers };
}

/** The particles at `indices` of a layer of dimension d, copied. */
export function pick(layer: Layer, d: number, indices: Uint32Array): Layer {
  const rows = (source: Float64Array): Float64Array =>
    Float64Array.from({ length: indices.length * d }, (_, k) => source[indices[Math.floor(k / d)]! * d + (k % d)]!);
  return {
    m: indices.length,
    a: rows(layer.a),
    b: rows(layer.b),
    bias: Float64Array.from(indices, (i) => layer.bias[i]!),
  };
}

/**
 * The particles of the wide net that a thin net takes: for each layer, m of M indices without replacement. `draw`
 * numbers independent draws of a seed. Throws RangeError when m > M.
 */
export function thinIndices(wide: Net, m: number | readonly number[], seed: number, draw: number): Uint32Array[] {
  const widths = widthsOf(m, wide.layers.length);
  return wide.layers.map((layer, l) => subset(rngKey(seed, 'thin', draw, l), layer.m, widths[l]!));
}

/**
 * A "coupled" thin net: m of the wide net's own particles per layer, drawn without replacement and copied. Throws
 * RangeError when m > M.
 */
export function thinNet(wide: Net, m: number | readonly number[], seed: number, draw: number): Net {
  return pickNet(wide, thinIndices(wide, m, seed, draw));
}

/** The thin net of the wide net's particles at `indices`, one list for each layer; copied. */
export function pickNet(wide: Net, indices: readonly Uint32Array[]): Net {
  return { ...wide, layers: wide.layers.map((layer, l) => pick(layer, wide.d, indices[l]!)) };
}

/** A "fresh" thin net: new particles from the law of the wide net's initial ones. */
export function freshNet(wide: Net, m: number | readonly number[], law: InitialLaw, seed: number, draw: number): Net {
  return initialNet(seed, { ...wide, depth: wide.layers.length, m }, law, ['fresh', draw]);
}

/** A copy of a network that shares no array with it. */
export function copyNet(net: Net): Net {
  return {
    ...net,
    layers: net.layers.map(({ m, a, b, bias }) => ({ m, a: a.slice(), b: b.slice(), bias: bias.slice() })),
  };
}

/** Layer l alone, as a network of depth one. It shares the layer's arrays. */
export function singleLayer(net: Net, l: number): Net {
  return { ...net, layers: [net.layers[l]!] };
}

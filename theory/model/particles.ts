/**
 * Particles of a deep mean-field network, in float64. Letters: L layers, M wide particles, m thin particles, d
 * dimension, N samples. One particle of a layer is (a, bias, b) in R^{2d+1}. Araujo, Oliveira, Yukimura 2019;
 * theory/README.md.
 */
import { checkGiven, checkLayer } from './arrays.js';
import { filled } from '../../src/core/host-array.js';
import { checkAllFinite, checkFinite, checkWhole, checkList } from '../../src/core/range.js';
import { normals, rngKey, subset } from '../../src/core/rng.js';
import { ACTIVATIONS, type Activation } from './activations.js';
import type { LossName } from './losses.js';

/** Largest dimension that a declaration may name; the kernel's own cost grows linearly with it, from 1 on. */
export const MOST_DIMENSIONS = 1024;

/** The particles of one layer: input weights a [m, d], output weights b [m, d], bias [m]; row-major, float64. */
export interface Layer {
  readonly m: number;
  readonly a: Float64Array;
  readonly b: Float64Array;
  readonly bias: Float64Array;
  /** Weight of the layer's skip connection, and scale of its sum; the net's unless given. */
  readonly alpha?: number;
  readonly c?: number;
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
  /** Fixed linear map [d, inputs] that the inputs pass before the first layer; none unless given. */
  readonly readIn?: LinearMap;
  /** Fixed linear map [outputs, d] from the last layer to the output; none unless given. */
  readonly readOut?: LinearMap;
}

/** A fixed matrix W [rows, columns], row-major, that takes x to W x. */
export interface LinearMap {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

/** Numbers of one input of a net. */
export function inputsOf({ d, readIn }: Net): number {
  return readIn?.columns ?? d;
}

/** Numbers of one output of a net. */
export function outputsOf({ d, readOut }: Net): number {
  return readOut?.rows ?? d;
}

/** Whether layers have the alpha and c of their net, none of their own. */
export function sharesScales(layers: readonly Layer[]): boolean {
  return layers.every(({ alpha, c }) => alpha === undefined && c === undefined);
}

/** Whether a net has one alpha and one c, and neither of the read maps: what bounds and limits are known for. */
export function isUniform({ layers, readIn, readOut }: Net): boolean {
  return sharesScales(layers) && readIn === undefined && readOut === undefined;
}

/** Throws RangeError for a net that is not {@link isUniform}, or a loss other than the squared one; `what` asks. */
export function checkUniform(what: string, net: Net, loss: LossName = 'squared'): void {
  if (!isUniform(net)) throw new RangeError(`${what}: expected a net of one alpha and one c, without read maps`);
  if (loss !== 'squared') throw new RangeError(`${what}: expected the squared loss, got "${loss}"`);
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

/** Throws RangeError on a law that is none; `what` asks. */
export function checkLaw(what: string, { rho, sa = 1, sb = 1, sbias = 1 }: InitialLaw): void {
  if (!(Math.abs(rho) <= 1)) throw new RangeError(`${what}: rho: expected a number from -1 to 1, got ${rho}`);
  for (const [name, std] of Object.entries({ sa, sb, sbias })) checkFinite(`${what}: ${name}`, std, 0);
}

/** Shape and constants of a network to draw. */
export interface Shape {
  readonly depth: number;
  /** Particles of every layer, or one number for each layer. */
  readonly m: number | readonly number[];
  readonly d: number;
  /** One number for all layers, or one for each. */
  readonly alpha: number | readonly number[];
  readonly c: number | readonly number[];
  readonly activation?: Activation;
  /** Dimensions of inputs and outputs that are not d: read maps are drawn for them. */
  readonly inputs?: number;
  readonly outputs?: number;
}

/**
 * Widths of the layers, one for each. Throws RangeError when a list has another length than `depth`, or a width is no
 * whole number of at least 1.
 */
export function widthsOf(m: number | readonly number[], depth: number): readonly number[] {
  checkWhole('widths: depth', depth, 0, 1e6);
  for (const width of [m].flat()) checkWhole('widths: m', width, 1);
  if (typeof m === 'number') return Array.from({ length: depth }, () => m);
  if (m.length !== depth) throw new RangeError(`widths: expected one for each of ${depth} layers, got ${m.length}`);
  return m;
}

/**
 * The read maps of a shape: W_in [d, inputs] ~ N(0, 1/inputs) and W_out [outputs, d] ~ N(0, 1/d), so that inputs and
 * outputs of unit size keep it. Both stay as they are drawn. Throws RangeError on a dimension that is none.
 */
export function readMaps(
  seed: number,
  { d, inputs, outputs }: Pick<Shape, 'd' | 'inputs' | 'outputs'>,
): Pick<Net, 'readIn' | 'readOut'> {
  for (const [name, size] of Object.entries({ d, inputs, outputs }))
    if (size !== undefined) checkWhole(`readMaps: ${name}`, size, 1);
  const draw = (name: string, rows: number, columns: number): LinearMap => ({
    rows,
    columns,
    values: normals(rngKey(seed, name), rows * columns).map((z) => z / Math.sqrt(columns)),
  });
  return {
    ...(inputs !== undefined && { readIn: draw('read-in', d, inputs) }),
    ...(outputs !== undefined && { readOut: draw('read-out', outputs, d) }),
  };
}

/** One number for a net whose layers have the same, and the layers' own numbers else. */
function byLayer(values: number | readonly number[]): { readonly all: number; readonly own?: readonly number[] } {
  if (typeof values === 'number') return { all: values };
  return values.every((value) => value === values[0]) ? { all: values[0]! } : { all: values[0]!, own: values };
}

/**
 * A network of particles drawn from the law; `path` names an independent draw of the same seed. Draws nest: the first m
 * particles of a larger draw are those of a smaller one. Throws RangeError on sizes, scales or a law that are none.
 */
export function initialNet(
  seed: number,
  { depth, m, d, alpha, c, activation = 'tanh', inputs, outputs }: Shape,
  { rho, sa = 1, sb = 1, sbias = 0.5 }: InitialLaw,
  path: readonly (string | number)[] = [],
): Net {
  checkWhole('initialNet: d', d, 1);
  checkLaw('initialNet', { rho, sa, sb, sbias });
  for (const [name, scale] of Object.entries({ alpha, c })) {
    const scales = [scale].flat();
    checkAllFinite(`initialNet: ${name}`, scales);
    if (scales.length === 0)
      throw new RangeError(`initialNet: ${name}: expected one number for a net without layers, got an empty list`);
    if (typeof scale !== 'number' && scales.length !== depth)
      throw new RangeError(`initialNet: ${name}: expected one for each of ${depth} layers, got ${scales.length}`);
  }
  if (!Object.hasOwn(ACTIVATIONS, activation))
    throw new RangeError(
      `initialNet: activation: expected one of ${Object.keys(ACTIVATIONS).join(', ')}, got ${String(activation)}`,
    );
  const noise = Math.sqrt(1 - rho ** 2);
  const [alphas, cs] = [byLayer(alpha), byLayer(c)];
  const layers = widthsOf(m, depth).map((width, l): Layer => {
    const a = normals(rngKey(seed, ...path, 'a', l), width * d);
    const b = normals(rngKey(seed, ...path, 'b', l), width * d);
    const bias = normals(rngKey(seed, ...path, 'bias', l), width);
    for (let i = 0; i < b.length; i++) {
      b[i] = sb * (rho * a[i]! + noise * b[i]!);
      a[i]! *= sa;
    }
    for (let i = 0; i < bias.length; i++) bias[i]! *= sbias;
    return {
      ...{ m: width, a, bias, b },
      ...(alphas.own !== undefined && { alpha: alphas.own[l]! }),
      ...(cs.own !== undefined && { c: cs.own[l]! }),
    };
  });
  const maps = readMaps(seed, {
    d,
    ...(inputs !== undefined && { inputs }),
    ...(outputs !== undefined && { outputs }),
  });
  return { d, alpha: alphas.all, c: cs.all, activation, layers, ...maps };
}

/**
 * The particles at `indices` of a layer of dimension d, copied. Throws RangeError where there is no such particle, and
 * on a layer of another dimension.
 */
export function pick(layer: Layer, d: number, indices: Uint32Array): Layer {
  checkWhole('pick: d', d, 1);
  checkLayer('pick: layer', layer, d);
  for (const index of indices) checkWhole('pick: indices', index, 0, layer.m - 1);
  const rows = (source: Float64Array): Float64Array =>
    filled(new Float64Array(indices.length * d), (k) => source[indices[Math.floor(k / d)]! * d + (k % d)]!);
  return {
    ...layer,
    m: indices.length,
    a: rows(layer.a),
    b: rows(layer.b),
    bias: filled(new Float64Array(indices.length), (k) => layer.bias[indices[k]!]!),
  };
}

/**
 * The particles of the wide net that a thin net takes: for each layer, m of M indices without replacement. `draw`
 * numbers independent draws of a seed. Throws RangeError when m > M.
 */
export function thinIndices(wide: Net, m: number | readonly number[], seed: number, draw: number): Uint32Array[] {
  checkGiven('thinIndices: wide', wide);
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

/**
 * The thin net of the wide net's particles at `indices`, one list for each layer; copied. Throws RangeError on another
 * number of lists, or where there is no such particle.
 */
export function pickNet(wide: Net, indices: readonly Uint32Array[]): Net {
  checkGiven('pickNet: wide', wide);
  checkList('pickNet: indices', indices);
  if (indices.length !== wide.layers.length)
    throw new RangeError(
      `pickNet: indices: expected one list for each of ${wide.layers.length} layers, got ${indices.length}`,
    );
  return { ...wide, layers: wide.layers.map((layer, l) => pick(layer, wide.d, indices[l]!)) };
}

/** A "fresh" thin net: new particles from the law of the wide net's initial ones, with its scales and read maps. */
export function freshNet(wide: Net, m: number | readonly number[], law: InitialLaw, seed: number, draw: number): Net {
  checkGiven('freshNet: wide', wide);
  const { d, alpha, c, activation, layers: given } = wide;
  const { layers } = initialNet(seed, { depth: given.length, m, d, alpha, c, activation }, law, ['fresh', draw]);
  return { ...wide, layers: layers.map((layer, l) => ({ ...given[l]!, ...layer })) };
}

/** A copy of a network that shares no array with it. */
export function copyNet(net: Net): Net {
  checkGiven('copyNet: net', net);
  return {
    ...net,
    layers: net.layers.map((layer) => ({
      ...layer,
      a: layer.a.slice(),
      b: layer.b.slice(),
      bias: layer.bias.slice(),
    })),
  };
}

/** Layers of zeros, with the shapes of `layers`. */
export function zerosLike(layers: readonly Layer[]): Layer[] {
  checkList('zerosLike: layers', layers);
  return layers.map(({ m, a, b, bias }) => ({
    m,
    a: new Float64Array(a.length),
    b: new Float64Array(b.length),
    bias: new Float64Array(bias.length),
  }));
}

/** One layer with its scales alone, as a network of depth one without read maps. It shares the layer's arrays. */
export function layerNet({ d, alpha, c, activation }: Net, layer: Layer): Net {
  const { m, a, b, bias } = layer;
  const scales = { alpha: layer.alpha ?? alpha, c: layer.c ?? c };
  return { d, ...scales, activation, layers: [sharesScales([layer]) ? layer : { m, a, b, bias }] };
}

/**
 * Layer l, from 0 on, with its scales alone, as a network of depth one without read maps. It shares the layer's arrays.
 * Throws RangeError where there is no such layer.
 */
export function singleLayer(net: Net, l: number): Net {
  checkGiven('singleLayer: net', net);
  if (net.layers[l] === undefined)
    throw new RangeError(`singleLayer: l: expected a layer from 0 to ${net.layers.length - 1}, got ${l}`);
  return layerNet(net, net.layers[l]!);
}

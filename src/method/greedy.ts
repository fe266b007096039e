/**
 * Channels chosen to imitate what the wide net's layers give: greedy selection (Ye, Wu, Liu 2020, arXiv 2010.15969). A
 * layer that reads N channels adds up their contributions phi_i, channel i's values times its rows of the kernel; a
 * thin one takes m of them, each with a weight, so that the mixture is near the sum of all. The rule sees the inner
 * products of contributions only, means over examples and positions.
 */
import { Matrix } from 'ml-matrix';
import { UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import type { Dataset } from '../data/dataset.js';
import { tf, type Tensor, type Tensor2D } from '../engine/tensor.js';
import { evaluation, type Scope } from '../nn/layers.js';
import type { Network } from '../nn/network.js';
import { rowsRead } from './linear-inputs.js';
import { productSums } from './moments.js';
import { toMatrix, type Teacher } from './weights.js';

/** Channels of an axis, and by how much what reads each of them is multiplied. */
export interface ChannelChoice {
  /** Ascending. */
  readonly indices: Uint32Array;
  /** One for each index; 1 for all of them where every channel is taken. */
  readonly factors: Float64Array;
}

/** Inner products [N, N] of the contributions of an axis's channels, by name of the axis. */
export type Contributions = Readonly<Record<string, Matrix>>;

/** Inner products [N, N] of contributions as those [N / size, N / size] of units of `size` channels, taken together. */
export function ofUnits(products: Matrix, size: number): Matrix {
  if (size === 1) return products;
  const summed = Matrix.zeros(products.rows / size, products.columns / size);
  for (let i = 0; i < products.rows; i++)
    for (let j = 0; j < products.columns; j++) {
      const [p, q] = [Math.floor(i / size), Math.floor(j / size)];
      summed.set(p, q, summed.get(p, q) + products.get(i, j));
    }
  return summed;
}

/** What is best of p f + q phi for p, q >= 0: the factors, and |p f + q phi - s|^2 less |s|^2. */
interface Mixture {
  readonly p: number;
  readonly q: number;
  readonly error: number;
}

/** The best mixture of f and phi by their inner products with each other and with s. */
function mixtureOf(ff: number, fs: number, pp: number, ps: number, fp: number): Mixture {
  const determinant = ff * pp - fp * fp;
  if (determinant > 1e-12 * ff * pp) {
    const [p, q] = [(fs * pp - ps * fp) / determinant, (ps * ff - fs * fp) / determinant];
    if (p >= 0 && q >= 0) return { p, q, error: -(p * fs + q * ps) };
  }
  // one of the two alone
  const [p, q] = [ff > 0 ? Math.max(0, fs / ff) : 0, pp > 0 ? Math.max(0, ps / pp) : 0];
  const [first, second] = [-p * fs, -q * ps];
  return second < first ? { p: 0, q, error: second } : { p, q: 0, error: first };
}

/**
 * Greedy selection of `count` of N contributions with inner products [N, N]: with the mixture f so far, the next
 * channel i is the one whose best mixture p f + q phi_i, p, q >= 0, is nearest to the sum s of all. Ye et al. take
 * means of particles, so that their weights sum to 1; a network's layer is a sum, whose size is left free here. Each
 * channel is taken once.
 */
export function greedyChoice(products: Matrix, count: number): ChannelChoice {
  const N = products.rows;
  const withSum = filled(new Float64Array(N), (i) => products.getRow(i).reduce((sum, one) => sum + one, 0));
  const factors = new Map<number, number>();
  const withMix = new Float64Array(N);
  /** f . f and f . s. */
  let [ff, fs] = [0, 0];
  for (let k = 0; k < count; k++) {
    let [next, best]: [number, Mixture] = [-1, { p: 1, q: 0, error: Infinity }];
    for (let i = 0; i < N; i++) {
      if (factors.has(i)) continue;
      const mixture = mixtureOf(ff, fs, products.get(i, i), withSum[i]!, withMix[i]!);
      if (mixture.error < best.error || next < 0) [next, best] = [i, mixture];
    }
    const { p, q } = best;
    ff = p * p * ff + 2 * p * q * withMix[next]! + q * q * products.get(next, next);
    fs = p * fs + q * withSum[next]!;
    for (let i = 0; i < N; i++) withMix[i] = p * withMix[i]! + q * products.get(i, next);
    for (const [i, factor] of factors) factors.set(i, p * factor);
    factors.set(next, q);
  }
  const indices = Uint32Array.from([...factors.keys()].sort((a, b) => a - b));
  return { indices, factors: filled(new Float64Array(count), (k) => factors.get(indices[k]!)!) };
}

/** Kernels of the wide net that read an axis which the thin net has fewer channels of, by name of the axis. */
function readersOf(thin: Network, wide: Network): Map<string, string[]> {
  const narrowed = new Map<string, string[]>();
  for (const [path, names] of Object.entries(wide.axes ?? {})) {
    const [own, theirs] = [thin.shapes[path], wide.shapes[path]];
    const axis = names.length - 2;
    if (!path.endsWith('/kernel') || own === undefined || theirs === undefined) continue;
    if (own[axis]! < theirs[axis]!) narrowed.set(names[axis]!, [...(narrowed.get(names[axis]!) ?? []), path]);
  }
  return narrowed;
}

/**
 * Products [N, N] of what the channels contribute to a layer; undefined where the network does not show the layer, and
 * where it convolves groups of channels apart: those bring nothing together.
 */
async function layerProducts({ network, weights }: Teacher, path: string, data: Dataset): Promise<Matrix | undefined> {
  const kernel = weights.params[`${path}/kernel`]!;
  const [channels, outputs] = kernel.shape.slice(-2) as [number, number];
  const inputs = kernel.size / outputs;
  const until = network.owner(`${path}/kernel`);
  let shown = true;
  const sums = await productSums(data, [path], (x) => {
    let rows: Tensor | undefined;
    const trace: Scope['trace'] = (name, input, output, windows) => {
      if (name === path) rows = rowsRead(input, kernel.shape, output, windows);
    };
    network.apply({ ...evaluation(weights), trace }, x, { until });
    shown = rows?.shape.at(-1) === inputs;
    const found = shown ? rows! : tf.zeros([1, 1]);
    return { [path]: [found, found] };
  });
  if (!shown) return undefined;
  const positions = inputs / channels;
  const products = tf.tidy(() => {
    const gram = tf.tensor2d(Float32Array.from(sums[path]!.to1DArray()), [sums[path]!.rows, sums[path]!.columns]);
    const flat = kernel.reshape([inputs, outputs]) as Tensor2D;
    return tf
      .mul(gram, tf.matMul(flat, flat, false, true))
      .reshape([positions, channels, positions, channels])
      .sum([0, 2]) as Tensor2D;
  });
  const matrix = await toMatrix(products);
  products.dispose();
  return matrix;
}

/**
 * Inner products of the contributions of every axis that the thin net has fewer channels of, on training data. An axis
 * that several layers read has their sum, each as much as any other; one that no shown layer reads has none. Throws
 * UsageError on a network that shows no layer.
 */
export async function contributionsOf(thin: Network, teacher: Teacher, data: Dataset): Promise<Contributions> {
  const found: Record<string, Matrix> = {};
  const readers = readersOf(thin, teacher.network);
  for (const [name, paths] of readers)
    for (const path of paths) {
      const products = await layerProducts(teacher, path.slice(0, -'/kernel'.length), data);
      // |s|^2, the mean square of what the layer gives
      const size = products?.sum() ?? 0;
      if (products === undefined || !(size > 0)) continue;
      const scaled = Matrix.div(products, size);
      found[name] = found[name] === undefined ? scaled : Matrix.add(found[name], scaled);
    }
  if (readers.size > 0 && Object.keys(found).length === 0)
    throw new UsageError(
      'start "greedy" needs a network of this library’s layers: this one does not show its linear layers; ' +
        'use "selected"',
    );
  return found;
}

/**
 * Channels chosen to imitate what the wide net's layers give: greedy selection (Ye, Wu, Liu 2020, arXiv 2010.15969). A
 * layer that reads N channels adds up their contributions phi_i, channel i's values times its rows of the kernel; a
 * thin one takes m of them, each with a weight, so that the mixture is near the sum of all. The rule sees the inner
 * products of contributions only, means over examples and positions.
 */
import { Matrix } from 'ml-matrix';
import { UsageError } from '../../core/errors.js';
import { filled, sizeOf, type HostArray } from '../../core/host-array.js';
import { largest } from '../../core/stats.js';
import type { Dataset } from '../../data/dataset.js';
import { tf, type Tensor, type Tensor2D } from '../../engine/tensor.js';
import { forEachBatch } from '../../metrics/batches.js';
import { evaluation, type Scope } from '../../nn/layers.js';
import type { Network } from '../../nn/network.js';
import type { Windows } from '../../nn/windows.js';
import { rowsRead } from '../values/linear-inputs.js';
import { EXAMPLES, finiteValues } from '../values/moments.js';
import { matrixOf, type Teacher } from '../values/weights.js';

/** Bytes of the sums of products that one pass over the data makes, at most; those of one input at least. */
const SUMMED_BYTES = 2 ** 30;

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

/** Layers of the wide net that read an axis which the thin net has fewer channels of, by the thin net's name of it. */
export function readersOf(thin: Network, wide: Network): Map<string, string[]> {
  const narrowed = new Map<string, string[]>();
  for (const [path, names] of Object.entries(thin.axes ?? {})) {
    const [own, theirs] = [thin.shapes[path], wide.shapes[path]];
    const axis = names.length - 2;
    if (!path.endsWith('/kernel') || own === undefined || theirs === undefined) continue;
    if (own[axis]! < theirs[axis]!)
      narrowed.set(names[axis]!, [...(narrowed.get(names[axis]!) ?? []), path.slice(0, -'/kernel'.length)]);
  }
  return narrowed;
}

/** Examples that show which layers read the same. */
const FEW = 8;

/** What a layer read and gave in a pass. */
interface Heard {
  readonly input: Tensor;
  readonly output: Tensor;
  readonly windows: Windows | undefined;
}

/** What some layers read for a batch, by their paths; a network need not show all of them. */
function heardOf({ network, weights }: Teacher, paths: readonly string[], x: Tensor): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  const trace: Scope['trace'] = (path, input, output, windows) => {
    if (paths.includes(path)) heard.set(path, { input, output, windows });
  };
  const owners = paths.map((path) => network.owner(`${path}/kernel`));
  const depth = largest(owners.map((owner) => network.taps.indexOf(owner)));
  network.apply({ ...evaluation(weights), trace }, x, { until: network.taps[depth] ?? owners[0]! });
  return heard;
}

/** An input of `size` values at each position, and the layers that read it. */
interface Shared {
  readonly paths: string[];
  readonly size: number;
}

/**
 * The inputs of some layers. Left out are layers that the network does not show, and those that convolve groups of
 * channels apart: those bring nothing together.
 */
async function inputsRead(teacher: Teacher, paths: readonly string[], data: Dataset): Promise<Shared[]> {
  let found: Shared[] | undefined;
  await forEachBatch(data, data.train, (x) => (found ??= inputsOf(teacher, paths, x)), FEW);
  return found ?? [];
}

function inputsOf(teacher: Teacher, paths: readonly string[], x: Tensor): Shared[] {
  const heard = heardOf(teacher, paths, x);
  const read = new Map<object, Shared>();
  for (const path of paths) {
    const layer = heard.get(path);
    const { shape } = kernelOf(teacher, path);
    const size = sizeOf(shape) / shape.at(-1)!;
    if (layer === undefined || rowsOf(layer, shape).shape.at(-1) !== size) continue;
    // windows are those of a layer; rows may be those of several
    const { input } = layer;
    const same = input.rank === 4 ? undefined : read.get(input.dataId);
    if (same?.size === size) same.paths.push(path);
    else read.set(input.rank === 4 ? layer : input.dataId, { paths: [path], size });
  }
  return [...read.values()];
}

function rowsOf({ input, output, windows }: Heard, kernel: readonly number[]): Tensor {
  return rowsRead(input, kernel, output, windows);
}

/**
 * A layer's kernel by the name that the network bears here. Not by the values on the engine, which a view of a wide net
 * leaves under its own names (matching/align.ts).
 */
function kernelOf({ host }: Teacher, path: string): HostArray {
  return host.params[`${path}/kernel`]!;
}

/** Inputs in groups, each of as many as have sums of products [size, size] of at most so many bytes, or of one. */
function inGroups(inputs: readonly Shared[], bytes: number): Shared[][] {
  const groups: Shared[][] = [];
  let left = 0;
  for (const input of inputs) {
    const own = 4 * input.size ** 2;
    if (own > left) {
      groups.push([]);
      left = Math.max(bytes, own);
    }
    groups.at(-1)!.push(input);
    left -= own;
  }
  return groups;
}

/** Adds the products [size, size] of some inputs over training data to `sums`, by the first layer that reads each. */
async function addProducts(
  teacher: Teacher,
  inputs: readonly Shared[],
  data: Dataset,
  sums: Map<string, Tensor2D>,
): Promise<void> {
  const firsts = inputs.map(({ paths }) => paths[0]!);
  await forEachBatch(
    data,
    data.train,
    (x) => {
      const heard = heardOf(teacher, firsts, x);
      for (const path of firsts) {
        const before = sums.get(path);
        // rows of windows are many times what they are cut from: those of one layer at a time
        const sum = tf.tidy(() => {
          const values = rowsOf(heard.get(path)!, kernelOf(teacher, path).shape);
          const rows = values.reshape([-1, values.shape.at(-1)!]) as Tensor2D;
          const product: Tensor2D = tf.matMul(rows, rows, true);
          return before === undefined ? product : tf.add<Tensor2D>(before, product);
        });
        sums.set(path, tf.keep(sum));
        before?.dispose();
      }
    },
    EXAMPLES,
  );
}

/** Products [N, N] of what the channels contribute to a layer with this kernel, of those of what it reads. */
async function layerProducts({ shape, values: kernel }: HostArray, gram: Tensor2D): Promise<HostArray> {
  const [channels, outputs] = shape.slice(-2) as [number, number];
  const inputs = kernel.length / outputs;
  const positions = inputs / channels;
  const products = tf.tidy(() => {
    const flat = tf.tensor2d(kernel, [inputs, outputs]);
    return tf
      .mul(gram, tf.matMul(flat, flat, false, true))
      .reshape([positions, channels, positions, channels])
      .sum([0, 2]) as Tensor2D;
  });
  const values = (await products.data()) as Float32Array;
  products.dispose();
  return { shape: [channels, channels], values };
}

/**
 * Products [N, N] of what the channels contribute to each layer that has such, by its path. The network is passed once
 * for as many inputs as have their sums of products in `bytes`.
 */
async function productsOf(
  teacher: Teacher,
  paths: readonly string[],
  data: Dataset,
  bytes: number,
): Promise<ReadonlyMap<string, HostArray>> {
  const found = new Map<string, HostArray>();
  for (const inputs of inGroups(await inputsRead(teacher, paths, data), bytes)) {
    const sums = new Map<string, Tensor2D>();
    try {
      await addProducts(teacher, inputs, data, sums);
      for (const { paths: readers } of inputs) {
        const gram = sums.get(readers[0]!)!;
        await finiteValues(gram, readers[0]!);
        for (const path of readers) found.set(path, await layerProducts(kernelOf(teacher, path), gram));
        gram.dispose();
      }
    } finally {
      tf.dispose([...sums.values()]);
    }
  }
  return found;
}

/**
 * Inner products of the contributions of every axis that the thin net has fewer channels of, on training data. An axis
 * that several layers read has their sum, each as much as any other; one that no shown layer reads has none. Throws
 * UsageError on a network that shows no layer.
 */
export async function contributionsOf(
  thin: Network,
  teacher: Teacher,
  data: Dataset,
  summedBytes = SUMMED_BYTES,
): Promise<Contributions> {
  const found: Record<string, Matrix> = {};
  const readers = readersOf(thin, teacher.network);
  const layers = [...readers.values()].flat();
  const known =
    layers.length === 0 ? new Map<string, HostArray>() : await productsOf(teacher, layers, data, summedBytes);
  for (const [name, paths] of readers)
    for (const path of paths) {
      const values = known.get(path);
      if (values === undefined) continue;
      const products = matrixOf(values);
      // |s|^2, the mean square of what the layer gives
      const size = products.sum();
      if (!(size > 0)) continue;
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

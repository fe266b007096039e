/**
 * Imitation in closed form. Bottom-up, each linear layer of the thin net is fitted by ridge regression on its own
 * inputs to what the wide net has at the same place before its nonlinearity, for the channels that the thin net took;
 * where a batch norm follows, it is set so that the layer and the norm together give the fitted values. No gradient
 * step and no labels. Letters: n positions, k inputs of a position, C out channels.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { FailureError, plural, UsageError } from '../../core/errors.js';
import { Order, toBatch, type Dataset } from '../../data/dataset.js';
import { tf, type Tensor, type Tensor2D, type Tensors } from '../../engine/tensor.js';
import { BATCH_NORM_EPSILON, evaluation, linearMap, type Scope } from '../../nn/layers.js';
import { rowsOf } from '../../nn/transformer.js';
import type { HostArray } from '../../core/host-array.js';
import { normOf } from '../../models/parts/layer-table.js';
import type { Network } from '../../nn/network.js';
import { presenceAt } from '../../nn/presence.js';
import type { Windows } from '../../nn/windows.js';
import { BatchInputs } from '../values/batch-inputs.js';
import { BoundaryValues, type Listener } from '../values/boundary-values.js';
import { rowsRead } from '../values/linear-inputs.js';
import { toFiniteMatrix } from '../values/moments.js';
import type { RidgeImitation } from '../spec/spec.js';
import type { Selection } from '../start/start.js';
import { disposeWeights, toHost, weightsOf, type Teacher, type Weights } from '../values/weights.js';
import type { ImitationWay } from './way.js';

/** Examples of one pass. */
export const RIDGE_BATCH = 100;

/**
 * Bytes of the inputs, and of each net's values at the last boundary, that are kept at most; batches beyond it are read
 * or computed anew.
 */
export const KEPT_BYTES = 2 ** 30;

/** Linear layers between two boundaries that read the same value, so that one pass serves to fit all of them. */
interface Layers {
  readonly paths: readonly string[];
  /** Whether they read rows, whose products are the same for all of them. */
  readonly readRows: boolean;
}

/** A part of a network, between two boundaries. */
interface Part {
  /** The boundary before it; undefined at the input. */
  readonly from: string | undefined;
  /** The boundary, or the output, at its end. */
  readonly tap: string;
  /** Its linear layers in the order of the forward pass. */
  readonly layers: readonly Layers[];
}

/** The parts of a network, and how many linear layers it has. Throws UsageError where it does not show any. */
function partsOf(network: Network, weights: Weights, x: Tensor): { parts: Part[]; total: number } {
  const { block } = network.boundaries;
  const taps = [...block, network.taps.at(-1)!];
  const heard = taps.map(() => new Map<object, { paths: string[]; readRows: boolean }>());
  let total = 0;
  const trace: Scope['trace'] = (path, input) => {
    const owner = network.taps.indexOf(network.owner(`${path}/kernel`));
    const layers = heard[taps.findIndex((tap) => network.taps.indexOf(tap) >= owner)]!;
    const before = layers.get(input.dataId);
    if (before === undefined) layers.set(input.dataId, { paths: [path], readRows: input.rank !== 4 });
    else before.paths.push(path);
    total++;
  };
  tf.tidy(() => void network.apply({ ...evaluation(weights), trace }, x));
  if (total === 0)
    throw new UsageError(
      'imitation by ridge needs a network of this library’s layers: this one does not show its linear layers',
    );
  return { parts: taps.map((tap, i) => ({ from: taps[i - 1], tap, layers: [...heard[i]!.values()] })), total };
}

/** What of the wide net's values the thin one imitates, by the names of their channels. */
export interface Imitated {
  /** The thin net. */
  readonly network: Network;
  readonly weights: Weights;
  /** The wide net. */
  readonly teacher: Teacher;
  /** The channels that the thin net took. */
  readonly selection: Selection;
  /** U [M, m], where the channels that skip connections carry are those of a basis. */
  readonly basis?: HostArray | undefined;
}

/** Whose examples are read, and what is kept of them. */
export interface RidgeOptions {
  /** Seed by which the examples are chosen. */
  readonly seed: number;
  readonly progress?: (done: number, total: number) => void;
  /** Bytes that may be kept of the inputs, and of what each net has at the last boundary. */
  readonly keptBytes?: number | undefined;
}

/** Both nets on their way, batch by batch, and what the thin one imitates. */
interface Run {
  readonly network: Network;
  readonly teacher: Teacher;
  readonly inputs: BatchInputs;
  readonly own: BoundaryValues;
  readonly wide: BoundaryValues;
  readonly selection: Selection;
  readonly projection: Tensor2D | undefined;
}

/**
 * Fits every linear layer of the thin net, and, where the channels of skip connections are those of a basis, the scale
 * and shift of the norm after them; new weights, `weights` are disposed where they changed. The inputs, and what both
 * nets have at the last boundary, are kept in at most `keptBytes` each, so that all of it takes some two passes of the
 * wide net and four of the thin one; batches beyond that are read anew and begin at the input for every layer, with the
 * same result. Throws UsageError where a layer's channels are neither the wide net's, nor chosen, nor in the basis;
 * FailureError where the examples do not determine a layer.
 */
export async function imitateByRidge(
  spec: RidgeImitation,
  { network, weights: thin, teacher, selection, basis }: Imitated,
  data: Dataset,
  { seed, progress = () => {}, keptBytes = KEPT_BYTES }: RidgeOptions,
): Promise<Weights> {
  const inputs = inputsFor(spec, data, seed, keptBytes);
  const run: Run = {
    ...{ network, teacher, selection, inputs },
    own: new BoundaryValues(network, keptBytes),
    wide: new BoundaryValues(teacher.network, keptBytes),
    projection: basis && tf.tensor2d(basis.values, basis.shape as [number, number]),
  };
  let weights = thin;
  try {
    const { parts, total } = await inputs.with(0, (x) => partsOf(network, thin, x));
    let done = 0;
    for (const part of parts) {
      const isOutput = part === parts.at(-1);
      for (const [i, layers] of part.layers.entries()) {
        const isLast = !isOutput && i === part.layers.length - 1;
        const moments = await momentsOf(run, weights, part, layers, isLast);
        for (const path of layers.paths) {
          const solution = fitGroups(moments[path]!, spec.ridge, path, weights.params[`${path}/kernel`]!.shape);
          weights = setLayer(weights, path, solution, moments[path]!);
          progress(++done, total);
        }
      }
      if (isOutput) break;
      if (part.layers.length === 0) await advance(run, run.wide, teacher.weights, part.tap);
      const scales = run.projection === undefined ? undefined : network.scales?.(part.tap);
      if (scales?.length === 2) weights = await fitNorm(run, weights, part.tap, scales);
      await advance(run, run.own, weights, part.tap);
    }
    return weights;
  } catch (error) {
    disposeWeights(weights);
    throw error;
  } finally {
    run.own.dispose();
    run.wide.dispose();
    run.projection?.dispose();
    inputs.dispose();
  }
}

function inputsFor({ images }: RidgeImitation, data: Dataset, seed: number, keptBytes: number): BatchInputs {
  const order = new Order(seed, data.train.count);
  const read = async (batch: number): Promise<Tensor> => {
    const start = batch * RIDGE_BATCH;
    const indices = order.from(start, Math.min(RIDGE_BATCH, images - start));
    const { x, y } = toBatch(data, await data.train.batch(indices));
    y.dispose();
    return x;
  };
  return new BatchInputs(Math.ceil(images / RIDGE_BATCH), read, keptBytes);
}

/** Takes every batch of a network to a boundary. */
async function advance({ inputs }: Run, values: BoundaryValues, weights: Weights, tap: string): Promise<void> {
  for (let batch = 0; batch < inputs.count; batch++) {
    const pass = (x: Tensor): Tensor => tf.tidy(() => values.pass(weights, batch, x, tap)[tap]!.clone());
    values.reach(batch, tap, await inputs.with(batch, pass));
  }
}

interface Moments {
  /** [k + 1, k + 1]: inputs and a one, against themselves. */
  readonly gram: Matrix;
  /** [k + 1, C]: against the targets. */
  readonly cross: Matrix;
  /** Positions. */
  readonly count: number;
}

/** What a layer read and gave in a pass. */
interface Heard {
  readonly input: Tensor;
  readonly output: Tensor;
  readonly windows: Windows | undefined;
}

/** Hears of some layers. */
function listening(paths: readonly string[]): { readonly heard: Map<string, Heard>; readonly listener: Listener } {
  const heard = new Map<string, Heard>();
  const listener: Listener = (path, input, output, windows) => {
    if (paths.includes(path)) heard.set(path, { input, output, windows });
  };
  return { heard, listener };
}

/**
 * The moments of layers that read the same value, by their paths. Takes the wide net's batches to the part's end when
 * they are the last to be fitted in it.
 */
async function momentsOf(
  run: Run,
  weights: Weights,
  part: Part,
  { paths, readRows }: Layers,
  isLast: boolean,
): Promise<Record<string, Moments>> {
  const gramOf = (path: string): string => `gram/${readRows ? paths[0]! : path}`;
  let sums: Record<string, Tensor2D> = {};
  const counts: Record<string, number> = {};
  try {
    for (let batch = 0; batch < run.inputs.count; batch++) {
      const before = sums;
      const add = (x: Tensor) => {
        const [mine, wides] = [listening(paths), listening(paths)];
        const own = run.own.pass(weights, batch, x, part.tap, mine.listener);
        const theirs = run.wide.pass(run.teacher.weights, batch, x, part.tap, wides.listener);
        const presence = run.network.presence?.(x);
        const next: Record<string, Tensor2D> = {};
        const addProduct = (name: string, rows: Tensor2D, others: Tensor2D): void => {
          const product: Tensor2D = tf.matMul(rows, others, true);
          next[name] = before[name] === undefined ? product : tf.add<Tensor2D>(before[name], product);
        };
        for (const path of paths) {
          const [layer, wide] = [mine.heard.get(path), wides.heard.get(path)];
          if (layer === undefined || wide === undefined)
            throw new UsageError(`ridge: the network has no linear layer "${path}"`);
          const target = targetOf(run, part, path, { output: wide.output, own, theirs });
          checkTarget(path, layer.output, wide.output, target);
          const rows = rowsRead(layer.input, weights.params[`${path}/kernel`]!.shape, layer.output, layer.windows);
          const extended = tf.concat([rows, countedRows(rows, presence)], 1) as Tensor2D;
          if (next[gramOf(path)] === undefined) addProduct(gramOf(path), extended, extended);
          addProduct(`cross/${path}`, extended, target.reshape([-1, target.shape.at(-1)!]) as Tensor2D);
          counts[path] = (counts[path] ?? 0) + rows.shape[0];
        }
        return { next, reached: isLast ? theirs[part.tap]!.clone() : undefined };
      };
      const found = await run.inputs.with(batch, (x) => tf.tidy(() => add(x)));
      if (found.reached !== undefined) run.wide.reach(batch, part.tap, found.reached);
      sums = found.next;
      tf.dispose(before);
    }
    const moments: Record<string, Moments> = {};
    for (const path of paths) {
      const gram = symmetricPart(await toFiniteMatrix(sums[gramOf(path)]!, path));
      const cross = await toFiniteMatrix(sums[`cross/${path}`]!, path);
      // where rows are padding the ones beside the others are counted; elsewhere there may be more than float32 adds up
      const count = run.network.presence === undefined ? counts[path]! : gram.get(gram.rows - 1, gram.rows - 1);
      moments[path] = { gram, cross, count };
    }
    return moments;
  } finally {
    tf.dispose(sums);
  }
}

/** A one beside each of the rows [n, k] that counts, a zero where it is padding, [n, 1]. */
function countedRows(rows: Tensor2D, presence: Tensor | undefined): Tensor {
  return presenceAt(rows, presence) ?? tf.ones([rows.shape[0], 1]);
}

/** The wide net's output at a layer, and what both nets have at the boundaries of the part. */
interface WideOutput {
  readonly output: Tensor;
  readonly own: Tensors;
  readonly theirs: Tensors;
}

/** What a layer is to give, of the wide net's output at the same place, in the channels of the thin net. */
function targetOf(
  { network, selection, projection }: Run,
  part: Part,
  path: string,
  { output: wide, own, theirs }: WideOutput,
): Tensor {
  const axis = network.axes?.[`${path}/kernel`]?.at(-1) ?? '';
  const channels = selection[axis];
  if (projection !== undefined && axis === network.stream) {
    const inBasis = linearMap(wide, projection);
    if (part.from === undefined || network.owner(`${path}/kernel`) !== part.tap || !isBlock(network, part.tap))
      return inBasis;
    // what the skip connection lacks of the wide net's value is made good by what is added to it
    const [skipped, there] = [own[part.from]!, theirs[part.from]!];
    return tf.add(inBasis, tf.sub(linearMap(there, projection), skipped).reshape(inBasis.shape));
  }
  if (channels === undefined) return wide;
  return tf.gather(wide, tf.tensor1d(Int32Array.from(channels), 'int32'), wide.shape.length - 1);
}

function isBlock(network: Network, tap: string): boolean {
  return network.boundaries.block.includes(tap);
}

function checkTarget(path: string, output: Tensor, wide: Tensor, target: Tensor): void {
  if (String(target.shape) === String(output.shape)) return;
  throw new UsageError(
    `ridge: ${path} has ${output.shape.at(-1)} channels and the wide net ${wide.shape.at(-1)}; ` +
      'start "selected", or "projected" where skip connections are narrower, says which of them it imitates',
  );
}

/**
 * Fits the scale and shift of a tap's norm, `[gamma, beta]`: for each channel the line that gives, of what the thin net
 * has there, the least squares to the wide net's value in the basis.
 */
async function fitNorm(
  { network, own, wide, teacher, inputs, projection }: Run,
  weights: Weights,
  tap: string,
  [gamma, beta]: readonly string[],
): Promise<Weights> {
  const channels = projection!.shape[1];
  const sums = { own: new Float64Array(channels), wide: new Float64Array(channels) };
  const products = { own: new Float64Array(channels), wide: new Float64Array(channels) };
  let count = 0;
  for (let batch = 0; batch < inputs.count; batch++) {
    const sumsOf = (x: Tensor): Tensor => {
      const mine = rowsOf(own.pass(weights, batch, x, tap)[tap]!);
      const theirs = rowsOf(linearMap(wide.pass(teacher.weights, batch, x, tap)[tap]!, projection!));
      const rows = tf.sum(countedRows(mine, network.presence?.(x)));
      const sums = [mine, theirs, tf.square(mine), tf.mul(mine, theirs)].map((value) => tf.sum(value, 0));
      return tf.stack([...sums, tf.mul(tf.onesLike(sums[0]!), rows)]);
    };
    const found = await inputs.with(batch, (x) => tf.tidy(() => sumsOf(x)));
    const values = await found.data();
    found.dispose();
    count += values[4 * channels]!;
    [sums.own, sums.wide, products.own, products.wide].forEach((total, k) => {
      for (let c = 0; c < channels; c++) total[c] = total[c]! + values[k * channels + c]!;
    });
  }
  const slope = sums.own.map((sum, c) => {
    const variance = products.own[c]! - sum ** 2 / count;
    return variance > 1e-9 * products.own[c]! ? (products.wide[c]! - (sum * sums.wide[c]!) / count) / variance : 1;
  });
  const shift = sums.wide.map((sum, c) => (sum - slope[c]! * sums.own[c]!) / count);
  const factor = tf.tensor1d(Float32Array.from(slope));
  const changed = tf.tidy(() => ({
    [gamma!]: tf.mul(weights.params[gamma!]!, factor),
    [beta!]: tf.add(tf.mul(weights.params[beta!]!, factor), tf.tensor1d(Float32Array.from(shift))),
  }));
  factor.dispose();
  for (const path of Object.keys(changed)) weights.params[path]!.dispose();
  return { ...weights, params: { ...weights.params, ...changed } };
}

/**
 * (A + A^T) / 2 of a matrix that is symmetric but for roundings: on some processors an engine adds up x_i x_j and
 * x_j x_i in other orders. One that is symmetric stays as it is, to the bit.
 */
function symmetricPart(matrix: Matrix): Matrix {
  return Matrix.add(matrix, matrix.transpose()).mul(0.5);
}

/** Ridge solution [k + 1, C]; the last row is the intercept, which is not penalized. */
function fit({ gram, cross, count }: Moments, ridge: number, path: string): Matrix {
  const inputs = gram.rows - 1;
  const penalized = gram.clone();
  let trace = 0;
  for (let i = 0; i < inputs; i++) trace += gram.get(i, i);
  for (let i = 0; i < inputs; i++) penalized.set(i, i, gram.get(i, i) + (ridge * trace) / inputs + 1e-9 * count);
  const cholesky = new CholeskyDecomposition(penalized);
  if (!cholesky.isPositiveDefinite())
    throw new FailureError(
      `ridge: the inputs of ${path} do not determine it; raise imitation.ridge or imitation.images`,
    );
  return cholesky.solve(cross);
}

/**
 * {@link fit} where groups of channels are convolved apart, kernel [h, w, C / groups, O]: each output by the inputs of
 * its own group; its weights of the others are 0.
 */
function fitGroups(moments: Moments, ridge: number, path: string, kernel: readonly number[]): Matrix {
  const groups = groupsIn(moments.gram.rows - 1, kernel);
  if (groups === 1) return fit(moments, ridge, path);
  const [positions, outputs] = [kernel[0]! * kernel[1]!, moments.cross.columns / groups];
  const solution = Matrix.zeros(moments.gram.rows, moments.cross.columns);
  for (let group = 0; group < groups; group++) {
    const inputs = [...inputsOf(group, groups, positions, kernel[2]!), moments.gram.rows - 1];
    const own = Array.from({ length: outputs }, (_, o) => group * outputs + o);
    const part = fit(
      {
        gram: moments.gram.selection(inputs, inputs),
        cross: moments.cross.selection(inputs, own),
        count: moments.count,
      },
      ridge,
      path,
    );
    inputs.forEach((row, i) => own.forEach((column, o) => solution.set(row, column, part.get(i, o))));
  }
  return solution;
}

/** How many groups of channels a kernel reads apart, of so many inputs of a position. */
function groupsIn(inputs: number, kernel: readonly number[]): number {
  return kernel.length === 4 ? inputs / (kernel[0]! * kernel[1]! * kernel[2]!) : 1;
}

/** Rows of a window's values [positions, groups, channels] that are a group's. */
function inputsOf(group: number, groups: number, positions: number, channels: number): number[] {
  return Array.from(
    { length: positions * channels },
    (_, i) => (Math.floor(i / channels) * groups + group) * channels + (i % channels),
  );
}

/** A solution's weights as the kernel has them, without the zeros between its groups. */
function kernelOf(solution: Matrix, { shape }: { readonly shape: readonly number[] }): HostArray {
  const inputs = solution.rows - 1;
  const groups = groupsIn(inputs, shape);
  if (groups === 1)
    return {
      shape,
      values: Float32Array.from(solution.subMatrix(0, inputs - 1, 0, solution.columns - 1).to1DArray()),
    };
  const [positions, channels, outputs] = [shape[0]! * shape[1]!, shape[2]!, solution.columns];
  const values = new Float32Array(positions * channels * outputs);
  for (let o = 0; o < outputs; o++) {
    const group = Math.floor((o * groups) / outputs);
    inputsOf(group, groups, positions, channels).forEach((row, i) => (values[i * outputs + o] = solution.get(row, o)));
  }
  return { shape, values };
}

/** Puts a solution into a layer, and into the norm that follows it. */
function setLayer({ params, state }: Weights, path: string, solution: Matrix, { gram, count }: Moments): Weights {
  const inputs = solution.rows - 1;
  const [channels, old] = [solution.columns, params[`${path}/kernel`]!];
  const kernel = kernelOf(solution, old);
  const intercept = solution.getRow(inputs);
  const set = (values: readonly number[]): Tensor => tf.tensor1d(Float32Array.from(values));
  const changed: Record<string, Tensor> = { [`${path}/kernel`]: tf.tensor(kernel.values, [...kernel.shape]) };
  const changedState: Record<string, Tensor> = {};
  const norm = normOf(path);
  if (params[`${path}/bias`] !== undefined) changed[`${path}/bias`] = set(intercept);
  else if (norm !== path && params[`${norm}/gamma`] !== undefined) {
    const weights = solution.subMatrix(0, inputs - 1, 0, channels - 1);
    const sums = gram
      .subMatrix(inputs, inputs, 0, inputs - 1)
      .mmul(weights)
      .getRow(0);
    const products = gram.subMatrix(0, inputs - 1, 0, inputs - 1).mmul(weights);
    const means = sums.map((sum) => sum / count);
    const variances = means.map((mean, c) =>
      Math.max(0, weights.getColumnVector(c).dot(products.getColumnVector(c)) / count - mean ** 2),
    );
    changed[`${norm}/gamma`] = set(variances.map((variance) => Math.sqrt(variance + BATCH_NORM_EPSILON)));
    changed[`${norm}/beta`] = set(intercept.map((value, c) => value + means[c]!));
    changedState[`${norm}/mean`] = set(means);
    changedState[`${norm}/variance`] = set(variances);
  } else throw new UsageError(`ridge: ${path} has neither a bias nor a norm that could take the intercept`);
  for (const name of Object.keys(changed)) params[name]!.dispose();
  for (const name of Object.keys(changedState)) state[name]!.dispose();
  return { params: { ...params, ...changed }, state: { ...state, ...changedState } };
}

/** Imitation in closed form. */
export const byRidge: ImitationWay<RidgeImitation> = {
  examples: ({ images }) => images,
  check: (path, { images }, examples) => {
    if (examples !== undefined && images > examples)
      throw new UsageError(
        `${path}.images: ${images}, and the data have ${plural(examples, 'training example')}; expected ` +
          'at most as many; give fewer or more data',
      );
  },
  plan: () => [],
  begin: async (spec, { context, thin, teacher, data, record }, { start, projects, basis }) => {
    const fitted = await imitateByRidge(
      spec,
      {
        network: thin,
        weights: weightsOf(start.host),
        teacher,
        selection: start.selection,
        basis: projects ? basis?.basis : undefined,
      },
      data,
      {
        seed: context.seed,
        progress: (done, total) => context.progress('imitate in closed form', done, total),
      },
    );
    try {
      await record(fitted);
      return await toHost(fitted);
    } finally {
      disposeWeights(fitted);
    }
  },
  stages: () => [],
};

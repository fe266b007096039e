/**
 * Imitation in closed form. Bottom-up, each linear layer of the thin net is fitted by ridge regression on its own
 * inputs to what the wide net has at the same place before its nonlinearity, for the channels that the thin net took;
 * where a batch norm follows, it is set so that the layer and the norm together give the fitted values. No gradient
 * step and no labels. Letters: n positions, k inputs of a position, C out channels.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { FailureError, UsageError } from '../core/errors.js';
import { Order, toBatch, type Dataset } from '../data/dataset.js';
import { disposeAll, tf, type Tensor, type Tensor2D, type Tensors } from '../engine/tensor.js';
import { trace } from '../engine/trace/trace.js';
import { BATCH_NORM_EPSILON, evaluation, linearMap, type Scope } from '../nn/layers.js';
import { rowsOf } from '../nn/transformer.js';
import type { HostArray } from '../core/host-array.js';
import type { Network } from '../nn/network.js';
import type { Windows } from '../nn/windows.js';
import { rowsRead } from './linear-inputs.js';
import { toFiniteMatrix } from './moments.js';
import type { RidgeImitation } from './spec.js';
import type { Selection } from './start.js';
import { part, prefixed } from './training-step.js';
import type { Teacher, Weights } from './weights.js';

/** Images of one pass. */
const BATCH = 100;

/** A network's forward pass, of which the linear layers are looked at. */
interface LayerPass {
  /**
   * What every linear layer reads, `input/PATH`, and gives, `output/PATH`, for x [B, ...], and the value at the end of
   * each block, `tap/TAP`, where that was asked for; the caller disposes it.
   */
  readonly run: (weights: Weights, x: Tensor) => Tensors;
  /** The windows of a convolution, by its path; of any batch, once a pass has run. */
  readonly windows: ReadonlyMap<string, Windows | undefined>;
  readonly dispose: () => void;
}

/**
 * A pass that gives every linear layer at once and takes the weights as inputs, so that it is compiled once where the
 * engine can (engine/trace): the fit of each layer needs it for every batch, with weights that change from layer to
 * layer. docs/notes/2026-11-26-what-is-compiled.md has what that saves.
 */
function layerPass(network: Network, what: string, withTaps: boolean): LayerPass {
  const seen = new Map<string, Windows | undefined>();
  const pass = trace(what, (inputs) => {
    const found: Record<string, Tensor> = {};
    const given = new Set(Object.values(inputs)); // these stay the caller's
    const scope: Scope = {
      ...evaluation({ params: part(inputs, 'params'), state: part(inputs, 'state') }),
      trace: (path, input, output, windows) => {
        seen.set(path, windows);
        found[`input/${path}`] = given.has(input) ? input.clone() : input;
        found[`output/${path}`] = output;
      },
    };
    const taps = network.apply(scope, inputs.x!);
    const blocks = withTaps ? network.boundaries.block : [];
    return { ...found, ...Object.fromEntries(blocks.map((tap) => [`tap/${tap}`, taps[tap]!.clone()])) };
  });
  const run: LayerPass['run'] = ({ params, state }, x) =>
    pass({ x, ...prefixed(params, 'params'), ...prefixed(state, 'state') });
  return { run, windows: seen, dispose: pass.dispose };
}

function linearLayers(network: Network, weights: Weights, x: Tensor): string[] {
  const paths: string[] = [];
  tf.tidy(() => void network.apply({ ...evaluation(weights), trace: (path) => void paths.push(path) }, x));
  if (paths.length === 0)
    throw new UsageError(
      'imitation by ridge needs a network of this library’s layers: this one does not show its linear layers',
    );
  return paths;
}

/** What of the wide net's values the thin one imitates, by the names of their channels. */
export interface Imitated {
  /** The channels that the thin net took. */
  readonly selection: Selection;
  /** U [M, m], where the channels that skip connections carry are those of a basis. */
  readonly basis?: HostArray | undefined;
}

/**
 * Fits every linear layer of the thin net, and, where the channels of skip connections are those of a basis, the scale
 * and shift of the norm after them; new weights, `thin` is disposed where it changed. Throws UsageError where a layer's
 * channels are neither the wide net's, nor chosen, nor in the basis; FailureError where the examples do not determine a
 * layer.
 */
export async function imitateByRidge(
  spec: RidgeImitation,
  network: Network,
  thin: Weights,
  teacher: Teacher,
  { selection, basis }: Imitated,
  data: Dataset,
  seed: number,
  progress: (done: number, total: number) => void,
): Promise<Weights> {
  const order = new Order(seed, data.train.count);
  const batches: Tensor[] = [];
  for (let step = 0; step * BATCH < spec.images; step++) {
    const batch = toBatch(
      data,
      await data.train.batch(order.indices(step, Math.min(BATCH, spec.images - step * BATCH))),
    );
    batch.y.dispose();
    batches.push(batch.x);
  }
  let weights = thin;
  const paths = linearLayers(network, thin, batches[0]!);
  const passes = {
    thin: layerPass(network, 'the thin net, layer by layer', basis !== undefined),
    wide: layerPass(teacher.network, 'the wide net, layer by layer', basis !== undefined),
  };
  const projection = basis && tf.tensor2d(basis.values, basis.shape as [number, number]);
  const tapOf = (path: string): string => network.owner(`${path}/kernel`);
  const fitTap = async (tap: string): Promise<void> => {
    const scales = projection && network.boundaries.block.includes(tap) ? network.scales?.(tap) : undefined;
    if (scales?.length === 2) weights = await fitNorm(network, weights, teacher, tap, scales, projection!, batches);
  };
  // what stands before the first linear layer has a norm, too: that of embeddings
  for (const tap of network.taps.slice(0, network.taps.indexOf(tapOf(paths[0]!)))) await fitTap(tap);
  for (const [i, path] of paths.entries()) {
    const axis = network.axes?.[`${path}/kernel`]?.at(-1) ?? '';
    const channels = selection[axis];
    const { block } = network.boundaries;
    const before = block[block.indexOf(tapOf(path)) - 1];
    const target = (wide: Tensor, own: Tensors, theirs: Tensors): Tensor => {
      if (projection !== undefined && axis === network.stream) {
        const inBasis = linearMap(wide, projection);
        if (before === undefined) return inBasis;
        // what the skip connection lacks of the wide net's value is made good by what is added to it
        const [skipped, there] = [own[`tap/${before}`]!, theirs[`tap/${before}`]!];
        return tf.add(inBasis, tf.sub(linearMap(there, projection), skipped).reshape(inBasis.shape));
      }
      if (channels === undefined) return wide;
      return tf.gather(wide, tf.tensor1d(Int32Array.from(channels), 'int32'), wide.shape.length - 1);
    };
    const moments = await momentsOf(passes, weights, teacher, path, batches, target);
    weights = setLayer(
      weights,
      path,
      fitGroups(moments, spec.ridge, path, thin.params[`${path}/kernel`]!.shape),
      moments,
    );
    if (i === paths.length - 1 || tapOf(paths[i + 1]!) !== tapOf(path)) await fitTap(tapOf(path));
    progress(i + 1, paths.length);
  }
  projection?.dispose();
  passes.thin.dispose();
  passes.wide.dispose();
  tf.dispose(batches);
  return weights;
}

interface Moments {
  /** [k + 1, k + 1]: inputs and a one, against themselves. */
  readonly gram: Matrix;
  /** [k + 1, C]: against the targets. */
  readonly cross: Matrix;
  /** Positions. */
  readonly count: number;
}

async function momentsOf(
  passes: Readonly<Record<'thin' | 'wide', LayerPass>>,
  thin: Weights,
  teacher: Teacher,
  path: string,
  batches: readonly Tensor[],
  targetOf: (wide: Tensor, own: Tensors, theirs: Tensors) => Tensor,
): Promise<Moments> {
  const kernel = thin.params[`${path}/kernel`]!;
  let sums: { gram: Tensor2D; cross: Tensor2D } | undefined;
  let count = 0;
  for (const x of batches) {
    const before = sums;
    const [own, theirs] = [passes.thin.run(thin, x), passes.wide.run(teacher.weights, x)];
    const [input, output, wide] = [own[`input/${path}`], own[`output/${path}`], theirs[`output/${path}`]];
    if (input === undefined || output === undefined || wide === undefined)
      throw new UsageError(`ridge: the network has no linear layer "${path}"`);
    const windows = passes.thin.windows.get(path);
    sums = tf.tidy(() => {
      const target = targetOf(wide, own, theirs);
      if (String(target.shape) !== String(output.shape)) {
        throw new UsageError(
          `ridge: ${path} has ${output.shape.at(-1)} channels and the wide net ${wide.shape.at(-1)}; ` +
            'start "selected", or "projected" where skip connections are narrower, says which of them it imitates',
        );
      }
      const rows = rowsRead(input, kernel.shape, output, windows);
      const extended = tf.concat([rows, tf.ones([rows.shape[0], 1])], 1) as Tensor2D;
      const gram: Tensor2D = tf.matMul(extended, extended, true);
      const cross: Tensor2D = tf.matMul(extended, target.reshape([-1, target.shape.at(-1)!]) as Tensor2D, true);
      count += rows.shape[0];
      return before === undefined
        ? { gram, cross }
        : { gram: tf.add<Tensor2D>(before.gram, gram), cross: tf.add<Tensor2D>(before.cross, cross) };
    });
    disposeAll(own, theirs);
    if (before !== undefined) tf.dispose([before.gram, before.cross]);
  }
  try {
    return { gram: await toFiniteMatrix(sums!.gram, path), cross: await toFiniteMatrix(sums!.cross, path), count };
  } finally {
    tf.dispose([sums!.gram, sums!.cross]);
  }
}

/**
 * Fits the scale and shift of a tap's norm, `[gamma, beta]`: for each channel the line that gives, of what the thin net
 * has there, the least squares to the wide net's value in the basis.
 */
async function fitNorm(
  network: Network,
  weights: Weights,
  teacher: Teacher,
  tap: string,
  [gamma, beta]: readonly string[],
  projection: Tensor2D,
  batches: readonly Tensor[],
): Promise<Weights> {
  const channels = projection.shape[1];
  const sums = { own: new Float64Array(channels), wide: new Float64Array(channels) };
  const products = { own: new Float64Array(channels), wide: new Float64Array(channels) };
  let count = 0;
  for (const x of batches) {
    const found = tf.tidy(() => {
      const own = rowsOf(network.apply(evaluation(weights), x, { until: tap })[tap]!);
      const wide = rowsOf(
        linearMap(teacher.network.apply(evaluation(teacher.weights), x, { until: tap })[tap]!, projection),
      );
      count += own.shape[0];
      return tf.stack([own, wide, tf.square(own), tf.mul(own, wide)].map((value) => tf.sum(value, 0)));
    });
    const values = await found.data();
    found.dispose();
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

/** Ridge solution [k + 1, C]; the last row is the intercept, which is not penalised. */
function fit({ gram, cross, count }: Moments, ridge: number, path: string): Matrix {
  const inputs = gram.rows - 1;
  const penalised = gram.clone();
  let trace = 0;
  for (let i = 0; i < inputs; i++) trace += gram.get(i, i);
  for (let i = 0; i < inputs; i++) penalised.set(i, i, gram.get(i, i) + (ridge * trace) / inputs + 1e-9 * count);
  const cholesky = new CholeskyDecomposition(penalised);
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
  const norm = path.replace(/conv(\d?)$/, 'norm$1');
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

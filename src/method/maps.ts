/**
 * The linear maps of the paper between a thin network S and its wide one: at each boundary `up` [m, M] raises the thin width to the wide one, and
 * `down` [M, m] brings it back for the next group, so that S-bar = S with these maps can be compared with the wide net group by group. The map of a
 * boundary as a whole, up times down [m, m], is merged into the kernels that read it; then the network is exactly S. No biases: zero
 * padding stays zero. Letters: m thin, M wide channels.
 */
import { EigenvalueDecomposition, Matrix, solve } from 'ml-matrix';
import { UsageError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { disposeAll, tf, type Tensor, type Tensor2D, type Tensors } from '../engine/tensor.js';
import { forEachBatch } from '../metrics/batches.js';
import { toTensors, type Parameter, type Parameters } from '../nn/init.js';
import { evaluation, linearMap, type Scope } from '../nn/layers.js';
import type { Model, Network } from '../nn/network.js';
import type { Group } from './groups.js';
import type { Selection } from './start.js';
import { disposeWeights, toMatrix, weightsOf, type Teacher, type Weights } from './weights.js';

export type MapKind = 'none' | 'up' | 'pair';

/** Images from which the initial maps are computed. */
const IMAGES = 512;

export const upPath = (tap: string): string => `maps/${tap}/up`;
export const downPath = (tap: string): string => `maps/${tap}/down`;

export function isMap(path: string): boolean {
  return path.startsWith('maps/');
}

/** The thin output as the wide net's, where there is a map. */
export function mapUp(params: Tensors, tap: string, value: Tensor): Tensor {
  const up = params[upPath(tap)];
  return up === undefined ? value : linearMap(value, up as Tensor2D);
}

/** A wide value as the next thin group reads it. */
export function mapDown(params: Tensors, tap: string, value: Tensor): Tensor {
  const down = params[downPath(tap)];
  return down === undefined ? value : linearMap(value, down as Tensor2D);
}

/** What the next thin group reads of the thin net's own value: through both maps where there is a pair. */
export function mapAcross(params: Tensors, tap: string, value: Tensor): Tensor {
  return params[downPath(tap)] === undefined ? value : mapDown(params, tap, mapUp(params, tap, value));
}

/** Throws UsageError when the widths differ at a boundary and the maps cannot bridge that, or when a pair could not be merged afterwards. */
export function checkMaps(kind: MapKind, inputs: 'own' | 'wide', thin: Network, wide: Network, groups: readonly Group[]): void {
  for (const { tap } of groups) {
    const [m, M] = [thin.width(tap), wide.width(tap)];
    if (m === M) continue;
    if (kind === 'none') throw new UsageError(`imitation: at ${tap} the thin net has ${m} channels and the wide one ${M}; maps "up" or "pair" are needed`);
    if (kind === 'up' && inputs === 'wide') throw new UsageError(`imitation: ${tap} has ${M} channels in the wide net, the thin one reads ${m}; inputs "wide" need maps "pair"`);
    const readers = thin.readers(tap);
    if (kind === 'pair' && 'obstacle' in readers) throw new UsageError(`imitation: the map after ${tap} cannot be merged: ${readers.obstacle}`);
  }
}

/**
 * Initial maps for the boundaries whose widths differ. `down` takes the channels that were selected, or else the principal components of the wide
 * net's activations; `up` is the least-squares way from what the thin net gives at its start to what the wide net has there.
 */
export async function initialMaps(
  kind: MapKind,
  thin: Network,
  start: Model,
  teacher: Teacher,
  groups: readonly Group[],
  selection: Selection,
  data: Dataset,
): Promise<Parameters> {
  const different = kind === 'none' ? [] : groups.filter(({ tap }) => thin.width(tap) !== teacher.network.width(tap));
  if (different.length === 0) return {};
  const downs: Record<string, Parameter> = {};
  if (kind === 'pair') {
    const taps = different.map(({ tap }) => tap);
    const moments = await productSums(data, taps, (x) => {
      const values = teacher.network.apply(evaluation(teacher.weights), x, { until: taps.at(-1)! });
      return Object.fromEntries(taps.map((tap) => [tap, [values[tap]!, values[tap]!]]));
    });
    for (const tap of taps) downs[downPath(tap)] = downMap(moments[tap]!, thin.width(tap), selectedAt(thin, tap, selection));
  }
  const weights = weightsOf(start);
  const maps = toTensors(downs);
  const ups = await leastSquaresUp(kind, thin, weights, maps, teacher, groups, different, data);
  disposeWeights(weights);
  disposeAll(maps);
  return { ...downs, ...ups };
}

/** The wide net's channels that the thin one took at a tap, if it took some. */
function selectedAt(thin: Network, tap: string, selection: Selection): Uint32Array | undefined {
  const readers = thin.readers(tap);
  return 'kernels' in readers ? selection[thin.axes?.[readers.kernels[0]!]?.at(-2) ?? ''] : undefined;
}

function parameterOf(matrix: Matrix): Parameter {
  return { shape: [matrix.rows, matrix.columns], values: Float32Array.from(matrix.to1DArray()) };
}

function downMap(moment: Matrix, m: number, channels: Uint32Array | undefined): Parameter {
  if (channels !== undefined) {
    const down = Matrix.zeros(moment.rows, m);
    channels.forEach((channel, i) => down.set(channel, i, 1));
    return parameterOf(down);
  }
  const { eigenvectorMatrix, realEigenvalues } = new EigenvalueDecomposition(moment, { assumeSymmetric: true });
  const order = Array.from(realEigenvalues.keys()).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!).slice(0, m); // prettier-ignore
  return parameterOf(eigenvectorMatrix.subMatrixColumn(order));
}

/** up = (s^T s)^-1 s^T b over positions and images, with s what the thin net gives and b what the wide one has; lightly penalised. */
async function leastSquaresUp(
  kind: MapKind,
  thin: Network,
  weights: Weights,
  maps: Tensors,
  teacher: Teacher,
  groups: readonly Group[],
  different: readonly Group[],
  data: Dataset,
): Promise<Record<string, Parameter>> {
  const scope: Scope = { ...evaluation(weights), train: true }; // running statistics say nothing yet
  const taps = different.map(({ tap }) => tap);
  const names = taps.flatMap((tap) => [tap, `${tap} cross`]);
  const sums = await productSums(data, names, (x) => {
    const wide = teacher.network.apply(evaluation(teacher.weights), x, { until: taps.at(-1)! });
    const pairs: Record<string, [Tensor, Tensor]> = {};
    let own = x;
    for (const { tap, from } of groups) {
      const input = kind === 'pair' && from !== undefined ? mapDown(maps, from, wide[from]!) : own;
      own = thin.apply(scope, input, { from, input: x, until: tap })[tap]!;
      if (!taps.includes(tap)) continue;
      pairs[tap] = [own, own];
      pairs[`${tap} cross`] = [own, wide[tap]!];
    }
    return pairs;
  });
  const up = (tap: string): Parameter => {
    const gram = sums[tap]!;
    const penalty = (1e-6 * gram.trace()) / gram.rows + 1e-12;
    return parameterOf(solve(Matrix.add(gram, Matrix.eye(gram.rows).mul(penalty)), sums[`${tap} cross`]!));
  };
  return Object.fromEntries(taps.map((tap) => [upPath(tap), up(tap)]));
}

/** sum a^T b over positions and images, for each of the named pairs. */
async function productSums(data: Dataset, names: readonly string[], pairsOf: (x: Tensor) => Readonly<Record<string, readonly [Tensor, Tensor]>>): Promise<Record<string, Matrix>> {
  const sums: Record<string, Tensor2D> = {};
  const rows = (value: Tensor): Tensor2D => value.reshape([-1, value.shape.at(-1)!]) as Tensor2D;
  await forEachBatch(
    data,
    data.train,
    (x) => {
      for (const [name, [a, b]] of Object.entries(pairsOf(x))) {
        const product: Tensor2D = tf.matMul(rows(a), rows(b), true);
        const before = sums[name];
        sums[name] = tf.keep(before === undefined ? product : tf.add<Tensor2D>(before, product));
        before?.dispose();
      }
    },
    IMAGES,
  );
  const read = async (name: string): Promise<[string, Matrix]> => {
    const matrix = await toMatrix(sums[name]!);
    sums[name]!.dispose();
    return [name, matrix];
  };
  return Object.fromEntries(await Promise.all(names.map(read)));
}

/** S-bar's logits: the thin net with its maps between the groups. */
export function applyWithMaps(thin: Network, scope: Scope, groups: readonly Group[], x: Tensor): Tensor {
  let value = x;
  for (const { tap, from } of groups) value = mapAcross(scope.params, tap, thin.apply(scope, value, { from, input: x, until: tap })[tap]!);
  return thin.apply(scope, value, { from: groups.at(-1)?.tap, input: x })[thin.taps.at(-1)!]!;
}

/** kernel' [..., m, out] = map [m, m] kernel [..., m, out], so that kernel' reads x as `kernel` reads x map. */
function foldInto(kernel: Tensor, map: Tensor2D): Tensor {
  const [channels, out] = kernel.shape.slice(-2) as [number, number];
  const spatial = kernel.size / (channels * out);
  const repeated = tf.tile(map.expandDims(0), [spatial, 1, 1]);
  return tf.matMul(repeated, kernel.reshape([spatial, channels, out])).reshape(kernel.shape);
}

/**
 * Merges each pair of maps into the kernels that read its boundary; the function stays the same, and no map is left. Maps that only go up are
 * dropped. New weights; those that did not change are the old tensors. Throws UsageError with the map and what it cannot be folded through.
 */
export function mergeMaps(thin: Network, { params, state }: Weights, groups: readonly Group[]): Weights {
  const merged: Record<string, Tensor> = Object.fromEntries(Object.entries(params).filter(([path]) => !isMap(path)));
  for (const { tap } of groups) {
    const [up, down] = [params[upPath(tap)], params[downPath(tap)]];
    if (up === undefined || down === undefined) continue;
    const readers = thin.readers(tap);
    if ('obstacle' in readers) throw new UsageError(`the map after ${tap} cannot be merged: ${readers.obstacle}`);
    for (const path of readers.kernels) {
      const before = merged[path]!;
      merged[path] = tf.tidy(() => foldInto(before, tf.matMul(up as Tensor2D, down as Tensor2D)));
      if (before !== params[path]) before.dispose();
    }
  }
  return { params: merged, state };
}

/**
 * The wide net's head for the thin net: its kernel, read through the last boundary's `up` map, and its bias. Undefined when something else than one
 * dense kernel reads the last boundary.
 */
export function adoptedHead(thin: Network, teacher: Teacher, params: Tensors, last: string): Tensors | undefined {
  const [own, theirs] = [thin.readers(last), teacher.network.readers(last)];
  if ('obstacle' in own || 'obstacle' in theirs || own.kernels.length !== 1 || theirs.kernels.length !== 1) return undefined;
  const [path, from] = [own.kernels[0]!, theirs.kernels[0]!];
  if (thin.owner(path) !== thin.taps.at(-1)) return undefined;
  const [bias, biasFrom] = [path, from].map((kernel) => kernel.replace(/kernel$/, 'bias')) as [string, string];
  const up = params[upPath(last)];
  const kernel = teacher.weights.params[from]!;
  if (up === undefined && String(kernel.shape) !== String(params[path]!.shape)) return undefined;
  const headBias = teacher.weights.params[biasFrom];
  return {
    [path]: tf.tidy(() => (up === undefined ? kernel.clone() : tf.matMul(up as Tensor2D, kernel as Tensor2D))),
    ...(headBias !== undefined && params[bias] !== undefined && { [bias]: headBias.clone() }),
  };
}

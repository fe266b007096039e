/**
 * The linear maps of the paper between a thin network S and its wide one: at each boundary `up` [m, M] raises the thin
 * width to the wide one, and `down` [M, m] brings it back for the next group, so that S-bar = S with these maps can be
 * compared with the wide net group by group. The map of a boundary as a whole, up times down [m, m], is merged into the
 * kernels that read it; then the network is exactly S. No biases: zero padding stays zero. Letters: m thin, M wide
 * channels.
 */
import { Matrix, solve } from 'ml-matrix';
import { UsageError } from '../core/errors.js';
import type { Dataset } from '../data/dataset.js';
import { disposeAll, tf, type Tensor, type Tensor2D, type Tensors } from '../engine/tensor.js';
import { toTensors, type Parameter, type Parameters } from '../nn/init.js';
import { evaluation, linearMap, type Scope } from '../nn/layers.js';
import type { Model, Network } from '../nn/network.js';
import type { Group } from './groups.js';
import type { Selection } from './start.js';
import { productSums, wideMoments } from './moments.js';
import { parameterOf, principal, type StreamBasis } from './stream.js';
import { disposeWeights, weightsOf, type Teacher, type Weights } from './weights.js';

export type MapKind = 'none' | 'up' | 'pair' | 'stream';

/** The stream's basis [M, m]; the maps of a boundary are then scales [m] beside it. */
const BASIS = 'maps/stream';

export const upPath = (tap: string): string => `maps/${tap}/up`;
export const downPath = (tap: string): string => `maps/${tap}/down`;

export function isMap(path: string): boolean {
  return path.startsWith('maps/');
}

/** The thin output as the wide net's, where there is a map. */
export function mapUp(params: Tensors, tap: string, value: Tensor): Tensor {
  const up = params[upPath(tap)];
  if (up === undefined) return value;
  return up.shape.length === 1
    ? linearMap(tf.mul(value, up), tf.transpose(params[BASIS] as Tensor2D))
    : linearMap(value, up as Tensor2D);
}

/** A wide value as the next thin group reads it. */
export function mapDown(params: Tensors, tap: string, value: Tensor): Tensor {
  const down = params[downPath(tap)];
  if (down === undefined) return value;
  return down.shape.length === 1
    ? tf.mul(linearMap(value, params[BASIS] as Tensor2D), down)
    : linearMap(value, down as Tensor2D);
}

/** What the next thin group reads of the thin net's own value: through both maps where there is a pair. */
export function mapAcross(params: Tensors, tap: string, value: Tensor): Tensor {
  const [up, down] = [params[upPath(tap)], params[downPath(tap)]];
  if (up === undefined || down === undefined) return value;
  return down.shape.length === 1 ? tf.mul(value, tf.mul(up, down)) : mapDown(params, tap, mapUp(params, tap, value));
}

/**
 * Throws UsageError when the widths differ at a boundary and the maps cannot bridge that, or when a pair could not be
 * merged afterwards.
 */
export function checkMaps(
  kind: MapKind,
  inputs: 'own' | 'wide',
  thin: Network,
  wide: Network,
  groups: readonly Group[],
): void {
  for (const { tap } of groups) {
    const [m, M] = [thin.width(tap), wide.width(tap)];
    if (m === M) continue;
    const pairs = thin.stream === undefined ? 'maps "pair"' : 'maps "stream"';
    if (kind === 'none')
      throw new UsageError(
        `imitation: at ${tap} the thin net has ${m} channels and the wide one ${M}; maps "up" or ${pairs.slice(5)} are needed`,
      );
    if (kind === 'up' && inputs === 'wide')
      throw new UsageError(
        `imitation: ${tap} has ${M} channels in the wide net, the thin one reads ${m}; inputs "wide" need ${pairs}`,
      );
    if (kind === 'stream' && (thin.stream === undefined || thin.scales === undefined))
      throw new UsageError(
        'imitation: the network does not say that skip connections carry its channels past norms; maps "stream" need that, use "pair"',
      );
    const readers = thin.readers(tap);
    if (kind === 'pair' && 'obstacle' in readers) {
      const instead = thin.stream === undefined ? '' : '; maps "stream" can be';
      throw new UsageError(`imitation: the map after ${tap} cannot be merged: ${readers.obstacle}${instead}`);
    }
  }
}

/**
 * Initial maps for the boundaries whose widths differ. `down` takes the channels that were selected, or else the
 * principal components of the wide net's activations; `up` is the least-squares way from what the thin net gives at its
 * start to what the wide net has there. In a stream both are scales, inverse to each other, that give the thin net's
 * channels the size of the wide net's in the basis.
 */
export async function initialMaps(
  kind: MapKind,
  thin: Network,
  start: Model,
  teacher: Teacher,
  groups: readonly Group[],
  selection: Selection,
  basis: StreamBasis | undefined,
  data: Dataset,
): Promise<Parameters> {
  const different = kind === 'none' ? [] : groups.filter(({ tap }) => thin.width(tap) !== teacher.network.width(tap));
  if (different.length === 0) return {};
  if (kind === 'stream')
    return streamScales(
      basis!,
      thin,
      start,
      teacher,
      different.map(({ tap }) => tap),
      data,
    );
  const downs: Record<string, Parameter> = {};
  if (kind === 'pair') {
    const taps = different.map(({ tap }) => tap);
    const moments = await wideMoments(teacher, taps, data);
    for (const tap of taps)
      downs[downPath(tap)] = downMap(moments[tap]!, thin.width(tap), selectedAt(thin, tap, selection));
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

function downMap(moment: Matrix, m: number, channels: Uint32Array | undefined): Parameter {
  if (channels !== undefined) {
    const down = Matrix.zeros(moment.rows, m);
    channels.forEach((channel, i) => down.set(channel, i, 1));
    return parameterOf(down);
  }
  return parameterOf(principal(moment, m).directions);
}

/**
 * The basis, and for each boundary the ratio of root mean squares, wide to thin, in each channel of the basis: up it,
 * down its inverse.
 */
async function streamScales(
  { basis }: StreamBasis,
  thin: Network,
  start: Model,
  teacher: Teacher,
  taps: readonly string[],
  data: Dataset,
): Promise<Record<string, Parameter>> {
  const weights = weightsOf(start);
  const matrix = tf.tensor2d(basis.values, basis.shape as [number, number]);
  const names = taps.flatMap((tap) => [tap, `${tap} wide`]);
  const sums = await productSums(data, names, (x) => {
    const own = thin.apply(evaluation(weights), x, { until: taps.at(-1)! });
    const wide = teacher.network.apply(evaluation(teacher.weights), x, { until: taps.at(-1)! });
    return Object.fromEntries(
      taps.flatMap((tap) => {
        const target = linearMap(wide[tap]!, matrix);
        return [
          [tap, [own[tap]!, own[tap]!]],
          [`${tap} wide`, [target, target]],
        ] as const;
      }),
    );
  });
  disposeWeights(weights);
  matrix.dispose();
  const scales = taps.flatMap((tap): (readonly [string, Parameter])[] => {
    const [own, wide] = [sums[tap]!.diagonal(), sums[`${tap} wide`]!.diagonal()];
    const up = Float32Array.from(own, (square, j) => Math.sqrt(Math.max(wide[j]!, 1e-12) / Math.max(square, 1e-12)));
    return [
      [upPath(tap), { shape: [up.length], values: up }],
      [downPath(tap), { shape: [up.length], values: up.map((value) => 1 / value) }],
    ];
  });
  return { [BASIS]: basis, ...Object.fromEntries(scales) };
}

/**
 * up = (s^T s)^-1 s^T b over positions and images, with s what the thin net gives and b what the wide one has; lightly
 * penalised.
 */
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

/** S-bar's logits: the thin net with its maps between the groups. */
export function applyWithMaps(thin: Network, scope: Scope, groups: readonly Group[], x: Tensor): Tensor {
  let value = x;
  for (const { tap, from } of groups)
    value = mapAcross(scope.params, tap, thin.apply(scope, value, { from, input: x, until: tap })[tap]!);
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
 * Merges each pair of maps into the kernels that read its boundary; the function stays the same, and no map is left.
 * Maps that only go up are dropped. New weights; those that did not change are the old tensors. Throws UsageError with
 * the map and what it cannot be folded through.
 */
export function mergeMaps(thin: Network, { params, state }: Weights, groups: readonly Group[]): Weights {
  const merged: Record<string, Tensor> = Object.fromEntries(Object.entries(params).filter(([path]) => !isMap(path)));
  for (const { tap } of groups) {
    const [up, down] = [params[upPath(tap)], params[downPath(tap)]];
    if (up === undefined || down === undefined) continue;
    if (down.shape.length === 1) {
      for (const path of thin.scales!(tap)) merged[path] = tf.tidy(() => tf.mul(params[path]!, tf.mul(up, down)));
      continue;
    }
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
 * The wide net's head for the thin net: its kernel, read through the last boundary's `up` map, and its bias. Undefined
 * when something else than one dense kernel reads the last boundary.
 */
export function adoptedHead(thin: Network, teacher: Teacher, params: Tensors, last: string): Tensors | undefined {
  const [own, theirs] = [thin.readers(last), teacher.network.readers(last)];
  if ('obstacle' in own || 'obstacle' in theirs || own.kernels.length !== 1 || theirs.kernels.length !== 1)
    return undefined;
  const [path, from] = [own.kernels[0]!, theirs.kernels[0]!];
  if (thin.owner(path) !== thin.taps.at(-1)) return undefined;
  const [bias, biasFrom] = [path, from].map((kernel) => kernel.replace(/kernel$/, 'bias')) as [string, string];
  const up = params[upPath(last)];
  const kernel = teacher.weights.params[from]!;
  const shape = up === undefined ? kernel.shape : [params[path]!.shape[0], kernel.shape[1]];
  if (kernel.shape.length !== 2 || up?.shape.length === 1 || String(shape) !== String(params[path]!.shape))
    return undefined;
  const headBias = teacher.weights.params[biasFrom];
  return {
    [path]: tf.tidy(() => (up === undefined ? kernel.clone() : tf.matMul(up as Tensor2D, kernel as Tensor2D))),
    ...(headBias !== undefined && params[bias] !== undefined && { [bias]: headBias.clone() }),
  };
}

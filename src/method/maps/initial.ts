/** Where the maps between a thin and a wide network start. Letters: m thin, M wide channels. */
import { Matrix, solve } from 'ml-matrix';
import type { Dataset } from '../../data/dataset.js';
import { disposeAll, tf, type Tensor, type Tensors } from '../../engine/tensor.js';
import { filled, type HostArray, type HostArrays } from '../../core/host-array.js';
import { toTensors } from '../../engine/host-memory.js';
import { evaluation, linearMap, type Scope } from '../../nn/layers.js';
import type { HostWeights, Network } from '../../nn/network.js';
import type { Group } from './groups.js';
import { BASIS, downPath, mapDown, upPath, type MapKind } from './apply.js';
import { productSums, wideMoments } from '../values/moments.js';
import type { Selection } from '../start/start.js';
import { parameterOf, principal, type StreamBasis } from '../start/stream.js';
import { disposeWeights, weightsOf, type Teacher, type Weights } from '../values/weights.js';

/** Both nets between which there will be maps. */
export interface MappedNets {
  readonly thin: Network;
  /** The thin net's values before training. */
  readonly start: HostWeights;
  readonly teacher: Teacher;
  readonly groups: readonly Group[];
  /** Channels of the wide net that the thin one took. */
  readonly selection: Selection;
  /** The basis of the stream, for maps of kind `stream`. */
  readonly basis?: StreamBasis | undefined;
}

/** What maps up are fitted to: the thin net at its start, with the maps down, and the groups whose widths differ. */
interface Unmapped {
  readonly kind: MapKind;
  readonly weights: Weights;
  readonly maps: Tensors;
  readonly different: readonly Group[];
}

/**
 * Initial maps for the boundaries whose widths differ. `down` takes the channels that were selected, or else the
 * principal components of the wide net's activations; `up` is the least-squares way from what the thin net gives at its
 * start to what the wide net has there. In a stream both are scales, inverse to each other, that give the thin net's
 * channels the size of the wide net's in the basis.
 */
export async function initialMaps(kind: MapKind, nets: MappedNets, data: Dataset): Promise<HostArrays> {
  const { thin, start, teacher, groups, selection, basis } = nets;
  const different = kind === 'none' ? [] : groups.filter(({ tap }) => thin.width(tap) !== teacher.network.width(tap));
  if (different.length === 0) return {};
  if (kind === 'stream')
    return streamScales(
      basis!,
      nets,
      different.map(({ tap }) => tap),
      data,
    );
  const downs: Record<string, HostArray> = {};
  if (kind === 'pair') {
    const taps = different.map(({ tap }) => tap);
    const moments = await wideMoments(teacher, taps, data);
    for (const tap of taps)
      downs[downPath(tap)] = downMap(moments[tap]!, thin.width(tap), selectedAt(thin, tap, selection));
  }
  const weights = weightsOf(start);
  const maps = toTensors(downs);
  try {
    const ups = await leastSquaresUp(nets, { kind, weights, maps, different }, data);
    return { ...downs, ...ups };
  } finally {
    disposeWeights(weights);
    disposeAll(maps);
  }
}

/** The wide net's channels that the thin one took at a tap, if it took some. */
function selectedAt(thin: Network, tap: string, selection: Selection): Uint32Array | undefined {
  const readers = thin.readers(tap);
  return 'kernels' in readers ? selection[thin.axes?.[readers.kernels[0]!]?.at(-2) ?? ''] : undefined;
}

function downMap(moment: Matrix, m: number, channels: Uint32Array | undefined): HostArray {
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
  { thin, start, teacher }: MappedNets,
  taps: readonly string[],
  data: Dataset,
): Promise<Record<string, HostArray>> {
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
  }).finally(() => {
    disposeWeights(weights);
    matrix.dispose();
  });
  const scales = taps.flatMap((tap): (readonly [string, HostArray])[] => {
    const [own, wide] = [sums[tap]!.diagonal(), sums[`${tap} wide`]!.diagonal()];
    const up = filled(new Float32Array(own.length), (j) =>
      Math.sqrt(Math.max(wide[j]!, 1e-12) / Math.max(own[j]!, 1e-12)),
    );
    return [
      [upPath(tap), { shape: [up.length], values: up }],
      [downPath(tap), { shape: [up.length], values: up.map((value) => 1 / value) }],
    ];
  });
  return { [BASIS]: basis, ...Object.fromEntries(scales) };
}

/**
 * up = (s^T s)^-1 s^T b over positions and images, with s what the thin net gives and b what the wide one has; lightly
 * penalized.
 */
async function leastSquaresUp(
  { thin, teacher, groups }: MappedNets,
  { kind, weights, maps, different }: Unmapped,
  data: Dataset,
): Promise<Record<string, HostArray>> {
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
  const up = (tap: string): HostArray => {
    const gram = sums[tap]!;
    const penalty = (1e-6 * gram.trace()) / gram.rows + 1e-12;
    return parameterOf(solve(Matrix.add(gram, Matrix.eye(gram.rows).mul(penalty)), sums[`${tap} cross`]!));
  };
  return Object.fromEntries(taps.map((tap) => [upPath(tap), up(tap)]));
}

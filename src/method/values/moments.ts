/** Second moments of activations over training data. */
import type { Matrix } from 'ml-matrix';
import { FailureError } from '../../core/errors.js';
import { firstInfinite } from '../../core/host-array.js';
import type { Dataset } from '../../data/dataset.js';
import { tf, type Tensor, type Tensor2D } from '../../engine/tensor.js';
import { forEachBatch } from '../../metrics/batches.js';
import { evaluation } from '../../nn/layers.js';
import { matrixOf, type Teacher } from './weights.js';

/** Moments are taken over the first examples of the training split, at most this many. */
export const EXAMPLES = 512;

/**
 * The values of sums of products. Throws FailureError where they are not finite, as decompositions make anything of
 * such; `where` are the values that were multiplied.
 */
export async function finiteValues(sums: Tensor2D, where: string): Promise<Float32Array> {
  const values = (await sums.data()) as Float32Array;
  const at = firstInfinite(values);
  if (at < 0) return values;
  throw new FailureError(
    `sums of products of values at "${where}" are ${values[at]}: the wide net's values, or the thin net's own, are ` +
      'beyond float32; are weights and data those that belong together?',
  );
}

/** Sums of products on the host; as {@link finiteValues} has them. */
export async function toFiniteMatrix(sums: Tensor2D, where: string): Promise<Matrix> {
  return matrixOf({ shape: sums.shape, values: await finiteValues(sums, where) });
}

/**
 * Sums of products a^T b [K, L] over examples and positions, for each of the named pairs a [B, ..., K] and
 * b [B, ..., L] that `pairsOf` gives for a batch x [B, ...] of the training split.
 */
export async function productSums(
  data: Dataset,
  names: readonly string[],
  pairsOf: (x: Tensor) => Readonly<Record<string, readonly [Tensor, Tensor]>>,
): Promise<Record<string, Matrix>> {
  const sums: Record<string, Tensor2D> = {};
  const rows = (value: Tensor): Tensor2D => value.reshape([-1, value.shape.at(-1)!]) as Tensor2D;
  const read = async (name: string): Promise<[string, Matrix]> => [
    name,
    await toFiniteMatrix(sums[name]!, name.replace(/ cross$/, '')),
  ];
  try {
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
      EXAMPLES,
    );
    return Object.fromEntries(await Promise.all(names.map(read)));
  } finally {
    tf.dispose(sums);
  }
}

/** Second moments [M, M] of the wide net's values at some taps, in their order of depth. */
export function wideMoments(
  { network, weights }: Teacher,
  taps: readonly string[],
  data: Dataset,
): Promise<Record<string, Matrix>> {
  return productSums(data, taps, (x) => {
    const values = network.apply(evaluation(weights), x, { until: taps.at(-1)! });
    return Object.fromEntries(taps.map((tap) => [tap, [values[tap]!, values[tap]!]]));
  });
}

/** How much a network may change where maps become parts of its kernels. */
import { FailureError } from '../../core/errors.js';
import { filled } from '../../core/host-array.js';
import { toBatch, type Dataset } from '../../data/dataset.js';
import { productRounding } from '../../engine/rounding.js';
import { tf, type Tensor } from '../../engine/tensor.js';

/**
 * How much merging may change the logits, relative to their size, where one product is rounded by so much: a few
 * layers add their roundings up. On an H100 with TF32 (3e-4 a product) a BERT of two layers changed by 3e-4.
 */
export function mergeTolerance(rounding: number): number {
  return Math.max(1e-4, 10 * rounding);
}

/**
 * Largest difference of what two forms of a network say of some examples of the validation split, relative to the
 * largest value of the first. Throws FailureError where it is more than roundings are.
 */
export async function mergedDifference(
  data: Dataset,
  before: (x: Tensor) => Tensor,
  after: (x: Tensor) => Tensor,
): Promise<number> {
  const count = Math.min(16, data.validation.count);
  const { x, y } = toBatch(data, await data.validation.batch(filled(new Uint32Array(count), (i) => i)));
  y.dispose();
  let ratio: Tensor | undefined;
  let difference: number;
  try {
    ratio = tf.tidy(() => {
      const first = before(x);
      return tf.div(tf.max(tf.abs(tf.sub(first, after(x)))), tf.max(tf.abs(first)));
    });
    difference = (await ratio.data())[0]!;
  } finally {
    tf.dispose([x, ...(ratio === undefined ? [] : [ratio])]);
  }
  const allowed = mergeTolerance(await productRounding());
  if (difference <= allowed) return difference;
  throw new FailureError(
    `merging the maps changed the logits by ${difference} of their size, at most ${allowed} is allowed`,
  );
}

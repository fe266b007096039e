/** Values with a row for each token of a batch, some of which are padding and count for nothing. */
import { tf, type Tensor } from '../engine/tensor.js';

/**
 * Which rows of a value [..., C] count, [rows, 1] of ones and zeros, as the `presence` of a network says for its batch;
 * undefined where all do: where nothing is said of padding, and where the value has not one row for each token.
 */
export function presenceAt(value: Tensor, presence: Tensor | undefined): Tensor | undefined {
  return presence?.size === value.size / value.shape.at(-1)! ? presence : undefined;
}

/** A value [..., C] with zeros in the rows that do not count, as {@link presenceAt} says it. */
export function atTokens(value: Tensor, presence: Tensor | undefined): Tensor {
  const counted = presenceAt(value, presence);
  return counted === undefined ? value : tf.mul(value, counted.reshape([...value.shape.slice(0, -1), 1]));
}

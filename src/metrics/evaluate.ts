/** Accuracy and cross-entropy over a split. */
import type { Dataset, Source } from '../data/dataset.js';
import { tf, type Tensor } from '../engine/tensor.js';
import { crossEntropy } from '../optim/losses.js';
import { sumOver } from './batches.js';

/** How well a network answers. */
export interface Evaluation {
  /** Share of answers whose largest logit is the label's, in percent. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly crossEntropy: number;
}

/**
 * Accuracy and cross-entropy of `predict`: x [B, ...] -> logits [B, classes] or [B, P, classes], over a whole source.
 */
export async function evaluate(data: Dataset, source: Source, predict: (x: Tensor) => Tensor): Promise<Evaluation> {
  const { correct, loss, count } = await sumOver(data, source, (x, y) => {
    const logits = predict(x);
    const answers = y.size / y.shape.at(-1)!;
    return {
      correct: tf.sum(tf.cast(tf.equal(tf.argMax(logits, -1), tf.argMax(y, -1)), 'float32')),
      loss: tf.mul(crossEntropy(logits, y), answers),
      count: tf.scalar(answers),
    };
  });
  return { accuracy: (100 * correct!) / count!, crossEntropy: loss! / count! };
}

/**
 * One number by which weights are ranked: the accuracy in percent; of equal ones the smaller cross-entropy is better,
 * which counts for less than a tenth of one of the `count` examples.
 */
export function rankOf({ accuracy, crossEntropy }: Evaluation, count: number): number {
  return accuracy - (10 / count) * (crossEntropy / (1 + crossEntropy));
}

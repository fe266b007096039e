import type { Dataset, Source } from '../data/dataset.js';
import { tf, type Tensor, type Tensor2D } from '../engine/tensor.js';
import { crossEntropy } from '../optim/losses.js';
import { sumOver } from './batches.js';

export interface Evaluation {
  /** Share of examples whose largest logit is the label's, in percent. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly crossEntropy: number;
}

/** Accuracy and cross-entropy of `predict`: x [B, ...] -> logits [B, classes], over a whole source. */
export async function evaluate(data: Dataset, source: Source, predict: (x: Tensor) => Tensor2D): Promise<Evaluation> {
  const { correct, loss, count } = await sumOver(data, source, (x, y) => {
    const logits = predict(x);
    return {
      correct: tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), tf.argMax(y, 1)), 'float32')),
      loss: tf.mul(crossEntropy(logits, y), y.shape[0]),
      count: tf.scalar(y.shape[0]),
    };
  });
  return { accuracy: (100 * correct!) / count!, crossEntropy: loss! / count! };
}

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
  /** Share of answers whose label is among the five largest logits, in percent; of 100 classes or more. */
  readonly top5?: number;
}

/** Classes from which on it is said how often the label is among the five largest logits, as for ImageNet. */
export const MANY_CLASSES = 100;

/** Answers whose label is among the five largest logits [B, classes]; of equal ones the first class comes first. */
function amongFive(logits: Tensor, y: Tensor): Tensor {
  const own = tf.sum(tf.mul(logits, y), -1, true);
  const isEarlier = tf.less(tf.range(0, y.shape.at(-1)!), tf.cast(tf.argMax(y, -1), 'float32').expandDims(-1));
  const isBefore = tf.logicalOr(tf.greater(logits, own), tf.logicalAnd(tf.equal(logits, own), isEarlier));
  return tf.sum(tf.cast(tf.less(tf.sum(tf.cast(isBefore, 'float32'), -1), 5), 'float32'));
}

/**
 * Accuracy and cross-entropy of `predict`: x [B, ...] -> logits [B, classes] or [B, P, classes], over a whole source.
 */
export async function evaluate(data: Dataset, source: Source, predict: (x: Tensor) => Tensor): Promise<Evaluation> {
  const hasMany = data.classes >= MANY_CLASSES && data.questions === undefined;
  const { correct, loss, count, five } = await sumOver(data, source, (x, y) => {
    const logits = predict(x);
    const answers = y.size / y.shape.at(-1)!;
    return {
      correct: tf.sum(tf.cast(tf.equal(tf.argMax(logits, -1), tf.argMax(y, -1)), 'float32')),
      loss: tf.mul(crossEntropy(logits, y), answers),
      count: tf.scalar(answers),
      ...(hasMany && { five: amongFive(logits, y) }),
    };
  });
  return {
    accuracy: (100 * correct!) / count!,
    crossEntropy: loss! / count!,
    ...(hasMany && { top5: (100 * five!) / count! }),
  };
}

/**
 * One number by which weights are ranked: the accuracy in percent over the validation split; of equal ones the smaller
 * cross-entropy is better, which counts for less than a tenth of one answer.
 */
export function rankOf({ accuracy, crossEntropy }: Evaluation, { validation, questions = 1 }: Dataset): number {
  return accuracy - (10 / (validation.count * questions)) * (crossEntropy / (1 + crossEntropy));
}

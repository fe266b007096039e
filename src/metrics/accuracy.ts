import { countImages, makeBatch, type ImageSet } from '../data/images.js';
import { tf, type Tensor2D, type Tensor4D, type Tensors } from '../engine/tensor.js';
import { crossEntropy } from '../optim/losses.js';

/** Images per evaluation batch. */
const EVALUATION_BATCH = 500;

/** Calls `visit` with each batch of the set, in order, unaugmented; a tidy around each call frees its temporaries. */
export function forEachBatch(set: ImageSet, visit: (x: Tensor4D, y: Tensor2D, count: number) => void): void {
  for (let start = 0; start < countImages(set); start += EVALUATION_BATCH) {
    const count = Math.min(EVALUATION_BATCH, countImages(set) - start);
    const indices = Array.from({ length: count }, (_, i) => start + i);
    tf.tidy(() => {
      const { x, y } = makeBatch(set, indices);
      visit(x, y, count);
    });
  }
}

export interface Evaluation {
  /** Share of images whose largest logit is the label's, in percent. */
  readonly accuracy: number;
  /** Mean cross-entropy in nats. */
  readonly crossEntropy: number;
}

/** Accuracy and cross-entropy of `predict`: x [B, H, W, C] -> logits [B, classes]. */
export async function evaluate(set: ImageSet, predict: (x: Tensor4D) => Tensor2D): Promise<Evaluation> {
  const sums: Tensors[] = [];
  forEachBatch(set, (x, y, count) => {
    const logits = predict(x);
    const correct = tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), tf.argMax(y, 1)), 'float32'));
    sums.push({ correct: tf.keep(correct), loss: tf.keep(tf.mul(crossEntropy(logits, y), count)) });
  });
  let correct = 0;
  let loss = 0;
  for (const sum of sums) {
    correct += (await sum.correct!.data())[0]!;
    loss += (await sum.loss!.data())[0]!;
    tf.dispose([sum.correct!, sum.loss!]);
  }
  return { accuracy: (100 * correct) / countImages(set), crossEntropy: loss / countImages(set) };
}

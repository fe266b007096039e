/**
 * Trains a network whose losses are known, for `gowide doctor`: an engine whose libraries do not fit the machine may
 * start, multiply fast and compute nonsense. A CUDA 13 runtime under the name of CUDA 12 did so on an H100.
 */
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../tensor.js';

/** Pictures of the known network, pixels of a side, and channels before and behind its convolution. */
const [IMAGES, SIDE, READ, WRITTEN, CLASSES] = [16, 8, 4, 8, 10] as const;
/** Rates of gradient descent. Behind a batch norm a filter's gradient is small, and has to show in the loss. */
export const KNOWN_RATES = { filter: 60, weights: 0.5 } as const;
const EPSILON = 1e-5;
/** Losses before each of three steps, computed in float64 (test/engine/known-losses.test.ts). */
export const KNOWN_LOSSES = [2.602568923, 2.459112621, 2.346505521] as const;
/** How far from one of them the loss of an engine may be: TF32 and bfloat16 round products by 3e-4 and 4e-3. */
export const LOSS_TOLERANCE = 0.02;

/** Values of the known network's pictures, filter [3, 3, 4, 8] and weights [8, 10], in this order. */
export function knownValues(): { readonly x: number[]; readonly filter: number[]; readonly weights: number[] } {
  const wave = (count: number, period: number): number[] =>
    Array.from({ length: count }, (_, i) => Math.sin(i * i * period + i));
  return {
    x: wave(IMAGES * SIDE * SIDE * READ, 0.37),
    filter: wave(9 * READ * WRITTEN, 0.21),
    weights: wave(WRITTEN * CLASSES, 0.53),
  };
}

/** Mean cross-entropy of a 3 x 3 convolution, batch norm, ReLU, mean over the pixels and a layer; class i mod 10. */
function lossOf(x: Tensor4D, filter: Tensor4D, weights: Tensor2D): Tensor {
  const convolved = tf.conv2d(x, filter, 1, 'same');
  const { mean, variance } = tf.moments(convolved, [0, 1, 2], true);
  const normed = convolved.sub(mean).div(variance.add(EPSILON).sqrt());
  const logits = normed.relu().mean([1, 2]).matMul(weights);
  const classes = Array.from({ length: IMAGES }, (_, i) => i % CLASSES);
  const labels = tf.oneHot(tf.tensor1d(classes, 'int32'), CLASSES);
  return labels.toFloat().mul(tf.logSoftmax(logits)).sum().div(-IMAGES);
}

/** Losses of the current engine before each of as many steps of gradient descent. */
export async function measuredLosses(): Promise<number[]> {
  const known = knownValues();
  const losses = tf.tidy(() => {
    const x = tf.tensor4d(known.x, [IMAGES, SIDE, SIDE, READ]);
    let filter = tf.tensor4d(known.filter, [3, 3, READ, WRITTEN]);
    let weights = tf.tensor2d(known.weights, [WRITTEN, CLASSES]);
    const gradient = tf.valueAndGrads((kernel: Tensor, layer: Tensor) =>
      lossOf(x, kernel as Tensor4D, layer as Tensor2D).asScalar(),
    );
    return tf.stack(
      KNOWN_LOSSES.map(() => {
        const { value, grads } = gradient([filter, weights]);
        filter = filter.sub(grads[0]!.mul(KNOWN_RATES.filter));
        weights = weights.sub(grads[1]!.mul(KNOWN_RATES.weights));
        return value;
      }),
    );
  });
  const values = await losses.data();
  losses.dispose();
  return [...values];
}

/** What is wrong with the losses of an engine, in one line; undefined where they are right. */
export function wrongLosses(losses: readonly number[]): string | undefined {
  const at = KNOWN_LOSSES.findIndex((known, step) => !(Math.abs(losses[step]! - known) <= LOSS_TOLERANCE));
  if (at < 0) return undefined;
  return (
    `it starts, and computes wrongly: a network that is known has the loss ${losses[at]} after ${at} steps, ` +
    `${KNOWN_LOSSES[at]!.toFixed(4)} expected; its libraries do not fit this machine`
  );
}

/** Losses; each is a mean over the batch, a scalar. Letters: B batch, K classes. */
import { tf, type Scalar, type Tensor, type Tensor2D } from '../engine/tensor.js';

/** log softmax over the last axis [B, K], composed of ops that every engine has. */
export function logSoftmax(logits: Tensor2D): Tensor2D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}

/** - sum_k t_k log softmax(z)_k; logits [B, K], targets [B, K] probabilities. */
export function crossEntropy(logits: Tensor2D, targets: Tensor2D): Scalar {
  return tf.neg(tf.mean(tf.sum(tf.mul(targets, logSoftmax(logits)), 1)));
}

/** KL(teacher || student) at temperature 1; both logits [B, K]. Hinton, Vinyals, Dean 2015. */
export function klDivergence(student: Tensor2D, teacher: Tensor2D): Scalar {
  const logTeacher = logSoftmax(teacher);
  return tf.mean(tf.sum(tf.mul(tf.exp(logTeacher), tf.sub(logTeacher, logSoftmax(student))), 1));
}

/** |a - b|^2 / |b|^2: 1 for a = 0, whatever the scale of b. The imitation loss; its root is the relative discrepancy. */
export function relativeSquaredError(a: Tensor, b: Tensor): Scalar {
  return tf.div(tf.mean(tf.squaredDifference(a, b)), tf.mean(tf.square(b)));
}

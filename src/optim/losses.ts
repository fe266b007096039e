/** Losses; each is a mean over the batch, a scalar. Letters: B batch, K classes. */
import type { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { lookUp, nameSchema, register } from '../core/registry.js';
import {
  fusedCrossEntropy,
  fusedCrossEntropyGradient,
  fusedDivergence,
  fusedDivergenceGradient,
  fusedSquaredError,
  fusedSquaredErrorGradient,
  hasFused,
  hasFusedOnTensorflow,
} from '../engine/ops/fused.js';
import { withGradient } from '../engine/ops/with-gradient.js';
import { tf, type Scalar, type Tensor } from '../engine/tensor.js';

/** log softmax over the last axis, composed of ops that every engine has. */
export function logSoftmax(logits: Tensor): Tensor {
  const shifted = tf.sub(logits, tf.max(logits, -1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), -1, true)));
}

/**
 * Mean over the rows of a sum over the last axis, a scalar, with a gradient of its own: tfjs would sum and broadcast
 * tensors of the size of the logits a dozen times. `value`: what is summed, of the log probabilities and the second
 * tensor; `gradients`: the sum's gradients by the logits and by the second tensor.
 */
function meanOverRows(
  logits: Tensor,
  second: Tensor,
  value: (logs: Tensor, second: Tensor) => Tensor,
  gradients: (logs: Tensor, second: Tensor) => readonly [Tensor, Tensor],
): Scalar {
  const rows = logits.size / logits.shape.at(-1)!;
  return withGradient(
    [logits, second],
    () => {
      const logs = logSoftmax(logits);
      return { value: tf.mean(tf.sum(value(logs, second), -1)) as Scalar, saved: { logs, second } };
    },
    (dy, saved) => {
      const share = tf.div(dy, rows);
      const [byLogits, bySecond] = gradients(saved.logs, saved.second);
      return [tf.mul(byLogits, share), tf.mul(bySecond, share)];
    },
  );
}

/**
 * - sum_k t_k log softmax(z)_k; logits [..., K], targets [..., K] probabilities, mixed with `smoothing` of the uniform
 * law (Szegedy et al. 2016).
 */
export function crossEntropy(logits: Tensor, targets: Tensor, smoothing = 0): Scalar {
  const mixed = smoothing === 0 ? targets : tf.add(tf.mul(targets, 1 - smoothing), smoothing / logits.shape.at(-1)!);
  if (hasFused() && areAlike(logits, mixed)) return inOnePass(logits, mixed);
  return meanOverRows(
    logits,
    mixed,
    (logs, target) => tf.neg(tf.mul(target, logs)),
    (logs, target) => [tf.sub(tf.mul(tf.exp(logs), tf.sum(target, -1, true)), target), tf.neg(logs)],
  );
}

/** Whether fused ops, where there are any, take both tensors. */
function areAlike(a: Tensor, b: Tensor): boolean {
  return a.dtype === 'float32' && b.dtype === 'float32' && tf.util.arraysEqual(a.shape, b.shape);
}

/** Cross-entropy by a fused op, which reads logits and targets once; its gradient reads them once more. */
function inOnePass(logits: Tensor, targets: Tensor): Scalar {
  return withGradient(
    [logits, targets],
    () => {
      const [value, norms] = fusedCrossEntropy(logits, targets);
      return { value, saved: { logits, targets, norms } };
    },
    (dy, { norms, ...saved }) => {
      const [tops, sums] = tf.split(norms, 2).map((part) => part.reshape([...saved.logits.shape.slice(0, -1), 1]));
      const logs = tf.sub(tf.sub(saved.logits, tops!), sums!);
      const byTargets = tf.mul(logs, tf.div(dy, -norms.size / 2));
      return [fusedCrossEntropyGradient(dy, saved.logits, saved.targets, norms), byTargets];
    },
  );
}

/**
 * T^2 KL(teacher || student) of the softmax at temperature T over the last axis, a mean over all others. Hinton,
 * Vinyals, Dean 2015.
 */
export function klDivergence(student: Tensor, teacher: Tensor, temperature = 1): Scalar {
  if (hasFused() && areAlike(student, teacher)) return divergenceInOnePass(student, teacher, temperature);
  const [mine, theirs] =
    temperature === 1 ? [student, teacher] : [tf.div(student, temperature), tf.div(teacher, temperature)];
  const divergence = meanOverRows(
    mine,
    logSoftmax(theirs),
    (logs, target) => tf.mul(tf.exp(target), tf.sub(target, logs)),
    (logs, target) => {
      const probabilities = tf.exp(target);
      return [tf.sub(tf.exp(logs), probabilities), tf.mul(probabilities, tf.add(tf.sub(target, logs), 1))];
    },
  );
  return temperature === 1 ? divergence : tf.mul(divergence, temperature ** 2);
}

/** {@link klDivergence} by a fused op, which reads both logits once; so does its gradient. */
function divergenceInOnePass(student: Tensor, teacher: Tensor, temperature: number): Scalar {
  return withGradient(
    [student, teacher],
    () => {
      const [value, norms] = fusedDivergence(student, teacher, temperature);
      return { value, saved: { student, teacher, norms } };
    },
    (dy, { norms, ...saved }) => {
      const [mine, theirs] = [tf.div(saved.student, temperature), tf.div(saved.teacher, temperature)].map(logSoftmax);
      // by the teacher's logits: T p (d - sum p d) dy / rows, d being the difference of the logs
      const weights = tf.exp(theirs!);
      const difference = tf.sub(theirs!, mine!);
      const centred = tf.sub(difference, tf.sum(tf.mul(weights, difference), -1, true));
      const byTeacher = tf.mul(tf.mul(weights, centred), tf.mul(dy, (4 * temperature) / norms.size));
      return [fusedDivergenceGradient(dy, [saved.student, saved.teacher], norms, temperature), byTeacher];
    },
  );
}

/** Either squared error by a fused op, which reads both tensors once; so does its gradient by the first. */
function errorInOnePass(a: Tensor, b: Tensor, relative: boolean): Scalar {
  return withGradient(
    [a, b],
    () => {
      const [value, unit] = fusedSquaredError(a, b, relative);
      return { value, saved: { a, b, value, unit } };
    },
    (dy, saved) => {
      const byA = fusedSquaredErrorGradient(dy, saved.a, saved.b, saved.unit);
      const byUnit = tf.mul(saved.b, tf.div(tf.mul(tf.mul(dy, saved.value), 2), saved.unit));
      return [byA, relative ? tf.neg(tf.add(byA, byUnit)) : tf.neg(byA)];
    },
  );
}

/** mean |a - b|^2. */
export function squaredError(a: Tensor, b: Tensor): Scalar {
  return hasFusedOnTensorflow() && areAlike(a, b) ? errorInOnePass(a, b, false) : tf.mean(tf.squaredDifference(a, b));
}

/** |a - b|^2 / |b|^2: 1 for a = 0, whatever the scale of b. Its root is the relative discrepancy. */
export function relativeSquaredError(a: Tensor, b: Tensor): Scalar {
  if (hasFusedOnTensorflow() && areAlike(a, b)) return errorInOnePass(a, b, true);
  return tf.div(squaredError(a, b), tf.mean(tf.square(b)));
}

/**
 * Distance of an output of the thin net to the wide net's, of one shape [B, ..., C]; the gradient is taken by the thin
 * one's.
 */
export type ImitationLoss = (thin: Tensor, wide: Tensor) => Scalar;

const OWN = {
  mse: squaredError,
  'relative-mse': relativeSquaredError,
  /** Takes the channels at each position for logits. */
  kl: (thin, wide) => klDivergence(thin, wide),
} satisfies Record<string, ImitationLoss>;

/** Names of the losses that come with the library; a registered one has a name of its own. */
export type ImitationLossName = keyof typeof OWN;

/**
 * Every imitation loss under the name that specs give it. To add one: a line above, or {@link registerImitationLoss}.
 */
export const IMITATION_LOSSES: Record<string, ImitationLoss> = { ...OWN };

/** Names of losses that are ratios of sums. */
const RELATIVE = new Set<string>(['relative-mse' satisfies ImitationLossName]);

/**
 * Adds a loss from outside this file: a mean over positions, or with `isRelative` a ratio of sums over them. Where a
 * position is padding, both values are 0 there. Throws UsageError when its name is taken, or it is no function.
 */
export function registerImitationLoss(
  name: string,
  loss: ImitationLoss,
  { isRelative = false }: { readonly isRelative?: boolean } = {},
): void {
  if (typeof loss !== 'function')
    throw new UsageError(`the imitation loss "${name}": expected a function of two tensors, got ${typeof loss}`);
  register('imitation loss', IMITATION_LOSSES, name, loss);
  if (isRelative) RELATIVE.add(name);
}

/** Schema of the name of an imitation loss, those registered later included. */
export const ImitationLossName = nameSchema('imitation loss', IMITATION_LOSSES) as z.ZodType<ImitationLossName>;

/** Whether a loss is a ratio of sums, which positions without values do not change; the others are means. */
export function isRelative(name: string): boolean {
  return RELATIVE.has(name);
}

/** The loss of that name. Throws UsageError with the known names. */
export function imitationLoss(name: string): ImitationLoss {
  return lookUp('imitation loss', IMITATION_LOSSES, name);
}

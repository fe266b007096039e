/** Stochastic gradient descent with momentum, as PyTorch writes it: v <- mu v + g + wd p; p <- p - lr v. */
import { z } from 'zod';
import { tf, type Tensor, type Tensors } from '../engine/tensor.js';

export const SgdSpec = z.strictObject({ momentum: z.number().min(0).max(0.999).default(0.9), weightDecay: z.number().min(0).default(0) });
export type SgdSpec = z.infer<typeof SgdSpec>;

/** Zero velocities for these parameters; the caller disposes them. */
export function initSgd(params: Tensors): Tensors {
  return Object.fromEntries(Object.entries(params).map(([path, tensor]) => [path, tf.zerosLike(tensor)]));
}

/** Weight decay applies to kernels, not to batch norm's scale and shift nor to biases. */
export function decays(path: string): boolean {
  return path.endsWith('/kernel');
}

/** One update: new parameters and velocities for the paths in `gradients`; the old ones are left alone. */
export function updateSgd(spec: SgdSpec, rate: number, params: Tensors, velocity: Tensors, gradients: Tensors): { params: Tensors; velocity: Tensors } {
  const newParams: Record<string, Tensor> = {};
  const newVelocity: Record<string, Tensor> = {};
  for (const [path, gradient] of Object.entries(gradients)) {
    const parameter = params[path]!;
    const v = tf.tidy(() => {
      const full = spec.weightDecay > 0 && decays(path) ? tf.add(gradient, tf.mul(parameter, spec.weightDecay)) : gradient;
      return tf.add(tf.mul(velocity[path]!, spec.momentum), full);
    });
    newVelocity[path] = v;
    newParams[path] = tf.tidy(() => tf.sub(parameter, tf.mul(v, rate)));
  }
  return { params: newParams, velocity: newVelocity };
}

/** Loss, gradients and side results of one step, with every temporary tensor freed. */
import { releaseUnclaimedGradients } from './kernels.js';
import { tf, type Scalar, type Tensor, type Tensors } from './tensor.js';

export interface Differentiated {
  readonly loss: Scalar;
  readonly gradients: Tensors;
  /** What the loss function put aside (batch statistics); the caller disposes them. */
  readonly aside: Tensors;
}

/**
 * Gradients of `loss(params, keep)` by the tensors in `params`. `keep(name, tensor)` puts a tensor aside, outside the gradient.
 * The caller disposes all results.
 */
export function differentiate(params: Tensors, loss: (params: Tensors, keep: (name: string, tensor: Tensor) => void) => Scalar): Differentiated {
  const names = Object.keys(params);
  const aside: Record<string, Tensor> = {};
  const keep = (name: string, tensor: Tensor): void => {
    aside[name] = tf.keep(tensor.clone());
  };
  const run = tf.valueAndGrads((...tensors: Tensor[]) => loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), keep));
  try {
    const { value, grads } = run(names.map((name) => params[name]!));
    return { loss: value as Scalar, gradients: Object.fromEntries(names.map((name, i) => [name, grads[i]!])), aside };
  } catch (error) {
    tf.dispose(Object.values(aside));
    throw error;
  } finally {
    releaseUnclaimedGradients();
  }
}

/** The same value, through which no gradient goes. */
export function detach(x: Tensor): Tensor {
  const identity = tf.customGrad((value) => ({ value: (value as Tensor).clone(), gradFunc: (dy: Tensor) => tf.zerosLike(dy) }));
  return identity(x);
}

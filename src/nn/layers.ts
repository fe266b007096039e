/**
 * Layers as pure functions of (parameters, input). Letters: B batch, H height, W width, C channels.
 * A layer reads its parameters by path from a flat set, `${path}/kernel` and so on.
 */
import { UsageError } from '../core/errors.js';
import { BATCH_NORM_TRAIN } from '../engine/kernels.js';
import { shapeText, tf, type Tensor, type Tensor2D, type Tensor4D, type Tensors } from '../engine/tensor.js';

/** Where a layer finds its parameters and puts what it learns about the batch. */
export interface Scope {
  readonly params: Tensors;
  /** Running statistics of batch norm, `${path}/mean` and `${path}/variance`. */
  readonly state: Tensors;
  /** Training: batch statistics normalise, and are handed to `observe`. Evaluation: the running ones do. */
  readonly train: boolean;
  readonly observe: (path: string, tensor: Tensor) => void;
}

export const BATCH_NORM_EPSILON = 1e-5;

function parameter(set: Tensors, path: string): Tensor {
  const tensor = set[path];
  if (tensor === undefined) throw new UsageError(`parameter "${path}" is missing; there are: ${Object.keys(set).slice(0, 5).join(', ')}, ...`);
  return tensor;
}

/**
 * 2-D convolution without bias, kernel [h, w, in, out]. Padding is (h - 1) / 2 on every side, as PyTorch counts it: with stride 2
 * TensorFlow's own "same" would pad one side only.
 */
export function conv2d({ params }: Scope, path: string, x: Tensor4D, stride = 1): Tensor4D {
  const kernel = parameter(params, `${path}/kernel`) as Tensor4D;
  const [height, width, inChannels] = kernel.shape;
  if (x.shape[3] !== inChannels) throw new RangeError(`conv2d ${path}: expected [B, H, W, ${inChannels}], got ${shapeText(x)}`);
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  if (stride === 1) return tf.conv2d(x, kernel, 1, 'same');
  if (vertical === 0 && horizontal === 0) return tf.conv2d(x, kernel, stride, 'valid');
  const padded = tf.pad(x, [
    [0, 0],
    [vertical, vertical],
    [horizontal, horizontal],
    [0, 0],
  ] as [number, number][]);
  return tf.conv2d(padded, kernel, stride, 'valid');
}

/**
 * Batch normalisation over B, H, W with scale and shift per channel. Ioffe, Szegedy 2015. In training the batch mean [C] and the
 * unbiased batch variance [C] go to `observe`.
 */
export function batchNorm({ params, state, train, observe }: Scope, path: string, x: Tensor4D): Tensor4D {
  const gamma = parameter(params, `${path}/gamma`);
  const beta = parameter(params, `${path}/beta`);
  if (train) {
    const [y, mean, variance] = tf.engine().runKernel(BATCH_NORM_TRAIN, { x, gamma, beta }, { epsilon: BATCH_NORM_EPSILON }) as unknown as Tensor[];
    observe(`${path}/mean`, mean!);
    observe(`${path}/variance`, variance!);
    return y as Tensor4D;
  }
  const scale = tf.mul(gamma, tf.rsqrt(tf.add(parameter(state, `${path}/variance`), BATCH_NORM_EPSILON)));
  const shift = tf.sub(beta, tf.mul(parameter(state, `${path}/mean`), scale));
  return tf.add(tf.mul(x, scale), shift);
}

/** x [B, C] times kernel [C, out] plus bias [out]. */
export function dense({ params }: Scope, path: string, x: Tensor2D): Tensor2D {
  const kernel = parameter(params, `${path}/kernel`) as Tensor2D;
  if (x.shape[1] !== kernel.shape[0]) throw new RangeError(`dense ${path}: expected [B, ${kernel.shape[0]}], got ${shapeText(x)}`);
  return tf.add(tf.matMul(x, kernel), parameter(params, `${path}/bias`));
}

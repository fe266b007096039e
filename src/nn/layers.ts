/**
 * Layers as pure functions of (parameters, input). Letters: B batch, H height, W width, C channels.
 * A layer reads its parameters by path from a flat set, `${path}/kernel` and so on.
 */
import { UsageError } from '../core/errors.js';
import type { RandomKey } from '../engine/ops/random.js';
import {
  fusedBatchNorm,
  fusedBatchNormGradient,
  fusedDenseTanh,
  fusedDenseTanhGradient,
  fusedNormAffine,
  fusesBatchNorm,
  fusesDense,
  hasFused,
  hasFusedOnTensorflow,
  scaleShift,
} from '../engine/ops/fused.js';
import { addRelu, isRecording } from '../engine/ops/gradients.js';
import { BATCH_NORM_RELU_TRAIN, BATCH_NORM_TRAIN } from '../engine/ops/kernels.js';
import { affine } from '../engine/ops/matrix.js';
import { withGradient } from '../engine/ops/with-gradient.js';
import { patchRows, type Windows } from './windows.js';
import {
  shapeText,
  tf,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
  type Tensors,
} from '../engine/tensor.js';

/** Where a layer finds its parameters and puts what it learns about the batch. */
export interface Scope {
  readonly params: Tensors;
  /** Running statistics of batch norm, `${path}/mean` and `${path}/variance`. */
  readonly state: Tensors;
  /** Training: batch statistics normalize, and are handed to `observe`. Evaluation: the running ones do. */
  readonly train: boolean;
  /** Batch statistics; a copy is to be made of what is kept. */
  readonly observe: (path: string, tensor: Tensor) => void;
  /** Key of the random numbers of a layer in this step of training; nothing is dropped without one. */
  readonly random?: (path: string) => RandomKey;
  /**
   * Hears of every linear layer: its path, its input, and what becomes of it before the nonlinearity (after the norm,
   * where one follows); and of a convolution, what it reads where it does not pad (h - 1) / 2 on every side.
   */
  readonly trace?: (path: string, input: Tensor, output: Tensor, windows?: Windows) => void;
}

/** A network as it is used and not trained: running statistics normalize. */
export function evaluation({ params, state }: { readonly params: Tensors; readonly state: Tensors }): Scope {
  return { params, state, train: false, observe: () => {} };
}

/** Added to the variance by batch norm, as in PyTorch. */
export const BATCH_NORM_EPSILON = 1e-5;
/** Weight of a new batch in the running statistics, as PyTorch's default, where the network has no other. */
export const STATISTICS_WEIGHT = 0.1;

/** The tensor at a path of a set. Throws UsageError that names the path when there is none. */
export function parameter(set: Tensors, path: string): Tensor {
  const tensor = set[path];
  if (tensor === undefined)
    throw new UsageError(`parameter "${path}" is missing; there are: ${Object.keys(set).slice(0, 5).join(', ')}, ...`);
  return tensor;
}

/** The kernel [h, w, C, O] that computes what a grouped one [h, w, C / groups, O] does: 0 between the groups. */
function acrossGroups(kernel: Tensor4D, groups: number): Tensor4D {
  const [, , inputs, outputs] = kernel.shape;
  const own = new Float32Array(inputs * groups * outputs);
  for (let read = 0; read < inputs * groups; read++) {
    const first = read * outputs + Math.floor(read / inputs) * (outputs / groups);
    own.fill(1, first, first + outputs / groups);
  }
  return tf.mul(tf.tile(kernel, [1, 1, groups, 1]), tf.tensor2d(own, [inputs * groups, outputs]));
}

/**
 * A convolution in groups of channels, kernel [h, w, C / groups, O]: group g of the outputs reads group g of the
 * channels. Depthwise where every channel is a group of its own; other groups are computed as one convolution with
 * zeros between them, `groups` times the operations and, for the few channels of a group, faster than one by one.
 */
function convolveGroups(path: string, x: Tensor4D, kernel: Tensor4D, stride: number, groups: number): Tensor4D {
  const [height, width, inputs, outputs] = kernel.shape;
  if (x.shape.length !== 4 || x.shape[3] !== inputs * groups || outputs % groups !== 0)
    throw new RangeError(`conv2d ${path}: expected [B, H, W, ${inputs * groups}], got ${shapeText(x)}`);
  if (inputs > 1 || outputs !== groups) return convolve(path, x, acrossGroups(kernel, groups), stride);
  const padded = tf.pad(x, [
    [0, 0],
    [(height - 1) / 2, (height - 1) / 2],
    [(width - 1) / 2, (width - 1) / 2],
    [0, 0],
  ]);
  return tf.depthwiseConv2d(padded, kernel.reshape([height, width, outputs, 1]), stride, 'valid');
}

/**
 * 2-D convolution, kernel [h, w, in, out], with a bias [out] where one is given. Padding is (h - 1) / 2 on every side,
 * as PyTorch counts it: with stride 2 TensorFlow's own "same" would pad one side only.
 */
function convolve(
  path: string,
  x: Tensor4D,
  kernel: Tensor4D,
  stride: number,
  { bias, relu = false }: { readonly bias?: Tensor1D | undefined; readonly relu?: boolean } = {},
): Tensor4D {
  const [height, width, inChannels] = kernel.shape;
  if (x.shape.length !== 4 || x.shape[3] !== inChannels)
    throw new RangeError(`conv2d ${path}: expected [B, H, W, ${inChannels}], got ${shapeText(x)}`);
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  const pad: Parameters<typeof tf.conv2d>[3] = [
    [0, 0],
    [vertical, vertical],
    [horizontal, horizontal],
    [0, 0],
  ];
  if (bias === undefined) return tf.conv2d(x, kernel, stride, pad);
  return tf.fused.conv2d({ x, filter: kernel, strides: stride, pad, bias, activation: relu ? 'relu' : 'linear' });
}

/** Scale and shift [C] of batch norm in evaluation: y = scale x + shift. */
function evaluationAffine(
  { params, state }: Scope,
  norm: string,
  epsilon = BATCH_NORM_EPSILON,
): { scale: Tensor1D; shift: Tensor1D } {
  const [gamma, beta] = [parameter(params, `${norm}/gamma`), parameter(params, `${norm}/beta`)];
  const [mean, variance] = [parameter(state, `${norm}/mean`), parameter(state, `${norm}/variance`)];
  if (hasFusedOnTensorflow() && !isRecording()) {
    const [scale, shift] = fusedNormAffine([gamma, beta, mean, variance], epsilon);
    return { scale, shift };
  }
  const scale: Tensor1D = tf.mul(gamma, tf.rsqrt(tf.add(variance, epsilon)));
  return { scale, shift: tf.sub(beta, tf.mul(mean, scale)) };
}

/**
 * 2-D convolution with the kernel [h, w, in, out] at `path`, and its bias where there is one; padding of (h - 1) / 2 on
 * every side.
 */
export function conv2d(scope: Scope, path: string, x: Tensor4D, stride = 1): Tensor4D {
  const y = convolve(path, x, parameter(scope.params, `${path}/kernel`) as Tensor4D, stride, {
    bias: scope.params[`${path}/bias`] as Tensor1D | undefined,
  });
  scope.trace?.(path, x, y);
  return y;
}

/**
 * A depthwise convolution: each channel of x [B, H, W, C] by its own window, kernel [h, w, 1, C], plus bias [C];
 * padding of (h - 1) / 2 on every side.
 */
export function depthwise(scope: Scope, path: string, x: Tensor4D): Tensor4D {
  const kernel = parameter(scope.params, `${path}/kernel`) as Tensor4D;
  const convolved = convolveGroups(path, x, kernel, 1, kernel.shape[3]);
  const y: Tensor4D = tf.add(convolved, parameter(scope.params, `${path}/bias`));
  scope.trace?.(path, x, y);
  return y;
}

/**
 * A convolution of windows that stand side by side, s x s of x [B, H, W, C] by a kernel [s, s, C, O] plus bias [O];
 * what is left over at the right and below is cut off, as PyTorch does it with a stride of s. [B, H / s, W / s, O]. A
 * trace hears of the windows as rows [n, s s C]. Throws RangeError on other channels, and on less than a window.
 */
export function patchConv(scope: Scope, path: string, x: Tensor4D): Tensor4D {
  const kernel = parameter(scope.params, `${path}/kernel`) as Tensor4D;
  const [side, , inputs, outputs] = kernel.shape;
  const [batch, height, width, channels] = x.shape;
  const [rows, columns] = [Math.floor(height / side), Math.floor(width / side)];
  if (channels !== inputs || rows * columns === 0)
    throw new RangeError(`conv2d ${path}: expected [B, H, W, ${inputs}] of at least ${side} rows, got ${shapeText(x)}`);
  const whole = tf.slice(x, [0, 0, 0, 0], [batch, rows * side, columns * side, inputs]);
  const patches = patchRows(whole, side);
  const bias = parameter(scope.params, `${path}/bias`) as Tensor1D;
  const y = affine(patches, kernel.reshape([side * side * inputs, outputs]), bias);
  scope.trace?.(path, patches, y);
  return y.reshape([batch, rows, columns, outputs]);
}

/**
 * Throws UsageError where a batch x [B, H, W, C] has one value for each channel: its variance is 0, and the shift alone
 * comes out, whatever went in. PyTorch refuses such a batch, too.
 */
function checkBatch(path: string, x: Tensor4D): void {
  if (x.size > x.shape[3]) return;
  throw new UsageError(
    `batch norm ${path}: expected more than one value for each channel in training, got ${shapeText(x)}; ` +
      'use larger batches or images',
  );
}

/**
 * Batch normalization over all axes but the last, x [B, H, W, C] with scale and shift per channel, and a ReLU after it
 * if asked for. Ioffe, Szegedy 2015. In training the batch mean [C] and the unbiased batch variance [C] go to
 * `observe`; in evaluation the running ones normalize. Throws UsageError on a training batch with one value for each
 * channel.
 */
export function batchNorm(
  scope: Scope,
  path: string,
  x: Tensor4D,
  relu = false,
  epsilon = BATCH_NORM_EPSILON,
): Tensor4D {
  const { params, train, observe } = scope;
  if (!train) {
    const { scale, shift } = evaluationAffine(scope, path, epsilon);
    const y: Tensor4D = tf.add(tf.mul(x, scale), shift);
    return relu ? tf.relu(y) : y;
  }
  checkBatch(path, x);
  const inputs = { x, gamma: parameter(params, `${path}/gamma`), beta: parameter(params, `${path}/beta`) };
  const outputs = tf.engine().runKernel(relu ? BATCH_NORM_RELU_TRAIN : BATCH_NORM_TRAIN, inputs, { epsilon });
  const [y, mean, variance] = outputs as unknown as Tensor[];
  observe(`${path}/mean`, mean!);
  observe(`${path}/variance`, variance!);
  return y as Tensor4D;
}

interface Ending {
  readonly stride: number;
  readonly relu: boolean;
  /** Is added before the ReLU, which there is then. */
  readonly identity?: () => Tensor4D;
  /** Groups of channels that the kernel [h, w, C / groups, O] convolves apart; there is no identity then. */
  readonly groups?: number | undefined;
}

/**
 * Convolution and batch norm in one, by the running statistics: whichever is smaller is scaled, the kernel or what it
 * gives.
 */
function foldedConvNorm(
  scope: Scope,
  { conv, norm }: { readonly conv: string; readonly norm: string },
  x: Tensor4D,
  kernel: Tensor4D,
  { stride, relu, identity, groups }: Ending,
): Tensor4D {
  const { scale, shift } = evaluationAffine(scope, norm);
  if (groups !== undefined) {
    const y = tf.add(convolveGroups(conv, x, tf.mul(kernel, scale), stride, groups), shift) as Tensor4D;
    return relu ? tf.relu(y) : y;
  }
  const outputs = (x.size / x.shape[3] / stride ** 2) * kernel.shape[3];
  const inKernel = outputs >= kernel.size;
  if (relu && hasFused() && !isRecording()) {
    return tf.tidy(() => {
      const convolved = convolve(conv, x, inKernel ? tf.mul(kernel, scale) : kernel, stride);
      return scaleShift(
        { x: convolved, scale: inKernel ? undefined : scale, shift, residual: identity?.() },
        relu,
      ) as Tensor4D;
    });
  }
  const y: Tensor4D = inKernel
    ? convolve(conv, x, tf.mul(kernel, scale), stride, { bias: shift, relu: relu && identity === undefined })
    : tf.add(tf.mul(convolve(conv, x, kernel, stride), scale), shift);
  if (identity !== undefined) return addRelu(y, identity());
  return relu && !inKernel ? tf.relu(y) : y;
}

/** How {@link convNorm} convolves, and what comes after. */
export interface ConvNormOptions {
  readonly stride?: number;
  readonly relu?: boolean;
  /** Groups of channels that are convolved apart, kernel [h, w, C / groups, out]; as many as channels: depthwise. */
  readonly groups?: number | undefined;
}

/**
 * Convolution `conv` without bias, then batch norm `norm`, then a ReLU if asked for. In evaluation the norm is folded
 * into the convolution.
 */
export function convNorm(
  scope: Scope,
  conv: string,
  norm: string,
  x: Tensor4D,
  { stride = 1, relu = false, groups }: ConvNormOptions = {},
): Tensor4D {
  const kernel = parameter(scope.params, `${conv}/kernel`) as Tensor4D;
  const convolved = (): Tensor4D =>
    groups === undefined ? convolve(conv, x, kernel, stride) : convolveGroups(conv, x, kernel, stride, groups);
  if (scope.trace === undefined) {
    return scope.train
      ? batchNorm(scope, norm, convolved(), relu)
      : foldedConvNorm(scope, { conv, norm }, x, kernel, { stride, relu, groups });
  }
  const y = scope.train
    ? batchNorm(scope, norm, convolved())
    : foldedConvNorm(scope, { conv, norm }, x, kernel, { stride, relu: false, groups });
  scope.trace(conv, x, y);
  return relu ? tf.relu(y) : y;
}

/** x [B, C] times kernel [C, out] plus bias [out]. Throws RangeError unless the kernel can read x. */
export function dense(scope: Scope, path: string, x: Tensor2D): Tensor2D {
  if (x.shape.length !== 2) throw new RangeError(`dense ${path}: expected rows, got ${shapeText(x)}`);
  const y = affine(x, ...denseParameters(scope, path, x));
  scope.trace?.(path, x, y);
  return y;
}

/** A nonlinearity of {@link dense}: for tanh one op does both, where the layer is small and the engine has it. */
export function denseActivated(
  scope: Scope,
  path: string,
  x: Tensor2D,
  activation: keyof typeof ACTIVATIONS,
): Tensor2D {
  if (activation === 'tanh' && scope.trace === undefined && x.shape.length === 2) {
    const [matrix, bias] = denseParameters(scope, path, x);
    if (fusesDense(x, matrix)) return denseTanh(x, matrix, bias);
  }
  return ACTIVATIONS[activation](dense(scope, path, x)) as Tensor2D;
}

function denseTanh(x: Tensor2D, matrix: Tensor2D, bias: Tensor1D): Tensor2D {
  return withGradient(
    [x, matrix, bias],
    () => {
      const value = fusedDenseTanh({ x, matrix, bias }) as Tensor2D;
      return { value, saved: { x, matrix, y: value } };
    },
    (dy, saved) => fusedDenseTanhGradient(dy, saved),
  );
}

/** Kernel and bias of a dense layer that is to read x [..., C]. Throws RangeError when it cannot. */
export function denseParameters(scope: Scope, path: string, x: Tensor2D): [Tensor2D, Tensor1D] {
  const kernel = parameter(scope.params, `${path}/kernel`) as Tensor2D;
  if (x.shape.at(-1) !== kernel.shape[0])
    throw new RangeError(`dense ${path}: expected [B, ${kernel.shape[0]}], got ${shapeText(x)}`);
  return [kernel, parameter(scope.params, `${path}/bias`) as Tensor1D];
}

/** A linear map of the last axis, at every position alike: x [..., C] times kernel [C, out]; without bias. */
export function linearMap(x: Tensor, kernel: Tensor2D): Tensor {
  const channels = x.shape.at(-1)!;
  return tf.matMul(x.reshape([-1, channels]), kernel).reshape([...x.shape.slice(0, -1), kernel.shape[1]]);
}

/** Nonlinearities of plain networks by name, element by element. */
export const ACTIVATIONS = {
  relu: (x: Tensor): Tensor => tf.relu(x),
  tanh: (x: Tensor): Tensor => tf.tanh(x),
} as const;

/** What {@link convNormAdd} adds, and its convolution's stride. */
export interface ConvNormAddOptions {
  /** Is computed after the convolution. */
  readonly identity: () => Tensor4D;
  readonly stride?: number;
}

/** convNorm, plus `identity`, then a ReLU: the end of a residual block. */
export function convNormAdd(
  scope: Scope,
  conv: string,
  norm: string,
  x: Tensor4D,
  { identity, stride = 1 }: ConvNormAddOptions,
): Tensor4D {
  const kernel = parameter(scope.params, `${conv}/kernel`) as Tensor4D;
  if (scope.trace === undefined && !scope.train)
    return foldedConvNorm(scope, { conv, norm }, x, kernel, { stride, relu: true, identity });
  if (scope.trace !== undefined || !fusesBatchNorm(kernel.shape[3]))
    return addRelu(convNorm(scope, conv, norm, x, { stride }), identity());
  const convolved = convolve(conv, x, kernel, stride);
  checkBatch(norm, convolved);
  const [gamma, beta] = [parameter(scope.params, `${norm}/gamma`), parameter(scope.params, `${norm}/beta`)];
  const residual = identity();
  return withGradient(
    [convolved, residual, gamma, beta],
    () => {
      const [y, mean, variance, inverse] = fusedBatchNorm(
        { x: convolved, residual, gamma, beta },
        BATCH_NORM_EPSILON,
        true,
      );
      scope.observe(`${norm}/mean`, mean);
      scope.observe(`${norm}/variance`, variance);
      return { value: y as Tensor4D, saved: { x: convolved as Tensor, y, gamma, mean, inverse } };
    },
    (dy, saved) => {
      const [dx, dgamma, dbeta, dresidual] = fusedBatchNormGradient({ dy, ...saved }, true);
      return [dx, dresidual, dgamma, dbeta];
    },
  );
}

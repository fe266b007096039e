/**
 * Kernels that training needs and a backend lacks, registered with tfjs so that gradients and profiling see ordinary
 * ops.
 *
 * `BatchNormTrain`: x [B, H, W, C], gamma [C], beta [C] -> y, batch mean [C], batch variance [C] (unbiased, as
 * TensorFlow and PyTorch keep for their running statistics), and three reserves for the gradient. On TensorFlow it is
 * an op of our own, or `FusedBatchNormV3` (twice as fast, and half the memory, of the same thing composed of tfjs ops);
 * elsewhere it is composed, with the same values. Ioffe, Szegedy 2015, algorithm 1.
 */
import type {
  GradConfig,
  KernelConfig,
  KernelFunc,
  NamedAttrMap,
  NamedTensorInfoMap,
  TensorInfo,
} from '@tensorflow/tfjs-core';
import type { Override } from './convolutions.js';
import { depthwiseFilterGradient, depthwiseInputGradient } from './depthwise.js';
import { fusedBatchNorm, fusedBatchNormGradient, fusesBatchNorm } from './fused.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../tensor.js';

/** Name of the kernel of batch norm in training. */
export const BATCH_NORM_TRAIN = 'BatchNormTrain';
/** Name of the kernel of batch norm in training with a ReLU of its y. */
export const BATCH_NORM_RELU_TRAIN = 'BatchNormReluTrain';
const BATCH_NORM_TRAIN_GRAD = 'BatchNormTrainGrad';
/**
 * Name of the kernel of ReLU's gradient, dy where y > 0 and else 0: one op, where tfjs composes six (a twelfth of a
 * small network's training step).
 */
export const RELU_GRAD = 'ReluGrad';

/** A pass of batch norm: tensors by name to results in order. */
export type Kernel = (inputs: Record<string, Tensor>, epsilon: number) => Tensor[];

/** Batch norm, batch norm with a ReLU of its y, and the gradient of both, which is given y where there was a ReLU. */
export type BatchNormKernels = readonly [forward: Kernel, reluForward: Kernel, backward: Kernel];

/** A kernel that is made of a backend's own, to which it leaves what it does not compute itself. */
export type Replacement = (original: KernelFunc) => KernelFunc;

/** What a backend has in the place of kernels that are composed of tfjs' ops, or of its own. */
export interface OwnKernels {
  /** Where no fused op of ours does it. */
  readonly batchNorm?: BatchNormKernels;
  /** {@link RELU_GRAD}. */
  readonly reluGradient?: (dy: Tensor, y: Tensor) => Tensor;
  /** Kernels that are made of its own, by name. */
  readonly replaced?: Readonly<Record<string, Replacement>>;
  /** Kernels in the place of its own, by name; each leaves a call to that one by returning undefined. */
  readonly overridden?: Readonly<Record<string, Override>>;
}

/** Our own op, where it could be built: sums, values and what comes after them in two passes over memory. */
const fusedForward =
  (relu: boolean): Kernel =>
  ({ x, gamma, beta }, epsilon) => {
    const [y, mean, variance, inverse] = fusedBatchNorm({ x: x!, gamma: gamma!, beta: beta! }, epsilon, relu);
    return [y, mean, variance, mean.clone(), inverse, tf.scalar(0)];
  };

/** Here and below, `y` is given where the forward pass ended with a ReLU. */
const fusedBackward: Kernel = ({ dy, x, y, gamma, reserve1, reserve2 }) =>
  fusedBatchNormGradient({ dy: dy!, x: x!, y, gamma: gamma!, mean: reserve1!, inverse: reserve2! }, false).slice(0, 3);

/**
 * Column sums [C] of [N, C] as a product with ones: backends reduce the first axis slowly, and multiply matrices fast.
 */
function columnSums(rows: Tensor): Tensor1D {
  const [n, channels] = rows.shape as [number, number];
  return tf.matMul(tf.ones([1, n]) as Tensor2D, rows as Tensor2D).reshape([channels]);
}

const composedForward: Kernel = ({ x, gamma, beta }, epsilon) => {
  const channels = x!.shape[3]!;
  const rows = x!.reshape([-1, channels]);
  const count = rows.shape[0]!;
  const mean = columnSums(rows).div(count);
  const centered = rows.sub(mean);
  const variance = columnSums(centered.square()).div(count);
  const inverse = variance.add(epsilon).rsqrt();
  const y = centered.mul(inverse.mul(gamma!)).add(beta!).reshape(x!.shape);
  return [y, mean, variance.mul(count / Math.max(1, count - 1)), mean.clone(), inverse, tf.scalar(0)];
};

/** dx = gamma * inv / N * (N dy - sum dy - xhat * sum(dy xhat)), with xhat the normalized input. */
const composedBackward: Kernel = ({ dy: given, x, y, gamma, reserve1: mean, reserve2: inverse }) => {
  const dy = y === undefined ? given : tf.mul(given!, tf.step(y));
  const channels = x!.shape[3]!;
  const count = x!.size / channels;
  const normalized = x!.reshape([-1, channels]).sub(mean!).mul(inverse!);
  const upstream = dy!.reshape([-1, channels]);
  const dbeta = columnSums(upstream);
  const dgamma = columnSums(upstream.mul(normalized));
  const inner = upstream.sub(dbeta.div(count)).sub(normalized.mul(dgamma.div(count)));
  return [inner.mul(gamma!.mul(inverse!)).reshape(x!.shape), dgamma, dbeta];
};

/** A forward pass with a ReLU of its y. */
export function withRelu(forward: Kernel): Kernel {
  return (inputs, epsilon) => {
    const [y, ...rest] = forward(inputs, epsilon);
    return [tf.relu(y!), ...rest];
  };
}

const COMPOSED: BatchNormKernels = [composedForward, withRelu(composedForward), composedBackward];

/** Kernels of batch norm: our own ops where they do so many channels, else the others. */
function batchNormKernels([forward, reluForward, backward]: BatchNormKernels): BatchNormKernels {
  const either =
    (fused: Kernel, others: Kernel): Kernel =>
    (inputs, epsilon) =>
      (fusesBatchNorm(inputs.x!.shape.at(-1)!) ? fused : others)(inputs, epsilon);
  return [
    either(fusedForward(false), forward),
    either(fusedForward(true), reluForward),
    either(fusedBackward, backward),
  ];
}

/** Registers a function of tensors as a kernel; its temporaries are freed, its results kept. */
function register(
  kernelName: string,
  backendName: string,
  body: (inputs: Record<string, Tensor>, attributes: NamedAttrMap) => Tensor | Tensor[],
): void {
  const kernelFunc = ({
    inputs,
    attrs,
  }: {
    inputs: NamedTensorInfoMap;
    attrs?: NamedAttrMap;
  }): TensorInfo | TensorInfo[] => tf.tidy(() => body(inputs as Record<string, Tensor>, attrs ?? {}));
  tf.registerKernel({ kernelName, backendName, kernelFunc } as unknown as KernelConfig);
}

const completed = new Set<string>();

/**
 * Registers with tfjs the kernels and gradients that a backend lacks, or does slowly; call it once the backend is
 * registered.
 */
export function registerTrainingKernels(backendName: string, own: OwnKernels = {}): void {
  if (completed.has(backendName)) return;
  completed.add(backendName);
  const [forward, reluForward, backward] = batchNormKernels(own.batchNorm ?? COMPOSED);
  register(BATCH_NORM_TRAIN, backendName, (inputs, { epsilon }) => forward(inputs, epsilon as number));
  register(BATCH_NORM_RELU_TRAIN, backendName, (inputs, { epsilon }) => reluForward(inputs, epsilon as number));
  register(BATCH_NORM_TRAIN_GRAD, backendName, (inputs, { epsilon }) => backward(inputs, epsilon as number));
  const reluGradient = own.reluGradient ?? ((dy, y) => tf.mul(dy, tf.step(y)));
  register(RELU_GRAD, backendName, ({ dy, y }) => reluGradient(dy!, y!));
  if (!tf.getKernel('DepthwiseConv2dNativeBackpropFilter', backendName)) {
    register('DepthwiseConv2dNativeBackpropFilter', backendName, ({ x, dy }, attributes) =>
      depthwiseFilterGradient(x as Tensor4D, dy as Tensor4D, attributes),
    );
  }
  if (!tf.getKernel('DepthwiseConv2dNativeBackpropInput', backendName)) {
    register('DepthwiseConv2dNativeBackpropInput', backendName, ({ dy, filter }, attributes) =>
      depthwiseInputGradient(dy as Tensor4D, filter as Tensor4D, attributes),
    );
  }
  for (const [name, make] of Object.entries(own.replaced ?? {})) replace(name, backendName, make);
  for (const [name, body] of Object.entries(own.overridden ?? {})) override(name, backendName, body);
  registerGradients();
}

/** Puts a kernel that is made of a backend's own in its place; where it has none, what is left to that one throws. */
function replace(kernelName: string, backendName: string, make: Replacement): void {
  const original = tf.getKernel(kernelName, backendName) as KernelConfig | undefined;
  if (original !== undefined) tf.unregisterKernel(kernelName, backendName);
  const none: KernelFunc = () => {
    throw new RangeError(`the engine ${backendName} has no ${kernelName} of this kind`);
  };
  tf.registerKernel({ kernelName, backendName, kernelFunc: make(original?.kernelFunc ?? none) });
}

/** Puts `body` in the place of a backend's kernel, which still does what `body` leaves undefined. */
function override(kernelName: string, backendName: string, body: Override): void {
  replace(
    kernelName,
    backendName,
    (original) => (call) =>
      tf.tidy(() => body(call.inputs as Record<string, Tensor>, call.attrs ?? {})) ?? original(call),
  );
}

let gradientRegistered = false;
const unclaimed = new Set<Tensor>();

/** Frees gradients that a backward pass computed and nobody asked for (a frozen input's). Call it after each pass. */
export function releaseUnclaimedGradients(): void {
  for (const tensor of unclaimed) tensor.dispose();
  unclaimed.clear();
}

/** With a ReLU, its y is kept, too: the gradient is 0 where y is. */
function batchNormGradient(kernelName: string, relu: boolean): GradConfig {
  return {
    kernelName,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [relu, false, false, true, true, true],
    gradFunc: (dys: Tensor | Tensor[], saved: Tensor[], attributes: NamedAttrMap) => {
      const [x, gamma, ...outputs] = saved as [Tensor, Tensor, ...Tensor[]];
      const [reserve1, reserve2, reserve3] = outputs.slice(-3) as [Tensor, Tensor, Tensor];
      let results: Tensor[] | undefined;
      // tfjs asks for each gradient in a tidy of its own; one kernel computes the three, so they are kept between the
      // calls.
      const result = (index: number) => (): Tensor => {
        if (results === undefined) {
          const inputs = {
            dy: (dys as Tensor[])[0]!,
            x,
            gamma,
            reserve1,
            reserve2,
            reserve3,
            ...(relu && { y: outputs[0]! }),
          };
          results = tf.engine().runKernel(BATCH_NORM_TRAIN_GRAD, inputs, attributes) as unknown as Tensor[];
          for (const tensor of results) unclaimed.add(tf.keep(tensor));
        }
        const claimed = results[index]!;
        const copy = claimed.clone();
        unclaimed.delete(claimed);
        claimed.dispose();
        return copy;
      };
      return { x: result(0), gamma: result(1), beta: result(2) };
    },
  } as unknown as GradConfig;
}

function registerGradients(): void {
  if (gradientRegistered) return;
  gradientRegistered = true;
  tf.registerGradient(batchNormGradient(BATCH_NORM_TRAIN, false));
  tf.registerGradient(batchNormGradient(BATCH_NORM_RELU_TRAIN, true));
  tf.unregisterGradient('Relu');
  const relu: GradConfig = {
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.engine().runKernel(RELU_GRAD, { dy: dy as Tensor, y: y! }) }),
  };
  tf.registerGradient(relu);
}

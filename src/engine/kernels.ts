/**
 * Kernels that training needs and a backend lacks, registered with tfjs so that gradients and profiling see ordinary ops.
 *
 * `BatchNormTrain`: x [B, H, W, C], gamma [C], beta [C] -> y, batch mean [C], batch variance [C] (unbiased, as TensorFlow and
 * PyTorch keep for their running statistics), and three reserves for the gradient. On TensorFlow it is `FusedBatchNormV3`
 * (twice as fast, and half the memory, of the same thing composed of tfjs ops); elsewhere it is composed, with the same values.
 * Ioffe, Szegedy 2015, algorithm 1.
 */
import type { GradConfig, KernelConfig, NamedAttrMap, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from './tensor.js';

export const BATCH_NORM_TRAIN = 'BatchNormTrain';
const BATCH_NORM_TRAIN_GRAD = 'BatchNormTrainGrad';
/** dy where y > 0, else 0: one op, where tfjs composes six (a twelfth of a small network's training step). */
export const RELU_GRAD = 'ReluGrad';

type Kernel = (inputs: Record<string, Tensor>, epsilon: number) => Tensor[];

/** The part of tfjs-node's backend that reaches TensorFlow kernels by name. */
interface TensorflowBackend {
  executeSingleOutput(name: string, attributes: { name: string; type: number; value: unknown }[], inputs: TensorInfo[]): Tensor;
  executeMultipleOutputs(name: string, attributes: { name: string; type: number; value: unknown }[], inputs: TensorInfo[], outputs: number): Tensor[];
  binding: Record<string, number>;
}

function onTensorflow(name: string, inputs: Tensor[], epsilon: number, outputs: number): Tensor[] {
  const backend = tf.backend() as unknown as TensorflowBackend;
  const { TF_ATTR_TYPE, TF_ATTR_FLOAT, TF_ATTR_STRING, TF_ATTR_BOOL, TF_FLOAT } = backend.binding;
  const attributes = [
    { name: 'T', type: TF_ATTR_TYPE!, value: TF_FLOAT },
    { name: 'U', type: TF_ATTR_TYPE!, value: TF_FLOAT },
    { name: 'epsilon', type: TF_ATTR_FLOAT!, value: epsilon },
    { name: 'data_format', type: TF_ATTR_STRING!, value: 'NHWC' },
    { name: 'is_training', type: TF_ATTR_BOOL!, value: true },
  ];
  return backend.executeMultipleOutputs(name, attributes, inputs, outputs);
}

function reluGradient(backendName: string, dy: Tensor, y: Tensor): Tensor {
  if (backendName !== 'tensorflow') return tf.mul(dy, tf.step(y));
  const backend = tf.backend() as unknown as TensorflowBackend;
  return backend.executeSingleOutput('ReluGrad', [{ name: 'T', type: backend.binding.TF_ATTR_TYPE!, value: backend.binding.TF_FLOAT }], [dy, y]);
}

const fusedForward: Kernel = ({ x, gamma, beta }, epsilon) => {
  const none = tf.tensor1d([]);
  const [y, mean, variance, reserve1, reserve2, reserve3] = onTensorflow('FusedBatchNormV3', [x!, gamma!, beta!, none, none], epsilon, 6) as Tensor[];
  none.dispose();
  return [y!, mean!, variance!, reserve1!, reserve2!, reserve3!];
};

const fusedBackward: Kernel = ({ dy, x, gamma, reserve1, reserve2, reserve3 }, epsilon) => {
  const [dx, dgamma, dbeta, ...rest] = onTensorflow('FusedBatchNormGradV3', [dy!, x!, gamma!, reserve1!, reserve2!, reserve3!], epsilon, 5);
  for (const tensor of rest) tensor.dispose();
  return [dx!, dgamma!, dbeta!];
};

/** Column sums [C] of [N, C] as a product with ones: backends reduce the first axis slowly, and multiply matrices fast. */
function columnSums(rows: Tensor): Tensor1D {
  const [n, channels] = rows.shape as [number, number];
  return tf.matMul(tf.ones([1, n]) as Tensor2D, rows as Tensor2D).reshape([channels]);
}

const composedForward: Kernel = ({ x, gamma, beta }, epsilon) => {
  const channels = x!.shape[3]!;
  const rows = x!.reshape([-1, channels]);
  const count = rows.shape[0]!;
  const mean = columnSums(rows).div(count);
  const centred = rows.sub(mean);
  const variance = columnSums(centred.square()).div(count);
  const inverse = variance.add(epsilon).rsqrt();
  const y = centred.mul(inverse.mul(gamma!)).add(beta!).reshape(x!.shape);
  return [y, mean, variance.mul(count / Math.max(1, count - 1)), mean.clone(), inverse, tf.scalar(0)];
};

/** dx = gamma * inv / N * (N dy - sum dy - xhat * sum(dy xhat)), with xhat the normalised input. */
const composedBackward: Kernel = ({ dy, x, gamma, reserve1: mean, reserve2: inverse }) => {
  const channels = x!.shape[3]!;
  const count = x!.size / channels;
  const normalised = x!.reshape([-1, channels]).sub(mean!).mul(inverse!);
  const upstream = dy!.reshape([-1, channels]);
  const dbeta = columnSums(upstream);
  const dgamma = columnSums(upstream.mul(normalised));
  const inner = upstream.sub(dbeta.div(count)).sub(normalised.mul(dgamma.div(count)));
  return [inner.mul(gamma!.mul(inverse!)).reshape(x!.shape), dgamma, dbeta];
};

/**
 * d loss / d filter of a convolution as a convolution: batch and channels change places, the upstream gradient is the filter, and
 * strides become dilations. For backends without `Conv2DBackpropFilter` (WebAssembly).
 */
function convolutionFilterGradient(x: Tensor4D, dy: Tensor4D, attributes: NamedAttrMap): Tensor {
  const [stride] = [attributes.strides as number | [number, number]].flat() as [number];
  const [kernelHeight, kernelWidth, inChannels, outChannels] = attributes.filterShape as [number, number, number, number];
  const { pad } = attributes;
  if (kernelHeight === 1 && kernelWidth === 1) {
    const kept = stride === 1 ? x : tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, stride, stride, 1]);
    const rows = kept.reshape([-1, inChannels]).transpose() as Tensor2D;
    return tf.matMul(rows, dy.reshape([-1, outChannels]) as Tensor2D).reshape([1, 1, inChannels, outChannels]);
  }
  const [top, bottom, left, right] = paddingOf(pad, x.shape, dy.shape, [kernelHeight, kernelWidth], stride);
  const padded = tf.pad(x, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ] as [number, number][]);
  const images = padded.transpose([3, 1, 2, 0]) as Tensor4D;
  const filters = dy.transpose([1, 2, 0, 3]) as Tensor4D;
  const full = tf.conv2d(images, filters, 1, 'valid', 'NHWC', stride);
  // With a stride the last rows of the input may lie outside every window: they give extra kernel positions.
  return full.slice([0, 0, 0, 0], [inChannels, kernelHeight, kernelWidth, outChannels]).transpose([1, 2, 0, 3]);
}

/**
 * d loss / d input of a convolution with stride 1, as a convolution with the flipped filter: the backend's own kernel is a plain
 * loop, six times slower. Undefined for other strides.
 */
function convolutionInputGradient(dy: Tensor4D, filter: Tensor4D, attributes: NamedAttrMap): Tensor | undefined {
  const strides = [attributes.strides as number | [number, number]].flat();
  if (strides.some((stride) => stride !== 1)) return undefined;
  const inputShape = attributes.inputShape as [number, number, number, number];
  const [kernelHeight, kernelWidth] = filter.shape;
  const [top, bottom, left, right] = paddingOf(attributes.pad, inputShape, dy.shape, [kernelHeight, kernelWidth], 1);
  const around = [
    [0, 0],
    [kernelHeight - 1 - top, kernelHeight - 1 - bottom],
    [kernelWidth - 1 - left, kernelWidth - 1 - right],
    [0, 0],
  ] as [[number, number], [number, number], [number, number], [number, number]];
  if (around.some(([before, after]) => before < 0 || after < 0)) return undefined;
  const flipped = filter.reverse([0, 1]).transpose([0, 1, 3, 2]) as Tensor4D;
  return tf.conv2d(tf.pad(dy, around), flipped, 1, 'valid');
}

function paddingOf(pad: unknown, input: number[], output: number[], kernel: [number, number], stride: number): [number, number, number, number] {
  if (pad === 'valid') return [0, 0, 0, 0];
  if (pad === 'same') {
    const total = [0, 1].map((axis) => Math.max(0, (output[axis + 1]! - 1) * stride + kernel[axis]! - input[axis + 1]!));
    const before = total.map((amount) => Math.floor(amount / 2));
    return [before[0]!, total[0]! - before[0]!, before[1]!, total[1]! - before[1]!];
  }
  if (typeof pad === 'number') return [pad, pad, pad, pad];
  const [, [top, bottom], [left, right]] = pad as unknown as [number, number][] as [[number, number], [number, number], [number, number]];
  return [top, bottom, left, right];
}

/** Registers a function of tensors as a kernel; its temporaries are freed, its results kept. */
function register(kernelName: string, backendName: string, body: (inputs: Record<string, Tensor>, attributes: NamedAttrMap) => Tensor | Tensor[]): void {
  const kernelFunc = ({ inputs, attrs }: { inputs: NamedTensorInfoMap; attrs?: NamedAttrMap }): TensorInfo | TensorInfo[] =>
    tf.tidy(() => body(inputs as Record<string, Tensor>, attrs ?? {}));
  tf.registerKernel({ kernelName, backendName, kernelFunc } as unknown as KernelConfig);
}

const completed = new Set<string>();

/** Adds what `backendName` lacks; call it once the backend is registered. */
export function registerTrainingKernels(backendName: string): void {
  if (completed.has(backendName)) return;
  completed.add(backendName);
  const [forward, backward] = backendName === 'tensorflow' ? [fusedForward, fusedBackward] : [composedForward, composedBackward];
  register(BATCH_NORM_TRAIN, backendName, (inputs, { epsilon }) => forward(inputs, epsilon as number));
  register(BATCH_NORM_TRAIN_GRAD, backendName, (inputs, { epsilon }) => backward(inputs, epsilon as number));
  register(RELU_GRAD, backendName, ({ dy, y }) => reluGradient(backendName, dy!, y!));
  if (!tf.getKernel('Conv2DBackpropFilter', backendName)) {
    register('Conv2DBackpropFilter', backendName, ({ x, dy }, attributes) => convolutionFilterGradient(x as Tensor4D, dy as Tensor4D, attributes));
  }
  if (backendName === 'wasm')
    override('Conv2DBackpropInput', backendName, ({ dy, filter }, attributes) => convolutionInputGradient(dy as Tensor4D, filter as Tensor4D, attributes));
  if (backendName === 'tensorflow') pointwiseByProducts(backendName);
  registerGradients();
}

/** Puts `body` in the place of a backend's kernel, which still does what `body` leaves undefined. */
function override(kernelName: string, backendName: string, body: (inputs: Record<string, Tensor>, attributes: NamedAttrMap) => Tensor | undefined): void {
  const original = tf.getKernel(kernelName, backendName).kernelFunc;
  const kernelFunc: typeof original = (call) => tf.tidy(() => body(call.inputs as Record<string, Tensor>, call.attrs ?? {})) ?? original(call);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** TensorFlow's own matrix product of [n, k] and [k, m], either of them transposed. */
function product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  const backend = tf.backend() as unknown as TensorflowBackend;
  const { TF_ATTR_TYPE, TF_ATTR_BOOL, TF_FLOAT } = backend.binding;
  const attributes = [
    { name: 'T', type: TF_ATTR_TYPE!, value: TF_FLOAT },
    { name: 'transpose_a', type: TF_ATTR_BOOL!, value: transposeA },
    { name: 'transpose_b', type: TF_ATTR_BOOL!, value: transposeB },
  ];
  return backend.executeSingleOutput('MatMul', attributes, [a, b]);
}

/** x [..., C] + bias [C]: TensorFlow's own op is up to 1.6 times as fast as its sum with broadcasting. */
function addBias(x: Tensor, bias: Tensor): Tensor {
  const backend = tf.backend() as unknown as TensorflowBackend;
  const { TF_ATTR_TYPE, TF_ATTR_STRING, TF_FLOAT } = backend.binding;
  const attributes = [
    { name: 'T', type: TF_ATTR_TYPE!, value: TF_FLOAT },
    { name: 'data_format', type: TF_ATTR_STRING!, value: 'NHWC' },
  ];
  return backend.executeSingleOutput('BiasAdd', attributes, [x, bias]);
}

/**
 * 1 x 1 convolutions as matrix products: TensorFlow reorders the filter of a convolution at every call, which for small images takes longer than the
 * convolution (src/engine/README.md).
 */
function pointwiseByProducts(backendName: string): void {
  const isPointwise = (shape: readonly number[], { strides }: NamedAttrMap): boolean =>
    shape[0] === 1 && shape[1] === 1 && [strides as number | [number, number]].flat().every((stride) => stride === 1);
  const rows = (tensor: Tensor): Tensor => tensor.reshape([-1, tensor.shape.at(-1)!]);
  const matrix = (filter: Tensor): Tensor => filter.reshape(filter.shape.slice(2));
  const convolve = (x: Tensor, filter: Tensor): Tensor => product(rows(x), matrix(filter), false, false).reshape([...x.shape.slice(0, 3), filter.shape[3]!]);
  override('Conv2D', backendName, ({ x, filter }, attributes) => (isPointwise(filter!.shape, attributes) ? convolve(x!, filter!) : undefined));
  override('FusedConv2D', backendName, ({ x, filter, bias, preluActivationWeights }, attributes) => {
    const { activation } = attributes;
    if (bias === undefined || preluActivationWeights !== undefined || !['relu', 'linear'].includes(activation as string)) return undefined;
    const convolved = tf.engine().runKernel('Conv2D', { x: x!, filter: filter! }, attributes) as Tensor;
    const y = addBias(convolved, bias);
    convolved.dispose();
    return activation === 'relu' ? tf.relu(y) : y;
  });
  override('Conv2DBackpropInput', backendName, ({ dy, filter }, attributes) =>
    isPointwise(filter!.shape, attributes) ? product(rows(dy!), matrix(filter!), false, true).reshape(attributes.inputShape as number[]) : undefined,
  );
  override('Conv2DBackpropFilter', backendName, ({ x, dy }, attributes) => {
    const shape = attributes.filterShape as number[];
    return isPointwise(shape, attributes) ? product(rows(x!), rows(dy!), true, false).reshape(shape) : undefined;
  });
}

let gradientRegistered = false;
const unclaimed = new Set<Tensor>();

/** Frees gradients that a backward pass computed and nobody asked for (a frozen input's); call it after each pass. */
export function releaseUnclaimedGradients(): void {
  for (const tensor of unclaimed) tensor.dispose();
  unclaimed.clear();
}

function registerGradients(): void {
  if (gradientRegistered) return;
  gradientRegistered = true;
  const config = {
    kernelName: BATCH_NORM_TRAIN,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, false, false, true, true, true],
    gradFunc: (dys: Tensor | Tensor[], saved: Tensor[], attributes: NamedAttrMap) => {
      const [x, gamma, reserve1, reserve2, reserve3] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor];
      const inputs = { dy: (dys as Tensor[])[0]!, x, gamma, reserve1, reserve2, reserve3 };
      let results: Tensor[] | undefined;
      // tfjs asks for each gradient in a tidy of its own; one kernel computes the three, so they are kept between the calls.
      const result = (index: number) => (): Tensor => {
        if (results === undefined) {
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
  };
  tf.registerGradient(config as unknown as GradConfig);
  tf.unregisterGradient('Relu');
  const relu: GradConfig = {
    kernelName: 'Relu',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.engine().runKernel(RELU_GRAD, { dy: dy as Tensor, y: y! }) }),
  };
  tf.registerGradient(relu);
}

/**
 * Convolutions [B, H, W, C] x [h, w, C, O] and their gradients where a backend has none, or slow ones.
 *
 * TensorFlow reorders the filter of a convolution at every call, which for small images takes longer than the
 * convolution itself (src/engine/README.md). So what is a matrix product in disguise is computed as one: 1 x 1 kernels,
 * and large kernels of which every window sees the whole image.
 */
import type { NamedAttrMap } from '@tensorflow/tfjs-core';
import { fusedConvolution, hasFusedOnTensorflow, scaleShift } from './fused.js';
import { product } from './matrix.js';
import { convolutionWithBias, hasOneDnn } from '../onednn.js';
import { FLOAT, tensorflowOp, type Attributes } from '../tensorflow-op.js';
import { tf, type Tensor, type Tensor4D } from '../tensor.js';

/** A kernel in the place of the backend's own, to which it leaves a call by returning undefined. */
export type Override = (
  inputs: Readonly<Record<string, Tensor | undefined>>,
  attributes: NamedAttrMap,
) => Tensor | undefined;

/** Sizes of a convolution, rows before columns. */
export interface Geometry {
  /** Height and width. */
  readonly input: Pair;
  readonly output: Pair;
  readonly kernel: Pair;
  readonly strides: Pair;
  /** Rows above, columns to the left. */
  readonly before: Pair;
  /** Rows below, columns to the right. */
  readonly after: Pair;
  readonly channels: { readonly read: number; readonly written: number };
}
/** Two numbers of a convolution, as strides and sides of its filter are: of rows, then of columns. */
export type Pair = readonly [number, number];

/** Sizes of a convolution of images [B, H, W, C] with filters [h, w, C, O], or [h, w, C, 1] where it is depthwise. */
export function geometryOf(
  input: readonly number[],
  filter: readonly number[],
  { strides, pad }: NamedAttrMap,
  isDepthwise = false,
): Geometry {
  type Arguments = Parameters<typeof tf.backend_util.computeConv2DInfo>;
  const info = tf.backend_util.computeConv2DInfo(
    input as Arguments[0],
    filter as Arguments[1],
    strides as Arguments[2],
    1,
    pad as Arguments[4],
    undefined,
    isDepthwise,
  );
  const { top, left, bottom, right } = info.padInfo;
  return {
    input: [info.inHeight, info.inWidth],
    output: [info.outHeight, info.outWidth],
    kernel: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    before: [top, left],
    after: [bottom, right],
    channels: { read: info.inChannels, written: info.outChannels },
  };
}

const AXES = [0, 1] as const;

function isPointwise({ kernel, before, after }: Geometry): boolean {
  return [...kernel.map((side) => side - 1), ...before, ...after].every((extent) => extent === 0);
}

function rows(tensor: Tensor): Tensor {
  return tensor.reshape([-1, tensor.shape.at(-1)!]);
}

function matrix(filter: Tensor): Tensor {
  return filter.reshape(filter.shape.slice(2));
}

/** The pixels that a 1 x 1 kernel sees. */
function seen(x: Tensor, { input: [height, width], strides: [down, right] }: Geometry): Tensor {
  if (down === 1 && right === 1) return x;
  const [batch, , , channels] = x.shape as [number, number, number, number];
  if (height % down !== 0 || width % right !== 0) return tf.stridedSlice(x, [0, 0, 0, 0], x.shape, [1, down, right, 1]);
  // one slice of whole rows of channels: four times as fast
  const [rowCount, columns] = [(batch * height) / down, width / right];
  return tf
    .slice(x.reshape([rowCount, down, columns, right * channels]), [0, 0, 0, 0], [rowCount, 1, columns, channels])
    .reshape([batch, height / down, columns, channels]);
}

/** The inverse of {@link seen}, with zeros where no kernel was. */
function spread(values: Tensor, { input, output, strides }: Geometry): Tensor {
  const [batch, , , channels] = values.shape as [number, number, number, number];
  return AXES.reduce((tensor, axis) => {
    if (strides[axis] === 1) return tensor;
    // [.., n, ..] -> [.., n, 1, ..] -> [.., n, stride, ..] -> [.., n stride, ..], cut to the input's size
    const outer = axis === 0 ? batch : batch * input[0];
    const inner = (axis === 0 ? output[1] : 1) * channels;
    const apart = tf
      .pad(tensor.reshape([outer, output[axis], 1, inner]), [
        [0, 0],
        [0, 0],
        [0, strides[axis] - 1],
        [0, 0],
      ])
      .reshape([outer, output[axis] * strides[axis], inner]);
    const missing = input[axis] - output[axis] * strides[axis];
    return missing <= 0
      ? tf.slice(apart, [0, 0, 0], [outer, input[axis], inner])
      : tf.pad(apart, [
          [0, 0],
          [0, missing],
          [0, 0],
        ]);
  }, values).reshape([batch, ...input, channels]);
}

/** Smallest kernel that is worth the calls of {@link dense}, in values. */
const DENSE = 2 ** 16;

/** Whether every window sees the whole image: then no product of the dense form is with a padded zero. */
function seesAll({ input, output, kernel, strides, before, channels: { read, written } }: Geometry): boolean {
  const large = kernel[0] * kernel[1] * read * written >= DENSE;
  return (
    large &&
    AXES.every(
      (axis) => kernel[axis] - before[axis] >= input[axis] && (output[axis] - 1) * strides[axis] <= before[axis],
    )
  );
}

/** For each output position, the kernel's positions that lie on the image, in the image's order. */
function positions({ input, output, kernel, strides, before }: Geometry): number[][] {
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const along = (axis: 0 | 1, at: number): number[] =>
    range(input[axis]).map((pixel) => pixel - at * strides[axis] + before[axis]);
  return range(output[0]).flatMap((row) =>
    range(output[1]).map((column) => along(0, row).flatMap((i) => along(1, column).map((j) => i * kernel[1] + j))),
  );
}

/** The part of the kernel [h, w, C, O] that an output position reads, [H W C, O]. */
function partOf(filter: Tensor, at: readonly number[], { kernel, channels: { read, written } }: Geometry): Tensor {
  const flat = filter.reshape([kernel[0] * kernel[1], read * written]);
  const part = at.length === 1 ? flat.slice([at[0]!, 0], [1, -1]) : tf.gather(flat, tf.tensor1d([...at], 'int32'));
  return part.reshape([at.length * read, written]);
}

/** The upstream gradient of one output position, [B, O]. */
function upstreamAt(dy: Tensor, index: number): Tensor {
  const [batch, height, width, written] = dy.shape as [number, number, number, number];
  if (height * width === 1) return dy.reshape([batch, written]);
  return dy
    .reshape([batch, height * width, written])
    .slice([0, index, 0], [-1, 1, -1])
    .reshape([batch, written]);
}

/** A convolution as dense layers, one for each output position. */
const dense = {
  forward: (x: Tensor, filter: Tensor, geometry: Geometry): Tensor => {
    const [batch, image] = [x.shape[0]!, x.reshape([x.shape[0]!, -1])];
    const outputs = positions(geometry).map((at) => product(image, partOf(filter, at, geometry), false, false));
    const all = outputs.length === 1 ? outputs[0]! : tf.concat(outputs, 1);
    return all.reshape([batch, ...geometry.output, geometry.channels.written]);
  },
  input: (dy: Tensor, filter: Tensor, geometry: Geometry): Tensor => {
    const parts = positions(geometry).map((at, index) =>
      product(upstreamAt(dy, index), partOf(filter, at, geometry), false, true),
    );
    const sum = parts.length === 1 ? parts[0]! : tf.addN(parts);
    return sum.reshape([dy.shape[0]!, ...geometry.input, geometry.channels.read]);
  },
  filter: (x: Tensor, dy: Tensor, geometry: Geometry): Tensor => {
    const { kernel, channels } = geometry;
    const image = x.reshape([x.shape[0]!, -1]);
    const all = positions(geometry);
    const byPosition = all.map((at, index) =>
      product(image, upstreamAt(dy, index), true, false).reshape([at.length, channels.read * channels.written]),
    );
    const [stacked, segments] = [
      byPosition.length === 1 ? byPosition[0]! : tf.concat(byPosition, 0),
      tf.tensor1d(all.flat(), 'int32'),
    ];
    return tf
      .unsortedSegmentSum(stacked, segments, kernel[0] * kernel[1])
      .reshape([...kernel, channels.read, channels.written]);
  },
} as const;

type Padding = 'VALID' | 'SAME' | readonly number[];

function windowAttributes({ strides }: Geometry, padding: Padding): Attributes {
  const explicit = typeof padding !== 'string';
  return {
    strides: [1, ...strides, 1],
    padding: explicit ? 'EXPLICIT' : padding,
    explicit_paddings: explicit ? padding : [],
  };
}

/** TensorFlow's own convolution ops. */
function convolutionOp(name: string, geometry: Geometry, padding: Padding, inputs: readonly Tensor[]): Tensor {
  const attributes: Attributes = {
    T: FLOAT,
    data_format: 'NHWC',
    use_cudnn_on_gpu: true,
    dilations: [1, 1, 1, 1],
    ...windowAttributes(geometry, padding),
  };
  return tensorflowOp(name, attributes, inputs, 1)[0]!;
}

/**
 * Gradients with explicit padding are slow (oneDNN has none): where the same amount on every side is not TensorFlow's
 * "same", they are those of a padded image.
 */
const windows = {
  padding: ({ before, after, strides }: Geometry): 'VALID' | 'SAME' | 'padded' => {
    if ([...before, ...after].every((extent) => extent === 0)) return 'VALID';
    return strides.every((stride) => stride === 1) && AXES.every((axis) => before[axis] === after[axis])
      ? 'SAME'
      : 'padded';
  },
  forward: (x: Tensor, filter: Tensor, geometry: Geometry, bias?: Tensor): Tensor => {
    const same = windows.padding(geometry);
    const { before, after } = geometry;
    const padding = same === 'padded' ? [0, 0, before[0], after[0], before[1], after[1], 0, 0] : same;
    if (bias === undefined) return convolutionOp('Conv2D', geometry, padding, [x, filter]);
    return convolutionWithBias(windowAttributes(geometry, padding), [x, filter, bias])[0]!;
  },
  input: (dy: Tensor, filter: Tensor, geometry: Geometry): Tensor => {
    const { input, before, after, channels } = geometry;
    const padding = windows.padding(geometry);
    const extents = padding === 'padded' ? AXES.map((axis) => before[axis] + input[axis] + after[axis]) : input;
    const shape = tf.tensor1d([dy.shape[0]!, ...extents, channels.read], 'int32');
    const dx = convolutionOp('Conv2DBackpropInput', geometry, padding === 'padded' ? 'VALID' : padding, [
      shape,
      filter,
      dy,
    ]);
    return padding === 'padded' ? tf.slice(dx as Tensor4D, [0, ...before, 0], [-1, ...input, -1]) : dx;
  },
  filter: (x: Tensor, dy: Tensor, geometry: Geometry): Tensor => {
    const { kernel, before, after, channels } = geometry;
    const padding = windows.padding(geometry);
    const image = padding === 'padded' ? tf.pad(x, around(before, after)) : x;
    const shape = tf.tensor1d([...kernel, channels.read, channels.written], 'int32');
    return convolutionOp('Conv2DBackpropFilter', geometry, padding === 'padded' ? 'VALID' : padding, [
      image,
      shape,
      dy,
    ]);
  },
} as const;

/**
 * Multiplications up to which our own convolutions are faster than TensorFlow's, which for small images are mostly the
 * way there (src/engine/README.md).
 */
const SMALL_CONVOLUTION = 2 ** 21;

/** A higher limit holds up to so many channels read and written, of which TensorFlow's leave vectors empty. */
const FEW_CHANNELS = 8;
const FEW_CHANNELS_CONVOLUTION = 2 ** 24;

/** Limit of 1 x 1 kernels with strides, which else are a product and ops that move pixels. */
const SMALL_POINTWISE = 2 ** 20;

/** Whether a convolution of so many images, and its gradients, are ours. */
function isSmall(batch: number, geometry: Geometry): boolean {
  if (!hasFusedOnTensorflow()) return false;
  const { input, kernel, output, strides, channels } = geometry;
  const filter = kernel[0] * kernel[1] * channels.read * channels.written;
  // rows of the filter that lie outside of the image are left out
  const multiplications = ((batch * output[0] * output[1] * filter) / kernel[0]) * Math.min(kernel[0], input[0]);
  if (isPointwise(geometry)) return strides.some((stride) => stride > 1) && multiplications <= SMALL_POINTWISE;
  const few = Math.max(channels.read, channels.written) <= FEW_CHANNELS;
  return filter < DENSE && multiplications <= (few ? FEW_CHANNELS_CONVOLUTION : SMALL_CONVOLUTION);
}

/** Whether a convolution has channels last and no dilations. */
export function isPlain({ dilations, dataFormat }: NamedAttrMap): boolean {
  return (
    (dataFormat === undefined || dataFormat === 'NHWC') && [dilations ?? 1].flat().every((dilation) => dilation === 1)
  );
}

function tensorflowForward(x: Tensor, filter: Tensor, geometry: Geometry): Tensor {
  if (isSmall(x.shape[0]!, geometry)) return fusedConvolution('Convolution', [x, filter], geometry, geometry.output);
  if (isPointwise(geometry))
    return product(rows(seen(x, geometry)), matrix(filter), false, false).reshape([
      x.shape[0]!,
      ...geometry.output,
      geometry.channels.written,
    ]);
  return seesAll(geometry) ? dense.forward(x, filter, geometry) : windows.forward(x, filter, geometry);
}

/**
 * Output pixels of a 1 x 1 convolution from which on oneDNN's, with the bias, is faster than a product and a pass for
 * the bias.
 */
const MANY_PIXELS = 1024;

function tensorflowForwardWithBias(x: Tensor, filter: Tensor, bias: Tensor, geometry: Geometry): Tensor {
  if (isSmall(x.shape[0]!, geometry)) {
    const convolved = tensorflowForward(x, filter, geometry);
    const y = scaleShift({ x: convolved, shift: bias }, false);
    convolved.dispose();
    return y;
  }
  const pixels = x.shape[0]! * geometry.output[0] * geometry.output[1];
  const asProduct = seesAll(geometry) || (isPointwise(geometry) && pixels < MANY_PIXELS);
  if (hasOneDnn() && !asProduct) return windows.forward(x, filter, geometry, bias);
  const convolved = tensorflowForward(x, filter, geometry);
  // TensorFlow's own op is up to 1.6 times as fast as its sum with broadcasting
  const [sum] = tensorflowOp('BiasAdd', { T: FLOAT, data_format: 'NHWC' }, [convolved, bias], 1);
  convolved.dispose();
  return sum!;
}

/** Kernels that take the place of tfjs-node's own, by their names. */
export const TENSORFLOW_CONVOLUTIONS: Readonly<Record<string, Override>> = {
  Conv2D: ({ x, filter }, attributes) =>
    isPlain(attributes) ? tensorflowForward(x!, filter!, geometryOf(x!.shape, filter!.shape, attributes)) : undefined,
  FusedConv2D: ({ x, filter, bias, preluActivationWeights }, attributes) => {
    const { activation } = attributes;
    if (
      !isPlain(attributes) ||
      bias === undefined ||
      preluActivationWeights !== undefined ||
      !['relu', 'linear'].includes(activation as string)
    )
      return undefined;
    const y = tensorflowForwardWithBias(x!, filter!, bias, geometryOf(x!.shape, filter!.shape, attributes));
    return activation === 'relu' ? tf.relu(y) : y;
  },
  Conv2DBackpropInput: ({ dy, filter }, attributes) => {
    if (!isPlain(attributes)) return undefined;
    const shape = attributes.inputShape as number[];
    const geometry = geometryOf(shape, filter!.shape, attributes);
    if (isSmall(shape[0]!, geometry))
      return fusedConvolution('ConvolutionInputGrad', [dy!, filter!], geometry, geometry.input);
    if (isPointwise(geometry)) {
      const dseen = product(rows(dy!), matrix(filter!), false, true);
      return spread(dseen.reshape([...dy!.shape.slice(0, 3), geometry.channels.read]), geometry);
    }
    return seesAll(geometry) ? dense.input(dy!, filter!, geometry) : windows.input(dy!, filter!, geometry);
  },
  Conv2DBackpropFilter: ({ x, dy }, attributes) => {
    if (!isPlain(attributes)) return undefined;
    const shape = attributes.filterShape as number[];
    const geometry = geometryOf(x!.shape, shape, attributes);
    if (isSmall(x!.shape[0]!, geometry))
      return fusedConvolution('ConvolutionFilterGrad', [x!, dy!], geometry, geometry.kernel);
    if (isPointwise(geometry)) return product(rows(seen(x!, geometry)), rows(dy!), true, false).reshape(shape);
    return seesAll(geometry) ? dense.filter(x!, dy!, geometry) : windows.filter(x!, dy!, geometry);
  },
};

/** Zeros around images [B, H, W, C], as `tf.pad` takes them. */
export function around(before: Pair, after: Pair): [number, number][] {
  return [
    [0, 0],
    [before[0], after[0]],
    [before[1], after[1]],
    [0, 0],
  ];
}

/**
 * Kernels of tfjs' WebAssembly backend that are slow, computed by the module of our own (src/engine/README.md has the
 * rates). Its products go through XNNPACK only where there is one pair of matrices and neither is transposed, and else
 * through a plain loop; it sums columns by transposing first, copies a whole tensor to cut a piece out of it, copies
 * what is cloned, and computes the gradients of convolutions number by number.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { geometryOf, isPlain } from './convolutions.js';
import type { OwnKernels, Replacement } from './kernels.js';
import { tf, type Tensor } from '../tensor.js';
import { heardMore } from './webassembly-calls.js';
import { assemblyIn, NUMBER_BYTES, panelSize, sizeOf, type Assembly } from './webassembly.js';

/**
 * The kernel `BatchMatMul`: a b over the last two axes, either of them transposed, [..., m, n]. Stacks whose outer axes
 * are not equal, empty matrices and integers are left to `original`.
 */
const batchMatMul: Replacement = (original) => (call) => {
  const { a, b } = call.inputs as Record<'a' | 'b', TensorInfo>;
  const { transposeA, transposeB } = call.attrs as unknown as Record<'transposeA' | 'transposeB', boolean>;
  const outer = a.shape.slice(0, -2);
  const [m, k] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
  const [inner, n] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
  const pairs = tf.util.sizeFromShape(outer);
  if (
    a.dtype !== 'float32' ||
    b.dtype !== 'float32' ||
    inner !== k ||
    String(outer) !== String(b.shape.slice(0, -2)) ||
    pairs * m! * n! * k! === 0
  )
    return original(call);
  const { functions, at, make, withScratch } = assemblyIn(call.backend);
  const out = make([...outer, m!, n!]);
  const sizes = [pairs, m!, n!, k!];
  withScratch(panelSize(k!), (panel) =>
    functions.product(at(a), at(b), at(out), panel, ...sizes, transposeA, transposeB),
  );
  return out;
};

/** The kernel `Sum` of floats over the first or the last axes, where some are left; all else is left to `original`. */
const sum: Replacement = (original) => (call) => {
  const { x } = call.inputs as Record<'x', TensorInfo>;
  const { axis, keepDims } = call.attrs as unknown as { axis: number | number[]; keepDims: boolean };
  const axes = tf.util.parseAxisParam(axis, x.shape).sort((first, second) => first - second);
  const left = x.shape.length - axes.length;
  const isFirst = axes.every((each, i) => each === i);
  const isLast = axes.every((each, i) => each === left + i);
  const split = isFirst ? axes.length : left;
  const rows = tf.util.sizeFromShape(x.shape.slice(0, split));
  const columns = tf.util.sizeFromShape(x.shape.slice(split));
  if (x.dtype !== 'float32' || left === 0 || rows * columns === 0 || !(isFirst || isLast)) return original(call);
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const { functions, at, make } = assemblyIn(call.backend);
  const out = make(keepDims ? kept : x.shape.filter((_, i) => !axes.includes(i)));
  functions[isFirst ? 'columnSums' : 'rowSums'](at(x), at(out), rows, columns);
  return out;
};

/**
 * A kernel of the backend that lays some of its inputs out anew and keeps that under the number of their data, even
 * where the values have been changed since. It is given copies of them, which have numbers of their own.
 */
const withCopiesOf =
  (...names: readonly string[]): Replacement =>
  (original) =>
  (call) => {
    const { backend, at, make } = assemblyIn(call.backend);
    heardMore();
    const copies = names.flatMap((name): [string, TensorInfo][] => {
      const input = call.inputs[name] as TensorInfo | undefined;
      if (input === undefined || input === null) return [];
      const copy = make(input.shape);
      backend.wasm.HEAPU8.copyWithin(at(copy), at(input), at(input) + 4 * sizeOf(input));
      return [[name, copy]];
    });
    try {
      return original({ ...call, inputs: { ...call.inputs, ...Object.fromEntries(copies) } });
    } finally {
      for (const [, { dataId }] of copies) backend.disposeData(dataId);
    }
  };

/** The kernel `Conv2D` without dilations: windows as rows of a matrix, a chunk at a time, times the filter. */
const conv2d: Replacement = (original) => (call) => {
  const { x, filter } = call.inputs as Record<'x' | 'filter', TensorInfo>;
  const work = convolutionWork(call, x.shape, filter.shape);
  if (work === undefined) return withCopiesOf('filter')(original)(call);
  return work.run('convolution', [x, filter], work.outShape, work.size);
};

const conv2dInputGradient: Replacement = (original) => (call) => {
  const { dy, filter } = call.inputs as Record<'dy' | 'filter', TensorInfo>;
  const shape = call.attrs!.inputShape as number[];
  const work = convolutionWork(call, shape, filter.shape);
  if (work === undefined) return original(call);
  return work.run('inputGradient', [dy, filter], shape, work.outputs, tf.util.sizeFromShape(shape));
};

const conv2dFilterGradient: Replacement = (original) => (call) => {
  const { x, dy } = call.inputs as Record<'x' | 'dy', TensorInfo>;
  const shape = call.attrs!.filterShape as number[];
  const work = convolutionWork(call, x.shape, shape);
  if (work === undefined) return original(call);
  return work.run('filterGradient', [x, dy], shape, work.chunk * work.outWidth);
};

/** Numbers of the windows that are laid out at once: they stay in the second level of the cache. */
const WINDOWS = 2 ** 16;

/**
 * What the three functions of a convolution share; undefined for one that the module does not compute. `size`: numbers
 * of a window; `outputs`: channels of the output; `outWidth`: pixels of its lines; `chunk`: lines at work at once.
 */
function convolutionWork(
  { backend, attrs }: Parameters<KernelFunc>[0],
  input: readonly number[],
  filter: readonly number[],
) {
  if (!isPlain(attrs!)) return undefined;
  const geometry = geometryOf(input, filter, attrs!);
  const { output, kernel, strides, before, channels } = geometry;
  const [outWidth, outputs] = [output[1], channels.written];
  const lines = input[0]! * output[0];
  const size = kernel[0] * kernel[1] * channels.read;
  if (lines * outWidth * size * outputs === 0) return undefined;
  const chunk = Math.min(lines, Math.max(1, Math.floor(WINDOWS / (outWidth * size))));
  const rows = chunk * outWidth * size;
  /** A function's result, of that shape; `depth`: over how many numbers its product sums. */
  const run = (
    name: 'convolution' | 'filterGradient' | 'inputGradient',
    inputs: readonly TensorInfo[],
    shape: readonly number[],
    depth: number,
    ...further: number[]
  ): TensorInfo => {
    const { functions, at, make, withScratch } = assemblyIn(backend);
    const out = make(shape);
    withScratch(rows + panelSize(depth), (scratch) => {
      const addresses = [...inputs, out].map(at);
      functions.geometry(
        ...geometry.input,
        channels.read,
        ...kernel,
        ...strides,
        before[0],
        before[1],
        ...output,
        outputs,
      );
      functions[name](...addresses, scratch, scratch + 4 * rows, lines, chunk, ...further);
    });
    return out;
  };
  return { size, outputs, outWidth, chunk, outShape: [input[0]!, ...output, outputs], run };
}

/** The kernel `GatherV2` of whole rows of floats. */
const gatherRows: Replacement = (original) => (call) => {
  const { x, indices } = call.inputs as Record<'x' | 'indices', TensorInfo>;
  const { axis, batchDims } = call.attrs as unknown as { axis: number; batchDims: number };
  const assembly = assemblyIn(call.backend);
  const [rows, columns] = [x.shape[0]!, tf.util.sizeFromShape(x.shape.slice(1))];
  const count = sizeOf(indices);
  const whole = x.dtype === 'float32' && indices.dtype === 'int32' && axis === 0 && batchDims === 0 && columns > 0;
  // the backend's own names an index that is outside
  if (!whole || integersOf(assembly, indices).some((index) => index < 0 || index >= rows)) return original(call);
  const { functions, at, make } = assembly;
  const out = make([...indices.shape, ...x.shape.slice(1)]);
  functions.gather(at(x), at(indices), at(out), rows, columns, count);
  return out;
};

function integersOf({ backend }: Assembly, tensor: TensorInfo): Int32Array {
  return backend.typedArrayFromHeap(tensor) as Int32Array;
}

/** The kernel `Slice`: what stands side by side is copied at once. */
const slice: Replacement = (original) => (call) => {
  const { x } = call.inputs as Record<'x', TensorInfo>;
  const each = NUMBER_BYTES[x.dtype];
  if (each === undefined) return original(call);
  const { begin, size } = call.attrs as unknown as Record<'begin' | 'size', number | number[]>;
  const [from, shape] = tf.slice_util.parseSliceParams(x as Tensor, begin, size) as [number[], number[]];
  const assembly = assemblyIn(call.backend);
  const out = assembly.make(shape, x.dtype);
  copyPart(assembly, x, from, out, each);
  return out;
};

/** Copies the part of x [...] that begins at `from` to `out`, whose shape it has, `each` bytes a number. */
function copyPart(
  { backend, at: addressOf }: Assembly,
  x: TensorInfo,
  from: readonly number[],
  out: TensorInfo,
  each: number,
): void {
  const { shape } = out;
  // axes behind this one are whole, so that a step along it is one piece of memory
  let axis = shape.length - 1;
  while (axis > 0 && shape[axis] === x.shape[axis]) axis--;
  const strides = tf.util.computeStrides([...x.shape, 1]);
  const run = tf.util.sizeFromShape(shape.slice(Math.max(0, axis))) * each;
  const pieces = tf.util.sizeFromShape(shape.slice(0, Math.max(0, axis)));
  const bytes = backend.wasm.HEAPU8;
  const address = addressOf(x);
  let to = addressOf(out);
  if (run === 0) return;
  for (let piece = 0; piece < pieces; piece++) {
    let [rest, at] = [piece, axis < 0 ? 0 : from[axis]! * strides[axis]!];
    for (let i = axis - 1; i >= 0; i--) {
      at += (from[i]! + (rest % shape[i]!)) * strides[i]!;
      rest = Math.floor(rest / shape[i]!);
    }
    const start = address + at * each;
    bytes.copyWithin(to, start, start + run);
    to += run;
  }
}

/** The kernel `SplitV`, every part of which tfjs cuts out of a copy of the whole. */
const split: Replacement = (original) => (call) => {
  const { x } = call.inputs as Record<'x', TensorInfo>;
  const each = NUMBER_BYTES[x.dtype];
  if (each === undefined) return original(call);
  const { numOrSizeSplits, axis: given } = call.attrs as unknown as {
    numOrSizeSplits: number | number[];
    axis: number;
  };
  const [axis] = tf.util.parseAxisParam(given, x.shape) as [number];
  const sizes = tf.backend_util.prepareSplitSize(x as Tensor, numOrSizeSplits, axis);
  const assembly = assemblyIn(call.backend);
  const from = x.shape.map(() => 0);
  return sizes.map((size) => {
    const shape = x.shape.map((length, i) => (i === axis ? size : length));
    const out = assembly.make(shape, x.dtype);
    copyPart(assembly, x, from, out, each);
    from[axis]! += size;
    return out;
  });
};

/** The kernel `Identity`: a clone shares its memory, as on other backends; tfjs copies it. */
const identity: Replacement = (original) => (call) => {
  const { x } = call.inputs as Record<'x', TensorInfo>;
  if (x.dtype === 'string') return original(call);
  assemblyIn(call.backend).backend.incRef(x.dataId);
  return { dataId: x.dataId, shape: x.shape, dtype: x.dtype };
};

/** The kernel `Exp` of floats, four at a time. */
const exp: Replacement = (original) => (call) => {
  const { x } = call.inputs as Record<'x', TensorInfo>;
  if (x.dtype !== 'float32') return original(call);
  const { functions, at, make } = assemblyIn(call.backend);
  const out = make(x.shape);
  functions.exp(at(x), at(out), sizeOf(x));
  return out;
};

/** The kernel `ReluGrad`: dy where y > 0 and else 0. */
const reluGradient: Replacement = () => (call) => {
  const { dy, y } = call.inputs as Record<'dy' | 'y', TensorInfo>;
  const { functions, at, make } = assemblyIn(call.backend);
  const out = make(dy.shape);
  functions.reluGradient(at(dy), at(y), at(out), sizeOf(dy));
  return out;
};

/**
 * The kernel `UnsortedSegmentSum` of floats: sums of the rows x [...N, ...] that have the same index in segmentIds
 * [...N], [count, ...], the gradient of looking rows up. An index outside 0 .. count − 1 is left out, as by TensorFlow.
 */
const segmentSums: Replacement = () => (call) => {
  const { x, segmentIds } = call.inputs as Record<'x' | 'segmentIds', TensorInfo>;
  const count = call.attrs!.numSegments as number;
  const { functions, at, make } = assemblyIn(call.backend);
  const shape = [count, ...x.shape.slice(segmentIds.shape.length)];
  const out = make(shape);
  const [rows, columns] = [sizeOf(segmentIds), tf.util.sizeFromShape(shape.slice(1))];
  functions.scatter(at(x), at(segmentIds), at(out), rows, columns, count);
  return out;
};

/** What the engine `wasm` has of its own: kernels in the place of the backend's, or that it lacks. */
export const WEBASSEMBLY_KERNELS: OwnKernels = {
  replaced: {
    BatchMatMul: batchMatMul,
    Sum: sum,
    Conv2D: conv2d,
    DepthwiseConv2dNative: withCopiesOf('filter'),
    FusedConv2D: withCopiesOf('filter', 'bias', 'preluActivationWeights'),
    FusedDepthwiseConv2D: withCopiesOf('filter', 'bias', 'preluActivationWeights'),
    Prelu: withCopiesOf('alpha'),
    _FusedMatMul: withCopiesOf('b', 'bias', 'preluActivationWeights'),
    Conv2DBackpropInput: conv2dInputGradient,
    Conv2DBackpropFilter: conv2dFilterGradient,
    GatherV2: gatherRows,
    Slice: slice,
    SplitV: split,
    Identity: identity,
    Exp: exp,
    ReluGrad: reluGradient,
    UnsortedSegmentSum: segmentSums,
  },
};

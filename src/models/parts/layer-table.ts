/**
 * A network's layers as a list, from which the shapes of its parameters, their initial values, the names of their axes,
 * their owners and the network's cost follow ({@link tableOf}). Letters: H height, W width, C channels, T tokens.
 */
import type { HostArray, HostArrays } from '../../core/host-array.js';
import { sizeOf } from '../../core/host-array.js';
import { unknownName, UsageError } from '../../core/errors.js';
import { checkFinite, checkWhole } from '../../core/range.js';
import { constant, heNormal, orthogonal, scaledNormal, uniformFanIn } from '../../nn/init.js';
import type { Network } from '../../nn/network.js';

/** One parameter, or one running statistic, of a layer. */
export interface ParameterRow {
  readonly path: string;
  readonly shape: readonly number[];
  /** Names of the channels of each axis, '' where an axis has none; axes of the same name hold the same channels. */
  readonly axes: readonly string[];
  /** Running statistics move with the batches and not by gradients. */
  readonly statistic?: boolean;
  /** The initial value: a function of the seed alone. */
  readonly init: (seed: number) => HostArray;
}

/** One layer, as a row of the table. */
export interface Layer {
  /** The tap that the layer is needed for first. */
  readonly tap: string;
  readonly parameters: readonly ParameterRow[];
  /** Floating-point operations for one example of this shape, [H, W, C] or [rows, T]. */
  readonly flops: (shape: readonly number[]) => number;
}

/** How kernels are drawn: He's normal, uniform by the fan-in, orthogonal, or normal with a standard deviation. */
export type KernelInit = 'he' | 'uniform' | 'orthogonal' | { readonly std: number };

/** Kinds of {@link KernelInit} that have a name. */
const INITS: readonly unknown[] = ['he', 'uniform', 'orthogonal'] satisfies KernelInit[];

/** Throws UsageError on a name that is none, RangeError on a standard deviation that is none. */
function checkInit(path: string, init: KernelInit): void {
  if (typeof init === 'object' && init !== null) checkFinite(`layer "${path}": init.std`, init.std, 0);
  else if (!INITS.includes(init)) throw unknownName(`init of the layer "${path}"`, String(init), INITS as string[]);
}

function drawKernel(init: KernelInit, seed: number, path: string, shape: readonly number[]): HostArray {
  if (typeof init === 'object') return scaledNormal(seed, path, shape, init.std);
  if (init === 'he') return heNormal(seed, path, shape);
  if (init === 'orthogonal') return orthogonal(seed, path, shape as readonly [number, number]);
  return uniformFanIn(seed, path, shape);
}

function constantRow(path: string, channels: number, axis: string, value: number, statistic = false): ParameterRow {
  return { path, shape: [channels], axes: [axis], statistic, init: () => constant([channels], value) };
}

/** The path of the batch norm that follows a convolution: `.../conv2` has `.../norm2`. */
export function normOf(convolution: string): string {
  return convolution.replace(/conv(\d?)$/, 'norm$1');
}

/** What a convolution reads and writes. */
export interface ConvolutionOptions {
  readonly path: string;
  readonly tap: string;
  /** [h, w, channels that are read, channels that are written]. */
  readonly shape: readonly [number, number, number, number];
  /** Names of the channels that are read, and of those that are written. */
  readonly reads: string;
  readonly writes: string;
  /** Path of the batch norm that follows. By default it stands beside the layer: `block1/norm1` for `block1/conv1`. */
  readonly norm?: string;
  /** Side of the network's input over the side of this layer's output; 1 by default. */
  readonly downsampling?: number;
}

/** A convolution without bias and the batch norm after it, as `convNorm` applies them. */
export function convolutionLayer(options: ConvolutionOptions): Layer {
  const { path, tap, shape, reads, writes, norm = normOf(path), downsampling = 1 } = options;
  const channels = shape[3];
  const kernel = `${path}/kernel`;
  return {
    tap,
    parameters: [
      { path: kernel, shape, axes: ['', '', reads, writes], init: (seed) => drawKernel('he', seed, kernel, shape) },
      constantRow(`${norm}/gamma`, channels, writes, 1),
      constantRow(`${norm}/beta`, channels, writes, 0),
      constantRow(`${norm}/mean`, channels, writes, 0, true),
      constantRow(`${norm}/variance`, channels, writes, 1, true),
    ],
    flops: ([height, width]) =>
      2 * Math.ceil(height! / downsampling) * Math.ceil(width! / downsampling) * sizeOf(shape),
  };
}

/** A convolution with bias and without a norm after it; its kernel is drawn with this standard deviation. */
export function biasedConvolutionLayer(options: Omit<ConvolutionOptions, 'norm'>, std: number): Layer {
  const { path, tap, shape, reads, writes, downsampling = 1 } = options;
  const kernel = `${path}/kernel`;
  return {
    tap,
    parameters: [
      { path: kernel, shape, axes: ['', '', reads, writes], init: (seed) => drawKernel({ std }, seed, kernel, shape) },
      constantRow(`${path}/bias`, shape[3], writes, 0),
    ],
    flops: ([height, width]) =>
      2 * Math.floor(height! / downsampling) * Math.floor(width! / downsampling) * sizeOf(shape),
  };
}

/** What a dense layer reads and writes. */
export interface DenseOptions {
  readonly path: string;
  readonly tap: string;
  /** [channels that are read, channels that are written]. */
  readonly shape: readonly [number, number];
  /** Names of the channels that are read, and of those that are written. */
  readonly reads: string;
  readonly writes: string;
  readonly init: KernelInit;
  /** How often it is applied to one example of a shape (at every token, say); once by default. */
  readonly positions?: (shape: readonly number[]) => number;
}

/**
 * A dense layer with bias, as `dense` applies it. The bias is 0 at first, but uniform where the kernel is. Throws
 * UsageError on an `init` that is none.
 */
export function denseLayer({ path, tap, shape, reads, writes, init, positions = () => 1 }: DenseOptions): Layer {
  checkInit(path, init);
  const [kernel, bias] = [`${path}/kernel`, `${path}/bias`];
  const [inputs, outputs] = shape;
  return {
    tap,
    parameters: [
      { path: kernel, shape, axes: [reads, writes], init: (seed) => drawKernel(init, seed, kernel, shape) },
      {
        path: bias,
        shape: [outputs],
        axes: [writes],
        init: (seed) => (init === 'uniform' ? uniformFanIn(seed, bias, [outputs], inputs) : constant([outputs], 0)),
      },
    ],
    flops: (example) => 2 * positions(example) * inputs * outputs,
  };
}

/** Scale and shift of a layer norm over `channels`, as `layerNorm` applies them; its cost is not counted. */
export function layerNormLayer(path: string, tap: string, channels: number, axis: string): Layer {
  return {
    tap,
    parameters: [constantRow(`${path}/gamma`, channels, axis, 1), constantRow(`${path}/beta`, channels, axis, 0)],
    flops: () => 0,
  };
}

/** A table of vectors, [rows, channels], as `embed` reads it; drawn from a normal distribution. */
export function embeddingLayer(
  path: string,
  tap: string,
  shape: readonly [number, number],
  axes: readonly [string, string],
  std: number,
): Layer {
  const kernel = `${path}/kernel`;
  return {
    tap,
    parameters: [{ path: kernel, shape, axes, init: (seed) => scaledNormal(seed, kernel, shape, std) }],
    flops: () => 0,
  };
}

/** One parameter that belongs to no layer above, such as a bias of its own. */
export function constantLayer(path: string, tap: string, channels: number, axis: string, value = 0): Layer {
  return { tap, parameters: [constantRow(path, channels, axis, value)], flops: () => 0 };
}

/** Work without parameters of its own, such as the scores of attention. */
export function operation(tap: string, flops: Layer['flops']): Layer {
  return { tap, parameters: [], flops };
}

/** Throws where a parameter has no shape with a name for each axis, and where two of them have one path. */
function checkRows(rows: readonly ParameterRow[]): void {
  const paths = new Set<string>();
  for (const { path, shape, axes } of rows) {
    if (paths.has(path))
      throw new UsageError(`tableOf: two layers have the parameter "${path}"; expected a path for each layer`);
    paths.add(path);
    if (shape.length !== axes.length)
      throw new UsageError(
        `tableOf: ${path}: expected a shape of ${axes.length} sizes, as it has as many axes, got [${shape.join(', ')}]`,
      );
    for (const size of shape) checkWhole(`tableOf: ${path}: shape`, size, 1);
  }
}

/**
 * The members of a network that follow from the list of its layers, in the order of the forward pass. Throws UsageError
 * where two layers have a parameter of one path, or a shape has too few sizes, RangeError on a size that is no whole
 * number.
 */
export function tableOf(layers: readonly Layer[]): Pick<Network, 'shapes' | 'init' | 'axes' | 'owner' | 'flops'> {
  const rows = layers.flatMap(({ tap, parameters }) => parameters.map((row) => ({ ...row, tap })));
  checkRows(rows);
  const byPath = new Map(rows.map((row) => [row.path, row]));
  const [trained, statistics] = [false, true].map((yes) =>
    rows.filter(({ statistic = false }) => statistic === yes),
  ) as [typeof rows, typeof rows];
  const drawn = (seed: number, some: typeof rows): HostArrays =>
    Object.fromEntries(some.map(({ path, init }) => [path, init(seed)]));
  return {
    shapes: Object.fromEntries(trained.map(({ path, shape }) => [path, shape])),
    init: (seed) => ({ params: drawn(seed, trained), state: drawn(seed, statistics) }),
    axes: Object.fromEntries(rows.map(({ path, axes }) => [path, axes])),
    owner: (path) => {
      const row = byPath.get(path);
      if (row === undefined) throw new RangeError(`no layer has the parameter "${path}"`);
      return row.tap;
    },
    flops: (shape) => {
      const sums: Record<string, number> = {};
      for (const { tap, flops } of layers) sums[tap] = (sums[tap] ?? 0) + flops(shape);
      return sums;
    },
  };
}

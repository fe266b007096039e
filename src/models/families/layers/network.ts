/**
 * Networks that are declared layer by layer, as tfjs' and Keras' layers API writes them: dense layers, convolutions,
 * batch norms, nonlinearities, poolings, sums, in any order that is no cycle. Which channels are the same, and at which
 * layers the network can be divided, follows from the graph. Letters: B batch, H height, W width, C channels, P
 * positions that a Flatten layer put side by side.
 */
import { z } from 'zod';
import { UsageError } from '../../../core/errors.js';
import { sizeOf } from '../../../core/host-array.js';
import { width } from '../../../core/magnitudes.js';
import { affine } from '../../../engine/ops/matrix.js';
import { pixelMean } from '../../../engine/ops/pixel-mean.js';
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from '../../../engine/tensor.js';
import { constant, scaledNormal } from '../../../nn/init.js';
import { batchNorm, parameter, type Scope } from '../../../nn/layers.js';
import type { Network, Readers } from '../../../nn/network.js';
import type { Windows } from '../../../nn/windows.js';
import { dropout } from '../../../nn/transformer.js';
import { applyTaps } from '../../parts/apply-taps.js';
import { tableOf, type Layer as Row, type ParameterRow } from '../../parts/layer-table.js';

const name = z.string().regex(/^[^/\s]{1,200}$/, 'expected a name without spaces and slashes');
const pair = z.tuple([width(), width()]);
const named = { name, from: z.array(name).min(1).max(1000) };
/** Nonlinearities by the name that tfjs gives them; a softmax stands at the output, and is left to the losses. */
const NONLINEAR = {
  linear: (x: Tensor): Tensor => x,
  relu: (x: Tensor): Tensor => tf.relu(x),
  relu6: (x: Tensor): Tensor => tf.relu6(x),
  tanh: (x: Tensor): Tensor => tf.tanh(x),
  sigmoid: (x: Tensor): Tensor => tf.sigmoid(x),
  elu: (x: Tensor): Tensor => tf.elu(x),
  selu: (x: Tensor): Tensor => tf.selu(x),
  softplus: (x: Tensor): Tensor => tf.softplus(x),
  softmax: (x: Tensor): Tensor => x,
} as const;
/** Names of nonlinearities. */
export const NONLINEARITIES = Object.keys(NONLINEAR) as readonly (keyof typeof NONLINEAR)[];
const activation = z.enum(NONLINEARITIES);
const window = { strides: pair, padding: z.enum(['same', 'valid']) };

/** Schema of one layer; `from` are the layers that it reads, or the input's name. */
const LayerSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dense'), ...named, units: width(), activation }),
  z.strictObject({ kind: z.literal('conv'), ...named, units: width(), kernel: pair, ...window, activation }),
  z.strictObject({ kind: z.literal('norm'), ...named, epsilon: z.number().positive() }),
  z.strictObject({ kind: z.literal('activation'), ...named, activation }),
  z.strictObject({ kind: z.literal('pool'), ...named, by: z.enum(['max', 'average']), size: pair, ...window }),
  z.strictObject({ kind: z.literal('global'), ...named, by: z.enum(['max', 'average']) }),
  z.strictObject({ kind: z.literal('flatten'), ...named }),
  z.strictObject({ kind: z.literal('add'), ...named }),
  z.strictObject({ kind: z.literal('dropout'), ...named, rate: z.number().min(0).max(0.99) }),
]);
/** One layer of a network that is declared layer by layer. */
export type LayerSpec = z.infer<typeof LayerSpec>;

/** Schema of a network that is declared layer by layer; the last layer is its output. */
export const LayersSpec = z.strictObject({
  family: z.literal('layers'),
  /** Shape of one example: [H, W, C], or [C]. */
  input: z.strictObject({ name, shape: z.union([z.tuple([width(), width(), width()]), z.tuple([width()])]) }),
  /** Every layer after those that it reads. */
  layers: z.array(LayerSpec).min(1).max(5000),
});
/** A network that is declared layer by layer. */
export type LayersSpec = z.infer<typeof LayersSpec>;

/** What a layer gives. */
interface Value {
  /** [H, W, C] or [P C]. */
  readonly shape: readonly number[];
  /** P: of [P C], how many positions; 1 where nothing was flattened. */
  readonly positions: number;
  /** Name of its channels, before channels that are added to each other are one. */
  readonly group: string;
}

/** A layer with what it reads and gives. */
interface Node {
  readonly layer: LayerSpec;
  readonly inputs: readonly Value[];
  readonly value: Value;
}

/** A declaration with everything that follows from it. */
export interface Graph {
  readonly nodes: readonly Node[];
  /** One name for all channels that are added to each other. */
  readonly groupOf: (value: Value) => string;
  /** Groups whose number is not the network's to choose: of its input and of its classes. */
  readonly fixed: ReadonlySet<string>;
}

function channelsOf({ shape, positions }: Value): number {
  return shape.at(-1)! / positions;
}

/** Rows or columns that a window gives, and the zeros before and after those that it reads; as TensorFlow counts. */
function extent(
  input: number,
  size: number,
  stride: number,
  padding: 'same' | 'valid',
): { readonly output: number; readonly pads: readonly [number, number] } {
  if (padding === 'valid') return { output: Math.floor((input - size) / stride) + 1, pads: [0, 0] };
  const output = Math.ceil(input / stride);
  const total = Math.max(0, (output - 1) * stride + size - input);
  return { output, pads: [Math.floor(total / 2), Math.ceil(total / 2)] };
}

/** The windows that a layer's kernel or pooling moves over what it reads, [H, W, C]. */
export function windowsOf(
  [height, width]: readonly number[],
  size: readonly [number, number],
  strides: readonly [number, number],
  padding: 'same' | 'valid',
): Windows {
  const [rows, columns] = [extent(height!, size[0], strides[0], padding), extent(width!, size[1], strides[1], padding)];
  return { size, strides, padding: [rows.pads, columns.pads], output: [rows.output, columns.output] };
}

/** What a layer gives of what it reads. Throws what `bad` makes of inputs that it cannot read. */
function valueOf(layer: LayerSpec, inputs: readonly Value[], bad: (what: string) => UsageError): Value {
  const [x] = inputs as [Value];
  const images = (): readonly number[] => {
    if (x.shape.length !== 3) throw bad(`it reads images [H, W, C], and gets [${x.shape.join(', ')}]`);
    return x.shape;
  };
  if (layer.kind === 'add') {
    if (inputs.some(({ shape, positions }) => String(shape) !== String(x.shape) || positions !== x.positions))
      throw bad(
        `it adds ${inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ')}; expected the same shapes`,
      );
    return x;
  }
  if (inputs.length !== 1) throw bad(`it reads ${inputs.length} layers; expected one`);
  switch (layer.kind) {
    case 'dense':
      if (x.shape.length !== 1) throw bad(`it reads rows, and gets [${x.shape.join(', ')}]; put a Flatten before it`);
      return { shape: [layer.units], positions: 1, group: layer.name };
    case 'conv': {
      const { output } = windowsOf(images(), layer.kernel, layer.strides, layer.padding);
      if (Math.min(...output) < 1) throw bad(`its kernel is larger than what it reads, [${x.shape.join(', ')}]`);
      return { shape: [...output, layer.units], positions: 1, group: layer.name };
    }
    case 'pool': {
      const { output } = windowsOf(images(), layer.size, layer.strides, layer.padding);
      if (Math.min(...output) < 1) throw bad(`its window is larger than what it reads, [${x.shape.join(', ')}]`);
      return { ...x, shape: [...output, x.shape[2]!] };
    }
    case 'global':
      return { ...x, shape: [images()[2]!] };
    case 'flatten':
      return { ...x, shape: [sizeOf(x.shape)], positions: sizeOf(x.shape) / channelsOf(x) };
    case 'norm':
      if (x.positions > 1) throw bad('it normalizes flattened channels; put it before the Flatten');
      return x;
    default:
      return x;
  }
}

/** The graph of a declaration. Throws UsageError that names the layer which cannot stand where it does. */
export function graphOf({ input, layers }: LayersSpec): Graph {
  const values = new Map<string, Value>([[input.name, { shape: input.shape, positions: 1, group: 'input' }]]);
  const parents = new Map<string, string>();
  const root = (group: string): string => (parents.has(group) ? root(parents.get(group)!) : group);
  const read = new Set<string>();
  const nodes = layers.map((layer): Node => {
    const bad = (what: string): UsageError => new UsageError(`the layer "${layer.name}": ${what}`);
    if (values.has(layer.name)) throw bad('another one has its name');
    const inputs = layer.from.map((from) => {
      const value = values.get(from);
      if (value === undefined) throw bad(`it reads "${from}", which is no layer before it`);
      read.add(from);
      return value;
    });
    const value = valueOf(layer, inputs, bad);
    for (const { group } of inputs.slice(1)) {
      const [one, other] = [root(value.group), root(group)];
      if (one === other) continue;
      if (one === 'input') parents.set(other, one);
      else parents.set(one, other);
    }
    values.set(layer.name, value);
    return { layer, inputs, value };
  });
  const spare = layers.slice(0, -1).find((layer) => !read.has(layer.name));
  if (spare !== undefined) throw new UsageError(`the layer "${spare.name}": nothing reads it`);
  const output = nodes.at(-1)!;
  const misplaced = nodes.find(({ layer }) => layer !== output.layer && activationOf(layer) === 'softmax');
  if (misplaced !== undefined)
    throw new UsageError(
      `the layer "${misplaced.layer.name}": a softmax within the network; expected it at the output`,
    );
  if (output.value.shape.length !== 1 || activationOf(output.layer) === 'sigmoid')
    throw new UsageError(
      `the layer "${output.layer.name}": the output is ` +
        `${output.value.shape.length === 1 ? 'a sigmoid' : 'an image'}; ` +
        'expected scores of the classes, or a softmax over them',
    );
  const groupOf = ({ group }: Value): string => root(group);
  return { nodes, groupOf, fixed: new Set(['input', groupOf(output.value)]) };
}

function activationOf(layer: LayerSpec): string | undefined {
  return 'activation' in layer ? layer.activation : undefined;
}

const isLinear = ({ kind }: LayerSpec): boolean => kind === 'dense' || kind === 'conv';
/** Whether a layer only moves or drops values. */
const onlyMoves = ({ kind }: LayerSpec): boolean => kind === 'flatten' || kind === 'dropout';

/**
 * The layers at which the network can be divided, one for each layer with a kernel but the last: what follows reads
 * nothing before them. Where there are several, it is the last one that does not only move or drop values.
 */
export function dividing({ input, layers }: LayersSpec): string[] {
  const at = new Map([[input.name, -1], ...layers.map(({ name: own }, i) => [own, i] as const)]);
  const last = new Map<number, number>();
  layers.forEach(({ from }, i) => from.forEach((one) => last.set(at.get(one)!, i)));
  const taps: string[] = [];
  let [reach, tap, candidate] = [last.get(-1) ?? 0, -1, undefined as number | undefined];
  const hasKernel = (after: number, to: number): boolean => layers.slice(after + 1, to + 1).some(isLinear);
  for (const [i, layer] of layers.entries()) {
    if (reach <= i) {
      if (candidate !== undefined && hasKernel(candidate, i)) {
        taps.push(layers[candidate]!.name);
        [tap, candidate] = [candidate, undefined];
      }
      if (!onlyMoves(layer) && hasKernel(tap, i)) candidate = i;
    }
    reach = Math.max(reach, last.get(i) ?? 0);
  }
  return taps;
}

/** Gain of a layer's initial values: He et al. 2015; 1 at the output. */
function kernelRow(path: string, shape: readonly number[], axes: readonly string[], gain: number): ParameterRow {
  const std = Math.sqrt(gain / sizeOf(shape.slice(0, -1)));
  return { path, shape, axes, init: (seed) => scaledNormal(seed, path, shape, std) };
}

function rowOf({ layer, inputs, value }: Node, { groupOf, nodes }: Graph, tap: string): Row {
  const [x] = inputs as [Value];
  const [reads, writes, channels] = [groupOf(x), groupOf(value), channelsOf(value)];
  const filled = (leaf: string, fill: number, statistic = false): ParameterRow => ({
    ...{ path: `${layer.name}/${leaf}`, shape: [channels], axes: [writes], statistic },
    init: () => constant([channels], fill),
  });
  const gain = layer === nodes.at(-1)!.layer ? 1 : 2;
  const linear = (shape: readonly number[], axes: readonly string[], times: number): Row => ({
    tap,
    parameters: [kernelRow(`${layer.name}/kernel`, shape, axes, gain), filled('bias', 0)],
    flops: () => 2 * times * sizeOf(shape),
  });
  if (layer.kind === 'dense') {
    const inner = channelsOf(x);
    return x.positions === 1
      ? linear([inner, layer.units], [reads, writes], 1)
      : linear([x.positions, inner, layer.units], ['', reads, writes], 1);
  }
  if (layer.kind === 'conv')
    return linear(
      [...layer.kernel, channelsOf(x), layer.units],
      ['', '', reads, writes],
      value.shape[0]! * value.shape[1]!,
    );
  const norms = [filled('gamma', 1), filled('beta', 0), filled('mean', 0, true), filled('variance', 1, true)];
  return { tap, parameters: layer.kind === 'norm' ? norms : [], flops: () => 0 };
}

/** One layer's value. Kernels of flattened channels are [P, C, out]. */
function applyLayer(scope: Scope, { layer, inputs: [input] }: Node, values: readonly Tensor[]): Tensor {
  const [x] = values as [Tensor];
  const { name: path } = layer;
  switch (layer.kind) {
    case 'dense': {
      const kernel = parameter(scope.params, `${path}/kernel`);
      const y = affine(
        x as Tensor2D,
        kernel.reshape([-1, layer.units]) as Tensor2D,
        parameter(scope.params, `${path}/bias`) as Tensor1D,
      );
      scope.trace?.(path, x, y);
      return NONLINEAR[layer.activation](y);
    }
    case 'conv': {
      const kernel = parameter(scope.params, `${path}/kernel`) as Tensor4D;
      const y = tf.add(
        tf.conv2d(x as Tensor4D, kernel, layer.strides, layer.padding),
        parameter(scope.params, `${path}/bias`),
      );
      scope.trace?.(path, x, y, windowsOf(input!.shape, layer.kernel, layer.strides, layer.padding));
      return NONLINEAR[layer.activation](y);
    }
    case 'norm': {
      const images = x.shape.length === 4 ? x : x.reshape([x.shape[0]!, 1, 1, x.shape[1]!]);
      return batchNorm(scope, path, images as Tensor4D, false, layer.epsilon).reshape(x.shape);
    }
    case 'activation':
      return NONLINEAR[layer.activation](x);
    case 'pool': {
      const pool = layer.by === 'max' ? tf.maxPool : tf.avgPool;
      return pool(x as Tensor4D, layer.size, layer.strides, layer.padding);
    }
    case 'global':
      return layer.by === 'max' ? tf.max(x, [1, 2]) : pixelMean(x);
    case 'flatten':
      return x.reshape([x.shape[0]!, -1]);
    case 'add':
      return values.slice(1).reduce((sum, other) => tf.add(sum, other), x);
    case 'dropout':
      return dropout(scope, path, x, layer.rate);
  }
}

/** The kernels that read a layer's value, past what a linear map of the channels passes through. */
function readersOf(nodes: readonly Node[], of: string): Readers {
  const kernels: string[] = [];
  for (const { layer } of nodes.filter((node) => node.layer.from.includes(of))) {
    if (isLinear(layer)) {
      kernels.push(`${layer.name}/kernel`);
      continue;
    }
    const averages = (layer.kind === 'pool' || layer.kind === 'global') && layer.by === 'average';
    if (!averages && !onlyMoves(layer))
      return { obstacle: `the layer "${layer.name}" (${layer.kind}) reads it, which has no kernel` };
    const further = readersOf(nodes, layer.name);
    if ('obstacle' in further) return further;
    kernels.push(...further.kernels);
  }
  return kernels.length === 0 ? { obstacle: 'nothing reads it' } : { kernels };
}

/**
 * The network of a declaration: x [B, H, W, C] or [B, C] -> logits [B, classes]; taps where it can be divided. Throws
 * UsageError where a layer inside has the name "logits".
 */
export function layersNetwork(spec: LayersSpec): Network {
  const graph = graphOf(spec);
  const { nodes } = graph;
  const inner = dividing(spec);
  if (inner.includes('logits'))
    throw new UsageError('the layer "logits": the name stands for the output of a network here; give it another one');
  const taps = [...inner, 'logits'];
  const ends = inner.map((tap) => nodes.findIndex(({ layer }) => layer.name === tap));
  const parts = taps.map((_, i) => nodes.slice((ends[i - 1] ?? -1) + 1, (ends[i] ?? nodes.length - 1) + 1));
  return {
    ...tableOf(parts.flatMap((part, i) => part.map((node) => rowOf(node, graph, taps[i]!)))),
    taps,
    boundaries: { stage: inner, block: inner },
    width: (tap) => nodes[ends[taps.indexOf(tap)] ?? nodes.length - 1]!.value.shape.at(-1)!,
    apply: applyTaps(taps, (scope, tap, x) => {
      const i = taps.indexOf(tap);
      const first = inner[i - 1] ?? spec.input.name;
      const given = i === 0 && spec.input.shape.length === 1 ? x.reshape([x.shape[0]!, -1]) : x;
      const values = new Map([[first, given]]);
      let value = given;
      for (const node of parts[i]!) {
        const inputs = node.layer.from.map((from) => values.get(from)!);
        value = applyLayer(scope, node, inputs);
        values.set(node.layer.name, value);
      }
      return value;
    }),
    readers: (tap) => readersOf(nodes, tap),
  };
}

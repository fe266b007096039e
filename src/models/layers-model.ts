/**
 * A `tf.LayersModel`, built with the layers API of tfjs, as a network that the method can train: taps by the names of
 * its layers. The model's layers are called one by one with the values that the method has; its own variables are read
 * at the start, and written by `toLayersModel` at the end.
 */
import { UsageError } from '../core/errors.js';
import type { HostArray } from '../core/host-array.js';
import { tf, type Tensor } from '../engine/tensor.js';
import type { Scope } from '../nn/layers.js';
import type { HostWeights, Network, Readers } from '../nn/network.js';
import { tapsBetween } from './apply-taps.js';

/** What is used of a variable of a tfjs layer. */
interface Variable {
  readonly originalName: string;
  readonly shape: readonly (number | null)[];
  read(): Tensor;
  write(value: Tensor): unknown;
}

/** What is used of a layer of tfjs. */
interface Layer {
  readonly name: string;
  readonly output: SymbolicTensor | readonly SymbolicTensor[];
  readonly inboundNodes: readonly { readonly inputTensors: readonly SymbolicTensor[] }[];
  readonly weights: readonly Variable[];
  readonly trainableWeights: readonly Variable[];
  getClassName(): string;
  getConfig(): Readonly<Record<string, unknown>>;
  apply(inputs: Tensor | Tensor[], options: Record<string, unknown>): unknown;
}

/** An output of a layer, without values. */
interface SymbolicTensor {
  readonly shape: readonly (number | null)[];
  readonly sourceLayer: Layer;
}

/**
 * What is used of a `LayersModel` of `@tensorflow/tfjs` or `@tensorflow/tfjs-layers`, which this package does not
 * depend on: whoever has such a model has them.
 */
export interface LayersModel {
  readonly name: string;
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  readonly layers: readonly Layer[];
}

/** What {@link fromLayersModel} has to be told of a model. */
export interface LayersModelOptions {
  /**
   * Names of layers, in order, whose outputs are compared; the same names in the thin and the wide model, or a map from
   * tap to layer.
   */
  readonly taps: readonly string[] | Readonly<Record<string, string>>;
}

/** Probabilities below this are not told apart when a model ends with a softmax. */
const SMALLEST_PROBABILITY = 1e-7;
const LINEAR_READERS = ['Dense', 'Conv1D', 'Conv2D'];
/** Layers that a linear map of the channels passes through. */
const TRANSPARENT = [
  'GlobalAveragePooling2D',
  'GlobalAveragePooling1D',
  'AveragePooling2D',
  'AveragePooling1D',
  'ZeroPadding2D',
];

/**
 * Throws UsageError on a tap that is no layer, a layer that is used twice, or a model with several inputs or outputs.
 */
export function fromLayersModel(model: LayersModel, options: LayersModelOptions): Network {
  if (model.inputs.length !== 1 || model.outputs.length !== 1)
    throw new UsageError(`model "${model.name}": expected one input and one output`);
  const named = Array.isArray(options.taps)
    ? Object.fromEntries(options.taps.map((name: string) => [name, name]))
    : (options.taps as Record<string, string>);
  const outputs: Record<string, SymbolicTensor> = {};
  for (const [tap, name] of Object.entries(named)) {
    const layer = model.layers.find((one) => one.name === name);
    if (layer === undefined)
      throw new UsageError(
        `model "${model.name}" has no layer "${name}"; its layers: ${model.layers.map((one) => one.name).join(', ')}`,
      );
    outputs[tap] = layer.output as SymbolicTensor;
  }
  const output = model.outputs[0]!;
  const inner = Object.keys(outputs);
  const taps = [...inner, 'logits'];
  outputs.logits = output;
  const variables = variablesOf(model);
  const owners = ownersOf(taps, outputs);
  const softmax = endsWithSoftmax(output.sourceLayer);
  return {
    taps,
    boundaries: { stage: inner, block: inner },
    width: (tap) => outputs[tap]!.shape.at(-1)!,
    shapes: Object.fromEntries(
      [...variables]
        .filter(([, { statistic }]) => !statistic)
        .map(([path, { variable }]) => [path, variable.shape as number[]]),
    ),
    init: () => readModel(variables),
    apply: (scope, x, options = {}) => {
      const { from } = options;
      const wanted = tapsBetween(taps, options);
      return withValues(variables, scope, () => {
        const values = new Map<SymbolicTensor, Tensor>([[from === undefined ? model.inputs[0]! : outputs[from]!, x]]);
        return Object.fromEntries(
          wanted.map((tap) => [
            tap,
            asLogits(softmax && tap === 'logits', compute(outputs[tap]!, values, scope.train, from)),
          ]),
        );
      });
    },
    owner: (path) => owners.get(path.slice(0, path.lastIndexOf('/'))) ?? 'logits',
    readers: (tap) => readersOf(model, outputs[tap]!),
    flops: () => flopsOf(model, owners),
    axes: undefined,
  };
}

/** Writes trained values into the model, which can then be used and saved as any other. */
export function toLayersModel(model: LayersModel, { params, state }: HostWeights): void {
  for (const [path, { variable }] of variablesOf(model)) {
    const value = params[path] ?? state[path];
    if (value === undefined) throw new UsageError(`model "${model.name}": the trained network has no "${path}"`);
    const tensor = tf.tensor(value.values, [...value.shape]);
    variable.write(tensor);
    tensor.dispose();
  }
}

interface Owned {
  readonly layer: Layer;
  readonly variable: Variable;
  /** Moved by the layer itself while it is trained; not by gradients. */
  readonly statistic: boolean;
}

/** Variables by path, `${layer}/${name}`. Running statistics get the names that they have in this library. */
function variablesOf(model: LayersModel): Map<string, Owned> {
  const found = new Map<string, Owned>();
  for (const layer of model.layers) {
    if (layer.inboundNodes.length > 1)
      throw new UsageError(
        `model "${model.name}": the layer "${layer.name}" is used more than once, which is not supported`,
      );
    for (const variable of layer.weights) {
      const leaf = variable.originalName.slice(variable.originalName.lastIndexOf('/') + 1).replace(/^moving_/, '');
      const path = `${layer.name}/${leaf}`;
      if (found.has(path))
        throw new UsageError(`model "${model.name}": the layer "${layer.name}" has two variables "${leaf}"`);
      found.set(path, { layer, variable, statistic: !layer.trainableWeights.includes(variable) });
    }
  }
  return found;
}

function readModel(variables: ReadonlyMap<string, Owned>): HostWeights {
  const read = (statistic: boolean): Record<string, HostArray> =>
    Object.fromEntries(
      [...variables]
        .filter(([, owned]) => owned.statistic === statistic)
        .map(([path, { variable }]) => {
          const tensor = variable.read();
          return [path, { shape: tensor.shape, values: Float32Array.from(tensor.dataSync()) }];
        }),
    );
  return { params: read(false), state: read(true) };
}

/**
 * Runs `body` with the layers reading the scope's tensors in the place of their variables; batch statistics go to the
 * scope.
 */
function withValues<T>(variables: ReadonlyMap<string, Owned>, scope: Scope, body: () => T): T {
  for (const [path, { layer, variable, statistic }] of variables) {
    const fresh = statistic && scope.train; // the batch's own statistics normalize, whatever the running ones are
    const value = fresh ? tf.zeros(variable.shape as number[]) : (statistic ? scope.state : scope.params)[path];
    if (value === undefined) throw new UsageError(`parameter "${path}" is missing`);
    const write = (moved: Tensor): Variable => {
      // the layer moved its running value, 0, by (1 - momentum) of the way to the batch's
      const share = 1 - Number(layer.getConfig().momentum ?? 0);
      if (fresh) scope.observe(path, tf.div(moved, share));
      return variable;
    };
    Object.assign(variable, { read: () => value, ...(statistic && { write }) });
  }
  try {
    return body();
  } finally {
    for (const { variable } of variables.values()) {
      const own = variable as Partial<Pick<Variable, 'read' | 'write'>>;
      delete own.read; // the class's own methods are there again
      delete own.write;
    }
  }
}

function compute(
  symbol: SymbolicTensor,
  values: Map<SymbolicTensor, Tensor>,
  training: boolean,
  from: string | undefined,
): Tensor {
  const known = values.get(symbol);
  if (known !== undefined) return known;
  const layer = symbol.sourceLayer;
  const node = layer.inboundNodes[0];
  if (node === undefined || node.inputTensors.length === 0)
    throw new UsageError(
      `what follows the tap "${from}" also reads what comes before it: it does not divide the model`,
    );
  const inputs = node.inputTensors.map((input) => compute(input, values, training, from));
  const value = layer.apply(inputs.length === 1 ? inputs[0]! : inputs, { training }) as Tensor;
  values.set(symbol, value);
  return value;
}

/** A softmax's logarithm is as good as logits: all losses here are of the softmax of what they get. */
function asLogits(softmax: boolean, value: Tensor): Tensor {
  return softmax ? tf.log(tf.maximum(value, SMALLEST_PROBABILITY)) : value;
}

function endsWithSoftmax(layer: Layer): boolean {
  return layer.getClassName() === 'Softmax' || layer.getConfig().activation === 'softmax';
}

/** The first tap that each layer is needed for. */
function ownersOf(taps: readonly string[], outputs: Readonly<Record<string, SymbolicTensor>>): Map<string, string> {
  const owners = new Map<string, string>();
  const visit = (symbol: SymbolicTensor, tap: string): void => {
    const layer = symbol.sourceLayer;
    if (owners.has(layer.name)) return;
    owners.set(layer.name, tap);
    for (const input of layer.inboundNodes[0]?.inputTensors ?? []) visit(input, tap);
  };
  for (const tap of taps) visit(outputs[tap]!, tap);
  return owners;
}

function readersOf(model: LayersModel, symbol: SymbolicTensor): Readers {
  const kernels: string[] = [];
  for (const layer of model.layers.filter((one) => one.inboundNodes[0]?.inputTensors.includes(symbol))) {
    const kind = layer.getClassName();
    if (LINEAR_READERS.includes(kind)) {
      kernels.push(`${layer.name}/kernel`);
      continue;
    }
    if (!TRANSPARENT.includes(kind))
      return {
        obstacle: `the layer "${layer.name}" (${kind}) reads it, which is not linear in its channels or has no kernel`,
      };
    const further = readersOf(model, layer.output as SymbolicTensor);
    if ('obstacle' in further) return further;
    kernels.push(...further.kernels);
  }
  return kernels.length === 0 ? { obstacle: 'nothing reads it' } : { kernels };
}

/** Convolutions and dense layers only. */
function flopsOf(model: LayersModel, owners: ReadonlyMap<string, string>): Record<string, number> {
  const flops: Record<string, number> = {};
  for (const layer of model.layers) {
    const kernel = layer.weights.find(({ originalName }) => originalName.endsWith('/kernel'));
    if (kernel === undefined) continue;
    const { shape } = layer.output as SymbolicTensor;
    const positions = shape.slice(1, -1).reduce((product: number, size) => product * (size ?? 1), 1);
    const tap = owners.get(layer.name) ?? 'logits';
    flops[tap] =
      (flops[tap] ?? 0) + 2 * positions * kernel.shape.reduce((product: number, size) => product * (size ?? 1), 1);
  }
  return flops;
}

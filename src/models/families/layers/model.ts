/**
 * A `tf.LayersModel`, built with the layers API of tfjs, as a network that the method can train: taps by the names of
 * its layers. The model's layers are called one by one with the values that the method has; its own variables are read
 * at the start, and written by `toLayersModel` at the end.
 */
import { checkMembers } from '../../../core/registry.js';
import { UsageError } from '../../../core/errors.js';
import type { HostArray } from '../../../core/host-array.js';
import { tf, type Scalar, type Tensor } from '../../../engine/tensor.js';
import type { Scope } from '../../../nn/layers.js';
import type { HostWeights, Network, Readers } from '../../../nn/network.js';
import { dropout } from '../../../nn/transformer.js';
import { tapsBetween } from '../../parts/apply-taps.js';

/** What is used of a variable of a tfjs layer. */
interface Variable {
  readonly originalName: string;
  readonly shape: readonly (number | null)[];
  read(): Tensor;
  write(value: Tensor): unknown;
}

/** What is used of a layer of tfjs. */
interface Layer extends Nested {
  readonly name: string;
  readonly output: SymbolicTensor | readonly SymbolicTensor[];
  readonly inboundNodes: readonly { readonly inputTensors: readonly SymbolicTensor[] }[];
  readonly weights: readonly Variable[];
  readonly trainableWeights: readonly Variable[];
  readonly trainable: boolean;
  readonly supportsMasking: boolean;
  getClassName(): string;
  getConfig(): Readonly<Record<string, unknown>>;
  apply(inputs: Tensor | Tensor[], options: Record<string, unknown>): unknown;
  computeMask(inputs: Tensor[], masks: Tensor[]): Mask | readonly Mask[];
  calculateLosses(): Tensor[];
}

/** Which positions are there, or nothing where all are. */
type Mask = Tensor | null | undefined;

/** Where a layer of tfjs keeps the layers that it is made of. */
interface Nested {
  readonly layers?: readonly Layer[];
  readonly layer?: Layer;
  readonly forwardLayer?: Layer;
  readonly backwardLayer?: Layer;
  readonly cell?: Layer;
  readonly cells?: readonly Layer[];
  readonly outputs?: readonly SymbolicTensor[];
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

/** Layers that draw random numbers from a generator of tfjs' own, and what in their configuration turns that on. */
const DRAWING: Readonly<Record<string, string>> = {
  GaussianNoise: 'stddev',
  GaussianDropout: 'rate',
  AlphaDropout: 'rate',
  SpatialDropout1D: 'rate',
};
/** Layers that move values and leave their last axis as it is, or are checked to. */
const MOVING = ['Reshape', 'Flatten', 'Permute', 'RepeatVector', 'Cropping1D', 'Masking', 'Dropout'];
/** Layers without weights that make one value of several: of probabilities, neither logits nor a softmax. */
const MIXING = ['Add', 'Average', 'Maximum', 'Minimum', 'Concatenate'];
const POOLING = /^(Global)?(Average|Max)Pooling/;
const SIGMOIDS: readonly unknown[] = ['sigmoid', 'hardSigmoid', 'hard_sigmoid'];
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

function checkModel(what: string, model: LayersModel): void {
  checkMembers(what, model, { name: 'string', inputs: 'array', outputs: 'array', layers: 'array' });
}

/**
 * A model as a network. What it computes is what tfjs' own `predict` does, masks of embeddings and `Masking` layers
 * passed on; in training, penalties of regularizers are added to the loss as `fit` does, and `Dropout` draws by the
 * run's seed. Throws UsageError on a tap that is no layer or does not divide the model, a layer that is used twice, a
 * model with several inputs or outputs or whose output is neither logits nor a softmax, and on what `fit` would do and
 * training here cannot: constraints, penalties of activities, frozen or stateful layers, and layers that draw random
 * numbers of their own. Running statistics move by the layers' own momentum, which has to be one for all.
 */
export function fromLayersModel(model: LayersModel, options: LayersModelOptions): Network {
  checkModel('fromLayersModel: model', model);
  checkMembers('fromLayersModel: options', options, { taps: Array.isArray(options?.taps) ? 'array' : 'object' });
  if (model.inputs.length !== 1 || model.outputs.length !== 1)
    throw new UsageError(`model "${model.name}": expected one input and one output`);
  const output = model.outputs[0]!;
  const tapped = tappedOutputs(model, options);
  const inner = Object.keys(tapped);
  const taps = [...inner, 'logits'];
  const outputs: Readonly<Record<string, SymbolicTensor>> = { ...tapped, logits: output };
  const bad = (what: string): UsageError => new UsageError(`model "${model.name}": ${what}`);
  for (const layer of model.layers) checkLayer(layer, layer, bad);
  const variables = variablesOf(model);
  checkDividing(model, taps, outputs, bad);
  const owners = ownersOf(taps, outputs);
  const softmax = isSoftmax(output, output.shape.at(-1), bad);
  const masked = model.layers.some((layer) => deep(layer).some(makesMask));
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
      if (from === undefined) checkLayersInput(model, x.shape.slice(1));
      const wanted = tapsBetween(taps, options);
      return withValues(variables, scope, () => {
        const start = from === undefined ? model.inputs[0]! : outputs[from]!;
        const within: Within = { scope, from, layers: model.layers };
        const mask = from === undefined || !masked ? undefined : maskAt(start, model, within, options.input);
        const values = new Map<SymbolicTensor, Held>([[start, { value: x, mask }]]);
        return Object.fromEntries(
          wanted.map((tap) => [
            tap,
            asLogits(softmax && tap === 'logits', compute(outputs[tap]!, values, within).value),
          ]),
        );
      });
    },
    statisticsWeight: weightOf(variables, bad),
    penalty: (scope) =>
      withValues(variables, scope, () => {
        const parts = model.layers.flatMap((layer) => layer.calculateLosses());
        return parts.length === 0 ? undefined : (tf.addN(parts.map((part) => part.asScalar())) as Scalar);
      }),
    owner: (path) => owners.get(path.slice(0, path.lastIndexOf('/'))) ?? 'logits',
    readers: (tap) => readersOf(model, outputs[tap]!),
    flops: () => flopsOf(model, owners),
    axes: undefined,
  };
}

/**
 * Throws UsageError where examples are not of the shape that the model's input has: with as many numbers in another
 * order a layer that flattens them would compute something else without a word.
 */
export function checkLayersInput(
  { name, inputs }: Pick<LayersModel, 'name' | 'inputs'>,
  shape: readonly number[],
): void {
  const expected = inputs[0]!.shape.slice(1);
  if (shape.length === expected.length && shape.every((size, axis) => (expected[axis] ?? size) === size)) return;
  const text = (sizes: readonly (number | null)[]): string => `[${sizes.map((size) => size ?? 'any').join(', ')}]`;
  throw new UsageError(
    `model "${name}": examples of the shape ${text(shape)}; expected ${text(expected)}, as its input`,
  );
}

/**
 * Writes trained values into the model, which can then be used and saved as any other. Throws UsageError that names the
 * first of the model's variables for which there is no value.
 */
export function toLayersModel(model: LayersModel, weights: HostWeights): void {
  checkModel('toLayersModel: model', model);
  checkMembers('toLayersModel: weights', weights, { params: 'object', state: 'object' });
  const { params, state } = weights;
  for (const [path, { variable }] of variablesOf(model)) {
    const value = params[path] ?? state[path];
    if (value === undefined) throw new UsageError(`model "${model.name}": the trained network has no "${path}"`);
    const tensor = tf.tensor(value.values, [...value.shape]);
    variable.write(tensor);
    tensor.dispose();
  }
}

/** Outputs of the tapped layers by tap, in the order that is given. Throws UsageError on a name that no layer has. */
function tappedOutputs(model: LayersModel, { taps }: LayersModelOptions): Record<string, SymbolicTensor> {
  const byTap = Array.isArray(taps)
    ? taps.map((name: string) => [name, name] as const)
    : Object.entries(taps as Record<string, string>);
  return Object.fromEntries(
    byTap.map(([tap, name]) => {
      const layer = model.layers.find((one) => one.name === name);
      if (layer === undefined)
        throw new UsageError(
          `model "${model.name}" has no layer "${name}"; its layers: ${model.layers.map((one) => one.name).join(', ')}`,
        );
      return [tap, layer.output as SymbolicTensor];
    }),
  );
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
      const statistic = !layer.trainableWeights.includes(variable);
      if (statistic && deep(layer).length > 1)
        throw new UsageError(
          `model "${model.name}": "${leaf}" is a running statistic within the layer "${layer.name}", ` +
            'which moves it more than once in a batch; use batch norm as a layer of the model itself',
        );
      found.set(path, { layer, variable, statistic });
    }
  }
  return found;
}

/** Share of the way that running statistics move to a batch's; undefined where there are none. */
function weightOf(variables: ReadonlyMap<string, Owned>, bad: (what: string) => UsageError): number | undefined {
  const moving = [...variables.values()].filter(({ statistic }) => statistic).map(({ layer }) => layer);
  const [first] = moving;
  if (first === undefined) return undefined;
  const momentum = momentumOf(first);
  const other = moving.find((layer) => momentumOf(layer) !== momentum);
  if (other !== undefined)
    throw bad(
      `the layers "${first.name}" and "${other.name}" have the momenta ${momentum} and ${momentumOf(other)}; ` +
        'expected one momentum',
    );
  if (!(momentum < 1)) throw bad(`the layer "${first.name}" has the momentum ${momentum}; expected less than 1`);
  return 1 - momentum;
}

function momentumOf(layer: Layer): number {
  return Number(layer.getConfig().momentum ?? 0);
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
      const share = 1 - momentumOf(layer);
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

/** A value within the model, and which of its positions are there. */
interface Held {
  readonly value: Tensor;
  readonly mask: Mask;
}

/** What is the same for every layer of one forward pass. */
interface Within {
  readonly scope: Scope;
  readonly from: string | undefined;
  readonly layers: readonly Layer[];
}

/** As tfjs' own executor: a layer gets the mask of its first input, and hands one on where it supports masks. */
function compute(symbol: SymbolicTensor, values: Map<SymbolicTensor, Held>, within: Within): Held {
  const known = values.get(symbol);
  if (known !== undefined) return known;
  const layer = symbol.sourceLayer;
  const node = layer.inboundNodes[0];
  if (node === undefined || isInput(layer))
    throw new UsageError(
      `what follows the tap "${within.from}" also reads what comes before it: it does not divide the model`,
    );
  const held = node.inputTensors.map((input) => compute(input, values, within));
  const [inputs, masks] = [held.map(({ value }) => value), held.map(({ mask }) => mask ?? null)];
  const { scope, layers } = within;
  const options = { training: scope.train, ...(masks.some((mask) => mask !== null) && { mask: masks[0] }) };
  const value =
    layer.getClassName() === 'Dropout'
      ? // by its number: tfjs names layers by how many there were before in the process
        dropout(scope, `layer ${layers.indexOf(layer)}`, inputs[0]!, Number(layer.getConfig().rate))
      : (layer.apply(inputs.length === 1 ? inputs[0]! : inputs, options) as Tensor);
  const mask = layer.supportsMasking ? layer.computeMask(inputs, masks as Tensor[]) : null;
  const result = { value, mask: (Array.isArray(mask) ? mask[0] : mask) as Mask };
  values.set(symbol, result);
  return result;
}

/** The mask that belongs to a value within the model, which only the model's own input says. */
function maskAt(symbol: SymbolicTensor, model: LayersModel, within: Within, input: Tensor | undefined): Mask {
  if (input === undefined)
    throw new UsageError(
      `model "${model.name}": what follows the tap "${within.from}" needs the mask of the model's input`,
    );
  const kept: Tensor[] = [];
  tf.tidy(() => {
    const { mask } = compute(symbol, new Map([[model.inputs[0]!, { value: input, mask: undefined }]]), within);
    if (mask !== null && mask !== undefined) kept.push(mask);
    return kept;
  });
  return kept[0];
}

/** A layer and all that it is made of. */
function deep(layer: Layer): Layer[] {
  const { layers = [], layer: wrapped, forwardLayer, backwardLayer, cell, cells = [] } = layer;
  const inner = [...layers, wrapped, forwardLayer, backwardLayer, cell, ...cells].filter((one) => one !== undefined);
  return [layer, ...inner.flatMap(deep)];
}

function makesMask(layer: Layer): boolean {
  return layer.getClassName() === 'Masking' || layer.getConfig().maskZero === true;
}

/** Throws what `bad` makes of the first thing that training here would leave out. `top` is the layer of the model. */
function checkLayer(top: Layer, layer: Layer, bad: (what: string) => UsageError): void {
  for (const one of deep(layer)) {
    const [kind, config] = [one.getClassName(), one.getConfig()];
    const name = one === top ? `the layer "${top.name}"` : `the layer "${one.name}" within "${top.name}"`;
    const given = Object.keys(config).filter((key) => config[key] !== null && config[key] !== undefined);
    const left = given.find((key) => key.endsWith('Constraint') || key === 'activityRegularizer');
    if (left !== undefined) throw bad(`${name} has a ${left}, which training here would leave out; remove it`);
    if (!one.trainable && one.weights.length > 0)
      throw bad(`${name} is frozen (trainable: false), and training here would move it; make it trainable`);
    if (config.stateful === true) throw bad(`${name} is stateful: it keeps what it saw of the batch before`);
    const rates = [DRAWING[kind], 'dropout', 'recurrentDropout', ...(one === top ? [] : ['rate'])];
    const draws = rates.some((key) => key !== undefined && Number(config[key] ?? 0) > 0);
    if (draws || (kind === 'Dropout' && given.includes('noiseShape')))
      throw bad(
        `${name} (${kind}) draws random numbers that the seed of a run does not decide; ` +
          'use Dropout layers of the model itself, without noiseShape',
      );
  }
}

/**
 * Whether an output is a softmax over its last axis, of `classes` values, whatever moved it since. Throws what `bad`
 * makes of probabilities of another kind: taken for logits, they would be wrong.
 */
function isSoftmax(
  symbol: SymbolicTensor,
  classes: number | null | undefined,
  bad: (what: string) => UsageError,
): boolean {
  const layer = symbol.sourceLayer;
  const [kind, config] = [layer.getClassName(), layer.getConfig()];
  const activations = deep(layer).length === 1 || kind === 'TimeDistributed' ? deep(layer) : [];
  const activation = activations.at(-1)?.getConfig().activation;
  const inputs = layer.inboundNodes[0]?.inputTensors ?? [];
  if (layer.outputs?.length === 1) return isSoftmax(layer.outputs[0]!, classes, bad);
  if (SIGMOIDS.includes(activation))
    throw bad(`its output is a sigmoid (layer "${layer.name}"); expected logits, or a softmax over the classes`);
  if (kind === 'Softmax' || activation === 'softmax') {
    const axis = kind === 'Softmax' ? Number(config.axis ?? -1) : -1;
    if (symbol.shape.at(-1) !== classes || (axis !== -1 && axis !== symbol.shape.length - 1))
      throw bad(`the softmax of the layer "${layer.name}" is not over the last axis of the output`);
    return true;
  }
  if (kind === 'Activation' && activation === 'linear') return isSoftmax(inputs[0]!, classes, bad);
  if (MOVING.includes(kind)) {
    const found = isSoftmax(inputs[0]!, classes, bad);
    if (found && kind === 'Permute' && (config.dims as number[]).at(-1) !== symbol.shape.length - 1)
      throw bad(`the layer "${layer.name}" moves the axis of the softmax before it`);
    return found;
  }
  if (
    (MIXING.includes(kind) || POOLING.test(kind)) &&
    inputs.some((input) => isSoftmax(input, input.shape.at(-1), bad))
  )
    throw bad(`the layer "${layer.name}" (${kind}) mixes probabilities of a softmax; expected logits or a softmax`);
  return false;
}

/** A softmax's logarithm is as good as logits: all losses here are of the softmax of what they get. */
function asLogits(softmax: boolean, value: Tensor): Tensor {
  return softmax ? tf.log(tf.maximum(value, SMALLEST_PROBABILITY)) : value;
}

/**
 * Throws what `bad` makes of a tap that others of the taps after it do not read alone: what follows it cannot be
 * computed from its value, as within a branch that a skip connection goes around. Taps out of order are such, too.
 */
function checkDividing(
  model: LayersModel,
  taps: readonly string[],
  outputs: Readonly<Record<string, SymbolicTensor>>,
  bad: (what: string) => UsageError,
): void {
  for (const [i, tap] of taps.entries()) {
    const [past] = taps.slice(i + 1).flatMap((later) => pastBy(outputs[later]!, outputs[tap]!) ?? []);
    if (past === undefined) continue;
    const dividing = model.layers
      .filter((layer) => !isInput(layer) && pastBy(model.outputs[0]!, layer.output as SymbolicTensor) === undefined)
      .map(({ name }) => name);
    throw bad(
      `the tap "${tap}" does not divide it: the layer "${past}" also reads what comes before the tap, or the taps ` +
        `are not in order; layers that do: ${dividing.join(', ')}`,
    );
  }
}

function isInput({ inboundNodes }: Layer): boolean {
  const node = inboundNodes[0];
  return (
    node === undefined || node.inputTensors.length === 0 || node.inputTensors[0]!.sourceLayer.inboundNodes[0] === node
  );
}

/**
 * Name of the layer that brings what comes before `tap`, past it, to `end`; undefined where `end` is made of the tap
 * alone. Where `end` does not read the tap at all, it is the layer of `end`.
 */
function pastBy(end: SymbolicTensor, tap: SymbolicTensor): string | undefined {
  const reads = new Map<SymbolicTensor, boolean>([[tap, true]]);
  let found: string | undefined;
  const visit = (symbol: SymbolicTensor): boolean => {
    const known = reads.get(symbol);
    if (known !== undefined) return known;
    const layer = symbol.sourceLayer;
    const inputs = isInput(layer) ? [] : layer.inboundNodes[0]!.inputTensors.map(visit);
    const does = inputs.includes(true);
    if (does && inputs.includes(false)) found ??= layer.name;
    reads.set(symbol, does);
    return does;
  };
  return visit(end) ? found : end.sourceLayer.name;
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

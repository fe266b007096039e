/**
 * LayersModel folders of tfjs: `model.json` with the layers and a list of files of weights beside it, as `model.save`
 * and the converter of Keras models write them. Untrusted folders are safe to read: names of files are of this folder,
 * and sizes are compared with what is there.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { few, UsageError } from '../../../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../../../core/host-array.js';
import { sizeOf } from '../../../core/host-array.js';
import { whatIsWrong } from '../../../core/issues.js';
import { packageVersion } from '../../../core/package.js';
import { constant } from '../../../nn/init.js';
import { STATISTICS_WEIGHT } from '../../../nn/layers.js';
import type { HostWeights } from '../../../nn/network.js';
import { makeFolder, writeTogether } from '../../../store/atomic.js';
import { readConfig } from '../../../store/config.js';
import { textInstead } from '../../../store/instead.js';
import { readRegular } from '../../../store/regular.js';
import { decodeBytes, encodeValues, readSafetensors } from '../../../store/safetensors.js';
import type { FileFacts, Unseen } from '../../interface/family.js';
import { checkUnseen, statisticsOf } from '../../formats/exchange.js';
import { graphOf, layersNetwork, LayersSpec, NONLINEARITIES, type LayerSpec } from './network.js';
import { weightsFrom, writeOwn } from '../../formats/own-names.js';

/** The file that says what the layers are. */
const MODEL_JSON = 'model.json';
/** The file of weights that is written beside it. */
const WEIGHTS = 'weights.bin';

/** Whether a path is a LayersModel: its `model.json`, or a folder with one. */
export function isLayersModel(path: string): boolean {
  const file = modelJson(path);
  return existsSync(file) && statSync(file).isFile() && 'modelTopology' in readConfig(file);
}

function modelJson(path: string): string {
  return basename(path) === MODEL_JSON ? path : join(path, MODEL_JSON);
}

/** A network and its weights. */
export interface LayersFile {
  readonly spec: LayersSpec;
  readonly weights: HostWeights;
  /** What was left out or added, a line each. */
  readonly notes: readonly string[];
}

const Config = z.looseObject({ name: z.string().min(1) });
const Topology = z.looseObject({ class_name: z.string(), config: z.unknown() });
const Given = z.looseObject({
  class_name: z.string(),
  name: z.string().optional(),
  config: Config,
  inbound_nodes: z.array(z.unknown()).optional(),
});
type Given = z.infer<typeof Given>;
type Bad = (what: string) => UsageError;
type Kind = LayerSpec extends infer One ? (One extends unknown ? Omit<One, 'name' | 'from'> : never) : never;

const pairOf = (value: unknown, otherwise: readonly [number, number]): unknown => {
  if (value === undefined || value === null) return otherwise;
  return Array.isArray(value) ? value : [value, value];
};
const windowOf = (config: z.infer<typeof Config>, strides: unknown): object => ({
  strides,
  padding: config.padding ?? 'valid',
});
const poolOf =
  (by: string) =>
  (config: z.infer<typeof Config>): object => {
    const size = pairOf(config.pool_size, [2, 2]);
    return { kind: 'pool', by, size, ...windowOf(config, pairOf(config.strides ?? size, [2, 2])) };
  };
const globalOf =
  (by: string) =>
  ({ keepdims = false }: z.infer<typeof Config>): object => ({
    kind: 'global',
    by,
    ...(keepdims === true && { keepdims }),
  });

/** Layers of tfjs that a network here can have, and how each is declared. To add one: a kind, and a line here. */
const KINDS: Readonly<Record<string, (config: z.infer<typeof Config>) => object>> = {
  Dense: ({ units, activation }) => ({ kind: 'dense', units, activation: activation ?? 'linear' }),
  Conv2D: (config) => ({
    ...{ kind: 'conv', units: config.filters, kernel: pairOf(config.kernel_size, [1, 1]) },
    ...windowOf(config, pairOf(config.strides, [1, 1])),
    activation: config.activation ?? 'linear',
  }),
  BatchNormalization: ({ epsilon }) => ({ kind: 'norm', epsilon: epsilon ?? 1e-3 }),
  Activation: ({ activation }) => ({ kind: 'activation', activation }),
  ReLU: ({ max_value: most }) => ({ kind: 'activation', activation: most === 6 ? 'relu6' : 'relu' }),
  Softmax: () => ({ kind: 'activation', activation: 'softmax' }),
  MaxPooling2D: poolOf('max'),
  AveragePooling2D: poolOf('average'),
  GlobalAveragePooling2D: globalOf('average'),
  GlobalMaxPooling2D: globalOf('max'),
  Flatten: () => ({ kind: 'flatten' }),
  Add: () => ({ kind: 'add' }),
  Dropout: ({ rate }) => ({ kind: 'dropout', rate }),
};
/** How much of running statistics stays when a batch is seen in training here. */
const MOMENTUM = 1 - STATISTICS_WEIGHT;
/** Settings that would make a layer compute something else, and what each must be where it is given. */
const FIXED: Readonly<Record<string, readonly unknown[]>> = {
  data_format: ['channels_last', 'channelsLast'],
  dilation_rate: [1, [1, 1]],
  groups: [1],
  axis: [-1, 3, [-1], [3], 1, [1]],
  max_value: [6],
  negative_slope: [0],
  threshold: [0],
  noise_shape: [],
};

function kindOf({ class_name: kind, config }: Given, bad: Bad): Kind {
  const { name } = config;
  if (!Object.hasOwn(KINDS, kind))
    throw bad(`the layer "${name}" is a ${kind}; layers that can be made thin: ${Object.keys(KINDS).join(', ')}`);
  for (const [key, allowed] of Object.entries(FIXED)) {
    const value = config[key];
    const isAllowed = allowed.some((one) => JSON.stringify(one) === JSON.stringify(value));
    if (value === undefined || value === null || isAllowed) continue;
    throw bad(
      `the layer "${name}" has ${key} ${JSON.stringify(value)}; expected ${JSON.stringify(allowed[0] ?? null)}`,
    );
  }
  const constraint = Object.keys(config).find((key) => key.endsWith('_constraint') && config[key] !== null);
  if (constraint !== undefined)
    throw bad(`the layer "${name}" has a ${constraint}, which training here would leave out; remove it`);
  const { activation } = config;
  if (activation !== undefined && !NONLINEARITIES.includes(activation as (typeof NONLINEARITIES)[number]))
    throw bad(
      `the layer "${name}" has the activation ${JSON.stringify(activation)}; known: ${NONLINEARITIES.join(', ')}`,
    );
  return KINDS[kind]!(config) as Kind;
}

/** Names of the layers that a layer of a functional model reads. */
function readBy({ config, inbound_nodes: nodes = [] }: Given, bad: Bad): string[] {
  const [node] = nodes;
  if (nodes.length !== 1) throw bad(`the layer "${config.name}" is used ${nodes.length} times; expected once`);
  const parsed = z
    .array(z.tuple([z.string(), z.literal(0), z.literal(0)]).rest(z.unknown()))
    .min(1)
    .safeParse(node);
  if (parsed.success) return parsed.data.map(([from]) => from);
  // Keras 3 keeps the arguments of the call
  const from: string[] = [];
  JSON.stringify(node, (key, value: unknown) => {
    if (key === 'keras_history' && Array.isArray(value)) from.push(String(value[0]));
    return value;
  });
  if (from.length === 0) throw bad(`the layer "${config.name}": what it reads is not said`);
  return from;
}

/** A declaration of the layers of a model. */
function specOf(topology: z.infer<typeof Topology>, bad: Bad): { spec: LayersSpec; given: readonly Given[] } {
  const isChain = topology.class_name === 'Sequential';
  if (!isChain && topology.class_name !== 'Functional' && topology.class_name !== 'Model')
    throw bad(`a model of the class ${topology.class_name}; expected Sequential or Functional`);
  const config = (Array.isArray(topology.config) ? { layers: topology.config } : topology.config) as {
    layers?: unknown;
  };
  const layers = z.array(Given).min(1).safeParse(config?.layers);
  if (!layers.success) throw bad(`its layers: ${whatIsWrong(layers.error, config?.layers)}`);
  const inputs = layers.data.filter(({ class_name: kind }) => kind === 'InputLayer');
  const first = inputs[0] ?? layers.data[0]!;
  if (inputs.length > 1 || (!isChain && inputs.length === 0)) throw bad(`${inputs.length} inputs; expected one`);
  const [, ...shape] = z.array(z.number().nullable()).catch([]).parse(shapeIn(first.config));
  if (shape.length === 0 || shape.includes(null))
    throw bad(
      `the layer "${first.config.name}": its input has the shape [${shape.map(String).join(', ')}]; expected sizes`,
    );
  const given = layers.data.filter(({ class_name: kind }) => kind !== 'InputLayer');
  const input = { name: inputs[0]?.config.name ?? `${first.config.name}_input`, shape };
  let before = input.name;
  const declared = given.map((layer) => {
    const from = isChain ? [before] : readBy(layer, bad);
    before = layer.config.name;
    return { name: layer.config.name, from, ...kindOf(layer, bad) };
  });
  const spec = LayersSpec.safeParse({
    family: 'layers',
    input,
    layers: isChain ? declared : inOrder(declared, input.name),
  });
  if (!spec.success) throw bad(whatIsWrong(spec.error, { input, layers: declared }));
  return { spec: spec.data, given };
}

function shapeIn({ batch_input_shape: old, batch_shape: current }: z.infer<typeof Config>): unknown {
  return old ?? current ?? [];
}

/** The layers so that each stands after those that it reads. */
function inOrder<Layer extends { readonly name: string; readonly from: readonly string[] }>(
  layers: readonly Layer[],
  input: string,
): Layer[] {
  const [sorted, done] = [[] as Layer[], new Set([input])];
  for (let left = [...layers]; left.length > 0;) {
    const ready = left.filter(({ from }) => from.every((one) => done.has(one)));
    if (ready.length === 0) return [...sorted, ...left]; // what reads itself is named when the graph is made
    for (const layer of ready) {
      done.add(layer.name);
      sorted.push(layer);
    }
    left = left.filter((layer) => !ready.includes(layer));
  }
  return sorted;
}

const Manifest = z.array(
  z.looseObject({
    paths: z.array(z.string()),
    weights: z.array(
      z.looseObject({
        name: z.string(),
        shape: z.array(
          z
            .int()
            .min(0)
            .max(2 ** 31),
        ),
        dtype: z.string(),
        quantization: z.unknown().optional(),
      }),
    ),
  }),
);

/** The weights that a folder lists, by name. Throws UsageError on files elsewhere, of another size, or quantized. */
function weightsOf(folder: string, manifest: z.infer<typeof Manifest>, bad: Bad): HostArrays<HostValues> {
  const found: [string, HostArray<HostValues>][] = [];
  for (const { paths, weights } of manifest) {
    const elsewhere = paths.find((path) => basename(path) !== path || path.startsWith('.'));
    if (elsewhere !== undefined) throw bad(`"${elsewhere}": expected the name of a file beside it`);
    const missing = paths.find((path) => !existsSync(join(folder, path)));
    if (missing !== undefined) throw bad(`${missing}, where its weights are, is not beside it`);
    const other = weights.find(({ dtype, quantization }) => dtype !== 'float32' || quantization !== undefined);
    if (other !== undefined)
      throw bad(`"${other.name}" is ${other.quantization === undefined ? other.dtype : 'quantized'}; expected float32`);
    const needed = weights.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    const files = paths.map((path) => readRegular(join(folder, path), { links: true }));
    const bytes = Buffer.concat(files);
    const texts = bytes.length === needed ? [] : files.map((file) => textInstead(file, 'weights of a LayersModel'));
    const text = texts.findIndex((said) => said !== undefined);
    if (text >= 0) throw new UsageError(`${join(folder, paths[text]!)}: ${texts[text]}`);
    if (bytes.length !== needed) throw bad(`${few(paths)}: ${bytes.length} bytes, its weights need ${needed}`);
    let at = 0;
    for (const { name, shape } of weights) {
      const size = 4 * sizeOf(shape);
      found.push([
        name.replace(/:\d+$/, ''),
        { shape, values: decodeBytes('F32', new Uint8Array(bytes.subarray(at, at + size)))! },
      ]);
      at += size;
    }
  }
  return Object.fromEntries(found);
}

/** tfjs' names of what a network here calls otherwise. */
const LEAVES: Readonly<Record<string, string>> = { mean: 'moving_mean', variance: 'moving_variance' };
/** What is 1 in the place of a parameter that a layer does without; what else it may lack is 0. */
const ONES = ['gamma', 'variance'];

/** Throws what `bad` makes of a layer whose axis 1 is not the last one, the channels, as it is of rows alone. */
function checkAxes(spec: LayersSpec, given: readonly Given[], bad: Bad): void {
  const rows = graphOf(spec).nodes.filter(({ value }) => value.shape.length === 1);
  const wrong = given.find(
    ({ config }) => String(config.axis) === '1' && !rows.some(({ layer }) => layer.name === config.name),
  );
  if (wrong !== undefined) throw bad(`the layer "${wrong.config.name}" has the axis 1 of images; expected -1`);
}

/** What is done otherwise here than with the model itself, a line each. */
function differences(given: readonly Given[]): string[] {
  const having = (has: (config: Given['config']) => boolean): string =>
    given.flatMap(({ config }) => (has(config) ? [config.name] : [])).join(', ');
  const penalized = having((config) => Object.keys(config).some((key) => isPenalty(key) && config[key] !== null));
  const frozen = having((config) => config.trainable === false);
  const slow = having(({ momentum }) => typeof momentum === 'number' && momentum !== MOMENTUM);
  return [
    ...(penalized === '' ? [] : [`penalties of ${penalized} are left out`]),
    ...(frozen === '' ? [] : [`${frozen}: frozen in the model (trainable: false), and trained here`]),
    ...(slow === '' ? [] : [`${slow}: running statistics move by the momentum ${MOMENTUM} here, not by the model's`]),
  ];
}

/** The network of a LayersModel, and its weights. Throws UsageError that names the layer which cannot be read. */
export function openLayersModel(path: string): LayersFile {
  const file = modelJson(path);
  const bad: Bad = (what) => new UsageError(`${file}: ${what}`);
  const json = readConfig(file);
  const inner = (json.modelTopology as { model_config?: unknown } | null)?.model_config;
  const topology = Topology.safeParse(inner ?? json.modelTopology);
  const manifest = Manifest.safeParse(json.weightsManifest);
  if (!topology.success || !manifest.success)
    throw bad('no LayersModel: expected modelTopology and weightsManifest, as model.save writes them');
  const { spec, given } = specOf(topology.data, bad);
  let network;
  try {
    network = layersNetwork(spec);
  } catch (error) {
    throw error instanceof UsageError ? bad(error.message) : error;
  }
  checkAxes(spec, given, bad);
  const stored = new Map<string, readonly [string, HostArray<HostValues>]>();
  for (const [name, value] of Object.entries(weightsOf(dirname(file), manifest.data, bad))) {
    const parts = name.split('/');
    stored.set(`${parts.at(-2)}/${parts.at(-1)}`, [name, value]);
  }
  const made: string[] = [];
  const taken = new Map<string, HostArray<HostValues>>();
  for (const [at, shape] of [...Object.entries(network.shapes), ...statisticsOf(network.shapes)]) {
    const [layer, leaf] = at.split('/') as [string, string];
    const name = `${layer}/${LEAVES[leaf] ?? leaf}`;
    const there = stored.get(name);
    if (there !== undefined) {
      stored.delete(name);
      const isFlattened = shape.length === 3 && String(there[1].shape) === String([shape[0]! * shape[1]!, shape[2]]);
      taken.set(at, isFlattened ? { ...there[1], shape } : there[1]);
      continue;
    }
    const config = given.find((one) => one.config.name === layer)!.config;
    const isLeft = { bias: config.use_bias, beta: config.center, gamma: config.scale }[leaf] === false;
    if (!isLeft) continue;
    made.push(at);
    taken.set(at, constant(shape, ONES.includes(leaf) ? 1 : 0));
  }
  if (stored.size > 0) throw bad(`weights of no layer: ${few([...stored.values()].map(([name]) => name))}`);
  return {
    spec,
    weights: weightsFrom(network, Object.fromEntries(taken), file),
    notes: [
      ...(made.length > 0 ? [`${made.join(', ')}: not in the model; 0 or 1 here, and in what is written`] : []),
      ...differences(given),
    ],
  };
}

function isPenalty(key: string): boolean {
  return key.endsWith('_regularizer');
}

/** What of a network's layers their weights do not show; what drops values does so in training alone. */
export function unseenOfLayers({ input, layers }: LayersSpec): Unseen {
  const reads = (from: readonly string[]): string[] => from.map((one) => (one === input.name ? 'input' : one));
  return Object.fromEntries(
    layers
      .filter(({ kind }) => kind !== 'dropout')
      .flatMap(({ from, ...layer }) =>
        Object.entries({ ...layer, from: reads(from) }).map(
          ([key, value]) => [`layers.${layer.name}.${key}`, value] as const,
        ),
      ),
  );
}

/**
 * Weights for a network: of a LayersModel, or a safetensors file in the names that they have here. Throws UsageError
 * where the model's layers are others.
 */
export function readLayersModel(path: string, spec: LayersSpec): HostWeights {
  const network = layersNetwork(spec);
  if (extname(path) === '.safetensors') return weightsFrom(network, readSafetensors(path).tensors, path);
  const { spec: there, weights } = openLayersModel(path);
  const own = weightsFrom(network, { ...weights.params, ...weights.state }, path);
  checkUnseen(path, 'it is', unseenOfLayers(there), unseenOfLayers(spec));
  return own;
}

/** How tfjs declares a layer. */
function configOf(layer: LayerSpec): readonly [string, object] {
  switch (layer.kind) {
    case 'dense':
      return ['Dense', { units: layer.units, activation: layer.activation, use_bias: true }];
    case 'conv': {
      const { units: filters, kernel, strides, padding, activation } = layer;
      return ['Conv2D', { filters, kernel_size: kernel, strides, padding, activation, use_bias: true }];
    }
    case 'norm':
      return ['BatchNormalization', { axis: -1, epsilon: layer.epsilon }];
    case 'activation':
      return ['Activation', { activation: layer.activation }];
    case 'pool': {
      const { size, strides, padding } = layer;
      return [layer.by === 'max' ? 'MaxPooling2D' : 'AveragePooling2D', { pool_size: size, strides, padding }];
    }
    case 'global':
      return [layer.by === 'max' ? 'GlobalMaxPooling2D' : 'GlobalAveragePooling2D', {}];
    case 'flatten':
      return ['Flatten', {}];
    case 'add':
      return ['Add', {}];
    case 'dropout':
      return ['Dropout', { rate: layer.rate }];
  }
}

/** What `model.json` says of the layers: a chain where each reads the one before it, and a graph otherwise. */
function topologyOf({ input, layers }: LayersSpec): object {
  const batch = [null, ...input.shape];
  const isChain = layers.every(({ from }, i) => from.length === 1 && from[0] === (layers[i - 1]?.name ?? input.name));
  if (isChain)
    return {
      class_name: 'Sequential',
      config: {
        name: 'thin',
        layers: layers.map((layer, i) => {
          const [kind, config] = configOf(layer);
          return {
            class_name: kind,
            config: { name: layer.name, ...(i === 0 && { batch_input_shape: batch }), ...config },
          };
        }),
      },
    };
  const first = {
    ...{ class_name: 'InputLayer', name: input.name, inbound_nodes: [] },
    config: { name: input.name, batch_input_shape: batch, dtype: 'float32', sparse: false },
  };
  const others = layers.map((layer) => {
    const [kind, config] = configOf(layer);
    const nodes = [layer.from.map((from) => [from, 0, 0, {}])];
    return { class_name: kind, name: layer.name, config: { name: layer.name, ...config }, inbound_nodes: nodes };
  });
  return {
    class_name: 'Model',
    config: {
      ...{ name: 'thin', layers: [first, ...others] },
      ...{ input_layers: [[input.name, 0, 0]], output_layers: [[layers.at(-1)!.name, 0, 0]] },
    },
  };
}

/** Writes a LayersModel folder, or, where the path ends so, a safetensors file in the names that weights have here. */
export function writeLayersModel(
  path: string,
  spec: LayersSpec,
  { params, state }: HostWeights,
  more?: FileFacts,
): void {
  if (extname(path) === '.safetensors') {
    writeOwn(path, spec, { params, state }, more);
    return;
  }
  makeFolder(path);
  const weights = Object.entries({ ...params, ...state }).map(([at, { shape, values }]) => {
    const [layer, leaf] = at.split('/') as [string, string];
    const there = shape.length === 3 ? [shape[0]! * shape[1]!, shape[2]!] : shape;
    return { name: `${layer}/${LEAVES[leaf] ?? leaf}`, shape: there, dtype: 'float32', values };
  });
  const json = {
    ...{ format: 'layers-model', generatedBy: `go-wide-then-narrow ${packageVersion()}`, convertedBy: null },
    modelTopology: topologyOf(spec),
    weightsManifest: [{ paths: [WEIGHTS], weights: weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })) }],
  };
  writeTogether([
    { path: join(path, WEIGHTS), chunks: weights.map(({ values }) => encodeValues(values)) },
    { path: join(path, MODEL_JSON), chunks: [`${JSON.stringify(json, null, 2)}\n`] },
  ]);
}

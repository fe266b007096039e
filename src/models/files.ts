/** What the command line does with networks: counting, predicting, and moving weights in and out of files. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { naming, unknownName, UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import type { HostArrays, HostValues } from '../core/host-array.js';
import type { InputFiles } from '../core/run.js';
import { parseSpec } from '../core/spec.js';
import { checkWeights, type HostWeights } from '../nn/network.js';
import { readConfig, readDeclaration } from '../store/config.js';
import { readMetadata, readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { writeGraph } from '../onnx/graph.js';
import { checkUnseen } from './formats/exchange.js';
import type { FolderNetworks, PublishedWeights, TokenizerFacts, Variant } from './interface/family.js';
import { checkNames, configBeside, folderConfig } from './formats/huggingface-folder.js';
import { FAMILIES, familyOf, headOf, networkOf, NetworkSpec, parameterCount, preset } from './index.js';
import { pictureMetadata, type PictureNames } from './formats/picture-facts.js';
import type { PredictOptions } from './interface/predict.js';
import { checkpointFiles, findTensorflowBert } from './formats/bert-tensorflow.js';

/** Gets a line for the user: a key of a file that has another name now. */
type Notice = (line: string) => void;

/** Names of the families that have a member, for messages. */
function familiesWith(member: 'published' | 'vary' | 'predict' | 'onnx'): string {
  return Object.keys(FAMILIES)
    .filter((name) => FAMILIES[name]![member] !== undefined)
    .join(', ');
}

/** Whether a path is a folder, as Hugging Face's libraries save a network, or a checkpoint of TensorFlow. */
export function isModelFolder(path: string): boolean {
  return isFolder(path) || findTensorflowBert(path) !== undefined;
}

/** How transformers calls a network of timm that it has wrapped. */
const TIMM_WRAPPER = 'timm_wrapper';
/** Keys by which an old BERT's configuration, without its family, is known. */
const OF_ENCODERS = ['vocab_size', 'hidden_size', 'num_hidden_layers'];
/** Files of weights that a folder of timm's has, the first found being taken. */
const OF_PICTURES = ['model.safetensors', 'pytorch_model.bin'];

/**
 * The file of weights in a folder of a network on pictures, as timm and others save one: its `config.json` is of no
 * family of transformers, and says no sizes of an encoder of texts. Undefined for other folders, and for what is none.
 */
export function pictureFile(path: string): string | undefined {
  const file = isFolder(path) ? join(path, 'config.json') : path;
  if (file === path || !existsSync(file)) return undefined;
  const { model_type: type = TIMM_WRAPPER, ...config } = readConfig(file);
  if (type !== TIMM_WRAPPER || OF_ENCODERS.some((key) => Object.hasOwn(config, key))) return undefined;
  return OF_PICTURES.map((name) => join(path, name)).find((one) => existsSync(one));
}

/** What old folders are whose configuration does not say it. */
const DEFAULT_MODEL_TYPE = 'bert';

/**
 * What is in a folder of Hugging Face's, of the family that its configuration names: the network with the head of its
 * task, the one without, and their weights. Throws UsageError with what does not fit.
 */
export function taskNetworks(path: string): FolderNetworks<NetworkSpec> {
  const amiss = whatIsAmiss(path);
  if (amiss !== undefined) throw new UsageError(`${path}: ${amiss}`);
  const config = folderConfig(path);
  const { model_type: modelType = DEFAULT_MODEL_TYPE } = config?.content ?? {};
  const folders = Object.values(FAMILIES).flatMap(({ published }) => published?.folder ?? []);
  const folder = folders.find((one) => one.modelType === modelType);
  if (folder !== undefined) return folder.read(path, config) as FolderNetworks<NetworkSpec>;
  const known = folders.map((one) => one.modelType);
  const others = Object.values(FAMILIES).filter(({ published }) => published?.naming !== undefined);
  throw new UsageError(
    `${config!.path}: ${unknownName('model_type', String(modelType), known).message} Only such folders and the ` +
      `networks on images of the families ${others.map(({ name }) => name).join(', ')} (a file of weights) can be ` +
      'read and made thin',
  );
}

/** A network, and its weights once they are asked for. */
interface Kept {
  readonly spec: NetworkSpec;
  readonly load: () => HostWeights;
}

/**
 * The network in a folder, of whichever family its configuration names, with its head where that gives classes. Throws
 * UsageError with what does not fit.
 */
function readFolder(path: string): Kept {
  const model = Object.values(FAMILIES).find(({ published }) => published?.model?.matches(path));
  if (model !== undefined) return model.published!.model!.read(path) as Kept;
  const networks = taskNetworks(path);
  const { spec: task, encoder } = networks;
  const spec = headOf(task).classes === undefined ? encoder : task;
  return { spec, load: () => networks.load(spec) };
}

/** Files of weights, and of a tokenizer, in a folder of Hugging Face's. */
const OF_WEIGHTS = /^((model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)|model\.safetensors\.index\.json)$/;
const SAVED = 'model.safetensors';
const OF_TOKENIZER = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'];

/** Whether a folder has a network, by the names of its files. */
function looksLikeNetwork(folder: string): boolean {
  return ['config.json', 'model.json'].some((name) => existsSync(join(folder, name)));
}

/**
 * What keeps a folder that is no network from being one, and what to do: its configuration is missing, or the network
 * is in a folder or a file within it. Undefined where neither can be told, and for what is a network or no folder.
 */
export function whatIsAmiss(path: string): string | undefined {
  if (!isFolder(path) || looksLikeNetwork(path) || findTensorflowBert(path) !== undefined) return undefined;
  const [inner, names] = [join(path, 'model'), readdirSync(path)];
  const weights = names.find((name) => OF_WEIGHTS.test(name));
  const tokenizer = OF_TOKENIZER.find((name) => names.includes(name));
  if (weights !== undefined) {
    const beside = tokenizer === undefined ? weights : `${weights} and ${tokenizer}`;
    const isFile = tokenizer === undefined && weights === SAVED;
    return (
      `no config.json in it, beside ${beside}; put the one of this network there, which says what network it is` +
      (isFile ? `, or give ${join(path, SAVED)} where it is on images` : '')
    );
  }
  const found = looksLikeNetwork(inner) ? inner : join(inner, SAVED);
  return existsSync(found) ? `no network itself; did you mean ${found}?` : undefined;
}

/** Whether a path has a network and its weights: a folder, a checkpoint, or a safetensors file. */
function keepsNetwork(path: string): boolean {
  return isModelFolder(path) || (path.endsWith('.safetensors') && existsSync(path));
}

/** The network that a path keeps. Throws UsageError with what does not fit. */
function readKept(given: string): Kept {
  const path = pictureFile(given) ?? given;
  checkName(path);
  if (isModelFolder(path)) return readFolder(path);
  const { tensors, metadata } = readSafetensors(path);
  const spec = networkIn(tensors, path, metadata);
  return { spec, load: () => readWeights(path, spec) };
}

/**
 * A network by its published name, from a JSON file with a network spec, from a folder of Hugging Face's or a
 * LayersModel, or from a safetensors file whose metadata or names say which it is. Throws UsageError.
 */
export function networkByName(name: string, variant: Variant = {}, notice: Notice = () => {}): NetworkSpec {
  checkName(name);
  if (keepsNetwork(name)) return varied(name, readKept(name).spec, variant);
  return varied(name, name.endsWith('.json') ? readSpec(name, notice) : preset(name), variant);
}

/** What names no network, though it has to do with one; and what is to be done. */
const OTHERS: readonly { readonly fits: (name: string) => boolean; readonly advice: string }[] = [
  {
    fits: (name) => name.endsWith('.onnx'),
    advice:
      'ONNX files are run by onnxruntime; expected what it was made from: the folder or safetensors file beside it, ' +
      'or what "gowide runs export ID --output NAME.safetensors" writes of its run',
  },
  {
    fits: (name) => name.endsWith('.safetensors') && !existsSync(name),
    advice: 'file not found; expected a safetensors file whose metadata or names of tensors say which network it has',
  },
  {
    fits: (name) => /\.(pth|pt|bin)$/.test(name),
    advice:
      'a file of weights, which "gowide thin" reads; expected a published name, a JSON file with a network spec, or a ' +
      'safetensors file',
  },
  {
    fits: (name) => isModelFolder(name) && existsSync(join(name, 'spec.json')),
    advice: 'the folder of a run; expected what "gowide runs export ID --output NAME" writes of it',
  },
];

/** Throws UsageError where something is named as a network that is none. */
function checkName(name: string): void {
  const other = OTHERS.find(({ fits }) => fits(name));
  if (other !== undefined) throw new UsageError(`${name}: ${other.advice}`);
}

function varied(name: string, spec: NetworkSpec, variant: Variant): NetworkSpec {
  const { width, mid, classes } = variant;
  if (width === undefined && mid === undefined && classes === undefined) return spec;
  const family = familyOf(spec);
  if (family.vary === undefined)
    throw new UsageError(
      `${name}: --width, --mid and --classes are for networks of the family ${familiesWith('vary')}; ` +
        'change the file instead',
    );
  return family.vary(spec, variant) as NetworkSpec;
}

/** Throws UsageError on changes to a network whose own weights are to be used. */
function checkUnvaried(name: string, { width, mid, classes }: Variant): void {
  const given = Object.entries({ width, mid, classes }).find(([, value]) => value !== undefined);
  if (given !== undefined)
    throw new UsageError(
      `--${given[0]} ${given[1]}: ${name} says itself which network its weights are; leave it out, or give --weights ` +
        'of the changed network',
    );
}

function readSpec(path: string, notice: Notice): NetworkSpec {
  if (!existsSync(path))
    throw new UsageError(
      `${path}: file not found; expected a network spec as JSON, or the name of a published network`,
    );
  const declared = readDeclaration(path, notice);
  return naming(path, () => parseSpec(NetworkSpec, 'network spec', declared));
}

/** A network by its name as {@link networkByName}, with the number of its parameters. */
export function countParameters(
  name: string,
  variant: Variant,
  notice?: Notice,
): { readonly parameters: number; readonly spec: NetworkSpec } {
  const spec = networkByName(name, variant, notice);
  return { parameters: parameterCount(spec), spec };
}

function publishedOf(source: string, spec: NetworkSpec): PublishedWeights<{ readonly family: string }> {
  const { published } = familyOf(spec);
  if (published === undefined)
    throw new UsageError(
      `${source}: networks of the family "${spec.family}" have no published names; ` +
        `weights can be read and written for: ${familiesWith('published')}`,
    );
  return published;
}

/**
 * The weights of a network from a safetensors file in published names. Throws UsageError for a family that has none,
 * and for weights of another network, by names and shapes of the tensors or by what the file declares.
 */
export function readWeights(given: string, spec: NetworkSpec): HostWeights {
  const path = pictureFile(given) ?? given;
  const published = publishedOf(path, spec);
  const weights = published.read(path, spec);
  checkDeclared(path, spec, published);
  return weights;
}

/** Throws UsageError where a file declares a network that differs from this one in what no tensor shows. */
function checkDeclared(path: string, spec: NetworkSpec, published: ReturnType<typeof publishedOf>): void {
  if (published.unseen === undefined || isFolder(path) || !path.endsWith('.safetensors')) return;
  const declared = declaredIn(readMetadata(path), path);
  if (declared?.family !== spec.family) return;
  checkUnseen(path, 'its metadata declare', published.unseen(declared), published.unseen(spec));
}

/** The network that a file's metadata declare, as files that are written here have it; undefined where none do. */
function declaredIn({ network }: Readonly<Record<string, string>>, source: string): NetworkSpec | undefined {
  if (network === undefined) return undefined;
  try {
    return parseSpec(NetworkSpec, `network in the metadata of ${source}`, JSON.parse(network));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // another program's word for something else
    throw error;
  }
}

/**
 * The network whose weights these tensors of a file are: the one that its metadata declare, or by names and shapes.
 * Throws UsageError where no family knows them.
 */
export function networkIn(
  tensors: HostArrays<HostValues>,
  source: string,
  metadata: Readonly<Record<string, string>> = {},
): NetworkSpec {
  const declared = declaredIn(metadata, source);
  if (declared !== undefined) return declared;
  const known = Object.values(FAMILIES).flatMap(({ published }) => published?.naming ?? []);
  for (const one of known) {
    const found = one.spec(tensors, source);
    if (found !== undefined) return found as NetworkSpec;
  }
  const names = Object.keys(tensors).slice(0, 3).join(', ');
  throw new UsageError(
    `${source}: expected the tensors of ${known.map(({ looks }) => looks).join('; or of ')}; found ${names || 'none'}`,
  );
}

/**
 * Names of the classes of a file of weights, in order, where the configuration beside it has them. Throws UsageError
 * where it has more or fewer than the network has classes.
 */
export function weightLabels(path: string, spec: NetworkSpec): readonly string[] | undefined {
  const labels = familyOf(spec).published?.labels?.(path);
  const { classes } = headOf(spec);
  if (labels !== undefined && classes !== undefined) checkNames(configBeside(path) ?? path, labels, classes);
  return labels;
}

/** The file or folder with the vocabulary that belongs to weights at a path; undefined where there is none. */
export function vocabularyBeside(path: string): string | undefined {
  const folder = isFolder(path) ? path : existsSync(join(dirname(path), 'config.json')) ? dirname(path) : undefined;
  const has = (name: string): boolean => folder !== undefined && existsSync(join(folder, name));
  return has('vocab.txt') || has('tokenizer.json') ? folder : findTensorflowBert(path)?.vocabulary;
}

/** Files of which {@link readWeights} may read, for weights at a path: a folder's, or a file with its configuration. */
export function weightFiles(path: string): InputFiles[] {
  if (isModelFolder(path)) {
    const all = isFolder(path) ? readdirSync(path) : [];
    const hasOther = all.some((name) => name.endsWith('.safetensors') || name === 'pytorch_model.bin');
    const checkpoint = hasOther ? undefined : findTensorflowBert(path);
    if (checkpoint !== undefined) return checkpointFiles(checkpoint);
    const read = all.some((name) => name.endsWith('.safetensors')) ? /\.(json|safetensors)$/ : /\.(json|bin)$/;
    const names = all.filter((name) => read.test(name));
    return [{ path, names: names.sort() }];
  }
  const folder = dirname(path);
  const beside = path.endsWith('.json') && existsSync(folder) ? readdirSync(folder) : [];
  const names = [
    ...(existsSync(join(folder, 'config.json')) ? ['config.json'] : []),
    ...beside.filter((name) => /\.(safetensors|bin)$/.test(name)).sort(), // parts that the file lists
  ];
  return [{ path }, ...(names.length > 0 ? [{ path: folder, names }] : [])];
}

/** What goes with a network's values into its files, as far as it is known. */
export interface WrittenFacts extends PictureNames {
  readonly tokenizer?: TokenizerFacts | undefined;
  /** A folder of Hugging Face's whose other settings are kept. */
  readonly from?: string | undefined;
}

/**
 * Writes a network's weights in published names: a safetensors file, which says names of classes and the normalization
 * of pictures in its metadata, or, with a tokenizer, a folder where the family has such. Returns whether it is a
 * folder. Throws UsageError for a family or a network that has no published names, and weights of another network.
 */
export function writeWeights(
  path: string,
  spec: NetworkSpec,
  weights: HostWeights,
  { tokenizer, labels, normalize, from }: WrittenFacts = {},
): 'file' | 'folder' {
  const published = publishedOf(path, spec);
  checkWeights(`${path}: the weights`, networkOf(spec), weights);
  if (tokenizer === undefined || published.folder === undefined) {
    published.write(path, spec, weights, pictureMetadata({ labels, normalize }));
    return 'file';
  }
  published.folder.write(path, spec, weights, { tokenizer, labels, from });
  return 'folder';
}

/** Whether networks of a declaration's family have published names. */
export function isPublished(spec: NetworkSpec): boolean {
  return familyOf(spec).published !== undefined;
}

/** Whether networks of a declaration's family can be written as ONNX files. */
export function hasOnnx(spec: NetworkSpec): boolean {
  return familyOf(spec).onnx !== undefined;
}

/**
 * Writes a network as an ONNX file. Its metadata have the network's declaration (`network`), names of the classes in
 * order (`labels`), of pictures that are not normalized as ImageNet's are how they are (`normalize`), and of a network
 * that reads tokens the tokenizer (`tokenizer`) and its words, one a line (`vocabulary`): all but the last as JSON.
 * Throws UsageError for a family that cannot be written so, a declaration that is none, and weights of another network.
 */
export function writeOnnx(
  path: string,
  spec: NetworkSpec,
  weights: HostWeights,
  { labels, tokenizer, normalize }: WrittenFacts = {},
): void {
  const family = familyOf(spec);
  if (family.onnx === undefined)
    throw new UsageError(
      `${path}: networks of the family "${spec.family}" cannot be written as ONNX; ` +
        `those of ${familiesWith('onnx')} can`,
    );
  checkWeights(`${path}: the weights`, networkOf(spec), weights);
  writeGraph(path, family.onnx(spec, weights), {
    network: JSON.stringify(spec),
    ...pictureMetadata({ labels, normalize }),
    ...(tokenizer !== undefined && {
      tokenizer: JSON.stringify({ lowercase: tokenizer.lowercase, ...tokenizer.settings }),
      vocabulary: tokenizer.vocabulary.join('\n'),
    }),
  });
}

/** Files of `gowide predict`. */
export interface PredictFiles {
  /** A network's name, as {@link networkByName} takes it. */
  readonly model: string;
  /** Not needed for a folder or a safetensors file, which have their own. */
  readonly weights?: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Reads weights and inputs; what comes back writes the outputs, and needs an engine. Throws UsageError on files that do
 * not fit.
 */
export function preparePredict(
  files: PredictFiles,
  variant: Variant,
  notice?: Notice,
): (options: PredictOptions) => Promise<Record<string, readonly number[]>> {
  checkName(files.model);
  const kept = keepsNetwork(files.model) ? readKept(files.model) : undefined; // once: its weights may be gigabytes
  if (kept !== undefined && files.weights === undefined) checkUnvaried(files.model, variant);
  const spec =
    kept === undefined ? networkByName(files.model, variant, notice) : varied(files.model, kept.spec, variant);
  const family = familyOf(spec);
  if (family.predict === undefined)
    throw new UsageError(
      `${files.model}: weights in published names exist for networks of the family ${familiesWith('predict')} only`,
    );
  if (files.weights === undefined && kept === undefined)
    throw new UsageError(`${files.model}: --weights is needed: a safetensors file`);
  const predict = family.predict(spec, readSafetensors(files.input).tensors, files.input);
  const weights = files.weights === undefined ? kept!.load() : readWeights(files.weights, spec);
  return async (options) => {
    const arrays = await predict(weights, options);
    writeSafetensors(files.output, arrays, { model: files.model, mode: options.mode });
    return Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]));
  };
}

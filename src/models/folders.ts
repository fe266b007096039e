/** Which paths keep a network, what is in a folder, and what is amiss with one. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unknownName, UsageError } from '../core/errors.js';
import { isFolder } from '../core/folder.js';
import type { InputFiles } from '../core/run.js';
import { readConfig } from '../store/config.js';
import { checkpointFiles, findTensorflowBert } from './formats/bert-tensorflow.js';
import { folderConfig } from './formats/huggingface-folder.js';
import { FAMILIES, type NetworkSpec } from './index.js';
import type { FolderNetworks } from './interface/family.js';

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
export function keepsNetwork(path: string): boolean {
  return isModelFolder(path) || (path.endsWith('.safetensors') && existsSync(path));
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

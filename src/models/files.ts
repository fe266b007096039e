/** What the command line does with networks: counting, predicting, and moving weights in and out of files. */
import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.js';
import type { HostArrays } from '../core/host-array.js';
import { parseSpec } from '../core/spec.js';
import type { HostWeights } from '../nn/network.js';
import { readConfig } from '../store/config.js';
import { dtypeOf, readSafetensors, writeSafetensors } from '../store/safetensors.js';
import type { BertSpec } from './bert.js';
import { importHuggingFace, isModelFolder, readFolder } from './huggingface.js';
import { NetworkSpec, networkOf, parameterCount, published, scaleWidth } from './index.js';
import { checkImages, predictImages, predictTokens, readTokens, type PredictOptions } from './predict.js';
import { readTorchvision } from './torchvision.js';

export interface Variant {
  /** Factor on all channels. */
  readonly width?: number;
  /** Factor on the inner channels of the blocks: the paper's wide nets. */
  readonly mid?: number;
  readonly classes?: number;
}

/**
 * A network by its published name, from a JSON file with a model spec, or from a folder of Hugging Face's. Throws
 * UsageError.
 */
export function modelByName(name: string, variant: Variant = {}): NetworkSpec {
  return varied(
    name,
    isModelFolder(name) ? readFolder(name).spec : name.endsWith('.json') ? readSpec(name) : published(name),
    variant,
  );
}

function varied(name: string, spec: NetworkSpec, { width, mid, classes }: Variant): NetworkSpec {
  if (width === undefined && mid === undefined && classes === undefined) return spec;
  if (spec.family !== 'resnet')
    throw new UsageError(`${name}: --width, --mid and --classes are for ResNets; change the file instead`);
  const scaled = width === undefined ? spec : scaleWidth(spec, width);
  return { ...scaled, ...(mid !== undefined && { mid: scaled.mid * mid }), ...(classes !== undefined && { classes }) };
}

function readSpec(path: string): NetworkSpec {
  if (!existsSync(path))
    throw new UsageError(`${path}: file not found; expected a model spec as JSON, or the name of a published network`);
  return parseSpec(NetworkSpec, 'model spec', readConfig(path));
}

export function countParameters(
  name: string,
  variant: Variant,
): { readonly parameters: number; readonly spec: NetworkSpec } {
  const spec = modelByName(name, variant);
  return { parameters: parameterCount(spec), spec };
}

export interface PredictFiles {
  readonly model: string;
  /** Not needed for a folder, which has its own. */
  readonly weights?: string;
  readonly input: string;
  readonly output: string;
}

type Predict = (options: PredictOptions) => Promise<HostArrays>;

/**
 * Reads weights and inputs; what comes back writes the outputs, and needs an engine. Throws UsageError on files that do
 * not fit.
 */
export function preparePredict(
  files: PredictFiles,
  variant: Variant,
): (options: PredictOptions) => Promise<Record<string, readonly number[]>> {
  const folder = isModelFolder(files.model) ? readFolder(files.model) : undefined; // once: its weights may be gigabytes
  const spec = folder === undefined ? modelByName(files.model, variant) : varied(files.model, folder.spec, variant);
  const predict = spec.family === 'bert' ? prepareTokens(files, spec, folder?.load) : prepareImages(files, spec);
  return async (options) => {
    const arrays = await predict(options);
    writeSafetensors(files.output, arrays, { model: files.model, mode: options.mode });
    return Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]));
  };
}

function prepareImages(files: PredictFiles, spec: NetworkSpec): Predict {
  if (spec.family !== 'resnet')
    throw new UsageError(`${files.model}: weights in published names exist for ResNets and BERTs only`);
  const weights = weightsOf(files);
  const { tensors } = readSafetensors(files.input);
  const found = tensors.input;
  if (found === undefined)
    throw new UsageError(`${files.input}: no tensor "input"; it holds ${Object.keys(tensors).join(', ') || 'nothing'}`);
  const { shape, values } = found;
  if (!(values instanceof Float32Array))
    throw new UsageError(`${files.input}: input is ${dtypeOf(values)}, expected F32`);
  const input = { shape, values };
  checkImages(spec.channels, input);
  const model = readTorchvision(weights, spec);
  return (options) => predictImages(networkOf(spec), spec.channels, model, input, options);
}

/** `own`: the weights that the model's folder has; others can be given. */
function prepareTokens(files: PredictFiles, spec: BertSpec, own: (() => HostWeights) | undefined): Predict {
  const input = readTokens(spec, readSafetensors(files.input).tensors, files.input);
  const model =
    files.weights === undefined && own !== undefined
      ? own()
      : importHuggingFace(spec, readSafetensors(weightsOf(files)).tensors, weightsOf(files));
  return (options) => predictTokens(spec, model, input, options);
}

function weightsOf({ model, weights }: PredictFiles): string {
  if (weights === undefined) throw new UsageError(`${model}: --weights is needed: a safetensors file`);
  return weights;
}

/** What the command line does with networks: counting, predicting, and moving weights in and out of files. */
import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.js';
import { parseSpec } from '../core/spec.js';
import { readConfig } from '../store/config.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { ModelSpec, networkOf, parameterCount, preset, PRESETS, scaleWidth } from './index.js';
import { checkInput, predict, type PredictOptions } from './predict.js';
import { readTorchvision } from './torchvision.js';

export interface Variant {
  /** Factor on all channels. */
  readonly width?: number;
  /** Factor on the inner channels of the blocks: the paper's wide nets. */
  readonly mid?: number;
  readonly classes?: number;
}

/** A network by torchvision's name, or from a JSON file with a model spec. Throws UsageError. */
export function modelByName(name: string, { width, mid, classes }: Variant = {}): ModelSpec {
  const spec = name.endsWith('.json') ? readSpec(name) : preset(name);
  if (width === undefined && mid === undefined && classes === undefined) return spec;
  if (spec.family !== 'resnet') throw new UsageError(`${name}: --width, --mid and --classes are for ResNets; change the file instead`);
  const scaled = width === undefined ? spec : scaleWidth(spec, width);
  return { ...scaled, ...(mid !== undefined && { mid: scaled.mid * mid }), ...(classes !== undefined && { classes }) };
}

function readSpec(path: string): ModelSpec {
  if (!existsSync(path)) throw new UsageError(`${path}: file not found; expected a model spec as JSON, or one of: ${Object.keys(PRESETS).join(', ')}`);
  return parseSpec(ModelSpec, 'model spec', readConfig(path));
}

export function countParameters(name: string, variant: Variant): { readonly parameters: number; readonly spec: ModelSpec } {
  const spec = modelByName(name, variant);
  return { parameters: parameterCount(spec), spec };
}

export interface PredictFiles {
  readonly model: string;
  readonly weights: string;
  readonly input: string;
  readonly output: string;
}

/** Reads weights and images; what comes back writes logits (and taps), and needs an engine. Throws UsageError on files that do not fit. */
export function preparePredict(files: PredictFiles, variant: Variant): (options: PredictOptions) => Promise<Record<string, readonly number[]>> {
  const spec = modelByName(files.model, variant);
  if (spec.family !== 'resnet') throw new UsageError(`${files.model}: weights in torchvision's names exist for ResNets only`);
  const { tensors } = readSafetensors(files.input);
  const found = tensors.get('input');
  if (found === undefined) throw new UsageError(`${files.input}: no tensor "input"; it holds ${[...tensors.keys()].join(', ') || 'nothing'}`);
  if (!(found.data instanceof Float32Array)) throw new UsageError(`${files.input}: input is ${found.dtype}, expected F32`);
  const input = { shape: found.shape, values: found.data };
  checkInput(spec.channels, input);
  const model = readTorchvision(files.weights, spec);
  return async (options) => {
    const outputs = await predict(networkOf(spec), spec.channels, model, input, options);
    const arrays = Object.entries(outputs).map(([name, { shape, values }]) => [name, { dtype: 'F32', shape, data: values as Float32Array }] as const);
    writeSafetensors(files.output, arrays, { model: files.model, mode: options.mode });
    return Object.fromEntries(arrays.map(([name, { shape }]) => [name, shape]));
  };
}

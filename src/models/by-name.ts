/** Networks by what users call them: a published name, a file with a spec, or what keeps a network. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { naming, UsageError } from '../core/errors.js';
import { parseSpec } from '../core/spec.js';
import type { HostWeights } from '../nn/network.js';
import { readDeclaration } from '../store/config.js';
import { readSafetensors } from '../store/safetensors.js';
import { isModelFolder, keepsNetwork, pictureFile, taskNetworks } from './folders.js';
import { FAMILIES, familyOf, headOf, NetworkSpec, parameterCount, preset, familiesWith } from './index.js';
import type { Variant } from './interface/family.js';
import { networkIn, readWeights } from './read.js';

/** Gets a line for the user: a key of a file that has another name now. */
export type Notice = (line: string) => void;

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

/** The network that a path keeps. Throws UsageError with what does not fit. */
export function readKept(given: string): Kept {
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
export function checkName(name: string): void {
  const other = OTHERS.find(({ fits }) => fits(name));
  if (other !== undefined) throw new UsageError(`${name}: ${other.advice}`);
}

/** A network with changes. Throws UsageError, with its name, for a family that has no variants. */
export function varied(name: string, spec: NetworkSpec, variant: Variant): NetworkSpec {
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
export function checkUnvaried(name: string, { width, mid, classes }: Variant): void {
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

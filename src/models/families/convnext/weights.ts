/**
 * Weights of ConvNeXts under the names of timm and of torchvision. Convolutions are [out, in, h, w] there and [h, w,
 * in, out] here; dense kernels [out, in] and [in, out].
 */
import { UsageError } from '../../../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../../../core/host-array.js';
import type { HostWeights } from '../../../nn/network.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';
import { convnext, type ConvnextSpec } from './network.js';
import { expansionOf } from '../../formats/convolutional-weights.js';
import type { FileFacts } from '../../interface/family.js';
import { fileMetadata, fromTorch, takeArrays, torchLeaf, toTorch, toTorchShape } from '../../formats/exchange.js';

/** What a library calls the layers of a network; stages and blocks are counted from 0. */
interface Naming {
  readonly layers: Readonly<Record<string, string>>;
  readonly block: (stage: number, block: number) => string;
  /** Layers of a block, after its own name. */
  readonly within: Readonly<Record<string, string>>;
  /** The norm and the convolution between stages, by the stage that they lead to. */
  readonly downsample: (stage: number) => string;
  readonly scaleShape: (channels: number) => readonly number[];
}

const NAMINGS: Readonly<Record<'timm' | 'torchvision', Naming>> = {
  timm: {
    layers: { 'stem/conv': 'stem.0', 'stem/norm': 'stem.1', norm: 'head.norm', head: 'head.fc' },
    block: (stage, block) => `stages.${stage}.blocks.${block}`,
    within: { conv: 'conv_dw', norm: 'norm', inner: 'mlp.fc1', output: 'mlp.fc2', scale: 'gamma' },
    downsample: (stage) => `stages.${stage}.downsample`,
    scaleShape: (channels) => [channels],
  },
  torchvision: {
    layers: { 'stem/conv': 'features.0.0', 'stem/norm': 'features.0.1', norm: 'classifier.0', head: 'classifier.2' },
    block: (stage, block) => `features.${2 * stage + 1}.${block}`,
    within: { conv: 'block.0', norm: 'block.2', inner: 'block.3', output: 'block.5', scale: 'layer_scale' },
    downsample: (stage) => `features.${2 * stage}`,
    scaleShape: (channels) => [channels, 1, 1],
  },
};

/** `stage2/block1/inner/kernel` is timm's `stages.1.blocks.0.mlp.fc1.weight`. */
function convnextName(path: string, naming: keyof typeof NAMINGS): string {
  const { layers, block, within, downsample } = NAMINGS[naming];
  const [, stage, number, inside] = /^stage(\d+)\/block(\d+)\/(.*)$/.exec(path) ?? [];
  if (inside === undefined) return `${layers[path.slice(0, path.lastIndexOf('/'))]!}.${torchLeaf(path)}`;
  const [s, b] = [Number(stage) - 1, Number(number) - 1];
  if (inside === 'scale') return `${block(s, b)}.${within.scale!}`;
  const layer = inside.slice(0, inside.lastIndexOf('/'));
  const name = layer.startsWith('downsample/')
    ? `${downsample(s)}.${layer.endsWith('/norm') ? 0 : 1}`
    : `${block(s, b)}.${within[layer]!}`;
  return `${name}.${torchLeaf(path)}`;
}

function shapeThere(path: string, shape: readonly number[], naming: keyof typeof NAMINGS): readonly number[] {
  if (path.endsWith('/scale')) return NAMINGS[naming].scaleShape(shape[0]!);
  return toTorchShape(path, shape);
}

/** A ConvNeXt's arrays under the names of timm or of torchvision. */
export function exportConvnext({ params }: HostWeights, naming: keyof typeof NAMINGS = 'timm'): HostArrays {
  return Object.fromEntries(
    Object.entries(params).map(([path, array]): [string, HostArray] => [
      convnextName(path, naming),
      { shape: shapeThere(path, array.shape, naming), values: toTorch(path, array).values },
    ]),
  );
}

/** The library whose names a file has. */
function namingOf(tensors: HostArrays<HostValues>): keyof typeof NAMINGS {
  return Object.hasOwn(tensors, 'features.0.0.weight') ? 'torchvision' : 'timm';
}

/**
 * Weights for a network from arrays in timm's or torchvision's names, whichever they are. Throws UsageError that lists
 * every key which is missing, is not of this network, or has another shape or type.
 */
export function importConvnext(spec: ConvnextSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  const { shapes } = convnext(spec);
  const naming = namingOf(tensors);
  const wanted = new Map(
    Object.entries(shapes).map(([path, shape]) => [convnextName(path, naming), shapeThere(path, shape, naming)]),
  );
  const taken = takeArrays(source, tensors, wanted, () => false);
  const own = ([path, shape]: [string, readonly number[]]): [string, HostArray] => {
    const there = taken.get(convnextName(path, naming))!;
    if (path.endsWith('/scale')) return [path, { shape, values: there.values }];
    return [path, fromTorch(path, there)];
  };
  return { params: Object.fromEntries(Object.entries(shapes).map(own)), state: {} };
}

/** What names of a ConvNeXt's tensors are, for messages. */
export const CONVNEXT_NAMES =
  'a ConvNeXt in timm’s or torchvision’s names (stem.0, stages.0.blocks.0.gamma, ..., head.fc)';

/**
 * The ConvNeXt whose weights these tensors are, by their names and shapes; undefined where they are not one's. Throws
 * UsageError where they are one's that cannot be declared.
 */
export function convnextIn(tensors: HostArrays<HostValues>, source: string): ConvnextSpec | undefined {
  const naming = namingOf(tensors);
  const { block, within } = NAMINGS[naming];
  const shape = (name: string): readonly number[] | undefined => tensors[name]?.shape;
  const scaleOf = (stage: number, index: number): number | undefined =>
    shape(`${block(stage, index)}.${within.scale!}`)?.[0];
  if (scaleOf(0, 0) === undefined) return undefined;
  const count = (has: (index: number) => boolean): number => {
    let found = 0;
    while (has(found)) found++;
    return found;
  };
  const stages = Array.from({ length: count((s) => scaleOf(s, 0) !== undefined) }, (_, s) => ({
    blocks: count((b) => scaleOf(s, b) !== undefined),
    channels: scaleOf(s, 0)!,
  }));
  const need = (path: string): readonly number[] => {
    const found = shape(convnextName(path, naming));
    if (found !== undefined) return found;
    throw new UsageError(`${source}: no tensor "${convnextName(path, naming)}", which a ConvNeXt has`);
  };
  const stem = need('stem/conv/kernel');
  return {
    ...{ family: 'convnext', stages, patchSize: stem[2]!, channels: stem[1]!, classes: need('head/kernel')[0]! },
    kernelSize: need('stage1/block1/conv/kernel')[2]!,
    expansion: expansionOf(
      stages.map((stage, s) => [stage.channels, need(`stage${s + 1}/block1/inner/kernel`)[0]!] as const),
    ),
  };
}

/** Reads a safetensors file. Throws UsageError as {@link importConvnext}, and on a damaged file. */
export function readConvnext(path: string, spec: ConvnextSpec): HostWeights {
  return importConvnext(spec, readSafetensors(path).tensors, path);
}

/** Writes a safetensors file in timm's names, with `more` in its metadata. */
export function writeConvnext(path: string, spec: ConvnextSpec, weights: HostWeights, more?: FileFacts): void {
  writeSafetensors(path, exportConvnext(weights), fileMetadata(spec, more));
}

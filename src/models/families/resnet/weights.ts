/** ResNets' weights in torchvision's names, so that its checkpoints can be read and ours be used there. */
import { UsageError } from '../../../core/errors.js';
import type { HostArrays, HostValues } from '../../../core/host-array.js';
import { checkMembers } from '../../../core/registry.js';
import type { HostWeights } from '../../../nn/network.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';
import { torchLeaf, WEIGHTS_METADATA } from '../../formats/exchange.js';
import { midOf, resnet, type ResnetSpec } from './network.js';
import { exportNamed, importNamed } from '../../formats/convolutional-weights.js';

/** `stage2/block1/conv1/kernel` is `layer2.0.conv1.weight`. */
export function resnetName(path: string): string {
  const layer = path
    .slice(0, path.lastIndexOf('/'))
    .replace(/^stem\/conv$/, 'conv1')
    .replace(/^stem\/norm$/, 'bn1')
    .replace(/^head$/, 'fc')
    .replace(/^stage(\d+)\/block(\d+)\//, (_, stage: string, block: string) => `layer${stage}.${Number(block) - 1}.`)
    .replace('shortcut/conv', 'downsample.0')
    .replace('shortcut/norm', 'downsample.1')
    .replace(/norm(\d)$/, 'bn$1');
  return `${layer}.${torchLeaf(path)}`;
}

/** A ResNet as torchvision's state dict. */
export function exportResnet(weights: HostWeights): HostArrays<HostValues> {
  return exportNamed(weights, resnetName);
}

/** Writes a safetensors file in torchvision's names. Throws UsageError on weights that are not a ResNet's. */
export function writeTorchvision(path: string, weights: HostWeights): void {
  checkMembers<HostWeights>('writeTorchvision: weights', weights, { params: 'object', state: 'object' });
  const absent = ['stem/conv/kernel', 'head/kernel'].find((name) => weights.params[name] === undefined);
  if (absent !== undefined)
    throw new UsageError(`writeTorchvision: weights: expected those of a ResNet, got some without ${absent}`);
  writeSafetensors(path, exportResnet(weights), WEIGHTS_METADATA);
}

/** Weights of a ResNet from tensors in torchvision's names. Throws UsageError as {@link importNamed}. */
export function importResnet(spec: ResnetSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  return importNamed(resnet(spec), tensors, source, resnetName);
}

/** Reads a file of weights. Throws UsageError on a damaged file, and one that lists every name that does not fit. */
export function readTorchvision(path: string, spec: ResnetSpec): HostWeights {
  return importResnet(spec, readSafetensors(path).tensors, path);
}

/**
 * The ResNet or ResNeXt whose weights these tensors are, by their names and shapes: kind of block, blocks of each
 * stage, widths, groups, stem, classes. Throws UsageError where they are not a ResNet's, or not of widths that double
 * from stage to stage.
 */
export function resnetIn(tensors: HostArrays<HostValues>, source: string): ResnetSpec {
  const shape = (name: string): readonly number[] => {
    const found = tensors[name]?.shape;
    if (found === undefined) throw new UsageError(`${source}: no tensor "${name}", which a ResNet has`);
    return found;
  };
  const counted = (pattern: RegExp): number =>
    new Set(Object.keys(tensors).flatMap((name) => pattern.exec(name)?.[1] ?? [])).size;
  const stages = counted(/^layer(\d+)\./);
  const block = 'layer1.0.conv3.weight' in tensors ? 'bottleneck' : 'basic';
  const [stemChannels, channels, side] = shape('conv1.weight') as [number, number, number];
  const last = block === 'bottleneck' ? 'conv3' : 'conv2';
  const planes = shape(`layer1.0.${last}.weight`)[0]! / (block === 'bottleneck' ? 4 : 1);
  const inner = Array.from({ length: stages }, (_, i) => shape(`layer${i + 1}.0.conv1.weight`)[0]!);
  const groups = block === 'bottleneck' ? inner[0]! / shape('layer1.0.conv2.weight')[1]! : 1;
  return {
    family: 'resnet',
    block,
    blocks: Array.from({ length: stages }, (_, i) => counted(new RegExp(`^layer${i + 1}\\.(\\d+)\\.`))),
    planes,
    mid: midOf(planes, inner),
    stem: { kind: side === 7 ? 'imagenet' : 'small', channels: stemChannels },
    ...(groups > 1 && { groups }),
    skip: true,
    classes: shape('fc.weight')[0]!,
    channels,
  };
}

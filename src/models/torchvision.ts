/**
 * Weights in torchvision's names and layouts, so that its checkpoints can be read and ours be used there. Convolutions
 * are [out, in, h, w] there and [h, w, in, out] here; the last dense layer is [out, in] there and [in, out] here.
 */
import { UsageError } from '../core/errors.js';
import type { HostArray, HostArrays, HostValues } from '../core/host-array.js';
import type { HostWeights, Network } from '../nn/network.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { fromTorch, statisticsOf, takeArrays, torchLeaf, toTorch, toTorchShape } from './exchange.js';
import { resnet, type ResnetSpec } from './resnet.js';

/** `stage2/block1/conv1/kernel` is `layer2.0.conv1.weight`. */
export function torchvisionName(path: string): string {
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

/**
 * A model as torchvision's state dict; `num_batches_tracked`, which it wants to find, is 0. `nameOf`: what it calls the
 * parameter of a path, a ResNet's by default.
 */
export function exportTorchvision(
  { params, state }: HostWeights,
  nameOf: (path: string) => string = torchvisionName,
): HostArrays<HostValues> {
  const entries = Object.entries({ ...params, ...state }).map(([path, parameter]): [string, HostArray<HostValues>] => {
    const { shape, values } = toTorch(path, parameter);
    return [nameOf(path), { shape, values }];
  });
  const tracked = Object.keys(state)
    .filter((path) => path.endsWith('/mean'))
    .map((path): [string, HostArray<HostValues>] => [
      nameOf(path).replace('running_mean', 'num_batches_tracked'),
      { shape: [], values: new BigInt64Array(1) },
    ]);
  return Object.fromEntries([...entries, ...tracked]);
}

/** Writes a safetensors file in torchvision's names. */
export function writeTorchvision(path: string, weights: HostWeights, nameOf?: (path: string) => string): void {
  writeSafetensors(path, exportTorchvision(weights, nameOf), { format: 'pt' });
}

/**
 * Weights for a network with batch norms, from the tensors of a safetensors file in the names that `nameOf` gives.
 * Throws UsageError that lists every key which is missing, is not of this network, or has another shape or type.
 */
export function importNamed(
  { shapes }: Pick<Network, 'shapes'>,
  tensors: HostArrays<HostValues>,
  source: string,
  nameOf: (path: string) => string,
): HostWeights {
  const statistics = statisticsOf(shapes);
  const wanted = new Map([...Object.entries(shapes), ...statistics]);
  const shapesThere = new Map([...wanted].map(([path, shape]) => [nameOf(path), toTorchShape(path, shape)]));
  const taken = takeArrays(source, tensors, shapesThere, (name) => name.endsWith('.num_batches_tracked'));
  const take = (paths: readonly string[]): HostArrays =>
    Object.fromEntries(paths.map((path) => [path, fromTorch(path, taken.get(nameOf(path))!)]));
  return { params: take(Object.keys(shapes)), state: take(statistics.map(([path]) => path)) };
}

/** Weights of a ResNet from tensors in torchvision's names. Throws UsageError as {@link importNamed}. */
export function importTorchvision(spec: ResnetSpec, tensors: HostArrays<HostValues>, source: string): HostWeights {
  return importNamed(resnet(spec), tensors, source, torchvisionName);
}

/** Reads a file of weights. Throws UsageError on a damaged file, and one that lists every name that does not fit. */
export function readTorchvision(path: string, spec: ResnetSpec): HostWeights {
  return importTorchvision(spec, readSafetensors(path).tensors, path);
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
  const inner = shape('layer1.0.conv1.weight')[0]!;
  const groups = block === 'bottleneck' ? inner / shape('layer1.0.conv2.weight')[1]! : 1;
  return {
    family: 'resnet',
    block,
    blocks: Array.from({ length: stages }, (_, i) => counted(new RegExp(`^layer${i + 1}\\.(\\d+)\\.`))),
    planes,
    mid: inner / planes,
    stem: { kind: side === 7 ? 'imagenet' : 'small', channels: stemChannels },
    ...(groups > 1 && { groups }),
    skip: true,
    classes: shape('fc.weight')[0]!,
    channels,
  };
}

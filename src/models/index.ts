/** Every family of networks, as values and as networks; and the published ones by name. */
import { z } from 'zod';
import { unknownName } from '../core/errors.js';
import { sizeOf } from '../core/host-array.js';
import type { Network } from '../nn/network.js';
import { bert, BERT_PRESETS, BertSpec } from './bert.js';
import { ConvnetSpec, MlpSpec, plain } from './plain.js';
import { resnet, ResnetSpec } from './resnet.js';

/** Networks that classify one example. */
export const ModelSpec = z.discriminatedUnion('family', [ResnetSpec, ConvnetSpec, MlpSpec]);
export type ModelSpec = z.infer<typeof ModelSpec>;

export const NetworkSpec = z.discriminatedUnion('family', [ResnetSpec, ConvnetSpec, MlpSpec, BertSpec]);
export type NetworkSpec = z.infer<typeof NetworkSpec>;

export function networkOf(spec: NetworkSpec): Network {
  switch (spec.family) {
    case 'resnet':
      return resnet(spec);
    case 'bert':
      return bert(spec);
    default:
      return plain(spec);
  }
}

/** Number of parameters, running statistics not counted. */
export function parameterCount(spec: NetworkSpec): number {
  return Object.values(networkOf(spec).shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

const IMAGENET = {
  family: 'resnet',
  planes: 64,
  mid: 1,
  stem: { kind: 'imagenet', channels: 64 },
  skip: true,
  classes: 1000,
  channels: 3,
} as const;

/** torchvision's names. */
export const PRESETS: Readonly<Record<string, ResnetSpec>> = {
  resnet18: { ...IMAGENET, block: 'basic', blocks: [2, 2, 2, 2] },
  resnet34: { ...IMAGENET, block: 'basic', blocks: [3, 4, 6, 3] },
  resnet50: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 6, 3] },
  resnet101: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3] },
  resnet152: { ...IMAGENET, block: 'bottleneck', blocks: [3, 8, 36, 3] },
  wide_resnet50_2: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 6, 3], mid: 2 },
  wide_resnet101_2: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3], mid: 2 },
};

/** Any published network. Throws UsageError with the known names. */
export function published(name: string): NetworkSpec {
  const known = { ...PRESETS, ...BERT_PRESETS };
  if (!Object.hasOwn(known, name)) throw unknownName('model', name, Object.keys(known));
  return known[name]!;
}

/** A published ResNet. Throws UsageError with the known names. */
export function preset(name: string): ResnetSpec {
  if (!Object.hasOwn(PRESETS, name)) throw unknownName('model', name, Object.keys(PRESETS));
  return PRESETS[name]!;
}

/** All channels of a ResNet times a factor (the thin nets ResNet-50-1/2 and -1/4 of the paper), rounded, at least 1. */
export function scaleWidth(spec: ResnetSpec, factor: number): ResnetSpec {
  const scaled = (channels: number): number => Math.max(1, Math.round(channels * factor));
  return { ...spec, planes: scaled(spec.planes), stem: { ...spec.stem, channels: scaled(spec.stem.channels) } };
}

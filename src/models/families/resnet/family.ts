/** Residual networks as a family: torchvision's published ones, their weights, their variants. */
import { fileMetadata } from '../../formats/exchange.js';
import { classHead, mismatch, variedBy, type Family } from '../../interface/family.js';
import { readImages } from '../../interface/predict.js';
import { resnetGraph } from './onnx.js';
import { resnet, ResnetSpec, scaleWidth } from './network.js';
import { exportResnet, readTorchvision, resnetIn } from './weights.js';
import { writeSafetensors } from '../../../store/safetensors.js';

const IMAGENET = {
  family: 'resnet',
  planes: 64,
  mid: 1,
  stem: { kind: 'imagenet', channels: 64 },
  skip: true,
  classes: 1000,
  channels: 3,
} as const;

/** Residual networks, on images. */
export const resnetFamily: Family<ResnetSpec> = {
  name: 'resnet',
  spec: ResnetSpec,
  network: resnet,
  presets: {
    resnet18: { ...IMAGENET, block: 'basic', blocks: [2, 2, 2, 2] },
    resnet34: { ...IMAGENET, block: 'basic', blocks: [3, 4, 6, 3] },
    resnet50: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 6, 3] },
    resnet101: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3] },
    resnet152: { ...IMAGENET, block: 'bottleneck', blocks: [3, 8, 36, 3] },
    wide_resnet50_2: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 6, 3], mid: 2 },
    resnext50_32x4d: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 6, 3], mid: 2, groups: 32 },
    resnext101_32x8d: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3], mid: 4, groups: 32 },
    resnext101_64x4d: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3], mid: 4, groups: 64 },
    wide_resnet101_2: { ...IMAGENET, block: 'bottleneck', blocks: [3, 4, 23, 3], mid: 2 },
  },
  checkInput: ({ channels }, { set, shape }) => mismatch(set, 'channels', channels, shape.at(-1)!),
  published: {
    read: readTorchvision,
    unseen: ({ skip }) => ({ skip }),
    write: (path, spec, weights, more) => writeSafetensors(path, exportResnet(weights), fileMetadata(spec, more)),
    naming: {
      looks: 'a ResNet in torchvision’s names (conv1, layer1.0.conv1, ..., fc)',
      spec: (tensors, source) => (Object.hasOwn(tensors, 'conv1.weight') ? resnetIn(tensors, source) : undefined),
    },
  },
  onnx: resnetGraph,
  thinning: {
    narrow: scaleWidth,
    withHead: classHead('ResNets read images'),
    recipe: 'sgd',
    side: ({ stem }) => (stem.kind === 'imagenet' ? 224 : 32),
  },
  vary: variedBy(scaleWidth, (spec, mid) => ({ mid: spec.mid * mid }), {
    width: ({ planes, stem }) => [planes, stem.channels],
    mid: ({ planes, mid }) => [planes * mid],
  }),
  predict: (spec, tensors, source) => readImages(resnet(spec), spec.channels, tensors, source),
};

/** ConvNeXts as a family: the published ones, their weights, their variants. */
import { convnext, ConvnextSpec } from './network.js';
import { convnextGraph } from './onnx.js';
import { CONVNEXT_NAMES, convnextIn, readConvnext, writeConvnext } from './weights.js';
import { classHead, mismatch, variedBy, type Family } from '../../interface/family.js';
import { readImages } from '../../interface/predict.js';

/** The published ConvNeXt of so many blocks and channels in its four stages. */
function published(blocks: readonly number[], first: number): ConvnextSpec {
  return {
    ...{ family: 'convnext', patchSize: 4, kernelSize: 7, expansion: 4, classes: 1000, channels: 3 },
    stages: blocks.map((count, s) => ({ blocks: count, channels: first * 2 ** s })),
  };
}

/** All channels times a factor, rounded, at least 1 of each. */
export function scaleConvnext(spec: ConvnextSpec, factor: number): ConvnextSpec {
  return {
    ...spec,
    stages: spec.stages.map((stage) => ({ ...stage, channels: Math.max(1, Math.round(stage.channels * factor)) })),
  };
}

/** ConvNeXts, on images. Weights are read in timm's and torchvision's names and written in timm's. */
export const convnextFamily: Family<ConvnextSpec> = {
  name: 'convnext',
  spec: ConvnextSpec,
  network: convnext,
  presets: {
    convnext_tiny: published([3, 3, 9, 3], 96),
    convnext_small: published([3, 3, 27, 3], 96),
    convnext_base: published([3, 3, 27, 3], 128),
    convnext_large: published([3, 3, 27, 3], 192),
  },
  checkInput: ({ channels }, { set, shape }) => mismatch(set, 'channels', channels, shape.at(-1)!),
  published: { read: readConvnext, write: writeConvnext, naming: { looks: CONVNEXT_NAMES, spec: convnextIn } },
  onnx: convnextGraph,
  thinning: {
    narrow: scaleConvnext,
    withHead: classHead('ConvNeXts read images'),
    recipe: 'adamw',
    side: ({ patchSize }) => (patchSize === 4 ? 224 : 32),
  },
  vary: variedBy(scaleConvnext, ({ expansion }, mid) => ({ expansion: expansion * mid }), {
    width: ({ stages }) => stages.map(({ channels }) => channels),
    mid: ({ stages, expansion }) => stages.map(({ channels }) => channels * expansion),
  }),
  predict: (spec, tensors, source) => readImages(convnext(spec), spec.channels, tensors, source),
};

/** Vision transformers as a family: the published ones, their weights, their variants. */
import { headSizeOf } from '../../../nn/transformer.js';
import { classHead, mismatch, variedBy, type Family } from '../../interface/family.js';
import { vitGraph } from './onnx.js';
import { readImages } from '../../interface/predict.js';
import { vit, VitSpec } from './network.js';
import { readVit, VIT_NAMES, vitIn, writeVit } from './weights.js';

const IMAGENET = { family: 'vit', imageSize: 224, patchSize: 16, channels: 3, classes: 1000 } as const;
const BASE = { hiddenSize: 768, numLayers: 12, numHeads: 12, intermediateSize: 3072 } as const;
const LARGE = { hiddenSize: 1024, numLayers: 24, numHeads: 16, intermediateSize: 4096 } as const;

/**
 * The family `vit`: vision transformers for images of one size. Weights are read in timm's and torchvision's names and
 * written in timm's.
 */
export const vitFamily: Family<VitSpec> = {
  name: 'vit',
  spec: VitSpec,
  network: vit,
  presets: {
    deit_tiny_patch16_224: { ...IMAGENET, hiddenSize: 192, numLayers: 12, numHeads: 3, intermediateSize: 768 },
    deit_small_patch16_224: { ...IMAGENET, hiddenSize: 384, numLayers: 12, numHeads: 6, intermediateSize: 1536 },
    deit_base_patch16_224: { ...IMAGENET, ...BASE },
    vit_b_16: { ...IMAGENET, ...BASE },
    vit_b_32: { ...IMAGENET, ...BASE, patchSize: 32 },
    vit_l_16: { ...IMAGENET, ...LARGE },
    vit_l_32: { ...IMAGENET, ...LARGE, patchSize: 32 },
  },
  checkInput: ({ imageSize, channels }, { set, shape }) =>
    mismatch(set, 'rows of pixels', imageSize, shape[0]!) ??
    mismatch(set, 'columns of pixels', imageSize, shape[1]!) ??
    mismatch(set, 'channels', channels, shape[2]!),
  published: {
    read: readVit,
    unseen: ({ numHeads }) => ({ numHeads }),
    write: writeVit,
    naming: { looks: VIT_NAMES, spec: vitIn },
  },
  thinning: {
    narrow: scaleVit,
    withHead: classHead('vision transformers read images'),
    recipe: 'adamw',
    side: ({ imageSize }) => imageSize,
  },
  onnx: vitGraph,
  vary: variedBy(
    scaleVit,
    (spec, mid) => ({
      intermediateSize: Math.max(1, Math.round(spec.intermediateSize * mid)),
      headSize: Math.max(1, Math.round(headSizeOf(spec) * mid)),
    }),
    {
      width: ({ numHeads }) => [numHeads],
      mid: (spec) => [spec.intermediateSize, headSizeOf(spec)],
    },
  ),
  predict: (spec, tensors, source) => readImages(vit(spec), spec.channels, tensors, source),
};

/** All channels times a factor, by the number of heads, whose size stays: DeiT's way from base to small and tiny. */
export function scaleVit(spec: VitSpec, factor: number): VitSpec {
  const numHeads = Math.max(1, Math.round(spec.numHeads * factor));
  const share = numHeads / spec.numHeads;
  return {
    ...spec,
    numHeads,
    hiddenSize: Math.max(1, Math.round(spec.hiddenSize * share)),
    intermediateSize: Math.max(1, Math.round(spec.intermediateSize * share)),
  };
}

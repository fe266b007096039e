/**
 * Plain convolutional networks: 3x3 convolution, batch norm, nonlinearity, as often as is wished. Letters: B batch, H
 * height, W width, C channels.
 */
import { z } from 'zod';
import { width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { pixelMean } from '../../../engine/ops/pixel-mean.js';
import type { Tensor4D } from '../../../engine/tensor.js';
import { ACTIVATIONS, convNorm } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import { mismatch, type Family } from '../../interface/family.js';
import { convolutionLayer, normOf } from '../../parts/layer-table.js';
import { convNormNode, imageInput, meanOfPixels } from '../../formats/onnx-nodes.js';
import { ownNames } from '../../formats/own-names.js';
import { plainGraph, plainNetwork, PlainSpec, plainThinning, type PlainKind } from './network.js';
import { readImages } from '../../interface/predict.js';

/** Schema of a plain convolutional network. The side is halved after a third and after two thirds of the layers. */
export const ConvnetSpec = PlainSpec.extend({
  family: z.literal('convnet'),
  /** Channels of the input image. */
  channels: width(),
});
/** A plain convolutional network. */
export type ConvnetSpec = z.infer<typeof ConvnetSpec>;

function kindOf({ numLayers, width, activation, channels }: ConvnetSpec): PlainKind {
  const convolution = (layer: string): string => `${layer}/conv`;
  return {
    input: ['channels', channels],
    halving: numLayers >= 3 ? [Math.floor(numLayers / 3), Math.floor((2 * numLayers) / 3)] : [],
    path: convolution,
    row: ({ name }, inputs, names, downsampling) =>
      convolutionLayer({ path: convolution(name), tap: name, shape: [3, 3, inputs, width], ...names, downsampling }),
    apply: (scope, { name, stride }, x) => {
      const [conv, norm] = [convolution(name), normOf(convolution(name))];
      if (activation === 'relu') return convNorm(scope, conv, norm, x as Tensor4D, { stride, relu: true });
      return ACTIVATIONS[activation](convNorm(scope, conv, norm, x as Tensor4D, { stride }));
    },
    features: pixelMean,
    onnx: {
      input: (scope) => imageInput(scope, channels),
      layer: (scope, { name, stride }, x) =>
        convNormNode(scope, convolution(name), normOf(convolution(name)), x, { stride }),
      features: meanOfPixels,
    },
  };
}

/** A plain convolutional network: x [B, H, W, C] -> logits [B, classes]. Throws UsageError on a spec that is none. */
export function convnet(given: ConvnetSpec): Network {
  const spec = parseSpec(ConvnetSpec, 'network', given);
  return plainNetwork(spec, kindOf(spec));
}

/** Plain convolutional networks, on images. */
export const convnetFamily: Family<ConvnetSpec> = {
  name: 'convnet',
  spec: ConvnetSpec,
  network: convnet,
  presets: {},
  checkInput: ({ channels }, { set, shape }) => mismatch(set, 'channels', channels, shape.at(-1)!),
  published: { ...ownNames(convnet), unseen: ({ skip, activation }) => ({ skip, activation }) },
  onnx: (spec, weights) => plainGraph(spec, kindOf(spec), weights),
  thinning: plainThinning(),
  predict: (spec, tensors, source) => readImages(convnet(spec), spec.channels, tensors, source),
};

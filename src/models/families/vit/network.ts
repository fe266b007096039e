/**
 * Vision transformers: Dosovitskiy et al. 2021, in the sizes of DeiT (Touvron et al. 2021), too, as timm and
 * torchvision have them. Patches of the image become tokens by one dense layer; a class token stands before them;
 * blocks have layer norm in front of attention and of the dense layers; the norm of the last class token is what the
 * head reads. Letters: B batch, H height, W width, C channels, P patchSize, T tokens (patches and the class token), D
 * hiddenSize.
 */
import { z } from 'zod';
import { UsageError } from '../../../core/errors.js';
import { parseSpec } from '../../../core/spec.js';
import { layerCount, width } from '../../../core/magnitudes.js';
import { shapeText, tf, type Tensor, type Tensor2D, type Tensor4D } from '../../../engine/tensor.js';
import { dense, parameter, type Scope } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import {
  denseGelu,
  firstToken,
  headSizeOf,
  isDivided,
  layerNorm,
  rowsOf,
  selfAttention,
  UNDIVIDED,
} from '../../../nn/transformer.js';
import { patchRows } from '../../../nn/windows.js';
import { applyTaps } from '../../parts/apply-taps.js';
import { denseLayer, embeddingLayer, layerNormLayer, operation, tableOf, type Layer } from '../../parts/layer-table.js';

/** Schema of a vision transformer; keys as Hugging Face's `ViTConfig` has them, as in a BERT. */
export const VitSpec = z
  .strictObject({
    family: z.literal('vit'),
    /** Side of the square image in pixels: positions are learnt for this one. */
    imageSize: width(),
    /** Side of a patch in pixels; divides the image's. */
    patchSize: width(),
    /** Channels of the input image. */
    channels: width(),
    /** Channels between the blocks. */
    hiddenSize: width(),
    numLayers: layerCount(),
    numHeads: width(),
    /** Channels of a head; hiddenSize / numHeads by default, as published. */
    headSize: width().optional(),
    /** Width of the hidden layer of a block's second half. */
    intermediateSize: width(),
    /** Standard deviation of initial kernels and embeddings; 0.02 by default. */
    initializerRange: z.number().positive().optional(),
    classes: width(2),
  })
  .refine(({ imageSize, patchSize }) => imageSize % patchSize === 0, {
    path: ['patchSize'],
    error: 'expected a divisor of imageSize',
  })
  .refine(isDivided, UNDIVIDED);
/** A vision transformer. */
export type VitSpec = z.infer<typeof VitSpec>;

/** Added to the variance by the layer norms. */
export const VIT_EPSILON = 1e-6;
const INITIAL = 0.02;

/** Tokens of an image: its patches and the class token. */
export function vitTokens({ imageSize, patchSize }: VitSpec): number {
  return (imageSize / patchSize) ** 2 + 1;
}

function blockLayers(spec: VitSpec, layer: string): Layer[] {
  const attention = `${layer}/attention`;
  const tokens = (): number => vitTokens(spec);
  const init = { std: spec.initializerRange ?? INITIAL };
  const mixed = spec.numHeads * headSizeOf(spec);
  const [stream, heads, inner] = [
    ['hidden', spec.hiddenSize],
    [`${layer}/heads`, mixed],
    [`${layer}/inner`, spec.intermediateSize],
  ] as const;
  const of = (
    path: string,
    tap: string,
    [reads, inputs]: readonly [string, number],
    [writes, outputs]: readonly [string, number],
  ): Layer => denseLayer({ path, tap, reads, writes, shape: [inputs, outputs], init, positions: tokens });
  return [
    layerNormLayer(`${attention}/norm`, attention, spec.hiddenSize, 'hidden'),
    ...['query', 'key', 'value'].map((name) => of(`${attention}/${name}`, attention, stream, heads)),
    operation(attention, () => 4 * tokens() ** 2 * mixed), // scores, and values by them
    of(`${attention}/output`, attention, heads, stream),
    layerNormLayer(`${layer}/norm`, layer, spec.hiddenSize, 'hidden'),
    of(`${layer}/inner`, layer, stream, inner),
    of(`${layer}/output`, layer, inner, stream),
  ];
}

function vitLayers(spec: VitSpec, names: readonly string[]): Layer[] {
  const { hiddenSize: hidden, patchSize, channels } = spec;
  const std = spec.initializerRange ?? INITIAL;
  const tokens = vitTokens(spec);
  return [
    denseLayer({
      ...{ path: 'embeddings/patch', tap: 'embeddings', reads: 'pixels', writes: 'hidden', init: { std } },
      shape: [patchSize ** 2 * channels, hidden],
      positions: () => tokens - 1,
    }),
    embeddingLayer('embeddings/class', 'embeddings', [1, hidden], ['class', 'hidden'], std),
    embeddingLayer('embeddings/position', 'embeddings', [tokens, hidden], ['position', 'hidden'], std),
    ...names.flatMap((layer) => blockLayers(spec, layer)),
    layerNormLayer('norm', 'features', hidden, 'hidden'),
    denseLayer({
      ...{ path: 'head', tap: 'logits', reads: 'hidden', writes: 'classes', init: { std } },
      shape: [hidden, spec.classes],
    }),
  ];
}

/**
 * A vision transformer: x [B, H, W, C] -> logits [B, classes]; taps [B, T, D] at the embeddings, within and after every
 * block, and `features` [B, D]. Throws UsageError on a spec that is none.
 */
export function vit(given: VitSpec): Network {
  const spec = parseSpec(VitSpec, 'network', given);
  const names = Array.from({ length: spec.numLayers }, (_, i) => `layer${i + 1}`);
  const inner = ['embeddings', ...names.flatMap((layer) => [`${layer}/attention`, layer]), 'features'];
  return {
    ...tableOf(vitLayers(spec, names)),
    taps: [...inner, 'logits'],
    boundaries: { stage: ['embeddings', ...names, 'features'], block: inner },
    width: (tap) => (tap === 'logits' ? spec.classes : spec.hiddenSize),
    apply: applyTaps([...inner, 'logits'], (scope, tap, x) => step(spec, scope, tap, x)),
    readers: (tap) =>
      tap === 'features'
        ? { kernels: ['head/kernel'] }
        : { obstacle: 'skip connections add it unchanged, past every kernel, and norms are in front of the others' },
    stream: 'hidden',
    units: Object.fromEntries(names.map((layer) => [`${layer}/heads`, headSizeOf(spec)])),
  };
}

function step(spec: VitSpec, scope: Scope, tap: string, x: Tensor): Tensor {
  if (tap === 'embeddings') return embeddings(spec, scope, x);
  if (tap === 'features') return layerNorm(scope, 'norm', firstToken(x), VIT_EPSILON);
  if (tap === 'logits') return dense(scope, 'head', x as Tensor2D);
  const rows = rowsOf(x);
  const normed = layerNorm(scope, `${tap}/norm`, rows, VIT_EPSILON) as Tensor2D;
  const inside = tap.endsWith('/attention')
    ? selfAttention(scope, tap, normed, { numHeads: spec.numHeads, tokens: x.shape[1]! })
    : denseGelu(scope, `${tap}/inner`, normed);
  return tf.add(dense(scope, `${tap}/output`, inside), rows).reshape(x.shape);
}

function embeddings({ imageSize, patchSize, channels, hiddenSize }: VitSpec, scope: Scope, x: Tensor): Tensor {
  const [batch, ...image] = x.shape as [number, ...number[]];
  if (String(image) !== String([imageSize, imageSize, channels]))
    throw new UsageError(
      `the images are ${shapeText(x)}; the network reads [B, ${imageSize}, ${imageSize}, ${channels}]: ` +
        'it has a position for every patch',
    );
  const side = imageSize / patchSize;
  const patches = patchRows(x as Tensor4D, patchSize);
  const embedded = dense(scope, 'embeddings/patch', patches).reshape([batch, side ** 2, hiddenSize]);
  const first = tf.add(
    tf.zeros([batch, 1, hiddenSize]),
    parameter(scope.params, 'embeddings/class/kernel').reshape([1, 1, hiddenSize]),
  );
  return tf.add(tf.concat([first, embedded], 1), parameter(scope.params, 'embeddings/position/kernel'));
}

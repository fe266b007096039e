/**
 * ConvNeXts: Liu et al. 2022, as timm and torchvision have them. Patches of the image become pixels of the first stage;
 * a block is a depthwise convolution, a layer norm and two dense layers over the channels with GELU between them,
 * scaled and added to its input; between stages a norm and patches of 2 x 2. Letters: B batch, H height, W width, C
 * channels.
 */
import { z } from 'zod';
import { layerCount, width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { pixelMean } from '../../../engine/ops/pixel-mean.js';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../../../engine/tensor.js';
import { dense, depthwise, parameter, patchConv, type Scope } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import { denseGelu, layerNorm, rowsOf } from '../../../nn/transformer.js';
import { applyTaps } from '../../parts/apply-taps.js';
import {
  biasedConvolutionLayer,
  constantLayer,
  denseLayer,
  layerNormLayer,
  tableOf,
  type ConvolutionOptions,
  type Layer,
} from '../../parts/layer-table.js';
import { lastAt, stagedTaps } from '../../parts/staged.js';

/** Schema of a ConvNeXt. */
export const ConvnextSpec = z.strictObject({
  family: z.literal('convnext'),
  /** Side of the patches that become pixels of the first stage; published: 4. */
  patchSize: width().default(4),
  /** Each stage: its blocks and their channels. Published: four stages, of twice as many channels each. */
  stages: z
    .array(z.strictObject({ blocks: layerCount(), channels: width() }))
    .min(1)
    .max(6),
  /** Side of the depthwise convolutions, an odd number; published: 7. */
  kernelSize: width()
    .refine((side) => side % 2 === 1, { error: 'expected an odd number' })
    .default(7),
  /** How much wider a block is between its dense layers; published: 4. */
  expansion: z.number().positive().max(1000).default(4),
  classes: width(2),
  /** Channels of the input image. */
  channels: width(),
});
/** The declaration of a ConvNeXt. */
export type ConvnextSpec = z.infer<typeof ConvnextSpec>;

/** Added to the variance by the layer norms. */
export const CONVNEXT_EPSILON = 1e-6;
const INITIAL = 0.02;
const INITIAL_SCALE = 1e-6;
/** Side of the patches that become a pixel of the next stage. */
const BETWEEN = 2;

/** A block: where it is, its channels, and those that patches are taken of before it, where it begins a stage. */
export interface ConvnextBlock {
  readonly path: string;
  readonly stage: string;
  readonly channels: number;
  readonly inner: number;
  /** The stage before and its channels; undefined but for the first block of a later stage. */
  readonly before: { readonly stage: string; readonly channels: number } | undefined;
}

/** The blocks of a ConvNeXt, in the order of the forward pass. */
export function convnextBlocks({ stages, expansion }: ConvnextSpec): ConvnextBlock[] {
  return stages.flatMap(({ blocks, channels }, s) =>
    Array.from({ length: blocks }, (_, b): ConvnextBlock => ({
      ...{ path: `stage${s + 1}/block${b + 1}`, stage: `stage${s + 1}`, channels },
      inner: Math.max(1, Math.round(channels * expansion)),
      before: b > 0 || s === 0 ? undefined : { stage: `stage${s}`, channels: stages[s - 1]!.channels },
    })),
  );
}

function blockLayers({ kernelSize: side }: ConvnextSpec, block: ConvnextBlock, downsampling: number): Layer[] {
  const { path, stage, channels, inner, before } = block;
  const convolution = (options: Omit<ConvolutionOptions, 'tap' | 'downsampling'>): Layer =>
    biasedConvolutionLayer({ ...options, tap: path, downsampling }, INITIAL);
  const within = (name: string, shape: readonly [number, number], reads: string, writes: string): Layer =>
    denseLayer({
      ...{ path: `${path}/${name}`, tap: path, shape, reads, writes, init: { std: INITIAL } },
      positions: ([height, width]) => Math.floor(height! / downsampling) * Math.floor(width! / downsampling),
    });
  const patches =
    before === undefined
      ? []
      : [
          layerNormLayer(`${path}/downsample/norm`, path, before.channels, before.stage),
          convolution({
            ...{ path: `${path}/downsample/conv`, shape: [BETWEEN, BETWEEN, before.channels, channels] },
            ...{ reads: before.stage, writes: stage },
          }),
        ];
  return [
    ...patches,
    // each channel reads itself
    convolution({ path: `${path}/conv`, shape: [side, side, 1, channels], reads: '', writes: stage }),
    layerNormLayer(`${path}/norm`, path, channels, stage),
    within('inner', [channels, inner], stage, `${path}/inner`),
    within('output', [inner, channels], `${path}/inner`, stage),
    constantLayer(`${path}/scale`, path, channels, stage, INITIAL_SCALE),
  ];
}

function convnextLayers(spec: ConvnextSpec): Layer[] {
  const { patchSize, stages, channels, classes } = spec;
  const [first, last] = [stages[0]!.channels, stages.at(-1)!.channels];
  const lastStage = `stage${stages.length}`;
  let downsampling = patchSize;
  const blocks = convnextBlocks(spec).flatMap((block) => {
    if (block.before !== undefined) downsampling *= BETWEEN;
    return blockLayers(spec, block, downsampling);
  });
  return [
    biasedConvolutionLayer(
      {
        ...{ path: 'stem/conv', tap: 'stem', shape: [patchSize, patchSize, channels, first] },
        ...{ reads: 'channels', writes: 'stage1', downsampling: patchSize },
      },
      INITIAL,
    ),
    layerNormLayer('stem/norm', 'stem', first, 'stage1'),
    ...blocks,
    layerNormLayer('norm', 'features', last, lastStage),
    denseLayer({
      ...{ path: 'head', tap: 'logits', shape: [last, classes], reads: lastStage, writes: 'classes' },
      init: { std: INITIAL },
    }),
  ];
}

/**
 * A ConvNeXt: x [B, H, W, C] -> logits [B, classes]; taps at the stem, all blocks and stages, and `features` [B, C]. It
 * is trained without stochastic depth. Throws UsageError on a spec that is none.
 */
export function convnext(given: ConvnextSpec): Network {
  const spec = parseSpec(ConvnextSpec, 'network', given);
  const blocks = convnextBlocks(spec);
  const { taps, boundaries } = stagedTaps(blocks, ['features']);
  return {
    ...tableOf(convnextLayers(spec)),
    taps,
    boundaries,
    width: (tap) => {
      if (tap === 'logits') return spec.classes;
      if (tap === 'stem') return spec.stages[0]!.channels;
      return blocks.at(tap === 'features' ? -1 : lastAt(blocks, tap))!.channels;
    },
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'stem')
        return layerNorm(scope, 'stem/norm', patchConv(scope, 'stem/conv', x as Tensor4D), CONVNEXT_EPSILON);
      if (tap === 'features') return layerNorm(scope, 'norm', pixelMean(x), CONVNEXT_EPSILON);
      if (tap === 'logits') return dense(scope, 'head', x as Tensor2D);
      const block = blocks.find(({ path }) => path === tap);
      // a stage's tap is that of its last block
      return block === undefined ? x : blockOf(scope, block, x as Tensor4D);
    }),
    readers: (tap) =>
      tap === 'features'
        ? { kernels: ['head/kernel'] }
        : { obstacle: 'skip connections add it unchanged, past every kernel, and norms are in front of the others' },
  };
}

function blockOf(scope: Scope, { path, before }: ConvnextBlock, input: Tensor4D): Tensor {
  const within = `${path}/downsample`;
  const x =
    before === undefined
      ? input
      : patchConv(scope, `${within}/conv`, layerNorm(scope, `${within}/norm`, input, CONVNEXT_EPSILON) as Tensor4D);
  const filtered = rowsOf(depthwise(scope, `${path}/conv`, x));
  const normed = layerNorm(scope, `${path}/norm`, filtered, CONVNEXT_EPSILON) as Tensor2D;
  const y = dense(scope, `${path}/output`, denseGelu(scope, `${path}/inner`, normed));
  return tf.add(x, tf.mul(y, parameter(scope.params, `${path}/scale`)).reshape(x.shape));
}

/**
 * MobileNetV2: Sandler et al. 2018, as torchvision has it. Inverted residuals: a 1x1 convolution that widens, a
 * depthwise 3x3 one, a 1x1 one that narrows, without a nonlinearity after it; ReLU6. Letters: B batch, H height, W
 * width, C channels.
 */
import { z } from 'zod';
import { layerCount, width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { pixelMean } from '../../../engine/ops/pixel-mean.js';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../../../engine/tensor.js';
import { convNorm, dense, type Scope } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import { dropout } from '../../../nn/transformer.js';
import { applyTaps } from '../../parts/apply-taps.js';
import { convolutionLayer, denseLayer, normOf, tableOf, type Layer } from '../../parts/layer-table.js';
import { lastAt, stagedTaps } from '../../parts/staged.js';

const stride = z.union([z.literal(1), z.literal(2)]);

/** Schema of a MobileNetV2. */
export const MobilenetSpec = z.strictObject({
  family: z.literal('mobilenet'),
  /** The first convolution, 3x3; published with stride 2, for small images with 1. */
  stem: z.strictObject({ channels: width(), stride }),
  /** Each stage: its blocks, the first with the stride, their output channels, how much wider they are inside. */
  stages: z
    .array(
      z.strictObject({
        blocks: layerCount(),
        channels: width(),
        expansion: z.number().min(1).max(1000),
        stride,
      }),
    )
    .min(1)
    .max(20),
  /** Channels of the last convolution, 1x1, which the head reads. */
  features: width(),
  /** Rate of dropout before the head in training; published: 0.2. */
  dropout: z.number().min(0).max(0.9).default(0),
  classes: width(2),
  /** Channels of the input image. */
  channels: width(),
});
/** The declaration of a MobileNetV2. */
export type MobilenetSpec = z.infer<typeof MobilenetSpec>;

/** An inverted residual: where it is, and its channels before, within and after. */
export interface Block {
  readonly path: string;
  readonly stage: string;
  readonly reads: number;
  readonly inner: number;
  readonly writes: number;
  readonly stride: number;
  /** Whether a 1x1 convolution widens what the depthwise one reads. */
  readonly widens: boolean;
  /** Whether it adds its input to its output. */
  readonly skip: boolean;
  /** Names of the channels that it reads and of those that it writes. */
  readonly before: string;
  readonly after: string;
}

/** The blocks of a MobileNetV2, in the order of the forward pass. */
export function blocksOf({ stem, stages }: MobilenetSpec): Block[] {
  let [reads, before] = [stem.channels, 'stem'];
  return stages.flatMap(({ blocks, channels, expansion, stride: first }, s) =>
    Array.from({ length: blocks }, (_, b): Block => {
      const stage = `stage${s + 1}`;
      const step = b === 0 ? first : 1;
      const skip = step === 1 && reads === channels;
      const block = {
        ...{ path: `${stage}/block${b + 1}`, stage, reads, writes: channels, stride: step, skip, before },
        ...{ inner: Math.round(reads * expansion), widens: expansion !== 1, after: skip ? before : stage },
      };
      [reads, before] = [channels, block.after];
      return block;
    }),
  );
}

function blockLayers({ path, reads, inner, writes, stride: step, widens, before, after }: Block, at: number): Layer[] {
  const between = widens ? `${path}/inner` : before;
  const layer = (name: string, shape: readonly [number, number, number, number], names: [string, string], by: number) =>
    convolutionLayer({
      ...{ path: `${path}/${name}`, tap: path, shape, reads: names[0], writes: names[1], downsampling: by },
    });
  return [
    ...(widens ? [layer('conv1', [1, 1, reads, inner], [before, between], at)] : []),
    layer('conv2', [3, 3, 1, inner], ['', between], at * step), // depthwise: each channel reads itself
    layer('conv3', [1, 1, inner, writes], [between, after], at * step),
  ];
}

function mobilenetLayers(spec: MobilenetSpec, blocks: readonly Block[]): Layer[] {
  let downsampling: number = spec.stem.stride;
  const stem = convolutionLayer({
    ...{ path: 'stem/conv', tap: 'stem', shape: [3, 3, spec.channels, spec.stem.channels], downsampling },
    ...{ reads: 'channels', writes: 'stem' },
  });
  const inner = blocks.flatMap((block) => {
    const layers = blockLayers(block, downsampling);
    downsampling *= block.stride;
    return layers;
  });
  const { writes, after } = blocks.at(-1)!;
  return [
    stem,
    ...inner,
    convolutionLayer({
      ...{ path: 'features/conv', tap: 'features', shape: [1, 1, writes, spec.features], downsampling },
      ...{ reads: after, writes: 'features' },
    }),
    denseLayer({
      ...{ path: 'head', tap: 'logits', shape: [spec.features, spec.classes] },
      ...{ reads: 'features', writes: 'classes', init: { std: 0.01 } },
    }),
  ];
}

/**
 * A MobileNetV2: x [B, H, W, C] -> logits [B, classes]; taps at the stem, all blocks and stages, and the features.
 * Throws UsageError on a spec that is none.
 */
export function mobilenet(given: MobilenetSpec): Network {
  const spec = parseSpec(MobilenetSpec, 'network', given);
  const blocks = blocksOf(spec);
  const { taps, boundaries } = stagedTaps(blocks, ['features']);
  return {
    ...tableOf(mobilenetLayers(spec, blocks)),
    taps,
    boundaries,
    width: (tap) => {
      if (tap === 'logits') return spec.classes;
      if (tap === 'features') return spec.features;
      return tap === 'stem' ? spec.stem.channels : blocks[lastAt(blocks, tap)]!.writes;
    },
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'stem') return convNormRelu6(scope, 'stem/conv', x as Tensor4D, spec.stem.stride);
      if (tap === 'features') return convNormRelu6(scope, 'features/conv', x as Tensor4D, 1);
      if (tap === 'logits')
        return dense(scope, 'head', dropout(scope, 'features', pixelMean(x), spec.dropout) as Tensor2D);
      const block = blocks.find(({ path }) => path === tap);
      // a stage's tap is that of its last block
      return block === undefined ? x : invertedResidual(scope, block, x as Tensor4D);
    }),
    readers: (tap) => {
      if (tap === 'features') return { kernels: ['head/kernel'] };
      const next = blocks[tap === 'stem' ? 0 : lastAt(blocks, tap) + 1];
      if (next === undefined) return { kernels: ['features/conv/kernel'] };
      if (next.skip) return { obstacle: `the skip connection of ${next.path} adds it unchanged, past every kernel` };
      if (!next.widens) return { obstacle: `the depthwise convolution of ${next.path} reads it channel by channel` };
      return { kernels: [`${next.path}/conv1/kernel`] };
    },
  };
}

function convNormRelu6(scope: Scope, path: string, x: Tensor4D, step: number, groups?: number): Tensor4D {
  return tf.relu6(convNorm(scope, path, normOf(path), x, { stride: step, groups }));
}

function invertedResidual(scope: Scope, { path, inner, stride: step, widens, skip }: Block, x: Tensor4D): Tensor {
  const wide = widens ? convNormRelu6(scope, `${path}/conv1`, x, 1) : x;
  const filtered = convNormRelu6(scope, `${path}/conv2`, wide, step, inner);
  const y = convNorm(scope, `${path}/conv3`, normOf(`${path}/conv3`), filtered);
  return skip ? tf.add(x, y) : y;
}

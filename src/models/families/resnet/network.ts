/**
 * Residual networks. He, Zhang, Ren, Sun 2016, as torchvision has them (the stride sits in the 3x3 convolution of a
 * bottleneck); `mid` widens the inner convolutions only, so that the outputs of all blocks keep their size: Zagoruyko,
 * Komodakis 2016, and the wide net of the paper for ResNets. Letters: B batch, H height, W width, C channels.
 */
import { z } from 'zod';
import { layerCount, width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { checkPositive } from '../../../core/range.js';
import { pixelMean } from '../../../engine/ops/pixel-mean.js';
import { tf, type Tensor, type Tensor4D } from '../../../engine/tensor.js';
import { convNorm, convNormAdd, dense, type Scope } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import { applyTaps } from '../../parts/apply-taps.js';
import { convolutionLayer, denseLayer, normOf, tableOf, type Layer } from '../../parts/layer-table.js';
import { lastAt, stagedTaps } from '../../parts/staged.js';

/** Schema of a residual network. */
export const ResnetSpec = z
  .strictObject({
    family: z.literal('resnet'),
    /**
     * Bottleneck: 1x1, 3x3, 1x1 with four times as many channels at its end (ResNet-50 and deeper). Basic: two 3x3
     * (ResNet-18, -34).
     */
    block: z.enum(['bottleneck', 'basic']).default('bottleneck'),
    /** Blocks in each stage; [3, 4, 6, 3] is ResNet-50's, [3, 4, 23, 3] ResNet-101's. */
    blocks: z.array(layerCount()).min(1).max(6),
    /** Channels of the 3x3 convolutions in stage 1; doubled from stage to stage. 64 in ResNet-50. */
    planes: width(),
    /** Factor on the inner channels only; 1 is thin, 2 is wide_resnet50_2. */
    mid: z.number().positive().max(1000).default(1),
    /** Small images: one 3x3 convolution. ImageNet: 7x7 with stride 2, then 3x3 max pooling with stride 2. */
    stem: z.strictObject({ kind: z.enum(['small', 'imagenet']), channels: width() }),
    /**
     * Groups of channels that the 3x3 convolution of a bottleneck reads apart: ResNeXt, Xie et al. 2017; 1 by default.
     */
    groups: width().optional(),
    /** False: the same convolutions without skip connections. */
    skip: z.boolean().default(true),
    classes: width(2),
    /** Channels of the input image. */
    channels: width(),
  })
  .refine(({ block, groups }) => groups === undefined || block === 'bottleneck', {
    path: ['groups'],
    error: 'expected the block "bottleneck": a basic one has no groups',
  })
  .refine((spec) => spec.blocks.every((_, stage) => innerOf(spec, stage) % (spec.groups ?? 1) === 0), {
    path: ['groups'],
    error: 'expected a divisor of the inner channels (planes x mid, doubled from stage to stage)',
  });
/** A residual network. */
export type ResnetSpec = z.infer<typeof ResnetSpec>;

/** Side and stride of the first convolution, and the stride of the pooling after it, by the kind of stem. */
export const STEMS = { small: { side: 3, stride: 1, pooled: 1 }, imagenet: { side: 7, stride: 2, pooled: 2 } } as const;

/** A residual block: where it is, its convolutions in order, and what its skip connection passes. */
export interface Block {
  readonly path: string;
  readonly stage: string;
  readonly convolutions: readonly {
    readonly path: string;
    readonly side: number;
    readonly reads: number;
    readonly writes: number;
    readonly stride: number;
    /** Where the channels are read in groups. */
    readonly groups?: number | undefined;
  }[];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly shortcut: boolean;
}

function expansionOf(spec: ResnetSpec): number {
  return spec.block === 'bottleneck' ? 4 : 1;
}

/** Inner channels of a stage's blocks: a whole number at or below planes x mid, doubled from stage to stage. */
export function innerOf({ planes, mid }: { readonly planes: number; readonly mid: number }, stage: number): number {
  return Math.max(1, Math.floor(planes * 2 ** stage * mid));
}

/**
 * The factor `mid` of a network whose stages have so many inner channels: {@link innerOf} gives these of it, where they
 * are of a network of that many planes.
 */
export function midOf(planes: number, inner: readonly number[]): number {
  const mid = Math.max(...inner.map((channels, stage) => channels / (planes * 2 ** stage)));
  // a quotient that was rounded down may fall short of the whole number when it is multiplied again: 26 x (30 / 26)
  const fallsShort = inner.some((channels, stage) => innerOf({ planes, mid }, stage) < channels);
  return fallsShort ? mid * (1 + Number.EPSILON) : mid;
}

function stageWidth(spec: ResnetSpec, stage: number): number {
  return spec.planes * 2 ** stage * expansionOf(spec);
}

/** The blocks of a residual network, in the order of the forward pass. */
export function blocksOf(spec: ResnetSpec): Block[] {
  return spec.blocks.flatMap((count, stage) =>
    Array.from({ length: count }, (_, block): Block => {
      const path = `stage${stage + 1}/block${block + 1}`;
      const outChannels = stageWidth(spec, stage);
      const inChannels = block > 0 ? outChannels : stage === 0 ? spec.stem.channels : stageWidth(spec, stage - 1);
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const inner = innerOf(spec, stage);
      const convolutions =
        spec.block === 'bottleneck'
          ? [
              { path: `${path}/conv1`, side: 1, reads: inChannels, writes: inner, stride: 1 },
              { path: `${path}/conv2`, side: 3, reads: inner, writes: inner, stride, groups: spec.groups },
              { path: `${path}/conv3`, side: 1, reads: inner, writes: outChannels, stride: 1 },
            ]
          : [
              { path: `${path}/conv1`, side: 3, reads: inChannels, writes: inner, stride },
              { path: `${path}/conv2`, side: 3, reads: inner, writes: outChannels, stride: 1 },
            ];
      return {
        path,
        stage: `stage${stage + 1}`,
        convolutions,
        inChannels,
        outChannels,
        stride,
        shortcut: spec.skip && (stride !== 1 || inChannels !== outChannels),
      };
    }),
  );
}

/** Every layer, in the order of the forward pass. */
function resnetLayers(spec: ResnetSpec): Layer[] {
  const { side, stride, pooled } = STEMS[spec.stem.kind];
  const layers = [
    convolutionLayer({
      path: 'stem/conv',
      tap: 'stem',
      shape: [side, side, spec.channels, spec.stem.channels],
      reads: 'channels',
      writes: 'stem',
      downsampling: stride,
    }),
  ];
  let [downsampling, before] = [stride * pooled, 'stem'];
  for (const block of blocksOf(spec)) {
    downsampling *= block.stride;
    layers.push(...blockLayers(spec, block, before, downsampling));
    before = spec.skip ? block.stage : block.path;
  }
  const features = stageWidth(spec, spec.blocks.length - 1);
  const head = { path: 'head', tap: 'logits', reads: before, writes: 'classes', init: 'uniform' } as const;
  return [...layers, denseLayer({ ...head, shape: [features, spec.classes] })];
}

/** The layers of a block that reads the channels called `before` and ends at this downsampling. */
function blockLayers(spec: ResnetSpec, block: Block, before: string, downsampling: number): Layer[] {
  const { path, stage, convolutions, inChannels, outChannels, shortcut } = block;
  // without a skip connection every output is a set of channels of its own
  const output = spec.skip ? stage : path;
  let reads = before;
  let reached = downsampling / block.stride;
  const layers = convolutions.map((part, i) => {
    reached *= part.stride;
    // groups are taken as a whole, of the layer that writes them and of the one that reads and writes them
    const inner = spec.groups === undefined ? part.path : `${path}/groups`;
    const writes = i < convolutions.length - 1 ? inner : output;
    const { groups = 1 } = part;
    const shape = [part.side, part.side, part.reads / groups, part.writes] as const;
    const read = part.groups === undefined ? reads : '';
    const layer = convolutionLayer({ path: part.path, tap: path, shape, reads: read, writes, downsampling: reached });
    reads = writes;
    return layer;
  });
  if (!shortcut) return layers;
  const projection = { path: `${path}/shortcut/conv`, tap: path, reads: before, writes: stage, downsampling };
  return [...layers, convolutionLayer({ ...projection, shape: [1, 1, inChannels, outChannels] })];
}

/**
 * A residual network: x [B, H, W, C] -> logits [B, classes]; taps at the stem, every block and every stage.
 * Throws UsageError on a spec that is none.
 */
export function resnet(given: ResnetSpec): Network {
  const spec = parseSpec(ResnetSpec, 'network', given);
  const blocks = blocksOf(spec);
  const { taps, boundaries } = stagedTaps(blocks);
  const step = (scope: Scope, tap: string, x: Tensor): Tensor => {
    if (tap === 'stem') return stem(spec, scope, x as Tensor4D);
    if (tap === 'logits') return dense(scope, 'head', pixelMean(x));
    const block = blocks.find(({ path }) => path === tap);
    // a stage's tap is that of its last block
    return block === undefined ? x : residualBlock(scope, block, spec.skip, x as Tensor4D);
  };
  return {
    ...tableOf(resnetLayers(spec)),
    taps,
    boundaries,
    width: (tap) => {
      if (tap === 'logits') return spec.classes;
      return tap === 'stem' ? spec.stem.channels : blocks[lastAt(blocks, tap)]!.outChannels;
    },
    apply: applyTaps(taps, step),
    readers: readersIn(spec, blocks),
    ...(spec.groups !== undefined && {
      units: Object.fromEntries(
        blocks.map(({ path, convolutions }) => [`${path}/groups`, convolutions[1]!.writes / spec.groups!]),
      ),
    }),
  };
}

/** Which kernels read the value at a tap of a residual network. */
function readersIn(spec: ResnetSpec, blocks: readonly Block[]): Network['readers'] {
  return (tap) => {
    const next = blocks[tap === 'stem' ? 0 : lastAt(blocks, tap) + 1];
    if (next === undefined) return { kernels: ['head/kernel'] };
    if (spec.skip && !next.shortcut)
      return { obstacle: `the skip connection of ${next.path} adds it unchanged, past every kernel` };
    return { kernels: [`${next.path}/conv1/kernel`, ...(next.shortcut ? [`${next.path}/shortcut/conv/kernel`] : [])] };
  };
}

function stem(spec: ResnetSpec, scope: Scope, x: Tensor4D): Tensor4D {
  const { stride, pooled } = STEMS[spec.stem.kind];
  const convolved = convNorm(scope, 'stem/conv', 'stem/norm', x, { stride, relu: true });
  if (pooled === 1) return convolved;
  // nothing is below 0 after a ReLU, so zeros around it pad a maximum as -infinity would
  return tf.maxPool(
    tf.pad(convolved, [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ]),
    3,
    2,
    'valid',
  );
}

function residualBlock(
  scope: Scope,
  { path, convolutions, stride, shortcut }: Block,
  skip: boolean,
  x: Tensor4D,
): Tensor4D {
  const last = convolutions.at(-1)!;
  const inner = convolutions
    .slice(0, -1)
    .reduce((value, part) => convNorm(scope, part.path, normOf(part.path), value, { ...part, relu: true }), x);
  if (!skip) return convNorm(scope, last.path, normOf(last.path), inner, { stride: last.stride, relu: true });
  const identity = (): Tensor4D =>
    shortcut ? convNorm(scope, `${path}/shortcut/conv`, `${path}/shortcut/norm`, x, { stride }) : x;
  return convNormAdd(scope, last.path, normOf(last.path), inner, { identity, stride: last.stride });
}

/**
 * All channels of a ResNet times a factor (the thin nets ResNet-50-1/2 and -1/4 of the paper), rounded, at least 1 of
 * each; and the groups of a ResNeXt, as far as they divide its inner channels. Throws RangeError unless the factor is
 * above 0.
 */
export function scaleWidth(spec: ResnetSpec, factor: number): ResnetSpec {
  checkPositive('scaleWidth: factor', factor);
  const scaled = (channels: number): number => Math.max(1, Math.round(channels * factor));
  const thin = {
    ...spec,
    planes: scaled(spec.planes),
    stem: { ...spec.stem, channels: scaled(spec.stem.channels) },
  };
  if (spec.groups === undefined) return thin;
  let groups = scaled(spec.groups);
  while (!spec.blocks.every((_, stage) => innerOf(thin, stage) % groups === 0)) groups--;
  return { ...thin, groups };
}

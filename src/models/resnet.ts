/**
 * Bottleneck residual networks. He, Zhang, Ren, Sun 2016 (the stride sits in the 3x3 convolution, as in torchvision); `mid` widens
 * the 3x3 convolutions only, so that the outputs of all blocks keep their size: Zagoruyko, Komodakis 2016, and the wide net of
 * the paper for ResNets. Letters: B batch, H height, W width, C channels.
 */
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { tf, type Tensor2D, type Tensor4D, type Tensors } from '../engine/tensor.js';
import { constant, heNormal, uniformFanIn, type Parameter, type Parameters } from '../nn/init.js';
import { batchNorm, conv2d, dense, type Scope } from '../nn/layers.js';

const EXPANSION = 4;

const size = z.int().min(1);

export const ResnetSpec = z.strictObject({
  family: z.literal('resnet'),
  /** Bottleneck blocks in each stage; [3, 4, 6, 3] is ResNet-50's, [3, 4, 23, 3] ResNet-101's. */
  blocks: z.array(size).min(1).max(6),
  /** Channels of the 3x3 convolutions in stage 1; doubled from stage to stage. 64 in ResNet-50. */
  planes: size,
  /** Factor on the channels of the 3x3 convolutions only; 1 is thin, 2 is wide_resnet50_2. */
  mid: size,
  /** Output channels of the 3x3 stem (small images, no pooling). */
  stem: size,
  classes: z.int().min(2),
  /** Channels of the input image. */
  channels: size,
});
export type ResnetSpec = z.infer<typeof ResnetSpec>;

/** Names of the taps, in order: `stem`, `stage1` ..., `logits`. */
export function tapsOf(spec: ResnetSpec): string[] {
  return ['stem', ...spec.blocks.map((_, stage) => `stage${stage + 1}`), 'logits'];
}

interface Block {
  readonly path: string;
  readonly inChannels: number;
  readonly middle: number;
  readonly outChannels: number;
  readonly stride: number;
  readonly shortcut: boolean;
}

function blocksOf(spec: ResnetSpec, stage: number): Block[] {
  const planes = spec.planes * 2 ** stage;
  const outChannels = planes * EXPANSION;
  const before = stage === 0 ? spec.stem : (planes / 2) * EXPANSION;
  return Array.from({ length: spec.blocks[stage]! }, (_, block) => {
    const inChannels = block === 0 ? before : outChannels;
    const stride = block === 0 && stage > 0 ? 2 : 1;
    const shortcut = stride !== 1 || inChannels !== outChannels;
    return { path: `stage${stage + 1}/block${block + 1}`, inChannels, middle: planes * spec.mid, outChannels, stride, shortcut };
  });
}

function allBlocks(spec: ResnetSpec): Block[] {
  return spec.blocks.flatMap((_, stage) => blocksOf(spec, stage));
}

/** Shape of every convolution [h, w, in, out], by path. */
function convolutions(spec: ResnetSpec): [string, [number, number, number, number]][] {
  return [
    ['stem/conv', [3, 3, spec.channels, spec.stem]],
    ...allBlocks(spec).flatMap(({ path, inChannels, middle, outChannels, shortcut }): [string, [number, number, number, number]][] => [
      [`${path}/conv1`, [1, 1, inChannels, middle]],
      [`${path}/conv2`, [3, 3, middle, middle]],
      [`${path}/conv3`, [1, 1, middle, outChannels]],
      ...(shortcut ? [[`${path}/shortcut/conv`, [1, 1, inChannels, outChannels]] as [string, [number, number, number, number]]] : []),
    ]),
  ];
}

/** The batch norm that follows a convolution: `.../conv2` has `.../norm2`. */
function normOf(convolution: string): string {
  return convolution.replace(/conv(\d?)$/, 'norm$1');
}

export interface Model {
  readonly params: Parameters;
  readonly state: Parameters;
}

/** Fresh parameters and running statistics; a function of the seed and the spec alone. */
export function initResnet(seed: number, spec: ResnetSpec): Model {
  const params: Record<string, Parameter> = {};
  const state: Record<string, Parameter> = {};
  for (const [path, shape] of convolutions(spec)) {
    const norm = normOf(path);
    const channels = [shape[3]];
    params[`${path}/kernel`] = heNormal(seed, `${path}/kernel`, shape);
    params[`${norm}/gamma`] = constant(channels, 1);
    params[`${norm}/beta`] = constant(channels, 0);
    state[`${norm}/mean`] = constant(channels, 0);
    state[`${norm}/variance`] = constant(channels, 1);
  }
  const features = spec.planes * 2 ** (spec.blocks.length - 1) * EXPANSION;
  params['head/kernel'] = uniformFanIn(seed, 'head/kernel', [features, spec.classes]);
  params['head/bias'] = uniformFanIn(seed, 'head/bias', [spec.classes], features);
  return { params, state };
}

export interface ApplyOptions {
  /** Start after this tap, whose value is given, and not at the image. */
  readonly from?: string;
  /** Stop at this tap; `logits` by default. */
  readonly until?: string;
}

/**
 * Runs the network: x [B, H, W, C] -> taps by name, each [B, H', W', C'], `logits` [B, classes]. Running statistics are not
 * changed here. Throws UsageError on a tap that does not exist.
 */
export function applyResnet(spec: ResnetSpec, scope: Scope, x: Tensor4D, { from, until = 'logits' }: ApplyOptions = {}): Tensors {
  const names = tapsOf(spec);
  for (const name of [from, until]) {
    if (name !== undefined && !names.includes(name)) throw new UsageError(`unknown tap "${name}"; expected one of: ${names.join(', ')}`);
  }
  const taps: Record<string, Tensor2D | Tensor4D> = {};
  let value: Tensor4D = x;
  for (const name of names.slice(from === undefined ? 0 : names.indexOf(from) + 1, names.indexOf(until) + 1)) {
    if (name === 'logits') {
      taps[name] = dense(scope, 'head', tf.mean(value, [1, 2]));
    } else {
      value = name === 'stem' ? stem(scope, value) : blocksOf(spec, Number(name.slice(5)) - 1).reduce((input, block) => bottleneck(scope, block, input), value);
      taps[name] = value;
    }
  }
  return taps;
}

function stem(scope: Scope, x: Tensor4D): Tensor4D {
  return tf.relu(batchNorm(scope, 'stem/norm', conv2d(scope, 'stem/conv', x)));
}

function bottleneck(scope: Scope, { path, stride, shortcut }: Block, x: Tensor4D): Tensor4D {
  const reduced = tf.relu(batchNorm(scope, `${path}/norm1`, conv2d(scope, `${path}/conv1`, x)));
  const middle = tf.relu(batchNorm(scope, `${path}/norm2`, conv2d(scope, `${path}/conv2`, reduced, stride)));
  const residual = batchNorm(scope, `${path}/norm3`, conv2d(scope, `${path}/conv3`, middle));
  const skip = shortcut ? batchNorm(scope, `${path}/shortcut/norm`, conv2d(scope, `${path}/shortcut/conv`, x, stride)) : x;
  return tf.relu(tf.add(residual, skip));
}

/** Multiply-adds times two of one image of `pixels` x `pixels`, forward; a training step costs about three times as much. */
export function forwardFlops(spec: ResnetSpec, pixels: number): number {
  const strideBefore = (stage: number): number => Math.ceil(pixels / 2 ** Math.max(0, stage));
  return convolutions(spec).reduce((sum, [path, [height, width, inChannels, outChannels]]) => {
    const [, stageText, blockText] = /^stage(\d+)\/block(\d+)/.exec(path) ?? [undefined, '1', '2'];
    const stage = Number(stageText) - 1;
    const reducing = path.endsWith('conv1') && blockText === '1' && stage > 0;
    const side = reducing ? strideBefore(stage - 1) : strideBefore(stage);
    return sum + 2 * height * width * inChannels * outChannels * side * side;
  }, 0);
}

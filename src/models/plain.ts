/**
 * Networks that are one layer after the other, of any depth, all of one width: convolutional (3x3, batch norm,
 * nonlinearity) and fully connected. With `skip` each layer adds its input to its output, as the residual particle
 * model does (theory/README.md); without, it does not: the pair shows what a skip connection is worth to imitation.
 * Letters: B batch, H height, W width, C channels.
 */
import { z } from 'zod';
import { tf, type Tensor, type Tensor2D, type Tensor4D } from '../engine/tensor.js';
import { ACTIVATIONS, convNorm, dense, type Scope } from '../nn/layers.js';
import type { Network } from '../nn/network.js';
import { axesOf, flopsOf, initLinears, normOf, ownerIn, shapesOf, type Linear } from './layer-table.js';
import { applyTaps } from './apply-taps.js';

const size = z.int().min(1);

const PlainSpec = z.strictObject({
  layers: size,
  /** Channels of every layer. */
  width: size,
  skip: z.boolean().default(false),
  activation: z.enum(['relu', 'tanh']),
  classes: z.int().min(2),
});

/** The side is halved after a third and after two thirds of the layers. */
export const ConvnetSpec = PlainSpec.extend({ family: z.literal('convnet'), channels: size });
export type ConvnetSpec = z.infer<typeof ConvnetSpec>;

/** `inputs` numbers per example, whatever their shape. */
export const MlpSpec = PlainSpec.extend({ family: z.literal('mlp'), inputs: size });
export type MlpSpec = z.infer<typeof MlpSpec>;

interface Layer {
  readonly name: string;
  readonly stride: number;
  readonly skip: boolean;
}

function layersOf(spec: ConvnetSpec | MlpSpec): Layer[] {
  const halving =
    spec.family === 'convnet' && spec.layers >= 3
      ? [Math.floor(spec.layers / 3), Math.floor((2 * spec.layers) / 3)]
      : [];
  return Array.from({ length: spec.layers }, (_, i): Layer => {
    const stride = halving.includes(i) ? 2 : 1;
    return { name: `layer${i + 1}`, stride, skip: spec.skip && i > 0 && stride === 1 };
  });
}

/** Every linear layer, in the order of the forward pass. */
function plainLayers(spec: ConvnetSpec | MlpSpec): Linear[] {
  const linears: Linear[] = [];
  let [reads, channels, downsampling] =
    spec.family === 'convnet' ? ['channels', spec.channels, 1] : ['inputs', spec.inputs, 1];
  for (const { name, stride, skip } of layersOf(spec)) {
    downsampling *= stride;
    const writes = skip ? reads : name; // a skip connection carries the channels on
    const common = { tap: name, reads, writes, downsampling };
    if (spec.family === 'convnet') {
      linears.push({
        ...common,
        path: `${name}/conv`,
        shape: [3, 3, channels, spec.width],
        norm: normOf(`${name}/conv`),
        bias: false,
        init: 'he',
      });
    } else {
      linears.push({
        ...common,
        path: name,
        shape: [channels, spec.width],
        norm: undefined,
        bias: true,
        init: spec.activation === 'relu' ? 'he' : 'orthogonal',
      });
    }
    [reads, channels] = [writes, spec.width];
  }
  linears.push({
    path: 'head',
    tap: 'logits',
    shape: [spec.width, spec.classes],
    reads,
    writes: 'classes',
    norm: undefined,
    bias: true,
    init: 'uniform',
    downsampling: 1,
  });
  return linears;
}

export function plain(spec: ConvnetSpec | MlpSpec): Network {
  const linears = plainLayers(spec);
  const layers = layersOf(spec);
  const names = layers.map(({ name }) => name);
  const taps = [...names, 'logits'];
  const kernelOf = (name: string): string => (spec.family === 'convnet' ? `${name}/conv/kernel` : `${name}/kernel`);
  const step = (scope: Scope, tap: string, x: Tensor): Tensor => {
    if (tap === 'logits') return dense(scope, 'head', spec.family === 'convnet' ? tf.mean(x, [1, 2]) : (x as Tensor2D));
    const { stride, skip } = layers[names.indexOf(tap)]!;
    const y =
      spec.family === 'convnet'
        ? convolution(spec, scope, tap, x as Tensor4D, stride)
        : ACTIVATIONS[spec.activation](
            dense(scope, tap, tap === names[0] ? x.reshape([x.shape[0]!, -1]) : (x as Tensor2D)),
          );
    return skip ? tf.add(x, y) : y;
  };
  return {
    taps,
    boundaries: { stage: names, block: names },
    width: (tap) => (tap === 'logits' ? spec.classes : spec.width),
    shapes: shapesOf(linears),
    init: (seed) => initLinears(seed, linears),
    apply: applyTaps(taps, step),
    owner: ownerIn(linears),
    readers: (tap) => {
      const next = layers[names.indexOf(tap) + 1];
      if (next === undefined) return { kernels: ['head/kernel'] };
      return next.skip
        ? { obstacle: `the skip connection of ${next.name} adds it unchanged, past every kernel` }
        : { kernels: [kernelOf(next.name)] };
    },
    flops: (shape) => flopsOf(linears, shape),
    axes: axesOf(linears),
  };
}

function convolution({ activation }: ConvnetSpec, scope: Scope, name: string, x: Tensor4D, stride: number): Tensor {
  const [conv, norm] = [`${name}/conv`, normOf(`${name}/conv`)];
  if (activation === 'relu') return convNorm(scope, conv, norm, x, { stride, relu: true });
  return ACTIVATIONS[activation](convNorm(scope, conv, norm, x, { stride }));
}

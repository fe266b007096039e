/**
 * What networks that are one layer after the other, of any depth, all of one width, have in common. With `skip` each
 * layer adds its input to its output, as the residual particle model does (theory/README.md); without, it does not: the
 * pair shows what a skip connection is worth to imitation. Letters: B batch, C channels.
 */
import { z } from 'zod';
import { layerCount, width } from '../../../core/magnitudes.js';
import { tf, type Tensor, type Tensor2D } from '../../../engine/tensor.js';
import { dense, type Scope } from '../../../nn/layers.js';
import type { HostWeights, Network } from '../../../nn/network.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { applyTaps } from '../../parts/apply-taps.js';
import { classHead, type Thinning } from '../../interface/family.js';
import { denseLayer, tableOf, type Layer } from '../../parts/layer-table.js';
import { ACTIVATION_NODES, denseNode, logitsOutput, onnxScope, type OnnxScope } from '../../formats/onnx-nodes.js';

/** Schema of what plain networks declare alike. */
export const PlainSpec = z.strictObject({
  numLayers: layerCount(),
  /** Channels of every layer. */
  width: width(),
  skip: z.boolean().default(false),
  activation: z.enum(['relu', 'tanh']),
  classes: width(2),
});
/** What plain networks declare alike. */
export type PlainSpec = z.infer<typeof PlainSpec>;

/** One layer of a plain network. */
export interface PlainLayer {
  readonly name: string;
  /** Side of its input over the side of its output. */
  readonly stride: number;
  /** Whether it adds its input to its output. */
  readonly skip: boolean;
}

/** What tells one kind of plain network from another. */
export interface PlainKind {
  /** Name and number of the channels of the network's input. */
  readonly input: readonly [string, number];
  /** Numbers of the layers, from 0, that halve the side of an image. */
  readonly halving: readonly number[];
  /** Path of a layer's kernel, without the leaf `kernel`. */
  readonly path: (layer: string) => string;
  /** The layer as a row of the table; `channels` that it reads under the name `reads`, and what it writes. */
  readonly row: (
    layer: PlainLayer,
    channels: number,
    names: { readonly reads: string; readonly writes: string },
    downsampling: number,
  ) => Layer;
  /** The layer's output, its nonlinearity included, without the skip connection. `first`: it reads the input. */
  readonly apply: (scope: Scope, layer: PlainLayer, x: Tensor, first: boolean) => Tensor;
  /** What the classifier reads of the last layer, [B, C]. */
  readonly features: (x: Tensor) => Tensor2D;
  /** Input, layers before their nonlinearity, and features as nodes of an ONNX graph. */
  readonly onnx: {
    readonly input: (scope: OnnxScope) => Value;
    readonly layer: (scope: OnnxScope, layer: PlainLayer, x: Value) => Value;
    readonly features: (scope: OnnxScope, x: Value) => Value;
  };
}

/** How plain networks are made thin: every layer by the same factor. */
export function plainThinning<Spec extends PlainSpec>(): Thinning<Spec> {
  return {
    narrow: (spec, factor) => ({ ...spec, width: Math.max(1, Math.round(spec.width * factor)) }),
    withHead: classHead('plain networks read numbers'),
    recipe: 'sgd',
  };
}

/** The layers of a plain spec, in order. */
function layersOf(spec: PlainSpec, { halving }: PlainKind): PlainLayer[] {
  return Array.from({ length: spec.numLayers }, (_, i) => {
    const stride = halving.includes(i) ? 2 : 1;
    return { name: `layer${i + 1}`, stride, skip: spec.skip && i > 0 && stride === 1 };
  });
}

/** The network of a plain spec as an ONNX graph. */
export function plainGraph(spec: PlainSpec, kind: PlainKind, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const { graph } = scope;
  const last = layersOf(spec, kind).reduce((x, layer) => {
    const y = graph.node(ACTIVATION_NODES[spec.activation], [kind.onnx.layer(scope, layer, x)], {}, layer.name);
    return layer.skip ? graph.node('Add', [x, y], {}, layer.name) : y;
  }, kind.onnx.input(scope));
  return logitsOutput(scope, denseNode(scope, 'head', kind.onnx.features(scope, last)), spec.classes);
}

/** The network of a plain spec. */
export function plainNetwork(spec: PlainSpec, kind: PlainKind): Network {
  const layers = layersOf(spec, kind);
  const names = layers.map(({ name }) => name);
  const taps = [...names, 'logits'];
  return {
    ...tableOf(rowsOf(spec, kind, layers)),
    taps,
    boundaries: { stage: names, block: names },
    width: (tap) => (tap === 'logits' ? spec.classes : spec.width),
    apply: applyTaps(taps, (scope, tap, x) => {
      if (tap === 'logits') return dense(scope, 'head', kind.features(x));
      const layer = layers[names.indexOf(tap)]!;
      const y = kind.apply(scope, layer, x, tap === names[0]);
      return layer.skip ? tf.add(x, y) : y;
    }),
    readers: (tap) => {
      const next = layers[names.indexOf(tap) + 1];
      if (next === undefined) return { kernels: ['head/kernel'] };
      return next.skip
        ? { obstacle: `the skip connection of ${next.name} adds it unchanged, past every kernel` }
        : { kernels: [`${kind.path(next.name)}/kernel`] };
    },
  };
}

/** Every layer, in the order of the forward pass. */
function rowsOf(spec: PlainSpec, kind: PlainKind, layers: readonly PlainLayer[]): Layer[] {
  const rows: Layer[] = [];
  let [reads, channels] = kind.input;
  let downsampling = 1;
  for (const layer of layers) {
    downsampling *= layer.stride;
    const writes = layer.skip ? reads : layer.name; // a skip connection carries the channels on
    rows.push(kind.row(layer, channels, { reads, writes }, downsampling));
    [reads, channels] = [writes, spec.width];
  }
  const head = { path: 'head', tap: 'logits', reads, writes: 'classes', init: 'uniform' } as const;
  return [...rows, denseLayer({ ...head, shape: [spec.width, spec.classes] })];
}

/**
 * Layers as nodes of ONNX graphs: what src/nn/layers.ts and src/nn/transformer.ts compute in evaluation. Images are
 * [B, C, H, W] there, kernels of convolutions [out, in, h, w]. Letters: B batch, T tokens, C channels, N heads, d
 * channels of a head.
 */
import { filled, type HostArray } from '../../core/host-array.js';
import { BATCH_NORM_EPSILON, type ACTIVATIONS } from '../../nn/layers.js';
import type { HostWeights } from '../../nn/network.js';
import { NEVER, OTHER_SIDE } from '../../nn/transformer.js';
import { OnnxGraph, type Attributes, type Dimension, type Value } from '../../onnx/graph.js';
import { transpose } from './exchange.js';

/** A graph, and the weights that its constants are made of. */
export interface OnnxScope {
  readonly graph: OnnxGraph;
  readonly weights: HostWeights;
}

/** An empty graph for a network with these weights. */
export function onnxScope(weights: HostWeights): OnnxScope {
  return { graph: new OnnxGraph(), weights };
}

/** Operators that compute the nonlinearities of {@link ACTIVATIONS}. */
export const ACTIVATION_NODES: Readonly<Record<keyof typeof ACTIVATIONS, string>> = { relu: 'Relu', tanh: 'Tanh' };

/** The parameter at a path, as a constant under that name. */
export function parameterNode({ graph, weights }: OnnxScope, path: string): Value {
  return graph.constant(path, weights.params[path]!);
}

/** The input of a network that reads images: `input` [batch, channels, height, width]. */
export function imageInput({ graph }: OnnxScope, channels: number, sides?: readonly [Dimension, Dimension]): Value {
  return graph.input('input', 'float32', ['batch', channels, ...(sides ?? ['height', 'width'])]);
}

/** Gives scores of the classes out: `logits` [batch, classes]. */
export function logitsOutput({ graph }: OnnxScope, scores: Value, classes: number): OnnxGraph {
  graph.output('logits', scores, ['batch', classes]);
  return graph;
}

/** How {@link convNormNode} convolves, and what comes after. */
export interface ConvNodeOptions {
  readonly stride?: number;
  readonly groups?: number | undefined;
  readonly relu?: boolean;
}

/** A convolution with bias, kernel [h, w, C / groups, out] here; `moves` are its strides, pads and group. */
export function convNode(
  { graph }: OnnxScope,
  path: string,
  x: Value,
  { kernel, bias }: { readonly kernel: HostArray; readonly bias: HostArray },
  moves: Attributes,
): Value {
  const weight = graph.constant(`${path}/kernel`, transpose(kernel, [3, 2, 0, 1]));
  const attributes = { ...moves, kernel_shape: kernel.shape.slice(0, 2) };
  return graph.node('Conv', [x, weight, graph.constant(`${path}/bias`, bias)], attributes, path);
}

/** Zeros on every side so that a kernel [h, w, ...] moves by one pixel to as many places as there are pixels. */
function halfPads({ shape: [height, width] }: HostArray): readonly number[] {
  const pads = [(height! - 1) / 2, (width! - 1) / 2];
  return [...pads, ...pads];
}

/** How {@link biasedConvNode} convolves. */
export interface BiasedConvOptions {
  readonly groups?: number;
  /** Windows side by side, without padding: a stride of the kernel's side. */
  readonly patches?: boolean;
}

/** A convolution with the kernel and the bias at `path`. */
export function biasedConvNode(
  scope: OnnxScope,
  path: string,
  x: Value,
  { groups = 1, patches = false }: BiasedConvOptions,
): Value {
  const [kernel, bias] = [scope.weights.params[`${path}/kernel`]!, scope.weights.params[`${path}/bias`]!];
  const moves: Attributes = patches ? { strides: kernel.shape.slice(0, 2) } : { pads: halfPads(kernel) };
  return convNode(scope, path, x, { kernel, bias }, { ...moves, group: groups });
}

/** Convolution and batch norm by its running statistics, folded into one; a ReLU after it if asked for. */
export function convNormNode(
  scope: OnnxScope,
  conv: string,
  norm: string,
  x: Value,
  { stride = 1, groups = 1, relu = false }: ConvNodeOptions = {},
): Value {
  const { params, state } = scope.weights;
  const [kernel, gamma, beta] = [`${conv}/kernel`, `${norm}/gamma`, `${norm}/beta`].map((path) => params[path]!) as [
    HostArray,
    HostArray,
    HostArray,
  ];
  const [mean, variance] = [state[`${norm}/mean`]!, state[`${norm}/variance`]!];
  const factors = filled(
    new Float64Array(gamma.values.length),
    (i) => gamma.values[i]! / Math.sqrt(variance.values[i]! + BATCH_NORM_EPSILON),
  );
  const outputs = factors.length;
  const values = new Float32Array(kernel.values.length);
  for (let i = 0; i < values.length; i++) values[i] = kernel.values[i]! * factors[i % outputs]!;
  const folded = {
    kernel: { ...kernel, values },
    bias: { ...beta, values: beta.values.map((value, i) => value - mean.values[i]! * factors[i]!) },
  };
  const y = convNode(scope, conv, x, folded, { strides: [stride, stride], pads: halfPads(kernel), group: groups });
  return relu ? scope.graph.node('Relu', [y], {}, conv) : y;
}

/** Mean over the pixels: [B, C, H, W] -> [B, C]. */
export function meanOfPixels({ graph }: OnnxScope, x: Value): Value {
  return graph.node('Flatten', [graph.node('GlobalAveragePool', [x])], { axis: 1 });
}

/** x [..., C] times kernel [C, out] plus bias [out]. */
export function denseNode(scope: OnnxScope, path: string, x: Value): Value {
  const { graph } = scope;
  const product = graph.node('MatMul', [x, parameterNode(scope, `${path}/kernel`)], {}, path);
  return graph.node('Add', [product, parameterNode(scope, `${path}/bias`)], {}, path);
}

/** Layer normalization over the last axis. */
export function layerNormNode(scope: OnnxScope, path: string, x: Value, epsilon: number): Value {
  const parameters = ['gamma', 'beta'].map((leaf) => parameterNode(scope, `${path}/${leaf}`));
  return scope.graph.node('LayerNormalization', [x, ...parameters], { axis: -1, epsilon: { float: epsilon } }, path);
}

/** x Phi(x) with Phi the normal distribution function, by the error function. */
export function geluNode({ graph }: OnnxScope, x: Value, at = ''): Value {
  const erf = graph.node('Erf', [graph.node('Mul', [x, graph.scalar(Math.SQRT1_2)], {}, at)], {}, at);
  const phi = graph.node('Mul', [graph.node('Add', [erf, graph.scalar(1)], {}, at), graph.scalar(0.5)], {}, at);
  return graph.node('Mul', [x, phi], {}, at);
}

/** Shape of the heads of {@link attentionNode}. */
export interface AttentionNodeOptions {
  readonly numHeads: number;
  readonly headSize: number;
  /** Is added to the scores, [B or 1, 1 or N, 1 or T, T]. */
  readonly bias?: Value | undefined;
}

/** Multi-head self-attention without its output layer: x [B, T, H] -> [B, T, N d]. */
export function attentionNode(
  scope: OnnxScope,
  path: string,
  x: Value,
  { numHeads, headSize, bias }: AttentionNodeOptions,
): Value {
  const { graph } = scope;
  const node = (operator: string, inputs: Value[], attributes = {}): Value =>
    graph.node(operator, inputs, attributes, path);
  const split = (name: string, order: readonly number[]): Value => {
    const heads = node('Reshape', [denseNode(scope, `${path}/${name}`, x), graph.integers([0, 0, numHeads, headSize])]);
    return node('Transpose', [heads], { perm: order });
  };
  const products = node('MatMul', [split('query', [0, 2, 1, 3]), split('key', [0, 2, 3, 1])]);
  const scores = node('Mul', [products, graph.scalar(1 / Math.sqrt(headSize))]);
  const weights = node('Softmax', [bias === undefined ? scores : node('Add', [scores, bias])], { axis: -1 });
  const mixed = node('Transpose', [node('MatMul', [weights, split('value', [0, 2, 1, 3])])], { perm: [0, 2, 1, 3] });
  return node('Reshape', [mixed, graph.integers([0, 0, numHeads * headSize])]);
}

/** The bias of attention's scores [B, 1, 1, T] that hides what a mask [B, T] of int64 says is padding. */
export function paddingBias({ graph }: OnnxScope, mask: Value): Value {
  const there = graph.toFloat(mask, 'mask');
  const hidden = graph.node('Mul', [graph.node('Sub', [graph.scalar(1), there], {}, 'mask'), graph.scalar(NEVER)]);
  return graph.node('Unsqueeze', [hidden, graph.integers([1, 2])], {}, 'mask');
}

/** The bias of attention's scores [N, T, T] by distance, for as many tokens as the int64 scalar `tokens` says. */
export function distanceBiasNode({ graph }: OnnxScope, numHeads: number, slope: number, tokens: Value): Value {
  const node = (operator: string, inputs: Value[], attributes = {}): Value =>
    graph.node(operator, inputs, attributes, 'distance');
  const perHead = (name: string, value: (head: number) => number): Value =>
    graph.constant(`distance/${name}`, {
      shape: [numHeads, 1, 1],
      values: filled(new Float32Array(numHeads), value),
    });
  const range = node('Range', [graph.integer(0), tokens, graph.integer(1)]);
  const positions = graph.toFloat(range, 'distance');
  const [rows, columns] = [1, 0].map((axis) => node('Unsqueeze', [positions, graph.integers([axis])]));
  const side = perHead('side', (head) => (head % 2 === 0 ? 1 : -1));
  const away = node('Mul', [node('Sub', [rows!, columns!]), side]);
  const fall = perHead('slope', (head) => -slope * 2 ** -Math.floor(head / 2));
  const seen = node('Mul', [node('Sub', [away, graph.scalar(1)]), fall]);
  const itself = node('Where', [node('Equal', [away, graph.scalar(0)]), fall, graph.scalar(-OTHER_SIDE)]);
  return node('Where', [node('Greater', [away, graph.scalar(0)]), seen, itself]);
}

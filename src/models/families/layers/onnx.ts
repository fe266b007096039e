/** Networks that are declared layer by layer as ONNX graphs. Images are [B, C, H, W] there and [B, H, W, C] here. */
import type { HostWeights } from '../../../nn/network.js';
import type { Attributes, OnnxGraph, Value } from '../../../onnx/graph.js';
import { graphOf, windowsOf, type LayerSpec, type LayersSpec } from './network.js';
import {
  convNode,
  imageInput,
  logitsOutput,
  onnxScope,
  parameterNode,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';

type Kind = LayerSpec['kind'];
type Of<K extends Kind> = Extract<LayerSpec, { kind: K }>;
type Activation = Of<'activation'>['activation'];

/** Operators of nonlinearities; an empty one for those that are none, or are left to the losses. */
const OPERATORS: Readonly<Record<Exclude<Activation, 'relu6'>, string>> = {
  ...{ linear: '', softmax: '', relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid', elu: 'Elu', selu: 'Selu' },
  softplus: 'Softplus',
};

function activationNode({ graph }: OnnxScope, activation: Activation, x: Value, at: string): Value {
  if (activation === 'relu6') return graph.node('Clip', [x, graph.scalar(0), graph.scalar(6)], {}, at);
  return OPERATORS[activation] === '' ? x : graph.node(OPERATORS[activation], [x], {}, at);
}

/** How a window moves over what a layer reads, [H, W, C]: strides, and zeros on every side, as TensorFlow counts. */
function movesOf(
  read: readonly number[],
  size: readonly [number, number],
  { strides, padding }: Pick<Of<'pool'>, 'strides' | 'padding'>,
): Attributes {
  const [rows, columns] = windowsOf(read, size, strides, padding).padding;
  return { strides, pads: [rows![0], columns![0], rows![1], columns![1]] };
}

/** How a layer of each kind is written; `read` is the shape of the first value that it reads, without the batch. */
const NODES: {
  readonly [K in Kind]: (scope: OnnxScope, layer: Of<K>, values: readonly Value[], read: readonly number[]) => Value;
} = {
  dense: (scope, { name, units, activation }, [x]) => {
    const { graph, weights } = scope;
    const { values } = weights.params[`${name}/kernel`]!;
    // of flattened images the kernel is [P, C, out] here
    const kernel = graph.constant(`${name}/kernel`, { shape: [values.length / units, units], values });
    const product = graph.node('MatMul', [x!, kernel], {}, name);
    const sum = graph.node('Add', [product, parameterNode(scope, `${name}/bias`)], {}, name);
    return activationNode(scope, activation, sum, name);
  },
  conv: (scope, layer, [x], read) => {
    const { name, activation } = layer;
    const [kernel, bias] = [scope.weights.params[`${name}/kernel`]!, scope.weights.params[`${name}/bias`]!];
    const y = convNode(scope, name, x!, { kernel, bias }, { ...movesOf(read, layer.kernel, layer), group: 1 });
    return activationNode(scope, activation, y, name);
  },
  norm: ({ graph, weights }, { name, epsilon }, [x]) => {
    const of = (leaf: string): Value =>
      graph.constant(`${name}/${leaf}`, (weights.params[`${name}/${leaf}`] ?? weights.state[`${name}/${leaf}`])!);
    const inputs = [x!, ...['gamma', 'beta', 'mean', 'variance'].map(of)];
    return graph.node('BatchNormalization', inputs, { epsilon: { float: epsilon } }, name);
  },
  activation: (scope, { name, activation }, [x]) => activationNode(scope, activation, x!, name),
  pool: ({ graph }, layer, [x], read) => {
    const attributes = { kernel_shape: layer.size, ...movesOf(read, layer.size, layer) };
    return graph.node(layer.by === 'max' ? 'MaxPool' : 'AveragePool', [x!], attributes, layer.name);
  },
  global: ({ graph }, { name, by }, [x]) => {
    const pooled = graph.node(by === 'max' ? 'GlobalMaxPool' : 'GlobalAveragePool', [x!], {}, name);
    return graph.node('Flatten', [pooled], { axis: 1 }, name);
  },
  flatten: ({ graph }, { name }, [x], read) => {
    if (read.length === 1) return x!;
    // pixel by pixel, each with its channels, as rows are made here
    const turned = graph.node('Transpose', [x!], { perm: [0, 2, 3, 1] }, name);
    return graph.node('Flatten', [turned], { axis: 1 }, name);
  },
  add: ({ graph }, { name }, values) => values.reduce((sum, other) => graph.node('Add', [sum, other], {}, name)),
  dropout: (_, __, [x]) => x!,
};

/** The network as an ONNX graph: `input` [batch, channels, height, width] or [batch, numbers] -> `logits`. */
export function layersGraph(spec: LayersSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const { name, shape } = spec.input;
  const [height, width, channels] = shape;
  const input =
    shape.length === 1
      ? scope.graph.input('input', 'float32', ['batch', shape[0]])
      : imageInput(scope, channels!, [height, width!]);
  const values = new Map<string, Value>([[name, input]]);
  const { nodes } = graphOf(spec);
  for (const { layer, inputs } of nodes) {
    const read = layer.from.map((from) => values.get(from)!);
    const write = NODES[layer.kind] as (...given: Parameters<(typeof NODES)[Kind]>) => Value;
    values.set(layer.name, write(scope, layer as never, read, inputs[0]!.shape));
  }
  const last = nodes.at(-1)!;
  return logitsOutput(scope, values.get(last.layer.name)!, last.value.shape[0]!);
}

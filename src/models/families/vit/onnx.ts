/** Vision transformers as ONNX graphs: `input` [batch, channels, side, side] -> `logits` [batch, classes]. */
import type { HostWeights } from '../../../nn/network.js';
import { headSizeOf } from '../../../nn/transformer.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { transpose } from '../../formats/exchange.js';
import {
  attentionNode,
  denseNode,
  geluNode,
  imageInput,
  layerNormNode,
  logitsOutput,
  onnxScope,
  parameterNode,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';
import { VIT_EPSILON, type VitSpec } from './network.js';

function embeddingsNode(scope: OnnxScope, spec: VitSpec, input: Value): Value {
  const { graph, weights } = scope;
  const { patchSize: side, channels, hiddenSize } = spec;
  const at = 'embeddings';
  const kernel = { ...weights.params['embeddings/patch/kernel']!, shape: [side, side, channels, hiddenSize] };
  const weight = graph.constant('embeddings/patch/kernel', transpose(kernel, [3, 2, 0, 1]));
  const bias = parameterNode(scope, 'embeddings/patch/bias');
  const patches = graph.node('Conv', [input, weight, bias], { strides: [side, side], kernel_shape: [side, side] }, at);
  const tokens = graph.node(
    'Transpose',
    [graph.node('Reshape', [patches, graph.integers([0, hiddenSize, -1])], {}, at)],
    { perm: [0, 2, 1] },
    at,
  );
  const batch = graph.node(
    'Slice',
    [graph.node('Shape', [input], {}, at), graph.integers([0]), graph.integers([1])],
    {},
    at,
  );
  const shape = graph.node('Concat', [batch, graph.integers([1, hiddenSize])], { axis: 0 }, at);
  const first = graph.node('Expand', [parameterNode(scope, 'embeddings/class/kernel'), shape], {}, at);
  const all = graph.node('Concat', [first, tokens], { axis: 1 }, at);
  return graph.node('Add', [all, parameterNode(scope, 'embeddings/position/kernel')], {}, at);
}

/** The graph of a vision transformer. */
export function vitGraph(spec: VitSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const { graph } = scope;
  const { imageSize, channels, numHeads } = spec;
  const input = imageInput(scope, channels, [imageSize, imageSize]);
  let x = embeddingsNode(scope, spec, input);
  const half = (path: string, inside: (normed: Value) => Value): Value => {
    const y = inside(layerNormNode(scope, `${path}/norm`, x, VIT_EPSILON));
    return graph.node('Add', [denseNode(scope, `${path}/output`, y), x], {}, path);
  };
  for (let i = 1; i <= spec.numLayers; i++) {
    const layer = `layer${i}`;
    x = half(`${layer}/attention`, (y) =>
      attentionNode(scope, `${layer}/attention`, y, { numHeads, headSize: headSizeOf(spec) }),
    );
    x = half(layer, (y) => geluNode(scope, denseNode(scope, `${layer}/inner`, y), layer));
  }
  const first = graph.node('Gather', [x, graph.integer(0)], { axis: 1 }, 'features');
  const features = layerNormNode(scope, 'norm', first, VIT_EPSILON);
  return logitsOutput(scope, denseNode(scope, 'head', features), spec.classes);
}

/**
 * BERTs as ONNX graphs, with inputs and outputs as Hugging Face's exporters name them: `input_ids`, `attention_mask`
 * and `token_type_ids`, int64 [batch, sequence] -> by the head `last_hidden_state` [batch, sequence, hidden] and
 * `pooler_output` [batch, hidden]; `logits` [batch, classes]; `start_logits` and `end_logits` [batch, sequence];
 * `logits` [batch, sequence, vocabulary] of a masked-LM head, at every token.
 */
import type { HostWeights } from '../../../nn/network.js';
import { headSizeOf } from '../../../nn/transformer.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { BERT_EPSILON, type EncoderSpec } from './network.js';
import {
  ACTIVATION_NODES,
  attentionNode,
  denseNode,
  distanceBiasNode,
  geluNode,
  layerNormNode,
  onnxScope,
  paddingBias,
  parameterNode,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';

const TOKENS = ['batch', 'sequence'] as const;

/** Word, segment and position embeddings of `tokens` tokens, an int64 [1], and their norm. */
function embeddingsNode(scope: OnnxScope, ids: Value, segments: Value | undefined, tokens: Value): Value {
  const { graph } = scope;
  const at = 'embeddings';
  const table = (name: string): Value => parameterNode(scope, `${at}/${name}/kernel`);
  const words = graph.node('Gather', [table('word'), ids], {}, at);
  const told =
    segments === undefined
      ? words
      : graph.node('Add', [words, graph.node('Gather', [table('segment'), segments], {}, at)], {}, at);
  const positions = graph.node('Slice', [table('position'), graph.integers([0]), tokens, graph.integers([0])], {}, at);
  const sum = graph.node('Add', [told, positions], {}, at);
  return layerNormNode(scope, `${at}/norm`, sum, BERT_EPSILON);
}

/** What is added to the scores of attention in every layer: for padding, and by distance where the spec says so. */
function biasNode(scope: OnnxScope, { numHeads, distance }: EncoderSpec, mask: Value, tokens: Value): Value {
  const { graph } = scope;
  const padding = paddingBias(scope, mask);
  if (distance === undefined) return padding;
  const count = graph.node('Squeeze', [tokens, graph.integers([0])], {}, 'distance');
  return graph.node('Add', [padding, distanceBiasNode(scope, numHeads, distance.slope, count)], {}, 'distance');
}

function encoderNode(scope: OnnxScope, spec: EncoderSpec, embedded: Value, bias: Value): Value {
  const { graph } = scope;
  const options = { numHeads: spec.numHeads, headSize: headSizeOf(spec), bias };
  const half = (path: string, x: Value, inside: Value): Value => {
    const sum = graph.node('Add', [denseNode(scope, `${path}/output`, inside), x], {}, path);
    return layerNormNode(scope, `${path}/norm`, sum, BERT_EPSILON);
  };
  return Array.from({ length: spec.numLayers }, (_, i) => `layer${i + 1}`).reduce((x, layer) => {
    const attended = half(`${layer}/attention`, x, attentionNode(scope, `${layer}/attention`, x, options));
    return half(layer, attended, geluNode(scope, denseNode(scope, `${layer}/inner`, attended), layer));
  }, embedded);
}

/** Gives out what the head makes of the last layer [batch, sequence, hidden]. */
function headOutputs(scope: OnnxScope, spec: EncoderSpec, x: Value): void {
  const { graph } = scope;
  const { head, hiddenSize, vocabSize, poolerActivation = 'tanh' } = spec;
  const pooled = (): Value =>
    graph.node(ACTIVATION_NODES[poolerActivation], [
      denseNode(scope, 'pooler', graph.node('Gather', [x, graph.integer(0)], { axis: 1 }, 'pooler')),
    ]);
  switch (head.kind) {
    case 'pooler':
      graph.output('last_hidden_state', x, [...TOKENS, hiddenSize]);
      graph.output('pooler_output', pooled(), ['batch', hiddenSize]);
      return;
    case 'none':
      graph.output('last_hidden_state', x, [...TOKENS, hiddenSize]);
      return;
    case 'classify':
      graph.output('logits', denseNode(scope, 'head', pooled()), ['batch', head.classes]);
      return;
    case 'span': {
      const scores = denseNode(scope, 'head', x);
      for (const [i, name] of ['start_logits', 'end_logits'].entries())
        graph.output(name, graph.node('Gather', [scores, graph.integer(i)], { axis: 2 }, 'head'), TOKENS);
      return;
    }
    case 'masked-lm': {
      const inner = geluNode(scope, denseNode(scope, 'head/transform', x), 'head');
      const words = graph.node('Transpose', [parameterNode(scope, 'embeddings/word/kernel')], { perm: [1, 0] }, 'head');
      const scores = graph.node('MatMul', [layerNormNode(scope, 'head/norm', inner, BERT_EPSILON), words], {}, 'head');
      const biased = graph.node('Add', [scores, parameterNode(scope, 'head/bias')], {}, 'head');
      graph.output('logits', biased, [...TOKENS, vocabSize]);
    }
  }
}

/**
 * The graph of an encoder that is like BERT; `token_type_ids` is no input of one that does not tell segments apart. A
 * masked-LM head answers at every token, and not at masked positions only.
 */
export function encoderGraph(spec: EncoderSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const { graph } = scope;
  const input = (name: string): Value => graph.input(name, 'int64', TOKENS);
  const [ids, mask] = [input('input_ids'), input('attention_mask')];
  const segments = spec.typeVocabSize === undefined ? undefined : input('token_type_ids');
  const tokens = graph.node('Slice', [graph.node('Shape', [ids]), graph.integers([1]), graph.integers([2])]);
  const embedded = embeddingsNode(scope, ids, segments, tokens);
  headOutputs(scope, spec, encoderNode(scope, spec, embedded, biasNode(scope, spec, mask, tokens)));
  return graph;
}

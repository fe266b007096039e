/** ConvNeXts as ONNX graphs: `input` [batch, channels, height, width] -> `logits` [batch, classes]. */
import type { HostWeights } from '../../../nn/network.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { CONVNEXT_EPSILON, convnextBlocks, type ConvnextBlock, type ConvnextSpec } from './network.js';
import {
  biasedConvNode,
  denseNode,
  geluNode,
  imageInput,
  layerNormNode,
  logitsOutput,
  meanOfPixels,
  onnxScope,
  parameterNode,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';

/** A layer norm over the channels of x [B, C, H, W], which stand last, [B, H, W, C], in what comes back. */
function normLast(scope: OnnxScope, path: string, x: Value): Value {
  return layerNormNode(scope, path, scope.graph.node('Transpose', [x], { perm: [0, 2, 3, 1] }, path), CONVNEXT_EPSILON);
}

/** x [B, H, W, C] as [B, C, H, W]. */
function channelsFirst({ graph }: OnnxScope, x: Value, at: string): Value {
  return graph.node('Transpose', [x], { perm: [0, 3, 1, 2] }, at);
}

function blockNode(scope: OnnxScope, { path, channels, before }: ConvnextBlock, input: Value): Value {
  const { graph } = scope;
  const within = `${path}/downsample`;
  const x =
    before === undefined
      ? input
      : biasedConvNode(
          scope,
          `${within}/conv`,
          channelsFirst(scope, normLast(scope, `${within}/norm`, input), within),
          {
            patches: true,
          },
        );
  const normed = normLast(scope, `${path}/norm`, biasedConvNode(scope, `${path}/conv`, x, { groups: channels }));
  const y = denseNode(scope, `${path}/output`, geluNode(scope, denseNode(scope, `${path}/inner`, normed), path));
  const scaled = graph.node('Mul', [y, parameterNode(scope, `${path}/scale`)], {}, path);
  return graph.node('Add', [x, channelsFirst(scope, scaled, path)], {}, path);
}

/** The graph of a ConvNeXt. */
export function convnextGraph(spec: ConvnextSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const patches = biasedConvNode(scope, 'stem/conv', imageInput(scope, spec.channels), { patches: true });
  const stem = channelsFirst(scope, normLast(scope, 'stem/norm', patches), 'stem');
  const last = convnextBlocks(spec).reduce((x, block) => blockNode(scope, block, x), stem);
  const features = layerNormNode(scope, 'norm', meanOfPixels(scope, last), CONVNEXT_EPSILON);
  return logitsOutput(scope, denseNode(scope, 'head', features), spec.classes);
}

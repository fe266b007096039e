/** Residual networks as ONNX graphs: `input` [batch, channels, height, width] -> `logits` [batch, classes]. */
import type { HostWeights } from '../../../nn/network.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { normOf } from '../../parts/layer-table.js';
import {
  convNormNode,
  denseNode,
  imageInput,
  logitsOutput,
  meanOfPixels,
  onnxScope,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';
import { blocksOf, STEMS, type Block, type ResnetSpec } from './network.js';

function blockNode(scope: OnnxScope, { path, convolutions, stride, shortcut }: Block, skip: boolean, x: Value): Value {
  const { graph } = scope;
  const inner = convolutions.reduce((value, part, i) => {
    const relu = !skip || i < convolutions.length - 1;
    return convNormNode(scope, part.path, normOf(part.path), value, { ...part, relu });
  }, x);
  if (!skip) return inner;
  const identity = shortcut ? convNormNode(scope, `${path}/shortcut/conv`, `${path}/shortcut/norm`, x, { stride }) : x;
  return graph.node('Relu', [graph.node('Add', [inner, identity], {}, path)], {}, path);
}

/** The graph of a residual network. */
export function resnetGraph(spec: ResnetSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const { stride, pooled } = STEMS[spec.stem.kind];
  const input = imageInput(scope, spec.channels);
  const convolved = convNormNode(scope, 'stem/conv', 'stem/norm', input, { stride, relu: true });
  const pool = { kernel_shape: [3, 3], strides: [pooled, pooled], pads: [1, 1, 1, 1] };
  const stem = pooled === 1 ? convolved : scope.graph.node('MaxPool', [convolved], pool, 'stem');
  const features = blocksOf(spec).reduce((value, block) => blockNode(scope, block, spec.skip, value), stem);
  return logitsOutput(scope, denseNode(scope, 'head', meanOfPixels(scope, features)), spec.classes);
}

/** MobileNetV2 as an ONNX graph: `input` [batch, channels, height, width] -> `logits` [batch, classes]. */
import type { HostWeights } from '../../../nn/network.js';
import type { OnnxGraph, Value } from '../../../onnx/graph.js';
import { normOf } from '../../parts/layer-table.js';
import { blocksOf, type Block, type MobilenetSpec } from './network.js';
import {
  convNormNode,
  denseNode,
  imageInput,
  logitsOutput,
  meanOfPixels,
  onnxScope,
  type OnnxScope,
} from '../../formats/onnx-nodes.js';

function relu6Node(scope: OnnxScope, path: string, x: Value, stride: number, groups?: number): Value {
  const { graph } = scope;
  const y = convNormNode(scope, path, normOf(path), x, { stride, groups });
  return graph.node('Clip', [y, graph.scalar(0), graph.scalar(6)], {}, path);
}

function blockNode(scope: OnnxScope, { path, inner, stride, widens, skip }: Block, x: Value): Value {
  const wide = widens ? relu6Node(scope, `${path}/conv1`, x, 1) : x;
  const filtered = relu6Node(scope, `${path}/conv2`, wide, stride, inner);
  const y = convNormNode(scope, `${path}/conv3`, normOf(`${path}/conv3`), filtered);
  return skip ? scope.graph.node('Add', [x, y], {}, path) : y;
}

/** The graph of a MobileNetV2. */
export function mobilenetGraph(spec: MobilenetSpec, weights: HostWeights): OnnxGraph {
  const scope = onnxScope(weights);
  const stem = relu6Node(scope, 'stem/conv', imageInput(scope, spec.channels), spec.stem.stride);
  const last = blocksOf(spec).reduce((value, block) => blockNode(scope, block, value), stem);
  const features = meanOfPixels(scope, relu6Node(scope, 'features/conv', last, 1));
  return logitsOutput(scope, denseNode(scope, 'head', features), spec.classes);
}

/** Plain fully connected networks. Letters: B batch, C channels. */
import { z } from 'zod';
import { width } from '../../../core/magnitudes.js';
import { parseSpec } from '../../../core/spec.js';
import { sizeOf } from '../../../core/host-array.js';
import type { Tensor2D } from '../../../engine/tensor.js';
import { denseActivated } from '../../../nn/layers.js';
import type { Network } from '../../../nn/network.js';
import { mismatch, type Family } from '../../interface/family.js';
import { denseLayer } from '../../parts/layer-table.js';
import { denseNode } from '../../formats/onnx-nodes.js';
import { ownNames } from '../../formats/own-names.js';
import { plainGraph, plainNetwork, PlainSpec, plainThinning, type PlainKind } from './network.js';
import { readRows } from '../../interface/predict.js';

/** Schema of a plain fully connected network. */
export const MlpSpec = PlainSpec.extend({
  family: z.literal('mlp'),
  /** Numbers of one example, whatever its shape. */
  inputs: width(),
});
/** A plain fully connected network. */
export type MlpSpec = z.infer<typeof MlpSpec>;

function kindOf({ width, activation, inputs }: MlpSpec): PlainKind {
  return {
    input: ['inputs', inputs],
    halving: [],
    path: (layer) => layer,
    row: ({ name }, channels, names) =>
      denseLayer({
        path: name,
        tap: name,
        shape: [channels, width],
        ...names,
        init: activation === 'relu' ? 'he' : 'orthogonal',
      }),
    apply: (scope, { name }, x, first) =>
      denseActivated(scope, name, (first ? x.reshape([x.shape[0]!, -1]) : x) as Tensor2D, activation),
    features: (x) => x as Tensor2D,
    onnx: {
      input: ({ graph }) => graph.input('input', 'float32', ['batch', inputs]),
      layer: (scope, { name }, x) => denseNode(scope, name, x),
      features: (_, x) => x,
    },
  };
}

/** A plain fully connected network: x [B, ...] -> logits [B, classes]. Throws UsageError on a spec that is none. */
export function mlp(given: MlpSpec): Network {
  const spec = parseSpec(MlpSpec, 'network', given);
  return plainNetwork(spec, kindOf(spec));
}

/** Plain fully connected networks, on anything that is numbers. */
export const mlpFamily: Family<MlpSpec> = {
  name: 'mlp',
  spec: MlpSpec,
  network: mlp,
  presets: {},
  checkInput: ({ inputs }, { set, shape }) => mismatch(set, 'inputs', inputs, sizeOf(shape)),
  published: { ...ownNames(mlp), unseen: ({ skip, activation }) => ({ skip, activation }) },
  onnx: (spec, weights) => plainGraph(spec, kindOf(spec), weights),
  thinning: plainThinning(),
  predict: (spec, tensors, source) => readRows(mlp(spec), spec.inputs, tensors, source),
};

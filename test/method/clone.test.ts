/** Low-Rank Clone: trained projections of the wide net's matrices, and what is left of them. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/host-array.js';
import { disposeAll, tf, type Tensor2D, type Tensors } from '../../src/engine/tensor.js';
import { toTensors } from '../../src/engine/host-memory.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { cloneFlops, cloneObstacle, cloneStage, foldClone, initialClone } from '../../src/method/imitation/clone.js';
import type { CloneImitation, TrainSpec } from '../../src/method/spec/spec.js';
import { startWeights } from '../../src/method/start/start.js';
import { weightsOf, type Teacher } from '../../src/method/values/weights.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { evaluation } from '../../src/nn/layers.js';
import type { HostWeights } from '../../src/nn/network.js';
import { readArrays, readMetrics } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { noise } from '../support/reference.js';
import { relativeError } from '../support/tolerance.js';
import { ARMS, newFolder, run } from './arms.js';
import { cell, MLP, recipe } from './support.js';

beforeAll(async () => void (await anyEngine()));

const WIDE = {
  ...{ family: 'bert', vocabSize: 12, maxPositions: 6, typeVocabSize: 2, numLayers: 2, dropout: 0 },
  ...{ hiddenSize: 8, numHeads: 4, intermediateSize: 12, head: { kind: 'classify', classes: 3 } },
} as const satisfies NetworkSpec;
/** Half of the stream, half of the heads, two thirds of the inner channels. */
const THIN = { ...WIDE, hiddenSize: 4, numHeads: 2, headSize: 2, intermediateSize: 8 } as const;

const drawn = (shape: readonly number[], seed: number): HostArray => ({
  shape,
  values: Float32Array.from(
    noise(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  ),
});

/** A pair of networks of which no value is 0 or 1, an orthonormal basis, and the thin net's start. */
function pair() {
  const [thin, wide] = [networkOf(THIN), networkOf(WIDE)];
  const host: HostWeights = {
    params: Object.fromEntries(Object.entries(wide.shapes).map(([path, shape], i) => [path, drawn(shape, i + 1)])),
    state: {},
  };
  const basis = { shape: [8, 4], values: Float32Array.from({ length: 32 }, (_, i) => Number(i >> 2 === (i & 3) * 2)) };
  const stream = { basis, share: 0.5 };
  const teacher: Teacher = { network: wide, host, weights: weightsOf(host) };
  const start = startWeights('projected', 1, thin, teacher, { basis: stream });
  return { thin, wide, teacher, stream, start };
}

/** The parameters of a clone whose projections are any matrices, on the engine. */
function clone({ start, thin, stream }: ReturnType<typeof pair>): Tensors {
  const parts = Object.entries(initialClone(thin, start, stream)).map(([path, array], i): [string, HostArray] => [
    path,
    path.endsWith('/wide') ? array : drawn(array.shape, 100 + i),
  ]);
  return toTensors({ ...start.host.params, ...Object.fromEntries(parts) });
}

const tokens = () =>
  tf
    .tensor(
      [
        [1, 5, 7, 2],
        [0, 0, 1, 1],
        [1, 1, 1, 0],
      ],
      [3, 4],
      'int32',
    )
    .expandDims(0);

describe('folding', () => {
  test('with the first projections, the matrices are those of the projected start', () => {
    const all = pair();
    const { thin, start, stream } = all;
    const folded = foldClone(thin, toTensors({ ...start.host.params, ...initialClone(thin, start, stream) }));
    expect(Object.keys(folded).sort()).toEqual(Object.keys(thin.shapes).sort());
    for (const [path, { values }] of Object.entries(start.host.params))
      expect(relativeError(folded[path]!.dataSync() as Float32Array, values)).toBeLessThan(1e-5);
  });

  test('any layer’s output is the projected output of the wide net’s layer on inputs that are mapped up', () => {
    const all = pair();
    const params = clone(all);
    const folded = foldClone(all.thin, params);
    const layer = 'layer1/output';
    const part = (name: string, of = 'kernel'): Tensor2D => params[`maps/clone/${layer}/${of}/${name}`] as Tensor2D;
    const x = tf.tensor2d(Array.from(noise(24, 3)), [3, 8]);
    const before = tf.matMul(tf.add(tf.matMul(x, part('wide')), part('wide', 'bias')), part('out'));
    const after = tf.add(tf.matMul(x, folded[`${layer}/kernel`] as Tensor2D), folded[`${layer}/bias`]!);
    expect(relativeError(after.dataSync() as Float32Array, before.dataSync() as Float32Array)).toBeLessThan(1e-5);
    const query = 'maps/clone/layer2/attention/query/kernel';
    const y = tf.tensor2d(Array.from(noise(12, 4)), [3, 4]);
    const up = tf.matMul(
      tf.matMul(y, params[`${query}/in`] as Tensor2D, false, true),
      params[`${query}/wide`] as Tensor2D,
    );
    const own = tf.matMul(y, folded['layer2/attention/query/kernel'] as Tensor2D);
    expect(relativeError(own.dataSync() as Float32Array, up.dataSync() as Float32Array)).toBeLessThan(1e-5);
  });
});

test('the loss is 0 where the clone is the wide net itself, and not where one projection is another', () => {
  const { wide, teacher } = pair();
  const identity = { shape: [8, 8], values: Float32Array.from({ length: 64 }, (_, i) => Number(i % 9 === 0)) };
  const start = startWeights('projected', 1, wide, teacher);
  const params = toTensors({ ...start.host.params, ...initialClone(wide, start, { basis: identity, share: 1 }) });
  const stage = cloneStage({ by: 'clone', recipe: recipe(1) }, wide, teacher, async (weights) => weights);
  const x = tokens();
  const targets = stage.targets!(x);
  const lossOf = (given: Tensors): number =>
    stage.loss({ ...evaluation({ params: given, state: {} }), train: true }, { x, y: x }, targets).dataSync()[0]!;
  expect(lossOf(params)).toBeLessThan(1e-9);
  for (const part of ['layer1/attention/value/kernel/in', 'layer2/output/kernel/out', 'pooler/kernel/in']) {
    const other = tf.mul(params[`maps/clone/${part}`]!, tf.range(1, 9).reshape([8, 1]));
    expect(lossOf({ ...params, [`maps/clone/${part}`]: other })).toBeGreaterThan(1e-3);
  }
  disposeAll(params, targets, { x });
});

test('a run ends with the thin net’s own parameters, folded without a difference, and its loss has fallen', async () => {
  const spec = ARMS['bert, clone']! as TrainSpec & { imitation: CloneImitation };
  const longer = { ...spec.imitation.recipe, steps: 24, schedule: { kind: 'cosine', peak: 0.01, warmup: 0 } };
  const record = await run(cell({ ...spec, imitation: { by: 'clone', recipe: longer } }), newFolder());
  const rows = readMetrics(record);
  expect(Number(rows.find(({ event }) => event === 'merge')!.difference)).toBeLessThan(1e-5);
  const losses = rows.filter(({ stage }) => stage === 'clone').map(({ loss }) => Number(loss));
  const mean = (some: readonly number[]): number => some.reduce((a, b) => a + b, 0) / some.length;
  expect(mean(losses.slice(-4))).toBeLessThan(mean(losses.slice(0, 4)));
  const paths = Object.keys(readArrays(record)).map((path) => path.replace(/^params\//, ''));
  expect(paths.sort()).toEqual(Object.keys(networkOf(spec.network).shapes).sort());
});

test('operations: a product for each projection of each matrix', () => {
  const embeddings = 2 * (12 + 6 + 2) * 8 * 4;
  const layer = 3 * (2 * 4 * 8 * 4) + 2 * 4 * 8 * 4 + 2 * 4 * 8 * 8 + 2 * 8 * 8 * 4;
  expect(cloneFlops(networkOf(THIN), networkOf(WIDE))).toBe(embeddings + 2 * layer + 2 * 4 * 8 * 4);
});

test('what cannot be cloned is refused, with the reason', () => {
  const spec = ARMS['bert, clone']!;
  expect(() => parseTrainSpec({ ...spec, start: 'selected' })).toThrow('imitation by clone starts from "projected"');
  expect(cloneObstacle(networkOf(MLP), networkOf({ ...MLP, width: 8 }))).toContain('as transformers have');
  expect(cloneObstacle(networkOf(THIN), networkOf({ ...THIN, intermediateSize: 16 }))).toContain('as wide as');
  expect(cloneObstacle(networkOf(THIN), networkOf(WIDE))).toBeUndefined();
});

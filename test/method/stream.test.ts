import { beforeAll, expect, test } from 'vitest';
import { normals, rngKey } from '../../src/core/rng.js';
import type { Dataset, HostBatch, Source } from '../../src/data/dataset.js';
import { disposeAll, tf, type Tensor2D } from '../../src/engine/tensor.js';
import { alignByDepth } from '../../src/method/matching/align.js';
import { groupsOf } from '../../src/method/maps/groups.js';
import { checkMaps } from '../../src/method/maps/check.js';
import { initialMaps } from '../../src/method/maps/initial.js';
import { applyWithMaps, downPath, mapDown, mapUp, upPath } from '../../src/method/maps/apply.js';
import { mergeMaps } from '../../src/method/maps/merge.js';
import { trainThin } from '../../src/method/three-stage/pipeline.js';
import { startWeights } from '../../src/method/start/start.js';
import { projectParameter, streamBasis } from '../../src/method/start/stream.js';
import { weightsOf, type Teacher, type Weights } from '../../src/method/values/weights.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { networkOf } from '../../src/models/index.js';
import { forwardFlops, type Network } from '../../src/nn/network.js';
import { countValues, type HostArrays } from '../../src/core/host-array.js';
import { toTensors } from '../../src/engine/host-memory.js';
import { evaluation } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { IMITATION, memory, MLP, recipe, TEACHER } from './support.js';

beforeAll(anyEngine);

const TOKENS = 10;
const THIN: BertSpec = {
  family: 'bert',
  vocabSize: 40,
  maxPositions: TOKENS,
  typeVocabSize: 2,
  hiddenSize: 8,
  numLayers: 3,
  numHeads: 2,
  intermediateSize: 12,
  dropout: 0,
  head: { kind: 'masked-lm', maskedPositions: 2 },
};
const WIDE: BertSpec = { ...THIN, hiddenSize: 20, numHeads: 5, intermediateSize: 40 };

const source = (count: number, name: string): Source => ({
  count,
  batch: (indices): HostBatch => {
    const values = new Int32Array(indices.length * 4 * TOKENS);
    const labels = new Int32Array(indices.length * 2);
    for (const [i, index] of indices.entries()) {
      const draws = normals(rngKey(1, name, index), 2 * TOKENS);
      for (let t = 0; t < TOKENS; t++) {
        values[(4 * i + 0) * TOKENS + t] = Math.floor(Math.abs(draws[t]!) * 997) % 40;
        values[(4 * i + 1) * TOKENS + t] = t > 5 ? 1 : 0;
        values[(4 * i + 2) * TOKENS + t] = t < 8 + (index % 3) ? 1 : 0;
      }
      values.set([1, 4], (4 * i + 3) * TOKENS);
      labels.set([index % 40, (3 * index) % 40], 2 * i);
    }
    return { values, labels };
  },
});
const DATA: Dataset = {
  shape: [4, TOKENS],
  classes: 40,
  questions: 2,
  train: source(64, 'train'),
  validation: source(32, 'validation'),
  test: source(32, 'test'),
};

/** Parameters as after training: norms that scale and shift, not the initial ones and zeros. */
function shaken(network: Network, seed: number): HostArrays {
  return Object.fromEntries(
    Object.entries(network.init(seed).params).map(([path, { shape, values }]) => {
      const noise = normals(rngKey(seed, 'shake', path), values.length);
      return [
        path,
        { shape, values: values.map((value, i) => value + (path.endsWith('/kernel') ? 0.3 : 0.2) * noise[i]!) },
      ];
    }),
  );
}

function teacherOf(spec: BertSpec): Teacher {
  const network = bert(spec);
  const host = { params: shaken(network, 7), state: {} };
  return { network, host, weights: weightsOf(host) };
}

test('random scales of all boundaries are merged into the norms: the function stays, no parameter is left over', async () => {
  const thin = bert(THIN);
  const groups = groupsOf(thin, { unit: 'stage', size: 1 });
  const params = shaken(thin, 3);
  const vector = (path: string): [string, ReturnType<typeof tf.tensor>] => [
    path,
    tf.tensor(Float32Array.from(normals(rngKey(2, path), 8), (x) => 1 + 0.5 * x)),
  ];
  const scales = Object.fromEntries(groups.flatMap(({ tap }) => [vector(upPath(tap)), vector(downPath(tap))]));
  const weights: Weights = { params: { ...toTensors(params), ...scales }, state: {} };
  const merged = mergeMaps(thin, weights, groups);
  const x = tf.tensor((await DATA.train.batch(Uint32Array.of(0, 1, 2, 3))).values, [4, 4, TOKENS], 'int32');
  const before = await applyWithMaps(thin, evaluation(weights), groups, x).data();
  expect(relativeError(await thin.apply(evaluation(merged), x).logits!.data(), before)).toBeLessThan(1e-5);
  // it is the scales that do it
  expect(
    relativeError(await thin.apply(evaluation({ params: toTensors(params), state: {} }), x).logits!.data(), before),
  ).toBeGreaterThan(0.01);
  expect(Object.keys(merged.params)).toEqual(Object.keys(params));
});

test('the basis is orthonormal and holds the largest share; up and then down is the identity of the thin stream', async () => {
  const [thin, teacher] = [bert(THIN), teacherOf(WIDE)];
  const { basis, share } = (await streamBasis(thin, teacher, DATA))!;
  expect(basis.shape).toEqual([20, 8]);
  const matrix = tf.tensor(basis.values, [20, 8]) as Tensor2D;
  const gram = await tf.matMul(matrix, matrix, true).data();
  expect(gram.every((value, i) => Math.abs(value - (i % 9 === 0 ? 1 : 0)) < 1e-5)).toBe(true);
  expect(share).toBeGreaterThan(8 / 20);
  expect(share).toBeLessThan(1);
  const groups = groupsOf(thin, { unit: 'stage', size: 1 });
  const maps = await initialMaps(
    'stream',
    { thin, start: thin.init(1), teacher, groups, selection: {}, basis: { basis, share } },
    DATA,
  );
  expect(Object.keys(maps).sort()).toEqual(
    ['maps/stream', ...groups.flatMap(({ tap }) => [downPath(tap), upPath(tap)])].sort(),
  );
  const tensors = toTensors(maps);
  const x = tf.randomNormal([3, 8], 0, 1, 'float32', 1);
  expect(
    relativeError(await mapDown(tensors, 'layer2', mapUp(tensors, 'layer2', x)).data(), await x.data()),
  ).toBeLessThan(1e-5);
  expect(await streamBasis(bert({ ...THIN, hiddenSize: 20 }), teacher, DATA)).toBeUndefined();
});

test('projected: a stream of the same width in another basis is the wide net itself, but for its norms', () => {
  // a rotation U: rows are turned back by what reads them
  const angle = 0.7;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const basis = { basis: { shape: [2, 2], values: Float32Array.of(c, -s, s, c) }, share: 1 };
  const kernel = { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const reads = projectParameter('layer1/inner/kernel', [true, false], kernel, basis);
  expect([...reads.values].map((x) => x.toFixed(5))).toEqual(
    [c * 1 + s * 4, c * 2 + s * 5, c * 3 + s * 6, -s * 1 + c * 4, -s * 2 + c * 5, -s * 3 + c * 6].map((x) =>
      x.toFixed(5),
    ),
  );
  const writes = projectParameter(
    'layer1/output/kernel',
    [false, true],
    { shape: [1, 2], values: Float32Array.of(2, 5) },
    basis,
  );
  expect([...writes.values].map((x) => x.toFixed(5))).toEqual([2 * c + 5 * s, -2 * s + 5 * c].map((x) => x.toFixed(5)));
  const gamma = projectParameter(
    'layer1/norm/gamma',
    [true],
    { shape: [2], values: Float32Array.of(2, 4) },
    { ...basis, share: 0.25 },
  );
  expect([...gamma.values].map((x) => x.toFixed(5))).toEqual(
    [0.5 * (c * c * 2 + s * s * 4), 0.5 * (s * s * 2 + c * c * 4)].map((x) => x.toFixed(5)),
  );
});

test('starts: projected-embeddings-and-head takes embeddings and head, projected the layers and whole heads as well', async () => {
  const [thin, teacher] = [bert(THIN), teacherOf(WIDE)];
  const basis = (await streamBasis(thin, teacher, DATA))!;
  const fresh = thin.init(4).params;
  const input = startWeights('projected-embeddings-and-head', 4, thin, teacher, { basis }).host.params;
  expect(input['layer1/inner/kernel']).toEqual(fresh['layer1/inner/kernel']);
  expect(input['head/transform/kernel']!.values).not.toEqual(fresh['head/transform/kernel']!.values);
  expect(input['head/bias']).toEqual(teacher.host.params['head/bias']); // of the same shape
  expect(input['embeddings/word/kernel']!.values[3]).toBeCloseTo(
    Array.from(
      { length: 20 },
      (_, i) => teacher.host.params['embeddings/word/kernel']!.values[i]! * basis.basis.values[8 * i + 3]!,
    ).reduce((a, b) => a + b),
    4,
  );
  const { host, selection } = startWeights('projected', 4, thin, teacher, { basis });
  expect(Object.keys(selection).sort()).toEqual([
    'layer1/heads',
    'layer1/inner',
    'layer2/heads',
    'layer2/inner',
    'layer3/heads',
    'layer3/inner',
  ]);
  for (const [path, { shape }] of Object.entries(fresh)) {
    expect(host.params[path]!.shape).toEqual(shape);
    expect(host.params[path]!.values).not.toEqual(fresh[path]!.values);
  }
});

test.each(['own', 'wide'] as const)(
  'imitation through the stream, %s inputs: the loss falls, and the merge is exact',
  async (inputs) => {
    const [thin, teacher] = [bert(THIN), teacherOf(WIDE)];
    const adam = { kind: 'adamw', beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.01 } as const;
    const imitation = {
      ...IMITATION,
      order: 'joint',
      maps: 'stream',
      inputs,
      recipe: { ...recipe(60, 0.01), optimizer: adam },
    } as const;
    const training = { ...recipe(1, 1e-12), objective: TEACHER };
    const context = memory();
    const weights = await trainThin(
      context,
      { start: 'projected-embeddings-and-head', imitation, training },
      { thin, teacher, data: DATA },
    );
    const losses = context.rows.filter(({ stage }) => stage === 'imitate all').map(({ loss }) => Number(loss));
    expect(losses.at(-1)!).toBeLessThan(0.8 * losses[0]!);
    expect(context.rows.find((row) => row.event === 'merge')!.difference).toBeLessThan(1e-5);
    expect(Object.keys(weights.params).sort()).toEqual(Object.keys(thin.init(1).params).sort());
    expect(countValues(weights.params)).toBe(countValues(thin.init(1).params));
    disposeAll(weights.params, teacher.weights.params);
  },
);

test('maps "stream" are refused where no stream is; "pair" says that "stream" can be merged', () => {
  const [mlp, wideMlp] = [networkOf(MLP), networkOf({ ...MLP, width: 9 })];
  expect(() => checkMaps('stream', 'own', mlp, wideMlp, groupsOf(mlp, { unit: 'block', size: 1 }))).toThrow(
    /maps "stream" need that, use "pair"/,
  );
  const thin = bert(THIN);
  expect(() => checkMaps('pair', 'own', thin, bert(WIDE), groupsOf(thin, { unit: 'stage', size: 1 }))).toThrow(
    /map after embeddings cannot be merged: .*maps "stream" can be/,
  );
});

test('a deeper wide net: layer i of 3 stands beside layer 2 i of 6, by name everywhere', async () => {
  const deep: BertSpec = { ...THIN, numLayers: 6 };
  const [thin, wide] = [bert(THIN), bert(deep)];
  const view = alignByDepth(wide, thin);
  expect(view.network.taps).toEqual([
    'embeddings',
    'layer1/attention',
    'layer1',
    'layer2/attention',
    'layer2',
    'layer3/attention',
    'layer3',
    'logits',
  ]);
  const host = { params: shaken(wide, 7), state: {} };
  const scope = evaluation(weightsOf(host));
  const x = tf.tensor((await DATA.train.batch(Uint32Array.of(5, 6))).values, [2, 4, TOKENS], 'int32');
  const [seen, there] = [view.network.apply(scope, x), wide.apply(scope, x)];
  expect(Object.keys(seen)).toEqual(view.network.taps);
  expect(await seen.layer2!.data()).toEqual(await there.layer4!.data());
  expect(await seen['layer3/attention']!.data()).toEqual(await there['layer6/attention']!.data());
  const end = view.network.apply(scope, seen.layer1!, { from: 'layer1', input: x, until: 'layer2' });
  expect(Object.keys(end)).toEqual(['layer2/attention', 'layer2']);
  expect(await end.layer2!.data()).toEqual(await there.layer4!.data());
  expect(view.weights(host).params['layer3/inner/kernel']).toBe(host.params['layer6/inner/kernel']);
  expect(view.weights(host).params['layer6/inner/kernel']).toBeUndefined();
  expect(forwardFlops(view.network, DATA.shape)).toBe(forwardFlops(wide, DATA.shape));
  expect(view.network.shapes['layer3/norm/gamma']).toEqual([8]);
  expect(() => alignByDepth(thin, wide)).toThrow(/the wide net has 4 boundaries, the thin one 7/);
});

/** The examples of a user's own networks, run as they stand. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { io } from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { tf } from '../../src/engine/tensor.js';
import { fromLayersModel } from '../../src/models/families/layers/model.js';
import { groupsOf } from '../../src/method/maps/groups.js';
import { checkMaps } from '../../src/method/maps/check.js';
import { evaluate } from '../../src/metrics/evaluate.js';
import { countValues } from '../../src/core/host-array.js';
import type { Tensor2D } from '../../src/engine/tensor.js';
import { anyEngine } from '../support/engines.js';
import { classifier, compressLayersModel } from '../../examples/layers-model.js';
import { compressOwnNetwork, twoLayers } from '../../examples/own-network.js';
import { compressOwnResnet, residualNetwork } from '../../examples/own-resnet.js';
import { compressOwnTransformer, visionTransformer } from '../../examples/own-transformer.js';

beforeAll(anyEngine);
const data = loadDigits(1500);

test('a network of 60 lines: its maps are merged, and it learns', { timeout: 300_000 }, async () => {
  expect(
    readFileSync(resolve(import.meta.dirname, '../../examples/own-network.ts'), 'utf8').split('\n').length,
  ).toBeLessThanOrEqual(110);
  const { thin, accuracy, rows } = await compressOwnNetwork(data);
  expect(Object.keys(thin.params).sort()).toEqual(Object.keys(twoLayers(4, 10).shapes).sort());
  expect(countValues(thin.params)).toBe(9 * 4 + 8 + 9 * 16 + 8 + 40 + 10);
  expect(rows.find(({ event }) => event === 'merge')!.difference).toBeLessThan(1e-5);
  expect(accuracy.wide).toBeGreaterThan(60);
  expect(accuracy.thin).toBeGreaterThan(30); // chance is 10
});

test(
  'a tf.LayersModel: trained, saved and loaded again by tfjs, with the accuracy that was measured',
  { timeout: 300_000 },
  async () => {
    const [wide, thin] = [classifier(12), classifier(4)];
    const before = (await thin.getLayer('conv_a').getWeights()[0]!.data()).slice();
    const { accuracy, rows } = await compressLayersModel(wide, thin, data);
    expect(accuracy.wide).toBeGreaterThan(60);
    expect(accuracy.thin).toBeGreaterThan(30);
    expect(rows.filter(({ stage }) => String(stage).startsWith('imitate')).length).toBe(80);
    expect([...(await thin.getLayer('conv_a').getWeights()[0]!.data())]).not.toEqual([...before]);
    let saved: io.ModelArtifacts | undefined;
    await thin.save(
      io.withSaveHandler((artifacts) => {
        saved = artifacts;
        return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } });
      }),
    );
    const loaded = await loadLayersModel(io.fromMemory(saved!));
    const found = await evaluate(data, data.test, (x) => tf.log(tf.maximum(loaded.predict(x) as Tensor2D, 1e-7)));
    expect(found.accuracy).toBeCloseTo(accuracy.thin, 1);
  },
);

test('a ResNet of one’s own: its blocks are imitated without maps, and it learns', { timeout: 300_000 }, async () => {
  const { thin, accuracy, rows } = await compressOwnResnet(data);
  const network = residualNetwork(2, 10);
  expect(Object.keys(thin.params).sort()).toEqual(Object.keys(network.shapes).sort());
  // the stem has the same values in both
  expect(rows.filter(({ stage }) => String(stage).startsWith('imitate')).length).toBe(2 * 30);
  expect(network.readers('stem')).toEqual({
    obstacle: 'the skip connection of block1 adds it unchanged, past every kernel',
  });
  // multiply-adds times two: two 3x3 convolutions of 8 and 2 channels on 14 x 14 pixels
  expect(network.flops([14, 14, 1]).block1).toBe(2 * 196 * 9 * 2 * 8 * 2);
  expect(accuracy.wide).toBeGreaterThan(60);
  expect(accuracy.thin).toBeGreaterThan(30);
});

test('a transformer of one’s own: all blocks are imitated at once, and it learns', { timeout: 300_000 }, async () => {
  const { thin, accuracy, rows } = await compressOwnTransformer(data);
  const network = visionTransformer({ side: 14, patchSize: 7, numLayers: 2, classes: 10, hiddenSize: 8, numHeads: 1 });
  expect(Object.keys(thin.params).sort()).toEqual(Object.keys(network.shapes).sort());
  const losses = rows.filter(({ stage }) => String(stage).startsWith('imitate')).map(({ loss }) => Number(loss));
  expect(losses).toHaveLength(60);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(accuracy.wide).toBeGreaterThan(60);
  expect(accuracy.thin).toBeGreaterThan(30);
});

test('the tf.LayersModel of the example begins alike every time', async () => {
  const [one, other] = [classifier(4), classifier(4)];
  for (const name of ['conv_a', 'conv_b', 'scores'])
    expect(await one.getLayer(name).getWeights()[0]!.data()).toEqual(
      await other.getLayer(name).getWeights()[0]!.data(),
    );
});

test('what a model does not allow is said', () => {
  const model = classifier(4);
  expect(() => fromLayersModel(model, { taps: ['conv_z'] })).toThrow(
    'has no layer "conv_z"; its layers: conv_a, pool_a, conv_b, norm_b, relu_b, mean, scores',
  );
  const [thin, wide] = [4, 8].map((filters) =>
    fromLayersModel(classifier(filters), { taps: { a: 'conv_a', b: 'conv_b' } }),
  ) as [ReturnType<typeof fromLayersModel>, ReturnType<typeof fromLayersModel>];
  expect(() => checkMaps('pair', 'own', thin, wide, groupsOf(thin, { unit: 'block', size: 1 }))).toThrow(
    'the map after a cannot be merged: the layer "pool_a" (MaxPooling2D) reads it, which is not linear in its channels or has no kernel',
  );
  const fine = fromLayersModel(model, { taps: ['pool_a', 'relu_b'] });
  expect(fine.readers('pool_a')).toEqual({ kernels: ['conv_b/kernel'] });
  expect(fine.readers('relu_b')).toEqual({ kernels: ['scores/kernel'] });
  expect(fine.flops([14, 14, 1])).toEqual({
    pool_a: 2 * 14 * 14 * 9 * 4,
    relu_b: 2 * 7 * 7 * 9 * 4 * 8,
    logits: 2 * 80,
  });
  expect(() =>
    fine.apply({ ...fine.init(1), params: {}, state: {}, train: false, observe: () => {} }, tf.ones([1, 14, 14, 1])),
  ).toThrow('parameter "conv_a/kernel" is missing');
});

import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { disposeAll, tf, type Tensor } from '../../src/engine/tensor.js';
import { imitateByRidge } from '../../src/method/imitation/ridge.js';
import { gather, sharedPaths, startWeights } from '../../src/method/start/start.js';
import { weightsOf, type Weights } from '../../src/method/values/weights.js';
import { networkOf, type NetworkSpec } from '../../src/models/index.js';
import { fromLayersModel } from '../../src/models/families/layers/model.js';
import { evaluation } from '../../src/nn/layers.js';
import type { HostWeights } from '../../src/nn/network.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { CONVNET, MLP, THIN } from './support.js';

const wideSpec = { ...THIN, mid: 3 };

test('gather takes slices of any axis', () => {
  const parameter = { shape: [2, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) };
  expect(gather(parameter, 1, Uint32Array.of(2, 0))).toEqual({ shape: [2, 2], values: Float32Array.of(3, 1, 6, 4) });
  expect(gather(parameter, 0, Uint32Array.of(1))).toEqual({ shape: [1, 3], values: Float32Array.of(4, 5, 6) });
});

test('selected: the channels with the largest scale times the norm of what reads them; readers are scaled, norms copied', () => {
  const [thin, wide] = [networkOf(THIN), networkOf(wideSpec)];
  const host = wide.init(1);
  const norm = 'stage1/block1/norm1';
  const gamma = Float32Array.of(0.1, 3, 0.2);
  const changed: HostWeights = {
    ...host,
    params: { ...host.params, [`${norm}/gamma`]: { shape: [3], values: gamma } },
  };
  const { host: start, selection } = startWeights('selected', 5, thin, { network: wide, host: changed });
  expect([...selection['stage1/block1/conv1']!]).toEqual([1]);
  expect([...start.params[`${norm}/gamma`]!.values]).toEqual([3]);
  const [own, theirs] = [start.params, host.params].map((params) => params['stage1/block1/conv2/kernel']!);
  const [out] = selection['stage1/block1/conv2']!;
  expect(own!.values[0]).toBeCloseTo(theirs!.values[3 * 1 + out!]! * Math.sqrt(3), 5);
  const shared = new Set(Object.keys(start.params).filter((path) => start.params[path] === changed.params[path]));
  expect(shared.has('stem/conv/kernel')).toBe(true);
  expect(shared.has('stage1/block1/conv2/kernel')).toBe(false);
  expect([...sharedPaths('selected', thin, wide)].sort()).toEqual([...shared].sort());
  expect(sharedPaths('random', thin, wide).size).toBe(0);
});

describe('on an engine', () => {
  beforeAll(anyEngine);
  const data = loadDigits(300);

  test.each([
    ['an MLP', MLP],
    ['a convnet', CONVNET],
    ['a ResNet', THIN],
  ] as [string, NetworkSpec][])('ridge on %s of the wide net’s own width gives the wide net back', async (_, spec) => {
    const network = networkOf(spec);
    const host = network.init(1);
    const teacher = { network, host, weights: weightsOf(host) };
    const before = tf.memory().numTensors;
    const fitted = await imitateByRidge(
      { by: 'ridge', images: 300, ridge: 1e-7 },
      { network, weights: weightsOf(network.init(9)), teacher, selection: {} },
      data,
      { seed: 1 },
    );
    const { values } = await data.validation.batch(Uint32Array.from({ length: 50 }, (_, i) => i));
    const logitsOf = (weights: Weights): Tensor =>
      tf.tidy(() => network.apply(evaluation(weights), tf.tensor(values, [50, 14, 14, 1])).logits!);
    const logits = [logitsOf(fitted), logitsOf(teacher.weights)];
    const [a, b] = await Promise.all(logits.map((one) => one.data()));
    tf.dispose(logits);
    // pixels that are the same in all images leave a part of the first kernel open
    expect(relativeError(a!, b!)).toBeLessThan(0.02);
    disposeAll(fitted.params, fitted.state);
    expect(tf.memory().numTensors).toBe(before);
    disposeAll(teacher.weights.params, teacher.weights.state);
  });

  test('ridge reads each of its examples once, also where the last batch is smaller, and no more at a time', async () => {
    const network = networkOf(MLP);
    const host = network.init(1);
    const teacher = { network, host, weights: weightsOf(host) };
    const read: number[] = [];
    const batch = (indices: Uint32Array): ReturnType<typeof data.train.batch> => {
      read.push(...indices);
      return data.train.batch(indices);
    };
    const watched = { ...data, train: { ...data.train, batch } };
    const fit = (kept?: number): Promise<Weights> =>
      imitateByRidge(
        { by: 'ridge', images: 230, ridge: 1e-7 },
        { network, weights: weightsOf(network.init(9)), teacher, selection: {} },
        watched,
        { seed: 1, keptBytes: kept },
      );
    const before = tf.memory().numTensors;
    const fitted = await fit();
    expect(read).toHaveLength(230);
    expect(new Set(read).size).toBe(230);
    const anew = await fit(0); // nothing is kept: every batch is read anew for every pass
    expect(read.length).toBeGreaterThan(4 * 230);
    for (const [path, value] of Object.entries(fitted.params))
      expect([...(await anew.params[path]!.data())]).toEqual([...(await value.data())]);
    disposeAll(fitted.params, fitted.state, anew.params, anew.state);
    expect(tf.memory().numTensors).toBe(before);
    disposeAll(teacher.weights.params, teacher.weights.state);
  });

  test('what ridge cannot do is said', async () => {
    const [thin, wide] = [networkOf(MLP), networkOf({ ...MLP, width: 8 } as NetworkSpec)];
    const host = wide.init(1);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const fit = (network: typeof thin): Promise<unknown> =>
      imitateByRidge(
        { by: 'ridge', images: 50, ridge: 1e-3 },
        { network, weights: weightsOf(network.init(1)), teacher, selection: {} },
        data,
        { seed: 1 },
      );
    await expect(fit(thin)).rejects.toThrow(
      'ridge: layer1 has 4 channels and the wide net 8; start "selected", or "projected" where skip connections are narrower, ' +
        'says which of them it imitates',
    );
    const foreign = sequential({
      layers: [layers.flatten({ inputShape: [14, 14, 1] }), layers.dense({ units: 10 })],
    });
    await expect(fit(fromLayersModel(foreign, { taps: [] }))).rejects.toThrow('does not show its linear layers');
  });
});

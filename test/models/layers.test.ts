/** Networks declared layer by layer compute what tfjs does, are narrowed by their graph, and are read and written. */
import * as tfjs from '@tensorflow/tfjs-layers';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { toBatch } from '../../src/data/dataset.js';
import { loadDigits } from '../../src/data/digits.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { imitateByRidge } from '../../src/method/imitation/ridge.js';
import { startWeights } from '../../src/method/start/start.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { weightFiles } from '../../src/models/folders.js';
import { familyOf, NetworkSpec, networkOf } from '../../src/models/index.js';
import {
  isLayersModel,
  openLayersModel,
  readLayersModel,
  writeLayersModel,
} from '../../src/models/families/layers/file.js';
import { dividing, graphOf, type LayersSpec } from '../../src/models/families/layers/network.js';
import { evaluation } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { POINTER, SAID_OF_POINTER } from '../support/pointer.js';

beforeAll(anyEngine);

const { layers, sequential, input, model } = tfjs;
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-layers-'));

/** Saves a model as `model.save('file://...')` of tfjs-node does, with values that are not those of a fresh one. */
async function saved(of: tfjs.LayersModel): Promise<string> {
  const folder = join(newFolder(), 'model');
  mkdirSync(folder);
  of.setWeights(
    of.getWeights().map((value, i) => {
      const drawn = tf.randomUniform(value.shape, -0.5, 0.5, 'float32', 7 + i);
      return (of.weights[i]!.name.includes('variance') ? tf.add(tf.abs(drawn), 0.1) : drawn) as never;
    }),
  );
  await of.save({
    save: ({ modelTopology, weightSpecs, weightData }) => {
      writeFileSync(join(folder, 'weights.bin'), Buffer.from(weightData as ArrayBuffer));
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      writeFileSync(join(folder, 'model.json'), JSON.stringify({ modelTopology, weightsManifest }));
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } });
    },
  });
  return folder;
}

/** Loads a folder as tfjs does. */
async function loaded(folder: string): Promise<tfjs.LayersModel> {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as {
    modelTopology: object;
    weightsManifest: { paths: string[]; weights: never[] }[];
  };
  const { paths, weights } = weightsManifest[0]!;
  const bytes = readFileSync(join(folder, paths[0]!));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return tfjs.loadLayersModel({ load: () => Promise.resolve({ modelTopology, weightSpecs: weights, weightData }) });
}

async function largest(a: Tensor, b: Tensor): Promise<number> {
  expect(a.shape).toEqual(b.shape);
  return (await tf.max(tf.abs(tf.sub(a, b))).data())[0]!;
}

const mlp = (): tfjs.LayersModel =>
  sequential({
    layers: [
      layers.dense({ name: 'first', inputShape: [12], units: 8, activation: 'tanh' }),
      layers.batchNormalization({ name: 'norm', epsilon: 0.01 }),
      layers.dropout({ name: 'drop', rate: 0.3 }),
      layers.dense({ name: 'second', units: 6, activation: 'relu' }),
      layers.dense({ name: 'scores', units: 3 }),
    ],
  });

/** Strides and windows that TensorFlow pads on one side, a flattened image, a softmax. */
const cnn = (): tfjs.LayersModel =>
  sequential({
    layers: [
      layers.conv2d({
        ...{ name: 'conv_a', inputShape: [9, 8, 2], filters: 4, kernelSize: 3, strides: 2 },
        ...{ padding: 'same', activation: 'relu' },
      }),
      layers.maxPooling2d({ name: 'pool', poolSize: 2, strides: 1, padding: 'same' }),
      layers.conv2d({ name: 'conv_b', filters: 6, kernelSize: [2, 3], useBias: false }),
      layers.batchNormalization({ name: 'norm_b' }),
      layers.reLU({ name: 'relu_b', maxValue: 6 }),
      layers.flatten({ name: 'flat' }),
      layers.dense({ name: 'hidden', units: 5, activation: 'elu' }),
      layers.dense({ name: 'scores', units: 3, activation: 'softmax' }),
    ],
  });

/** Sums that begin with the image itself. */
function ofInput(): tfjs.LayersModel {
  const x = input({ shape: [6, 6, 4], name: 'image' });
  const a = layers.conv2d({ name: 'a', filters: 4, kernelSize: 3, padding: 'same' }).apply(x) as tfjs.SymbolicTensor;
  const twice = layers.add({ name: 'twice' }).apply([x, x]) as tfjs.SymbolicTensor;
  const sum = layers.add({ name: 'sum' }).apply([a, twice, a]) as tfjs.SymbolicTensor;
  const conv = layers.conv2d({ name: 'conv', filters: 5, kernelSize: 1, activation: 'relu' }).apply(sum);
  const y = layers.dense({ name: 'scores', units: 2 }).apply(layers.flatten({ name: 'flat' }).apply(conv));
  return model({ inputs: x, outputs: y as tfjs.SymbolicTensor });
}

/** A residual block, and average poolings. */
function residual(): tfjs.LayersModel {
  const x = input({ shape: [8, 8, 3], name: 'image' });
  const stem = layers.conv2d({ name: 'stem', filters: 4, kernelSize: 3, padding: 'same' }).apply(x);
  const a = layers.conv2d({ name: 'a', filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' }).apply(stem);
  const b = layers.conv2d({ name: 'b', filters: 4, kernelSize: 1 }).apply(a) as tfjs.SymbolicTensor;
  const sum = layers.add({ name: 'sum' }).apply([stem as tfjs.SymbolicTensor, b]);
  const pooled = layers.averagePooling2d({ name: 'pool', poolSize: 2 }).apply(sum);
  const mean = layers.globalAveragePooling2d({ name: 'mean' } as Parameters<typeof layers.globalAveragePooling2d>[0]);
  const y = layers.dense({ name: 'scores', units: 2 }).apply(mean.apply(pooled)) as tfjs.SymbolicTensor;
  return model({ inputs: x, outputs: y });
}

describe.each([
  ['a perceptron', mlp, ['norm', 'second'], [5, 12]],
  ['a convolutional net', cnn, ['pool', 'relu_b', 'hidden'], [5, 9, 8, 2]],
  ['a residual net', residual, ['stem', 'mean'], [5, 8, 8, 3]],
  ['a net with sums of its input', ofInput, ['sum', 'conv'], [5, 6, 6, 4]],
] as const)('%s of tfjs', (_, of, taps, shape) => {
  const make = (): tfjs.LayersModel => of();
  const isSoftmax = of === cnn;

  test('computes what tfjs does, and is divided where a linear layer follows', async () => {
    const own = make();
    const folder = await saved(own);
    expect(isLayersModel(folder)).toBe(true);
    const { spec, weights } = openLayersModel(folder);
    expect(NetworkSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
    expect(dividing(spec)).toEqual(taps);
    const network = networkOf(spec);
    const x = tf.randomNormal([...shape], 0, 1, 'float32', 3);
    const values = network.apply(evaluation(weightsOf(weights)), x);
    const theirs = own.predict(x) as Tensor;
    expect(await largest(isSoftmax ? tf.softmax(values.logits as never) : values.logits!, theirs)).toBeLessThan(1e-5);
    for (const tap of taps) {
      const rest = network.apply(evaluation(weightsOf(weights)), values[tap]!, { from: tap, input: x });
      expect(await largest(rest.logits!, values.logits!)).toBeLessThan(1e-6);
      expect(values[tap]!.shape.at(-1)).toBe(network.width(tap));
    }
  });

  test('is written so that tfjs opens it and computes the same, in half its width, too', async () => {
    const { spec, weights } = openLayersModel(await saved(make()));
    const thin = familyOf(spec).thinning!.narrow(spec, 0.5) as LayersSpec;
    const wide = { network: networkOf(spec), host: weights };
    const x = tf.randomNormal([...shape], 0, 1, 'float32', 3);
    for (const [one, host] of [
      [spec, weights],
      [thin, startWeights('selected', 1, networkOf(thin), wide).host],
    ] as const) {
      const folder = join(newFolder(), 'written');
      writeLayersModel(folder, one, host);
      expect(readLayersModel(folder, one)).toEqual(host);
      const mine = networkOf(one).apply(evaluation(weightsOf(host)), x).logits!;
      const theirs = (await loaded(folder)).predict(x) as Tensor;
      expect(await largest(isSoftmax ? tf.softmax(mine as never) : mine, theirs)).toBeLessThan(1e-5);
    }
  });
});

test('channels that are added to each other are one kind, those of input and classes stay', async () => {
  const { spec } = openLayersModel(await saved(residual()));
  const { nodes, groupOf } = graphOf(spec);
  const [stem, a, b] = nodes.map(({ value }) => groupOf(value));
  expect(stem).toBe(b);
  expect(a).not.toBe(b);
  const { layers: narrow } = familyOf(spec).thinning!.narrow(spec, 0.5) as LayersSpec;
  expect(narrow.flatMap((layer) => ('units' in layer ? [layer.units] : []))).toEqual([2, 3, 2, 2]);
});

test('where all channels are taken, the selected start is the wide net, a flattened kernel too', async () => {
  const { spec, weights } = openLayersModel(await saved(cnn()));
  const network = networkOf(spec);
  expect(startWeights('selected', 1, network, { network, host: weights }).host).toEqual(weights);
});

test('ridge regression finds a net of the same widths again, whatever its windows', async () => {
  const own = sequential({
    layers: [
      layers.conv2d({
        ...{ name: 'conv_a', inputShape: [14, 14, 1], filters: 4, kernelSize: 3, strides: 2 },
        ...{ padding: 'same', activation: 'tanh' },
      }),
      layers.conv2d({ name: 'conv_b', filters: 3, kernelSize: [2, 3], strides: 3, activation: 'tanh' }),
      layers.flatten({ name: 'flat' }),
      layers.dense({ name: 'scores', units: 3 }),
    ],
  });
  const { spec, weights } = openLayersModel(await saved(own));
  const [network, data] = [networkOf(spec), loadDigits(64)];
  const teacher = { network, host: weights, weights: weightsOf(weights) };
  const imitation = { by: 'ridge', images: 200, ridge: 1e-6 } as const;
  const fitted = await imitateByRidge(
    imitation,
    { network, weights: weightsOf(network.init(5)), teacher, selection: {} },
    data,
    { seed: 1 },
  );
  const { x } = toBatch(data, await data.train.batch(Uint32Array.from({ length: 50 }, (_, i) => i)));
  const [mine, theirs] = [fitted, teacher.weights].map((one) => network.apply(evaluation(one), x).logits!);
  expect(await largest(mine!, theirs!)).toBeLessThan(2e-2 * (await tf.max(tf.abs(theirs!)).data())[0]!);
});

test('its files of weights are among those that a run notes, by the folder and by its model.json', async () => {
  const folder = await saved(mlp());
  expect(weightFiles(folder)).toEqual([{ path: folder, names: ['model.json', 'weights.bin'] }]);
  const path = join(folder, 'model.json');
  expect(weightFiles(path)).toEqual([{ path }, { path: folder, names: ['weights.bin'] }]);
});

test('the axis 1 of rows is the last one, and what training does otherwise is said', async () => {
  const of = sequential({
    layers: [
      layers.dense({ name: 'first', inputShape: [4], units: 3, trainable: false }),
      layers.batchNormalization({ name: 'normed', axis: 1 }),
      layers.dense({ name: 'scores', units: 2 }),
      layers.softmax(),
    ],
  });
  const { spec, weights, notes } = openLayersModel(await saved(of));
  expect(notes).toEqual([
    'first: frozen in the model (trainable: false), and trained here',
    "normed: running statistics move by the momentum 0.9 here, not by the model's",
  ]);
  const x = tf.randomNormal([5, 4], 0, 1, 'float32', 3);
  const logits = networkOf(spec).apply(evaluation(weightsOf(weights)), x).logits!;
  expect(await largest(tf.softmax(logits as never), of.predict(x as never) as Tensor)).toBeLessThan(1e-6);
});

describe('refused, by the name of the layer', () => {
  const refused = async (of: tfjs.LayersModel, line: string): Promise<void> => {
    const folder = await saved(of);
    expect(() => openLayersModel(folder)).toThrow(line);
  };
  const first = { name: 'first', inputShape: [8, 8, 2] };

  test.each([
    [
      'a layer that cannot be made thin',
      () => sequential({ layers: [layers.depthwiseConv2d({ ...first, kernelSize: 3 })] }),
      'the layer "first" is a DepthwiseConv2D; layers that can be made thin: Dense, Conv2D',
    ],
    [
      'a setting that computes something else',
      () => sequential({ layers: [layers.conv2d({ ...first, filters: 2, kernelSize: 3, dilationRate: 2 })] }),
      'the layer "first" has dilation_rate',
    ],
    [
      'a batch norm over rows of images',
      () =>
        sequential({
          layers: [layers.batchNormalization({ ...first, axis: 1 }), layers.flatten(), layers.dense({ units: 2 })],
        }),
      'the layer "first" has the axis 1 of images; expected -1',
    ],
    [
      'an image as output',
      () => sequential({ layers: [layers.conv2d({ ...first, filters: 2, kernelSize: 3 })] }),
      'the layer "first": the output is an image',
    ],
    [
      'a sigmoid as output',
      () => sequential({ layers: [layers.dense({ name: 'last', inputShape: [4], units: 2, activation: 'sigmoid' })] }),
      'the layer "last": the output is a sigmoid',
    ],
  ])('%s', (_, make, line) => refused(make(), line));

  test('files that mislead', async () => {
    const folder = await saved(mlp());
    const path = join(folder, 'model.json');
    const json = JSON.parse(readFileSync(path, 'utf8')) as {
      weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[];
    };
    const changed = (change: (manifest: (typeof json.weightsManifest)[0]) => void, line: string): void => {
      const copy = structuredClone(json);
      change(copy.weightsManifest[0]!);
      writeFileSync(path, JSON.stringify(copy));
      expect(() => openLayersModel(folder)).toThrow(line);
    };
    changed(
      (manifest) => (manifest.paths = ['../weights.bin']),
      '"../weights.bin": expected the name of a file beside it',
    );
    changed((manifest) => (manifest.paths = ['other.bin']), 'other.bin, where its weights are, is not beside it');
    changed(({ weights }) => (weights[0]!.shape = [2 ** 30, 2 ** 30]), 'its weights need');
    changed(({ weights }) => (weights[0]!.dtype = 'int32'), '"first/kernel" is int32; expected float32');
    changed(({ weights }) => (weights[0]!.name = 'other/kernel'), 'weights of no layer: other/kernel');
    changed(({ weights }) => (weights[0]!.shape = [8, 12]), 'first/kernel is [8, 12], expected [12, 8]');
    writeFileSync(path, JSON.stringify(json));
    writeFileSync(join(folder, 'weights.bin'), POINTER);
    expect(() => openLayersModel(folder)).toThrow(`${join(folder, 'weights.bin')}: ${SAID_OF_POINTER}`);
    writeFileSync(path, JSON.stringify({ modelTopology: {} }));
    expect(() => openLayersModel(folder)).toThrow('no LayersModel: expected modelTopology and weightsManifest');
  });
});

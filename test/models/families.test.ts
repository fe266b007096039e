/** Tiny networks of the families: outputs and one step's gradients are those of timm, torchvision and transformers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { rms } from '../../src/core/stats.js';
import { sizeOf, type HostArrays, type HostValues } from '../../src/core/host-array.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { fromTensors } from '../../src/engine/host-memory.js';
import { disposeAll, tf, type Tensor } from '../../src/engine/tensor.js';
import { memorySource } from '../../src/data/images.js';
import { toBatch, type Dataset, type HostBatch } from '../../src/data/dataset.js';
import { contributionsOf } from '../../src/method/start/greedy.js';
import { planGroups, trainThin } from '../../src/method/three-stage/pipeline.js';
import { imitateByRidge } from '../../src/method/imitation/ridge.js';
import { startWeights } from '../../src/method/start/start.js';
import { disposeWeights, weightsOf, type Weights } from '../../src/method/values/weights.js';
import { networkOf, parameterCount, preset, type NetworkSpec } from '../../src/models/index.js';
import { scaleVit } from '../../src/models/families/vit/family.js';
import { mobilenetFamily, mobilenetNames, scaleMobilenet } from '../../src/models/families/mobilenet/family.js';
import { mobilenet, type MobilenetSpec } from '../../src/models/families/mobilenet/network.js';
import { resnet, ResnetSpec, scaleWidth } from '../../src/models/families/resnet/network.js';
import { exportResnet, importResnet } from '../../src/models/families/resnet/weights.js';
import { exportNamed, importNamed } from '../../src/models/formats/convolutional-weights.js';
import { exportVit, importVit } from '../../src/models/families/vit/weights.js';
import { vit, type VitSpec } from '../../src/models/families/vit/network.js';
import { convnext, type ConvnextSpec } from '../../src/models/families/convnext/network.js';
import { scaleConvnext } from '../../src/models/families/convnext/family.js';
import { convnextIn, exportConvnext, importConvnext } from '../../src/models/families/convnext/weights.js';
import { distilbert, type DistilbertSpec } from '../../src/models/families/distilbert/network.js';
import { exportDistilbert, importDistilbert } from '../../src/models/families/distilbert/weights.js';
import { evaluation } from '../../src/nn/layers.js';
import type { HostWeights, Network } from '../../src/nn/network.js';
import { crossEntropy } from '../../src/optim/losses.js';
import { anyEngine } from '../support/engines.js';
import { fill, noise } from '../support/reference.js';
import { IMITATION, memory, recipe, TEACHER } from '../method/support.js';

interface Reference {
  readonly logits: readonly (readonly number[])[];
  readonly loss: number;
  /** Root mean square and first value of each gradient, by its name there. */
  readonly gradients: Readonly<Record<string, readonly [number, number]>>;
}

/** Printed by families_reference.py, in float64. */
const REFERENCES = JSON.parse(readFileSync(join(import.meta.dirname, 'families_reference.json'), 'utf8')) as Readonly<
  Record<string, Reference>
>;

/** A network of a reference, and how its weights are named there. */
interface Subject {
  readonly network: Network;
  readonly input: () => Tensor;
  /** Whether the gradients are those of training mode. */
  readonly train: boolean;
  readonly toTheirs: (weights: HostWeights) => HostArrays<HostValues>;
  readonly toOurs: (tensors: HostArrays<HostValues>) => HostWeights;
}

/** Images [B, 3, S, S] of the reference as [B, S, S, 3]. */
function images(count: number, size: number): Tensor {
  const values = Float32Array.from(noise(count * 3 * size * size, 5));
  return tf.transpose(tf.tensor4d(values, [count, 3, size, size]), [0, 2, 3, 1]);
}

const VIT: VitSpec = {
  ...{ family: 'vit', imageSize: 12, patchSize: 4, channels: 3, classes: 5 },
  ...{ hiddenSize: 12, numLayers: 2, numHeads: 3, intermediateSize: 24 },
};

const vitNamed = (naming: 'timm' | 'torchvision'): Subject => ({
  network: vit(VIT),
  input: () => images(3, 12),
  train: false,
  toTheirs: (weights) => exportVit(VIT, weights, naming),
  toOurs: (tensors) => importVit(VIT, tensors, 'reference'),
});

const MOBILENET: MobilenetSpec = {
  ...{ family: 'mobilenet', stem: { channels: 8, stride: 2 }, features: 1280, dropout: 0, classes: 5, channels: 3 },
  stages: [
    { expansion: 1, channels: 8, blocks: 1, stride: 1 },
    { expansion: 3, channels: 8, blocks: 2, stride: 2 },
  ],
};

const RESNEXT: ResnetSpec = {
  ...{ family: 'resnet', block: 'bottleneck', blocks: [1, 1], planes: 64, mid: 0.125, groups: 4, skip: true },
  ...{ stem: { kind: 'imagenet', channels: 64 }, classes: 5, channels: 3 },
};

const CONVNEXT: ConvnextSpec = {
  ...{ family: 'convnext', patchSize: 4, kernelSize: 7, expansion: 4, classes: 5, channels: 3 },
  stages: [
    { blocks: 1, channels: 4 },
    { blocks: 1, channels: 6 },
    { blocks: 2, channels: 8 },
    { blocks: 1, channels: 10 },
  ],
};

const convnextNamed = (naming: 'timm' | 'torchvision'): Subject => ({
  ...{ network: convnext(CONVNEXT), input: () => images(3, 37), train: false },
  toTheirs: (weights) => exportConvnext(weights, naming),
  toOurs: (tensors) => importConvnext(CONVNEXT, tensors, 'reference'),
});

const DISTILBERT: DistilbertSpec = {
  ...{ family: 'distilbert', vocabSize: 13, maxPositions: 9, hiddenSize: 12, numLayers: 2, numHeads: 3 },
  ...{ intermediateSize: 20, dropout: 0.1, head: { kind: 'classify', classes: 5 } },
};

/** Tokens [B, 3, T] of the reference, none of them 0; the last two of the first row are not attended to. */
function words(): Tensor {
  const ids = Int32Array.from(noise(27, 5), (value) => 1 + Math.floor((value + 1) * 6));
  const mask = new Int32Array(27).fill(1).fill(0, 7, 9);
  return tf.stack(
    [ids, new Int32Array(27), mask].map((row) => tf.tensor(row, [3, 9], 'int32')),
    1,
  );
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  vit_timm: vitNamed('timm'),
  vit_torchvision: vitNamed('torchvision'),
  convnext_timm: convnextNamed('timm'),
  convnext_torchvision: convnextNamed('torchvision'),
  distilbert: {
    ...{ network: distilbert(DISTILBERT), input: words, train: false },
    toTheirs: (weights) => exportDistilbert(DISTILBERT, weights),
    toOurs: (tensors) => importDistilbert(DISTILBERT, tensors, 'reference'),
  },
  mobilenet: {
    ...{ network: mobilenet(MOBILENET), input: () => images(3, 12), train: true },
    toTheirs: (weights) => exportNamed(weights, mobilenetNames(MOBILENET)),
    toOurs: (tensors) => importNamed(mobilenet(MOBILENET), tensors, 'reference', mobilenetNames(MOBILENET)),
  },
  resnext: {
    ...{ network: resnet(RESNEXT), input: () => images(4, 17), train: false },
    toTheirs: (weights) => exportResnet(weights),
    toOurs: (tensors) => importResnet(RESNEXT, tensors, 'reference'),
  },
};

test('every reference is compared', () => {
  expect(Object.keys(SUBJECTS).sort()).toEqual(Object.keys(REFERENCES).sort());
});

describe.each(Object.keys(SUBJECTS))('%s', (name) => {
  const { network, input, train, toTheirs, toOurs } = SUBJECTS[name]!;
  const expected = REFERENCES[name]!;
  const there = toTheirs(network.init(0));
  const filled = Object.entries(there).map(([key, { shape, values }]): [string, HostArrays<HostValues>[string]] => [
    key,
    values instanceof Float32Array ? fill(key, shape) : { shape, values },
  ]);
  const host = toOurs(Object.fromEntries(filled));
  beforeAll(anyEngine);

  test('outputs in evaluation', async () => {
    const weights = weightsOf(host);
    const logits = tf.tidy(() => network.apply(evaluation(weights), input())[network.taps.at(-1)!]!);
    const found = await logits.data();
    disposeAll({ logits });
    disposeWeights(weights);
    const flat = expected.logits.flat();
    expect(found).toHaveLength(flat.length);
    const size = rms(flat);
    flat.forEach((value, i) => expect(Math.abs(found[i]! - value) / size).toBeLessThan(1e-5));
  });

  test('loss and gradients of one step', async () => {
    const weights = weightsOf(host);
    const classes = expected.logits[0]!.length;
    const labels = expected.logits.map((_, i) => i % classes);
    const x = input();
    const y = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32');
    const { loss, gradients } = differentiate(weights.params, (params, observe) =>
      crossEntropy(network.apply({ params, state: weights.state, train, observe }, x)[network.taps.at(-1)!]!, y),
    );
    expect(Math.abs((await loss.data())[0]! / expected.loss - 1)).toBeLessThan(1e-5);
    const largest = Math.max(...Object.values(expected.gradients).map(([size]) => size));
    const theirs = toTheirs({ params: await fromTensors(gradients), state: host.state });
    for (const [key, [size, first]] of Object.entries(expected.gradients)) {
      const values = theirs[key]!.values as Float32Array;
      // what is 0 but for rounding (the gradient of a key's bias, of a shift before a norm) is compared with the others
      const scale = Math.max(size, 1e-2 * largest);
      expect(Math.abs(rms(values) - size) / scale, key).toBeLessThan(1e-4);
      expect(Math.abs(values[0]! - first) / scale, key).toBeLessThan(2e-4);
    }
    disposeAll(gradients, { loss, x, y });
    disposeWeights(weights);
  });

  test('names and shapes survive the way there and back', () => {
    const again = toOurs(toTheirs(host));
    expect(again).toEqual(host);
    expect(Object.keys(expected.gradients).every((key) => there[key] !== undefined)).toBe(true);
    expect(sizeOf(network.shapes[Object.keys(network.shapes)[0]!]!)).toBeGreaterThan(0);
  });

  test('can be cut at every tap and put together again, and every parameter has an owner and named axes', async () => {
    const weights = weightsOf(host);
    const x = input();
    const scope = evaluation(weights);
    const all = network.apply(scope, x);
    for (const tap of network.taps.slice(0, -1)) {
      const { logits: rest } = network.apply(scope, all[tap]!, { from: tap, input: x });
      const [a, b] = [await rest!.data(), await all.logits!.data()];
      a.forEach((value, i) => expect(Math.abs(value - b[i]!)).toBeLessThan(1e-6));
      expect(all[tap]!.shape.at(-1), tap).toBe(network.width(tap));
    }
    for (const [path, shape] of Object.entries(network.shapes)) {
      expect(network.taps).toContain(network.owner(path));
      expect(network.axes![path]).toHaveLength(shape.length);
    }
    disposeWeights(weights);
  });
});

/** Images of noise, 40 of them, as data. */
function noiseData(size: number, classes: number): Dataset {
  const values = Float32Array.from(noise(40 * size * size * 3, 7));
  const source = memorySource({
    images: values,
    labels: Uint8Array.from({ length: 40 }, (_, i) => i % classes),
    ...{ height: size, width: size, channels: 3 },
  });
  return { shape: [size, size, 3], classes, train: source, validation: source, test: source };
}

/** Channels of the stem, of two stages and of the features. */
const narrowMobilenet = (stem: number, first: number, second: number, features: number): MobilenetSpec => ({
  ...{ ...MOBILENET, stem: { channels: stem, stride: 1 }, features },
  stages: [
    { expansion: 1, channels: first, blocks: 1, stride: 1 },
    { expansion: 3, channels: second, blocks: 2, stride: 2 },
  ],
});

const SMALL_CONVNEXT: ConvnextSpec = {
  ...{ ...CONVNEXT, patchSize: 2, kernelSize: 3, expansion: 2 },
  stages: [
    { blocks: 2, channels: 8 },
    { blocks: 1, channels: 12 },
  ],
};

/** Wide and thin networks of each image family, and what is said where a boundary's map cannot be merged. */
const PAIRS: Readonly<Record<string, { size: number; wide: NetworkSpec; thin: NetworkSpec; pair: string }>> = {
  vit: {
    ...{ size: 12, wide: VIT, thin: scaleVit(VIT, 2 / 3) },
    pair: 'the map after embeddings cannot be merged: skip connections add it unchanged',
  },
  convnext: {
    ...{ size: 12, wide: SMALL_CONVNEXT, thin: scaleConvnext(SMALL_CONVNEXT, 0.5) },
    pair: 'the map after stem cannot be merged: skip connections add it unchanged',
  },
  mobilenet: {
    size: 12,
    wide: narrowMobilenet(16, 12, 16, 24),
    thin: narrowMobilenet(8, 6, 8, 12),
    pair: 'the map after stem cannot be merged: the depthwise convolution of stage1/block1 reads it channel by channel',
  },
  resnext: {
    size: 12,
    wide: { ...RESNEXT, blocks: [2, 1], planes: 4, mid: 2, stem: { kind: 'small', channels: 8 } },
    thin: scaleWidth({ ...RESNEXT, blocks: [2, 1], planes: 4, mid: 2, stem: { kind: 'small', channels: 8 } }, 0.5),
    pair: 'the map after stage1/block1 cannot be merged: the skip connection of stage1/block2 adds it unchanged',
  },
};

describe.each(Object.keys(PAIRS))('thin nets of the family %s', (name) => {
  const { size, wide: wideSpec, thin: thinSpec, pair } = PAIRS[name]!;
  const [wide, thin] = [networkOf(wideSpec), networkOf(thinSpec)];
  const data = noiseData(size, 5);
  beforeAll(anyEngine);

  test('selected channels of a net of the same widths are all of it; a narrower one starts near it', () => {
    const host = wide.init(1);
    expect(startWeights('selected', 2, wide, { network: wide, host }).host).toEqual(host);
    const { host: narrow, selection } = startWeights('selected', 2, thin, { network: wide, host });
    expect(Object.keys(selection).length).toBeGreaterThan(2);
    const kernels = Object.entries(narrow.params).filter(([path]) => path.endsWith('/kernel'));
    for (const [path, { shape }] of kernels) expect(shape).toEqual(thin.shapes[path]);
    // nothing is left as it was drawn
    const fresh = thin.init(2).params;
    expect(kernels.filter(([path, { values }]) => String(values) === String(fresh[path]!.values))).toEqual([]);
  });

  test('greedy channels are of the same axes, as many, and other ones than the largest in places', async () => {
    const host = wide.init(1);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const contributions = await contributionsOf(thin, teacher, data);
    disposeWeights(teacher.weights);
    const of = (kind: 'greedy' | 'selected') => startWeights(kind, 2, thin, { network: wide, host }, { contributions });
    const [greedy, selected] = [of('greedy'), of('selected')];
    expect(Object.keys(greedy.selection)).toEqual(Object.keys(selected.selection));
    expect(Object.keys(greedy.selection).length).toBeGreaterThanOrEqual(Object.keys(contributions).length);
    for (const [path, { shape, values }] of Object.entries(greedy.host.params)) {
      expect(shape).toEqual(thin.shapes[path]);
      expect(values.every(Number.isFinite)).toBe(true);
    }
    for (const products of Object.values(contributions)) {
      const readers = products.sum();
      expect(Math.abs(readers - Math.round(readers))).toBeLessThan(1e-3);
      expect(readers).toBeGreaterThan(0.5);
    }
    expect(greedy.selection).not.toEqual(selected.selection);
  });

  test('ridge from random values gives the wide net itself where the widths are its own', async () => {
    const host = wide.init(1);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const images = { by: 'ridge', images: 40, ridge: 1e-5 } as const;
    // what is no linear layer is not fitted: it is the wide net's from the start
    const other = wide.init(3).params;
    const isFitted = (path: string): boolean => !/(gamma|beta|class\/kernel|position\/kernel|scale)$/.test(path);
    const begun = Object.entries(host.params).map(([path, value]) => [path, isFitted(path) ? other[path]! : value]);
    const start = { params: Object.fromEntries(begun) as HostArrays, state: host.state };
    const fitted = await imitateByRidge(
      images,
      { network: wide, weights: weightsOf(start), teacher, selection: {} },
      data,
      { seed: 1 },
    );
    const x = toBatch(data, data.train.batch(Uint32Array.of(0, 1, 2)) as HostBatch).x;
    const of = (weights: Weights): Promise<Float32Array> =>
      wide.apply(evaluation(weights), x).logits!.data() as Promise<Float32Array>;
    const [theirs, found] = [await of(teacher.weights), await of(fitted)];
    theirs.forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(0.05 * rms(theirs)));
  });

  test('imitation by maps up, and the refusal of maps that could not be merged', async () => {
    const imitation = { ...IMITATION, maps: 'up', recipe: { ...recipe(2), batch: 8 } } as const;
    const training = { ...recipe(2), objective: TEACHER };
    const procedure = { start: 'selected', imitation, training } as const;
    const host = wide.init(1);
    const teacher = { network: wide, host, weights: weightsOf(host) };
    const weights = await trainThin(memory(), procedure, { thin, teacher, data });
    expect(Object.keys(weights.params).sort()).toEqual(Object.keys(thin.shapes).sort());
    disposeWeights(weights);
    disposeWeights(teacher.weights);
    expect(() =>
      planGroups({ ...procedure, imitation: { ...imitation, unit: 'block', maps: 'pair' } }, thin, wide),
    ).toThrow(pair);
  });
});

/** Parameters as timm and torchvision count them. */
test('groups of a narrower net divide its channels', () => {
  for (const factor of [0.1, 0.3, 0.5, 0.75]) {
    const spec = scaleWidth(preset('resnext50_32x4d', 'resnet'), factor);
    expect(ResnetSpec.safeParse(spec).success).toBe(true);
  }
  expect(scaleWidth(preset('resnext50_32x4d', 'resnet'), 0.5).groups).toBe(16);
  expect(ResnetSpec.safeParse({ ...preset('resnet18'), groups: 2 }).success).toBe(false);
});

test.each(['timm', 'torchvision'] as const)('a ConvNeXt is known by its names and shapes, in those of %s', (naming) => {
  for (const spec of [CONVNEXT, SMALL_CONVNEXT]) {
    const tensors = exportConvnext(convnext(spec).init(1), naming);
    expect(convnextIn(tensors, 'file')).toEqual(spec);
  }
  const headless = exportConvnext(convnext(CONVNEXT).init(1), 'timm');
  delete (headless as Record<string, unknown>)['head.fc.weight'];
  expect(() => convnextIn(headless, 'file')).toThrow('file: no tensor "head.fc.weight", which a ConvNeXt has');
  expect(convnextIn(exportResnet(resnet(RESNEXT).init(1)), 'file')).toBeUndefined();
});

test('a factor on all channels is torchvision’s width_mult', () => {
  // sum(p.numel() for p in torchvision.models.mobilenet_v2(width_mult=w).parameters())
  const count = (factor: number): number => parameterCount(scaleMobilenet(preset('mobilenet_v2', 'mobilenet'), factor));
  expect([count(0.5), count(1.4)]).toEqual([1_968_680, 6_108_776]);
});

test('factors that leave less than a channel of a MobileNetV2 are rounded to what it has at least', () => {
  const spec = preset('mobilenet_v2', 'mobilenet');
  const varied = (variant: object): MobilenetSpec => mobilenetFamily.vary!(spec, variant);
  expect(varied({ width: 0.02 })).toMatchObject({ stem: { channels: 8 }, features: 1280 });
  expect(varied({ mid: 0.02 }).stages.map(({ expansion }) => expansion)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  expect([{ width: 0.02 }, { mid: 0.02 }].map((variant) => parameterCount(varied(variant)))).toEqual([
    1_316_728, 1_871_432,
  ]);
});

test.each([
  ['vit_b_16', 86_567_656],
  ['vit_b_32', 88_224_232],
  ['vit_l_16', 304_326_632],
  ['mobilenet_v2', 3_504_872],
  ['distilbert-base', 66_362_880],
  ['convnext_tiny', 28_589_128],
  ['convnext_large', 197_767_336],
  ['resnext50_32x4d', 25_028_904],
  ['resnext101_64x4d', 83_455_272],
  ['deit_tiny_patch16_224', 5_717_416],
  ['deit_small_patch16_224', 22_050_664],
])('%s has %i parameters', (name, parameters) => {
  expect(parameterCount(preset(name))).toBe(parameters);
});

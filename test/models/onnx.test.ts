/** Networks as ONNX files: onnxruntime computes of them what the engine computes of the networks. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { sizeOf, type HostArray, type HostArrays } from '../../src/core/host-array.js';
import { disposeAll, tf, type Tensor, type Tensors } from '../../src/engine/tensor.js';
import { disposeWeights, weightsOf } from '../../src/method/values/weights.js';
import { writeOnnx } from '../../src/models/write.js';
import { writeTorchvision } from '../../src/models/families/resnet/weights.js';
import { FAMILIES, networkOf, preset, type NetworkSpec } from '../../src/models/index.js';
import { evaluation } from '../../src/nn/layers.js';
import type { HostWeights } from '../../src/nn/network.js';
import { anyEngine } from '../support/engines.js';
import { missingRuntime, runOnnx, type OnnxInputs } from '../support/onnxruntime.js';
import { fill, noise } from '../support/reference.js';
import { relativeError } from '../support/tolerance.js';

if (missingRuntime !== undefined) console.warn(`skipped: ${missingRuntime}`);

/** Weights of which none is 0 or 1, statistics included. */
function filled(spec: NetworkSpec): HostWeights {
  const { params, state } = networkOf(spec).init(1);
  const all = (arrays: HostArrays): HostArrays =>
    Object.fromEntries(
      Object.entries(arrays).map(([path, { shape }]) => {
        const name = path.replace(/\/variance$/, 'running_var').replace(/\/mean$/, 'running_mean');
        return [path, fill(name, shape)];
      }),
    );
  return { params: all(params), state: all(state) };
}

/** What a network gives for an input, and that input as the ONNX file takes it. */
interface Example {
  readonly x: () => Tensor;
  readonly inputs: OnnxInputs;
}

function pictures(count: number, channels: number, side: number): Example {
  const shape = [count, channels, side, side];
  const values = Float32Array.from(noise(sizeOf(shape), count + side));
  return {
    x: () => tf.transpose(tf.tensor4d(values, shape as [number, number, number, number]), [0, 2, 3, 1]),
    inputs: { input: { shape, values } },
  };
}

function numbers(count: number, each: number): Example {
  const values = Float32Array.from(noise(count * each, 7));
  return {
    x: () => tf.tensor2d(values, [count, each]),
    inputs: { input: { shape: [count, each], values } },
  };
}

/** A convolution to four channels. */
function conv(
  name: string,
  from: string,
  kernel: [number, number],
  strides: [number, number],
  padding: 'same' | 'valid',
  activation: 'relu6' | 'selu' | 'sigmoid',
): Extract<NetworkSpec, { family: 'layers' }>['layers'][number] {
  return { kind: 'conv', name, from: [from], units: 4, kernel, strides, padding, activation };
}

/** Rows of tokens; the last two of the first row are padding. */
function tokens(count: number, length: number, vocabulary: number): Example {
  const shape = [count, length];
  const whole = (h: number, below: number): Int32Array =>
    Int32Array.from(noise(count * length, h), (value) => Math.floor(((value + 1) / 2) * below));
  const [ids, segments] = [whole(3, vocabulary), whole(4, 2)];
  const mask = new Int32Array(count * length).fill(1).fill(0, length - 2, length);
  return {
    x: () =>
      tf.stack(
        [ids, segments, mask].map((row) => tf.tensor(row, shape, 'int32')),
        1,
      ),
    inputs: {
      input_ids: { shape, values: ids },
      attention_mask: { shape, values: mask },
      token_type_ids: { shape, values: segments },
    },
  };
}

const RESNET = { family: 'resnet', planes: 4, mid: 1, skip: true, classes: 5, channels: 3 } as const;
const [SMALL, IMAGENET] = [
  { kind: 'small', channels: 4 },
  { kind: 'imagenet', channels: 6 },
] as const;
const BERT = {
  family: 'bert',
  ...{ vocabSize: 13, maxPositions: 9, typeVocabSize: 2, hiddenSize: 12, numLayers: 2, numHeads: 4 },
  ...{ intermediateSize: 20, dropout: 0.1 },
} as const;
const DISTILBERT = {
  family: 'distilbert',
  ...{ vocabSize: 13, maxPositions: 9, hiddenSize: 12, numLayers: 2, numHeads: 4, intermediateSize: 20, dropout: 0.1 },
} as const;
const PLAIN = { numLayers: 4, width: 6, classes: 5 } as const;

/** Every kind of layer: windows of odd and even sizes, with and without padding, sums, norms, nonlinearities. */
const LAYERS: NetworkSpec = {
  family: 'layers',
  input: { name: 'image', shape: [9, 9, 3] },
  layers: [
    conv('first', 'image', [3, 2], [2, 1], 'same', 'relu6'),
    { kind: 'norm', name: 'norm', from: ['first'], epsilon: 1e-3 },
    { kind: 'activation', name: 'act', from: ['norm'], activation: 'elu' },
    conv('second', 'act', [1, 1], [1, 1], 'valid', 'selu'),
    { kind: 'add', name: 'sum', from: ['act', 'second', 'norm'] },
    { kind: 'pool', name: 'largest', from: ['sum'], by: 'max', size: [2, 3], strides: [2, 2], padding: 'same' },
    { kind: 'pool', name: 'mean', from: ['largest'], by: 'average', size: [2, 2], strides: [1, 1], padding: 'same' },
    conv('third', 'mean', [2, 2], [1, 1], 'valid', 'sigmoid'),
    { kind: 'dropout', name: 'dropped', from: ['third'], rate: 0.5 },
    { kind: 'flatten', name: 'flat', from: ['dropped'] },
    { kind: 'dense', name: 'inner', from: ['flat'], units: 5, activation: 'softplus' },
    { kind: 'dense', name: 'scores', from: ['inner'], units: 4, activation: 'softmax' },
  ],
};
const CHAIN: NetworkSpec = {
  family: 'layers',
  input: { name: 'row', shape: [6] },
  layers: [
    { kind: 'dense', name: 'one', from: ['row'], units: 5, activation: 'tanh' },
    { kind: 'norm', name: 'norm', from: ['one'], epsilon: 1e-3 },
    { kind: 'flatten', name: 'flat', from: ['norm'] },
    { kind: 'dense', name: 'two', from: ['flat'], units: 3, activation: 'linear' },
  ],
};

/** What outputs of the ONNX file are of a network's taps. */
type Outputs = (taps: Tensors) => Tensors;
const logits: Outputs = ({ logits: found }) => ({ logits: found! });
const hidden: Outputs = ({ layer2 }) => ({ last_hidden_state: layer2! });

const images = [pictures(2, 3, 9), pictures(1, 3, 12)];
const rows = [tokens(3, 9, 13), tokens(1, 5, 13)];

const unsegmented = rows.map(({ x, inputs: { input_ids, attention_mask } }) => ({
  ...{ x, inputs: { input_ids: input_ids!, attention_mask: attention_mask! } },
}));

/** A network, inputs of it, its outputs, and the network that has them where it is another one. */
interface Subject {
  readonly spec: NetworkSpec;
  readonly examples: readonly Example[];
  readonly outputs: Outputs;
  readonly like?: NetworkSpec;
}

const SUBJECTS: Readonly<Record<string, Subject>> = {
  'resnet, basic': {
    ...{ spec: { ...RESNET, block: 'basic', blocks: [2, 1], stem: SMALL }, examples: images, outputs: logits },
  },
  'resnet, bottleneck': {
    ...{ spec: { ...RESNET, block: 'bottleneck', blocks: [1, 2], stem: IMAGENET, mid: 2 }, examples: images },
    outputs: logits,
  },
  'resnet without skips': {
    ...{ spec: { ...RESNET, block: 'basic', blocks: [2], stem: SMALL, skip: false }, examples: images },
    outputs: logits,
  },
  resnext: {
    ...{ spec: { ...RESNET, block: 'bottleneck', blocks: [1, 1], stem: SMALL, mid: 2, groups: 4 }, examples: images },
    outputs: logits,
  },
  mobilenet: {
    spec: {
      ...{ family: 'mobilenet', stem: { channels: 8, stride: 2 }, features: 24, dropout: 0.2, classes: 5, channels: 3 },
      stages: [
        { expansion: 1, channels: 8, blocks: 1, stride: 1 },
        { expansion: 3, channels: 8, blocks: 2, stride: 2 },
      ],
    },
    ...{ examples: images, outputs: logits },
  },
  'layers, a graph of images': { spec: LAYERS, ...{ examples: [pictures(2, 3, 9)], outputs: logits } },
  'layers, a chain of rows': { spec: CHAIN, ...{ examples: [numbers(3, 6)], outputs: logits } },
  convnext: {
    spec: {
      ...{ family: 'convnext', patchSize: 2, kernelSize: 3, expansion: 2, classes: 5, channels: 3 },
      stages: [
        { blocks: 1, channels: 6 },
        { blocks: 2, channels: 8 },
      ],
    },
    ...{ examples: images, outputs: logits },
  },
  vit: {
    spec: {
      ...{ family: 'vit', imageSize: 12, patchSize: 4, channels: 3, classes: 5 },
      ...{ hiddenSize: 12, numLayers: 2, numHeads: 3, intermediateSize: 24 },
    },
    ...{ examples: [pictures(2, 3, 12), pictures(1, 3, 12)], outputs: logits },
  },
  convnet: {
    ...{ spec: { ...PLAIN, family: 'convnet', channels: 3, activation: 'relu', skip: true }, examples: images },
    outputs: logits,
  },
  'convnet, tanh': {
    ...{ spec: { ...PLAIN, family: 'convnet', channels: 3, activation: 'tanh', skip: false }, examples: images },
    outputs: logits,
  },
  mlp: {
    spec: { ...PLAIN, family: 'mlp', inputs: 7, activation: 'tanh', skip: true },
    examples: [2, 1].map((count) => {
      const values = Float32Array.from(noise(7 * count, 2));
      return { x: () => tf.tensor2d(values, [count, 7]), inputs: { input: { shape: [count, 7], values } } };
    }),
    outputs: logits,
  },
  'bert, no head': { spec: { ...BERT, head: { kind: 'none' } }, examples: rows, outputs: hidden },
  'bert, pooler': {
    ...{ spec: { ...BERT, head: { kind: 'pooler' } }, examples: rows },
    outputs: (taps) => ({ ...hidden(taps), pooler_output: taps.pooled! }),
  },
  'bert, classes': { spec: { ...BERT, head: { kind: 'classify', classes: 3 } }, examples: rows, outputs: logits },
  'bert, masked tokens, by distance': {
    ...{ spec: { ...BERT, distance: { slope: 0.7 }, head: { kind: 'masked-lm' } }, examples: rows, outputs: logits },
  },
  distilbert: { spec: { ...DISTILBERT, head: { kind: 'none' } }, examples: unsegmented, outputs: hidden },
  'distilbert, classes': {
    ...{ spec: { ...DISTILBERT, head: { kind: 'classify', classes: 3 } }, examples: unsegmented, outputs: logits },
  },
  'bert, some masked tokens: at every token': {
    ...{ spec: { ...BERT, head: { kind: 'masked-lm', maskedPositions: 2 } }, examples: rows, outputs: logits },
    like: { ...BERT, head: { kind: 'masked-lm' } },
  },
  'bert, spans, with wide heads': {
    ...{ spec: { ...BERT, headSize: 5, head: { kind: 'span' } }, examples: rows },
    outputs: ({ logits: found }) => ({
      start_logits: tf.gather(found!, 0, 1),
      end_logits: tf.gather(found!, 1, 1),
    }),
  },
};

test('every family with a graph is written as ONNX here, and one without is refused by its name', () => {
  const written = new Set<string>(Object.values(SUBJECTS).map(({ spec }) => spec.family));
  const unseen = Object.values(FAMILIES).filter((family) => family.onnx !== undefined && !written.has(family.name));
  expect(unseen.map(({ name }) => name)).toEqual([]);
  FAMILIES.unwritten = { ...FAMILIES.mlp!, name: 'unwritten', onnx: undefined } as unknown as (typeof FAMILIES)[string];
  try {
    const spec = { family: 'unwritten' } as unknown as NetworkSpec;
    expect(() => writeOnnx('net.onnx', spec, { params: {}, state: {} })).toThrow(
      'net.onnx: networks of the family "unwritten" cannot be written as ONNX; those of resnet, bert, ',
    );
  } finally {
    delete FAMILIES.unwritten;
  }
});

describe.skipIf(missingRuntime !== undefined).each(Object.keys(SUBJECTS))('%s', (name) => {
  const { spec, examples, outputs, like = spec } = SUBJECTS[name]!;
  beforeAll(anyEngine);

  test('onnxruntime gives what the engine gives, for other numbers of examples, pixels and tokens, too', async () => {
    const weights = filled(spec);
    const path = join(mkdtempSync(join(tmpdir(), 'gowide-onnx-')), 'network.onnx');
    writeOnnx(path, spec, weights);
    const found = await runOnnx(
      readFileSync(path),
      examples.map(({ inputs }) => inputs),
    );
    const own = weightsOf(weights);
    for (const [i, { x }] of examples.entries()) {
      const expected = tf.tidy(() => {
        const all = outputs(networkOf(like).apply(evaluation(own), x()));
        return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, value.clone()]));
      });
      expect(Object.keys(found[i]!)).toEqual(Object.keys(expected));
      for (const [key, value] of Object.entries(expected)) {
        const { shape, values } = found[i]![key] as HostArray;
        expect(shape).toEqual(value.shape);
        expect(relativeError(values, await value.data())).toBeLessThan(1e-5);
      }
      disposeAll(expected);
    }
    disposeWeights(own);
  });
});

test('class names, tokenizer and declaration stand in the metadata', () => {
  const spec = { ...BERT, head: { kind: 'classify', classes: 2 } } as const;
  const path = join(mkdtempSync(join(tmpdir(), 'gowide-onnx-')), 'network.onnx');
  const tokenizer = { vocabulary: ['[PAD]', 'wörd'], lowercase: true };
  writeOnnx(path, spec, filled(spec), { labels: ['no', 'yes'], tokenizer });
  const text = readFileSync(path).toString('utf8');
  for (const part of [JSON.stringify(spec), '["no","yes"]', '{"lowercase":true}', '[PAD]\nwörd', 'token_type_ids'])
    expect(text).toContain(part);
});

describe('what is no network with its weights is refused by name, and no file is written', () => {
  const spec: NetworkSpec = { ...preset('resnet18', 'resnet'), planes: 2, stem: { kind: 'small', channels: 2 } };
  const weights = networkOf(spec).init(1);
  const { 'head/bias': _, ...noBias } = weights.params;
  const path = join(mkdtempSync(join(tmpdir(), 'gowide-onnx-')), 'x.onnx');
  test.each<[what: string, given: readonly unknown[], message: string]>([
    ['nothing', [undefined, weights], 'unknown network family "undefined"'],
    ['half a declaration', [{ family: 'mlp' }, weights], 'invalid network: numLayers: missing'],
    ['no weights', [spec, undefined], `${path}: the weights: expected an object with params, state, got nothing`],
    ['a parameter less', [spec, { ...weights, params: noBias }], `${path}: the weights lack head/bias;`],
    [
      'the weights of a wider net',
      [spec, networkOf({ ...spec, classes: 7 }).init(1)],
      `${path}: the weights have head/kernel as [16, 7]; expected [16, 1000]`,
    ],
    ['no running statistics', [spec, { ...weights, state: {} }], `${path}: the weights lack stem/norm/mean;`],
  ])('%s', (_, given, message) => {
    expect(() => writeOnnx(path, ...(given as [NetworkSpec, HostWeights]))).toThrow(UsageError);
    expect(() => writeOnnx(path, ...(given as [NetworkSpec, HostWeights]))).toThrow(message);
    expect(existsSync(path)).toBe(false);
  });
  test('weights that are not a ResNet’s in torchvision’s names', () => {
    const other = networkOf({
      family: 'mlp',
      numLayers: 1,
      width: 2,
      skip: false,
      activation: 'tanh',
      classes: 2,
      inputs: 4,
    });
    expect(() => writeTorchvision(path, other.init(1))).toThrow('expected those of a ResNet, got some without');
    expect(() => writeTorchvision(path, undefined as unknown as HostWeights)).toThrow('writeTorchvision: weights');
  });
});

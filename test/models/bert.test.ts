import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { rngKey } from '../../src/core/rng.js';
import { rms } from '../../src/core/stats.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { disposeAll, tf, type Scalar, type Tensor, type Tensors } from '../../src/engine/tensor.js';
import { bert, BertSpec } from '../../src/models/families/bert/network.js';
import { countParameters } from '../../src/models/by-name.js';
import { preparePredict } from '../../src/models/predict.js';
import { exportBert, bertName, importBert, writeBert } from '../../src/models/families/bert/weights.js';
import { predictTokens, readTokens } from '../../src/models/interface/predict.js';
import { toTensors } from '../../src/engine/host-memory.js';
import { evaluation, type Scope } from '../../src/nn/layers.js';
import type { HostWeights } from '../../src/nn/network.js';
import { dropout, gelu, layerNorm } from '../../src/nn/transformer.js';
import type { HostArray, HostArrays, HostValues } from '../../src/core/host-array.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { enginesUnderTest } from '../support/engines.js';
import { fill, noise } from '../support/reference.js';
import { relativeError, TOLERANCE } from '../support/tolerance.js';

const [BATCH, TOKENS] = [3, 11];
const ENCODER = {
  family: 'bert',
  vocabSize: 97,
  maxPositions: 20,
  typeVocabSize: 2,
  hiddenSize: 24,
  numLayers: 3,
  numHeads: 4,
  intermediateSize: 40,
} as const;
const spec = (kind: string): BertSpec =>
  BertSpec.parse({ ...ENCODER, head: kind === 'classify' ? { kind, classes: 5 } : { kind } });

const length = (b: number): number => TOKENS - 3 * b;
const grid = (value: (b: number, t: number) => number): HostArray<HostValues> => ({
  shape: [BATCH, TOKENS],
  values: Int32Array.from({ length: BATCH * TOKENS }, (_, k) => value(Math.floor(k / TOKENS), k % TOKENS)),
});
const INPUT = {
  input_ids: grid((b, t) => ((b * TOKENS + t) * 31) % 97),
  attention_mask: grid((b, t) => Number(t < length(b))),
  token_type_ids: grid((b, t) => Number(t >= 4 && t < length(b))),
};

/** Weights by the reference's formula, through Hugging Face's names. */
function reference(kind: string): HostWeights {
  const network = spec(kind);
  const there = exportBert(network, bert(network).init(0));
  return importBert(
    network,
    Object.fromEntries(
      Object.entries(there).map(([name, { shape }]) => [name, fill(name.replace(/^bert\./, ''), shape)]),
    ),
    'reference',
  );
}

/**
 * Printed by `python test/models/bert_reference.py` with transformers, in float64: head, rms of embeddings and layers,
 * the first outputs of example 1.
 */
const HIDDEN = [0.614533, 0.535935, 0.66815, 0.555004];
const REFERENCE: [string, number[]][] = [
  ['pooler', [-0.243584, 0.02277, 0.182713, 0.309073]],
  ['masked-lm', [-0.294973, 1.358899, 0.066334, 0.548458]],
  ['classify', [-0.038239, -0.520778, -0.018221, -0.393307]],
  ['span', [0.609678, 0.873448]],
];

/** Of central differences, in float32. */
const STEP = 0.01;

describe.each(await enginesUnderTest())('on $name', ({ name, missing }) => {
  const on = test.skipIf(missing !== undefined);
  beforeAll(async () => {
    if (missing === undefined) await tf.setBackend(name);
  });

  on.each(REFERENCE)(
    '%s: the forward pass is Hugging Face’s, with padding and two segments',
    async (kind, expected) => {
      const network = bert(spec(kind));
      const weights = toTensors(reference(kind).params);
      const { shape, values } = readTokens(spec(kind), INPUT, 'test');
      const outputs = tf.tidy(() =>
        network.apply(evaluation({ params: weights, state: {} }), tf.tensor(values, [...shape], 'int32')),
      );
      for (const [i, size] of HIDDEN.entries())
        expect(rms(Array.from(await outputs[i === 0 ? 'embeddings' : `layer${i}`]!.data())) / size).toBeCloseTo(1, 4);
      const last = outputs[network.taps.at(-1)!]!;
      const values1 = await last.data();
      const at = last.rank === 3 ? (TOKENS + 2) * last.shape[2]! : last.shape[1]!;
      // starts and ends stand in rows of their own
      const found =
        kind === 'span'
          ? [2, 3].map((row) => values1[row * TOKENS + 2])
          : Array.from(values1.subarray(at, at + expected.length));
      expected.forEach((value, i) => expect(found[i]).toBeCloseTo(value, 4));
      disposeAll(outputs, weights);
    },
  );

  on('from a tap on, the padding mask comes from the input', async () => {
    const network = bert(spec('pooler'));
    const params = toTensors(reference('pooler').params);
    const { shape, values } = readTokens(spec('pooler'), INPUT, 'test');
    const difference = tf.tidy(() => {
      const x = tf.tensor(values, [...shape], 'int32');
      const all = network.apply(evaluation({ params, state: {} }), x);
      const rest = network.apply(evaluation({ params, state: {} }), all['layer1/attention']!, {
        from: 'layer1/attention',
        input: x,
        until: 'layer3',
      });
      expect(Object.keys(rest)).toEqual(['layer1', 'layer2/attention', 'layer2', 'layer3/attention', 'layer3']);
      return tf.max(tf.abs(tf.sub(rest.layer3!, all.layer3!)));
    });
    expect((await difference.data())[0]).toBe(0);
    difference.dispose();
    disposeAll(params);
  });

  on('gradients are those of central differences', async () => {
    const network = bert(spec('masked-lm'));
    const params = toTensors(reference('masked-lm').params);
    const { shape, values } = readTokens(spec('masked-lm'), INPUT, 'test');
    const x = tf.tensor(values, [...shape], 'int32');
    const lossOf = (p: Tensors): Scalar =>
      tf.mean(tf.square(network.apply({ params: p, state: {}, train: true, observe: () => {} }, x).logits!));
    const { loss, gradients } = differentiate(params, (p) => lossOf(p));
    for (const path of [
      'embeddings/word/kernel',
      'layer1/attention/query/bias',
      'layer1/attention/norm/gamma',
      'layer1/inner/kernel',
      'head/norm/beta',
      'head/bias',
    ]) {
      const direction = tf.tensor(Float32Array.from(noise(params[path]!.size, 7)), params[path]!.shape);
      const at = async (h: number): Promise<number> => {
        const value = tf.tidy(() => lossOf({ ...params, [path]: tf.add(params[path]!, tf.mul(direction, h)) }));
        const [number] = await value.data();
        value.dispose();
        return number!;
      };
      const numeric = ((await at(STEP)) - (await at(-STEP))) / (2 * STEP);
      const [analytic] = await tf.tidy(() => tf.sum(tf.mul(gradients[path]!, direction))).data();
      expect(Math.abs(analytic! - numeric)).toBeLessThan(0.02 * Math.abs(numeric) + 1e-4);
    }
    disposeAll(gradients, params);
    tf.dispose([loss, x]);
  });

  /** Each head that reads some of the tokens: one of them twice where they are masked positions. */
  const FEW: readonly [string, BertSpec['head'], number][] = [
    ['pooler', { kind: 'pooler' }, 1],
    ['classify', { kind: 'classify', classes: 5 }, 1],
    ['masked-lm', { kind: 'masked-lm', maskedPositions: 4 }, 4],
  ];
  const PLACES = [
    [5, 1, 0, 1],
    [0, 7, 2, 3],
    [4, 3, 1, 0],
  ];

  const largest = (values: ArrayLike<number>): number => Math.max(...Array.from(values, Math.abs));

  /** The encoder with this head, its weights and an input of four rows. */
  function reading(head: BertSpec['head'], dropped = 0) {
    const network = bert({ ...ENCODER, dropout: dropped, head });
    const params = toTensors(reference(head.kind).params);
    const { values } = readTokens(spec(head.kind), INPUT, 'test');
    const x = tf.tidy(() => {
      const rows = tf.tensor(values, [BATCH, 3, TOKENS], 'int32');
      const last = tf.pad(tf.tensor3d(PLACES.flat(), [BATCH, 1, 4], 'int32'), [
        [0, 0],
        [0, 0],
        [0, TOKENS - 4],
      ]);
      return tf.concat([rows, last], 1);
    });
    return { network, params, x };
  }

  on.each(FEW)(
    '%s: where its output alone is asked for, the last block has the tokens that it reads, with the same values and gradients',
    async (_, head, count) => {
      const { network, params, x } = reading(head);
      const end = network.taps.at(-1)!;
      const train = (p: Tensors): Scope => ({ params: p, state: {}, train: true, observe: () => {} });
      const target = tf.tidy(() => network.apply(train(params), x)[end]!.mul(0.5));
      const lossOf = (p: Tensors, only: boolean): Scalar =>
        tf.mean(tf.square(tf.sub(network.apply(train(p), x, { only })[end]!, target)));
      const all = differentiate(params, (p) => lossOf(p, false));
      const few = differentiate(params, (p) => lossOf(p, true));
      expect(relativeError(await few.loss.data(), await all.loss.data())).toBeLessThan(TOLERANCE.f32);
      for (const [path, gradient] of Object.entries(all.gradients)) {
        const [found, expected] = [await few.gradients[path]!.data(), await gradient.data()];
        // that of a bias of keys is 0, as the softmax takes no notice of it, and what is found is roundings
        if (path.endsWith('/key/bias')) {
          const size = largest(await all.gradients[path.replace('/key/', '/query/')]!.data());
          expect(largest(found) / size, path).toBeLessThan(TOLERANCE.f32);
        } else expect(relativeError(found, expected), path).toBeLessThan(TOLERANCE.f32);
      }
      for (const scope of [train(params), evaluation({ params, state: {} })]) {
        const [whole, part] = [network.apply(scope, x), network.apply(scope, x, { only: true })];
        const further = network.apply(scope, whole['layer3/attention']!, {
          from: 'layer3/attention',
          input: x,
          only: true,
        });
        expect(whole.layer3!.shape).toEqual([BATCH, TOKENS, 24]);
        expect(part.layer2!.shape).toEqual([BATCH, TOKENS, 24]);
        for (const taps of [part, further]) {
          expect(taps.layer3!.shape).toEqual([BATCH, count, 24]);
          expect(relativeError(await taps[end]!.data(), await whole[end]!.data())).toBeLessThan(TOLERANCE.f32);
        }
        disposeAll(whole, part, further);
      }
      disposeAll(params, all.gradients, few.gradients);
      tf.dispose([x, target, all.loss, few.loss]);
    },
  );

  on('the last block has all tokens where its layers are listened to, or dropped from', async () => {
    const scopes: readonly [number, Partial<Scope>][] = [
      [0, { trace: () => {} }],
      [0.2, { train: true, random: (path) => rngKey(1, path) }],
    ];
    for (const [dropped, more] of scopes) {
      const { network, params, x } = reading({ kind: 'pooler' }, dropped);
      const scope: Scope = { ...evaluation({ params, state: {} }), ...more };
      const [whole, part] = [network.apply(scope, x), network.apply(scope, x, { only: true })];
      expect(part.layer3!.shape).toEqual([BATCH, TOKENS, 24]);
      expect(await part.pooled!.data()).toEqual(await whole.pooled!.data());
      disposeAll(whole, part, params);
      x.dispose();
    }
  });

  on('layer norm and GELU: values and gradients at a point', async () => {
    const x = tf.tensor2d([
      [1, 2, 4],
      [-1, 0, 3],
    ]);
    const params: Tensors = { 'n/gamma': tf.tensor1d([1, 2, 3]), 'n/beta': tf.tensor1d([0, 1, 0]) };
    const normed = layerNorm({ params, state: {}, train: true, observe: () => {} }, 'n', x, 0);
    const [deviation, centre] = [Math.sqrt(14 / 9), 7 / 3];
    expect((await normed.data())[1]).toBeCloseTo((2 * (2 - centre)) / deviation + 1, 5);
    const { gradients } = differentiate({ x }, (p) => tf.sum(gelu(p.x!)) as Scalar);
    expect((await gelu(x).data())[0]).toBeCloseTo(0.841345, 5); // Phi(1)
    expect((await gradients.x!.data())[0]).toBeCloseTo(0.841345 + 0.241971, 5); // Phi(1) + phi(1)
    const slope = differentiate(
      { x },
      (p) =>
        tf.sum(tf.square(layerNorm({ params, state: {}, train: true, observe: () => {} }, 'n', p.x!, 0))) as Scalar,
    ).gradients.x as Tensor;
    // no change along the directions that a norm takes away
    const rows = (await slope.array()) as number[][];
    for (const [i, row] of rows.entries()) {
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 4);
      expect(
        row.reduce(
          (sum, value, k) => sum + value * ((i === 0 ? [1, 2, 4] : [-1, 0, 3])[k]! - (i === 0 ? centre : 2 / 3)),
          0,
        ),
      ).toBeCloseTo(0, 4);
    }
  });

  on('dropout: so many values are 0, the mean stays, the key decides, and evaluation drops nothing', async () => {
    const x = tf.ones([100, 200]);
    const at = (key: number, train = true): Scope => ({
      params: {},
      state: {},
      train,
      observe: () => {},
      random: (path) => rngKey(key, path),
    });
    const values = async (scope: Scope): Promise<Float32Array> =>
      (await dropout(scope, 'a', x, 0.25).data()) as Float32Array;
    const [first, same, other] = [await values(at(1)), await values(at(1)), await values(at(2))];
    expect(first.filter((value) => value === 0).length / 20_000).toBeCloseTo(0.25, 1);
    expect(first.every((value) => value === 0 || Math.abs(value - 4 / 3) < 1e-6)).toBe(true);
    expect(same).toEqual(first);
    expect(other).not.toEqual(first);
    expect(await values(at(1, false))).toEqual(new Float32Array(20_000).fill(1));
    const { gradients } = differentiate({ x }, (p) => tf.sum(tf.mul(dropout(at(1), 'a', p.x!, 0.25), 3)) as Scalar);
    expect(await gradients.x!.data()).toEqual(first.map((value) => 3 * value));
  });

  on('a net with dropout comes to the same whether or not a gradient is recorded', async () => {
    const network = bert({ ...spec('pooler'), dropout: 0.2 });
    const params = toTensors(network.init(1).params);
    const x = tf.tensor(
      Int32Array.from({ length: 2 * 3 * TOKENS }, (_, i) => Number(Math.floor(i / TOKENS) % 3 === 2 || i % 2)),
      [2, 3, TOKENS],
      'int32',
    );
    const scope = (p: Tensors): Scope => ({
      params: p,
      state: {},
      train: true,
      observe: () => {},
      random: (path) => rngKey(3, path),
    });
    const last = (p: Tensors): Tensor => network.apply(scope(p), x).pooled!;
    const { aside } = differentiate(params, (p, keep) => {
      const y = last(p);
      keep('y', y);
      return tf.sum(y) as Scalar;
    });
    const [recorded, plain] = [await aside.y!.data(), await tf.tidy(() => last(params)).data()];
    expect(relativeError(plain, Float64Array.from(recorded))).toBeLessThan(TOLERANCE.f32);
  });

  on('predict reads a folder and does not mind how many examples come at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gowide-bert-'));
    const [input, output] = [join(folder, 'x.safetensors'), join(folder, 'y.safetensors')];
    writeFolder(folder, 'pooler');
    writeSafetensors(input, INPUT);
    const shapes = await preparePredict({ model: folder, input, output }, {})({ mode: 'eval', taps: true });
    expect(shapes).toMatchObject({
      last_hidden_state: [3, 11, 24],
      pooler_output: [3, 24],
      'layer2/attention': [3, 11, 24],
      layer3: [3, 11, 24],
    });
    const [, , , second] = Array.from(readSafetensors(output).tensors.pooler_output!.values as Float32Array).slice(24);
    expect(second).toBeCloseTo(0.309073, 4);
    const tokens = readTokens(spec('none'), INPUT, 'test');
    const headless = await predictTokens(bert(spec('none')), reference('none'), tokens, { mode: 'eval', taps: false });
    expect(Object.keys(headless)).toEqual(['last_hidden_state']);
  });
});

function writeFolder(folder: string, kind: string, changes: Record<string, unknown> = {}): void {
  mkdirSync(folder, { recursive: true });
  const config = {
    model_type: 'bert',
    vocab_size: 97,
    hidden_size: 24,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 40,
    max_position_embeddings: 20,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, ...changes }));
  writeBert(join(folder, 'model.safetensors'), spec(kind), reference(kind));
}

test('published shapes have the published numbers of parameters', () => {
  const count = (name: string): number => countParameters(name, {}).parameters;
  expect(['bert-base', 'bert-large', 'bert-12x1024', 'tinybert-4x312', 'tinybert-6x768'].map(count)).toEqual([
    109_482_240, 335_141_888, 183_987_200, 14_350_248, 66_955_008,
  ]);
});

test('names are Hugging Face’s', () => {
  const paths = [
    'embeddings/word/kernel',
    'layer3/attention/query/bias',
    'layer1/attention/norm/gamma',
    'layer2/inner/kernel',
    'layer2/norm/beta',
  ];
  expect(paths.map((path) => bertName(spec('pooler'), path))).toEqual([
    'embeddings.word_embeddings.weight',
    'encoder.layer.2.attention.self.query.bias',
    'encoder.layer.0.attention.output.LayerNorm.weight',
    'encoder.layer.1.intermediate.dense.weight',
    'encoder.layer.1.output.LayerNorm.bias',
  ]);
  expect(
    ['head/transform/kernel', 'head/norm/gamma', 'head/bias', 'layer1/norm/beta'].map((path) =>
      bertName(spec('masked-lm'), path),
    ),
  ).toEqual([
    'cls.predictions.transform.dense.weight',
    'cls.predictions.transform.LayerNorm.weight',
    'cls.predictions.bias',
    'bert.encoder.layer.0.output.LayerNorm.bias',
  ]);
  expect([bertName(spec('span'), 'head/kernel'), bertName(spec('classify'), 'pooler/bias')]).toEqual([
    'qa_outputs.weight',
    'bert.pooler.dense.bias',
  ]);
});

test('weights survive a round trip; old names, spare arrays and other tasks’ heads are understood', () => {
  const model = reference('masked-lm');
  const there = exportBert(spec('masked-lm'), model);
  expect(importBert(spec('masked-lm'), there, 'f')).toEqual(model);
  const old: HostArrays<HostValues> = {
    ...Object.fromEntries(
      Object.entries(there).map(([name, array]) => [
        name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
        array,
      ]),
    ),
    'bert.embeddings.position_ids': { shape: [1, 20], values: new BigInt64Array(20) },
    'cls.seq_relationship.bias': { shape: [2], values: new Float32Array(2) },
  };
  expect(importBert(spec('masked-lm'), old, 'f')).toEqual(model);
  expect(Object.keys(importBert(spec('none'), old, 'f').params)).toHaveLength(5 + 16 * 3);
  expect(() => importBert(spec('span'), there, 'f')).toThrow(
    /missing \(2\): qa_outputs.weight, qa_outputs.bias; not of this network \(5\): cls.predictions/,
  );
});

test('what does not fit is one clear line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-bert-'));
  const [input, output] = [join(folder, 'x.safetensors'), join(folder, 'y.safetensors')];
  writeSafetensors(input, INPUT);
  const predict = (): unknown => preparePredict({ model: folder, input, output }, {});
  writeFolder(folder, 'pooler', { vocab_size: 98 });
  expect(predict).toThrow('of another shape (1): embeddings.word_embeddings.weight is [97, 24], expected [98, 24]');
  writeFolder(folder, 'pooler', { hidden_size: 48 });
  expect(predict).toThrow(
    /of another shape \(\d+\): embeddings.word_embeddings.weight is \[97, 24\], expected \[97, 48\], [^;]* and \d+ more$/,
  );
  expect(predict).not.toThrow(/.{500}/);
  writeFolder(folder, 'pooler', { hidden_act: 'relu' });
  expect(predict).toThrow(/config.json: hidden_act: .*BERT with gelu/);
  writeFolder(folder, 'pooler');
  const read = (changes: HostArrays<HostValues>): unknown => readTokens(spec('pooler'), { ...INPUT, ...changes }, 'x');
  expect(() => read({ input_ids: grid(() => 97) })).toThrow(
    'x: input_ids has a 97; there are 97 tokens in the vocabulary',
  );
  // a number of 64 bits that would be token 5 in 32
  const wide = { shape: [1, 1], values: BigInt64Array.of(2n ** 32n + 5n) };
  expect(() => readTokens(spec('pooler'), { input_ids: wide }, 'x')).toThrow('x: input_ids has a 4294967301');
  expect(() => read({ token_type_ids: grid(() => 2) })).toThrow('x: token_type_ids has a 2; there are 2 segments');
  expect(() => read({ attention_mask: { shape: [1, 1], values: new Int32Array(1) } })).toThrow(
    'x: attention_mask is [1, 1], input_ids is [3, 11]',
  );
  expect(() => read({ input_ids: { shape: [1, 1], values: new Float32Array(1) } })).toThrow(
    'x: input_ids is F32, expected I32 or I64',
  );
  expect(() => readTokens(spec('pooler'), { input_ids: { shape: [1, 21], values: new Int32Array(21) } }, 'x')).toThrow(
    'x: sequences of 21 tokens; the network has 20 positions',
  );
  expect(() => readTokens(spec('pooler'), {}, 'x')).toThrow('x: no tensor "input_ids"; it holds nothing');
  writeFileSync(join(folder, 'pytorch_model.bin'), '');
  mkdirSync(join(folder, 'bare'));
  expect(() => preparePredict({ model: join(folder, 'bare'), input, output }, {})).toThrow(/config.json/);
  expect(BertSpec.safeParse({ ...ENCODER, numHeads: 5, head: { kind: 'pooler' } }).success).toBe(false);
});

/** Google's BERTs as TensorFlow saves them: names, layouts, heads, and what is refused. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostArray, HostArrays } from '../../src/core/host-array.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { transpose } from '../../src/models/formats/exchange.js';
import { isModelFolder, taskNetworks, weightFiles } from '../../src/models/folders.js';
import { networkByName } from '../../src/models/by-name.js';
import { readWeights } from '../../src/models/read.js';
import { huggingFaceOf } from '../../src/models/formats/bert-tensorflow.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { openSource } from '../../src/thin/sources/index.js';
import { writeBundle } from '../store/bundled.js';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-google-'));

const POOLER: BertSpec = {
  family: 'bert',
  ...{ vocabSize: 12, maxPositions: 16, typeVocabSize: 2, hiddenSize: 64, numLayers: 2, numHeads: 1 },
  ...{ intermediateSize: 32, dropout: 0.1, initializerRange: 0.02 },
  head: { kind: 'pooler' },
};
const CLASSIFY: BertSpec = { ...POOLER, head: { kind: 'classify', classes: 3 } };
const SPAN: BertSpec = { ...POOLER, head: { kind: 'span' } };
const MASKED: BertSpec = { ...POOLER, head: { kind: 'masked-lm' } };

const LAYERS: Readonly<Record<string, string>> = {
  'attention/query': 'attention/self/query',
  'attention/key': 'attention/self/key',
  'attention/value': 'attention/self/value',
  'attention/output': 'attention/output/dense',
  'attention/norm': 'attention/output/LayerNorm',
  inner: 'intermediate/dense',
  output: 'output/dense',
  norm: 'output/LayerNorm',
};
const OTHERS: Readonly<Record<string, string>> = {
  'embeddings/word/kernel': 'bert/embeddings/word_embeddings',
  'embeddings/position/kernel': 'bert/embeddings/position_embeddings',
  'embeddings/segment/kernel': 'bert/embeddings/token_type_embeddings',
  'embeddings/norm/gamma': 'bert/embeddings/LayerNorm/gamma',
  'embeddings/norm/beta': 'bert/embeddings/LayerNorm/beta',
  'pooler/kernel': 'bert/pooler/dense/kernel',
  'pooler/bias': 'bert/pooler/dense/bias',
};
/** Heads as run_pretraining.py, run_classifier.py and run_squad.py of google-research/bert call them. */
const HEADS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'masked-lm': {
    'head/bias': 'cls/predictions/output_bias',
    'head/transform/kernel': 'cls/predictions/transform/dense/kernel',
    'head/transform/bias': 'cls/predictions/transform/dense/bias',
    'head/norm/gamma': 'cls/predictions/transform/LayerNorm/gamma',
    'head/norm/beta': 'cls/predictions/transform/LayerNorm/beta',
  },
  classify: { 'head/kernel': 'output_weights', 'head/bias': 'output_bias' },
  span: { 'head/kernel': 'cls/squad/output_weights', 'head/bias': 'cls/squad/output_bias' },
};

/** The parameters of a network under Google's names; heads' kernels are the other way round there. */
function googles(spec: BertSpec): HostArrays {
  return Object.fromEntries(
    Object.entries(bert(spec).init(5).params).map(([path, value]): [string, HostArray] => {
      const [, layer, within, leaf] = /^layer(\d+)\/(.*)\/(\w+)$/.exec(path) ?? [];
      if (layer !== undefined) return [`bert/encoder/layer_${Number(layer) - 1}/${LAYERS[within!]!}/${leaf!}`, value];
      const name = OTHERS[path] ?? HEADS[spec.head.kind]![path]!;
      return [name, name.endsWith('output_weights') ? transpose(value, [1, 0]) : value];
    }),
  );
}

const CONFIG = {
  ...{ vocab_size: 12, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 1, intermediate_size: 32 },
  ...{ max_position_embeddings: 16, type_vocab_size: 2, hidden_act: 'gelu', hidden_dropout_prob: 0.1 },
};
const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'good', 'bad', 'a', 'film', 'the', ',', 'plot'];

/** A folder as Google published them. */
function folderOf(tensors: HostArrays, words = WORDS, config: object | undefined = CONFIG): string {
  const folder = newFolder();
  writeBundle(join(folder, 'bert_model.ckpt'), tensors);
  if (config !== undefined) writeFileSync(join(folder, 'bert_config.json'), JSON.stringify(config));
  writeFileSync(join(folder, 'vocab.txt'), words.join('\n'));
  return folder;
}
const open = (model: string) => openSource(model, { work: newFolder(), runs: newFolder() });

describe('a checkpoint in Google’s names', () => {
  test.each([
    ['classify', CLASSIFY],
    ['span', SPAN],
    ['masked-lm', MASKED],
    ['pooler', POOLER],
  ])('has the head %s, and its weights are those that were saved', (_, spec) => {
    const extra = { 'bert/pooler/dense/kernel/adam_m': { shape: [1], values: Float32Array.of(1) } };
    const tensors = googles(spec);
    const unused = spec.head.kind === 'pooler' || spec.head.kind === 'classify' ? {} : poolerOf();
    const folder = folderOf({ ...unused, ...tensors, ...extra });
    for (const path of [folder, join(folder, 'bert_model.ckpt'), join(folder, 'bert_model.ckpt.index')]) {
      expect(isModelFolder(path)).toBe(true);
      expect(taskNetworks(path)).toMatchObject({ spec, encoder: POOLER });
      // a head that gives classes is a part of the network by its name, as its logits are what is asked for
      expect(networkByName(path)).toEqual(spec.head.kind === 'classify' ? spec : POOLER);
    }
    expect(readWeights(folder, spec).params).toEqual(bert(spec).init(5).params);
    expect(weightFiles(folder)).toEqual([
      { path: folder, names: ['bert_model.ckpt.data-00000-of-00001', 'bert_model.ckpt.index'] },
      { path: join(folder, 'bert_config.json') },
    ]);
  });

  test('in the scope of a module and with the head for the next sentence, as TensorFlow Hub has them', () => {
    expect(huggingFaceOf('module/bert/encoder/layer_11/output/dense/kernel')).toBe(
      'bert.encoder.layer.11.output.dense.weight',
    );
    expect(huggingFaceOf('cls/seq_relationship/output_weights')).toBe('cls.seq_relationship.weight');
  });

  test('a SavedModel without a configuration is read by its shapes, and says which heads are taken', async () => {
    const folder = newFolder();
    for (const name of ['variables', 'assets']) mkdirSync(join(folder, name));
    writeBundle(join(folder, 'variables', 'variables'), googles(POOLER));
    writeFileSync(join(folder, 'assets', 'vocab.txt'), WORDS.join('\n'));
    const { network, vocabulary, notes } = await open(folder);
    expect(network).toEqual(POOLER);
    expect(vocabulary).toBe(join(folder, 'assets', 'vocab.txt'));
    expect(notes[0]).toContain('no bert_config.json; 1 heads of 64 channels are taken');
  });

  test('gowide thin takes its pooler for a head of another task', async () => {
    const { network, encoder } = await open(folderOf({ ...poolerOf(), ...googles(MASKED) }));
    expect([network, encoder]).toEqual([MASKED, POOLER]);
    expect((await open(folderOf(googles(CLASSIFY)))).encoder).toBeUndefined();
  });

  test('a vocabulary with capitals is a cased one', () => {
    expect(readVocabulary(folderOf(googles(POOLER))).lowercase).toBeUndefined();
    const cased = folderOf(googles(POOLER), [...WORDS.slice(0, -1), 'Paris', 'B']);
    expect(readVocabulary(cased).lowercase).toBe(false);
    rmSync(join(cased, 'bert_config.json'));
    expect(readVocabulary(cased).lowercase).toBeUndefined();
  });
});

function poolerOf(): HostArrays {
  const params = googles(POOLER);
  return Object.fromEntries(Object.entries(params).filter(([name]) => name.startsWith('bert/pooler/')));
}

describe('what is refused, by name', () => {
  test('a checkpoint of another network', async () => {
    const folder = folderOf({ 'conv1/kernel': { shape: [1], values: Float32Array.of(1) } });
    await expect(open(folder)).rejects.toThrow(
      'no variable "bert/embeddings/word_embeddings"; expected a BERT in the names of google-research/bert, it has conv1/kernel',
    );
  });

  test('missing variables, another vocabulary, an activation that is none of ours', async () => {
    const missing = 'bert/encoder/layer_1/output/dense/bias';
    const rest = Object.fromEntries(Object.entries(googles(POOLER)).filter(([name]) => name !== missing));
    const folder = folderOf(rest);
    expect(() => readWeights(folder, POOLER)).toThrow('missing (1): encoder.layer.1.output.dense.bias');
    rmSync(join(folder, 'vocab.txt'));
    await expect(open(folder)).rejects.toThrow('no vocab.txt beside it');
    await expect(open(folderOf(rest, WORDS, { ...CONFIG, hidden_act: 'relu' }))).rejects.toThrow('hidden_act');
  });

  test('several checkpoints in one folder, but for the one that the file checkpoint names', () => {
    const folder = folderOf(googles(CLASSIFY));
    writeBundle(join(folder, 'model.ckpt-343'), googles(SPAN));
    expect(() => taskNetworks(folder)).toThrow(
      'several checkpoints in it, bert_model.ckpt.index, model.ckpt-343.index',
    );
    writeFileSync(join(folder, 'checkpoint'), 'model_checkpoint_path: "/elsewhere/model.ckpt-343"\n');
    expect(taskNetworks(folder).spec.family === 'bert' && taskNetworks(folder).spec).toMatchObject({ head: SPAN.head });
  });
});

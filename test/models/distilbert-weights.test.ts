/** Folders of DistilBERTs: what is written is read again, with its head, and what does not fit is refused by name. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { distilbert, type DistilbertSpec } from '../../src/models/families/distilbert/network.js';
import {
  distilbertName,
  exportDistilbert,
  importDistilbert,
  readDistilbertFolder,
} from '../../src/models/families/distilbert/weights.js';
import { networkByName } from '../../src/models/by-name.js';
import { readWeights, weightLabels } from '../../src/models/read.js';
import { taskNetworks } from '../../src/models/folders.js';
import { writeWeights } from '../../src/models/write.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';

const specOf = (head: DistilbertSpec['head']): DistilbertSpec => ({
  ...{ family: 'distilbert', vocabSize: 7, maxPositions: 6, hiddenSize: 4, numLayers: 1, numHeads: 2 },
  ...{ intermediateSize: 6, initializerRange: 0.02, dropout: 0.1, head },
});
const TOKENIZER = { vocabulary: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', 'b'], lowercase: true };

function saved(spec: DistilbertSpec, labels?: readonly string[]): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'gowide-distilbert-')), 'model');
  writeWeights(folder, spec, distilbert(spec).init(3), { tokenizer: TOKENIZER, labels });
  return folder;
}

describe.each([
  specOf({ kind: 'none' }),
  specOf({ kind: 'span' }),
  specOf({ kind: 'masked-lm' }),
  specOf({ kind: 'classify', classes: 3 }),
])('with the head $head.kind', (spec) => {
  const folder = saved(spec);

  test('is known by its folder, alone and with its head', () => {
    const encoder = { ...spec, head: { kind: 'none' } };
    expect(taskNetworks(folder)).toMatchObject({ spec, encoder });
    expect(networkByName(folder)).toEqual(spec.head.kind === 'classify' ? spec : encoder);
    expect(readWeights(folder, spec)).toEqual(distilbert(spec).init(3));
    const { params } = readWeights(folder, encoder as DistilbertSpec);
    expect(params['layer1/inner/kernel']).toEqual(distilbert(spec).init(3).params['layer1/inner/kernel']);
  });
});

test('the names are those of transformers', () => {
  const masked = specOf({ kind: 'masked-lm' });
  const names = ['head/transform/kernel', 'head/norm/gamma', 'head/bias', 'layer1/attention/norm/beta'];
  expect(names.map((path) => distilbertName(masked, path))).toEqual([
    ...['vocab_transform.weight', 'vocab_layer_norm.weight', 'vocab_projector.bias'],
    'distilbert.transformer.layer.0.sa_layer_norm.bias',
  ]);
  expect(distilbertName(specOf({ kind: 'none' }), 'embeddings/norm/gamma')).toBe('embeddings.LayerNorm.weight');
});

test('classes have their names, and the tokenizer is DistilBERT’s', () => {
  const spec = specOf({ kind: 'classify', classes: 2 });
  const folder = saved(spec, ['no', 'yes']);
  expect(weightLabels(folder, spec)).toEqual(['no', 'yes']);
  const text = readFileSync(join(folder, 'tokenizer_config.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ tokenizer_class: 'DistilBertTokenizer', model_max_length: 6 });
});

test('a matrix of the masked-LM head that is no copy of the word embeddings is refused', () => {
  const spec = specOf({ kind: 'masked-lm' });
  const there = exportDistilbert(spec, distilbert(spec).init(1));
  const words = there['distilbert.embeddings.word_embeddings.weight']!;
  const projector = (change: number): typeof there => ({
    ...there,
    'vocab_projector.weight': { ...words, values: words.values.map((value, i) => (i === 5 ? value + change : value)) },
  });
  expect(importDistilbert(spec, projector(0), 'f')).toEqual(distilbert(spec).init(1));
  expect(() => importDistilbert(spec, projector(1), 'f')).toThrow(
    /f: vocab_projector.weight differs from embeddings.word_embeddings.weight \(tie_word_embeddings: false\)/,
  );
});

test.each([
  [{ activation: 'relu' }, 'activation'],
  [{ n_layers: 'six' }, 'n_layers'],
  [{ pruned_heads: { 0: [1] } }, 'pruned_heads'],
])('a configuration with %j is refused', (changes, key) => {
  const folder = saved(specOf({ kind: 'none' }));
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...changes }));
  expect(() => readDistilbertFolder(folder)).toThrow(key);
});

test('missing tensors are named', () => {
  const spec = specOf({ kind: 'none' });
  const folder = saved(spec);
  const file = join(folder, 'model.safetensors');
  const { tensors } = readSafetensors(file);
  const rest = Object.entries(tensors).filter(([name]) => name !== 'transformer.layer.0.ffn.lin1.bias');
  writeSafetensors(file, Object.fromEntries(rest));
  expect(() => readWeights(folder, spec)).toThrow('missing (1): transformer.layer.0.ffn.lin1.bias');
});

/** Folders and files in Hugging Face's names: what is used of them, and what is refused by its name. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HostArray, HostArrays, HostValues } from '../../src/core/host-array.js';
import { bert, encoder, type BertSpec } from '../../src/models/families/bert/network.js';
import { readWeights } from '../../src/models/read.js';
import { exportBert, importBert, readBertFolder, writeBertFolder } from '../../src/models/families/bert/weights.js';
import { labelsBeside } from '../../src/models/formats/huggingface-folder.js';
import { readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';
import { readVocabulary } from '../../src/text/vocabulary.js';

const specOf = (head: BertSpec['head']): BertSpec => ({
  family: 'bert',
  vocabSize: 11,
  maxPositions: 8,
  typeVocabSize: 2,
  hiddenSize: 4,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 6,
  initializerRange: 0.02,
  dropout: 0.1,
  head,
});
const MASKED = specOf({ kind: 'masked-lm' });
const NONE = specOf({ kind: 'none' });
const TOKENIZER = { vocabulary: ['[PAD]'], lowercase: true };
const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-huggingface-'));
const saved = (spec: BertSpec, labels?: readonly string[]): string => {
  const path = folder();
  // a head of one class is one that no spec may have, and a checkpoint may
  writeBertFolder(path, spec, encoder(spec).init(3), { tokenizer: TOKENIZER, labels });
  return path;
};
const configure = (path: string, changes: object): void => {
  const file = join(path, 'config.json');
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...changes }));
};

describe('the decoder of a masked-LM head', () => {
  const WORDS = 'bert.embeddings.word_embeddings.weight';
  const there = exportBert(MASKED, bert(MASKED).init(1));
  const copy = ({ shape, values }: HostArray, change = 0): HostArray => ({
    shape,
    values: values.map((value, i) => (i === 5 ? value + change : value)),
  });

  test('is left out where it is a copy of the word embeddings, and refused where it is not', () => {
    const decoder = (change: number): HostArrays<HostValues> => ({
      ...there,
      'cls.predictions.decoder.weight': copy(there[WORDS]!, change),
    });
    expect(importBert(MASKED, decoder(0), 'f')).toEqual(importBert(MASKED, there, 'f'));
    expect(() => importBert(MASKED, decoder(0.5), 'f')).toThrow(
      /f: cls.predictions.decoder.weight differs from embeddings.word_embeddings.weight \(tie_word_embeddings: false\)/,
    );
    const biased = { ...there, 'cls.predictions.decoder.bias': copy(there['cls.predictions.bias']!, 1) };
    expect(() => importBert(MASKED, biased, 'f')).toThrow(/decoder.bias differs from cls.predictions.bias/);
    // an encoder has no use for it
    expect(Object.keys(importBert(NONE, decoder(0.5), 'f').params)).toHaveLength(5 + 16 * 2);
  });
});

test.each([
  [{ is_decoder: true }, 'is_decoder'],
  [{ add_cross_attention: true }, 'add_cross_attention'],
  [{ pruned_heads: { 0: [1] } }, 'pruned_heads'],
  [{ hidden_act: 'relu' }, 'hidden_act'],
  [{ position_embedding_type: 'relative_key' }, 'position_embedding_type'],
  [{ layer_norm_eps: 1e-5 }, 'layer_norm_eps'],
])('a configuration with %j is refused, of a folder and beside a file', (changes, key) => {
  const path = saved(NONE);
  expect(readBertFolder(path).spec).toEqual(NONE);
  configure(path, changes);
  for (const read of [
    () => readBertFolder(path),
    () => readWeights(path, NONE),
    () => readWeights(join(path, 'model.safetensors'), NONE),
  ])
    expect(read).toThrow(new RegExp(`config.json: ${key}.*encoders of BERT with gelu`));
});

test('values that are not finite are named, buffers of whole numbers are left', () => {
  const there = exportBert(NONE, bert(NONE).init(1));
  const buffers = {
    'embeddings.token_type_ids': { shape: [1, 2], values: new BigInt64Array(2) },
    'quantizer.zero_points': { shape: [2], values: Int32Array.of(1, 2) },
    'mask.seen': { shape: [2], values: Uint8Array.of(1, 2) },
  };
  expect(importBert(NONE, { ...there, ...buffers }, 'f')).toEqual(importBert(NONE, there, 'f'));
  const name = 'embeddings.LayerNorm.bias';
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const broken = { ...there, [name]: { shape: [4], values: Float32Array.of(0, wrong, 0, 0) } };
    expect(() => importBert(NONE, broken, 'f')).toThrow(`not finite (1): ${name} (${wrong})`);
  }
});

describe('a folder in several files', () => {
  const shards = (change: (map: Record<string, string>) => void = () => {}): string => {
    const path = saved(NONE);
    const { tensors } = readSafetensors(join(path, 'model.safetensors'));
    const map: Record<string, string> = {};
    const parts = [{}, {}] as Record<string, HostArray<HostValues>>[];
    for (const [i, [name, array]] of Object.entries(tensors).entries()) {
      parts[i % 2]![name] = array;
      map[name] = `model-0000${(i % 2) + 1}-of-00002.safetensors`;
    }
    parts.forEach((part, i) => writeSafetensors(join(path, `model-0000${i + 1}-of-00002.safetensors`), part));
    rmSync(join(path, 'model.safetensors'));
    change(map);
    writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
    return path;
  };

  test('is read by its index', () => {
    const whole = readBertFolder(saved(NONE));
    const path = shards();
    expect(readBertFolder(path).spec).toEqual(whole.spec);
    expect(readBertFolder(path).load(NONE)).toEqual(whole.load(NONE));
    expect(readWeights(path, NONE)).toEqual(whole.load(NONE));
  });

  test('reads no file outside of it, and says what is missing', () => {
    const first = 'embeddings.LayerNorm.bias';
    expect(() => readBertFolder(shards((map) => (map[first] = '../other.safetensors')))).toThrow(
      /index.json: "..\/other.safetensors": expected the name of a safetensors file in the same folder/,
    );
    expect(() => readBertFolder(shards((map) => (map.other = map[first]!)))).toThrow(/not in it, as .* says: other/);
    const path = shards();
    renameSync(join(path, 'model-00002-of-00002.safetensors'), join(path, 'elsewhere'));
    expect(() => readBertFolder(path)).toThrow(/model-00002-of-00002.safetensors/);
  });
});

test('a folder is read once: its weights are at hand when its files are gone', () => {
  const path = saved(specOf({ kind: 'classify', classes: 3 }));
  const expected = readWeights(path, specOf({ kind: 'classify', classes: 3 }));
  const kept = readBertFolder(path);
  const { spec, encoder } = kept;
  rmSync(path, { recursive: true });
  expect([spec.head, encoder.head]).toEqual([{ kind: 'classify', classes: 3 }, { kind: 'pooler' }]);
  expect(kept.load(spec)).toEqual(expected);
  expect(kept.load(encoder).params).toEqual(
    Object.fromEntries(Object.entries(expected.params).filter(([name]) => !name.startsWith('head/'))),
  );
});

test.each([
  ['regression', { kind: 'classify', classes: 3 }],
  ['multi_label_classification', { kind: 'classify', classes: 3 }],
  [undefined, { kind: 'classify', classes: 1 }],
] as const)('a head for another problem (%s, %j) is not one for a class of several', (problem, head) => {
  const path = saved(specOf(head));
  if (problem !== undefined) configure(path, { problem_type: problem });
  expect(readBertFolder(path).spec.head).toEqual({ kind: 'pooler' });
  configure(path, { problem_type: 'single_label_classification' });
  if (head.classes > 1) expect(readBertFolder(path).spec.head).toEqual(head);
});

test('the head of a task on tokens is not one of a text, also beside a pooler', () => {
  const path = saved(specOf({ kind: 'classify', classes: 3 }));
  configure(path, { architectures: ['BertForTokenClassification'] });
  expect(readBertFolder(path).spec.head).toEqual({ kind: 'pooler' });
  configure(path, { architectures: ['BertForSequenceClassification'] });
  expect(readBertFolder(path).spec.head).toEqual({ kind: 'classify', classes: 3 });
});

test('the order of classes is read from the configuration beside the weights', () => {
  const spec = specOf({ kind: 'classify', classes: 12 });
  const names = Array.from({ length: 12 }, (_, i) => `class ${11 - i}`);
  const path = saved(spec, names);
  expect(labelsBeside(path)).toEqual(names);
  expect(labelsBeside(join(path, 'model.safetensors'))).toEqual(names);
  expect(labelsBeside(saved(spec))).toBeUndefined(); // LABEL_0 and so on say nothing
  expect(labelsBeside(join(folder(), 'model.safetensors'))).toBeUndefined();
  configure(path, { id2label: undefined });
  expect(labelsBeside(path)).toEqual(names); // label2id says it, too
  configure(path, { id2label: { 0: 'a', 2: 'b' } });
  expect(() => labelsBeside(path)).toThrow('id2label: no class 1; expected 0 to 1');
  configure(path, { id2label: { 0: 5, 1: true, 2: 'c' }, label2id: { 5: '0' } });
  expect(labelsBeside(path)).toEqual(['5', 'true', 'c']);
  configure(path, { id2label: { 0: ['a'], 1: 'b' } });
  expect(() => labelsBeside(path)).toThrow(
    /config\.json: id2label\.0: expected .*, got \["a"\]; expected the names of/,
  );
  configure(path, { id2label: null, label2id: { a: 'first' } });
  expect(() => labelsBeside(path)).toThrow(/config\.json: label2id\.a: expected a number, got "first"; expected the/);
});

test('a tokenizer with settings of its own is written so that it is read as it was', () => {
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'pay', '##x', 'num', '<num>'];
  const plain = { singleWord: false, lstrip: false, rstrip: false, normalized: false };
  const added = [
    { content: '[MASK]', ...plain, lstrip: true },
    { content: 'num', ...plain, normalized: true },
    { content: '<num>', ...plain, rstrip: true, singleWord: true },
  ];
  for (const settings of [
    { added },
    { stripAccents: false, handleChineseChars: false, cleanText: false },
    { stripAccents: false, added },
  ]) {
    const path = folder();
    writeBertFolder(path, NONE, bert(NONE).init(1), { tokenizer: { vocabulary, lowercase: true, settings } });
    expect(readVocabulary(path)).toEqual({ tokens: vocabulary, lowercase: true, settings });
  }
  const path = folder();
  writeBertFolder(path, NONE, bert(NONE).init(1), { tokenizer: { vocabulary, lowercase: false, settings: {} } });
  expect([readVocabulary(path), existsSync(join(path, 'tokenizer.json'))]).toEqual([
    { tokens: vocabulary, lowercase: false },
    false,
  ]);
});

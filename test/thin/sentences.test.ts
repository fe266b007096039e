/** Encoders of sentences made thin on texts without labels, into folders as sentence-transformers has them. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engines/choose.js';
import { startEngine } from '../../src/engine/engines/choose.js';
import { tf, type Tensor2D } from '../../src/engine/tensor.js';
import { taskNetworks } from '../../src/models/folders.js';
import { readMetrics, findRun } from '../../src/store/runs.js';
import { readPooling } from '../../src/thin/sources/sentences.js';
import { agreementOf, cosineLoss } from '../../src/thin/sentences-run.js';
import { describeSentences, setUpSentences, thinSentences } from '../../src/thin/sentences.js';
import { anyEngine } from '../support/engines.js';
import { bertFolder, csvFile, newFolder } from './support.js';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine(await anyEngine(), 'test');
});

const TYPES = ['Transformer', 'Pooling', 'Normalize'];

/** A folder of sentence-transformers, with these modules and this mode of pooling. */
function sentenceFolder(types: readonly string[] = TYPES, mode = 'pooling_mode_mean_tokens'): string {
  const folder = bertFolder();
  const path = (i: number): string => (i === 0 ? '' : `${i}_${types[i]}`);
  const modules = types.map((type, i) => ({ idx: i, path: path(i), type: `sentence_transformers.models.${type}` }));
  writeFileSync(join(folder, 'modules.json'), JSON.stringify(modules));
  writeFileSync(join(folder, 'sentence_bert_config.json'), JSON.stringify({ max_seq_length: 12 }));
  mkdirSync(join(folder, path(1)), { recursive: true });
  writeFileSync(join(folder, path(1), 'config.json'), JSON.stringify({ [mode]: true }));
  return folder;
}

const WORDS = ['good', 'fine', 'nice', 'bad', 'poor', 'dull', 'film', 'plot'];
/** Texts of one to five words, no two of them the same. */
const TEXTS = Array.from({ length: 120 }, (_, i) =>
  Array.from({ length: 1 + (i % 5) }, (__, k) => WORDS[(i * (k + 3) + ((i / 8) | 0) * k) % 8]).join(' '),
);

function textFolder(): string {
  const folder = newFolder();
  writeFileSync(join(folder, 'a.txt'), [...TEXTS.slice(0, 70), ''].join('\n'));
  writeFileSync(join(folder, 'b.txt'), TEXTS.slice(60).join('\n'));
  return folder;
}

describe('a folder of sentence-transformers and texts without labels', () => {
  test('give such a folder with half of the heads, and cosines that agree better than those of its start', async () => {
    const [model, out] = [sentenceFolder(), newFolder()];
    const setup = setUpSentences({ model, data: textFolder(), out, tries: 1, epochs: 20, batch: 16 })!;
    expect(describeSentences(setup).join('\n')).toContain('pooled by mean');
    const { test: found, written, run, card } = await thinSentences(setup, { engine });
    const folder = join(out, 'model');
    expect(written).toEqual([folder, join(out, 'model.onnx')]);
    expect(readPooling(folder)).toMatchObject({ by: 'mean', normalized: true, mostTokens: 12 });
    expect(taskNetworks(folder).spec).toMatchObject({ numHeads: 1, hiddenSize: 8, head: { kind: 'none' } });
    const pooling = JSON.parse(readFileSync(join(folder, '1_Pooling', 'config.json'), 'utf8')) as object;
    expect(pooling).toMatchObject({ word_embedding_dimension: 8, pooling_mode_mean_tokens: true });
    const rows = readMetrics(findRun(join(out, 'work'), run)).filter(({ event }) => event === 'agreement');
    const at = (when: string, split: string): number =>
      Number(rows.find((row) => row.when === when && row.split === split)!.spearman);
    expect(at('end', 'validation')).toBeGreaterThan(at('start', 'validation'));
    // what is on the disk is what was trained
    expect(found.spearman).toBeCloseTo(at('end', 'test'), 5);
    expect(readFileSync(card, 'utf8')).toContain('Agreement with the wide net');
    expect(existsSync(join(out, 'report.html'))).toBe(true);
  });

  test('stopped, it goes on by the same call to the same weights', async () => {
    const [model, data] = [sentenceFolder(), textFolder()];
    const weights = async (out: string, stopAt: number): Promise<Buffer> => {
      const setup = setUpSentences({ model, data, out, tries: 1, epochs: 2, batch: 16 })!;
      const stop = new AbortController();
      let heard = 0;
      const onProgress = (): void => void (++heard === stopAt && stop.abort());
      if (stopAt < Infinity)
        await expect(thinSentences(setup, { engine, signal: stop.signal, onProgress })).rejects.toThrow('stopped');
      const first: number[] = [];
      await thinSentences(setup, { engine, onProgress: (_, __, before) => void first.push(before) });
      // what was done before is no work of this call: the time left is told by the speed of the rest
      expect(first.at(-1)! > 0).toBe(stopAt < Infinity);
      return readFileSync(join(out, 'model', 'model.safetensors'));
    };
    expect(await weights(newFolder(), 6)).toEqual(await weights(newFolder(), Infinity));
  });

  test('a table without labels is taken, and one with labels is data of a task', () => {
    const path = join(newFolder(), 'texts.tsv');
    writeFileSync(path, `id\tsentence\n${TEXTS.map((text, i) => `${i}\t${text}`).join('\n')}\n`);
    const options = { model: sentenceFolder(), out: newFolder() };
    const { counts } = setUpSentences({ ...options, data: path })!;
    expect(counts.train + counts.validation + counts.test).toBe(new Set(TEXTS).size);
    expect(setUpSentences({ ...options, data: csvFile() })).toBeUndefined();
    expect(setUpSentences({ ...options, model: bertFolder(), data: path })).toBeUndefined();
  });

  test('lower case and the default prompt come before the tokenizer, and stay in the files with all prompts', async () => {
    const [model, out] = [sentenceFolder(), newFolder()];
    const write = (name: string, value: object): void => writeFileSync(join(model, name), JSON.stringify(value));
    const config = {
      prompts: { query: 'The film:\n', document: '' },
      default_prompt_name: 'query',
      similarity_fn_name: 'dot',
    };
    rmSync(join(model, 'sentence_bert_config.json'));
    write('sentence_distilbert_config.json', { max_seq_length: 12, do_lower_case: true });
    write('config_sentence_transformers.json', config);
    write('tokenizer_config.json', { tokenizer_class: 'BertTokenizer', do_lower_case: false });
    const path = join(newFolder(), 'texts.txt');
    writeFileSync(path, TEXTS.map((text) => `  ${text.toUpperCase()} `).join('\n'));
    const options = { model, data: path, out, tries: 1, epochs: 1, batch: 16 } as const;
    const setup = setUpSentences(options)!;
    // as sentence-transformers does: prompt + text, strip(), lower()
    const expected = new Set(TEXTS.map((text) => `the film:   ${text}`));
    const texts = Object.values(setup.texts).flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'));
    expect(new Set(texts)).toEqual(expected);
    const notes = ['texts are put in lower case first (do_lower_case)'];
    notes.push('texts begin with the prompt "The film:\\n" (default_prompt_name)');
    for (const note of notes) expect(describeSentences(setup)).toContain(note);
    const { card } = await thinSentences(setup, { engine });
    for (const note of notes) expect(readFileSync(card, 'utf8')).toContain(note);
    const read = (name: string): unknown => JSON.parse(readFileSync(join(out, 'model', name), 'utf8'));
    expect(read('config_sentence_transformers.json')).toMatchObject(config);
    expect(read('sentence_bert_config.json')).toEqual({ max_seq_length: 12, do_lower_case: true });
    expect(read('tokenizer_config.json')).toMatchObject({ do_lower_case: false });
    // in an ONNX file it is the tokenizer that puts texts in lower case; accents stay, as they did
    const onnx = readFileSync(join(out, 'model.onnx'), 'utf8');
    expect(onnx).toContain('{"lowercase":true,"stripAccents":false}');
    write(
      'modules.json',
      [0, 1].map((i) => ({ idx: i, path: i === 0 ? '' : '1_Pooling', type: `x.${TYPES[i]}` })),
    );
    expect(describeSentences(setUpSentences(options)!).join()).toContain(
      'similarity "dot": what is imitated is the cosine',
    );
    write('config_sentence_transformers.json', { ...config, default_prompt_name: 'passage' });
    expect(() => setUpSentences(options)).toThrow('no prompt "passage"; there are: query, document');
    write('config_sentence_transformers.json', { ...config, prompts: ['a'] });
    expect(() => setUpSentences(options)).toThrow('config_sentence_transformers.json: prompts');
    write('config_sentence_transformers.json', config);
    write(join('1_Pooling', 'config.json'), { pooling_mode_mean_tokens: true, include_prompt: false });
    expect(() => setUpSentences(options)).toThrow('include_prompt: false, and sentences begin with');
  });

  test.each([
    [['Transformer', 'Pooling', 'Dense'], undefined, 'the module "Dense" in this place'],
    [['Transformer'], undefined, 'no list of modules'],
    [TYPES, 'pooling_mode_max_tokens', 'pooling_mode_max_tokens; expected pooling_mode_mean_tokens'],
  ])('modules %j and mode %s are refused by name', (types, mode, line) => {
    const options = { model: sentenceFolder(types, mode), data: textFolder(), out: newFolder() };
    expect(() => setUpSentences(options)).toThrow(line);
  });

  test('an empty list of modules is said to be empty', () => {
    const options = { model: sentenceFolder(), data: textFolder(), out: newFolder() };
    const path = join(options.model, 'modules.json');
    writeFileSync(path, '');
    expect(() => setUpSentences(options)).toThrow(`${path}: the file is empty; expected a list of modules`);
  });

  test('texts whose lines end in carriage returns alone are a text each', () => {
    const data = join(newFolder(), 'old.txt');
    const options = { model: sentenceFolder(), out: newFolder(), tries: 1 } as const;
    writeFileSync(data, TEXTS.join('\n'));
    const { counts } = setUpSentences({ ...options, data })!;
    writeFileSync(data, TEXTS.join('\r'));
    expect(setUpSentences({ ...options, data })!.counts).toEqual(counts);
  });

  test('what is for labels is refused, and so are too few texts', () => {
    const options = { model: sentenceFolder(), data: textFolder(), out: newFolder() };
    expect(() => setUpSentences({ ...options, compare: true })).toThrow('--compare is for data with labels');
    expect(() => setUpSentences({ ...options, tokens: 16 })).toThrow('the network reads 12');
    const few = join(newFolder(), 'few.txt');
    writeFileSync(few, 'a\na\nb\n');
    expect(() => setUpSentences({ ...options, data: few })).toThrow('2 different texts; expected at least 20');
    appendFileSync(join(options.model, 'vocab.txt'), 'more\nwords\n');
    expect(() => setUpSentences(options)).toThrow('its vocabulary has 18 tokens, and the network knows only 16');
  });
});

test('agreement of cosines: correlations as scipy.stats has them, ties included, and the same nearest neighbor', () => {
  // pearsonr and spearmanr of [.1, .5, .2, .2, .9, .3] and [.2, .4, .1, .3, .8, .1], the pairs below the diagonal
  const square = (below: readonly number[]): Float32Array => {
    const values = new Float32Array(16).fill(1);
    let at = 0;
    for (let i = 0; i < 4; i++) for (let j = 0; j < i; j++) values[i * 4 + j] = values[j * 4 + i] = below[at++]!;
    return values;
  };
  const found = agreementOf(square([0.1, 0.5, 0.2, 0.2, 0.9, 0.3]), square([0.2, 0.4, 0.1, 0.3, 0.8, 0.1]), 4);
  expect(found.pearson).toBeCloseTo(0.909444171, 5);
  expect(found.spearman).toBeCloseTo(0.602941176, 5);
  expect(found.neighbors).toBe(100);
  expect(found.difference).toBeCloseTo((0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.2) / 6, 5);
});

test('the loss of cosines is 0 for the same ones, whatever the number of channels, and above 1 for parallel vectors', () => {
  const wide = tf.tensor2d([1, 0, 0, 0.6, 0.8, 0, 0, 0.6, 0.8], [3, 3]);
  const loss = (thin: number[][]): number => cosineLoss(tf.tensor2d(thin), wide as Tensor2D).dataSync()[0]!;
  expect(
    loss([
      [1, 0, 0, 0],
      [0.6, 0.8, 0, 0],
      [0, 0.6, 0.8, 0],
    ]),
  ).toBeCloseTo(0, 6);
  expect(
    loss([
      [1, 0],
      [1, 0],
      [1, 0],
    ]),
  ).toBeGreaterThan(1);
});

/** Wide nets with a vocabulary of their own: texts are read by each network's own tokens, or the run is refused. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { openData } from '../../src/data/index.js';
import type { TsvSpec } from '../../src/data/tsv.js';
import { tf } from '../../src/engine/tensor.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { ownTokens, vocabularyOfWide } from '../../src/method/matching/own-tokens.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { TRAIN_RUNNER } from '../../src/method/run/runner.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { threeStage } from '../../src/method/three-stage/call.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { writeWeights } from '../../src/models/write.js';
import { evaluation } from '../../src/nn/layers.js';
import type { HostWeights } from '../../src/nn/network.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import type { RunRecord } from '../../src/store/runs.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { cell, IMITATION, LABELS, recipe, TEACHER } from './support.js';

beforeAll(anyEngine);

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'good', 'bad', 'film', 'plot', 'the'];
/** The same words in another order, and some more. */
const THEIRS = ['[PAD]', 'the', 'film', '[MASK]', 'dull', '[SEP]', 'good', '[CLS]', 'plot', 'bad', '[UNK]', 'nice'];
const NET: BertSpec = {
  ...{ family: 'bert', vocabSize: WORDS.length, maxPositions: 8, typeVocabSize: 2, hiddenSize: 8, numLayers: 1 },
  ...{ numHeads: 2, intermediateSize: 8, dropout: 0, head: { kind: 'classify', classes: 2 } },
};
const WIDE: BertSpec = { ...NET, vocabSize: THEIRS.length };

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-tokens-'));
const saved = (spec: BertSpec, vocabulary: readonly string[]): string => {
  const path = join(folder(), 'net');
  writeWeights(path, spec, bert(spec).init(3), { tokenizer: { vocabulary, lowercase: true } });
  return path;
};
const wide = saved(WIDE, THEIRS);

function data(): TsvSpec {
  const at = folder();
  const [file, vocabulary] = [join(at, 'rows.tsv'), join(at, 'vocab.txt')];
  const row = (i: number): string => `the ${i % 2 ? 'good' : 'bad'} ${i % 3 ? 'film' : 'plot'}\t${i % 2}`;
  writeFileSync(file, `text\tlabel\n${Array.from({ length: 16 }, (_, i) => row(i)).join('\n')}\n`);
  writeFileSync(vocabulary, `${WORDS.join('\n')}\n`);
  return {
    ...{ set: 'tsv', corpus: 'glosses', vocabulary, lowercase: true, tokens: 8, heldOut: 0.1 },
    ...{ train: file, validation: file, test: file, columns: { text: 'text', label: 'label' } },
  };
}
const SPEC: TrainSpec = {
  ...{ data: data(), network: NET, teacher: { network: WIDE, weights: wide }, start: 'random', imitation: null },
  training: { ...recipe(3), objective: TEACHER },
};
const run = (changes: Partial<TrainSpec>): Promise<RunRecord> =>
  executeRun(cell({ ...SPEC, ...changes }), {
    out: folder(),
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
  });

test('each network reads its own tokens: one with the same embeddings for the same words answers the same', async () => {
  const own = (await ownTokens(SPEC, SPEC.data, await openData(SPEC.data)))!;
  const theirs = bert(WIDE).init(3);
  const words = theirs.params['embeddings/word/kernel']!;
  const rows = WORDS.map((word) => [...words.values.subarray(8 * THEIRS.indexOf(word), 8 * THEIRS.indexOf(word) + 8)]);
  const kernel = { shape: [WORDS.length, 8], values: Float32Array.from(rows.flat()) };
  const ours: HostWeights = { params: { ...theirs.params, 'embeddings/word/kernel': kernel }, state: {} };
  const { values } = await own.data.test.batch(Uint32Array.of(0, 1, 2, 3));
  const x = tf.tensor(values, [4, ...own.data.shape], 'int32');
  const [thin, teacher] = [own.thin(bert(NET)), own.wide(bert(WIDE))];
  const logits = (network: typeof thin, weights: HostWeights): Float32Array =>
    network.apply(evaluation(weightsOf(weights)), x).logits!.dataSync() as Float32Array;
  expect(own.data.shape).toEqual([6, 8]);
  expect(relativeError(logits(thin, ours), logits(teacher, theirs))).toBeLessThan(1e-6);
  // not so where tokens of one are read by the embeddings of the other
  expect(relativeError(logits(thin, bert(NET).init(3)), logits(teacher, theirs))).toBeGreaterThan(1e-3);
});

test('outputs of a wide net of another vocabulary are learned from; its vocabulary is a file of the run', async () => {
  const { status, result } = await run({});
  expect(status).toBe('finished');
  expect(result!.logitDiscrepancy).toBeGreaterThan(0);
  expect(vocabularyOfWide(SPEC)).toBe(wide);
  expect(TRAIN_RUNNER.files!(cell(SPEC))).toContainEqual(
    expect.objectContaining({ path: wide, names: expect.arrayContaining(['vocab.txt']) as string[] }),
  );
});

test.each<[string, Partial<TrainSpec>, RegExp]>([
  ['imitation', { imitation: { ...IMITATION, unit: 'block' } }, /imitation of hidden states needs the same tokens/],
  ['a shared start', { start: 'shared' }, /token 1 is "\[UNK\]" here and "the" there\), and start "shared" needs/],
  ['hints', { training: { ...recipe(3), objective: { ...TEACHER, hints: 1 } } }, /a loss on hints needs the same/],
])('%s is refused, with what can be done', async (_, changes, message) => {
  await expect(run(changes)).rejects.toThrow(message);
  expect(vocabularyOfWide({ ...SPEC, ...changes })).toBeUndefined();
});

test('a network of another vocabulary to begin with is refused, as is one that knows fewer tokens', async () => {
  const pretrained = { network: WIDE, weights: wide };
  const training = { ...recipe(3), objective: LABELS };
  await expect(run({ network: WIDE, teacher: null, pretrained, training })).rejects.toThrow(
    `${wide}: its vocabulary is another one than that of the data`,
  );
  const few: BertSpec = { ...NET, vocabSize: 6 };
  const teacher = { network: few, weights: saved(few, WORDS.slice(0, 6)) };
  await expect(run({ teacher })).rejects.toThrow('the data have 10 tokens in the vocabulary, the wide net only 6');
  const stages = { wide: bert(few), thin: bert(NET), data: await openData(SPEC.data), imitation: null };
  await expect(
    threeStage({ ...stages, wideTraining: bert(few).init(1), start: 'random', finetune: recipe(2) }),
  ).rejects.toThrow('threeStage: the data have 10 tokens in the vocabulary, the wide net only 6');
});

test('a vocabulary that is the same, or ends earlier, is the one of the data', async () => {
  for (const vocabulary of [WORDS, WORDS.slice(0, -1)]) {
    const same = { network: NET, weights: saved(NET, vocabulary) };
    expect(await ownTokens({ ...SPEC, teacher: same }, SPEC.data, await openData(SPEC.data))).toBeUndefined();
  }
});

test('data with the vocabulary file of the wide net’s folder have its tokens; those of another file there are read', async () => {
  const at = saved(NET, WORDS);
  writeFileSync(join(at, 'tokenizer.json'), '{"model": {"type": "BPE"}}'); // cannot be read, and need not be
  const reading = (name: string): TrainSpec => ({
    ...SPEC,
    data: { ...SPEC.data, vocabulary: join(at, name) } as TsvSpec,
    teacher: { network: NET, weights: at },
  });
  const same = reading('vocab.txt');
  expect(await ownTokens(same, same.data, await openData(same.data))).toBeUndefined();
  expect(vocabularyOfWide(same)).toBeUndefined();
  writeFileSync(join(at, 'mine.txt'), WORDS.join('\n'));
  expect(vocabularyOfWide(reading('mine.txt'))).toBe(at);
});

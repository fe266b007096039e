/** Texts that are padded to the longest of their batch: nothing depends on how many positions of padding there are. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { Loader, toLabelled, type Dataset } from '../../src/data/dataset.js';
import { openData } from '../../src/data/index.js';
import { paddedTo, textSource, type Padding, type TextExample } from '../../src/data/texts.js';
import type { TsvSpec } from '../../src/data/tsv.js';
import { tf } from '../../src/engine/tensor.js';
import { ownTokens } from '../../src/method/matching/own-tokens.js';
import { forData } from '../../src/method/matching/padding.js';
import type { GradientImitation, TrainSpec } from '../../src/method/spec/spec.js';
import { trainThin, type Procedure } from '../../src/method/three-stage/pipeline.js';
import { wideMoments } from '../../src/method/values/moments.js';
import { disposeWeights, toHost, weightsOf, type Teacher } from '../../src/method/values/weights.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { writeWeights } from '../../src/models/write.js';
import { evaluation } from '../../src/nn/layers.js';
import type { Network } from '../../src/nn/network.js';
import { findRun, readMetrics } from '../../src/store/runs.js';
import { WordPiece } from '../../src/text/wordpiece.js';
import { anyEngine } from '../support/engines.js';
import { relativeError } from '../support/tolerance.js';
import { newFolder, run } from './arms.js';
import { cell, IMITATION, LABELS, memory, recipe, TEACHER } from './support.js';

beforeAll(anyEngine);

const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'good', 'bad', 'film', 'plot', 'the', 'dull', 'fine'];
const WIDE: BertSpec = {
  ...{ family: 'bert', vocabSize: WORDS.length, maxPositions: 24, typeVocabSize: 2, numLayers: 2, dropout: 0 },
  ...{ hiddenSize: 8, numHeads: 2, intermediateSize: 12, head: { kind: 'classify', classes: 2 } },
};
const THIN: BertSpec = { ...WIDE, hiddenSize: 4, headSize: 4, intermediateSize: 8 };

/** Texts of 1 to 9 words, and so 3 to 11 tokens. */
const EXAMPLES: TextExample[] = Array.from({ length: 40 }, (_, i) => ({
  text: Array.from({ length: 1 + ((i * 7) % 9) }, (_, k) => WORDS[5 + ((i * i + 3 * k + i * k) % 7)]).join(' '),
  label: i % 2,
}));
const tokenizer = new WordPiece(WORDS);

/** The texts with padding to so many tokens, as if that were the longest of each batch. */
function padded(tokens: number): Dataset {
  const source = textSource({ tokenizer, tokens }, EXAMPLES);
  return { shape: [3, tokens], isRagged: true, classes: 2, train: source, validation: source, test: source };
}

const gradient: GradientImitation = { ...IMITATION, order: 'joint', maps: 'stream', recipe: recipe(4) };
const training = { ...recipe(3), objective: { ...TEACHER, labels: 1 } };

const PROCEDURES: Record<string, Procedure> = {
  'imitation of a stream': { start: 'projected', imitation: gradient, training },
  'imitation of the wide net’s inputs': { start: 'projected', imitation: { ...gradient, inputs: 'wide' }, training },
  'imitation by the mean square': { start: 'projected', imitation: { ...gradient, loss: 'mse' }, training },
  'imitation by the KL divergence': { start: 'projected', imitation: { ...gradient, loss: 'kl' }, training },
  'hints by the mean square': {
    ...{ start: 'random', imitation: null },
    training: { ...training, objective: { ...LABELS, hints: 1 }, hints: { unit: 'stage', size: 1, loss: 'mse' } },
  },
  'imitation with maps up, block by block': {
    ...{ start: 'random', training },
    imitation: { ...gradient, order: 'bottom-up', unit: 'block', maps: 'up' },
  },
  'imitation in closed form': { start: 'projected', imitation: { by: 'ridge', images: 40, ridge: 1e-3 }, training },
  'a clone': { start: 'projected', imitation: { by: 'clone', recipe: recipe(4) }, training },
  'greedy channels': { start: 'greedy', imitation: null, training },
  hints: { start: 'random', imitation: null, training: { ...training, objective: { ...LABELS, hints: 1 } } },
};

/** What a procedure leaves and logs where texts are padded to so many tokens. */
async function trained(procedure: Procedure, tokens: number, isRagged = true) {
  const data = { ...padded(tokens), isRagged };
  const [thin, network] = [bert(THIN), bert(WIDE)];
  const host = network.init(5);
  const teacher: Teacher = { network, host, weights: weightsOf(host) };
  const context = memory();
  const weights = await trainThin(context, procedure, { thin, teacher, data });
  const { params } = await toHost(weights);
  disposeWeights(weights);
  disposeWeights(teacher.weights);
  return { params, rows: context.rows };
}

type Trained = Awaited<ReturnType<typeof trained>>;

/** All values at once: the biases of keys change nothing, and are what roundings make of 0. */
const all = ({ params }: Trained): number[] => Object.values(params).flatMap(({ values }) => [...values]);

test.each(Object.entries(PROCEDURES))('%s does not depend on how much padding there is', async (_, procedure) => {
  const [short, long] = [await trained(procedure, 11), await trained(procedure, 24)];
  // what is fitted by least squares has directions that the data do not determine, and roundings do
  expect(relativeError(all(short), all(long))).toBeLessThan(0.01);
  const numbers = (rows: typeof long.rows): number[] =>
    rows.flatMap((row) => [row.loss, row.discrepancy, row.accuracy].filter((one) => typeof one === 'number'));
  expect(numbers(long.rows).length).toBeGreaterThan(3);
  expect(relativeError(numbers(short.rows), numbers(long.rows))).toBeLessThan(1e-3);
});

test('where padding counts, more of it makes another net', async () => {
  const procedure = PROCEDURES['imitation of a stream']!;
  const [short, long] = [await trained(procedure, 11, false), await trained(procedure, 24, false)];
  expect(relativeError(all(short), all(long))).toBeGreaterThan(0.05);
});

test('an evaluation leaves nothing on the engine but the taps', async () => {
  const data = padded(24);
  const network = forData(bert(WIDE), data);
  const weights = weightsOf(network.init(5));
  const { x } = toLabelled(data, await data.train.batch(Uint32Array.of(0, 1)));
  const before = tf.memory().numTensors;
  const taps = network.apply(evaluation(weights), x, { until: 'layer1' });
  expect(tf.memory().numTensors - before).toBe(Object.keys(taps).length);
  tf.dispose(taps);
});

test('second moments are those of tokens alone; padding counts where all texts have one length', async () => {
  const data = padded(24);
  const network = bert(WIDE);
  const host = network.init(5);
  const teacher: Teacher = { network, host, weights: weightsOf(host) };
  const tap = 'layer1';
  const { values } = await data.train.batch(Uint32Array.from(EXAMPLES.keys()));
  const x = tf.tensor(values, [EXAMPLES.length, 3, 24], 'int32');
  const states = (await network.apply(evaluation(teacher.weights), x)[tap]!.array()) as number[][][];
  const products = (isCounted: (example: number, token: number) => boolean): number[] => {
    const sums = new Array<number>(64).fill(0);
    for (const [i, rows] of states.entries())
      for (const [t, row] of rows.entries())
        if (isCounted(i, t)) for (let k = 0; k < 64; k++) sums[k] = sums[k]! + row[k >> 3]! * row[k & 7]!;
    return sums;
  };
  const isToken = (i: number, t: number): boolean => values[(3 * i + 2) * 24 + t] === 1;
  const found = async (of: Network): Promise<number[]> =>
    (await wideMoments({ ...teacher, network: of }, [tap], data))[tap]!.to1DArray();
  expect(relativeError(await found(forData(network, data)), products(isToken))).toBeLessThan(1e-5);
  expect(
    relativeError(
      await found(bert(WIDE)),
      products(() => true),
    ),
  ).toBeLessThan(1e-5);
  expect(
    relativeError(
      products(isToken),
      products(() => true),
    ),
  ).toBeGreaterThan(0.05);
});

/** A file of texts of 1 and of 9 words, and a vocabulary. */
function spec(padding?: Padding, groupByLength?: boolean): TsvSpec {
  const at = mkdtempSync(join(tmpdir(), 'gowide-padding-'));
  const [file, vocabulary] = [join(at, 'rows.tsv'), join(at, 'vocab.txt')];
  writeFileSync(file, `text\tlabel\n${EXAMPLES.map(({ text, label }) => `${text}\t${label}`).join('\n')}\n`);
  writeFileSync(vocabulary, `${WORDS.join('\n')}\n`);
  return {
    ...{ set: 'tsv', corpus: 'glosses', vocabulary, lowercase: true, tokens: 24, heldOut: 0.1 },
    ...{ train: file, validation: file, test: file, columns: { text: 'text', label: 'label' } },
    ...(padding && { padding }),
    ...(groupByLength !== undefined && { groupByLength }),
  };
}

test('batches are as long as their longest text, rounded up to one of few lengths, and what is read is the same', async () => {
  const [fixed, ragged] = [await openData(spec()), await openData(spec('longest'))];
  const lengths = EXAMPLES.map(({ text }) => text.split(' ').length + 2);
  const short = Uint32Array.from(lengths.keys()).filter((i) => lengths[i]! <= 8);
  expect([fixed.isRagged, ragged.isRagged, ragged.shape]).toEqual([undefined, true, [3, 24]]);
  for (const [indices, tokens] of [
    [short, 8],
    [Uint32Array.from(lengths.keys()), 16],
  ] as const) {
    const [whole, cut] = [await fixed.train.batch(indices), await ragged.train.batch(indices)];
    expect([whole.shape, cut.shape]).toEqual([undefined, [3, tokens]]);
    expect(paddedTo(cut, 24).values).toEqual(whole.values);
    expect(paddedTo(whole, 24)).toBe(whole);
    const { x, labels } = toLabelled(ragged, cut);
    expect(x.shape).toEqual([indices.length, 3, tokens]);
    expect(labels.shape).toEqual([indices.length]);
  }
  expect((await ragged.train.batch(Uint32Array.of())).shape).toEqual([3, 8]);
  const words = [6, 7, 13, 31, 33, 50, 70].map((count) => ({ text: Array(count).fill('film').join(' '), label: 0 }));
  const many = textSource({ tokenizer, tokens: 64, padding: 'longest' }, words);
  const found = await Promise.all(words.map(async (_, i) => (await many.batch(Uint32Array.of(i))).shape));
  expect(found.map((shape) => shape![1])).toEqual([8, 16, 16, 48, 48, 64, 64]);
  expect(many.lengths!()).toEqual([8, 9, 15, 33, 35, 52, 64]);
  const cut = textSource({ tokenizer, tokens: 5, padding: 'longest' }, EXAMPLES);
  expect((await cut.batch(Uint32Array.of(1))).shape).toEqual([3, 5]); // no longer than what is read at most
});

test('direct training is the same with either padding, to rounding', async () => {
  const result = async (padding: Padding): Promise<Record<string, unknown>> => {
    const training = { ...recipe(6), batch: 4, objective: LABELS };
    const of: TrainSpec = {
      ...{ data: spec(padding), network: THIN, teacher: null, start: 'random', imitation: null, training },
    };
    const out = newFolder();
    const said: string[] = [];
    const { result, id } = await run(cell(of), out, { notice: (line) => said.push(line) });
    // every test text is a training text: that is said, and counted
    expect(said.filter((line) => line.includes('40 of the 40 test texts are training texts'))).toHaveLength(1);
    const rows = readMetrics(findRun(out, id)).filter(({ event }) => event === 'repeated');
    expect(rows).toMatchObject([{ split: 'test', count: 40, of: 40 }]);
    return { ...result };
  };
  const [a, b] = [await result('max_length'), await result('longest')];
  expect(a.testAccuracy).toBe(b.testAccuracy);
  expect(relativeError([Number(b.testCrossEntropy)], [Number(a.testCrossEntropy)])).toBeLessThan(1e-4);
});

test('texts of similar lengths come together in training alone', async () => {
  const data = await openData(spec('longest', true));
  expect([data.train, data.validation, data.test].map((split) => split.groupsByLength)).toEqual([
    true,
    undefined,
    undefined,
  ]);
  for (const other of [spec('longest'), spec('longest', false)])
    expect((await openData(other)).train.groupsByLength).toBeUndefined();
  // texts have 3 to 11 tokens, and batches 8 or 16: one of 9 tokens makes a batch longer
  const longOnes = async (of: Dataset): Promise<number> => {
    const loader = new Loader(of.train, 1, 4);
    let count = 0;
    for (let step = 0; step < 200; step++) if ((await loader.get(step)).shape![1] === 16) count++;
    return count;
  };
  const [grouped, random] = [await longOnes(data), await longOnes(await openData(spec('longest')))];
  expect(random).toBeGreaterThan(150);
  expect(grouped).toBeLessThan(random - 30);
  const training = { ...recipe(3), batch: 4, objective: LABELS };
  const of: TrainSpec = {
    ...{ data: spec('longest', true), network: THIN, teacher: null, start: 'random', imitation: null, training },
  };
  expect((await run(cell(of), newFolder())).status).toBe('finished');
});

test('networks of two vocabularies read one text at one length', async () => {
  const data = spec('longest');
  // the other vocabulary has no word of the texts but in letters, so that they are longer
  const letters = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'abcdefghijklmnopqrstuvwxyz'].flatMap((one) =>
    one.length > 1 ? [one] : [one, `##${one}`],
  );
  const net: BertSpec = { ...WIDE, vocabSize: letters.length };
  const wide = join(mkdtempSync(join(tmpdir(), 'gowide-padding-')), 'net');
  writeWeights(wide, net, bert(net).init(3), { tokenizer: { vocabulary: letters, lowercase: true } });
  const of: TrainSpec = {
    ...{ data, network: THIN, teacher: { network: net, weights: wide }, start: 'random', imitation: null },
    training: { ...recipe(3), objective: TEACHER },
  };
  const own = (await ownTokens(of, data, await openData(data)))!;
  const batch = await own.data.train.batch(Uint32Array.of(0));
  expect(EXAMPLES[0]!.text).not.toContain(' ');
  expect(batch.shape).toEqual([6, 8]);
  expect([...batch.values.subarray(16, 24)]).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
  const theirs = EXAMPLES[0]!.text.length + 2;
  expect([...batch.values.subarray(40, 48)]).toEqual(Array.from({ length: 8 }, (_, i) => Number(i < theirs)));
  expect((await run(cell(of), newFolder())).status).toBe('finished');
});

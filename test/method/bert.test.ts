import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openData } from '../../src/data/index.js';
import type { MaskedSpec } from '../../src/data/masked.js';
import { scoreSquad } from '../../src/data/squad-score.js';
import { tf } from '../../src/engine/tensor.js';
import { exportRun } from '../../src/method/run/export.js';
import type { RecipeSpec, TrainSpec } from '../../src/method/spec/spec.js';
import { parseTrainSpec } from '../../src/method/run/check-spec.js';
import { costOf } from '../../src/method/cost/cost.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { readWeights } from '../../src/models/read.js';
import { requiredCells, TRAIN_KIND } from '../../src/method/run/required.js';
import { imitateByRidge } from '../../src/method/imitation/ridge.js';
import { startWeights } from '../../src/method/start/start.js';
import { streamBasis } from '../../src/method/start/stream.js';
import { weightsOf, type Weights } from '../../src/method/values/weights.js';
import { relativeDistances } from '../../src/metrics/discrepancy.js';
import { evaluation } from '../../src/nn/layers.js';
import { alignByDepth } from '../../src/method/matching/align.js';
import { bert, type BertSpec } from '../../src/models/families/bert/network.js';
import { readBertFolder, writeBert } from '../../src/models/families/bert/weights.js';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import { FILES, listRuns, readArrays, readMetrics } from '../../src/store/runs.js';
import { wordsOf } from '../../src/text/wordpiece.js';
import { anyEngine } from '../support/engines.js';
import { cell, IMITATION, LABELS, recipe, TEACHER } from './support.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-bert-'));
const CORPUS = folder();
const [SQUAD, SQUAD_2] = ['squad-v1.json', 'squad-v2.json'].map((name) =>
  fileURLToPath(new URL(`../data/${name}`, import.meta.url)),
) as [string, string];

beforeAll(async () => {
  await anyEngine();
  vi.stubEnv('GOWIDE_CACHE', folder());
  const pick = (i: number, list: readonly string[]): string => list[(i * 7919) % list.length]!;
  const line = (i: number): string =>
    `the ${pick(i, ['cat', 'dog', 'bird'])} ${pick(i + 1, ['eats', 'sees', 'follows'])} a ${pick(i + 2, ['mouse', 'leaf', 'friend', 'shadow'])} at noon`;
  writeFileSync(join(CORPUS, 'a.txt'), Array.from({ length: 2000 }, (_, i) => line(i)).join('\n'));
});
afterAll(() => vi.unstubAllEnvs());

const masked = (): MaskedSpec => ({
  set: 'masked-lm',
  corpus: CORPUS,
  vocabulary: 60,
  lowercase: true,
  tokens: 12,
  heldOut: 0.1,
  masking: { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false },
});
const MODEL: BertSpec = {
  family: 'bert',
  vocabSize: 60,
  maxPositions: 12,
  typeVocabSize: 2,
  hiddenSize: 8,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 8,
  dropout: 0.1,
  head: { kind: 'masked-lm', maskedPositions: 2 },
};
const adamw = (steps: number): RecipeSpec => ({
  ...recipe(steps, 0.01),
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.01 },
  clip: 1,
});
const three = (changes: Partial<TrainSpec> = {}): TrainSpec => ({
  data: masked(),
  network: MODEL,
  teacher: { network: { ...MODEL, intermediateSize: 24 }, recipe: adamw(30), objective: LABELS },
  start: 'shared',
  imitation: { ...IMITATION, recipe: { ...adamw(8), schedule: { kind: 'cosine', peak: 0.02, warmup: 0 } } },
  training: { ...adamw(10), objective: TEACHER },
  ...changes,
});

function options(out: string, extra: Partial<ExecuteOptions> = {}): ExecuteOptions {
  return {
    out,
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
    ...extra,
  };
}

test('examples: tokens, segments, what is there, places; the last row begins with where the labels belong', async () => {
  const data = await openData(masked());
  expect([data.shape, data.questions, data.classes]).toEqual([[4, 12], 2, 60]);
  const { values, labels } = await data.train.batch(Uint32Array.of(3, 1), { seed: 1, step: 0 });
  expect([values.length, labels.length]).toEqual([2 * 48, 4]);
  const clean = await data.train.batch(Uint32Array.of(3), { seed: 2, step: 5 });
  for (const batch of [values.subarray(0, 48), clean.values])
    expect([...batch.subarray(12, 36)]).toEqual([...Array<number>(12).fill(0), ...Array<number>(12).fill(1)]);
  expect([...(await data.validation.batch(Uint32Array.of(0))).values]).toEqual([
    ...(await data.validation.batch(Uint32Array.of(0))).values,
  ]);
});

test('a wide BERT is imitated layer by layer; perplexity is recorded, and no tensor is left behind', async () => {
  const out = folder();
  const before = tf.memory().numTensors;
  const run = await executeRun(cell(three()), options(out));
  expect(tf.memory().numTensors).toBe(before);
  const rows = readMetrics(run);
  expect([...new Set(rows.map(({ stage }) => stage).filter(Boolean))]).toEqual([
    'imitate layer1',
    'imitate layer2',
    'fine-tune',
  ]);
  const losses = (stage: string): number[] => rows.filter((row) => row.stage === stage).map((row) => Number(row.loss));
  for (const stage of ['imitate layer1', 'imitate layer2'])
    expect(losses(stage).at(-1)!).toBeLessThan(losses(stage)[0]!);
  const hybrids = rows
    .filter((row) => row.event === 'hybrid' && row.when === 'end')
    .map((row) => Number(row.discrepancy));
  const logits = rows.find((row) => row.event === 'discrepancy' && row.when === 'end' && row.tap === 'logits')!;
  expect(hybrids).toHaveLength(4);
  expect(hybrids.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(Number(logits.discrepancy) * (1 - 1e-5));
  expect(Number(run.result!.testCrossEntropy)).toBeLessThan(Math.log(60));
  // weights alone are written without the tokenizer
  rmSync(join(run.folder, FILES.tokenizer));
  const file = join(out, 'trained.safetensors');
  await exportRun(run, file);
  expect(readWeights(file, MODEL).params['layer2/inner/kernel']!.values).toEqual(
    readArrays(run)['params/layer2/inner/kernel']!.values,
  );
});

test.each([
  ['direct', { teacher: null, start: 'random', imitation: null, training: { ...adamw(10), objective: LABELS } }],
  ['kd', { start: 'random', imitation: null }],
  ['hints', { start: 'random', imitation: null, training: { ...adamw(10), objective: { ...TEACHER, hints: 1 } } }],
  ['selected inner channels', { start: 'selected', imitation: null }],
  [
    'fewer heads and inner channels, imitated',
    {
      start: 'selected',
      teacher: {
        network: { ...MODEL, intermediateSize: 24, numHeads: 4, headSize: 4 },
        recipe: adamw(20),
        objective: LABELS,
      },
    },
  ],
  ['joint, by blocks, wide inputs', { imitation: { ...IMITATION, order: 'joint', unit: 'block', inputs: 'wide' } }],
  [
    'closed form in a narrower stream',
    {
      network: { ...MODEL, hiddenSize: 4, numHeads: 1 },
      start: 'projected',
      imitation: { by: 'ridge', images: 200, ridge: 1e-3 },
    },
  ],
  ['closed form', { start: 'selected', imitation: { by: 'ridge', images: 200, ridge: 1e-3 } }],
  [
    'greedy heads and inner channels',
    { network: { ...MODEL, hiddenSize: 8, numHeads: 1 }, start: 'greedy', imitation: null },
  ],
  ['all channels selected', { network: { ...MODEL, hiddenSize: 4, numHeads: 1 }, start: 'selected', imitation: null }],
  ['projected', { network: { ...MODEL, hiddenSize: 4, numHeads: 1 }, start: 'projected', imitation: null }],
  [
    'a narrower stream, layer by layer',
    {
      network: { ...MODEL, hiddenSize: 4 },
      start: 'projected-embeddings-and-head',
      imitation: { ...IMITATION, maps: 'stream', recipe: adamw(6) },
    },
  ],
  [
    'a deeper wide net',
    {
      teacher: {
        network: { ...MODEL, numLayers: 4, intermediateSize: 24 },
        align: 'depth',
        recipe: adamw(20),
        objective: LABELS,
      },
    },
  ],
  [
    'a bias by distance',
    { network: { ...MODEL, distance: { slope: 1 }, initializerRange: 0.1 }, start: 'random', imitation: null },
  ],
  [
    'a narrower stream, maps up',
    { network: { ...MODEL, hiddenSize: 4 }, start: 'random', imitation: { ...IMITATION, maps: 'up' } },
  ],
] as [string, Partial<TrainSpec>][])('%s runs to its end', async (_, changes) => {
  const before = tf.memory().numTensors;
  const run = await executeRun(cell(three(changes)), options(folder()));
  expect(tf.memory().numTensors).toBe(before);
  expect(Number.isFinite(run.result!.testCrossEntropy)).toBe(true);
});

test('in closed form a BERT with a narrower stream comes nearer to the wide net than its start', async () => {
  const data = await openData(masked());
  const drawn = { ...MODEL, initializerRange: 0.4 }; // large values, so that what layers add is not next to nothing
  const [thin, wide] = [bert({ ...drawn, hiddenSize: 4, numHeads: 1 }), bert({ ...drawn, intermediateSize: 24 })];
  const host = wide.init(1);
  const teacher = { network: wide, host, weights: weightsOf(host) };
  const basis = await streamBasis(thin, teacher, data);
  const { host: first, selection } = startWeights('projected', 1, thin, teacher, { basis });
  const imitation = { by: 'ridge', images: 200, ridge: 1e-3 } as const;
  const imitated = { selection, basis: basis!.basis };
  const fit = (keptBytes?: number): Promise<Weights> =>
    imitateByRidge(imitation, { network: thin, weights: weightsOf(first), teacher, ...imitated }, data, {
      seed: 1,
      keptBytes,
    });
  const fitted = await fit();
  const anew = await fit(0); // nothing is kept at boundaries: every pass begins at the input
  for (const [path, value] of Object.entries(fitted.params))
    expect([...(await anew.params[path]!.data())]).toEqual([...(await value.data())]);
  const distance = async (weights: Weights): Promise<number> => {
    const found = await relativeDistances(data, data.validation, (x) => {
      const there = wide.apply(evaluation(teacher.weights), x).logits!;
      return { logits: [thin.apply(evaluation(weights), x).logits!, there, there] };
    });
    return found.logits!;
  };
  expect(await distance(fitted)).toBeLessThan(0.95 * (await distance(weightsOf(first))));
});

test('a batch in parts gives the gradients of the whole one, and dropout of its own in each part', async () => {
  const direct = (changes: Partial<RecipeSpec>, dropout = 0): TrainSpec => ({
    ...three({ teacher: null, start: 'random', imitation: null, network: { ...MODEL, dropout } }),
    training: { ...adamw(4), ...changes, objective: LABELS },
  });
  const lossesOf = async (spec: TrainSpec): Promise<number[]> =>
    readMetrics(await executeRun(cell(spec), options(folder())))
      .filter(({ stage }) => stage === 'train')
      .map(({ loss }) => Number(loss));
  const before = tf.memory().numTensors;
  const [whole, parts] = [await lossesOf(direct({})), await lossesOf(direct({ accumulate: 4 }))];
  expect(tf.memory().numTensors).toBe(before);
  parts.forEach((loss, i) => expect(loss).toBeCloseTo(whole[i]!, 4));
  expect((await lossesOf(direct({ accumulate: 2 }, 0.3)))[0]).not.toBeCloseTo((await lossesOf(direct({}, 0.3)))[0]!, 4);
  expect(() => parseTrainSpec(direct({ accumulate: 3 }))).toThrow(/a batch of 8 cannot be divided into 3 equal parts/);
});

test('a network that was trained before goes on to another task; its run is made first, under its own name', async () => {
  const pretraining = three({
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...adamw(10), objective: LABELS },
  });
  const out = folder();
  writeFileSync(
    join(out, 'train.tsv'),
    `sentence\tlabel\n${Array.from({ length: 60 }, (_, i) => `the ${i % 2 ? 'cat' : 'dog'} eats a leaf\t${i % 2 ? 'feline' : 'canine'}`).join('\n')}\n`,
  );
  const data = {
    set: 'tsv',
    corpus: CORPUS,
    vocabulary: 60,
    lowercase: true,
    tokens: 12,
    heldOut: 0.1,
    train: join(out, 'train.tsv'),
    test: join(out, 'train.tsv'),
    validation: 20,
    columns: { text: 'sentence', label: 'label' },
  } as const;
  const task: TrainSpec = {
    data,
    network: { ...MODEL, dropout: 0, head: { kind: 'classify', classes: 2 } },
    pretrained: { experiment: 'before', arm: 'direct', run: pretraining },
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...adamw(120), schedule: { kind: 'constant', peak: 0.02, warmup: 0 }, objective: LABELS },
  };
  const run = await executeRun(cell(task), options(out));
  expect(run.result!.testAccuracy).toBe(100);
  const first = listRuns(out).runs.find(({ cell: { experiment } }) => experiment === 'before')!;
  expect([first.cell.arm, first.status]).toEqual(['direct', 'finished']);
  expect(requiredCells(cell(task), task)).toHaveLength(1);
  const frozen: TrainSpec = {
    ...task,
    training: { ...task.training, schedule: { kind: 'constant', peak: 1e-12, warmup: 0 } },
  };
  const kept = readArrays(await executeRun(cell(frozen), options(out)));
  const arrays = readArrays(first);
  const close = (path: string): number =>
    Math.max(...Array.from(kept[path]!.values, (value, i) => Math.abs(value - arrays[path]!.values[i]!)));
  expect(close('params/layer2/inner/kernel')).toBeLessThan(1e-6);
  expect(() => parseTrainSpec({ ...task, start: 'shared' })).toThrow(
    /start "shared" would overwrite the pretrained network/,
  );
  expect(() =>
    parseTrainSpec({ ...task, network: { ...MODEL, intermediateSize: 9, head: { kind: 'classify', classes: 2 } } }),
  ).toThrow(/the pretrained network has other shapes: layer1.inner.kernel \[8, 8\], expected \[8, 9\]/);
  expect(() => parseTrainSpec({ ...task, network: MODEL })).toThrow(
    /the head "masked-lm" is of another task; tsv data need a "classify" head/,
  );
});

test('questions on a text: answers are found again, scored as SQuAD scores them; misplaced ones are left out and named', async () => {
  const out = folder();
  const file = JSON.parse(readFileSync(SQUAD, 'utf8')) as {
    data: { paragraphs: { context: string; qas: { answers: { answer_start: number }[] }[] }[] }[];
  };
  const words = file.data.flatMap(({ paragraphs }) => paragraphs.flatMap(({ context }) => wordsOf(context, true)));
  writeFileSync(join(out, 'vocab.txt'), ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...new Set(words)].join('\n'));
  // the same article twice, so that one is left when the other is held out
  writeFileSync(join(out, 'train.json'), JSON.stringify({ data: [...file.data, ...file.data] }));
  const data = {
    set: 'squad',
    corpus: CORPUS,
    vocabulary: join(out, 'vocab.txt'),
    lowercase: true,
    tokens: 32,
    heldOut: 0.1,
    train: join(out, 'train.json'),
    test: SQUAD,
    validation: 0.17,
    stride: 8,
    question: 10,
    answer: 10,
  } as const;
  const spec: TrainSpec = {
    data,
    network: {
      ...MODEL,
      vocabSize: 5 + new Set(words).size,
      maxPositions: 40,
      hiddenSize: 32,
      intermediateSize: 64,
      initializerRange: 0.1,
      dropout: 0,
      head: { kind: 'span' },
    },
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...adamw(150), schedule: { kind: 'linear', peak: 5e-3, warmup: 10 }, objective: LABELS },
  };
  const before = tf.memory().numTensors;
  const run = await executeRun(cell(spec), options(out));
  const { result } = run;
  expect(tf.memory().numTensors).toBe(before);
  expect(Number(result!['test exact_match'])).toBeGreaterThan(80);
  expect(Number(result!['test f1'])).toBeGreaterThanOrEqual(Number(result!['test exact_match']));
  expect([result!.skipped, Object.keys(result!).filter((name) => name.startsWith('validation '))]).toEqual([
    0,
    ['validation exact_match', 'validation f1'],
  ]);
  const exported = join(out, 'answers');
  await exportRun(run, exported);
  const { scores, missing } = await scoreSquad({ dataset: SQUAD, predictions: join(exported, 'predictions.json') });
  expect([scores.exact_match, scores.f1, missing]).toEqual([result!['test exact_match'], result!['test f1'], []]);
  expect(readVocabulary(exported)).toEqual({ tokens: readVocabulary(data.vocabulary).tokens, lowercase: true });
  const there = readBertFolder(exported);
  expect(there.encoder).toEqual({ ...spec.network, typeVocabSize: 2, head: { kind: 'none' } });
  expect(there.load(there.encoder).params['layer2/inner/kernel']!.values).toEqual(
    readArrays(run)['params/layer2/inner/kernel']!.values,
  );
  // the vocabulary that was trained with is exported, whatever its file is by now
  const trained = readVocabulary(data.vocabulary).tokens;
  const [last, ...others] = [...trained].reverse();
  writeFileSync(data.vocabulary, [...others.reverse().slice(0, -1), last, others.at(-1)].join('\n'));
  await exportRun(run, join(out, 'later'));
  expect(readVocabulary(join(out, 'later')).tokens).toEqual(trained);
  writeFileSync(data.vocabulary, trained.join('\n'));
  // 2.0: with how sure it is that there is no answer
  const run2 = await executeRun(
    cell({ ...spec, data: { ...data, test: SQUAD_2 }, training: { ...spec.training, ...adamw(5) } }),
    options(out),
  );
  const exported2 = join(out, 'answers2');
  await exportRun(run2, exported2);
  const files2 = {
    dataset: SQUAD_2,
    predictions: join(exported2, 'predictions.json'),
    noAnswer: join(exported2, 'null_odds.json'),
  };
  const scores2 = Object.entries((await scoreSquad(files2, 0)).scores).map(([name, value]) => [
    `test ${name}`,
    value as number,
  ]);
  expect(run2.result).toMatchObject(Object.fromEntries(scores2));
  file.data[0]!.paragraphs[0]!.qas[1]!.answers[0]!.answer_start = 1;
  writeFileSync(join(out, 'wrong.json'), JSON.stringify(file));
  const wrong = await openData({ ...data, train: join(out, 'wrong.json'), validation: 0.4 });
  expect(wrong.problems!.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/not where it is said to be, left out: q2: "the old cat/),
  ]);
  await expect(openData({ ...data, tokens: 12 })).rejects.toThrow(/sequences of 12 tokens leave no room for the text/);
  expect(() => parseTrainSpec({ ...spec, network: MODEL })).toThrow(
    /the head "masked-lm" is of another task; squad data need a "span" head/,
  );
});

test('a wide net that somebody trained: a file in Hugging Face’s names, with twice the layers; stage 1 is skipped', async () => {
  const deep: BertSpec = { ...MODEL, numLayers: 4 };
  const file = join(folder(), 'wide.safetensors');
  writeBert(file, deep, bert(deep).init(5));
  const spec = three({ teacher: { network: deep, align: 'depth', weights: file }, start: 'shared' });
  expect(requiredCells(cell(spec), spec)).toEqual([]);
  const run = await executeRun(cell(spec), options(folder()));
  const stages = [
    ...new Set(
      readMetrics(run)
        .map(({ stage }) => stage)
        .filter(Boolean),
    ),
  ];
  expect(stages).toEqual(['fine-tune']); // every layer has the aligned one's own values
  expect(Number(run.result!.teacherGigaflops)).toBeGreaterThan(0);
  expect(
    startWeights('shared', 1, bert(MODEL), {
      network: alignByDepth(bert(deep), bert(MODEL)).network,
      host: alignByDepth(bert(deep), bert(MODEL)).weights(bert(deep).init(5)),
    }).host.params['layer2/inner/kernel'],
  ).toEqual(bert(deep).init(5).params['layer4/inner/kernel']);
});

test('stopped in the middle of an epoch again and again, it ends with the same bits', async () => {
  const spec = {
    ...three({ teacher: null, start: 'random', imitation: null }),
    training: { ...adamw(12), objective: LABELS },
  };
  const bytes = (path: string): string[] =>
    ['metrics.jsonl', 'final.safetensors'].map((name) => readFileSync(join(path, name)).toString('base64'));
  const whole = await executeRun(cell(spec), options(folder()));
  const out = folder();
  for (let stops = 0; stops < 3; stops++) {
    const stop = new AbortController();
    let steps = 0;
    const progress = (): void => void (++steps === 3 && stop.abort());
    await expect(executeRun(cell(spec), options(out, { signal: stop.signal, progress }))).rejects.toThrow(/stopped/i);
  }
  const resumed = await executeRun(cell(spec), options(out));
  expect(bytes(resumed.folder)).toEqual(bytes(whole.folder));
});

test('selected: whole heads, the same of queries, keys and values', () => {
  const [thin, wide] = [bert(MODEL), bert({ ...MODEL, numHeads: 4, headSize: 4 })];
  const model = wide.init(3);
  const kernel = model.params['layer1/attention/output/kernel']!;
  kernel.values.fill(5, 4 * 8, 8 * 8); // head 1
  kernel.values.fill(3, 12 * 8, 16 * 8); // head 3
  const { selection, host: start } = startWeights('selected', 1, thin, { network: wide, host: model });
  expect([...selection['layer1/heads']!]).toEqual([4, 5, 6, 7, 12, 13, 14, 15]);
  for (const name of ['query', 'key', 'value']) {
    expect(start.params[`layer1/attention/${name}/kernel`]!.values[9]).toBe(
      model.params[`layer1/attention/${name}/kernel`]!.values[16 + 5],
    );
  }
  expect(() =>
    startWeights('selected', 1, thin, {
      network: bert({ ...MODEL, numHeads: 4, headSize: 8 }),
      host: bert({ ...MODEL, numHeads: 4, headSize: 8 }).init(1),
    }),
  ).toThrow(/layer1.heads is in parts of 4 channels, in the wide net of 8/);
});

test('costs count the masked positions, not all tokens', () => {
  const { flops } = costOf(
    three({ teacher: null, start: 'random', imitation: null, training: { ...adamw(10), objective: LABELS } }),
  );
  // of a token and layer: 4 H^2 and 2 T H for attention, 2 H F; of a place: H (H + V)
  const forward = 2 * (12 * 2 * (4 * 64 + 2 * 12 * 8 + 2 * 64) + 2 * 8 * (8 + 60));
  expect(flops).toBe(3 * 10 * 8 * forward);
});

test.each([
  [{ network: { ...MODEL, head: { kind: 'span' } } }, /the head "span" is of another task/],
  [{ network: { ...MODEL, maxPositions: 11 } }, /rows of 12 tokens, and the model has 11 positions/],
  [{ network: { ...MODEL, vocabSize: 61 } }, /have 60 tokens in the vocabulary, the network expects 61/],
  [
    { network: { ...MODEL, head: { kind: 'masked-lm', maskedPositions: 3 } } },
    /have 2 masked positions, the network expects 3/,
  ],
  [{ data: { set: 'digits', train: 5 } }, /a network of the family "bert" cannot be trained on the data "digits"/],
  [
    { network: { ...MODEL, hiddenSize: 4 } },
    /the thin net has 4 channels and the wide one 8; maps "up" or "stream" are needed/,
  ],
  [
    { network: { ...MODEL, hiddenSize: 4 }, imitation: { ...IMITATION, maps: 'pair' } },
    /cannot be merged: the skip connection of the next layer/,
  ],
] as [Record<string, unknown>, RegExp][])('%j is refused', (changes, message) => {
  expect(() => parseTrainSpec({ ...three(), ...changes })).toThrow(message);
});

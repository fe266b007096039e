/** Every kind of network and of arm, as runs of a few steps: for tests of what must not change their bits. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cell } from '../../src/core/run.js';
import type { HostBatch } from '../../src/data/dataset.js';
import { DIGITS_SIZE, loadDigits } from '../../src/data/digits.js';
import type { IdxSpec } from '../../src/data/idx.js';
import { trainExecutor } from '../../src/method/run/execute.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import type { GradientImitation, RecipeSpec, TrainSpec } from '../../src/method/spec/spec.js';
import type { BertSpec } from '../../src/models/families/bert/network.js';
import { environment } from '../../src/store/environment.js';
import { executeRun, type ExecuteOptions } from '../../src/store/execute.js';
import type { RunRecord } from '../../src/store/runs.js';
import { wordsOf } from '../../src/text/wordpiece.js';
import { idxFile } from '../support/idx-file.js';
import { cell, CONVNET, DIRECT, IMITATION, LABELS, MLP, recipe, TEACHER, THIN, THREE } from './support.js';

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-arms-'));

/** Runs a cell, and first what it needs, in the folder `out`. */
export function run(of: Cell, out: string, extra: Partial<ExecuteOptions> = {}): Promise<RunRecord> {
  return executeRun(of, {
    out,
    environment: environment(null, 'test'),
    executors: { [TRAIN_KIND]: trainExecutor },
    signal: new AbortController().signal,
    progress: () => {},
    ...extra,
  });
}

/** What a run leaves: its logged rows and its weights, to the byte. */
export function bytes(folder: string): string[] {
  return ['metrics.jsonl', 'final.safetensors'].map((name) => readFileSync(join(folder, name)).toString('base64'));
}

const STEPS = 4;
const sgd = (changes: Partial<RecipeSpec> = {}): RecipeSpec => ({ ...recipe(STEPS), ...changes });
const adamw = (changes: Partial<RecipeSpec> = {}): RecipeSpec => ({
  ...recipe(STEPS, 0.01),
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.01 },
  clip: 1,
  ...changes,
});
const imitation = (changes: Partial<GradientImitation> = {}): GradientImitation => ({
  ...IMITATION,
  recipe: sgd(),
  ...changes,
});

const direct = (network: TrainSpec['network'], training: RecipeSpec, labelSmoothing = 0): TrainSpec => ({
  ...DIRECT,
  network,
  training: { ...training, objective: { ...LABELS, labelSmoothing } },
});

/**
 * A few of the digits, as idx files: each of the stages of a run is measured on all images of validation and test,
 * and all 4,500 of them took most of the time of such runs. Runs without stages have all digits with their random
 * changes, and so has one with a wide net.
 */
function fewDigits(): IdxSpec {
  const folder = newFolder();
  const { train, test } = loadDigits(96);
  for (const [name, source, count] of [
    ['train', train, 96],
    ['t10k', test, 100],
  ] as const) {
    const { values, labels } = source.batch(Uint32Array.from({ length: count }, (_, i) => i)) as HostBatch;
    const pixels = Uint8Array.from(values, (value) => Math.round(255 * value));
    writeFileSync(join(folder, `${name}-images-idx3-ubyte`), idxFile([count, DIGITS_SIZE, DIGITS_SIZE], pixels));
    writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), idxFile([count], Uint8Array.from(labels)));
  }
  return { set: 'idx', folder, size: DIGITS_SIZE, classes: 10, validation: 32, padding: 1, mirror: false };
}

const FEW_DIGITS = fewDigits();

/** A wide net of the network with these changes, and stages of a few steps. */
const staged = (network: TrainSpec['network'], wider: object, changes: Partial<TrainSpec>): TrainSpec => ({
  ...THREE,
  data: FEW_DIGITS,
  network,
  teacher: { network: { ...network, ...wider } as TrainSpec['network'], recipe: sgd(), objective: LABELS },
  training: { ...sgd(), objective: TEACHER },
  ...changes,
});

const text = newFolder();
writeFileSync(
  join(text, 'a.txt'),
  Array.from({ length: 400 }, (_, i) => `the ${i % 3 ? 'cat' : 'dog'} sees a ${i % 2 ? 'mouse' : 'leaf'} at noon`).join(
    '\n',
  ),
);
const corpus = { corpus: text, vocabulary: 80, lowercase: true, tokens: 12, heldOut: 0.1 } as const;
const MASKED = {
  set: 'masked-lm',
  ...corpus,
  masking: { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false },
} as const;
const BERT: BertSpec = {
  family: 'bert',
  vocabSize: 80,
  maxPositions: 12,
  typeVocabSize: 2,
  hiddenSize: 8,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 8,
  dropout: 0.1,
  head: { kind: 'masked-lm', maskedPositions: 2 },
};
const language = (changes: Partial<TrainSpec>): TrainSpec =>
  staged(BERT, { intermediateSize: 24 }, { data: MASKED, training: { ...adamw(), objective: TEACHER }, ...changes });

function classifySpec(): TrainSpec {
  const file = join(text, 'train.tsv');
  const rows = Array.from(
    { length: 60 },
    (_, i) => `the ${i % 2 ? 'cat' : 'dog'} sees a leaf\t${i % 2 ? 'one' : 'two'}`,
  );
  writeFileSync(file, `sentence\tlabel\n${rows.join('\n')}\n`);
  const data = {
    set: 'tsv',
    ...corpus,
    train: file,
    test: file,
    validation: 20,
    columns: { text: 'sentence', label: 'label' },
  } as const;
  return { ...direct({ ...BERT, head: { kind: 'classify', classes: 2 } }, adamw()), data };
}

function spanSpec(): TrainSpec {
  const file = fileURLToPath(new URL('../data/squad-v1.json', import.meta.url));
  const { data: articles } = JSON.parse(readFileSync(file, 'utf8')) as {
    data: { paragraphs: { context: string }[] }[];
  };
  const words = articles.flatMap(({ paragraphs }) => paragraphs.flatMap(({ context }) => wordsOf(context, true)));
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...new Set(words)];
  writeFileSync(join(text, 'vocab.txt'), vocabulary.join('\n'));
  writeFileSync(join(text, 'train.json'), JSON.stringify({ data: [...articles, ...articles] }));
  const data = {
    set: 'squad',
    ...corpus,
    vocabulary: join(text, 'vocab.txt'),
    tokens: 32,
    validation: 0.17,
    train: join(text, 'train.json'),
    test: file,
    stride: 8,
    question: 10,
    answer: 10,
  } as const;
  const network: BertSpec = { ...BERT, vocabSize: vocabulary.length, maxPositions: 40, head: { kind: 'span' } };
  return { ...direct(network, adamw()), data };
}

const HINTS = { ...LABELS, hints: 1 };

/** Specs by what they show. */
export const ARMS: Readonly<Record<string, TrainSpec>> = {
  'resnet, direct': direct(THIN, sgd()),
  'resnet, direct: AdamW, clip, EMA, label smoothing': direct(THIN, adamw({ ema: 0.9 }), 0.1),
  'resnet, direct: a batch in parts, clip, EMA': direct(THIN, sgd({ accumulate: 2, clip: 0.5, ema: 0.5 })),
  'resnet, kd': staged(THIN, { mid: 3 }, { start: 'random', imitation: null, data: THREE.data }),
  'resnet, hints': staged(
    THIN,
    { mid: 3 },
    { start: 'random', imitation: null, training: { ...sgd(), objective: HINTS } },
  ),
  'resnet, bottom-up': staged(THIN, { mid: 3 }, { imitation: imitation() }),
  'resnet, bottom-up: a batch in parts, KL': staged(
    THIN,
    { mid: 3 },
    { imitation: imitation({ loss: 'kl', unit: 'block', recipe: sgd({ accumulate: 2 }) }) },
  ),
  'resnet, joint, wide inputs': staged(
    THIN,
    { mid: 3 },
    { start: 'selected', imitation: imitation({ order: 'joint', inputs: 'wide', loss: 'mse' }) },
  ),
  'resnet, ridge': staged(THIN, { mid: 3 }, { start: 'selected', imitation: { by: 'ridge', images: 32, ridge: 1e-3 } }),
  'convnet, direct': direct(CONVNET, adamw()),
  'convnet, bottom-up, pairs of maps': staged(
    CONVNET,
    { width: 6 },
    { start: 'random', imitation: imitation({ maps: 'pair' }) },
  ),
  'convnet, joint, pairs of maps, wide inputs': staged(
    CONVNET,
    { width: 6 },
    { start: 'random', imitation: imitation({ maps: 'pair', order: 'joint', inputs: 'wide' }) },
  ),
  'mlp, direct: AdamW, EMA, clip': direct(MLP, adamw({ ema: 0.9 })),
  'mlp, joint, maps up, EMA in both stages': staged(
    MLP,
    { width: 8 },
    {
      start: 'random',
      imitation: imitation({ maps: 'up', size: 2, order: 'joint', recipe: sgd({ ema: 0.8 }) }),
      training: { ...adamw({ ema: 0.9 }), objective: TEACHER },
    },
  ),
  'mlp, large kernels beside small ones': direct({ ...MLP, width: 160 }, adamw({ accumulate: 2, ema: 0.9 })),
  'bert, masked-LM, direct': { ...direct(BERT, adamw()), data: MASKED },
  'bert, masked-LM, direct: a batch in parts, bias by distance': {
    ...direct({ ...BERT, distance: { slope: 1 } }, adamw({ accumulate: 2 })),
    data: MASKED,
  },
  'bert, kd': language({ start: 'random', imitation: null }),
  'bert, hints': language({ start: 'random', imitation: null, training: { ...adamw(), objective: HINTS } }),
  'bert, bottom-up': language({ imitation: imitation({ recipe: adamw() }) }),
  'bert, joint, wide inputs': language({
    imitation: imitation({ recipe: adamw(), order: 'joint', inputs: 'wide', unit: 'block' }),
  }),
  'bert, clone': language({
    network: { ...BERT, hiddenSize: 4, numHeads: 1 },
    start: 'projected',
    imitation: { by: 'clone', recipe: adamw() },
    teacher: { network: { ...BERT, intermediateSize: 24 }, recipe: adamw(), objective: LABELS },
  }),
  'bert, stream': language({
    network: { ...BERT, hiddenSize: 4 },
    start: 'projected-embeddings-and-head',
    imitation: imitation({ maps: 'stream', recipe: adamw() }),
    teacher: { network: { ...BERT, intermediateSize: 24 }, recipe: adamw(), objective: LABELS },
  }),
  'bert, classify': classifySpec(),
  'bert, span': spanSpec(),
};

/** Strings of the hierarchy, each of 8 letters, as few as the digits. */
const FEW_STRINGS = {
  set: 'hierarchy',
  ...{ vocabulary: 4, classes: 4, synonyms: 2, levels: 3, branching: 2, grammar: 1 },
  ...{ train: 64, validation: 32, test: 32 },
} as const;

/** The other families of networks, trained by the labels: their ops are others, what is done with them is not. */
export const FAMILIES: Readonly<Record<string, TrainSpec>> = {
  vit: {
    ...direct(
      {
        ...{ family: 'vit', imageSize: 14, patchSize: 7, channels: 1, hiddenSize: 8, numLayers: 2, numHeads: 2 },
        ...{ intermediateSize: 16, classes: 10 },
      },
      adamw(),
    ),
    data: FEW_DIGITS,
  },
  mobilenet: {
    ...direct(
      {
        ...{ family: 'mobilenet', stem: { channels: 4, stride: 2 }, features: 16, dropout: 0.1 },
        ...{ classes: 10, channels: 1 },
        stages: [
          { blocks: 1, channels: 4, expansion: 1, stride: 1 },
          { blocks: 2, channels: 6, expansion: 3, stride: 2 },
        ],
      },
      sgd(),
    ),
    data: FEW_DIGITS,
  },
  convnext: {
    ...direct(
      {
        ...{ family: 'convnext', patchSize: 2, kernelSize: 3, expansion: 2, classes: 10, channels: 1 },
        stages: [
          { blocks: 1, channels: 4 },
          { blocks: 1, channels: 8 },
        ],
      },
      adamw({ ema: 0.9 }),
    ),
    data: FEW_DIGITS,
  },
  distilbert: {
    ...direct(
      {
        ...{ family: 'distilbert', vocabSize: 80, maxPositions: 12, hiddenSize: 8, numLayers: 2, numHeads: 2 },
        ...{ intermediateSize: 8, dropout: 0.1, head: { kind: 'classify', classes: 2 } },
      },
      adamw(),
    ),
    data: ARMS['bert, classify']!.data,
  },
  'layers, strings': {
    ...direct(
      {
        family: 'layers',
        input: { name: 'string', shape: [1, 8, 4] },
        layers: [
          {
            ...{ kind: 'conv', name: 'conv', from: ['string'], units: 4, kernel: [1, 2], strides: [1, 2] },
            ...{ padding: 'same', activation: 'linear' },
          },
          { kind: 'norm', name: 'norm', from: ['conv'], epsilon: 1e-3 },
          { kind: 'activation', name: 'act', from: ['norm'], activation: 'elu' },
          { kind: 'flatten', name: 'flat', from: ['act'] },
          { kind: 'dropout', name: 'dropped', from: ['flat'], rate: 0.1 },
          { kind: 'dense', name: 'scores', from: ['dropped'], units: 4, activation: 'softmax' },
        ],
      },
      sgd({ clip: 1 }),
    ),
    data: FEW_STRINGS,
  },
};

/** A cell of an arm, or of a family, by its name. */
export const cellOf = (name: string): Cell => cell((ARMS[name] ?? FAMILIES[name])!);

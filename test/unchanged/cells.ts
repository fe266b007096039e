/** One small cell of each kind of run: what test/unchanged.test.ts computes and compares with test/unchanged/*.json. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cell } from '../../src/core/run.js';

type Spec = Cell['spec'];

const FLOW = {
  alpha: 1,
  c: 1,
  rho: 0,
  d: 2,
  train: 8,
  heldOut: 16,
  wide: 32,
  time: 0.5,
  imitationTime: 0.25,
  dt: 0.05,
  draws: 2,
};

/** Each study of the theory. */
export const THEORY: Readonly<Record<string, Spec>> = {
  width: { ...FLOW, study: 'width', regime: 'no skip', alpha: 0, c: 3, rho: 0.9, depth: 2, widths: [4, 8] },
  depth: { ...FLOW, study: 'depth', regime: 'skip', m: 4, depths: [1, 2, 3] },
  time: { ...FLOW, study: 'time', regime: 'skip', activation: 'relu', depth: 2, m: 4, times: [0, 0.2, 0.5] },
  imitation: {
    ...{ alpha: 1, c: 1, rho: 0, d: 2, train: 8, heldOut: 16, wide: 32, time: 0.5, dt: 0.05, draws: 2 },
    ...{ study: 'imitation', regime: 'skip', depth: 2, m: 4, times: [0, 0.25], ridge: 1e-3 },
  },
  scale: { ...FLOW, study: 'scale', parameter: 'c', values: [0.5, 1], depth: 2, m: 4 },
  bounds: { ...FLOW, study: 'bounds', regime: 'residual 1/L', perDepth: true, m: 4, depths: [1, 2] },
  saddle: { study: 'saddle', g: 1.1, kappa: 3, time: 0.1, steps: 20, depths: [2, 3], m: 1e6, draws: 3, particles: 64 },
  'tanh-saddle': {
    study: 'tanh-saddle',
    g: 1.2,
    kappa: 3,
    spread: 0.2,
    time: 0.1,
    steps: 10,
    depths: [2, 3],
    m: 64,
    train: 8,
    heldOut: 8,
    draws: 2,
  },
  generic: { ...FLOW, study: 'generic', family: 'f', m: 4, depths: [1, 2, 3, 4], target: 'amplified', gain: 2, sa: 1 },
  residual: {
    study: 'residual',
    embeddings: [4, 8],
    widths: [4, 8],
    reference: { D: 16, M: 16 },
    blocks: 4,
    samples: 3,
    inputs: 2,
    outputs: 2,
    steps: 2,
    eta: 1,
  },
  limit: {
    ...{ alpha: 1, c: 1, rho: 0, d: 2, train: 8, heldOut: 16, wide: 32, imitationTime: 0.25, dt: 0.05, draws: 2 },
    ...{ study: 'limit', regime: 'skip', m: [8, 16], depths: [1, 2], times: [0.25] },
    ...{ target: 0.5, particles: { first: 64, most: 128 } },
  },
  selection: { ...FLOW, study: 'selection', regime: 'skip', depths: [1, 2], widths: [4, 8], ridge: 1e-3 },
  'residual-depth': {
    study: 'residual-depth',
    activation: 'tanh',
    D: 1,
    nodes: { u: 4, v: 2 },
    depths: [2, 4],
    samples: 3,
    inputs: 2,
    outputs: 2,
    steps: 2,
    eta: 1,
  },
  stages: { ...FLOW, study: 'stages', regime: 'skip', depth: 2, widths: [4, 8], tuningTime: 0.25 },
};

const LABELS = { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };
const TEACHER = { ...LABELS, labels: 0, teacher: 1 };

const sgd = (steps: number, peak: number, warmup = 2): Spec => ({
  steps,
  batch: 8,
  schedule: { kind: 'cosine', peak, warmup },
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 },
});
const adamw = (steps: number): Spec => ({
  steps,
  batch: 8,
  schedule: { kind: 'linear', peak: 0.01, warmup: 1 },
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weightDecay: 0.01 },
  clip: 1,
});

const IMITATION = {
  by: 'gradient',
  unit: 'stage',
  size: 1,
  order: 'bottom-up',
  inputs: 'own',
  loss: 'relative-mse',
  maps: 'none',
};

const DIGITS = { set: 'digits', train: 64, augment: { rotation: 10, shift: 0.1, logScale: 0.1, noise: 0.1 } };
const RESNET = {
  family: 'resnet',
  block: 'bottleneck',
  blocks: [1, 1],
  planes: 1,
  mid: 1,
  stem: { kind: 'small', channels: 4 },
  skip: true,
  classes: 10,
  channels: 1,
};
const MLP = { family: 'mlp', numLayers: 3, width: 4, skip: false, activation: 'tanh', classes: 10, inputs: 196 };
const CONVNET = {
  family: 'convnet',
  numLayers: 3,
  width: 3,
  skip: true,
  activation: 'relu',
  classes: 10,
  channels: 1,
};

const VIT = {
  ...{ family: 'vit', imageSize: 14, patchSize: 7, channels: 1, hiddenSize: 8, numLayers: 2, numHeads: 2 },
  ...{ intermediateSize: 16, classes: 10 },
};
const MOBILENET = {
  ...{ family: 'mobilenet', stem: { channels: 4, stride: 2 }, features: 16, dropout: 0, classes: 10, channels: 1 },
  stages: [
    { blocks: 1, channels: 4, expansion: 1, stride: 1 },
    { blocks: 2, channels: 6, expansion: 3, stride: 2 },
  ],
};
const CONVNEXT = {
  ...{ family: 'convnext', patchSize: 2, kernelSize: 3, expansion: 2, classes: 10, channels: 1 },
  stages: [
    { blocks: 1, channels: 4 },
    { blocks: 1, channels: 8 },
  ],
};

const direct = (network: Spec, training: Spec, data: Spec = DIGITS): Spec => ({
  data,
  network,
  teacher: null,
  start: 'random',
  imitation: null,
  training: { ...training, objective: LABELS },
});

const resnet = (changes: Spec): Spec => ({
  data: DIGITS,
  network: RESNET,
  teacher: { network: { ...RESNET, mid: 3 }, recipe: sgd(6, 0.05), objective: LABELS },
  start: 'shared',
  imitation: null,
  training: { ...sgd(4, 0.05), objective: TEACHER },
  ...changes,
});

const ridge: Spec = {
  data: DIGITS,
  network: MLP,
  teacher: { network: { ...MLP, width: 8 }, recipe: sgd(6, 0.05), objective: LABELS },
  start: 'selected',
  imitation: { by: 'ridge', images: 48, ridge: 1e-3 },
  training: { ...sgd(4, 0.05), objective: TEACHER },
};

const VOCABULARY = 'letters.vocabulary';
const SUPERSENSE = {
  ...{ set: 'wordnet-task', task: 'supersense', corpus: 'glosses', lowercase: true, tokens: 12, heldOut: 0.025 },
  ...{ train: 64, held: 32 },
};
const MASKED = { set: 'masked-lm', lowercase: true, tokens: 12, heldOut: 0.1, held: 32 };
const MASKING = { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false };
const BERT = {
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

const DISTILBERT = {
  ...{ family: 'distilbert', maxPositions: 12, hiddenSize: 8, numLayers: 2, numHeads: 2 },
  ...{ intermediateSize: 8, dropout: 0.1 },
};

/**
 * Training runs of each kind. Texts that they read are written into `folder` first.
 */
export function trainingCells(folder: string): Readonly<Record<string, Spec>> {
  writeTexts(folder);
  const file = join(folder, VOCABULARY);
  const pretraining = direct({ ...BERT, vocabSize: 57, distance: { slope: 1 } }, adamw(4), {
    ...MASKED,
    corpus: folder,
    vocabulary: file,
    masking: MASKING,
  });
  return {
    'three stages': resnet({ imitation: { ...IMITATION, recipe: sgd(4, 0.5, 0) } }),
    'joint imitation, own inputs': resnet({ imitation: { ...IMITATION, order: 'joint', recipe: sgd(4, 0.5, 0) } }),
    'wide inputs, block by block, moving average': resnet({
      start: 'selected',
      imitation: { ...IMITATION, unit: 'block', inputs: 'wide', loss: 'mse', recipe: sgd(3, 0.5, 0) },
      training: { ...sgd(4, 0.05), ema: 0.5, objective: TEACHER },
    }),
    'pairs of maps': {
      ...ridge,
      start: 'random',
      imitation: { ...IMITATION, maps: 'pair', recipe: sgd(3, 0.1, 0) },
    },
    'maps upwards': {
      ...ridge,
      start: 'random',
      imitation: { ...IMITATION, maps: 'up', recipe: sgd(3, 0.1, 0) },
    },
    hints: resnet({ training: { ...sgd(4, 0.05), objective: { ...TEACHER, hints: 1 } } }),
    distillation: resnet({
      start: 'random',
      training: { ...sgd(4, 0.05), objective: { ...TEACHER, labels: 0.5, temperature: 2, labelSmoothing: 0.1 } },
    }),
    'accumulated gradients': direct(RESNET, { ...sgd(4, 0.05), accumulate: 2, clip: 1 }),
    'ridge regression': ridge,
    'vision transformer': direct(VIT, adamw(8)),
    mobilenet: direct(MOBILENET, sgd(8, 0.05)),
    convnext: direct(CONVNEXT, adamw(8)),
    convnet: direct(CONVNET, {
      ...sgd(5, 0.05),
      schedule: { kind: 'step', peak: 0.05, warmup: 1, drops: [3], factor: 0.5 },
    }),
    hierarchy: direct(
      { ...RESNET, classes: 4, channels: 4 },
      { ...sgd(3, 0.05), schedule: { kind: 'constant', peak: 0.05, warmup: 0 } },
      {
        set: 'hierarchy',
        vocabulary: 4,
        classes: 4,
        synonyms: 2,
        levels: 3,
        branching: 2,
        grammar: 1,
        train: 64,
        validation: 32,
        test: 32,
      },
    ),
    'masked language model, maps of the stream': {
      data: { ...MASKED, corpus: folder, vocabulary: 60, masking: MASKING },
      network: BERT,
      teacher: {
        network: { ...BERT, hiddenSize: 16, numHeads: 4, intermediateSize: 16 },
        recipe: adamw(6),
        objective: LABELS,
      },
      start: 'projected-embeddings-and-head',
      imitation: { ...IMITATION, order: 'joint', maps: 'stream', recipe: adamw(4) },
      training: { ...adamw(4), objective: { ...LABELS, teacher: 1 } },
    },
    'deeper wide net': {
      data: { ...MASKED, corpus: folder, vocabulary: 60, masking: MASKING },
      network: BERT,
      teacher: {
        network: { ...BERT, numLayers: 4, intermediateSize: 16 },
        align: 'depth',
        recipe: adamw(3),
        objective: LABELS,
      },
      start: 'projected',
      imitation: { ...IMITATION, recipe: adamw(3) },
      training: { ...adamw(3), objective: TEACHER },
    },
    distilbert: direct({ ...DISTILBERT, vocabSize: 57, head: { kind: 'classify', classes: 45 } }, adamw(4), {
      ...SUPERSENSE,
      vocabulary: file,
    }),
    'task from a pretrained network': {
      ...direct(
        { ...BERT, vocabSize: 57, distance: { slope: 1 }, head: { kind: 'classify', classes: 45 } },
        { ...adamw(4), accumulate: 2 },
        { ...SUPERSENSE, vocabulary: file },
      ),
      pretrained: { experiment: 'unchanged', arm: 'pretraining', run: pretraining },
    },
  };
}

/** A text of 600 lines, and a vocabulary of letters. */
function writeTexts(folder: string): void {
  const pick = (i: number, list: readonly string[]): string => list[(i * 7919) % list.length]!;
  const line = (i: number): string =>
    `the ${pick(i, ['cat', 'dog', 'bird'])} ${pick(i + 1, ['eats', 'sees', 'follows'])} a ${pick(i + 2, ['mouse', 'leaf', 'friend', 'shadow'])} at noon`;
  writeFileSync(join(folder, 'a.txt'), Array.from({ length: 600 }, (_, i) => line(i)).join('\n'));
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const tokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...letters, ...letters.map((letter) => `##${letter}`)];
  writeFileSync(join(folder, VOCABULARY), `${tokens.join('\n')}\n`);
}

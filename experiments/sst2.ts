/**
 * A wide net that exists already, fine-tuned on the Stanford Sentiment Treebank as GLUE has it (67,349 sentences,
 * positive or negative; the 872 of its dev split are the test here), and made thin. Two of them:
 *
 * | experiment  | wide net                                              | thin, layers x width |
 * | `sst2`      | MiniLM, 6 x 384, 22.7 million parameters (Wang 2020)  | 6 x 192              |
 * | `sst2-base` | BERT_BASE, 12 x 768, 110 million (Devlin et al. 2019) | 12 x 256             |
 *
 * Scale overnight: at most six hours on two cores, stopped and resumed as often as one likes, BERT_BASE on a sample of
 * 4,800 sentences; scale gpu: five seeds on one GPU, MiniLM in a quarter of an hour. Result:
 * reports/results/sst2.gpu.md; `sst2-base` is tuned at scale overnight, and its table has not been made.
 *
 * Public anchors, BERTs pre-trained on 3 billion words, on GLUE's test split (Turc et al. 2019): 2 x 128 83.2,
 * 4 x 256 85.9, 4 x 512 89.7; BERT_BASE 93.5.
 *
 * Run from a folder that has `sst2/train.tsv`, `sst2/dev.tsv` and `minilm/` or `bert-base/` (Hugging Face folders):
 * `gowide train bert --experiment sst2 --scale overnight`.
 */
import type { Arm, Experiment } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { TsvSpec } from '../src/data/tsv.js';
import type { RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import type { BertSpec } from '../src/models/families/bert/network.js';
import { armOf, BOTH, rateOf, SHARED_ORDER, sharedArms, type Rates, type Setting } from './arms.js';
import { bertArms, imitationOf, initializerRange } from './bert.js';
import { TEST_ACCURACY } from './metrics.js';
import { bertRecipe } from './recipes.js';

/** A wide net on disk, and the thin one that it becomes. */
interface Pair {
  /** Folder of the wide net, which has the vocabulary, too. */
  readonly folder: string;
  readonly layers: number;
  readonly wide: Width;
  readonly thin: Width;
  readonly steps: Steps;
  /** Tuned at the lengths of {@link steps}, if at all. */
  readonly rates: Rates;
  /** What is said of the data beside that, as of texts that are not padded to all 64 tokens. */
  readonly reading?: Partial<TsvSpec>;
}

interface Width {
  readonly hidden: number;
  readonly heads: number;
}

interface Steps {
  readonly wide: number;
  readonly thin: number;
}

/** Tables that both experiments read, and whence they come. */
const FILES = { train: 'sst2/train.tsv', test: 'sst2/dev.tsv' } as const;
const TABLES = {
  [FILES.train]: 'SST-2 of GLUE, https://gluebenchmark.com/tasks',
  [FILES.test]: 'its dev split',
} as const;

const CLASSES = { kind: 'classify', classes: 2 } as const;
const BATCH = 32;
/** An epoch of the wide net, two of the thin one. */
const EPOCHS: Steps = { wide: 2040, thin: 4080 };
/** Share of the thin net's steps that imitates: on the glosses more of them cost accuracy. */
const IMITATION_SHARE = 0.2;
const IMITATION_RATE = 1e-3;
/** The published way to fine-tune a pre-trained net. */
const WIDE_RATE = 5e-5;

function dataOf({ folder, reading }: Pair): TrainSpec['data'] {
  return {
    set: 'tsv',
    corpus: 'glosses',
    vocabulary: folder,
    lowercase: true,
    tokens: 64,
    heldOut: 0.025,
    ...FILES,
    validation: 2000,
    columns: { text: 'sentence', label: 'label' },
    ...reading,
  };
}

function bert(numLayers: number, { hidden, heads }: Width, head: BertSpec['head']): BertSpec {
  return {
    family: 'bert',
    vocabSize: 30_522,
    maxPositions: 512,
    typeVocabSize: 2,
    hiddenSize: hidden,
    numLayers,
    numHeads: heads,
    intermediateSize: 4 * hidden,
    initializerRange: initializerRange(hidden),
    dropout: 0,
    head,
  };
}

const recipe = (steps: number, peak: number): RecipeSpec => bertRecipe(steps, BATCH, peak);

function settingOf(pair: Pair): Setting {
  const { folder, layers, wide, thin, steps, rates } = pair;
  const imitationSteps = Math.round(IMITATION_SHARE * steps.thin);
  return {
    data: dataOf(pair),
    thin: bert(layers, thin, CLASSES),
    wide: {
      network: bert(layers, wide, CLASSES),
      pretrained: { network: bert(layers, wide, { kind: 'pooler' }), weights: folder },
      recipe: recipe(steps.wide, WIDE_RATE),
    },
    recipe,
    steps: steps.thin,
    imitation: imitationOf(recipe(imitationSteps, IMITATION_RATE)),
    imitationSteps,
    rate: (arm) => rateOf(rates, arm),
  };
}

const ARMS = ['wide', 'direct', 'kd', 'projected-kd', 'three-stage', 'projected-three-stage', 'low-rank-clone'];

/** Low-Rank Clone (arXiv 2505.12781) in the place of layerwise imitation, from the same start and at as many steps. */
function clone(setting: Setting): TrainSpec {
  const imitation = { by: 'clone', recipe: setting.imitation.recipe } as const;
  return armOf(setting, 'low-rank-clone', { start: 'projected', imitation, objective: BOTH });
}

function armsOf(pair: Pair): Record<string, Arm> {
  const setting = settingOf(pair);
  const all: Record<string, TrainSpec> = { ...bertArms(setting), 'low-rank-clone': clone(setting) };
  return sharedArms(Object.fromEntries(ARMS.map((arm) => [arm, all[arm]!])));
}

/** What both experiments share. */
const SHARED = {
  group: 'bert',
  kind: TRAIN_KIND,
  chance: 50,
  seeds: { overnight: 3, gpu: 5 },
  metric: TEST_ACCURACY,
  baseline: 'direct',
  order: SHARED_ORDER,
  tuning: { rates: [1e-4, 3e-4, 1e-3], share: 0.25, seeds: [101] },
} as const;

/** Tuned with a quarter of the steps (docs/notes/2026-11-26-learning-rates-of-sst2.md). */
const MINILM_RATES: Rates = { default: 3e-4, 'low-rank-clone': 1e-3 };

const MINILM: Pair = {
  folder: 'minilm',
  layers: 6,
  wide: { hidden: 384, heads: 12 },
  thin: { hidden: 192, heads: 6 },
  steps: EPOCHS,
  rates: MINILM_RATES,
};

/** MiniLM at half its width, on the sentiment of sentences. */
export const sst2: Experiment = {
  ...SHARED,
  name: 'sst2',
  title: 'MiniLM at half its width on SST-2',
  brought: {
    ...TABLES,
    [MINILM.folder]:
      'a Hugging Face folder of MiniLM, 6 layers of 384 channels, with vocab.txt, such as ' +
      'https://huggingface.co/nreimers/MiniLM-L6-H384-uncased',
  },
  arms: () => armsOf(MINILM),
};

/** The widths of Google's BERTs of 12 layers. The rates are those of MiniLM's thin net, of as many steps. */
const BASE: Pair = {
  ...MINILM,
  folder: 'bert-base',
  reading: { padding: 'longest', groupByLength: true, validation: 1000 },
  layers: 12,
  wide: { hidden: 768, heads: 12 },
  thin: { hidden: 256, heads: 4 },
};

/** What two cores can train. Tuned with half of the steps (docs/notes/2026-11-30-bert-base-on-sst2.md). */
const BASE_SAMPLE: Pair = {
  ...BASE,
  steps: { wide: 150, thin: 300 },
  rates: { default: 1e-4, 'projected-three-stage': 3e-4, 'low-rank-clone': 3e-4 },
};

/** BERT_BASE at a third of its width, on the sentiment of sentences. */
export const sst2Base: Experiment = {
  ...SHARED,
  name: 'sst2-base',
  title: 'BERT_BASE at a third of its width on SST-2',
  // after a quarter of so few steps nothing that starts with random values has left the share of the larger class
  tuning: { ...SHARED.tuning, share: 0.5 },
  brought: {
    ...TABLES,
    [BASE.folder]:
      'a Hugging Face folder of BERT_BASE uncased, with vocab.txt: https://huggingface.co/google-bert/bert-base-uncased',
  },
  arms: (scale) => armsOf(scale === 'overnight' ? BASE_SAMPLE : BASE),
};

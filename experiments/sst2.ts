/**
 * A wide net that exists already: MiniLM (Wang et al. 2020; 6 layers of 384 channels, 22.7 million parameters) is
 * fine-tuned on the Stanford Sentiment Treebank as GLUE has it (67,349 sentences, positive or negative; the 872 of its
 * dev split are the test here), and taken to 6 layers of 192 channels. Scale overnight: at most six hours on two cores,
 * stopped and resumed as often as one likes; scale gpu: the same runs, with five seeds in a quarter of an hour of one
 * GPU. Result: reports/results/sst2.gpu.md.
 *
 * Public anchors, BERTs pre-trained on 3 billion words, on GLUE's test split (Turc et al. 2019): 2 x 128 83.2,
 * 4 x 256 85.9, 4 x 512 89.7; BERT_BASE 93.5.
 *
 * Run from a folder that has `sst2/train.tsv`, `sst2/dev.tsv` and `minilm/` (a Hugging Face folder):
 * `gowide train bert --experiment sst2 --scale overnight`.
 */
import type { Experiment } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import type { BertSpec } from '../src/models/families/bert/network.js';
import { armOf, BOTH, rateOf, SHARED_ORDER, sharedArms, type Rates, type Setting } from './arms.js';
import { bertArms, imitationOf, initializerRange } from './bert.js';
import { TEST_ACCURACY } from './metrics.js';
import { bertRecipe } from './recipes.js';

const DATA: TrainSpec['data'] = {
  set: 'tsv',
  corpus: 'glosses',
  vocabulary: 'minilm',
  lowercase: true,
  tokens: 64,
  heldOut: 0.025,
  train: 'sst2/train.tsv',
  test: 'sst2/dev.tsv',
  validation: 2000,
  columns: { text: 'sentence', label: 'label' },
};

function bert(hiddenSize: number, numHeads: number, head: BertSpec['head']): BertSpec {
  return {
    family: 'bert',
    vocabSize: 30_522,
    maxPositions: 512,
    typeVocabSize: 2,
    hiddenSize,
    numLayers: 6,
    numHeads,
    intermediateSize: 4 * hiddenSize,
    initializerRange: initializerRange(hiddenSize),
    dropout: 0,
    head,
  };
}

const CLASSES = { kind: 'classify', classes: 2 } as const;
const BATCH = 32;
/** An epoch of the wide net, two of the thin one. */
const STEPS = { wide: 2040, thin: 4080 };
/** A fifth of the thin net's steps: on the glosses more of them cost accuracy. */
const IMITATION_STEPS = 816;
const IMITATION_RATE = 1e-3;
/** Tuned with a quarter of the steps (docs/notes/2026-11-26-learning-rates-of-sst2.md). */
const RATES: Rates = { default: 3e-4, 'low-rank-clone': 1e-3 };
/** The published way to fine-tune a pre-trained net. */
const WIDE_RATE = 5e-5;

const recipe = (steps: number, peak: number): RecipeSpec => bertRecipe(steps, BATCH, peak);

const SETTING: Setting = {
  data: DATA,
  thin: bert(192, 6, CLASSES),
  wide: {
    network: bert(384, 12, CLASSES),
    pretrained: { network: bert(384, 12, { kind: 'pooler' }), weights: 'minilm' },
    recipe: recipe(STEPS.wide, WIDE_RATE),
  },
  recipe,
  steps: STEPS.thin,
  imitation: imitationOf(recipe(IMITATION_STEPS, IMITATION_RATE)),
  imitationSteps: IMITATION_STEPS,
  rate: (arm) => rateOf(RATES, arm),
};

const ARMS = ['wide', 'direct', 'kd', 'projected-kd', 'three-stage', 'projected-three-stage', 'low-rank-clone'];

/** Low-Rank Clone (arXiv 2505.12781) in the place of layerwise imitation, from the same start and at as many steps. */
function clone(): TrainSpec {
  const imitation = { by: 'clone', recipe: SETTING.imitation.recipe } as const;
  return armOf(SETTING, 'low-rank-clone', { start: 'projected', imitation, objective: BOTH });
}

/** MiniLM at half its width, on the sentiment of sentences. */
export const sst2: Experiment = {
  name: 'sst2',
  group: 'bert',
  title: 'MiniLM at half its width on SST-2',
  kind: TRAIN_KIND,
  chance: 50,
  seeds: { overnight: 3, gpu: 5 },
  metric: TEST_ACCURACY,
  baseline: 'direct',
  order: SHARED_ORDER,
  tuning: { rates: [1e-4, 3e-4, 1e-3], share: 0.25, seeds: [101] },
  arms: () => {
    const all: Record<string, TrainSpec> = { ...bertArms(SETTING), 'low-rank-clone': clone() };
    return sharedArms(Object.fromEntries(ARMS.map((arm) => [arm, all[arm]!])));
  },
};

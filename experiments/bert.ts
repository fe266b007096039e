/**
 * Claim: a thin BERT trained in three stages (wide, imitation, fine-tuning) is better than the same net trained
 * directly with as many steps. Paper: BERT_BASE trained so on a par with BERT_LARGE; the exact table is unknown here.
 * Then the trained nets are taken to tasks with real labels. Run: `gowide train bert --arm all --scale laptop`, then
 * `--experiment bert-supersense`. Rivals at equal steps: below. Result: reports/results.
 *
 * | scale   | text                       | thin, layers x width | wide      | deeper    | hardware          |
 * | minutes | WordNet glosses            | 2 x 64               | 2 x 128   | 4 x 64    | 2 cores           |
 * | laptop  | WordNet glosses            | 4 x 64               | 4 x 128   | 8 x 64    | 2 cores           |
 * | gpu     | WordNet glosses            | 12 x 768             | 12 x 1024 | 24 x 1024 | one H200, not run |
 * | paper   | a folder of texts          | 12 x 768             | 12 x 1024 | 24 x 1024 | 8 GPUs, not run   |
 */
import {
  armSpecs,
  type Arm,
  type DependentRows,
  type Experiment,
  type Metric,
  type Scale,
  type TuningGrid,
} from '../src/core/experiment.js';
import { maskedPositions, type MaskedSpec } from '../src/data/masked.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { GradientImitation, RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import type { BertSpec } from '../src/models/families/bert/network.js';
import { preset } from '../src/models/index.js';
import {
  armOf,
  BOTH,
  joint,
  LABELS,
  longArm,
  rateOf,
  SHARED_ORDER,
  sharedArms,
  TEACHER,
  wideArm,
  type Rates,
  type Setting,
} from './arms.js';
import { TEST_ACCURACY, TEST_CROSS_ENTROPY, TEST_F1 } from './metrics.js';
import { bertRecipe, PAPER_BERT } from './recipes.js';

/** What was tuned of imitation by steps: its peak rate, and the share of an arm's steps that it takes. */
interface TunedImitation {
  readonly rate: number;
  readonly share: number;
}
/** Tuned imitation of each arm; `default` holds for arms that are not named. */
type TunedImitations = Readonly<Record<string, TunedImitation>> & { readonly default: TunedImitation };

/** Imitation where nothing but the peak rate of fine-tuning was tuned. */
const NOT_TUNED: TunedImitations = { default: { rate: 3e-3, share: 0.35 } };

interface Size {
  readonly tokens: number;
  readonly vocabulary: number;
  readonly thin: { readonly hidden: number; readonly layers: number; readonly steps: number; readonly batch: number };
  readonly wide: { readonly hidden: number; readonly steps: number; readonly peak: number };
  readonly deeper: { readonly hidden: number; readonly layers: number };
  /** Imitation of all layers at once, by arm. */
  readonly imitation: TunedImitations;
  /** Channels of a head. */
  readonly head: number;
}

/** Tuned at the 800 steps of scale laptop (docs/notes/2026-11-23-learning-rates-of-small-berts.md). */
const LAPTOP_IMITATION: TunedImitations = {
  default: { rate: 1e-2, share: 0.175 },
  'projected-three-stage': { rate: 1e-3, share: 0.046 },
};

const SIZES = {
  minutes: {
    tokens: 64,
    vocabulary: 2048,
    head: 32,
    thin: { hidden: 64, layers: 2, steps: 160, batch: 16 },
    wide: { hidden: 128, steps: 200, peak: 2e-3 },
    deeper: { hidden: 64, layers: 4 },
    imitation: NOT_TUNED,
  },
  laptop: {
    tokens: 64,
    vocabulary: 2048,
    head: 32,
    thin: { hidden: 64, layers: 4, steps: 800, batch: 16 },
    wide: { hidden: 128, steps: 2500, peak: 2e-3 },
    deeper: { hidden: 64, layers: 8 },
    imitation: LAPTOP_IMITATION,
  },
  gpu: {
    tokens: 64,
    vocabulary: 8192,
    head: 64,
    thin: { hidden: 768, layers: 12, steps: 2000, batch: 256 },
    wide: { hidden: 1024, steps: 3000, peak: 2e-4 },
    deeper: { hidden: 1024, layers: 24 },
    imitation: NOT_TUNED,
  },
} satisfies Partial<Record<Scale, Size>>;
type SizedScale = keyof typeof SIZES;

/** The size at a scale. Throws RangeError at one at which nothing is declared. */
function sizeAt(scale: Scale): Size {
  if (!Object.hasOwn(SIZES, scale)) throw new RangeError(`experiments: nothing is declared at scale ${scale}`);
  return SIZES[scale as SizedScale];
}

const MASKING = { share: 0.28, mask: 1, random: 0, wholeWords: false } as const;
const PUBLISHED_MASKING = { share: 0.15, mask: 0.8, random: 0.1, wholeWords: false } as const;

/** What is tried on glosses. */
export const GLOSSES_TUNING: TuningGrid = {
  rates: [2e-3, 4e-3, 8e-3],
  imitationRates: [1e-3, 3e-3, 1e-2],
  imitationShares: [0.09, 0.175, 0.35],
  seeds: [101],
};
/** Rates of `bert-glosses`, at the 800 steps of scale laptop. */
const GLOSSES_RATES: Rates = { default: 4e-3, hints: 8e-3, deeper: 2e-3 };

/** All layers at once, each from the thin net's own inputs. */
export function imitationOf(recipe: RecipeSpec): GradientImitation {
  return {
    by: 'gradient',
    unit: 'stage',
    size: 1,
    order: 'joint',
    inputs: 'own',
    loss: 'relative-mse',
    maps: 'stream',
    recipe,
  };
}

/** Std of initial weights: as large in a narrow net as the published 0.02 is in 768 channels. */
export function initializerRange(hiddenSize: number): number {
  return 0.02 * Math.sqrt(768 / hiddenSize);
}

function glosses({ tokens, vocabulary }: Size): MaskedSpec {
  return {
    set: 'masked-lm',
    corpus: 'glosses',
    vocabulary,
    lowercase: true,
    tokens,
    heldOut: 0.025,
    masking: MASKING,
    held: 600,
  };
}

/** What an arm is trained on at a scale. */
function settingAt(scale: Scale, arm: string): Setting {
  const size = sizeAt(scale);
  return settingOf(size, GLOSSES_RATES, size.imitation[arm] ?? size.imitation.default);
}

/** How a {@link glossesOf} setting is trained: the thin net's steps, imitation's rate, the wide net. */
interface GlossesLengths {
  readonly steps: number;
  readonly imitationRate: number;
  readonly wide: { readonly steps: number; readonly peak: number };
}

/** The nets and glosses of scale laptop, trained for other numbers of steps. */
export function glossesOf({ steps, imitationRate, wide }: GlossesLengths, rates: Rates): Setting {
  const { laptop } = SIZES;
  const size: Size = { ...laptop, thin: { ...laptop.thin, steps }, wide: { ...laptop.wide, ...wide } };
  return settingOf(size, rates, { ...size.imitation.default, rate: imitationRate });
}

/** Nets of scale minutes, the thin one with the steps of the kept ablations, whose wide nets had 1,000. */
const ABLATED: Size = {
  ...SIZES.minutes,
  thin: { ...SIZES.minutes.thin, steps: 500 },
  wide: { ...SIZES.minutes.wide, steps: 700 },
};

function settingOf(size: Size, rates: Rates, imitation: TunedImitation): Setting {
  const { tokens, vocabulary, thin, wide, deeper, head } = size;
  const imitationSteps = Math.round(imitation.share * thin.steps);
  const data = glosses(size);
  const net = (hidden: number, layers: number): BertSpec => ({
    family: 'bert',
    vocabSize: vocabulary,
    maxPositions: tokens,
    typeVocabSize: 2,
    hiddenSize: hidden,
    numLayers: layers,
    numHeads: hidden / head,
    intermediateSize: 4 * hidden,
    initializerRange: initializerRange(hidden),
    distance: { slope: 1 },
    dropout: 0,
    head: { kind: 'masked-lm', maskedPositions: maskedPositions(data) },
  });
  const small = (steps: number, peak: number): RecipeSpec => bertRecipe(steps, thin.batch, peak, { beta2: 0.98 });
  return {
    data,
    thin: net(thin.hidden, thin.layers),
    deeper: net(deeper.hidden, deeper.layers),
    wide: { network: net(wide.hidden, thin.layers), recipe: small(wide.steps, wide.peak) },
    recipe: small,
    steps: thin.steps,
    imitation: imitationOf(small(imitationSteps, imitation.rate)),
    imitationSteps,
    rate: (arm) => rateOf(rates, arm),
  };
}

/** Steps of imitation at scale paper, about: a third, as elsewhere. How many the paper has is unknown here. */
const PAPER_IMITATION = 350_000;

/** BERT_BASE over a folder of texts, with a vocabulary of 30,522 that is made from them: `--set data.corpus=/path`. */
function paperSetting(): Setting {
  const data: MaskedSpec = {
    set: 'masked-lm',
    corpus: 'texts',
    vocabulary: 30_522,
    lowercase: true,
    tokens: 512,
    heldOut: 0.005,
    masking: PUBLISHED_MASKING,
    held: 5000,
  };
  const net = (name: string): BertSpec => ({
    ...preset(name, 'bert'),
    head: { kind: 'masked-lm', maskedPositions: maskedPositions(data) },
  });
  const recipe = (steps: number): RecipeSpec => ({
    ...PAPER_BERT,
    steps,
    schedule: { ...PAPER_BERT.schedule, warmup: Math.round(steps / 100) },
  });
  const thin = net('bert-base');
  // as the paper has it, one group after another: the embeddings, then each layer
  const groups = thin.numLayers + 1;
  const perGroup = Math.round(PAPER_IMITATION / groups);
  return {
    data,
    thin,
    deeper: net('bert-large'),
    wide: { network: net('bert-12x1024'), recipe: PAPER_BERT },
    recipe,
    steps: PAPER_BERT.steps,
    imitation: { ...imitationOf(recipe(perGroup)), order: 'bottom-up' },
    imitationSteps: perGroup * groups,
    rate: () => PAPER_BERT.schedule.peak,
  };
}

function setting(scale: Scale, arm: string): Setting {
  return scale === 'paper' ? paperSetting() : settingAt(scale, arm);
}

/** How many times larger the batches of the arm are that costs as much as the whole pipeline. */
export const BERT_LONG_BATCH = 4;

/**
 * Three stages of BERTs and their rivals. All thin arms have the same steps, imitation included. Those that learn from
 * the wide net's outputs learn from the labels, too: unlike pictures, masked texts never run out of fresh ones.
 * `three-stage`: the wide net's embeddings and head on its principal components, fresh layers, imitation. `ends-kd`
 * starts alike and is not imitated: the strongest rival in the trials. `projected-...`: the layers start as the wide
 * net's, projected, too. `settingOfArm` says how an arm that imitates is set up, where imitation is tuned by arm.
 */
export function bertArms(all: Setting, settingOfArm: (arm: string) => Setting = () => all): Record<string, TrainSpec> {
  const staged = (arm: string, start: TrainSpec['start']): TrainSpec => {
    const own = settingOfArm(arm);
    return armOf(own, arm, { start, imitation: own.imitation, objective: BOTH });
  };
  return {
    wide: wideArm(all),
    direct: armOf(all, 'direct', { objective: LABELS }),
    kd: armOf(all, 'kd', { objective: BOTH }),
    hints: armOf(all, 'hints', { objective: { ...BOTH, hints: 1 } }),
    'ends-kd': armOf(all, 'ends-kd', { start: 'projected-embeddings-and-head', objective: BOTH }),
    'projected-kd': armOf(all, 'projected-kd', { start: 'projected', objective: BOTH }),
    'three-stage': staged('three-stage', 'projected-embeddings-and-head'),
    'projected-three-stage': staged('projected-three-stage', 'projected'),
  };
}

/** Fine-tuning by the wide net's outputs alone. */
function withoutLabels({ training }: TrainSpec): TrainSpec['training'] {
  return { ...training, objective: TEACHER };
}

function specsAt(scale: Scale): Record<string, TrainSpec> {
  const all = setting(scale, 'direct');
  const shared = bertArms(all, (arm) => setting(scale, arm));
  return {
    ...shared,
    deeper: armOf(all, 'deeper', { objective: LABELS, network: all.deeper! }),
    long: longArm(all, shared['three-stage']!, BERT_LONG_BATCH),
    ...(scale === 'paper' && {
      'three-stage-no-labels': { ...shared['three-stage']!, training: withoutLabels(shared['three-stage']!) },
    }),
  };
}

/**
 * Arms of scale minutes: the baseline, and those of its one claim. Within its steps the deeper net ends where the thin
 * one does, and distillation from random values decides nothing: scale laptop has both.
 */
const MINUTES = ['wide', 'direct', 'ends-kd', 'three-stage'];

/** Thin BERTs on WordNet's glosses: three stages against every rival. */
export const bertGlosses: Experiment = {
  name: 'bert-glosses',
  group: 'bert',
  title: 'Thin BERT by three stages against its rivals, masked language modeling',
  kind: TRAIN_KIND,
  seeds: { minutes: 3, laptop: 10, gpu: 3, paper: 3 },
  metric: TEST_CROSS_ENTROPY,
  baseline: 'direct',
  order: SHARED_ORDER,
  reproduced: true,
  tuning: GLOSSES_TUNING,
  arms: (scale) => {
    const specs = Object.entries(specsAt(scale)).filter(([arm]) => scale !== 'minutes' || MINUTES.includes(arm));
    return sharedArms(Object.fromEntries(specs));
  },
};

/** What figures call the arms of the ablations. */
const ABLATION_LABELS: Readonly<Record<string, string>> = {
  'own inputs': 'three stages as elsewhere',
  'wide inputs': 'the wide net’s inputs instead of the thin one’s own',
  mse: 'MSE instead of relative MSE',
  'layer by layer': 'layer by layer instead of all at once',
  'random embeddings': 'embeddings from random values',
  'projected layers': 'layers projected, too',
  'deeper wide net': 'a wide net of twice as many layers',
  'wide blocks': 'a wide net with wide blocks only',
  'wide blocks, selected': 'a wide net with wide blocks only, selected channels',
  'imitation x 1.5': 'half again as many imitation steps',
};

/**
 * What each part of the imitation is worth, and wide nets of other shapes: deeper ones, and ones that are wide within
 * their blocks only.
 */
export const bertAblations: Experiment = {
  name: 'bert-ablations',
  group: 'bert',
  title: 'What each part of the imitation is worth in a BERT',
  kind: TRAIN_KIND,
  seeds: { minutes: 1, laptop: 3 },
  metric: TEST_CROSS_ENTROPY,
  baseline: 'own inputs',
  arms: (scale) => {
    const all = settingOf(ABLATED, GLOSSES_RATES, ABLATED.imitation.default);
    const { imitation, imitationSteps, wide, thin, recipe } = all;
    const three = (
      changes: Partial<GradientImitation>,
      start: TrainSpec['start'] = 'projected-embeddings-and-head',
      other: Partial<Setting> = {},
    ): TrainSpec =>
      armOf({ ...all, ...other }, 'three-stage', { start, imitation: { ...imitation, ...changes }, objective: BOTH });
    const layers = (thin as BertSpec).numLayers;
    const deep = {
      wide: { ...wide, network: { ...(wide.network as BertSpec), numLayers: 2 * layers }, align: 'depth' as const },
    };
    const blocks = {
      wide: {
        ...wide,
        network: {
          ...(thin as BertSpec),
          numHeads: 4,
          headSize: 32,
          intermediateSize: 4 * (thin as BertSpec).intermediateSize,
        },
      },
    };
    const each = Math.round(imitationSteps / (layers + 1));
    const specs: Record<string, TrainSpec> = {
      'own inputs': three({}),
      'wide inputs': three({ inputs: 'wide' }),
      mse: three({ loss: 'mse' }),
      'layer by layer': three({
        order: 'bottom-up',
        inputs: 'own',
        recipe: recipe(each, imitation.recipe.schedule.peak),
      }),
      'random embeddings': three({}, 'random'),
      'projected layers': three({}, 'projected'),
      'deeper wide net': three({}, 'projected-embeddings-and-head', deep),
      'wide blocks': three({ maps: 'none' }, 'shared', blocks),
      'wide blocks, selected': three({ maps: 'none' }, 'selected', blocks),
      ...(scale === 'minutes'
        ? {}
        : { 'imitation x 1.5': three({ recipe: joint(imitation, Math.round(1.5 * imitationSteps)).recipe }) }),
    };
    return Object.fromEntries(
      Object.entries(specs).map(([name, spec]): [string, Arm] => [
        name,
        { spec, label: ABLATION_LABELS[name] ?? name, learnsFrom: 'layers' },
      ]),
    );
  },
};

interface Task {
  readonly name: string;
  readonly title: string;
  readonly seeds: Experiment['seeds'];
  readonly metric: Metric;
  readonly rates: Rates;
  readonly tuning?: TuningGrid;
  readonly dependent?: DependentRows;
  /** The task's data with the vocabulary and the length of the training before it. */
  readonly data: (scale: Scale, before: MaskedSpec) => TrainSpec['data'];
  readonly head: BertSpec['head'];
  readonly recipe: (scale: Scale, peak: number) => RecipeSpec;
}

/**
 * Fine-tuning of each arm's trained net, with one recipe for all; `fresh`: the thin net without any training before.
 */
function taskExperiment({ data, head, recipe, rates, ...declared }: Task): Experiment {
  return {
    ...declared,
    group: 'bert',
    kind: TRAIN_KIND,
    baseline: 'direct',
    order: SHARED_ORDER,
    arms: (scale) => {
      const pretraining = armSpecs(bertGlosses, scale) as unknown as Record<string, TrainSpec>;
      const tuned = (arm: string): TrainSpec => {
        const from = pretraining[arm === 'fresh' ? 'direct' : arm]!;
        return {
          data: data(scale, from.data as MaskedSpec),
          network: { ...(from.network as BertSpec), head },
          ...(arm !== 'fresh' && { pretrained: { experiment: bertGlosses.name, arm, run: from } }),
          teacher: null,
          start: 'random',
          imitation: null,
          training: { ...recipe(scale, rateOf(rates, arm)), objective: LABELS },
        };
      };
      const arms = sharedArms(
        Object.fromEntries(['fresh', ...Object.keys(pretraining)].map((arm) => [arm, tuned(arm)])),
      );
      return { ...arms, direct: { ...arms.direct!, baseline: 'fresh' } };
    },
  };
}

const TASK_STEPS: Readonly<Partial<Record<Scale, number>>> = { minutes: 200, laptop: 400, gpu: 1000 };

/**
 * The test split of the supersenses, held-out glosses being dealt out by class: a net may be right on all of a file of
 * neighbors, or on none of it.
 */
const SUPERSENSE_ROWS: DependentRows = {
  block: 'some 25 glosses that stand near each other in WordNet’s files',
  rows: 2950,
  blocks: 118,
  designEffect: 24.96,
};

/** Which of 45 supersenses a gloss has, after each way of pre-training. */
export const bertSupersense = taskExperiment({
  name: 'bert-supersense',
  title: 'The trained BERTs on the supersense of a gloss, 45 classes',
  seeds: { minutes: 3, laptop: 10, gpu: 3 },
  metric: TEST_ACCURACY,
  rates: { default: 2e-3 },
  tuning: { rates: [1e-3, 2e-3], seeds: [101] },
  dependent: SUPERSENSE_ROWS,
  data: (scale, { vocabulary, lowercase, tokens, heldOut }) => ({
    set: 'wordnet-task',
    task: 'supersense',
    corpus: 'glosses',
    vocabulary,
    lowercase,
    tokens,
    heldOut,
    train: scale === 'minutes' ? 3000 : 6000,
    split: 'stratified',
    blocks: true,
  }),
  head: { kind: 'classify', classes: 45 },
  recipe: (scale, peak) => bertRecipe(TASK_STEPS[scale]!, 32, peak),
});

/**
 * As published: two epochs of some 88,000 windows, batches of 32. `--set data.train=...` and `data.test=...` say where
 * the files are.
 */
export const bertSquad = taskExperiment({
  name: 'bert-squad',
  title: 'The trained BERTs on SQuAD',
  seeds: { paper: 3 },
  metric: TEST_F1,
  // published, not tuned here
  rates: { default: 5e-5 },
  data: (_, { corpus, vocabulary, lowercase, heldOut }) => ({
    set: 'squad',
    corpus,
    vocabulary,
    lowercase,
    heldOut,
    tokens: 384,
    train: 'squad/train-v1.1.json',
    test: 'squad/dev-v1.1.json',
    validation: 0.05,
    stride: 128,
    question: 64,
    answer: 30,
  }),
  head: { kind: 'span' },
  recipe: (_, peak) => bertRecipe(5500, 32, peak),
});

/**
 * Claim: a thin ResNet trained in three stages (wide, imitation, fine-tuning) is better than the same net trained
 * directly with as many steps, and better than the deeper net. Paper: ResNet-50 by three stages above ResNet-101
 * trained directly, on ImageNet; the exact table is unknown here. Run: `gowide train resnet --arm all --scale laptop`;
 * half an hour of one core. Rivals at equal steps: experiments/arms.ts. Result: reports/results.
 *
 * | scale   | data               | thin                     | wide        | deeper       | hardware            |
 * | minutes | digits, 14 pixels  | [2,2,2] at 1/32 width    | 4 x         | [2,4,2]      | 2 cores |
 * | laptop  | digits             | [3,4,6,3] at 1/32 width  | 4 x         | [3,4,23,3]   | 2 cores             |
 * | gpu     | digits             | ResNet-50, full width    | 2 x         | ResNet-101   | one H200, not run   |
 * | paper   | ImageNet           | ResNet-50                | 4 x         | ResNet-101   | 8 GPUs, not run     |
 */
import type { Arm, Experiment, Scale, TuningGrid } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { GradientImitation, RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import { preset } from '../src/models/index.js';
import type { ResnetSpec } from '../src/models/families/resnet/network.js';
import {
  armOf,
  BOTH,
  comparison,
  joint,
  rateOf,
  SHARED_ORDER,
  sharedArms,
  wideArm,
  type Rates,
  type Setting,
} from './arms.js';
import { TEST_ACCURACY } from './metrics.js';
import { PAPER_IMAGENET, paperCosine, paperDirect, paperDirectInBatches, paperSteps, small } from './recipes.js';

interface Size {
  readonly blocks: number[];
  readonly deeper: number[];
  readonly planes: number;
  readonly stem: number;
  /** Factor on the 3x3 convolutions of the wide net. */
  readonly mid: number;
  /** Training images. */
  readonly train: number;
  readonly wide: { readonly steps: number; readonly batch: number };
  readonly thin: { readonly steps: number; readonly batch: number };
  /** Imitation steps per stage of the network; they are a part of the thin net's steps. */
  readonly imitation: number;
  /** Peak rate of imitation by gradient; {@link IMITATION_RATE} unless given. */
  readonly imitationRate?: number;
}

const SIZES = {
  minutes: {
    blocks: [2, 2, 2],
    deeper: [2, 4, 2],
    planes: 2,
    stem: 8,
    mid: 4,
    train: 2000,
    wide: { steps: 240, batch: 64 },
    thin: { steps: 400, batch: 32 },
    imitation: 50,
  },
  laptop: {
    blocks: [3, 4, 6, 3],
    deeper: [3, 4, 23, 3],
    planes: 2,
    stem: 8,
    mid: 4,
    train: 2000,
    wide: { steps: 500, batch: 64 },
    thin: { steps: 400, batch: 32 },
    imitation: 35,
  },
  gpu: {
    blocks: [3, 4, 6, 3],
    deeper: [3, 4, 23, 3],
    planes: 64,
    stem: 64,
    mid: 2,
    train: 5500,
    wide: { steps: 2000, batch: 128 },
    thin: { steps: 1000, batch: 128 },
    imitation: 75,
  },
} satisfies Partial<Record<Scale, Size>>;
type SizedScale = keyof typeof SIZES;

/** The size at a scale. Throws RangeError at one at which nothing is declared. */
function sizeAt(scale: Scale): Size {
  if (!Object.hasOwn(SIZES, scale)) throw new RangeError(`experiments: nothing is declared at scale ${scale}`);
  return SIZES[scale as SizedScale];
}

const DIGITS = {
  set: 'digits',
  split: 2,
  augment: { rotation: 20, shift: 0.12, logScale: 0.12, noise: 0.2 },
} as const;

/** Peak rate of imitation; the same in every arm that imitates. */
const IMITATION_RATE = 1;
const WIDE_RATE = 0.1;

/** Shares of the steps that imitates which are tried on the digits: of 35 % a quarter, a half, and all. */
export const DIGITS_SHARES = [0.0875, 0.175, 0.35];
/** Shares of the steps that imitates which are tried on strings: of 24 % a quarter, a half, and all. */
export const HIERARCHY_SHARES = [0.06, 0.12, 0.24];
const TUNING: TuningGrid = { rates: [0.05, 0.1, 0.2, 0.4], sharesAfterwards: DIGITS_SHARES, seeds: [101, 102] };
const HIERARCHY_TUNING: TuningGrid = { ...TUNING, sharesAfterwards: HIERARCHY_SHARES };
/** Tuned with the nets of scale minutes. */
const DIGITS_RATES: Rates = { default: 0.2, hints: 0.4, long: 0.4, 'selected-direct': 0.1, 'selected-kl': 0.1 };
/** Rates of `resnet-digits` at scale laptop, at its 400 steps. */
const DIGITS_LAPTOP_RATES: Rates = {
  default: 0.2,
  kd: 0.05,
  hints: 0.1,
  'all-at-once': 0.4,
  'selected-direct': 0.1,
  'no-imitation': 0.4,
  'selected-three-stage': 0.1,
  deeper: 0.05,
  long: 0.4,
};
/** Shares of the steps that imitates in the arms of `resnet-digits` at scale laptop. */
const DIGITS_LAPTOP_SHARES: Readonly<Record<string, number>> = {
  'three-stage': 0.175,
  'selected-three-stage': 0.0875,
  'all-at-once': 0.044,
};
/** Tuned peak rates of the arms of `resnet-hierarchy`, at its 1,000 steps. */
export const HIERARCHY_RATES: Rates = {
  default: 0.2,
  direct: 0.4,
  kd: 0.1,
  'selected-kl': 0.05,
  'selected-three-stage': 0.1,
  deeper: 0.4,
};

/** The tuned share of the 1,000 steps that imitates. */
export const HIERARCHY_SHARE = 0.06;

/** Imitation of a ResNet's stages in the paper's order, each reading the thin net's own values. */
export function imitationOf(recipe: RecipeSpec): GradientImitation {
  return {
    by: 'gradient',
    unit: 'stage',
    size: 1,
    order: 'bottom-up',
    inputs: 'own',
    loss: 'relative-mse',
    maps: 'none',
    recipe,
  };
}

function bottleneck(
  blocks: number[],
  planes: number,
  stem: number,
  input: { classes: number; channels: number },
): ResnetSpec {
  return {
    family: 'resnet',
    block: 'bottleneck',
    blocks,
    planes,
    mid: 1,
    stem: { kind: 'small', channels: stem },
    skip: true,
    ...input,
  };
}

function smallSetting(
  rates: Rates,
  data: TrainSpec['data'],
  input: { classes: number; channels: number },
  size: Size,
): Setting {
  const { blocks, deeper, planes, stem, mid, wide, thin, imitation, imitationRate = IMITATION_RATE } = size;
  const network = bottleneck(blocks, planes, stem, input);
  return {
    data,
    thin: network,
    deeper: bottleneck(deeper, planes, stem, input),
    wide: { network: { ...network, mid }, recipe: small(wide.steps, wide.batch, WIDE_RATE) },
    recipe: (steps, peak) => small(steps, thin.batch, peak),
    steps: thin.steps,
    imitation: imitationOf(small(imitation, thin.batch, imitationRate, 0)),
    imitationSteps: imitation * blocks.length,
    rate: (arm) => rateOf(rates, arm),
  };
}

/** `--set data.folder=/path` says where the pictures are. */
function paperSetting(): Setting {
  const { imitation, finetune, validation, weightDecay } = PAPER_IMAGENET;
  const thin = preset('resnet50', 'resnet');
  const perStage = paperCosine(imitation.epochsPerStage, imitation.peak, 0);
  return {
    data: { set: 'imagefolder', folder: 'imagenet', size: 224, resize: 256, validation, corrupt: 20 },
    thin,
    deeper: preset('resnet101', 'resnet'),
    wide: { network: { ...thin, mid: 4 }, recipe: paperDirect() },
    // direct training follows the paper's own recipe, fine-tuning its cosine
    recipe: (steps) =>
      steps >= paperSteps(PAPER_IMAGENET.epochs)
        ? { ...paperDirect(), steps }
        : { ...paperCosine(1, finetune.peak, weightDecay), steps },
    // fewer steps than direct training has, but in larger batches: far more epochs of the same recipe
    long: paperDirectInBatches,
    steps: paperSteps(PAPER_IMAGENET.epochs),
    imitation: { ...imitationOf(perStage), loss: 'mse' },
    imitationSteps: imitation.stages * perStage.steps,
    rate: () => finetune.peak,
  };
}

/**
 * Three stages whose fine-tuning learns from the labels, too. Whether the paper's does is unknown here: what is known
 * of its recipe names KL on the output alone, so that this is a variant of `three-stage`.
 */
function labelsToo(): Record<string, TrainSpec> {
  const setting = paperSetting();
  const { imitation } = setting;
  return {
    'three-stage-labels': armOf(setting, 'three-stage-labels', { start: 'shared', imitation, objective: BOTH }),
  };
}

function settingAt(scale: Scale): Setting {
  if (scale === 'paper') return paperSetting();
  const size = sizeAt(scale);
  return digitsSetting(scale === 'laptop' ? DIGITS_LAPTOP_RATES : DIGITS_RATES, size);
}

function digitsSetting(rates: Rates, size: Size): Setting {
  return smallSetting(rates, { ...DIGITS, train: size.train }, { classes: 10, channels: 1 }, size);
}

/** The nets and pictures of `resnet-digits` at scale laptop, the thin net trained for so long at these rates. */
export function digitsOf({ steps, ...imitation }: ThinLength, rates: Rates): Setting {
  return digitsSetting(rates, { ...SIZES.laptop, ...imitation, thin: { ...SIZES.laptop.thin, steps } });
}

/** Arms that decide nothing at scale minutes, or no more than others do there: scale laptop has them. */
const NOT_IN_MINUTES = [
  'hints',
  'all-at-once',
  'kd',
  'selected-kl',
  'selected-direct',
  'no-imitation',
  'selected-three-stage',
  'deeper',
];
/** Seeds of the arm that costs as much as the whole pipeline; its difference is many times its interval. */
const LONG_SEEDS = 3;

/** Thin ResNets on the digits: three stages against every rival. */
export const resnetDigits: Experiment = {
  name: 'resnet-digits',
  group: 'resnet',
  title: 'Thin ResNet by three stages against its rivals',
  kind: TRAIN_KIND,
  chance: 10,
  seeds: { minutes: 5, laptop: 10, gpu: 3, paper: 3 },
  metric: TEST_ACCURACY,
  baseline: 'direct',
  order: SHARED_ORDER,
  reproduced: true,
  tuning: TUNING,
  arms: (scale) => {
    const setting = settingAt(scale);
    const tuned = scale === 'laptop' ? { ...setting, share: (arm: string) => DIGITS_LAPTOP_SHARES[arm] } : setting;
    const all = sharedArms({ ...comparison(tuned), ...(scale === 'paper' && labelsToo()) });
    if (scale !== 'minutes') return all;
    const some = Object.entries(all).filter(([arm]) => !NOT_IN_MINUTES.includes(arm));
    return { ...Object.fromEntries(some), long: { ...all.long!, seeds: LONG_SEEDS } };
  },
};

/**
 * The Random Hierarchy Model: 8 classes, 8 symbols, 3 synonyms, 4 levels of pairs; 8,192 strings, where some 8 * 3^4 =
 * 648 are needed. With 3 synonyms the wide net learns it within its steps and the thin one does not (pilot with seed
 * 101, validation: 100 and 61 %); with 2 both do, with 4 neither.
 */
function hierarchySetting(scale: Scale): Setting {
  const [steps, imitation] = scale === 'minutes' ? [600, 50] : [1000, 80];
  const setting = hierarchyOf({ steps, imitation }, HIERARCHY_RATES);
  return scale === 'laptop' ? { ...setting, share: () => HIERARCHY_SHARE } : setting;
}

/** Steps of the thin net, and those of them that imitate, for each of its stages; with its own peak rate if given. */
export type ThinLength = Pick<Size, 'imitation' | 'imitationRate'> & { readonly steps: number };

/** The nets and strings of `resnet-hierarchy`, or of another grammar, the thin net trained for so long. */
export function hierarchyOf({ steps, ...imitation }: ThinLength, rates: Rates, grammar = 1): Setting {
  const data = {
    set: 'hierarchy',
    vocabulary: 8,
    classes: 8,
    synonyms: 3,
    levels: 4,
    branching: 2,
    grammar,
    train: 8192,
    validation: 2000,
    test: 2000,
  } as const;
  const size: Size = {
    ...SIZES.minutes,
    mid: 8,
    wide: { steps: 1000, batch: 64 },
    thin: { steps, batch: 64 },
    ...imitation,
  };
  return smallSetting(rates, data, { classes: 8, channels: 8 }, size);
}

/** The main arms on strings of the Random Hierarchy Model. */
export const resnetHierarchy: Experiment = {
  name: 'resnet-hierarchy',
  group: 'resnet',
  title: 'Thin ResNet by three stages against its rivals, strings of the Random Hierarchy Model',
  kind: TRAIN_KIND,
  chance: 12.5,
  seeds: { minutes: 4, laptop: 10 },
  metric: TEST_ACCURACY,
  baseline: 'direct',
  order: SHARED_ORDER,
  reproduced: true,
  tuning: HIERARCHY_TUNING,
  arms: (scale) => {
    const all = comparison(hierarchySetting(scale));
    const some = ['wide', 'direct', 'three-stage'];
    if (scale !== 'minutes') some.push('kd', 'selected-kl', 'selected-three-stage', 'deeper', 'long');
    return sharedArms(Object.fromEntries(some.map((arm) => [arm, all[arm]!])));
  },
};

/** What figures call the arms of the ablations. */
const ABLATION_LABELS: Readonly<Record<string, string>> = {
  'own inputs': 'three stages as elsewhere',
  'wide inputs': 'the wide net’s inputs instead of the thin one’s own',
  mse: 'MSE instead of relative MSE',
  kl: 'KL instead of relative MSE',
  'block by block': 'block by block instead of stage by stage',
  joint: 'all groups at once instead of one after another',
  'imitation x 0.5': 'half as many imitation steps',
  'imitation x 1.5': 'half again as many imitation steps',
  'random, wide x1': 'from random values, a wide net as wide as the thin one',
  'random, wide x2': 'from random values, a wide net twice as wide',
  'random, wide x4': 'from random values, a wide net 4 times as wide',
  'random, wide x8': 'from random values, a wide net 8 times as wide',
  'selected, own inputs': 'from selected channels',
  'selected, closed form': 'from selected channels, in closed form',
  'selected, none': 'from selected channels, no imitation',
  'few images: wide': '200 images: wide net',
  'few images: direct': '200 images: direct training',
  'few images: three-stage': '200 images: three stages',
  'few images: selected, none': '200 images: selected channels, no imitation',
};

/** Ablations that learn from something else than the wide net's layers. */
const ABLATION_SOURCES: Readonly<Record<string, Pick<Arm, 'learnsFrom' | 'reference'>>> = {
  'selected, none': { learnsFrom: 'outputs' },
  'few images: wide': { learnsFrom: 'labels', reference: true },
  'few images: direct': { learnsFrom: 'labels' },
  'few images: selected, none': { learnsFrom: 'outputs' },
};

/** Arms of which each is compared with `baseline`, one of them. */
function against(baseline: string, specs: Readonly<Record<string, TrainSpec>>): Record<string, Arm> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]): [string, Arm] => [
      name,
      { spec, baseline, label: ABLATION_LABELS[name] ?? name, learnsFrom: 'layers', ...ABLATION_SOURCES[name] },
    ]),
  );
}

/** Nets of scale minutes, for which the rates were tuned, with the wide net of the kept ablations. */
const ABLATED: Size = { ...SIZES.minutes, wide: { steps: 400, batch: 64 } };

/**
 * What each part of the imitation is worth: one thing is changed at a time, at equal steps. Scale laptop has the nets
 * of scale minutes, with more seeds. Run: `gowide train resnet --experiment
 * resnet-ablations --scale laptop`.
 */
export const resnetAblations: Experiment = {
  name: 'resnet-ablations',
  group: 'resnet',
  title: 'What each part of the imitation is worth',
  kind: TRAIN_KIND,
  seeds: { minutes: 1, laptop: 5 },
  metric: TEST_ACCURACY,
  baseline: 'own inputs',
  arms: (scale) => {
    const setting = scale === 'minutes' || scale === 'laptop' ? digitsSetting(DIGITS_RATES, ABLATED) : settingAt(scale);
    const { imitation, imitationSteps, wide } = setting;
    const three = (changes: Partial<GradientImitation>, start: TrainSpec['start'] = 'shared'): TrainSpec =>
      armOf(setting, 'three-stage', { start, imitation: { ...imitation, ...changes } });
    // from random values, so that a wide net of the thin one's own size has something to teach; the stem is imitated,
    // too
    const groups = imitationSteps / imitation.recipe.steps + 1;
    const factor = (mid: number): TrainSpec => {
      const other: Setting = { ...setting, wide: { ...wide, network: { ...(setting.thin as ResnetSpec), mid } } };
      const recipe = small(Math.round(imitationSteps / groups), imitation.recipe.batch, IMITATION_RATE, 0);
      return armOf({ ...other, imitationSteps: recipe.steps * groups }, 'three-stage', {
        start: 'random',
        imitation: { ...imitation, recipe },
      });
    };
    const longer = (times: number): TrainSpec => {
      const recipe = small(Math.round(imitation.recipe.steps * times), imitation.recipe.batch, IMITATION_RATE, 0);
      const all = { ...setting, imitationSteps: recipe.steps * (imitationSteps / imitation.recipe.steps) };
      return armOf(all, 'three-stage', { start: 'shared', imitation: { ...imitation, recipe } });
    };
    const blockSteps = Math.max(1, Math.round(imitationSteps / blockCount(setting)));
    const perBlock = small(blockSteps, imitation.recipe.batch, IMITATION_RATE, 0);
    const few = { ...setting, data: { ...setting.data, train: 200 } as TrainSpec['data'] };
    const fewLabels = comparison(few);
    const ridge = { by: 'ridge', images: 600, ridge: 1e-3 } as const;
    return {
      ...against('own inputs', {
        'own inputs': three({}),
        'wide inputs': three({ inputs: 'wide' }),
        mse: three({ loss: 'mse' }),
        kl: three({ loss: 'kl' }),
        'block by block': three({ unit: 'block', size: 1, recipe: perBlock }),
        joint: armOf(setting, 'three-stage', { start: 'shared', imitation: joint(imitation, imitationSteps) }),
        'imitation x 0.5': longer(0.5),
        'imitation x 1.5': longer(1.5),
        'random, wide x1': factor(1),
        'random, wide x2': factor(2),
        'random, wide x4': factor(4),
        'random, wide x8': factor(8),
      }),
      ...against('selected, none', {
        'selected, own inputs': three({}, 'selected'),
        'selected, closed form': armOf(setting, 'selected-kl', { start: 'selected', imitation: ridge }),
        'selected, none': armOf(setting, 'selected-kl', { start: 'selected' }),
      }),
      ...against('few images: direct', {
        'few images: wide': wideArm(few),
        'few images: direct': fewLabels.direct!,
        'few images: three-stage': fewLabels['three-stage']!,
        'few images: selected, none': fewLabels['selected-kl']!,
      }),
    };
  },
};

function blockCount({ thin }: Setting): number {
  return (thin as ResnetSpec).blocks.reduce((sum, count) => sum + count, 0);
}

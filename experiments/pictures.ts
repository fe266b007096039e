/**
 * Three stages and their rivals on real pictures that users bring, at scale overnight: at most six hours on two cores,
 * stopped and resumed as often as one likes; and the paper's own nets on CIFAR-10 at scale gpu, some minutes of a GPU.
 * The recipe is the paper's, its shares of the epochs kept: the rate divided by 10 at 30, 60 and 80 of 90, imitation 40
 * of 90, bottom-up, fine-tuning by KL for the rest.
 *
 * `cifar10` was run for the most part on a GPU, `cifar10-resnet50` not yet. Public anchors (full widths, 200 epochs or
 * more; not the budgets of these runs):
 *
 * | experiment       | thin                         | wide       | deeper     | anchors                             |
 * | fashion-mnist    | [2,2,2], 176 k parameters    | 4 x inside | [4,4,4]    | ResNet-18 94.9, WRN-40-4 96.7       |
 * | cifar10          | ResNet-20, a quarter as wide | 4 x inside | ResNet-56  | ResNet-20 91.7, -56 93.4, -110 93.7 |
 * | cifar10-resnet50 | ResNet-50, ImageNet's stem   | 2 x inside | ResNet-101 | none with this stem                 |
 *
 * Run from a folder that has `fashion-mnist/` (four idx files) or `cifar10/` (binary files, or pictures in
 * train/<class>/ and test/<class>/): `gowide train resnet --experiment fashion-mnist --scale overnight`; or name the
 * folder with `--set data.folder=/path`, which makes the runs custom ones.
 */
import type { Experiment, Scale, TuningGrid } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import type { ResnetSpec } from '../src/models/families/resnet/network.js';
import { comparison, rateOf, SHARED_ORDER, sharedArms, type Rates, type Setting } from './arms.js';
import { TEST_ACCURACY } from './metrics.js';
import { PAPER_IMAGENET, small } from './recipes.js';
import { imitationOf } from './resnet.js';

interface Pictures {
  /** The thin net in words, for the experiment's title. */
  readonly net: string;
  readonly data: TrainSpec['data'];
  /** Training pictures, those of the validation split left out. */
  readonly train: number;
  readonly thin: ResnetSpec;
  /** Factor on the inner channels of the wide net. */
  readonly wider: number;
  readonly deeper: readonly number[];
  readonly epochs: number;
  readonly batch: number;
  readonly rates: Rates;
}

/** A ResNet for ten classes, its stem as wide as the first stage's planes. */
function thinNet(
  block: ResnetSpec['block'],
  blocks: number[],
  planes: number,
  stem: ResnetSpec['stem']['kind'],
  channels: number,
): ResnetSpec {
  return {
    ...{ family: 'resnet', block, blocks, planes, mid: 1, stem: { kind: stem, channels: planes } },
    ...{ skip: true, classes: 10, channels },
  };
}

const sgd = (weightDecay: number): RecipeSpec['optimizer'] => ({ kind: 'sgd', momentum: 0.9, weightDecay });

/** The paper's decay for wide and direct training; imitation has none. */
const DECAY = 5e-4;

/** The paper's share of the steps of a whole training that it gives to imitation, for each of so many stages. */
function imitationPerStage(steps: number, stages: number): number {
  const { epochs, imitation } = PAPER_IMAGENET;
  return Math.round((imitation.epochsPerStage * imitation.stages * steps) / epochs / stages);
}

/** The paper's shares of its 90 epochs, at another length. */
function settingOf({ data, train, thin, wider, deeper, epochs, batch, rates }: Pictures): Setting {
  const steps = Math.round((epochs * train) / batch);
  const { warmup, drops, epochs: published, imitation } = PAPER_IMAGENET;
  const at = (epoch: number, of: number): number => Math.round((epoch / published) * of);
  const stepped = (length: number, rate: number): RecipeSpec => ({
    steps: length,
    batch,
    schedule: {
      kind: 'step',
      peak: rate,
      warmup: at(warmup, length),
      drops: drops.map((drop) => at(drop, length)),
      factor: 0.1,
    },
    optimizer: sgd(DECAY),
  });
  const cosine = (length: number, rate: number, decay: number): RecipeSpec => ({
    steps: length,
    batch,
    schedule: { kind: 'cosine', peak: rate, warmup: 0 },
    optimizer: sgd(decay),
  });
  const stages = thin.blocks.length;
  const perStage = imitationPerStage(steps, stages);
  return {
    data,
    thin,
    deeper: { ...thin, blocks: [...deeper] },
    wide: { network: { ...thin, mid: wider }, recipe: stepped(steps, rateOf(rates, 'wide')) },
    recipe: (length, rate) => (length >= steps ? stepped(length, rate) : cosine(length, rate, DECAY)),
    steps,
    imitation: imitationOf(cosine(perStage, imitation.peak, 0)),
    imitationSteps: perStage * stages,
    rate: (arm) => rateOf(rates, arm),
  };
}

const TUNING: TuningGrid = { rates: [0.05, 0.1, 0.2, 0.4], seeds: [101] };
/** On CIFAR-10 for an eighth of the steps: some three epochs at scale overnight. */
const CIFAR10_TUNING: TuningGrid = { ...TUNING, share: 1 / 8 };
/** ResNet-50 for one epoch of four. */
const RESNET50_TUNING: TuningGrid = {
  rates: [0.00625, 0.0125, 0.025, 0.05],
  imitationRates: [0.03, 0.1, 0.3],
  seeds: [101],
  share: 1 / 4,
};
/** From a tuning that was cut short, of the arms that learn from labels alone (docs/notes). */
const RESNET50_RATES: Rates = { default: 0.0125, deeper: 0.025 };
/** The paper's rate, where tuning does not say otherwise (docs/notes/2026-11-27-learning-rates-of-cifar10.md). */
const RATES: Rates = { default: PAPER_IMAGENET.peak };
const ARMS = ['wide', 'direct', 'kd', 'selected-kl', 'three-stage', 'selected-three-stage', 'deeper'];
/** Those of a GPU's minutes. */
const GPU_ARMS = ARMS.filter((arm) => arm !== 'selected-three-stage');
const SEEDS = 3;

interface Declaration {
  readonly name: string;
  /** The data set in words, for the title. */
  readonly words: string;
  readonly scale: Scale;
  readonly tuning: TuningGrid;
  readonly arms?: readonly string[];
}

function experimentOf({ name, words, scale, tuning, arms = ARMS }: Declaration, pictures: Pictures): Experiment {
  return {
    name,
    group: 'resnet',
    title: `${words}: ${pictures.net} (${scale})`,
    kind: TRAIN_KIND,
    chance: 10,
    seeds: { [scale]: SEEDS },
    metric: TEST_ACCURACY,
    baseline: 'direct',
    order: SHARED_ORDER,
    tuning,
    arms: () => {
      const all = comparison(settingOf(pictures));
      return sharedArms(Object.fromEntries(arms.map((arm) => [arm, all[arm]!])));
    },
  };
}

/** Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), complete: 28 x 28 gray pixels, 10 kinds of clothes. */
const FASHION = {
  data: {
    set: 'idx',
    folder: 'fashion-mnist',
    size: 28,
    classes: 10,
    validation: 5000,
    padding: 2,
    mirror: true,
  },
  train: 55_000,
  batch: 64,
  wider: 4,
  deeper: [4, 4, 4],
} as const satisfies Partial<Pictures>;

/** A thin ResNet of three stages for it, with so many channels in the first one. */
const fashionNet = (planes: number): ResnetSpec => thinNet('basic', [2, 2, 2], planes, 'imagenet', 1);

/** Ten epochs by the paper's recipe. */
export const fashionMnist: Experiment = experimentOf(
  { name: 'fashion-mnist', words: 'Fashion-MNIST, complete', scale: 'overnight', tuning: TUNING },
  {
    ...FASHION,
    net: 'a ResNet of three stages',
    thin: fashionNet(16),
    epochs: 10,
    rates: { ...RATES, direct: 0.4, kd: 0.2, deeper: 0.05 },
  },
);

/** Steps of an epoch of Fashion-MNIST. */
export const FASHION_EPOCH = Math.ceil(FASHION.train / FASHION.batch);

/**
 * Nets of half as many channels on Fashion-MNIST, thin and wide trained for so many steps, every length by the same
 * recipe: a cosine after a short warm-up.
 */
export function fashionOf(steps: number, imitationRate: number, rates: Rates): Setting {
  const { data, batch, wider, deeper } = FASHION;
  const thin = fashionNet(8);
  const perStage = imitationPerStage(steps, thin.blocks.length);
  return {
    data,
    thin,
    deeper: { ...thin, blocks: [...deeper] },
    wide: { network: { ...thin, mid: wider }, recipe: small(steps, batch, rateOf(rates, 'wide')) },
    recipe: (length, rate) => small(length, batch, rate),
    steps,
    imitation: imitationOf(small(perStage, batch, imitationRate, 0)),
    imitationSteps: perStage * thin.blocks.length,
    rate: (arm) => rateOf(rates, arm),
  };
}

/** What both experiments on CIFAR-10 have in common. */
const CIFAR10 = {
  data: { set: 'cifar10', folder: 'cifar10', validation: 5000, padding: 4 },
  train: 45_000,
  batch: 128,
} as const satisfies Partial<Pictures>;

/** CIFAR-10 (Krizhevsky 2009): ResNet-20 of He et al. 2016, section 4.2, at a quarter of its width. */
export const cifar10: Experiment = experimentOf(
  { name: 'cifar10', words: 'CIFAR-10', scale: 'overnight', tuning: CIFAR10_TUNING },
  {
    ...CIFAR10,
    rates: { default: 0.2, kd: 0.4, deeper: 0.4, wide: PAPER_IMAGENET.peak },
    net: 'ResNet-20 at a quarter of its width',
    thin: thinNet('basic', [3, 3, 3], 4, 'small', 3),
    wider: 4,
    deeper: [9, 9, 9],
    epochs: 27,
  },
);

/**
 * The paper's ResNet-50 and ResNet-101 in full width on CIFAR-10, with the stem that they have on ImageNet, for as many
 * epochs as a GPU does in some minutes; the wide net is torchvision's wide_resnet50_2.
 */
export const cifar10Resnet50: Experiment = experimentOf(
  { name: 'cifar10-resnet50', words: 'CIFAR-10', scale: 'gpu', tuning: RESNET50_TUNING, arms: GPU_ARMS },
  {
    ...CIFAR10,
    rates: RESNET50_RATES,
    net: 'ResNet-50',
    thin: thinNet('bottleneck', [3, 4, 6, 3], 64, 'imagenet', 3),
    wider: 2,
    deeper: [3, 4, 23, 3],
    epochs: 4,
  },
);

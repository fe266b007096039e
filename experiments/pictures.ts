/**
 * Three stages and their rivals on real pictures that users bring, at scale overnight: at most six hours on two cores,
 * stopped and resumed as often as one likes; and the paper's own nets on CIFAR-10 at scale gpu, some minutes of a GPU.
 * The recipe is the paper's, its shares of the epochs kept: the rate divided by 10 at 30, 60 and 80 of 90 (but for
 * `fashion-mnist-34`, where it falls by a cosine), imitation 40 of 90, bottom-up, fine-tuning by KL for the rest.
 *
 * `cifar10` was run for the most part on a GPU; `cifar10-resnet50` has not been run yet. Public anchors (full widths,
 * 200 epochs or more; not the budgets of these runs):
 *
 * | experiment       | thin                         | wide       | deeper     | anchors                             |
 * | fashion-mnist    | [2,2,2], 176 k parameters    | 4 x inside | [4,4,4]    | ResNet-18 94.9, WRN-40-4 96.7       |
 * | fashion-mnist-34 | ResNet-34, an eighth as wide | 4 x inside | [3,4,23,3] | as above                            |
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
/** The nets of four stages on Fashion-MNIST for an eighth of the steps: four epochs. */
const FOUR_STAGES_TUNING: TuningGrid = {
  rates: [0.05, 0.1, 0.2],
  imitationRates: [0.1, 0.3, 0.9],
  seeds: [101],
  share: 1 / 8,
};
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
/** Those of the nets of four stages. */
const FEWER_ARMS = ARMS.filter((arm) => arm !== 'selected-three-stage');
const SEEDS = 3;

interface Declaration {
  readonly name: string;
  /** The data set and the thin net in words, for the title. */
  readonly words: string;
  readonly net: string;
  readonly scale: Scale;
  readonly tuning: TuningGrid;
  readonly arms?: readonly string[];
}

function experimentOf(
  { name, words, net, scale, tuning, arms = ARMS }: Declaration,
  setting: () => Setting,
): Experiment {
  return {
    name,
    group: 'resnet',
    title: `${words}: ${net} (${scale})`,
    kind: TRAIN_KIND,
    chance: 10,
    seeds: { [scale]: SEEDS },
    metric: TEST_ACCURACY,
    baseline: 'direct',
    order: SHARED_ORDER,
    tuning,
    arms: () => {
      const all = comparison(setting());
      return sharedArms(Object.fromEntries(arms.map((arm) => [arm, all[arm]!])));
    },
  };
}

/** Blocks of the paper's thin net and of its deeper one: ResNet-50's (of basic blocks ResNet-34's) and ResNet-101's. */
const FOUR_STAGES = { blocks: [3, 4, 6, 3], deeper: [3, 4, 23, 3] };

const FASHION_WORDS = 'Fashion-MNIST, complete';

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

/** A thin ResNet for it, of so many blocks in each stage, with so many channels in the first one. */
const fashionNet = (planes: number, blocks: number[] = [2, 2, 2]): ResnetSpec =>
  thinNet('basic', blocks, planes, 'imagenet', 1);

/** Ten epochs by the paper's recipe. */
export const fashionMnist: Experiment = experimentOf(
  {
    ...{ name: 'fashion-mnist', words: FASHION_WORDS, net: 'a ResNet of three stages' },
    ...{ scale: 'overnight', tuning: TUNING },
  },
  () =>
    settingOf({
      ...FASHION,
      thin: fashionNet(16),
      epochs: 10,
      rates: { ...RATES, direct: 0.4, kd: 0.2, deeper: 0.05 },
    }),
);

/** Steps of an epoch of Fashion-MNIST. */
export const FASHION_EPOCH = Math.ceil(FASHION.train / FASHION.batch);

/**
 * Nets with 8 channels in the first stage on Fashion-MNIST, thin and wide trained for so many steps, every length by
 * the same recipe: a cosine after a short warm-up. Unless given they are half as wide as those of `fashion-mnist`.
 */
export function fashionOf(
  steps: number,
  imitationRate: number,
  rates: Rates,
  { blocks, deeper }: { readonly blocks?: number[]; readonly deeper: readonly number[] } = FASHION,
): Setting {
  const { data, batch, wider } = FASHION;
  const thin = fashionNet(8, blocks);
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

/** Epochs of the nets of four stages. */
const FOUR_STAGES_EPOCHS = 32;

/** Tuned with four epochs (docs/notes/2026-11-30-fashion-mnist-in-four-stages.md). */
const FOUR_STAGES_RATES: Rates = { default: 0.1, wide: 0.2, direct: 0.2, 'selected-kl': 0.05 };

/** ResNet-34, an eighth as wide as on ImageNet, and the deeper net of as many more blocks as ResNet-101 has. */
export const fashionMnist34: Experiment = experimentOf(
  {
    ...{ name: 'fashion-mnist-34', words: FASHION_WORDS, net: 'ResNet-34 at an eighth of its width' },
    ...{ scale: 'overnight', tuning: FOUR_STAGES_TUNING, arms: FEWER_ARMS },
  },
  () => fashionOf(FOUR_STAGES_EPOCHS * FASHION_EPOCH, 0.9, FOUR_STAGES_RATES, FOUR_STAGES),
);

/** What both experiments on CIFAR-10 have in common. */
const CIFAR10 = {
  data: { set: 'cifar10', folder: 'cifar10', validation: 5000, padding: 4 },
  train: 45_000,
  batch: 128,
} as const satisfies Partial<Pictures>;

/** CIFAR-10 (Krizhevsky 2009): ResNet-20 of He et al. 2016, section 4.2, at a quarter of its width. */
export const cifar10: Experiment = experimentOf(
  {
    ...{ name: 'cifar10', words: 'CIFAR-10', net: 'ResNet-20 at a quarter of its width' },
    ...{ scale: 'overnight', tuning: CIFAR10_TUNING },
  },
  () =>
    settingOf({
      ...CIFAR10,
      rates: { default: 0.2, kd: 0.4, deeper: 0.4, wide: PAPER_IMAGENET.peak },
      thin: thinNet('basic', [3, 3, 3], 4, 'small', 3),
      wider: 4,
      deeper: [9, 9, 9],
      epochs: 27,
    }),
);

/**
 * The paper's ResNet-50 and ResNet-101 in full width on CIFAR-10, with the stem that they have on ImageNet, for as many
 * epochs as a GPU does in some minutes; the wide net is torchvision's wide_resnet50_2.
 */
export const cifar10Resnet50: Experiment = experimentOf(
  {
    ...{ name: 'cifar10-resnet50', words: 'CIFAR-10', net: 'ResNet-50' },
    ...{ scale: 'gpu', tuning: RESNET50_TUNING, arms: FEWER_ARMS },
  },
  () =>
    settingOf({
      ...CIFAR10,
      rates: RESNET50_RATES,
      thin: thinNet('bottleneck', FOUR_STAGES.blocks, 64, 'imagenet', 3),
      wider: 2,
      deeper: FOUR_STAGES.deeper,
      epochs: 4,
    }),
);

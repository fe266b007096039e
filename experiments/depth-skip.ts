/**
 * Where imitation itself pays: plain nets of 4 to 64 layers beside the same nets with skip connections. Theory
 * (theory/README.md): without a skip, thin nets trained directly end far from the wide one while imitation stays near;
 * with a skip both are near. Expected from a prototype: imitation above selection + KL without skips, the more the
 * deeper; no gain with skips. Reported whatever comes out. Run: `gowide train resnet --experiment depth-skip --arm all
 * --scale laptop`; ten minutes of one core. Results: reports/results/depth-skip.laptop.md.
 *
 * Fully connected tanh nets on the digits. Arms at equal steps of the thin net: direct; KD; selected channels, then KL;
 * imitation by gradient (a tuned share of the steps, 30 % at most, groups of 2 layers at once, each on its own input, a
 * learnt map up that is dropped afterwards), then KL; selected channels, fitted in closed form, then KL.
 */
import type { Arm, ArmFacts, Experiment, Scale, TuningGrid } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import type { TrainSpec } from '../src/method/spec/spec.js';
import type { MlpSpec } from '../src/models/families/plain/mlp.js';
import { armOf, rateOf, wideArm, type Rates, type Setting } from './arms.js';
import { TEST_ACCURACY } from './metrics.js';
import { adamw } from './recipes.js';

interface Size {
  readonly depths: readonly number[];
  /** Without a skip connection, and with one. */
  readonly skips: readonly boolean[];
  readonly steps: number;
  readonly wideSteps: number;
  readonly train: number;
}

/** Nets with a skip connection decide nothing at scale minutes: scale laptop has them. */
const SIZES: Partial<Record<Scale, Size>> = {
  minutes: { depths: [4, 16], skips: [false], steps: 300, wideSteps: 500, train: 2000 },
  laptop: { depths: [4, 8, 16, 32, 64], skips: [false, true], steps: 300, wideSteps: 600, train: 5500 },
};

const [THIN, WIDE, BATCH] = [16, 64, 64];
const AUGMENT = { rotation: 10, shift: 0.06, logScale: 0.06, noise: 0.1 } as const;

/** The learning rates that are tried at every depth. */
export const DEPTH_TUNING: TuningGrid = {
  rates: [3.3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
  imitationRates: [1e-3, 3e-3, 1e-2],
  // of 30 %, a quarter, a half, and all
  sharesAfterwards: [0.075, 0.15, 0.3],
  seeds: [101, 102],
};

/** Peak rates at one depth. */
export interface DepthRates {
  readonly rates: Rates;
  /** Peak rate of imitation by gradient. */
  readonly imitation: number;
  /** Share of the steps that imitates; 30 % unless given. */
  readonly share?: number;
}

/** Rates of 4 layers, with skip connections and without. */
const SHALLOW: Rates = { default: 3e-2, wide: 1e-2, 'selected-kl': 1e-2, 'closed-form': 1e-2 };

/**
 * Each arm's rate at each depth (docs/notes/2026-11-26-depth-and-skip.md), and imitation's share of the steps
 * (docs/notes/2026-11-30-shares-of-imitation.md).
 */
const RATES: Readonly<Record<number, Readonly<Record<'plain' | 'skip', DepthRates>>>> = {
  4: {
    plain: { rates: SHALLOW, imitation: 3.3e-2, share: 0.15 },
    skip: { rates: SHALLOW, imitation: 3.3e-2, share: 0.15 },
  },
  8: {
    plain: {
      rates: { default: 1e-2, wide: 3e-3, imitation: 3e-2, 'closed-form': 3e-3 },
      imitation: 1e-2,
      share: 0.037,
    },
    skip: { rates: { default: 1e-2, wide: 3e-3, direct: 3e-2 }, imitation: 3.3e-2 },
  },
  16: {
    plain: {
      rates: { default: 1e-2, wide: 1e-3, 'selected-kl': 3e-3, 'closed-form': 3e-3 },
      imitation: 3.3e-2,
      share: 0.15,
    },
    skip: { rates: { default: 1e-2, wide: 3e-3, direct: 3e-2, kd: 3e-2 }, imitation: 3e-3, share: 0.075 },
  },
  32: {
    plain: { rates: { default: 3e-3, wide: 1e-3, 'selected-kl': 1e-3 }, imitation: 1e-2, share: 0.15 },
    skip: { rates: { default: 1e-2, wide: 3e-3 }, imitation: 1e-2, share: 0.15 },
  },
  64: {
    plain: {
      rates: { default: 1e-3, wide: 3.3e-4, kd: 3e-3, 'selected-kl': 3.3e-4, imitation: 3e-3 },
      imitation: 1e-2,
    },
    skip: { rates: { default: 1e-2, imitation: 3e-2 }, imitation: 3e-3 },
  },
};

/**
 * Ways of training in the order in which figures show them, each for nets of every depth with skip connections and
 * without.
 */
const TRAININGS: Readonly<Record<string, ArmFacts>> = {
  direct: { label: 'direct', learnsFrom: 'labels' },
  kd: { label: 'KD', learnsFrom: 'outputs' },
  'selected-kl': { label: 'selected + KL', learnsFrom: 'outputs' },
  imitation: { label: 'imitation by gradient, then KL', learnsFrom: 'layers' },
  'closed-form': { label: 'closed-form imitation, then KL', learnsFrom: 'layers' },
  wide: { label: 'wide net', learnsFrom: 'labels', reference: true },
};

function casesOf({ depths, skips }: Size): { readonly depth: number; readonly skip: boolean }[] {
  return depths.flatMap((depth) => skips.map((skip) => ({ depth, skip })));
}

function nameOf(layers: number, skip: boolean, training: string): string {
  return `${layers} ${skip ? 'skip' : 'plain'} ${training}`;
}

/** One arm with its factors: `layers`, `skip` and `training`. */
function armOfCase(layers: number, skip: boolean, training: string, spec: TrainSpec): readonly [string, Arm] {
  const factors = { layers, skip, training };
  const baseline = nameOf(layers, skip, 'selected-kl');
  return [nameOf(layers, skip, training), { spec, ...TRAININGS[training], factors, baseline }];
}

function netOf(layers: number, skip: boolean): MlpSpec {
  return { family: 'mlp', numLayers: layers, width: THIN, skip, activation: 'tanh', classes: 10, inputs: 196 };
}

function settingOf(size: Size, thin: MlpSpec, { rates, imitation }: DepthRates): Setting {
  const imitationSteps = Math.round(size.steps * 0.3);
  return {
    data: { set: 'digits', split: 2, train: size.train, augment: AUGMENT },
    thin,
    wide: {
      network: { ...thin, width: WIDE },
      recipe: adamw(size.wideSteps, BATCH, rateOf(rates, 'wide')),
    },
    recipe: (steps, peak) => adamw(steps, BATCH, peak),
    steps: size.steps,
    imitation: {
      by: 'gradient',
      unit: 'block',
      size: 2,
      order: 'joint',
      inputs: 'own',
      loss: 'relative-mse',
      maps: 'up',
      recipe: adamw(imitationSteps, BATCH, imitation, 0),
    },
    imitationSteps,
    rate: (arm) => rateOf(rates, arm),
  };
}

/** How long a wide net is trained, and at what peak rate. */
interface WideLength {
  readonly steps: number;
  readonly peak: number;
}

/**
 * Plain nets of scale laptop, the thin one trained for so many steps at these rates, the wide one that it learns from
 * for so long, and a deeper net of twice as many layers.
 */
export function plainOf(layers: number, steps: number, rates: DepthRates, wide: WideLength): Setting {
  const setting = settingOf({ ...SIZES.laptop!, steps }, netOf(layers, false), rates);
  const recipe = adamw(wide.steps, BATCH, wide.peak);
  return { ...setting, wide: { ...setting.wide, recipe }, deeper: netOf(2 * layers, false) };
}

function specsAt(size: Size, layers: number, skip: boolean): Record<string, TrainSpec> {
  const rates = RATES[layers]![skip ? 'skip' : 'plain'];
  const setting: Setting = { ...settingOf(size, netOf(layers, skip), rates), share: () => rates.share };
  return {
    wide: wideArm(setting),
    direct: armOf(setting, 'direct', {
      objective: { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 },
    }),
    kd: armOf(setting, 'kd', {}),
    'selected-kl': armOf(setting, 'selected-kl', { start: 'selected' }),
    imitation: armOf(setting, 'imitation', { imitation: setting.imitation }),
    'closed-form': armOf(setting, 'closed-form', {
      start: 'selected',
      imitation: { by: 'ridge', images: 600, ridge: 1e-3 },
    }),
  };
}

/** Ways of training that decide nothing at scale minutes: scale laptop has them. */
const NOT_IN_MINUTES = ['kd', 'closed-form'];

/** Plain and residual nets of several depths, each trained in six ways. */
export const depthSkip: Experiment = {
  name: 'depth-skip',
  group: 'resnet',
  title: 'Depth and skip connections: where imitation itself pays',
  kind: TRAIN_KIND,
  seeds: { minutes: 4, laptop: 10 },
  metric: TEST_ACCURACY,
  reproduced: true,
  tuning: DEPTH_TUNING,
  order: casesOf(SIZES.laptop!).flatMap(({ depth, skip }) =>
    Object.keys(TRAININGS).map((training) => nameOf(depth, skip, training)),
  ),
  arms: (scale) => {
    const size = SIZES[scale]!;
    return Object.fromEntries(
      casesOf(size).flatMap(({ depth, skip }) =>
        Object.entries(specsAt(size, depth, skip))
          .filter(([training]) => scale !== 'minutes' || !NOT_IN_MINUTES.includes(training))
          .map(([training, spec]) => armOfCase(depth, skip, training, spec)),
      ),
    );
  },
};

/**
 * The ways to a thin net that are compared at the same number of its steps: the three stages and their rivals, one
 * object each. What they have in common is the procedure of a training run (src/method).
 */
import { cloneObstacle } from '../method/imitation/clone.js';
import type { Procedure } from '../method/three-stage/pipeline.js';
import type { ObjectiveSpec } from '../method/spec/spec.js';
import type { Network } from '../nn/network.js';
import { evaluated, recipeOf, type BaseRecipe } from './recipes.js';

/** Peak rates of an arm: of its training, and of imitation where it imitates by gradient. */
export interface Rates {
  readonly training: number;
  readonly imitation?: number;
}

/** What an arm's procedure depends on. */
export interface ArmSetting {
  readonly wide: Network;
  readonly thin: Network;
  /** Training steps of the thin net, those of imitation among them. */
  readonly steps: number;
  readonly batch: number;
  readonly base: BaseRecipe;
  /** Training examples, without their labels, by which layers are fitted in closed form, at most; 600 by default. */
  readonly samples?: number | undefined;
  /** Examples that there are for training and for validation. */
  readonly examples: { readonly train: number; readonly validation: number };
}

/** A way to a thin net. */
export interface Arm {
  /** What it does, in one line. */
  readonly title: string;
  /** Whether it has a rate of imitation to be chosen, too. */
  readonly imitates: boolean;
  /** Why it cannot be used for a pair of networks; undefined where it can. */
  readonly obstacle?: (setting: ArmSetting) => string | undefined;
  /** Whether it depends on how many unlabelled examples layers are fitted by. */
  readonly usesSamples?: true;
  /** Whether the thin net begins with random values, and there is no map between it and the wide one. */
  readonly startsFresh?: true;
  /** How the thin net is trained. */
  readonly procedure: (setting: ArmSetting, rates: Rates) => Procedure;
}

/** Share of the steps that imitation gets. */
const IMITATION_SHARE = 0.3;
/** Share of the steps in which the thin net is a Low-Rank Clone. */
const CLONE_SHARE = 0.5;
/** Training examples by which layers are fitted in closed form where nothing else is said. */
const RIDGE_EXAMPLES = 600;

/** The objective of no loss at all, to which an arm adds its own. */
export const OBJECTIVE: ObjectiveSpec = { labels: 0, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };

/** The start that keeps most of the wide net: its own channels, or their principal components in a stream. */
function startOf({ thin, wide }: ArmSetting): Procedure['start'] {
  if (thin.axes === undefined || wide.axes === undefined) return 'shared';
  return thin.stream !== undefined && !sameWidths(thin, wide) ? 'projected' : 'selected';
}

function sameWidths(thin: Network, wide: Network): boolean {
  return thin.boundaries.stage.every((tap) => thin.width(tap) === wide.width(tap));
}

function training(
  setting: ArmSetting,
  steps: number,
  rate: number,
  objective: Partial<ObjectiveSpec>,
): Procedure['training'] {
  const recipe = evaluated(recipeOf(setting.base, setting.batch, steps, rate), setting.examples.validation);
  return { ...recipe, objective: { ...OBJECTIVE, ...objective } };
}

/** The three stages, or their rivals, by name. To add one: an object here. */
export const ARMS = {
  'three-stage': {
    title: 'three stages: the wide net’s channels, imitation layer by layer, then the KL divergence to the wide net',
    imitates: true,
    procedure: (setting, { training: rate, imitation = setting.base.rates.imitation }) => {
      const { thin, wide, steps } = setting;
      const imitated = Math.max(1, Math.round(IMITATION_SHARE * steps));
      const isStream = startOf(setting) === 'projected' && thin.scales !== undefined;
      const maps = sameWidths(thin, wide) ? 'none' : isStream ? 'stream' : 'up';
      return {
        start: startOf(setting),
        imitation: {
          ...{ by: 'gradient', unit: 'stage', size: 1, order: 'joint', inputs: 'own', loss: 'relative-mse', maps },
          recipe: recipeOf(setting.base, setting.batch, imitated, imitation),
        },
        training: training(setting, Math.max(1, steps - imitated), rate, { teacher: 1 }),
      };
    },
  },
  'selected-kl': {
    title: 'the wide net’s channels, then the KL divergence to the wide net, without imitation',
    imitates: false,
    procedure: (setting, rates) => ({
      start: startOf(setting),
      imitation: null,
      training: training(setting, setting.steps, rates.training, { teacher: 1 }),
    }),
  },
  'low-rank-clone': {
    title:
      'matrices are trained projections of the wide net’s while what its layers give is imitated (Low-Rank Clone), ' +
      'folded, then the KL divergence to the wide net',
    imitates: true,
    obstacle: ({ thin, wide }) => cloneObstacle(thin, wide),
    procedure: (setting, { training: rate, imitation = setting.base.rates.imitation }) => {
      const cloned = Math.max(1, Math.round(CLONE_SHARE * setting.steps));
      return {
        start: 'projected',
        imitation: { by: 'clone', recipe: recipeOf(setting.base, setting.batch, cloned, imitation) },
        training: training(setting, Math.max(1, setting.steps - cloned), rate, { teacher: 1 }),
      };
    },
  },
  'closed-form': {
    title: 'the wide net’s channels, every layer fitted by ridge regression, then the KL divergence to the wide net',
    imitates: false,
    usesSamples: true,
    obstacle: ({ thin, wide }) =>
      thin.axes === undefined || wide.axes === undefined
        ? 'the network does not name the channels of its axes'
        : thin.stream !== undefined && thin.scales === undefined && !sameWidths(thin, wide)
          ? 'norms stand in front of its layers, and skip connections past them'
          : undefined,
    procedure: (setting, rates) => ({
      start: startOf(setting),
      imitation: {
        by: 'ridge',
        images: Math.min(setting.samples ?? RIDGE_EXAMPLES, setting.examples.train),
        ridge: 1e-3,
      },
      training: training(setting, setting.steps, rates.training, { teacher: 1 }),
    }),
  },
  kd: {
    title: 'from random values, by the labels and by the wide net’s outputs (knowledge distillation)',
    imitates: false,
    startsFresh: true,
    procedure: (setting, rates) => ({
      start: 'random',
      imitation: null,
      training: training(setting, setting.steps, rates.training, { labels: 0.5, teacher: 0.5 }),
    }),
  },
  direct: {
    title: 'from random values, by the labels alone',
    imitates: false,
    startsFresh: true,
    procedure: (setting, rates) => ({
      start: 'random',
      imitation: null,
      training: training(setting, setting.steps, rates.training, { labels: 1 }),
    }),
  },
} as const satisfies Record<string, Arm>;
/** Name of an arm. */
export type ArmName = keyof typeof ARMS;

/** The arm that is the method itself: the others are its rivals. */
export const METHOD: ArmName = 'three-stage';

/** Arms among which `thin` chooses where no comparison is asked for: the method, and what it must be better than. */
export const OWN_ARMS: readonly ArmName[] = [METHOD, 'selected-kl'];

/** How many settings of its rates an arm can be tried with. */
export const TRIES = [1, 3, 6] as const;
/** One of {@link TRIES}. */
export type Tries = (typeof TRIES)[number];

/** Factors on the middle rate, for as many tries as an arm gets. */
const FACTORS: Readonly<Record<number, readonly number[]>> = {
  1: [1],
  2: [1, 3],
  3: [1 / 3, 1, 3],
  6: [0.1, 0.25, 0.6, 1.5, 4, 10],
};

/** `tries` rates for an arm, around the recipe's: 1, 3 or 6, the same number for arms with one rate and with two. */
export function ratesOf(arm: Pick<Arm, 'imitates'>, { thin, imitation }: BaseRecipe['rates'], tries: Tries): Rates[] {
  const rounded = (rate: number): number => Number(rate.toPrecision(2));
  if (!arm.imitates) return FACTORS[tries]!.map((factor) => ({ training: rounded(thin * factor) }));
  const others = tries === 6 ? FACTORS[2]! : FACTORS[1]!;
  return FACTORS[tries === 6 ? 3 : tries]!.flatMap((factor) =>
    others.map((other) => ({ training: rounded(thin * factor), imitation: rounded(imitation * other) })),
  );
}

/**
 * The three stages and their rivals for one thin net, as specs. All thin arms have the same number of steps of the thin
 * net, imitation included, and see the same batches; `long` has the floating-point operations of the whole pipeline
 * instead, the wide net's training included.
 */
import type { Arm, ArmFacts } from '../src/core/experiment.js';
import { costOf } from '../src/method/cost/cost.js';
import type {
  GradientImitation,
  ImitationSpec,
  ObjectiveSpec,
  RecipeSpec,
  TeacherSpec,
  TrainSpec,
} from '../src/method/spec/spec.js';
import type { NetworkSpec } from '../src/models/index.js';
import { atShare } from '../src/method/run/tuning.js';
import { atSteps } from '../src/method/spec/recipe-steps.js';

/** What the arms of one comparison have in common. */
export interface Setting {
  readonly data: TrainSpec['data'];
  readonly thin: NetworkSpec;
  /** The deeper net of the claim; its arm is left out without one. */
  readonly deeper?: NetworkSpec;
  readonly wide: {
    readonly network: NetworkSpec;
    /** The file that its training begins with, where it does not begin with fresh values. */
    readonly pretrained?: { readonly network: NetworkSpec; readonly weights: string };
    readonly recipe: RecipeSpec;
    readonly align?: 'name' | 'depth';
  };
  /** Fine-tuning, or direct training, of `steps` at the given peak rate. */
  readonly recipe: (steps: number, peak: number) => RecipeSpec;
  /**
   * Direct training of `steps` in batches `larger` times as large as {@link recipe} has. Unless given it is that recipe
   * at the peak rate of the arm `long`.
   */
  readonly long?: (steps: number, larger: number) => RecipeSpec;
  /** Steps of the thin net in every arm. */
  readonly steps: number;
  readonly imitation: GradientImitation;
  /** Steps that imitation takes in all; they are a part of `steps`. */
  readonly imitationSteps: number;
  /** Peak rate of an arm. */
  readonly rate: (arm: string) => number;
  /** Share of an arm's steps that imitation takes instead; undefined for one that keeps its {@link imitationSteps}. */
  readonly share?: (arm: string) => number | undefined;
}

/**
 * What figures call the arms that several experiments have, and what each learns from, in the order in which they are
 * shown.
 */
const SHARED_ARMS: Readonly<Record<string, ArmFacts>> = {
  wide: { label: 'wide net', learnsFrom: 'labels', reference: true },
  direct: { label: 'thin, direct', learnsFrom: 'labels' },
  deeper: { label: 'deeper net, direct', learnsFrom: 'labels' },
  long: { label: 'thin, direct, at the pipeline’s total cost', learnsFrom: 'labels' },
  'selected-direct': { label: 'thin, selected channels, direct', learnsFrom: 'labels' },
  fresh: { label: 'thin, without pre-training', learnsFrom: 'labels' },
  kd: { label: 'thin, distillation (KD)', learnsFrom: 'outputs' },
  'no-imitation': { label: 'thin, the wide net’s shared parts + KL', learnsFrom: 'outputs' },
  'selected-kl': { label: 'thin, selected channels + KL', learnsFrom: 'outputs' },
  'ends-kd': { label: 'thin, projected embeddings and head + KD', learnsFrom: 'outputs' },
  'projected-kd': { label: 'thin, all projected + KD', learnsFrom: 'outputs' },
  hints: { label: 'thin, hints at inner layers + KL', learnsFrom: 'layers' },
  'all-at-once': { label: 'thin, all imitation losses at once, then KL', learnsFrom: 'layers' },
  'three-stage': { label: 'thin, three stages', learnsFrom: 'layers' },
  'three-stage-labels': { label: 'thin, three stages, labels in fine-tuning, too', learnsFrom: 'layers' },
  'three-stage-no-labels': { label: 'thin, three stages, no labels in fine-tuning', learnsFrom: 'layers' },
  'selected-three-stage': { label: 'thin, selected channels, three stages', learnsFrom: 'layers' },
  'projected-three-stage': { label: 'thin, all projected, three stages', learnsFrom: 'layers' },
  'low-rank-clone': { label: 'thin, Low-Rank Clone + KD', learnsFrom: 'layers' },
};

/** The order in which figures show those of them that an experiment has. */
export const SHARED_ORDER: readonly string[] = Object.keys(SHARED_ARMS);

/** Arms of several experiments with the facts about them. Throws RangeError on a name that has none. */
export function sharedArms(specs: Readonly<Record<string, TrainSpec>>): Record<string, Arm> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const facts = SHARED_ARMS[name];
      if (facts === undefined) throw new RangeError(`experiments: arm "${name}" has no facts in SHARED_ARMS`);
      return [name, { spec, ...facts }];
    }),
  );
}

/**
 * Peak learning rates by arm; `default` holds for arms that are not named. Each was chosen on the validation split from
 * the grid of the experiment; a note in docs/notes has the accuracies.
 */
export type Rates = Readonly<Record<string, number>> & { readonly default: number };

/** The peak learning rate of an arm. */
export function rateOf(rates: Rates, arm: string): number {
  return rates[arm] ?? rates.default;
}

/** Training with the labels alone. */
export const LABELS: ObjectiveSpec = { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };
/** Training with the wide net's outputs alone. */
export const TEACHER: ObjectiveSpec = { ...LABELS, labels: 0, teacher: 1 };
/** Training with labels and the wide net's outputs alike. */
export const BOTH: ObjectiveSpec = { ...LABELS, teacher: 1 };

/** Imitation by gradient of all groups at once: each step serves every one of them. */
export function joint(imitation: GradientImitation, steps: number): GradientImitation {
  return { ...imitation, order: 'joint', recipe: atSteps(imitation.recipe, steps) };
}

/** How many times larger the batches of training at the whole pipeline's cost are, instead of many more steps. */
export const LONG_BATCH = 16;

/**
 * The thin net trained directly, with the floating-point operations of the whole pipeline; `larger` times the batch, as
 * many times fewer steps.
 */
export function longArm(setting: Setting, threeStage: TrainSpec, larger: number): TrainSpec {
  const direct = armOf(setting, 'direct', { objective: LABELS });
  const { flops, teacherFlops } = costOf(threeStage);
  const steps = Math.round((direct.training.steps * (flops + teacherFlops)) / costOf(direct).flops / larger);
  const long = armOf(setting, 'long', { objective: LABELS, steps });
  const recipe = setting.long?.(steps, larger) ?? { ...long.training, batch: larger * long.training.batch };
  return { ...long, training: { ...recipe, objective: LABELS } };
}

interface Parts {
  readonly start?: TrainSpec['start'];
  readonly imitation?: ImitationSpec | null;
  readonly objective?: ObjectiveSpec;
  readonly network?: NetworkSpec;
  readonly steps?: number;
}

/** The spec of one arm. */
export function armOf(
  setting: Setting,
  name: string,
  { start = 'random', imitation = null, objective = TEACHER, network = setting.thin, steps }: Parts,
): TrainSpec {
  const used = imitation !== null && 'recipe' in imitation ? setting.imitationSteps : 0;
  const needsTeacher = objective.teacher + objective.hints > 0 || imitation !== null || start !== 'random';
  const teacher: TeacherSpec = { ...setting.wide, objective: LABELS };
  const spec: TrainSpec = {
    data: setting.data,
    network,
    teacher: needsTeacher ? teacher : null,
    start,
    imitation,
    training: { ...setting.recipe(steps ?? setting.steps - used, setting.rate(name)), objective },
  };
  return atShare(spec, setting.share?.(name));
}

/** The spec of the wide net's own training. */
export function wideArm({ data, wide }: Setting): TrainSpec {
  return {
    data,
    network: wide.network,
    ...(wide.pretrained !== undefined && { pretrained: wide.pretrained }),
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...wide.recipe, objective: LABELS },
  };
}

/** The specs of all arms of a comparison, by name. */
export function comparison(setting: Setting): Record<string, TrainSpec> {
  const { imitation, imitationSteps, deeper } = setting;
  const threeStage = armOf(setting, 'three-stage', { start: 'shared', imitation });
  const direct = armOf(setting, 'direct', { objective: LABELS });
  return {
    wide: wideArm(setting),
    direct,
    kd: armOf(setting, 'kd', {}),
    hints: armOf(setting, 'hints', { objective: { ...TEACHER, hints: 1 } }),
    'all-at-once': armOf(setting, 'all-at-once', { imitation: joint(imitation, imitationSteps) }),
    'selected-direct': armOf(setting, 'selected-direct', { start: 'selected', objective: LABELS }),
    'selected-kl': armOf(setting, 'selected-kl', { start: 'selected' }),
    'no-imitation': armOf(setting, 'no-imitation', { start: 'shared' }),
    'three-stage': threeStage,
    'selected-three-stage': armOf(setting, 'selected-three-stage', { start: 'selected', imitation }),
    ...(deeper !== undefined && { deeper: armOf(setting, 'deeper', { objective: LABELS, network: deeper }) }),
    long: longArm(setting, threeStage, LONG_BATCH),
  };
}

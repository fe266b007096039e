/**
 * The three stages and their rivals for one thin net, as specs. All thin arms have the same number of steps of the thin
 * net, imitation included, and see the same batches; `long` has the floating-point operations of the whole pipeline
 * instead, the wide net's training included.
 */
import { costOf } from '../src/method/cost.js';
import type {
  GradientImitation,
  ObjectiveSpec,
  RecipeSpec,
  RidgeImitation,
  TeacherSpec,
  TrainSpec,
} from '../src/method/spec.js';
import type { NetworkSpec } from '../src/models/index.js';

export interface Setting {
  readonly data: TrainSpec['data'];
  readonly thin: NetworkSpec;
  /** The deeper net of the claim; its arm is left out without one. */
  readonly deeper?: NetworkSpec;
  readonly wide: { readonly model: NetworkSpec; readonly recipe: RecipeSpec; readonly align?: 'name' | 'depth' };
  /** Fine-tuning, or direct training, of `steps` at the given peak rate. */
  readonly recipe: (steps: number, peak: number) => RecipeSpec;
  /** Steps of the thin net in every arm. */
  readonly steps: number;
  readonly imitation: GradientImitation;
  /** Steps that imitation takes in all; they are a part of `steps`. */
  readonly imitationSteps: number;
  /** Peak rate of an arm. */
  readonly rate: (arm: string) => number;
}

export const LABELS: ObjectiveSpec = { labels: 1, teacher: 0, hints: 0, temperature: 1, labelSmoothing: 0 };
const TEACHER: ObjectiveSpec = { ...LABELS, labels: 0, teacher: 1 };

/** The same gradient imitation in all groups at once, each step serving all of them. */
export function joint(imitation: GradientImitation, steps: number): GradientImitation {
  const { schedule } = imitation.recipe;
  const warmup = Math.round((schedule.warmup * steps) / imitation.recipe.steps);
  return { ...imitation, order: 'joint', recipe: { ...imitation.recipe, steps, schedule: { ...schedule, warmup } } };
}

/** Training at the whole pipeline's cost takes larger batches instead of many more steps. */
const LONG_BATCH = 16;

/**
 * The thin net trained directly, with the floating-point operations of the whole pipeline; `larger` times the batch, as
 * many times fewer steps.
 */
export function longArm(setting: Setting, threeStage: TrainSpec, larger: number): TrainSpec {
  const direct = armOf(setting, 'direct', { objective: LABELS });
  const { flops, teacherFlops } = costOf(threeStage);
  const steps = Math.round((direct.training.steps * (flops + teacherFlops)) / costOf(direct).flops / larger);
  const long = armOf(setting, 'long', { objective: LABELS, steps });
  return { ...long, training: { ...long.training, batch: larger * long.training.batch } };
}

interface Parts {
  readonly start?: TrainSpec['start'];
  readonly imitation?: GradientImitation | RidgeImitation | null;
  readonly objective?: ObjectiveSpec;
  readonly model?: NetworkSpec;
  readonly steps?: number;
}

/** One arm. */
export function armOf(
  setting: Setting,
  name: string,
  { start = 'random', imitation = null, objective = TEACHER, model = setting.thin, steps }: Parts,
): TrainSpec {
  const used = imitation?.by === 'gradient' ? setting.imitationSteps : 0;
  const needsTeacher = objective.teacher + objective.hints > 0 || imitation !== null || start !== 'random';
  const teacher: TeacherSpec = { ...setting.wide, objective: LABELS };
  return {
    data: setting.data,
    model,
    teacher: needsTeacher ? teacher : null,
    start,
    imitation,
    training: { ...setting.recipe(steps ?? setting.steps - used, setting.rate(name)), objective },
  };
}

export function wideArm({ data, wide }: Setting): TrainSpec {
  return {
    data,
    model: wide.model,
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...wide.recipe, objective: LABELS },
  };
}

/** Every arm of a comparison, by name. */
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
    ...(deeper !== undefined && { deeper: armOf(setting, 'deeper', { objective: LABELS, model: deeper }) }),
    long: longArm(setting, threeStage, LONG_BATCH),
  };
}

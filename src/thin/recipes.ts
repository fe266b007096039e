/** How networks are trained by `gowide thin` where nothing else is said: one recipe for each optimizer. */
import { UsageError } from '../core/errors.js';
import { MOST_STEPS } from '../core/range.js';
import type { RecipeSpec } from '../method/spec/spec.js';
import type { Thinning } from '../models/interface/family.js';

/** What stays the same in all runs of one kind of network. */
export interface BaseRecipe {
  readonly epochs: number;
  readonly batch: number;
  /** Peak rates around which the grids lie: of the wide net, of the thin net, of imitation. */
  readonly rates: { readonly wide: number; readonly thin: number; readonly imitation: number };
  readonly optimizer: RecipeSpec['optimizer'];
  readonly schedule: 'cosine' | 'linear';
  readonly clip: number;
}

/** Recipes by the name that a family gives in `thinning.recipe`. */
export const RECIPES: Readonly<Record<Thinning<unknown>['recipe'], BaseRecipe>> = {
  sgd: {
    epochs: 30,
    batch: 64,
    rates: { wide: 0.03, thin: 0.1, imitation: 0.3 },
    optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    schedule: 'cosine',
    clip: 5,
  },
  adamw: {
    epochs: 3,
    batch: 32,
    rates: { wide: 1e-4, thin: 3e-4, imitation: 1e-3 },
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
    schedule: 'linear',
    clip: 1,
  },
};

/** Evaluations on the validation split in one run, at most. */
const EVALUATIONS = 10;
/** What they may cost beside the training steps, at most. */
const EVALUATION_SHARE = 0.2;

/**
 * Examples of a step: as many as the user asks for, else those of the recipe, or all where there are fewer. Throws
 * UsageError where more are asked for than there are.
 */
export function batchOf(asked: number | undefined, base: BaseRecipe, examples: number): number {
  if (asked !== undefined && asked > examples)
    throw new UsageError(`--batch ${asked}: there are ${examples} training examples; expected at most as many`);
  return Math.min(asked ?? base.batch, examples);
}

/** Passes over data, the option that says them, and what a pass is. */
interface Passes {
  readonly option: string;
  readonly epochs: number;
  readonly examples: number;
  readonly batch: number;
}

/** Steps of so many passes, at least `least`. Throws UsageError, naming the option, where no run has so many. */
export function stepsFor({ option, epochs, examples, batch }: Passes, least = 1): number {
  const steps = Math.max(least, Math.round((epochs * examples) / batch));
  if (steps <= MOST_STEPS) return steps;
  const most = Math.floor((MOST_STEPS * batch) / examples);
  throw new UsageError(
    `${option} ${epochs}: more than ${MOST_STEPS} steps, as there are ${examples} training examples, ${batch} of them ` +
      `in a step; expected at most ${most}`,
  );
}

/** The recipe of `steps` steps at a peak rate. */
export function recipeOf(base: BaseRecipe, batch: number, steps: number, peak: number): RecipeSpec {
  const warmup = Math.floor(steps / 10);
  return {
    steps,
    batch,
    schedule: { kind: base.schedule, peak, warmup },
    optimizer: base.optimizer,
    clip: base.clip,
  };
}

/**
 * The recipe with evaluations of `examples` examples on the way, so that it ends with the best weights that it had. A
 * training example costs three forward passes.
 */
export function evaluated(recipe: RecipeSpec, examples: number): RecipeSpec {
  const affordable = Math.floor((EVALUATION_SHARE * 3 * recipe.steps * recipe.batch) / examples);
  return { ...recipe, evaluations: Math.max(1, Math.min(EVALUATIONS, affordable, recipe.steps)) };
}

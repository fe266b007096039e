/** Recipes of training: whether their numbers fit each other and the data, and the same for other numbers of steps. */
import { plural, UsageError } from '../../core/errors.js';

/**
 * Throws UsageError where a recipe, `path` in its declaration, says what its steps are too few for: a warm-up that does
 * not end, a drop of the rate that does not come, or more evaluations than there are steps; where drops are not in
 * their order; and where there are none, or they change nothing.
 */
export function checkSteps(path: string, { steps, schedule, evaluations = 0 }: RecipeSteps): void {
  if (schedule.warmup > steps)
    throw new UsageError(
      `${path}.schedule.warmup: ${schedule.warmup} steps, and steps is ${steps}; expected at most as many; ` +
        'give fewer (0: no warm-up) or train for longer',
    );
  const { drops = [], factor } = schedule;
  if (factor === 1)
    throw new UsageError(
      `${path}.schedule.factor: 1, by which a drop of the rate changes nothing; expected less than 1; ` +
        'give a smaller one, or the kind "constant"',
    );
  if (schedule.drops?.length === 0)
    throw new UsageError(
      `${path}.schedule.drops: none, so that the rate stays as it is; expected a step at least; ` +
        'give one, or the kind "constant"',
    );
  const late = drops.find((drop) => drop >= steps);
  if (late !== undefined)
    throw new UsageError(
      `${path}.schedule.drops: one after ${late} steps, and steps is ${steps}; expected each below it; ` +
        'give earlier ones or train for longer',
    );
  const wrong = drops.findIndex((drop, i) => i > 0 && drop <= drops[i - 1]!);
  if (wrong >= 0)
    throw new UsageError(
      `${path}.schedule.drops: ${drops[wrong]} after ${drops[wrong - 1]}; expected each step once, in ascending order`,
    );
  if (evaluations > steps)
    throw new UsageError(
      `${path}.evaluations: ${evaluations}, and steps is ${steps}; expected at most as many; ` +
        'give fewer or train for longer',
    );
}

/** Throws UsageError where a batch would have more examples than there are, and so some of them twice. */
export function checkBatch(path: string, { batch }: { readonly batch: number }, examples: number): void {
  if (batch > examples)
    throw new UsageError(
      `${path}.batch: ${batch}, and the data have ${plural(examples, 'training example')}; expected ` +
        'at most as many; give a smaller one or more data',
    );
}

/** What {@link checkSteps} reads of a recipe, and {@link atSteps} changes. */
export interface RecipeSteps {
  readonly steps: number;
  readonly schedule: {
    readonly peak: number;
    readonly warmup: number;
    readonly drops?: readonly number[];
    readonly factor?: number;
  };
  readonly evaluations?: number | undefined;
}

/**
 * A recipe of so many steps, its warm-up and the drops of its rate at the same shares of them, no drop at step 0 and
 * none twice, and no more evaluations than steps.
 */
export function atSteps<T extends RecipeSteps>(recipe: T, steps: number): T {
  const { schedule, evaluations } = recipe;
  const { warmup, drops } = schedule;
  const scaled = (step: number): number => Math.round((step * steps) / recipe.steps);
  return {
    ...recipe,
    steps,
    schedule: {
      ...schedule,
      warmup: scaled(warmup),
      ...(drops !== undefined && { drops: [...new Set(drops.map((drop) => Math.max(1, scaled(drop))))] }),
    },
    ...(evaluations !== undefined && { evaluations: Math.min(evaluations, steps) }),
  };
}

/** A recipe for a share of its steps, one at least. */
export function shortened<T extends RecipeSteps>(recipe: T, share: number): T {
  return share === 1 ? recipe : atSteps(recipe, Math.max(1, Math.round(share * recipe.steps)));
}

/** Recipes of training: whether their numbers fit each other and the data, and the same for other numbers of steps. */
import { UsageError } from '../../core/errors.js';

/**
 * Throws UsageError where a recipe, `path` in its declaration, is still warming up when it ends: it would never come to
 * the peak rate that it declares.
 */
export function checkWarmup(path: string, { steps, schedule }: RecipeSteps): void {
  if (schedule.warmup > steps)
    throw new UsageError(
      `${path}.schedule.warmup: ${schedule.warmup} steps, and steps is ${steps}; expected at most as many; ` +
        'give fewer (0: no warm-up) or train for longer',
    );
}

/** Throws UsageError where a batch would have more examples than there are, and so some of them twice. */
export function checkBatch(path: string, { batch }: { readonly batch: number }, examples: number): void {
  if (batch > examples)
    throw new UsageError(
      `${path}.batch: ${batch}, and the data have ${examples} training example${examples === 1 ? '' : 's'}; expected ` +
        'at most as many; give a smaller one or more data',
    );
}

/** What {@link atSteps} reads and changes of a recipe. */
export interface RecipeSteps {
  readonly steps: number;
  readonly schedule: { readonly peak: number; readonly warmup: number; readonly drops?: readonly number[] };
}

/** A recipe of so many steps, its warm-up and the drops of its rate at the same shares of them, no drop at step 0. */
export function atSteps<T extends RecipeSteps>(recipe: T, steps: number): T {
  const { warmup, drops } = recipe.schedule;
  const scaled = (step: number): number => Math.round((step * steps) / recipe.steps);
  return {
    ...recipe,
    steps,
    schedule: {
      ...recipe.schedule,
      warmup: scaled(warmup),
      ...(drops !== undefined && { drops: drops.map((drop) => Math.max(1, scaled(drop))) }),
    },
  };
}

/** A recipe for a share of its steps, one at least. */
export function shortened<T extends RecipeSteps>(recipe: T, share: number): T {
  return share === 1 ? recipe : atSteps(recipe, Math.max(1, Math.round(share * recipe.steps)));
}

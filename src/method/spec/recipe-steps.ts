/** Recipes of training for other numbers of steps. */

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

/** Durations in passes over the training data: where a declaration gives them so, they become steps. */
import { UsageError } from '../../core/errors.js';
import type { Json } from '../../core/json.js';
import { parseSpec } from '../../core/spec.js';
import { DataSpec, openData } from '../../data/index.js';

/** An object as JSON has it. */
export type JsonObject = { [key: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** Recipes of a training declaration that say `epochs`, by the path of their key. */
function recipesOf({ training, imitation, teacher }: JsonObject): (readonly [path: string, recipe: JsonObject])[] {
  const inside = (holder: Json | undefined): Json | undefined => (isObject(holder) ? holder.recipe : undefined);
  const all = { training, 'imitation.recipe': inside(imitation), 'teacher.recipe': inside(teacher) };
  return Object.entries(all).flatMap(([path, recipe]) =>
    isObject(recipe) && 'epochs' in recipe ? [[path, recipe] as const] : [],
  );
}

/**
 * A declaration of a training run in which a recipe's `epochs` are as many `steps`: passes over the training data in
 * batches of `batch`, rounded. Opens the data to count them where there are such. Throws UsageError where both are
 * given, or a number is none.
 */
export async function inSteps(declaration: JsonObject): Promise<JsonObject> {
  const spec = structuredClone(declaration);
  const recipes = recipesOf(spec);
  if (recipes.length === 0) return spec;
  for (const [path, { epochs, steps, batch }] of recipes) {
    const bad = (what: string): UsageError => new UsageError(`invalid training spec: ${path}.${what}`);
    if (steps !== undefined) throw bad('epochs: steps are given, too; expected one of them');
    if (typeof epochs !== 'number' || !(epochs > 0))
      throw bad(`epochs: expected a number above 0, got ${JSON.stringify(epochs)}`);
    if (typeof batch !== 'number' || !(batch >= 1))
      throw bad(
        `batch: ${batch === undefined ? 'missing; ' : ''}expected a whole number of at least 1${batch === undefined ? '' : `, got ${JSON.stringify(batch)}`}`,
      );
  }
  const { train } = await openData(parseSpec(DataSpec, 'data', spec.data));
  for (const [, recipe] of recipes) {
    const { epochs, batch } = recipe as { epochs: number; batch: number };
    delete recipe.epochs;
    recipe.steps = Math.max(1, Math.round((epochs * train.count) / batch));
  }
  return spec;
}

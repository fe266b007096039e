/** What a declaration says, and nothing of a run would hear of: parts of a loss or of a stage that there is not. */
import { plural, UsageError } from '../../core/errors.js';
import type { HintsSpec, ImitationSpec, ObjectiveSpec, RecipeSpec, TrainSpec } from './spec.js';

/** Throws UsageError where an objective, `path` in its declaration, says how a part of it is made without a weight. */
export function checkObjective(path: string, { labels, teacher, temperature, labelSmoothing }: ObjectiveSpec): void {
  if (temperature !== 1 && teacher === 0)
    throw new UsageError(
      `${path}.temperature: ${temperature}, and teacher beside it is 0; expected a weight of the divergence that it ` +
        'softens; give teacher, or leave temperature out',
    );
  if (labelSmoothing > 0 && labels === 0)
    throw new UsageError(
      `${path}.labelSmoothing: ${labelSmoothing}, and labels beside it is 0; expected a weight of the labels that it ` +
        'smooths; give labels, or leave labelSmoothing out',
    );
}

/**
 * Throws UsageError where a second stage asks for evaluations, which the last stage alone has, or for more images than
 * there are.
 */
export function checkImitation(path: string, imitation: ImitationSpec | null, examples: number | undefined): void {
  if (imitation === null) return;
  if (imitation.by === 'ridge') {
    if (examples !== undefined && imitation.images > examples)
      throw new UsageError(
        `${path}.images: ${imitation.images}, and the data have ${plural(examples, 'training example')}; expected ` +
          'at most as many; give fewer or more data',
      );
    return;
  }
  const { evaluations }: RecipeSpec = imitation.recipe;
  if (evaluations !== undefined)
    throw new UsageError(
      `${path}.recipe.evaluations: ${evaluations}, and imitation is not evaluated on the way; expected none; ` +
        'leave it out, or give them to the training after it',
    );
}

/** How a network is divided, in words. */
function divided({ unit, size }: Pick<HintsSpec, 'unit' | 'size'>): string {
  return `unit "${unit}" and size ${size}`;
}

/**
 * Throws UsageError where `hints`, `path` being their training’s, are declared for a loss without them, or divide the
 * network otherwise than imitation does, whose division then holds. Without a weight they still say where discrepancies
 * are recorded, as long as there is a wide net and no division of imitation’s.
 */
export function checkHints(
  path: string,
  { hints, objective }: TrainSpec['training'],
  imitation: ImitationSpec | null,
  hasWide: boolean,
): void {
  if (hints === undefined) return;
  const groups = imitation?.by === 'gradient' ? imitation : undefined;
  if (objective.hints === 0 && (hints.loss !== undefined || !hasWide || groups !== undefined))
    throw new UsageError(
      `${path}.hints: given, and objective.hints beside them is 0; expected a weight of the loss that they describe; ` +
        'give objective.hints, or leave hints out',
    );
  if (groups !== undefined && divided(hints) !== divided(groups))
    throw new UsageError(
      `${path}.hints: ${divided(hints)}, and imitation has ${divided(groups)}, by which both are compared; expected ` +
        'the same; give hints those of imitation',
    );
}

/** What a declaration says, and nothing of a run would hear of: parts of a loss or of a stage that there is not. */
import { UsageError } from '../../core/errors.js';
import type { Division } from '../maps/groups.js';
import type { ObjectiveSpec, TrainSpec } from './spec.js';

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

/** How a network is divided, in words. */
function divided({ unit, size }: Division): string {
  return `unit "${unit}" and size ${size}`;
}

/**
 * Throws UsageError where `hints`, `path` being their training’s, are declared for a loss without them, or divide the
 * network otherwise than imitation does, whose division `imitated` then holds. Without a weight they still say where
 * discrepancies are recorded, as long as there is a wide net and no division of imitation’s.
 */
export function checkHints(
  path: string,
  { hints, objective }: TrainSpec['training'],
  imitated: Division | undefined,
  hasWide: boolean,
): void {
  if (hints === undefined) return;
  if (objective.hints === 0 && (hints.loss !== undefined || !hasWide || imitated !== undefined))
    throw new UsageError(
      `${path}.hints: given, and objective.hints beside them is 0; expected a weight of the loss that they describe; ` +
        'give objective.hints, or leave hints out',
    );
  if (imitated !== undefined && divided(hints) !== divided(imitated))
    throw new UsageError(
      `${path}.hints: ${divided(hints)}, and imitation has ${divided(imitated)}, by which both are compared; expected ` +
        'the same; give hints those of imitation',
    );
}

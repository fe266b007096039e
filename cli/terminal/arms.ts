/** Which arms `--arm` chooses: the same in every command that has it. */
import type { Experiment, Scale } from '../../src/core/experiment.js';
import { messageOf, unknownName, UsageError } from '../../src/core/errors.js';

/** What `--arm` takes, for help texts. */
export const ARM_PATTERN = 'an arm, a regular expression for some, or all';

/**
 * The arms that a pattern chooses, in their order: `all`; the arm of that name; or those that a regular expression
 * matches. Throws UsageError when there is none.
 */
export function chosenArms(arms: readonly string[], pattern: string): string[] {
  const found = matching(arms, pattern);
  if (found.length === 0) throw unknownName('arm', pattern, ['all', ...arms]);
  return found;
}

/**
 * The arms of an experiment at a scale that a pattern chooses. Throws UsageError when there is none, with the scales
 * that have one.
 */
export function armsAtScale(experiment: Experiment, scale: Scale, pattern: string): string[] {
  const arms = Object.keys(experiment.arms(scale));
  const found = matching(arms, pattern);
  if (found.length > 0) return found;
  const others = (Object.keys(experiment.seeds) as Scale[]).filter(
    (other) => matching(Object.keys(experiment.arms(other)), pattern).length > 0,
  );
  if (others.length === 0) throw unknownName('arm', pattern, ['all', ...arms]);
  throw new UsageError(`arm "${pattern}" is not declared at scale "${scale}"; declared: ${others.join(', ')}`);
}

function matching(arms: readonly string[], pattern: string): string[] {
  if (pattern === 'all') return [...arms];
  if (arms.includes(pattern)) return [pattern];
  const expression = expressionOf(pattern);
  return arms.filter((arm) => expression.test(arm));
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw new UsageError(`--arm ${pattern}: expected the name of an arm or a regular expression; ${messageOf(error)}`);
  }
}

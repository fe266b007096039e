/** Which arms `--arm` chooses: the same in every command that has it. */
import { messageOf, unknownName, UsageError } from '../../src/core/errors.js';

/** What `--arm` takes, for help texts. */
export const ARM_PATTERN = 'an arm, a regular expression for some, or all';

/**
 * The arms that a pattern chooses, in their order: `all`; the arm of that name; or those that a regular expression
 * matches. Throws UsageError when there is none.
 */
export function chosenArms(arms: readonly string[], pattern: string): string[] {
  if (pattern === 'all') return [...arms];
  if (arms.includes(pattern)) return [pattern];
  const expression = expressionOf(pattern);
  const found = arms.filter((arm) => expression.test(arm));
  if (found.length === 0) throw unknownName('arm', pattern, ['all', ...arms]);
  return found;
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw new UsageError(`--arm ${pattern}: expected the name of an arm or a regular expression; ${messageOf(error)}`);
  }
}

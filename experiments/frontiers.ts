/** Every frontier: adding one is a file with its declaration, and a line here. */
import { lookUp, register } from '../src/core/registry.js';
import { digitsFrontier } from './frontier-digits.js';
import { fashionFrontier } from './frontier-fashion.js';
import { glossesFrontier } from './frontier-glosses.js';
import { hierarchy2Frontier, hierarchy3Frontier, hierarchyFrontier } from './frontier-hierarchy.js';
import { plain16Frontier, plain32Frontier, plain64Frontier, plain8Frontier } from './frontier-plain.js';
import { checkDeclaration, frontierOf, keyOf, type Frontier, type FrontierDeclaration } from './frontier.js';

/** Every frontier, under the name by which commands know it. */
export const FRONTIERS: Record<string, Frontier> = {};

/**
 * Adds a frontier with the experiment that its runs are of and, where it declares claims, these and its figure. Throws
 * UsageError, which says what was expected, when a name of it is taken, and for a declaration in which budgets, steps,
 * seeds, rates or ways of training are missing or do not fit.
 */
export function registerFrontier(declaration: FrontierDeclaration): void {
  checkDeclaration(declaration);
  register('frontier', FRONTIERS, keyOf(declaration), frontierOf(declaration));
}

/** The frontier of a name. Throws UsageError with those that there are. */
export function frontierFor(name: string): Frontier {
  return lookUp('frontier', FRONTIERS, name);
}

for (const declaration of [
  hierarchyFrontier,
  hierarchy2Frontier,
  hierarchy3Frontier,
  digitsFrontier,
  plain16Frontier,
  plain32Frontier,
  plain8Frontier,
  plain64Frontier,
  glossesFrontier,
  fashionFrontier,
])
  registerFrontier(declaration);

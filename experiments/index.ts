/**
 * The experiments: the suite's own by name, and how a program adds one of its own. What is registered before a command
 * runs, as by `NODE_OPTIONS='--import ./mine.mjs' gowide train mine`, is in its help, its plan and its errors.
 *
 * @packageDocumentation
 */
export { commandOf, EXPERIMENTS, experimentGroups, registerExperiment } from './registry.js';
export { frontierFor, FRONTIERS, registerFrontier } from './frontiers.js';
export {
  FRONTIER_WAYS,
  type BudgetRates,
  type Frontier,
  type FrontierClaims,
  type FrontierDeclaration,
  type FrontierSize,
  type FrontierWay,
} from './frontier.js';
export { type Rates, type Setting } from './arms.js';
export { TRAIN_KIND } from '../src/method/run/required.js';
export { THEORY_KIND } from '../theory/studies/index.js';

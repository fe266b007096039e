/** The frontiers of plain tanh nets without skip connections, the nets of `depth-skip`. Not run. */
import { armOf } from './arms.js';
import { DEPTH_TUNING, depthSkip, plainOf, ratesOfPlain } from './depth-skip.js';
import { ALL_BUDGETS, FRONTIER_WAYS, TWO_BUDGETS, type FrontierDeclaration } from './frontier.js';

/**
 * The frontier of plain nets of so many layers; the deeper net has twice as many. Budget 4 has the steps and the rates
 * of `depth-skip`; the others are not tuned yet. Throws RangeError for a depth that has no rates there.
 */
function plainFrontier(layers: number): FrontierDeclaration {
  const { rates, imitation } = ratesOfPlain(layers);
  return {
    of: depthSkip,
    key: `plain-${layers}`,
    name: `frontier-plain-${layers}`,
    title: `Accuracy against cost of plain nets of ${layers} layers on the digits, to convergence`,
    ways: {
      ...FRONTIER_WAYS,
      // fresh values, and a learnt map up that is dropped afterwards, as in `depth-skip`
      'three-stage': {
        ...FRONTIER_WAYS['three-stage']!,
        spec: (setting) => armOf(setting, 'three-stage', { imitation: setting.imitation }),
      },
    },
    converged: 32,
    baseSteps: 75,
    sizes: {
      minutes: TWO_BUDGETS,
      laptop: ALL_BUDGETS,
    },
    tuning: DEPTH_TUNING,
    tunedAt: [1, 4, 16],
    rates: { 4: { rates: { ...rates, 'three-stage': rates.imitation ?? rates.default }, imitation } },
    setting: (steps, budgetRates) => plainOf(layers, steps, budgetRates),
  };
}

/** Plain nets of 16 layers. */
export const plain16Frontier = plainFrontier(16);
/** Plain nets of 32 layers. */
export const plain32Frontier = plainFrontier(32);

/** The frontiers of plain tanh nets without skip connections, the nets of `depth-skip`. */
import { armOf, rateOf } from './arms.js';
import { DEPTH_TUNING, depthSkip, plainOf } from './depth-skip.js';
import { ALL_BUDGETS, FRONTIER_WAYS, TWO_BUDGETS, type FrontierDeclaration } from './frontier.js';

const BASE_STEPS = 75;
/** The budget from which on nets count as trained to convergence; the wide net is, too. */
const CONVERGED = 32;

/**
 * The frontier of plain nets of so many layers, at the rates of its budgets; the deeper net has twice as many. All arms
 * learn from a wide net that is trained to convergence, as in the paper: one of fewer steps would be the mark at which
 * those that learn from it end (experiments/README.md has what came of that).
 */
function plainFrontier(layers: number, rates: FrontierDeclaration['rates']): FrontierDeclaration {
  const wide = { steps: CONVERGED * BASE_STEPS, peak: rateOf(rates[16]!.rates, 'wide') };
  return {
    of: depthSkip,
    key: `plain-${layers}`,
    name: `frontier-plain-${layers}`,
    title: `Accuracy against cost of plain nets of ${layers} layers on the digits, to convergence`,
    claims: { setting: `plain-${layers}`, on: `plain nets of ${layers} layers` },
    ways: {
      ...FRONTIER_WAYS,
      // fresh values, and a learnt map up that is dropped afterwards, as in `depth-skip`
      'three-stage': {
        ...FRONTIER_WAYS['three-stage']!,
        spec: (setting) => armOf(setting, 'three-stage', { imitation: setting.imitation }),
      },
    },
    converged: CONVERGED,
    baseSteps: BASE_STEPS,
    sizes: {
      minutes: TWO_BUDGETS,
      laptop: ALL_BUDGETS,
    },
    tuning: DEPTH_TUNING,
    rates,
    setting: (steps, budgetRates) => plainOf(layers, steps, budgetRates, wide),
  };
}

/** Plain nets of 16 layers. */
export const plain16Frontier = plainFrontier(16, {
  1: {
    rates: { default: 1e-2, deeper: 3e-3, 'selected-kl': 3e-3, 'closed-form': 3.3e-4, wide: 3e-3 },
    imitation: 3e-3,
  },
  4: { rates: { default: 1e-2, deeper: 3e-3, 'closed-form': 3e-3, wide: 3e-3 }, imitation: 3.3e-2 },
  16: { rates: { default: 3e-3, kd: 1e-2 }, imitation: 3.3e-2 },
});

/** Plain nets of 32 layers. */
export const plain32Frontier = plainFrontier(32, {
  1: { rates: { default: 3e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 3e-3 },
  4: { rates: { default: 3e-3, 'selected-kl': 1e-3, wide: 1e-3 }, imitation: 1e-2 },
  16: { rates: { default: 3e-3, deeper: 1e-3, wide: 1e-3 }, imitation: 1e-2 },
});

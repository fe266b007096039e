/** The frontiers of plain tanh nets without skip connections, the nets of `depth-skip`. */
import { armOf } from './arms.js';
import { DEPTH_TUNING, depthSkip, plainOf } from './depth-skip.js';
import { FRONTIER_WAYS, TWO_BUDGETS, wideRateAt, type FrontierDeclaration, type FrontierSize } from './frontier.js';

const BASE_STEPS = 75;
/** The budget of the wide net that the others learn from. */
const TEACHER = 128;

/** On to where a doubling of the steps gives direct training of 16 layers less than a point. */
const LAPTOP: FrontierSize = { budgets: [1, 2, 4, 8, 16, 32, 64, 128, 256], seeds: 10 };

/**
 * The frontier of plain nets of so many layers, at the rates of its budgets; the deeper net has twice as many. All arms
 * learn from a wide net of {@link TEACHER} times the base steps: one of far fewer would be the mark at which those that
 * learn from it end (docs/notes/2026-11-26-frontier-of-plain-nets.md has what came of that).
 */
function plainFrontier(
  layers: number,
  { rates, claims }: Pick<FrontierDeclaration, 'rates' | 'claims'>,
): FrontierDeclaration {
  const wide = { steps: TEACHER * BASE_STEPS, peak: wideRateAt({ rates }, TEACHER) };
  return {
    of: depthSkip,
    key: `plain-${layers}`,
    name: `frontier-plain-${layers}`,
    title: `Accuracy against cost of plain nets of ${layers} layers on the digits`,
    ...(claims !== undefined && { claims }),
    ways: {
      ...FRONTIER_WAYS,
      // fresh values, and a learnt map up that is dropped afterwards, as in `depth-skip`
      'three-stage': {
        ...FRONTIER_WAYS['three-stage']!,
        spec: (setting) => armOf(setting, 'three-stage', { imitation: setting.imitation }),
      },
    },
    baseSteps: BASE_STEPS,
    sizes: { minutes: TWO_BUDGETS, laptop: LAPTOP },
    tuning: DEPTH_TUNING,
    rates,
    setting: (steps, budgetRates) => plainOf(layers, steps, budgetRates, wide),
  };
}

/** Plain nets of 16 layers. */
export const plain16Frontier = plainFrontier(16, {
  claims: { setting: 'plain-16', where: 'In plain nets of 16 layers' },
  rates: {
    1: {
      rates: { default: 1e-2, deeper: 3e-3, 'selected-kl': 3e-3, 'closed-form': 1e-3, wide: 3e-3 },
      imitation: 3e-3,
    },
    4: {
      rates: { default: 1e-2, deeper: 3e-3, 'selected-kl': 3e-3, 'closed-form': 1e-3, wide: 3e-3 },
      imitation: 1e-2,
    },
    16: { rates: { default: 3e-3, kd: 1e-2, 'closed-form': 3.3e-4 }, imitation: 3e-3 },
    64: { rates: { default: 3e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1e-2 },
    // direct training, KD and the deeper net were tuned at 512, three stages at 256; the others have the rates of 64
    256: { rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1e-2 },
  },
});

/** Plain nets of 32 layers. */
export const plain32Frontier = plainFrontier(32, {
  claims: { setting: 'plain-32', where: 'In plain nets of 32 layers' },
  rates: {
    1: { rates: { default: 3e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1.1e-4 },
    4: { rates: { default: 3e-3, 'selected-kl': 1e-3, 'closed-form': 3.3e-4, wide: 1e-3 }, imitation: 3e-3 },
    16: { rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1e-2 },
    64: { rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 3e-3 },
    // tuned after results at the rates of 256 had been seen (the note says why)
    128: { rates: { default: 1e-3, direct: 3e-3, 'selected-kl': 3e-3 }, imitation: 1e-2 },
    256: { rates: { default: 1e-3 }, imitation: 1e-2 },
  },
});

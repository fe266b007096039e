/** The frontiers of plain tanh nets without skip connections, the nets of `depth-skip`. */
import { armOf } from './arms.js';
import { DEPTH_TUNING, depthSkip, plainOf } from './depth-skip.js';
import {
  FRONTIER_WAYS,
  TWO_BUDGETS,
  wideRateAt,
  type FrontierDeclaration,
  type FrontierSize,
  type FrontierWay,
} from './frontier.js';

const BASE_STEPS = 75;
/** The budget of the wide net that the others learn from. */
const TEACHER = 128;

/** On to where a doubling of the steps gives direct training of 16 layers less than a point. */
const LAPTOP: FrontierSize = { budgets: [1, 2, 4, 8, 16, 32, 64, 128, 256], seeds: 10 };

/** Nets of the depths beside those two, by which one sees how the gain goes with depth. */
const OTHER_DEPTHS: FrontierSize = { budgets: [1, 4, 16, 64], seeds: 10 };

/** Fresh values, and a learnt map up that is dropped afterwards, as in `depth-skip`. */
const WAYS: Readonly<Record<string, FrontierWay>> = {
  ...FRONTIER_WAYS,
  'three-stage': {
    ...FRONTIER_WAYS['three-stage']!,
    spec: (setting) => armOf(setting, 'three-stage', { imitation: setting.imitation }),
  },
};

/** What one depth declares. */
type Depth = Pick<FrontierDeclaration, 'rates' | 'claims'> &
  Partial<Pick<FrontierDeclaration, 'ways' | 'tunedAt' | 'tuning'>> & { readonly laptop?: FrontierSize };

/**
 * The frontier of plain nets of so many layers, at the rates of its budgets; the deeper net has twice as many. All arms
 * learn from a wide net of {@link TEACHER} times the base steps: one of far fewer would be the mark at which those that
 * learn from it end (docs/notes/2026-11-26-frontier-of-plain-nets.md has what came of that).
 */
function plainFrontier(
  layers: number,
  { rates, claims, laptop = LAPTOP, ways = WAYS, tuning = DEPTH_TUNING, tunedAt }: Depth,
): FrontierDeclaration {
  const wide = { steps: TEACHER * BASE_STEPS, peak: wideRateAt({ rates }, TEACHER) };
  return {
    of: depthSkip,
    key: `plain-${layers}`,
    name: `frontier-plain-${layers}`,
    title: `Accuracy against cost of plain nets of ${layers} layers on the digits`,
    ...(claims !== undefined && { claims }),
    ways,
    baseSteps: BASE_STEPS,
    sizes: { minutes: TWO_BUDGETS, laptop },
    tuning,
    ...(tunedAt !== undefined && { tunedAt }),
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
      share: 0.15,
    },
    4: {
      rates: { default: 1e-2, deeper: 3e-3, 'selected-kl': 3e-3, 'closed-form': 1e-3, wide: 3e-3 },
      imitation: 1e-2,
      share: 0.037,
    },
    16: { rates: { default: 3e-3, kd: 1e-2, 'closed-form': 3.3e-4 }, imitation: 3e-3, share: 0.15 },
    64: { rates: { default: 3e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1e-2, share: 0.6 },
    // direct training, KD and the deeper net were tuned at 512, three stages at 256; the others have the rates of 64
    256: {
      rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 },
      imitation: 1e-2,
      share: 0.15,
    },
  },
});

/** Plain nets of 32 layers. */
export const plain32Frontier = plainFrontier(32, {
  claims: { setting: 'plain-32', where: 'In plain nets of 32 layers' },
  rates: {
    1: { rates: { default: 3e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1.1e-4, share: 0.018 },
    4: { rates: { default: 3e-3, 'selected-kl': 1e-3, 'closed-form': 3.3e-4, wide: 1e-3 }, imitation: 3e-3 },
    16: { rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 1e-2 },
    64: { rates: { default: 3e-3, deeper: 1e-3, 'closed-form': 1e-3, wide: 1e-3 }, imitation: 3e-3, share: 0.018 },
    // tuned after results at the rates of 256 had been seen (the note says why)
    128: { rates: { default: 1e-3, direct: 3e-3, 'selected-kl': 3e-3 }, imitation: 1e-2 },
    256: { rates: { default: 1e-3 }, imitation: 1e-2, share: 0.15 },
  },
});

/**
 * The frontiers of 8 and 64 layers. They declare no claims of their own: with those of 16 and 32 they decide how the
 * gain goes with depth. Their deeper nets are left out, as no such claim reads one; that of 8 layers is the thin net of
 * 16. Two hundred and fifty-six times the base steps are left out, too, as ten seeds of 64 layers would take an hour.
 */
function otherDepth(layers: number, depth: Pick<Depth, 'rates' | 'tuning'>): FrontierDeclaration {
  const { deeper: _, ...ways } = WAYS;
  return plainFrontier(layers, { ...depth, ways, laptop: OTHER_DEPTHS, tunedAt: OTHER_DEPTHS.budgets });
}

/** Plain nets of 8 layers. */
export const plain8Frontier = otherDepth(8, {
  // the middle of the grid, widened where the best is at an end
  tuning: { ...DEPTH_TUNING, rates: [1e-3, 3e-3, 1e-2] },
  rates: {
    1: { rates: { default: 1e-2, 'closed-form': 3e-3 }, imitation: 3e-3, share: 0.075 },
    4: { rates: { default: 1e-2, wide: 3e-3 }, imitation: 3.3e-2 },
    16: { rates: { default: 1e-2, wide: 3e-3 }, imitation: 1e-2, share: 0.075 },
    64: { rates: { default: 3e-3 }, imitation: 3.3e-2 },
  },
});

/** Plain nets of 64 layers. */
export const plain64Frontier = otherDepth(64, {
  // no way of training had its best above these at 32 layers; the grid is widened where one is at an end
  tuning: { ...DEPTH_TUNING, rates: [3.3e-4, 1e-3, 3e-3] },
  rates: {
    1: {
      rates: { default: 3e-3, 'selected-kl': 3.3e-4, 'closed-form': 3.3e-4, wide: 3.3e-4 },
      imitation: 1e-3,
      share: 0.15,
    },
    4: {
      rates: { default: 3e-3, kd: 1e-3, 'selected-kl': 3.3e-4, 'closed-form': 1e-3, wide: 3.3e-4 },
      imitation: 3e-3,
      share: 0.037,
    },
    16: { rates: { default: 1e-3, 'selected-kl': 3.3e-4, 'three-stage': 3e-3, wide: 3.3e-4 }, imitation: 3e-3 },
    64: { rates: { default: 1e-3, 'closed-form': 3.3e-4, wide: 3.3e-4 }, imitation: 3e-3, share: 0.15 },
  },
});

/** The frontier of `bert-glosses` at scale laptop: masked tokens of WordNet's glosses. */
import { bertArms, bertGlosses, GLOSSES_TUNING, glossesOf } from './bert.js';
import {
  ALL_BUDGETS,
  FRONTIER_WAYS,
  TWO_BUDGETS,
  wideRateAt,
  type BudgetRates,
  type FrontierDeclaration,
} from './frontier.js';

const { direct, deeper, kd, wide: wideWay, ...others } = FRONTIER_WAYS;

const BASE_STEPS = 200;
/** The longest budget of scale overnight; the wide net that the others learn from has as many steps. */
const LONGEST = 64;

/**
 * The grid was not widened for imitation and the wide net, whose best is at an end
 * (docs/notes/2026-11-28-learning-rates-of-the-glosses-frontier.md).
 */
const RATES: Readonly<Record<number, BudgetRates>> = {
  1: { rates: { default: 4e-3, direct: 2e-3, wide: 2e-3 }, imitation: 1e-2 },
  4: { rates: { default: 4e-3, deeper: 2e-3, wide: 2e-3 }, imitation: 1e-2 },
  16: { rates: { default: 4e-3, deeper: 2e-3, wide: 2e-3 }, imitation: 1e-2 },
};

/**
 * BERTs on glosses; accuracy is the share of masked tokens that are predicted rightly. The arms are those of
 * `bert-glosses`, which projects where other nets select.
 */
export const glossesFrontier: FrontierDeclaration = {
  of: bertGlosses,
  name: 'frontier-glosses',
  title: 'Accuracy against cost on masked tokens of glosses',
  ways: {
    direct: direct!,
    deeper: deeper!,
    kd: { ...kd!, spec: (setting) => bertArms(setting).kd! },
    'projected-kd': {
      label: 'projected + KD',
      learnsFrom: 'outputs',
      spec: (setting) => bertArms(setting)['projected-kd']!,
    },
    'three-stage': { ...others['three-stage']!, spec: (setting) => bertArms(setting)['three-stage']! },
    wide: wideWay!,
  },
  claims: { setting: 'bert', where: 'In BERTs on glosses' },
  baseSteps: BASE_STEPS,
  sizes: {
    minutes: TWO_BUDGETS,
    laptop: { budgets: [1, 4, 16], seeds: 10, fewer: { above: 8, seeds: 5 } },
    overnight: { ...ALL_BUDGETS, budgets: [...ALL_BUDGETS.budgets, LONGEST] },
  },
  tuning: { ...GLOSSES_TUNING, imitationShares: undefined },
  rates: RATES,
  setting: (steps, { rates, imitation }) => {
    const wide = { steps: LONGEST * BASE_STEPS, peak: wideRateAt({ rates: RATES }, LONGEST) };
    return glossesOf({ steps, imitationRate: imitation, wide }, rates);
  },
};

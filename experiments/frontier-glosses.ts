/** The frontier of `bert-glosses` at scale laptop: masked tokens of WordNet's glosses. */
import { bertArms, bertGlosses, GLOSSES_TUNING, glossesOf } from './bert.js';
import {
  ALL_BUDGETS,
  convergedWideRate,
  FRONTIER_WAYS,
  TWO_BUDGETS,
  type BudgetRates,
  type FrontierDeclaration,
} from './frontier.js';

const { direct, deeper, kd, wide: wideWay, ...others } = FRONTIER_WAYS;

const BASE_STEPS = 200;
/** The longest budget of scale laptop; the wide net that the others learn from has as many steps. */
const LONGEST = 64;

/** From a grid that was not widened where its best was at an end (docs/notes has the accuracies). */
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
  title: 'Accuracy against cost on masked tokens of glosses, to convergence',
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
  converged: LONGEST,
  baseSteps: BASE_STEPS,
  sizes: {
    minutes: TWO_BUDGETS,
    laptop: { budgets: [1, 4, 16, LONGEST], seeds: 3 },
    overnight: { ...ALL_BUDGETS, budgets: [...ALL_BUDGETS.budgets, LONGEST] },
  },
  tuning: { ...GLOSSES_TUNING, imitationShares: undefined },
  tunedAt: [1, 4, 16],
  rates: RATES,
  setting: (steps, { rates, imitation }) => {
    const wide = { steps: LONGEST * BASE_STEPS, peak: convergedWideRate({ rates: RATES }) };
    return glossesOf({ steps, imitationRate: imitation, wide }, rates);
  },
};

/** The frontier of `bert-glosses` at scale laptop: masked tokens of WordNet's glosses. Not run. */
import { bertArms, bertGlosses, GLOSSES_RATES, GLOSSES_TUNING, glossesOf, IMITATION_RATE } from './bert.js';
import { ALL_BUDGETS, FRONTIER_WAYS, TWO_BUDGETS, type FrontierDeclaration } from './frontier.js';

const { direct, deeper, kd, wide, ...others } = FRONTIER_WAYS;

/**
 * BERTs on glosses; accuracy is the share of masked tokens that are predicted rightly. The arms are those of
 * `bert-glosses`, which projects where other nets select. Budget 4 has its steps and rates; the others are not tuned
 * yet.
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
    wide: wide!,
  },
  converged: 32,
  baseSteps: 200,
  sizes: {
    minutes: TWO_BUDGETS,
    laptop: { budgets: [1, 4, 16], seeds: 3 },
    overnight: ALL_BUDGETS,
  },
  tuning: { ...GLOSSES_TUNING, imitationRates: [1e-3, 3e-3, 1e-2] },
  tunedAt: [1, 4, 16],
  rates: { 4: { rates: { ...GLOSSES_RATES, wide: 2e-3 }, imitation: IMITATION_RATE } },
  setting: (steps, { rates, imitation }) => glossesOf(steps, rates, imitation),
};

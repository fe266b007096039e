/** The frontier of `bert-glosses` at scale laptop: masked tokens of WordNet's glosses. Not run. */
import { armOf } from './arms.js';
import { bertGlosses, BOTH, GLOSSES_RATES, GLOSSES_TUNING, glossesOf, IMITATION_RATE } from './bert.js';
import { FRONTIER_WAYS, type FrontierDeclaration } from './frontier.js';

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
    kd: { ...kd!, spec: (setting) => armOf(setting, 'kd', { objective: BOTH }) },
    'projected-kd': {
      label: 'projected + KD',
      learnsFrom: 'outputs',
      spec: (setting) => armOf(setting, 'projected-kd', { start: 'projected', objective: BOTH }),
    },
    'three-stage': {
      ...others['three-stage']!,
      spec: (setting) =>
        armOf(setting, 'three-stage', {
          start: 'projected-embeddings-and-head',
          imitation: setting.imitation,
          objective: BOTH,
        }),
    },
    wide: wide!,
  },
  converged: 32,
  baseSteps: 200,
  sizes: {
    minutes: { budgets: [1, 2], seeds: 3 },
    laptop: { budgets: [1, 4, 16], seeds: 3 },
    overnight: { budgets: [1, 2, 4, 8, 16, 32], seeds: 10, fewer: { above: 8, seeds: 5 } },
  },
  tuning: { ...GLOSSES_TUNING, imitationRates: [1e-3, 3e-3, 1e-2] },
  tunedAt: [1, 4, 16],
  rates: { 4: { rates: { ...GLOSSES_RATES, wide: 2e-3 }, imitation: IMITATION_RATE } },
  setting: (steps, { rates, imitation }) => glossesOf(steps, rates, imitation),
};

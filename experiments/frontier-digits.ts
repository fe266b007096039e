/** The frontier of `resnet-digits` at scale laptop: ResNets of [3, 4, 6, 3] blocks on the digits. Not run. */
import { ALL_BUDGETS, TWO_BUDGETS, type FrontierDeclaration } from './frontier.js';
import { DIGITS_LAPTOP_RATES, digitsOf, resnetDigits } from './resnet.js';

/** Of the steps, the share that imitates in each of the four stages: 35 % in all, as at scale laptop. */
const IMITATION_SHARE = 0.0875;

/** ResNets on the digits. Budget 4 has the steps and the rates of `resnet-digits`; the others are not tuned yet. */
export const digitsFrontier: FrontierDeclaration = {
  of: resnetDigits,
  name: 'frontier-digits',
  title: 'Accuracy against cost on the digits, to convergence',
  converged: 16,
  baseSteps: 100,
  sizes: {
    minutes: TWO_BUDGETS,
    laptop: { budgets: [1, 2, 4, 8, 16], seeds: 10, fewer: { above: 8, seeds: 5 } },
    overnight: ALL_BUDGETS,
  },
  tuning: { rates: [0.05, 0.1, 0.2, 0.4], imitationRates: [0.5, 1, 2], seeds: [101, 102] },
  tunedAt: [1, 4, 16],
  rates: { 4: { rates: { ...DIGITS_LAPTOP_RATES, wide: 0.1 }, imitation: 1 } },
  setting: (steps, { rates, imitation }) =>
    digitsOf({ steps, imitation: Math.round(steps * IMITATION_SHARE), imitationRate: imitation }, rates),
};

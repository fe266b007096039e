/** The frontier of `resnet-digits` at scale laptop: ResNets of [3, 4, 6, 3] blocks on the digits. */
import {
  ALL_BUDGETS,
  lengthened,
  TWO_BUDGETS,
  wideRateAt,
  type BudgetRates,
  type FrontierDeclaration,
} from './frontier.js';
import { DIGITS_SHARES, digitsOf, resnetDigits } from './resnet.js';

/** Share of the steps that imitates in each of the four stages, where none was tuned: 35 % in all. */
const IMITATION_SHARE = 0.0875;
const BASE_STEPS = 100;
/** The budget of the wide net that the others learn from. */
const TAUGHT_BY = 16;

const RATES: Readonly<Record<number, BudgetRates>> = {
  1: { rates: { default: 0.05, deeper: 0.1, 'closed-form': 0.0068, 'three-stage': 0.1, wide: 0.1 }, imitation: 4 },
  4: {
    rates: { default: 0.05, deeper: 0.2, 'closed-form': 0.0068, 'three-stage': 0.2, wide: 0.2 },
    imitation: 2,
    share: 0.175,
  },
  8: {
    rates: { default: 0.4, 'selected-kl': 0.1, 'closed-form': 0.025, 'three-stage': 0.1 },
    imitation: 2,
    share: 0.175,
  },
  16: {
    rates: { default: 0.2, deeper: 0.4, 'selected-kl': 0.1, 'closed-form': 0.05, 'three-stage': 0.1, wide: 0.1 },
    imitation: 0.5,
    share: 0.044,
  },
  32: {
    rates: { default: 0.2, direct: 0.1, kd: 0.05, wide: 0.4 },
    imitation: 2,
    share: 0.044,
  },
};

/**
 * ResNets on the digits. The wide net is trained for 16 times the base steps, as long as the longest thin ones until
 * those of 32 were added; at scale laptop of `resnet-digits` it has 500 steps.
 */
export const digitsFrontier: FrontierDeclaration = {
  of: resnetDigits,
  name: 'frontier-digits',
  title: 'Accuracy against cost on the digits',
  claims: { setting: 'digits', where: 'In ResNets on the digits' },
  baseSteps: BASE_STEPS,
  sizes: {
    minutes: TWO_BUDGETS,
    laptop: ALL_BUDGETS,
    overnight: ALL_BUDGETS,
  },
  tuning: {
    rates: [0.05, 0.1, 0.2, 0.4],
    imitationRates: [0.5, 1, 2],
    sharesAfterwards: DIGITS_SHARES,
    seeds: [101, 102],
  },
  rates: RATES,
  setting: (steps, { rates, imitation }) => {
    const setting = digitsOf(
      { steps, imitation: Math.round(steps * IMITATION_SHARE), imitationRate: imitation },
      rates,
    );
    const { network, recipe } = setting.wide;
    const peak = wideRateAt({ rates: RATES }, TAUGHT_BY);
    return { ...setting, wide: { network, recipe: lengthened(recipe, TAUGHT_BY * BASE_STEPS, peak) } };
  },
};

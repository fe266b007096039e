/**
 * The frontier of ResNets on all of Fashion-MNIST: 44,546 parameters, budgets of 1, 4 and 16 epochs and, of some
 * ways, 64; five seeds. What it needs is as for `fashion-mnist`
 * (experiments/pictures.ts): `gowide frontier fashion-mnist --scale overnight`.
 */
import { lengthened, wideRateAt, type BudgetRates, type FrontierDeclaration } from './frontier.js';
import { FASHION_EPOCH, fashionMnist, fashionOf } from './pictures.js';

/** The least budget of the wide net that the others learn from, the longest at which every way is run and tuned. */
const TAUGHT_BY = 16;

const RATES: Readonly<Record<number, BudgetRates>> = {
  1: {
    rates: { default: 0.4, kd: 0.05, 'selected-kl': 0.025, 'closed-form': 0.025, 'three-stage': 0.05, deeper: 0.1 },
    imitation: 0.3,
  },
  4: { rates: { default: 0.05, kd: 0.4, 'selected-kl': 0.013, deeper: 0.4 }, imitation: 0.3 },
  16: {
    rates: { default: 0.05, direct: 0.1, deeper: 0.1, 'selected-kl': 0.2, 'closed-form': 0.025 },
    imitation: 0.9,
  },
};

/** ResNets on Fashion-MNIST, an epoch being the base. */
export const fashionFrontier: FrontierDeclaration = {
  of: fashionMnist,
  name: 'frontier-fashion',
  title: 'Accuracy against cost on Fashion-MNIST',
  nets: 'The nets of fashion-mnist with half as many channels',
  claims: { setting: 'fashion-mnist', where: 'In ResNets on Fashion-MNIST' },
  baseSteps: FASHION_EPOCH,
  sizes: {
    overnight: {
      budgets: [1, 4, 16, 64],
      only: { above: 16, ways: ['direct', 'deeper', 'three-stage', 'wide'] },
      seeds: 5,
    },
  },
  tuning: { rates: [0.05, 0.1, 0.2], imitationRates: [0.1, 0.3], seeds: [101] },
  rates: RATES,
  setting: (steps, { rates, imitation }) => {
    const setting = fashionOf(steps, imitation, rates);
    const { network, recipe } = setting.wide;
    // no shorter than the thin nets: a wide net that is not trained out would be the ceiling of all that it teaches
    const taughtBy = Math.max(TAUGHT_BY, steps / FASHION_EPOCH);
    const peak = wideRateAt({ rates: RATES }, taughtBy);
    return { ...setting, wide: { network, recipe: lengthened(recipe, taughtBy * FASHION_EPOCH, peak) } };
  },
};

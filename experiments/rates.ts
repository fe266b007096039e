/**
 * Peak learning rates by experiment and arm. Each arm's own was chosen on the validation split, from the same grid and
 * with the same seeds, which no table uses: `gowide tune`. The measured accuracies stand in experiments/README.md.
 */
export interface Grid {
  readonly rates: readonly number[];
  /** Seeds of the tuning runs. */
  readonly seeds: readonly number[];
}

export const GRIDS: Readonly<Record<string, Grid>> = {
  'resnet-digits': { rates: [0.1, 0.2, 0.4], seeds: [101, 102] },
  'resnet-hierarchy': { rates: [0.1, 0.2, 0.4], seeds: [101, 102] },
  'bert-glosses': { rates: [2e-3, 4e-3, 8e-3], seeds: [101] },
  'bert-supersense': { rates: [1e-3, 2e-3], seeds: [101] },
  'bert-hypernym': { rates: [1e-3, 2e-3], seeds: [101] },
  'depth-skip': { rates: [1e-3, 3e-3, 1e-2, 3e-2], seeds: [101, 102] },
};

const RATES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'resnet-digits': { default: 0.2, hints: 0.4, long: 0.4, 'selected-direct': 0.1, 'selected-kl': 0.1 },
  'resnet-hierarchy': { default: 0.2, direct: 0.1, 'three-stage': 0.4, 'selected-three-stage': 0.1 },
  'bert-glosses': { default: 4e-3, hints: 8e-3 },
  'bert-supersense': { default: 2e-3 },
  'bert-hypernym': { default: 2e-3 },
  // published, not tuned here
  'bert-squad': { default: 5e-5 },
  'depth-skip': {
    default: 1e-2,
    'plain wide': 1e-3,
    'skip wide': 3e-3,
    'plain selected-kl': 3e-3,
    'plain closed-form': 3e-3,
    imitation: 3e-3,
  },
};

export function rateOf(experiment: string, arm: string): number {
  const rates = RATES[experiment]!;
  return rates[arm] ?? rates.default!;
}

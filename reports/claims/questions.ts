/** Questions that claims ask in several settings: each is a row of the matrix of verdicts, found by its words. */
export const QUESTIONS = {
  widthOfImitation: 'D falls as m^(−1/2) under imitation',
  telescopedDepth: 'The telescoped bound grows at most linearly with depth',
  equalSteps: 'Three stages beat direct training of the same net at equal steps',
  totalCost: 'Three stages beat direct training at equal total cost',
  deeper: 'Three stages beat the deeper net at equal steps',
  distillation: 'Three stages beat distillation alone (KD)',
  selectedChannels: 'Three stages beat selected channels with KL',
  sharedParts: 'Imitation adds to the wide net’s shared parts and fine-tuning',
  ownWeights: 'Imitation adds to the wide net’s selected or projected weights',
} as const;

/** The final figures by which arms of experiments are compared. */
import type { Metric } from '../src/core/experiment.js';

/** Share of test examples, or masked tokens, that are predicted rightly. */
export const TEST_ACCURACY: Metric = {
  key: 'testAccuracy',
  label: 'test accuracy',
  short: 'test',
  unit: '%',
  proportion: true,
  differenceUnit: 'points',
  better: 'higher',
  digits: 1,
};

/** SQuAD's own measure: overlap of the answer's words with the nearest true answer's, mean over the questions. */
export const TEST_F1: Metric = {
  key: 'test f1',
  label: 'test F1',
  short: 'F1',
  unit: '%',
  differenceUnit: 'points',
  better: 'higher',
  digits: 1,
};

/** Cross-entropy of masked tokens in nats, which have too many answers for the accuracy to say much. */
export const TEST_CROSS_ENTROPY: Metric = {
  key: 'testCrossEntropy',
  label: 'test cross-entropy',
  short: 'cross-entropy',
  unit: 'nats',
  differenceUnit: 'nats',
  better: 'lower',
  digits: 3,
  exponential: 'test perplexity',
};

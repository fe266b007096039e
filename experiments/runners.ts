/** How each kind of run is run. */
import type { Runner } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/run/required.js';
import { TRAIN_RUNNER } from '../src/method/run/runner.js';
import { SENTENCES_KIND, SENTENCES_RUNNER } from '../src/thin/sentences-run.js';
import { THEORY_KIND, THEORY_RUNNER } from '../theory/studies/index.js';

/** Runners by the kind of their cells. */
export const RUNNERS: Readonly<Record<string, Runner>> = {
  [THEORY_KIND]: THEORY_RUNNER,
  [TRAIN_KIND]: TRAIN_RUNNER,
  [SENTENCES_KIND]: SENTENCES_RUNNER,
};

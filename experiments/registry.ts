/** Every experiment, and how each kind of run is run. */
import { unknownName } from '../src/core/errors.js';
import type { Experiment, Runner } from '../src/core/experiment.js';
import { TRAIN_KIND } from '../src/method/required.js';
import { TRAIN_RUNNER } from '../src/method/runner.js';
import { THEORY_KIND, THEORY_RUNNER } from '../theory/studies/index.js';
import { bertAblations, bertGlosses, bertHypernym, bertSquad, bertSupersense } from './bert.js';
import { depthSkip } from './depth-skip.js';
import { resnetAblations, resnetDigits, resnetHierarchy } from './resnet.js';
import { THEORY_EXPERIMENTS } from './theory.js';

export { THEORY_EXPERIMENTS };
/** Experiments by the command that runs them, `gowide train <name>`; the first of each is its main one. */
export const TRAIN_EXPERIMENTS: Readonly<Record<string, readonly Experiment[]>> = {
  resnet: [resnetDigits, depthSkip, resnetAblations, resnetHierarchy],
  bert: [bertGlosses, bertSupersense, bertHypernym, bertSquad, bertAblations],
};
/** One of a network's experiments, by default its main one. Throws UsageError with the known names. */
export function trainExperiment(network: string, name: string | undefined): Experiment {
  if (!Object.hasOwn(TRAIN_EXPERIMENTS, network)) throw unknownName('network', network, Object.keys(TRAIN_EXPERIMENTS));
  const family = TRAIN_EXPERIMENTS[network]!;
  const found = name === undefined ? family[0] : family.find((experiment) => experiment.name === name);
  if (found === undefined)
    throw unknownName(
      'experiment',
      name!,
      family.map((experiment) => experiment.name),
    );
  return found;
}

/** What `gowide reproduce` runs. */
export const EXPERIMENTS: readonly Experiment[] = [
  ...THEORY_EXPERIMENTS,
  resnetDigits,
  resnetHierarchy,
  depthSkip,
  bertGlosses,
];

export const RUNNERS: Readonly<Record<string, Runner>> = {
  [THEORY_KIND]: THEORY_RUNNER,
  [TRAIN_KIND]: TRAIN_RUNNER,
};

/** Every experiment, in the order in which commands list them. */
import { CUSTOM_SCALE, type Arm, type Experiment } from '../src/core/experiment.js';
import type { Cell } from '../src/core/run.js';
import { groupBy } from '../src/core/group.js';
import { entryOf, follow, lookUp, register } from '../src/core/registry.js';
import { shellWord } from '../src/core/shell.js';
import { TRAIN_KIND, wideCell } from '../src/method/run/required.js';
import type { TrainSpec } from '../src/method/spec/spec.js';
import { THEORY_KIND } from '../theory/studies/index.js';
import { bertAblations, bertGlosses, bertSquad, bertSupersense } from './bert.js';
import { checkExperiment } from './checks.js';
import { depthSkip } from './depth-skip.js';
import { FRONTIERS } from './frontiers.js';
import { cifar10, cifar10Resnet50, fashionMnist, fashionMnist34 } from './pictures.js';
import { resnetAblations, resnetDigits, resnetHierarchy } from './resnet.js';
import { sst2, sst2Base } from './sst2.js';
import {
  bounds,
  depth,
  generic,
  imitation,
  limit,
  selection,
  residual,
  residualDepth,
  saddle,
  scale,
  stages,
  tanhSaddle,
  time,
  width,
} from './theory.js';

/** Every experiment under its name. */
export const EXPERIMENTS: Record<string, Experiment> = {};

/**
 * Adds an experiment under its own name. Throws UsageError when the name is taken, and where its names, kind, scales,
 * seeds, metric, arms or baselines are none, with what was expected.
 */
export function registerExperiment(experiment: Experiment): void {
  checkExperiment(experiment);
  register('experiment', EXPERIMENTS, experiment.name, experiment);
}

/** The frontiers' runs of one group; they stand behind its other experiments. */
function frontierExperiments(group: string): Experiment[] {
  return Object.values(FRONTIERS)
    .map(({ experiment }) => experiment)
    .filter((experiment) => experiment.group === group);
}

const DECLARED = [
  width,
  depth,
  time,
  imitation,
  limit,
  selection,
  scale,
  bounds,
  saddle,
  tanhSaddle,
  generic,
  residual,
  residualDepth,
  stages,
  resnetDigits,
  depthSkip,
  resnetAblations,
  resnetHierarchy,
  ...frontierExperiments('resnet'),
  fashionMnist,
  fashionMnist34,
  cifar10,
  cifar10Resnet50,
  bertGlosses,
  bertSupersense,
  bertSquad,
  sst2,
  sst2Base,
  bertAblations,
  ...frontierExperiments('bert'),
];
// these are checked by a test: making the arms of all scales takes time
for (const experiment of DECLARED) register('experiment', EXPERIMENTS, experiment.name, experiment);
// a frontier of another group, and those that are registered later
follow(FRONTIERS, ({ experiment }) => {
  if (entryOf(EXPERIMENTS, experiment.name) !== experiment) registerExperiment(experiment);
});

function ofKind(kind: string): Experiment[] {
  return Object.values(EXPERIMENTS).filter((experiment) => experiment.kind === kind);
}

/** Experiments that run studies of the theory. */
export function theoryExperiments(): Experiment[] {
  return ofKind(THEORY_KIND);
}

/** The runs that train the wide nets of an experiment's arms. */
export function wideNets({ name, kind }: Experiment, arms: Readonly<Record<string, Arm>>): Cell[] {
  if (kind !== TRAIN_KIND) return [];
  return Object.entries(arms).flatMap(([arm, { spec }]) => {
    const cell = { experiment: name, arm, scale: CUSTOM_SCALE, kind, spec, seed: 1 };
    return wideCell(cell, spec as unknown as TrainSpec) ?? [];
  });
}

function byGroup(experiments: readonly Experiment[]): Record<string, Experiment[]> {
  return Object.fromEntries(groupBy(experiments, ({ group }) => group));
}

/** Every experiment, by its group. */
export function experimentGroups(): Record<string, Experiment[]> {
  return byGroup(Object.values(EXPERIMENTS));
}

/** Experiments that train networks, by their group; the first of each group is its main one. */
export function trainExperiments(): Record<string, Experiment[]> {
  return byGroup(ofKind(TRAIN_KIND));
}

/** One experiment of a group, by default its main one. Throws UsageError with the known names. */
export function trainExperiment(group: string, name: string | undefined): Experiment {
  const experiments = lookUp('group of experiments', trainExperiments(), group);
  if (name === undefined) return experiments[0]!;
  return lookUp('experiment', Object.fromEntries(experiments.map((one) => [one.name, one])), name);
}

/** The experiments that `gowide reproduce` runs. */
export function reproducedExperiments(): Experiment[] {
  return Object.values(EXPERIMENTS).filter(({ reproduced }) => reproduced);
}

/** Commands that run an experiment, or one arm of it, by the kind of its cells. */
const COMMANDS: Readonly<Record<string, (experiment: Experiment, arm: string) => string>> = {
  [THEORY_KIND]: ({ name }) => `theory run ${name}`,
  [TRAIN_KIND]: ({ group, name }, arm) => `train ${group} --experiment ${name} --arm ${arm}`,
};

/** The command line that makes the runs of an experiment at a scale, or those of one arm where it can be chosen. */
export function commandOf(experiment: Experiment, scale: string, arm = 'all'): string {
  const words = COMMANDS[experiment.kind]?.(experiment, shellWord(arm));
  return `gowide ${words ?? `sweep ${experiment.name}`} --scale ${scale}`;
}

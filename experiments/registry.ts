/** Every experiment, and how each kind of run is run. */
import type { Experiment, Runner } from '../src/core/experiment.js';
import { expectedSeconds, parseTrainSpec, stepFlops, TRAIN_KIND, trainExecutor, wideCell } from '../src/method/train.js';
import { parseStudySpec, type Study } from '../theory/studies/study.js';
import { studyByName, THEORY_KIND, theoryExecutor } from '../theory/studies/index.js';
import { resnetDigits } from './resnet.js';
import { THEORY_EXPERIMENTS } from './theory.js';

export { THEORY_EXPERIMENTS };
export const TRAIN_EXPERIMENTS: Readonly<Record<string, Experiment>> = { resnet: resnetDigits };
export const EXPERIMENTS: readonly Experiment[] = [...THEORY_EXPERIMENTS, ...Object.values(TRAIN_EXPERIMENTS)];

function costOf(study: Study<unknown>, spec: unknown): number {
  return study.cost(parseStudySpec(study, spec));
}

export const RUNNERS: Readonly<Record<string, Runner>> = {
  [THEORY_KIND]: {
    execute: theoryExecutor,
    check: ({ spec }) => void parseStudySpec(studyByName(spec.study), spec),
    requires: () => [],
    cost: ({ spec }) => costOf(studyByName(spec.study), spec),
    stepFlops: undefined,
  },
  [TRAIN_KIND]: {
    execute: trainExecutor,
    check: ({ spec }) => void parseTrainSpec(spec),
    requires: (cell) => {
      const spec = parseTrainSpec(cell.spec);
      return spec.method === 'three-stage' ? [wideCell(cell, spec)] : [];
    },
    cost: ({ spec }) => expectedSeconds(parseTrainSpec(spec)),
    stepFlops: ({ spec }) => stepFlops(parseTrainSpec(spec)),
  },
};

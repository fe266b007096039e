/** How cells of the kind `train` are checked, priced and run. */
import type { Runner } from '../../core/experiment.js';
import type { InputFiles } from '../../core/run.js';
import { checkData, dataFiles } from '../../data/index.js';
import { weightFiles } from '../../models/files.js';
import { vocabularyFiles } from '../../text/vocabulary.js';
import { checkAgainstData, parseTrainSpec } from './check-spec.js';
import { expectedMemory, expectedSeconds, ownCost, stepFlops } from '../cost/cost.js';
import { trainExecutor } from './execute.js';
import { vocabularyOfWide } from '../matching/own-tokens.js';
import { requiredCells } from './required.js';
import { isTrained, type TrainSpec } from '../spec/spec.js';

/** Files that a training run reads: its data, and the weights that it imitates or begins with. */
function filesOf(spec: TrainSpec): readonly InputFiles[] {
  const { data, teacher, pretrained } = spec;
  const begun = isTrained(teacher) ? teacher.pretrained : teacher;
  const weights = [begun, pretrained].flatMap((one) => (one && 'weights' in one ? [one.weights] : []));
  const vocabulary = vocabularyOfWide(spec);
  const others = vocabulary === undefined ? [] : vocabularyFiles(vocabulary);
  return [...dataFiles(data), ...weights.flatMap(weightFiles), ...others];
}

/** The runner of cells of kind {@link TRAIN_KIND}, for the record of runners. */
export const TRAIN_RUNNER: Runner = {
  execute: trainExecutor,
  check: (cell) => {
    const spec = parseTrainSpec(cell.spec);
    checkData(spec.data);
    checkAgainstData(spec);
  },
  files: ({ spec }) => filesOf(parseTrainSpec(spec)),
  requires: (cell) => requiredCells(cell, parseTrainSpec(cell.spec)),
  cost: ({ spec }, engine) => expectedSeconds(parseTrainSpec(spec), engine),
  steps: ({ spec }) => ownCost(parseTrainSpec(spec)).steps,
  stepFlops: ({ spec }) => stepFlops(parseTrainSpec(spec)),
  memoryBytes: ({ spec }) => expectedMemory(parseTrainSpec(spec)),
};

/** How cells of the kind `train` are checked, priced and run. */
import type { Runner } from '../../core/experiment.js';
import { oncePer, remembered } from '../../core/memo.js';
import type { Cell, InputFiles } from '../../core/run.js';
import { checkData, dataFiles } from '../../data/index.js';
import { weightFiles } from '../../models/folders.js';
import { vocabularyFiles } from '../../text/vocabulary.js';
import { checkToRun, parseTrainSpec } from './check-spec.js';
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

/**
 * The spec of a cell, checked as `parseTrainSpec` does. The seeds of an arm share one object, which is asked for again
 * and again. Throws UsageError on a spec that is not valid.
 */
export const checkedSpec = oncePer((spec: Cell['spec']) => parseTrainSpec(spec));

/** Expected seconds of a spec with an engine, computed once for each. */
const secondsOf = oncePer((spec: TrainSpec) => {
  const known = new Map<string | undefined, number>();
  return (engine?: string): number => remembered(known, engine, () => expectedSeconds(spec, engine));
});

/** The runner of cells of kind {@link TRAIN_KIND}, for the record of runners. */
export const TRAIN_RUNNER: Runner = {
  execute: trainExecutor,
  check: (cell) => {
    const spec = checkedSpec(cell.spec);
    checkData(spec.data);
    checkToRun(spec);
  },
  files: ({ spec }) => filesOf(checkedSpec(spec)),
  requires: (cell) => requiredCells(cell, checkedSpec(cell.spec)),
  cost: ({ spec }, platform) => secondsOf(checkedSpec(spec))(platform?.engine),
  steps: ({ spec }) => ownCost(checkedSpec(spec)).steps,
  stepFlops: ({ spec }) => stepFlops(checkedSpec(spec)),
  memoryBytes: ({ spec }) => expectedMemory(checkedSpec(spec)),
};

/** How cells of the kind `train` are checked, priced and run. */
import type { Runner } from '../core/experiment.js';
import { checkData } from '../data/index.js';
import { parseTrainSpec } from './check-spec.js';
import { expectedMemory, expectedSeconds, stepFlops } from './cost.js';
import { trainExecutor } from './execute.js';
import { requiredCells } from './required.js';

/** The runner of cells of kind {@link TRAIN_KIND}, for the record of runners. */
export const TRAIN_RUNNER: Runner = {
  execute: trainExecutor,
  check: ({ spec }) => checkData(parseTrainSpec(spec).data),
  requires: (cell) => requiredCells(cell, parseTrainSpec(cell.spec)),
  cost: ({ spec }) => expectedSeconds(parseTrainSpec(spec)),
  stepFlops: ({ spec }) => stepFlops(parseTrainSpec(spec)),
  memoryBytes: ({ spec }) => expectedMemory(parseTrainSpec(spec)),
};

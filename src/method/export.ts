import { UsageError } from '../core/errors.js';
import { writeTorchvision } from '../models/torchvision.js';
import { readArrays, type RunRecord } from '../store/runs.js';
import { TRAIN_KIND, parseTrainSpec } from './train.js';
import { fromArrays } from './weights.js';

/** Writes a training run's network in torchvision's names. Throws UsageError when the run has none, or it is no ResNet. */
export function exportRun(run: RunRecord, file: string): void {
  if (run.cell.kind !== TRAIN_KIND || run.status !== 'finished')
    throw new UsageError(`run ${run.id} is ${run.status} and of the kind "${run.cell.kind}"; expected a finished training run`);
  const { model } = parseTrainSpec(run.cell.spec);
  if (model.family !== 'resnet') throw new UsageError(`run ${run.id}: torchvision has names for ResNets only, the model is of the family "${model.family}"`);
  writeTorchvision(file, fromArrays(readArrays(run)));
}

import { UsageError } from '../core/errors.js';
import { writeHuggingFace } from '../models/huggingface.js';
import { writeTorchvision } from '../models/torchvision.js';
import { readArrays, type RunRecord } from '../store/runs.js';
import { TRAIN_KIND, parseTrainSpec } from './train.js';
import { fromArrays } from './weights.js';

/** Writes a training run's network in torchvision's or Hugging Face's names. Throws UsageError when the run has none, or its family has no published names. */
export function exportRun(run: RunRecord, file: string): void {
  if (run.cell.kind !== TRAIN_KIND || run.status !== 'finished')
    throw new UsageError(`run ${run.id} is ${run.status} and of the kind "${run.cell.kind}"; expected a finished training run`);
  const { model } = parseTrainSpec(run.cell.spec);
  const trained = fromArrays(readArrays(run));
  if (model.family === 'resnet') writeTorchvision(file, trained);
  else if (model.family === 'bert') writeHuggingFace(file, model, trained);
  else throw new UsageError(`run ${run.id}: there are published names for ResNets and BERTs only, the model is of the family "${model.family}"`);
}

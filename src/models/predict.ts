/** What `gowide predict` does with the files that it is given. */
import { UsageError } from '../core/errors.js';
import { GENERATOR } from '../core/markup.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { checkName, checkUnvaried, networkByName, type Notice, readKept, varied } from './by-name.js';
import { keepsNetwork } from './folders.js';
import { familyOf, familiesWith } from './index.js';
import type { Variant } from './interface/family.js';
import type { PredictOptions } from './interface/predict.js';
import { readWeights } from './read.js';

/** Files of `gowide predict`. */
export interface PredictFiles {
  /** A network's name, as {@link networkByName} takes it. */
  readonly model: string;
  /** Not needed for a folder or a safetensors file, which have their own. */
  readonly weights?: string;
  readonly input: string;
  readonly output: string;
}

/**
 * Reads weights and inputs; what comes back writes the outputs, and needs an engine. Throws UsageError on files that do
 * not fit.
 */
export function preparePredict(
  files: PredictFiles,
  variant: Variant,
  notice?: Notice,
): (options: PredictOptions) => Promise<Record<string, readonly number[]>> {
  checkName(files.model);
  const kept = keepsNetwork(files.model) ? readKept(files.model) : undefined; // once: its weights may be gigabytes
  if (kept !== undefined && files.weights === undefined) checkUnvaried(files.model, variant);
  const spec =
    kept === undefined ? networkByName(files.model, variant, notice) : varied(files.model, kept.spec, variant);
  const family = familyOf(spec);
  if (family.predict === undefined)
    throw new UsageError(
      `${files.model}: a network of the family ${spec.family} cannot be applied to a file; those of ${familiesWith('predict')} can`,
    );
  if (files.weights === undefined && kept === undefined)
    throw new UsageError(`${files.model}: --weights is needed: a safetensors file`);
  const predict = family.predict(spec, readSafetensors(files.input).tensors, files.input);
  const weights = files.weights === undefined ? kept!.load() : readWeights(files.weights, spec);
  return async (options) => {
    const arrays = await predict(weights, options);
    writeSafetensors(files.output, arrays, { generator: GENERATOR, model: files.model, mode: options.mode });
    return Object.fromEntries(Object.entries(arrays).map(([name, { shape }]) => [name, shape]));
  };
}

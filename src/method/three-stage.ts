/** The three stages as a function, for any pair of networks that give named taps. */
import { InterruptedError } from '../core/errors.js';
import type { Row } from '../core/run.js';
import type { Workers } from '../core/workers.js';
import type { Dataset } from '../data/dataset.js';
import { evaluate } from '../metrics/evaluate.js';
import { evaluation } from '../nn/layers.js';
import type { HostWeights, Network } from '../nn/network.js';
import { asAnswered } from './answers.js';
import { planGroups, trainThin } from './pipeline.js';
import { ObjectiveSpec, type GradientImitation, type RecipeSpec, type RidgeImitation } from './spec.js';
import type { StartKind } from './start.js';
import type { StageContext } from './stages.js';
import { disposeWeights, toHost, weightsOf } from './weights.js';

/** The two networks, the data, and how each of the three stages is trained. */
export interface ThreeStageOptions {
  readonly wide: Network;
  readonly thin: Network;
  readonly data: Dataset;
  /** Everything random follows from it; 1 by default. */
  readonly seed?: number;
  /** Stage 1: how the wide net is trained on the labels; or a trained one. */
  readonly wideTraining: RecipeSpec | HostWeights;
  /** `selected` by default, where the network names its axes; else `shared`. */
  readonly start?: StartKind;
  /** Stage 2; null leaves it out. */
  readonly imitation: GradientImitation | RidgeImitation | null;
  /** Stage 3; by the KL divergence to the wide net's outputs unless `objective` says otherwise. */
  readonly finetune: RecipeSpec & { readonly objective?: Partial<ObjectiveSpec> };
  readonly onRow?: (row: Row) => void;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /** Where several processes do this together, each with the same options: this process among them (`joinWorkers`). */
  readonly workers?: Workers;
}

/** The trained networks and what was measured of them. */
export interface ThreeStageResult {
  readonly wide: HostWeights;
  readonly thin: HostWeights;
  /** Test accuracy in percent. */
  readonly accuracy: { readonly wide: number; readonly thin: number };
  /** Everything that was logged. */
  readonly rows: readonly Row[];
}

/**
 * Trains `thin` in three stages. Needs an engine (`startEngine`). Throws UsageError when the networks cannot be
 * compared tap by tap, or when a map between them could not be merged; InterruptedError when `signal` fires.
 */
export async function threeStage(options: ThreeStageOptions): Promise<ThreeStageResult> {
  const { wide, thin, seed = 1, wideTraining, imitation, finetune, onRow, onProgress } = options;
  const data = asAnswered(options.data, wide);
  const { signal, workers } = options;
  const rows: Row[] = [];
  const context: StageContext = {
    seed,
    resumed: undefined,
    workers,
    log: (row) => {
      rows.push(row);
      onRow?.(row);
    },
    progress: (stage, done, total) => onProgress?.(stage, done, total),
    shouldSave: () => signal?.aborted === true,
    save: () => {
      throw new InterruptedError('stopped; nothing was saved');
    },
  };
  const start = options.start ?? (thin.axes === undefined || wide.axes === undefined ? 'shared' : 'selected');
  const training = { ...finetune, objective: ObjectiveSpec.parse(finetune.objective ?? { teacher: 1 }) };
  const procedure = { start, imitation, training };
  planGroups(procedure, thin, wide); // what cannot work is said before the wide net is trained
  const trained = 'params' in wideTraining ? wideTraining : await trainWide(context, wide, data, wideTraining);
  const teacher = { network: wide, host: trained, weights: weightsOf(trained) };
  const weights = await trainThin(context, procedure, thin, teacher, data);
  const accuracyOf = async (network: Network, values: typeof weights): Promise<number> =>
    (await evaluate(data, data.test, (x) => network.apply(evaluation(values), x)[network.taps.at(-1)!]!)).accuracy;
  const accuracy = { wide: await accuracyOf(wide, teacher.weights), thin: await accuracyOf(thin, weights) };
  const host = await toHost(weights);
  disposeWeights(weights);
  disposeWeights(teacher.weights);
  return { wide: trained, thin: host, accuracy, rows };
}

async function trainWide(
  context: StageContext,
  wide: Network,
  data: Dataset,
  recipe: RecipeSpec,
): Promise<HostWeights> {
  const training = { ...recipe, objective: ObjectiveSpec.parse({ labels: 1 }) };
  const weights = await trainThin(context, { start: 'random', imitation: null, training }, wide, undefined, data);
  const host = await toHost(weights);
  disposeWeights(weights);
  return host;
}

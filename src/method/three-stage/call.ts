/** The three stages as a function, for any pair of networks that give named taps. */
import { z } from 'zod';
import { FailureError, InterruptedError, unknownName, UsageError } from '../../core/errors.js';
import { packageVersion } from '../../core/package.js';
import { checkMembers, namesOf } from '../../core/registry.js';
import { nonFiniteIn, type Row } from '../../core/run.js';
import { parseSpec } from '../../core/spec.js';
import type { Workers } from '../../core/workers.js';
import { checkDataset, type Dataset } from '../../data/dataset.js';
import { tf } from '../../engine/tensor.js';
import { evaluate } from '../../metrics/evaluate.js';
import { evaluation } from '../../nn/layers.js';
import { checkLayersInput, fromLayersModel, type LayersModel } from '../../models/families/layers/model.js';
import { checkNetwork, checkWeights, outputOf, type HostWeights, type Network } from '../../nn/network.js';
import { agreeOnExamples, agreeOnOptions, hashesOfSplits, hashOfArrays } from './agree.js';
import { asAnswered } from '../matching/answers.js';
import { planGroups, trainThin, type Procedure } from './pipeline.js';
import { SavedCall, type SavedStage } from './saved-call.js';
import { checkHints, checkObjective } from '../spec/effects.js';
import { divisionIn, wayOf } from '../imitation/ways.js';
import { checkBatch, checkSteps } from '../spec/recipe-steps.js';
import { HintsSpec, ImitationSpec, ObjectiveSpec, RecipeSpec } from '../spec/spec.js';
import { STARTS, type StartKind } from '../start/start.js';
import type { StageContext } from '../training/stages.js';
import { disposeWeights, toHost, weightsOf } from '../values/weights.js';

/** The two networks, the data, and how each of the three stages is trained. */
export interface ThreeStageOptions {
  /** A network; or a LayersModel of tfjs, which has layers under the names of the thin net's taps. */
  readonly wide: Network | LayersModel;
  readonly thin: Network;
  readonly data: Dataset;
  /** Everything random follows from it; 1 by default. */
  readonly seed?: number;
  /** Stage 1: how the wide net is trained on the labels; or a trained one's values, a LayersModel's own by default. */
  readonly wideTraining?: RecipeSpec | HostWeights;
  /** `selected` by default, where the network names its axes; else `shared`. */
  readonly start?: StartKind;
  /** Stage 2; null leaves it out. */
  readonly imitation: ImitationSpec | null;
  /** Stage 3; by the KL divergence to the wide net's outputs unless `objective` says otherwise. */
  readonly finetune: RecipeSpec & { readonly objective?: Partial<ObjectiveSpec> };
  readonly onRow?: (row: Row) => void;
  readonly onProgress?: (stage: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
  /**
   * A folder for the state of this call: it is saved there every 10 seconds (less often where saving would take more
   * than a twentieth of the time) and when `signal` fires, and a call with the same options, weights and data goes on
   * from it; another one is refused. Functions that the caller wrote, such as a network's, cannot be compared, and of
   * large data only some examples are. Nothing is saved unless it is given.
   */
  readonly folder?: string;
  /**
   * Where several processes do this together, each with the same options: this process among them (`joinWorkers`). They
   * compare options, weights and every example of the data, and who has others is refused by name; functions that the
   * caller wrote, such as a network's, cannot be compared.
   */
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

/** Every option, to tell a slip from one that is left out. */
const OPTIONS: Readonly<Record<keyof ThreeStageOptions, true>> = {
  ...{ wide: true, thin: true, data: true, seed: true, wideTraining: true, start: true, imitation: true },
  ...{ finetune: true, onRow: true, onProgress: true, signal: true, folder: true, workers: true },
};

/** The options with the wide net as a network and what is known of its values. */
interface Settled extends ThreeStageOptions {
  readonly wide: Network;
  readonly wideTraining: RecipeSpec | HostWeights;
}

/** Throws UsageError that names what is missing of the networks and the data, or is of another type. */
function checkParts(options: ThreeStageOptions): void {
  const parts = { wide: 'object', thin: 'object', data: 'object' } as const;
  checkMembers<Pick<ThreeStageOptions, keyof typeof parts>>('threeStage', options, parts);
  const { wide, thin, data, wideTraining } = options;
  if (!('layers' in wide)) checkNetwork('threeStage: wide', wide);
  checkNetwork('threeStage: thin', thin);
  checkDataset('threeStage: data', data);
  const isWeights = typeof wideTraining === 'object' && wideTraining !== null && 'params' in wideTraining;
  if (isWeights)
    checkMembers<HostWeights>('threeStage: wideTraining', wideTraining, { params: 'object', state: 'object' });
}

/** A LayersModel becomes a network with the thin net's taps. Throws UsageError where one of them is no layer of it. */
function settled(options: ThreeStageOptions): Settled {
  checkParts(options);
  const { wide, thin, wideTraining } = options;
  if ('layers' in wide) checkLayersInput(wide, options.data.shape);
  const network = 'layers' in wide ? fromLayersModel(wide, { taps: thin.taps.slice(0, -1) }) : wide;
  const training = wideTraining ?? ('layers' in wide ? network.init(0) : undefined);
  if (training === undefined)
    throw new UsageError('threeStage: wideTraining is missing; expected a recipe, or the values of a trained wide net');
  return { ...options, wide: network, wideTraining: training };
}

/** What of the options is a declaration, checked as a training spec's parts are. */
interface Declared {
  readonly wideTraining: RecipeSpec | HostWeights;
  readonly procedure: Procedure;
}

/** Throws UsageError with one line that names the option, what was expected and what was given. */
function declaredIn(options: Settled): Declared {
  const { wide, thin, wideTraining: given } = options;
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(OPTIONS, key));
  if (unknown !== undefined) throw unknownName('option of threeStage', unknown, Object.keys(OPTIONS));
  const seed = options.seed ?? 1;
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new UsageError(`threeStage: seed ${seed}; expected a whole number of at least 0`);
  if (options.folder !== undefined && options.workers !== undefined)
    throw new UsageError('threeStage: folder is for one process; leave it or workers out');
  const imitates = ImitationSpec.nullable();
  const tuned = RecipeSpec.extend({ objective: ObjectiveSpec.optional(), hints: HintsSpec.optional() });
  const { objective = ObjectiveSpec.parse({ teacher: 1 }), ...rest } = parseSpec(tuned, 'finetune', options.finetune);
  const known = thin.axes === undefined || wide.axes === undefined ? 'shared' : 'selected';
  const start = parseSpec(z.enum(namesOf(STARTS)), 'start', options.start ?? known);
  const imitation = parseSpec(imitates, 'imitation', options.imitation);
  const isWeights = typeof given === 'object' && 'params' in given;
  const wideTraining = isWeights ? given : parseSpec(RecipeSpec, 'wideTraining', given);
  if ('params' in wideTraining) checkWeights("wideTraining: the wide net's weights", wide, wideTraining);
  const recipes = {
    finetune: rest,
    ...(imitation !== null && 'recipe' in imitation && { 'imitation.recipe': imitation.recipe }),
    ...(!('params' in wideTraining) && { wideTraining }),
  };
  for (const [path, recipe] of Object.entries(recipes)) {
    checkSteps(`threeStage: ${path}`, recipe);
    checkBatch(`threeStage: ${path}`, recipe, options.data.train.count);
  }
  const training = { ...rest, objective };
  checkObjective('threeStage: finetune.objective', objective);
  if (imitation !== null) wayOf(imitation).check('threeStage: imitation', imitation, options.data.train.count);
  checkHints('threeStage: finetune', training, divisionIn(imitation), true);
  return { wideTraining, procedure: { start, imitation, training } };
}

/**
 * Trains `thin` in three stages. Needs an engine (`startEngine`). Throws UsageError when an option is not valid, when
 * the networks cannot be compared tap by tap, or when a map between them could not be merged; FailureError when a loss
 * is not finite, or names a worker that has other options or data than worker 0; InterruptedError when `signal` fires.
 */
export async function threeStage(given: ThreeStageOptions): Promise<ThreeStageResult> {
  const options = settled(given);
  const { wide, thin, seed = 1, onRow, onProgress, signal, workers, folder } = options;
  const declared = declaredIn(options);
  const { wideTraining, procedure } = declared;
  const data = asAnswered(options.data, wide);
  for (const [name, network] of Object.entries({ wide, thin })) checkTokens(name, network, data);
  planGroups(procedure, thin, wide); // what cannot work is said before the wide net is trained
  // hashes of given weights, which take a while: for who compares them alone, and once
  let known: ReturnType<typeof identityOf> | undefined;
  const identity = (): ReturnType<typeof identityOf> => (known ??= identityOf(options, declared, data));
  if (workers !== undefined) {
    await agreeOnOptions(workers, { 'version of gowide': packageVersion(), engine: tf.getBackend(), ...identity() });
    await agreeOnExamples(workers, data);
  }
  const saved =
    folder === undefined ? undefined : new SavedCall(folder, { ...identity(), examples: await hashesOfSplits(data) });
  const rows: Row[] = [];
  const context = (stage: SavedStage): StageContext => ({
    seed,
    resumed: saved?.read(stage),
    workers,
    log: (row) => {
      checkRow(row);
      rows.push(row);
      onRow?.(row);
    },
    progress: (name, done, total) => onProgress?.(name, done, total),
    shouldSave: () => signal?.aborted === true || saved?.isDue() === true,
    save: (snapshot) => {
      saved?.write(stage, snapshot);
      if (signal?.aborted === true)
        throw new InterruptedError(
          folder === undefined ? 'stopped; nothing was saved' : `stopped; the state is saved in ${folder}`,
        );
    },
  });
  const wideDone = 'params' in wideTraining ? wideTraining : saved?.wide();
  const trained = wideDone ?? (await trainWide(context('wide'), wide, data, wideTraining as RecipeSpec));
  if (wideDone === undefined) saved?.keepWide(trained);
  const teacher = { network: wide, host: trained, weights: weightsOf(trained) };
  try {
    const weights = await trainThin(context('thin'), procedure, { thin, teacher, data });
    try {
      const accuracyOf = async (network: Network, values: typeof weights): Promise<number> =>
        (await evaluate(data, data.test, (x) => outputOf(network, evaluation(values), x))).accuracy;
      const accuracy = { wide: await accuracyOf(wide, teacher.weights), thin: await accuracyOf(thin, weights) };
      return { wide: trained, thin: await toHost(weights), accuracy, rows };
    } finally {
      disposeWeights(weights);
    }
  } finally {
    disposeWeights(teacher.weights);
  }
}

/** Throws UsageError where the data have tokens of which a network has no embedding. */
function checkTokens(name: string, { shapes }: Network, { vocabulary = 0 }: Dataset): void {
  const known = shapes['embeddings/word/kernel']?.[0] ?? Infinity;
  if (vocabulary > known)
    throw new UsageError(
      `threeStage: the data have ${vocabulary} tokens in the vocabulary, the ${name} net only ${known}; ` +
        'expected data with the tokens that both networks were made for',
    );
}

/** Throws FailureError on a number that is not finite. */
function checkRow(row: Row): void {
  const bad = nonFiniteIn(row);
  if (bad === undefined) return;
  const where = row.step === undefined ? '' : ` at step ${row.step} of "${String(row.stage ?? row.when)}"`;
  throw new FailureError(`threeStage: ${bad[0]} is ${bad[1]}${where}; it is stopped. A lower learning rate helps`);
}

/**
 * Everything that a call computes with, but for functions that the caller wrote and the examples: values, or hashes of
 * them. It tells one call from another, for workers that train together and for a state in a folder.
 */
function identityOf(
  { wide, thin, seed = 1 }: Settled,
  { wideTraining: given, procedure: { training, ...procedure } }: Declared,
  { shape, classes, labels = [], questions = 1, vocabulary = 0, train, validation, test }: Dataset,
): Readonly<Record<string, unknown>> {
  const weights = 'params' in given ? { params: hashOfArrays(given.params), state: hashOfArrays(given.state) } : given;
  return {
    seed,
    wideTraining: weights,
    ...procedure,
    finetune: training,
    'the wide net': { taps: wide.taps, shapes: wide.shapes },
    'the thin net': { taps: thin.taps, shapes: thin.shapes },
    data: { shape, classes, labels, questions, vocabulary, examples: [train.count, validation.count, test.count] },
  };
}

async function trainWide(
  context: StageContext,
  wide: Network,
  data: Dataset,
  recipe: RecipeSpec,
): Promise<HostWeights> {
  const training = { ...recipe, objective: ObjectiveSpec.parse({ labels: 1 }) };
  const weights = await trainThin(context, { start: 'random', imitation: null, training }, { thin: wide, data });
  const host = await toHost(weights);
  disposeWeights(weights);
  return host;
}

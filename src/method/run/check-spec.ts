/** Checks of a training spec that its schema cannot make: do its networks, its data and its wide net fit each other? */
import { existsSync } from 'node:fs';
import { naming, UsageError } from '../../core/errors.js';
import { checkValues } from '../../core/magnitudes.js';
import { isSameNormalization, normalizationText } from '../../core/normalization.js';
import { parseSpec } from '../../core/spec.js';
import {
  checkData,
  checkSplits,
  exampleShape,
  knownOf,
  normalizationOf,
  picturesOf,
  taskOf,
  trainCountOf,
} from '../../data/index.js';
import { pictureFacts } from '../../models/formats/picture-facts.js';
import { inputProblem, networkOf, parameterCount, type NetworkSpec } from '../../models/index.js';
import { readMetadata } from '../../store/safetensors.js';
import { wideView } from '../matching/align.js';
import { checkClasses } from '../matching/answers.js';
import { planGroups } from '../three-stage/pipeline.js';
import { checkHints, checkObjective } from '../spec/effects.js';
import { divisionIn, wayOf } from '../imitation/ways.js';
import { checkBatch, checkSteps } from '../spec/recipe-steps.js';
import { isTrained, TrainSpec, type PretrainedSpec, type RecipeSpec } from '../spec/spec.js';
import { STARTS } from '../start/start.js';

/**
 * Checks a spec, without a look at its data. Throws UsageError with one line that names the key, what was expected and
 * what was given.
 */
export function parseTrainSpec(value: unknown): TrainSpec {
  const spec = parseSpec(TrainSpec, 'training spec', value);
  for (const network of [spec.network, ...(spec.teacher === null ? [] : [spec.teacher.network])]) {
    checkInput(network, spec.data);
    checkValues('invalid training spec: parameters of a network', parameterCount(network));
  }
  checkBatches(spec);
  for (const [path, { batch, accumulate = 1 }] of recipesOf(spec)) {
    if (batch % accumulate !== 0)
      throw new UsageError(
        `invalid training spec: ${path}.accumulate: a batch of ${batch} cannot be divided into ${accumulate} equal parts`,
      );
  }
  if (spec.pretrained !== undefined) checkPretrained(spec.network, spec.start, spec.pretrained);
  if (isTrained(spec.teacher) && spec.teacher.pretrained !== undefined)
    checkPretrained(spec.teacher.network, 'random', spec.teacher.pretrained);
  planGroups(spec, networkOf(spec.network), wideView(spec)?.network);
  return spec;
}

/** The recipes of a spec, with the paths of their keys. */
function recipesOf({ training, imitation, teacher }: TrainSpec): (readonly [path: string, recipe: RecipeSpec])[] {
  return [
    ['training', training],
    ...(imitation !== null && 'recipe' in imitation ? [['imitation.recipe', imitation.recipe] as const] : []),
    ...(isTrained(teacher) ? [['teacher.recipe', teacher.recipe] as const] : []),
  ];
}

/**
 * What is asked of the recipes of a run that is still to be made: no warm-up, drop of the rate or evaluation that its
 * steps are too few for, no batch of more examples than the training data have, where their number is known, and
 * nothing that the run would not heed. Throws UsageError with the path of the key; with `isWide`, for a run that others
 * may need as their wide net's, of the key there, too. Records of finished runs are read without it.
 */
export function checkRecipes(spec: TrainSpec, examples: number | undefined, isWide = false): void {
  for (const [key, recipe] of recipesOf(spec)) {
    const said = isWide ? `${key} (teacher.recipe in what imitates this network)` : key;
    const path = `invalid training spec: ${said}`;
    checkSteps(path, recipe);
    if (examples !== undefined) checkBatch(path, recipe, examples);
  }
  const { training, imitation, teacher } = spec;
  const said = isWide ? 'training.objective (teacher.objective in what imitates this network)' : 'training.objective';
  checkObjective(`invalid training spec: ${said}`, training.objective);
  if (isTrained(teacher)) checkObjective('invalid training spec: teacher.objective', teacher.objective);
  if (imitation !== null) wayOf(imitation).check('invalid training spec: imitation', imitation, examples);
  checkHints('invalid training spec: training', training, divisionIn(imitation), teacher !== null);
}

/**
 * Checks a spec that is to be run, as far as that can be done before its data are read: its recipes, that the splits of
 * its data are different ones, and that the network has as many answers as there are classes. A run compares the rest
 * once it has read them. Throws UsageError.
 */
export function checkToRun(spec: TrainSpec): void {
  checkSplits(spec.data);
  const { classes } = knownOf(spec.data);
  const network = networkOf(spec.network);
  const logits = network.taps.at(-1)!;
  if (classes !== undefined) checkClasses(classes, network.width(logits, exampleShape(spec.data)));
  const most = Math.max(...recipesOf(spec).map(([, { batch }]) => batch));
  checkRecipes(spec, examplesOf(spec.data, most));
  checkNormalization(spec);
  const begun = isTrained(spec.teacher) ? spec.teacher.pretrained : undefined;
  for (const [key, from] of Object.entries({ pretrained: spec.pretrained, 'teacher.pretrained': begun }))
    if (from !== undefined && 'run' in from) naming(`${key}.run`, () => checkToRun(from.run as TrainSpec));
}

/** Training examples as far as files tell them that are there: files that are missing have a message of their own. */
function examplesOf(data: TrainSpec['data'], enough: number): number | undefined {
  try {
    checkData(data);
  } catch (error) {
    if (error instanceof UsageError) return knownOf(data).train;
    throw error;
  }
  const count = trainCountOf(data, enough) ?? 0;
  // where nothing is left for training, who opens the data says what is held out
  return count < 1 ? undefined : count;
}

/**
 * Throws UsageError where the files of a wide net that is used as it is say another normalization of pictures than the
 * data have: it would see other colors than it was trained on.
 */
function checkNormalization({ data, teacher }: TrainSpec): void {
  const own = normalizationOf(data);
  if (own === undefined || teacher === null || isTrained(teacher)) return;
  const { weights } = teacher;
  const isFile = weights.endsWith('.safetensors') && existsSync(weights);
  const { normalize: said } = pictureFacts(weights, isFile ? readMetadata(weights) : {});
  if (said === undefined || isSameNormalization(said.value, own)) return;
  throw new UsageError(
    `invalid training spec: data: normalized by ${normalizationText(own)}; the wide net was trained with ` +
      `${normalizationText(said.value)}, as ${said.path} says; expected ` +
      (picturesOf(data) !== undefined
        ? `"normalize": ${JSON.stringify(said.value)} in data`
        : 'other data, or a wide net that is trained on these first'),
  );
}

/** Throws UsageError when the examples that are read at once are more than any machine holds. */
function checkBatches({ data, training, teacher, imitation }: TrainSpec): void {
  const example = exampleShape(data).reduce((product, size) => product * size, 1);
  const atOnce = [
    training.batch,
    isTrained(teacher) ? teacher.recipe.batch : 0,
    imitation === null ? 0 : wayOf(imitation).examples(imitation),
  ];
  checkValues('invalid training spec: examples of a batch', Math.max(...atOnce) * example);
}

/** Throws UsageError when nothing of the trained network would be used, or when the start would overwrite it. */
function checkPretrained(spec: NetworkSpec, start: TrainSpec['start'], pretrained: PretrainedSpec): void {
  if (STARTS[start].shares)
    throw new UsageError(
      `invalid training spec: start "${start}" would overwrite the pretrained network; expected "random"`,
    );
  const from = networkOf('run' in pretrained ? pretrained.run.network : pretrained.network).shapes;
  const network = networkOf(spec);
  const own = network.shapes;
  // another task's head may have any shape
  const isHead = (path: string): boolean => network.owner(path) === network.taps.at(-1);
  const other = Object.keys(own).filter(
    (path) => !isHead(path) && from[path] !== undefined && String(from[path]) !== String(own[path]),
  );
  if (other.length > 0)
    throw new UsageError(
      `invalid training spec: the pretrained network has other shapes: ${other
        .slice(0, 5)
        .map((path) => `${path} [${from[path]!.join(', ')}], expected [${own[path]!.join(', ')}]`)
        .join('; ')}`,
    );
  if (!Object.keys(own).some((path) => from[path] !== undefined))
    throw new UsageError('invalid training spec: the pretrained network has no parameter of this one');
}

/** Throws UsageError when the network cannot read the data or does not answer what they ask. */
function checkInput(network: NetworkSpec, data: TrainSpec['data']): void {
  const problem = inputProblem(network, { set: data.set, shape: exampleShape(data), task: taskOf(data) });
  if (problem !== undefined) throw new UsageError(`invalid training spec: ${problem}`);
}

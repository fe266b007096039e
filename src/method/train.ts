/** Executor of training runs: a spec to networks and data, the wide net's run first, then the thin one's. */
import { importHuggingFace } from '../models/huggingface.js';
import { readTorchvision } from '../models/torchvision.js';
import { readSafetensors } from '../store/safetensors.js';
import { UsageError } from '../core/errors.js';
import { parseSpec } from '../core/spec.js';
import type { Cell, Executor, Outcome, RunContext } from '../core/run.js';
import { exampleShape, openData, taskOf } from '../data/index.js';
import { placesOf } from '../data/masked.js';
import type { Dataset } from '../data/dataset.js';
import type { Tensor } from '../engine/tensor.js';
import { evaluate } from '../metrics/evaluate.js';
import { tapDiscrepancy } from '../metrics/discrepancy.js';
import type { BertSpec } from '../models/bert.js';
import { networkOf, parameterCount, type NetworkSpec } from '../models/index.js';
import { countParameters } from '../nn/init.js';
import { evaluation } from '../nn/layers.js';
import type { Model } from '../nn/network.js';
import { alignByDepth, type View } from './align.js';
import { totalCost, trainingFlops, type Cost } from './budget.js';
import { planGroups, trainThin } from './pipeline.js';
import { TrainSpec, type TeacherSpec } from './spec.js';
import { disposeWeights, fromArrays, modelOf, toArrays, weightsOf, type Teacher, type Weights } from './weights.js';

export const TRAIN_KIND = 'train';

type TrainedTeacher = Extract<TeacherSpec, { recipe: unknown }>;

/** Checks a spec. Throws UsageError with one line that names the key, what was expected and what was given. */
export function parseTrainSpec(value: unknown): TrainSpec {
  const spec = parseSpec(TrainSpec, 'training spec', value);
  for (const model of [spec.model, ...(spec.teacher === null ? [] : [spec.teacher.model])])
    checkInput(model, spec.data);
  for (const { batch, accumulate = 1 } of [spec.training, ...(isTrained(spec.teacher) ? [spec.teacher.recipe] : [])]) {
    if (batch % accumulate !== 0)
      throw new UsageError(
        `invalid training spec: a batch of ${batch} cannot be divided into ${accumulate} equal parts (accumulate)`,
      );
  }
  if (spec.pretrained !== undefined) checkPretrained(spec, spec.pretrained);
  planGroups(spec, networkOf(spec.model), wideView(spec)?.network);
  return spec;
}

type Pretrained = NonNullable<TrainSpec['pretrained']>;

/** Throws UsageError when nothing of the trained network would be used, or when the start would overwrite it. */
function checkPretrained({ model, start }: TrainSpec, pretrained: Pretrained): void {
  if (start !== 'random')
    throw new UsageError(
      `invalid training spec: start "${start}" would overwrite the pretrained network; expected "random"`,
    );
  const from = networkOf('run' in pretrained ? pretrained.run.model : pretrained.model).shapes;
  const network = networkOf(model);
  const own = network.shapes;
  const isHead = (path: string): boolean => network.owner(path) === network.taps.at(-1); // another task's may have any shape
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

/** The wide net of a spec as the thin one is compared with it. */
function wideView({ model, teacher }: TrainSpec): View | undefined {
  if (teacher === null) return undefined;
  const wide = networkOf(teacher.model);
  return teacher.align === 'depth'
    ? alignByDepth(wide, networkOf(model))
    : { network: wide, model: (values) => values };
}

/** Throws UsageError when the network cannot read the data or does not answer what they ask. */
function checkInput(model: NetworkSpec, data: TrainSpec['data']): void {
  const shape = exampleShape(data);
  const say = (given: number, expected: number, what: string): void => {
    if (given !== expected)
      throw new UsageError(
        `invalid training spec: the ${data.set} data have ${expected} ${what}, the model expects ${given}`,
      );
  };
  const task = taskOf(data);
  if ((model.family === 'bert') !== (task !== undefined))
    throw new UsageError(
      `invalid training spec: a model of the family "${model.family}" cannot be trained on the data "${data.set}"`,
    );
  if (model.family === 'mlp')
    return say(
      model.inputs,
      shape.reduce((a, b) => a * b, 1),
      'inputs',
    );
  if (model.family !== 'bert') return say(model.channels, shape.at(-1)!, 'channels');
  checkTokens(model, data, task!, say);
}

type Tokens = Extract<TrainSpec['data'], { tokens: number }>;

function checkTokens(
  model: BertSpec,
  data: TrainSpec['data'],
  task: NonNullable<ReturnType<typeof taskOf>>,
  say: (given: number, expected: number, what: string) => void,
): void {
  const { tokens, vocabulary } = data as Tokens;
  if (model.head.kind !== task.head)
    throw new UsageError(
      `invalid training spec: the head "${model.head.kind}" is of another task; ${data.set} data need a "${task.head}" head`,
    );
  if (tokens > model.positions)
    throw new UsageError(
      `invalid training spec: rows of ${tokens} tokens, and the model has ${model.positions} positions`,
    );
  if (data.set === 'masked-lm')
    say(model.head.kind === 'masked-lm' ? (model.head.places ?? 0) : 0, placesOf(data), 'places');
  if (task.classes !== undefined && model.head.kind === 'classify') say(model.head.classes, task.classes, 'classes');
  if (typeof vocabulary === 'number') say(model.vocabulary, vocabulary, 'tokens in the vocabulary');
}

function isTrained(teacher: TeacherSpec | null): teacher is TrainedTeacher {
  return teacher !== null && 'recipe' in teacher;
}

/** The runs that must be finished before a run: its wide net's, and the one that it goes on from. */
export function requiredCells(cell: Cell, spec: TrainSpec): Cell[] {
  return [wideCell(cell, spec), pretrainedCell(cell, spec)].filter((required) => required !== undefined);
}

function pretrainedCell(cell: Cell, { pretrained }: TrainSpec): Cell | undefined {
  if (pretrained === undefined || !('run' in pretrained)) return undefined;
  const { experiment, arm, run } = pretrained;
  return { experiment, arm, scale: cell.scale, kind: TRAIN_KIND, spec: run, seed: cell.seed };
}

/** The run that trains the wide net of a run, if it needs one: shared by all runs that need the same. */
export function wideCell(cell: Cell, spec: TrainSpec): Cell | undefined {
  if (!isTrained(spec.teacher)) return undefined;
  const { model, recipe, objective } = spec.teacher;
  const wide: TrainSpec = {
    data: spec.data,
    model,
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...recipe, objective },
  };
  return { experiment: cell.experiment, arm: 'wide', scale: cell.scale, kind: TRAIN_KIND, spec: wide, seed: cell.seed };
}

export const trainExecutor: Executor = async (context) => {
  const spec = parseTrainSpec(context.cell.spec);
  const data = await openData(spec.data, (stage, done, total) => context.progress(stage, done, total));
  const network = networkOf(spec.model);
  for (const { file, reason } of data.problems ?? []) context.log({ event: 'skipped', step: 0, file, reason });
  if (spec.model.family === 'bert' && (data.vocabulary ?? 0) > spec.model.vocabulary)
    throw new UsageError(
      `the data have ${data.vocabulary} tokens in the vocabulary, the model only ${spec.model.vocabulary}`,
    );
  // a span is one of the sequence's own tokens, whatever number the network could tell apart
  const classes = taskOf(spec.data)?.head === 'span' ? data.classes : network.width('logits');
  if (data.classes > classes) throw new UsageError(`the data have ${data.classes} classes, the model only ${classes}`);
  const teacher = spec.teacher === null ? undefined : await openTeacher(context, spec, spec.teacher);
  const pretrained = spec.pretrained === undefined ? undefined : await openPretrained(context, spec.pretrained, spec);
  const weights = await trainThin(context, spec, network, teacher, { ...data, classes }, pretrained);
  return outcome(context, spec, data, teacher, weights);
};

async function openTeacher(context: RunContext, spec: TrainSpec, teacher: TeacherSpec): Promise<Teacher> {
  const model = isTrained(teacher)
    ? fromArrays(await context.require(wideCell(context.cell, spec)!))
    : readWeights(teacher.weights, teacher.model);
  const view = wideView(spec)!;
  return { network: view.network, model: view.model(model), weights: weightsOf(model) };
}

async function openPretrained(context: RunContext, pretrained: Pretrained, spec: TrainSpec): Promise<Model> {
  return 'run' in pretrained
    ? fromArrays(await context.require(pretrainedCell(context.cell, spec)!))
    : readWeights(pretrained.weights, pretrained.model);
}

/** Throws UsageError for a family that has no published format, and for weights of another network. */
export function readWeights(path: string, model: NetworkSpec): Model {
  if (model.family === 'resnet') return readTorchvision(path, model);
  if (model.family === 'bert') return importHuggingFace(model, readSafetensors(path).tensors, path);
  throw new UsageError(
    `${path}: weights can be read for ResNets and BERTs only, the model is of the family "${model.family}"`,
  );
}

/** What a run costs, without its wide net's own training. */
export function ownCost(spec: TrainSpec): Cost {
  const [thin, wide] = [networkOf(spec.model), wideView(spec)?.network];
  const { imitated } = planGroups(spec, thin, wide);
  const { objective } = spec.training;
  const shape = exampleShape(spec.data);
  return totalCost({
    thin,
    wide,
    shape,
    imitated,
    imitation: spec.imitation,
    training: spec.training,
    watches: objective.teacher + objective.hints > 0,
  });
}

/** What a run costs. */
export function costOf(spec: TrainSpec): Cost {
  const cost = ownCost(spec);
  const wideTraining = isTrained(spec.teacher)
    ? trainingFlops(networkOf(spec.teacher.model), exampleShape(spec.data), spec.teacher.recipe)
    : 0;
  return { ...cost, teacherFlops: cost.teacherFlops + wideTraining };
}

async function outcome(
  context: RunContext,
  spec: TrainSpec,
  data: Dataset,
  teacher: Teacher | undefined,
  weights: Weights,
): Promise<Outcome> {
  const network = networkOf(spec.model);
  const logits = network.taps.at(-1)!;
  const predict = (x: Tensor): Tensor => network.apply(evaluation(weights), x)[logits]!;
  const validation = await evaluate(data, data.validation, predict);
  const test = await evaluate(data, data.test, predict);
  context.log({ event: 'evaluation', when: 'end', split: 'validation', ...validation });
  context.log({ event: 'evaluation', when: 'end', split: 'test', ...test });
  const { scores, answers } = (await data.score?.(predict)) ?? { scores: {}, answers: [] };
  for (const answer of answers) context.log({ event: 'answer', ...answer });
  const distance =
    teacher === undefined
      ? null
      : (
          await tapDiscrepancy(
            data,
            data.validation,
            (x) => ({ [logits]: predict(x) }),
            (x) => teacher.network.apply(evaluation(teacher.weights), x),
          )
        )[logits]!;
  const model = await modelOf(weights);
  disposeWeights(weights);
  if (teacher !== undefined) disposeWeights(teacher.weights);
  const { steps, flops, teacherFlops } = costOf(spec);
  return {
    arrays: toArrays(model),
    result: {
      validationAccuracy: validation.accuracy,
      testAccuracy: test.accuracy,
      testCrossEntropy: test.crossEntropy,
      ...(spec.data.set === 'masked-lm' && { testPerplexity: Math.exp(test.crossEntropy) }),
      ...scores,
      ...(data.problems !== undefined && { skipped: data.problems.length }),
      logitDiscrepancy: distance,
      parameters: countParameters(model.params),
      steps,
      gigaflops: flops / 1e9,
      teacherGigaflops: teacherFlops / 1e9,
    },
  };
}

/** Attained on one core of a small machine. */
export const EXPECTED_FLOPS = 20e9;

/**
 * Expected seconds of a step with so many operations on a small machine: overhead of each layer, and the arithmetic.
 */
export function stepSeconds(spec: TrainSpec, flops: number): number {
  const layers = Object.keys(networkOf(spec.model).flops(exampleShape(spec.data))).length;
  return 0.005 + 0.002 * layers + flops / EXPECTED_FLOPS;
}

/** Expected seconds of a run without its wide net's own training, on one core of a small machine. */
export function expectedSeconds(spec: TrainSpec): number {
  const { steps, flops, teacherFlops } = ownCost(spec);
  return steps * stepSeconds(spec, (flops + teacherFlops) / Math.max(1, steps)) + 2;
}

/** Floating-point operations of the heaviest training step of a run: the wide net's, where one is trained. */
export function stepFlops(spec: TrainSpec): number {
  const [model, batch] = isTrained(spec.teacher)
    ? [spec.teacher.model, spec.teacher.recipe.batch]
    : [spec.model, spec.training.batch];
  return trainingFlops(networkOf(model), exampleShape(spec.data), { steps: 1, batch });
}

/**
 * Expected memory of a run in bytes, to choose a GPU by: parameters with gradient and two moments, and activations, of
 * which a training step kept some 0.005 bytes for each operation (ResNet-50 with 8 x 224 px 0.005, BERT_BASE with 8 x
 * 128 tokens 0.003).
 */
export function expectedMemory(spec: TrainSpec): number {
  const models = isTrained(spec.teacher) ? [spec.model, spec.teacher.model] : [spec.model];
  const parameters = models.reduce((sum, model) => sum + parameterCount(model), 0);
  return 2 ** 29 + 16 * parameters + 0.005 * stepFlops(spec);
}

/** Executor of training runs: a spec to networks and data, the wide net's run first, then the thin one's. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DivergedError, UsageError } from '../../core/errors.js';
import { EVALUATION, type Executor, type Outcome, type RunContext } from '../../core/run.js';
import type { Json } from '../../core/json.js';
import {
  absentLine,
  notingPasses,
  notingSkipped,
  repeatedLine,
  type Dataset,
  type TaskScores,
} from '../../data/dataset.js';
import { inOrderOf, openData, testFigures, tokenizerOf } from '../../data/index.js';
import { tapDiscrepancy } from '../../metrics/discrepancy.js';
import { rightByBlock } from '../../metrics/blocks.js';
import { evaluate, type Evaluation } from '../../metrics/evaluate.js';
import { readWeights, weightLabels } from '../../models/read.js';
import type { TokenizerFacts } from '../../models/interface/family.js';
import { headOf, networkOf, vocabSizeOf, type NetworkSpec } from '../../models/index.js';
import { countValues, infiniteIn } from '../../core/host-array.js';
import { evaluation } from '../../nn/layers.js';
import { predictor, type Predictor } from '../../nn/predictor.js';
import type { HostWeights, Network } from '../../nn/network.js';
import { wideView } from '../matching/align.js';
import { asAnswered, spareClasses } from '../matching/answers.js';
import { checkRecipes, parseTrainSpec } from './check-spec.js';
import { costOf } from '../cost/cost.js';
import { ownTokens } from '../matching/own-tokens.js';
import { trainThin } from '../three-stage/pipeline.js';
import { isWideCell, pretrainedCell, wideCell } from './required.js';
import { isTrained, type PretrainedSpec, type TeacherSpec, type TrainSpec } from '../spec/spec.js';
import {
  disposeWeights,
  fromArrays,
  toHost,
  toArrays,
  weightsOf,
  type Teacher,
  type Weights,
} from '../values/weights.js';

/** Runs a cell of the kind `train`: trains its network, evaluates it and leaves its weights. */
export const trainExecutor: Executor = async (context) => {
  const spec = parseTrainSpec(context.cell.spec);
  const declared = dataOf(spec);
  const opened = await openData(declared, (stage, done, total) => context.progress(stage, done, total));
  checkRecipes(spec, opened.train.count, isWideCell(context.cell));
  const own = await ownTokens(spec, declared, opened);
  const network = own === undefined ? networkOf(spec.network) : own.thin(networkOf(spec.network));
  const heard = notingPasses(asAnswered(own?.data ?? opened, network), async (read, count) => {
    if (read > 0) context.progress(EVALUATION, read, count);
    await nextTurn();
  });
  const data = notingSkipped(heard, (split, { file, reason }) =>
    context.log({ event: 'skipped', split, file, reason }),
  );
  const spare = spareClasses(opened.classes, headOf(spec.network).classes ?? 0);
  if (spare !== undefined) context.notice?.(spare);
  const isFirst = context.resumed === undefined && !isWideCell(context.cell);
  if (isFirst && opened.repeated !== undefined) context.notice?.(repeatedLine(opened.repeated));
  if (context.resumed === undefined) logData(context, data);
  checkVocabulary('the network', data, spec.network);
  if (spec.teacher !== null && own === undefined) checkVocabulary('the wide net', data, spec.teacher.network);
  const opening = spec.teacher === null ? undefined : await openTeacher(context, spec, spec.teacher);
  const teacher = opening && own ? { ...opening, network: own.wide(opening.network) } : opening;
  try {
    const pretrained = spec.pretrained && (await openPretrained(context, spec.pretrained, spec));
    const weights = await trainThin(context, spec, { thin: network, teacher, data, pretrained });
    try {
      return await outcome(context, spec, { data, network, teacher, weights });
    } finally {
      disposeWeights(weights);
    }
  } finally {
    if (teacher !== undefined) disposeWeights(teacher.weights);
  }
};

/** Throws UsageError where the data have more tokens than a network knows. */
function checkVocabulary(name: string, { vocabulary = 0 }: Dataset, network: NetworkSpec): void {
  const known = vocabSizeOf(network) ?? Infinity;
  if (vocabulary > known)
    throw new UsageError(`the data have ${vocabulary} tokens in the vocabulary, ${name} only ${known}`);
}

/** What the data say before the first step: what could not be used, and what the classes are called. */
function logData(context: RunContext, { problems = [], labels = [], absent = [], repeated }: Dataset): void {
  for (const { file, reason } of problems) context.log({ event: 'skipped', step: 0, file, reason });
  for (const [index, label] of labels.entries()) context.log({ event: 'label', index, label });
  for (const one of absent)
    context.log({ event: 'absent', split: one.split, classes: one.labels.length, reason: absentLine(one) });
  if (repeated !== undefined) context.log({ event: 'repeated', split: 'test', ...repeated });
}

/**
 * The data with their classes in the order of a checkpoint that the network imitates or begins with. Throws UsageError
 * where it cannot be kept.
 */
function dataOf({ data, network, teacher, pretrained }: TrainSpec): TrainSpec['data'] {
  const width = networkOf(network).width('logits');
  // a head of another size is not taken over
  const labelsIn = (file: { network: NetworkSpec; weights: string } | undefined): readonly string[] | undefined =>
    file === undefined || networkOf(file.network).width('logits') !== width
      ? undefined
      : weightLabels(file.weights, file.network);
  const imitated = isTrained(teacher) ? teacher.pretrained : (teacher ?? undefined);
  const begun = pretrained !== undefined && 'weights' in pretrained ? pretrained : undefined;
  const [theirs, own] = [labelsIn(imitated), labelsIn(begun)];
  const ordered = theirs === undefined ? data : inOrderOf(data, theirs);
  const result = own === undefined ? ordered : inOrderOf(ordered, own);
  // the wide net's run orders them by its own file alone
  if (theirs === undefined && isTrained(teacher) && 'labels' in result && !('labels' in data))
    throw new UsageError(
      `${begun!.weights}: its classes have the order ${result.labels!.join(', ')}, and the wide net would be trained ` +
        'with that of the data; give data.labels the order of the file',
    );
  return result;
}

async function openTeacher(context: RunContext, spec: TrainSpec, teacher: TeacherSpec): Promise<Teacher> {
  const host = isTrained(teacher)
    ? fromArrays(await context.require(wideCell(context.cell, spec)!))
    : readWeights(teacher.weights, teacher.network);
  const view = wideView(spec)!;
  return { network: view.network, host: view.weights(host), weights: weightsOf(host) };
}

async function openPretrained(context: RunContext, pretrained: PretrainedSpec, spec: TrainSpec): Promise<HostWeights> {
  return 'run' in pretrained
    ? fromArrays(await context.require(pretrainedCell(context.cell, spec)!))
    : readWeights(pretrained.weights, pretrained.network);
}

/** How many examples and files could not be used; nothing where the data cannot lack any, or lack none. */
function skippedCount({ problems, named }: Dataset): { skipped?: number } {
  const count = (problems?.length ?? 0) + (named?.size ?? 0);
  return problems !== undefined || count > 0 ? { skipped: count } : {};
}

/** A tokenizer as a run keeps it, in JSON. */
function factsOf({ vocabulary, lowercase, settings }: TokenizerFacts): Json {
  return JSON.parse(JSON.stringify({ lowercase, settings, vocabulary })) as Json;
}

/** What a run has at its end. */
interface Ended {
  readonly data: Dataset & { readonly named: Set<string> };
  readonly network: Network;
  readonly teacher: Teacher | undefined;
  readonly weights: Weights;
}

interface Judged {
  readonly validation: Evaluation;
  readonly test: Evaluation;
  readonly scores: TaskScores['scores'];
  /** Discrepancy of the logits to the wide net's; null without one. */
  readonly distance: number | null;
}

/** How good a network is at the end of its run; all of it is logged. */
async function judged(context: RunContext, { data, network, teacher }: Ended, predict: Predictor): Promise<Judged> {
  const validation = await evaluate(data, data.validation, predict);
  const test = await evaluate(data, data.test, predict);
  context.log({ event: 'evaluation', when: 'end', split: 'validation', ...validation });
  context.log({ event: 'evaluation', when: 'end', split: 'test', ...test });
  for (const count of await rightByBlock(data, data.test, predict))
    context.log({ event: 'block', split: 'test', ...count });
  const { scores, answers } = (await data.score?.(predict)) ?? { scores: {}, answers: [] };
  for (const answer of answers) context.log({ event: 'answer', ...answer });
  if (teacher === undefined) return { validation, test, scores, distance: null };
  const logits = network.taps.at(-1)!;
  const distances = await tapDiscrepancy(
    data,
    data.validation,
    (x) => ({ [logits]: predict(x) }),
    (x) => teacher.network.apply(evaluation(teacher.weights), x),
  );
  return { validation, test, scores, distance: distances[logits]! };
}

async function outcome(context: RunContext, spec: TrainSpec, ended: Ended): Promise<Outcome> {
  const { data, network, weights } = ended;
  const predict = predictor(network, weights);
  const { validation, test, scores, distance } = await judged(context, ended, predict).finally(() => predict.dispose());
  const host = await toHost(weights);
  const infinite = infiniteIn({ ...host.params, ...host.state });
  if (infinite !== undefined) throw new DivergedError(`${infinite} at the end of the run; a lower learning rate helps`);
  const { steps, flops, teacherFlops } = costOf(spec);
  const tokenizer = await tokenizerOf(spec.data);
  return {
    arrays: toArrays(host),
    ...(tokenizer !== undefined && { tokenizer: factsOf(tokenizer) }),
    result: {
      validationAccuracy: validation.accuracy,
      testAccuracy: test.accuracy,
      testCrossEntropy: test.crossEntropy,
      ...(test.top5 !== undefined && { testTop5: test.top5 }),
      ...testFigures(spec.data, test),
      ...scores,
      ...skippedCount(data),
      logitDiscrepancy: distance,
      parameters: countValues(host.params),
      steps,
      gigaflops: flops / 1e9,
      teacherGigaflops: teacherFlops / 1e9,
    },
  };
}

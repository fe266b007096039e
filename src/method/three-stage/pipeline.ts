/**
 * The method on any network with named taps: start, imitation, merging, fine-tuning. Direct training and the rivals of
 * the three stages are the same with parts left out. Data passes one way: wide net -> imitation -> thin net.
 */
import { FailureError, UsageError } from '../../core/errors.js';
import { filled } from '../../core/host-array.js';
import { toBatch, type Batch, type Dataset } from '../../data/dataset.js';
import { productRounding } from '../../engine/rounding.js';
import { tf, type Scalar, type Tensor, type Tensors } from '../../engine/tensor.js';
import { evaluate, rankOf } from '../../metrics/evaluate.js';
import { commonTaps, relativeDistances } from '../../metrics/discrepancy.js';
import { evaluation, type Scope } from '../../nn/layers.js';
import { outputOf, type HostWeights, type Network } from '../../nn/network.js';
import { crossEntropy, klDivergence } from '../../optim/losses.js';
import { checkClone, cloneStage, foldClone, initialClone } from '../imitation/clone.js';
import { contributionsOf } from '../start/greedy.js';
import { checkTaps, groupsOf, type Division, type Group } from '../maps/groups.js';
import { hintLoss, imitatedGroups, imitationStages } from '../imitation/gradient.js';
import { checkMaps } from '../maps/check.js';
import { initialMaps } from '../maps/initial.js';
import { applyWithMaps, mapUp, upPath, withoutMaps } from '../maps/apply.js';
import { headOfWide, mergeMaps } from '../maps/merge.js';
import { imitateByRidge } from '../imitation/ridge.js';
import type { ImitationSpec, RecipeSpec, TrainSpec } from '../spec/spec.js';
import { sharedPaths, STARTS, startWeights, type StartKind } from '../start/start.js';
import { trainStages, type StageContext } from '../training/stages.js';
import type { TrainingStage } from '../training/training-step.js';
import { estimateStatistics } from '../values/statistics.js';
import { streamBasis } from '../start/stream.js';
import { disposeWeights, toHost, weightsOf, type Teacher, type Weights } from '../values/weights.js';

/** How a thin net is trained, beside the network itself: see src/method/spec/spec.ts for each part. */
export interface Procedure {
  readonly start: StartKind;
  readonly imitation: ImitationSpec | null;
  readonly training: TrainSpec['training'];
}

/** Where neither imitation nor hints say it. */
const DEFAULT_DIVISION: Division = { unit: 'stage', size: 1 };

/** How the network is divided for imitation, for hints and for the discrepancies that are recorded. */
function divisionOf({ imitation, training }: Procedure): Division {
  if (imitation?.by === 'gradient') return imitation;
  return training.hints ?? DEFAULT_DIVISION;
}

/** What a procedure needs a wide net for, in the words of a spec; nothing where the thin net is trained alone. */
export function needsOfWide({ imitation, training: { objective }, start }: Procedure): string[] {
  return [
    ...(imitation === null ? [] : ['imitation']),
    ...(STARTS[start].shares ? [`start "${start}"`] : []),
    ...(objective.teacher > 0 ? ['objective.teacher'] : []),
    ...(objective.hints > 0 ? ['objective.hints'] : []),
  ];
}

/**
 * Throws UsageError where hints after imitation would compare values of other widths: without imitation a map that is
 * trained with the net leads from one to the other, and the maps of imitation are gone when it ends.
 */
function checkHints(thin: Network, wide: Network, groups: readonly Group[]): void {
  const other = groups.find(({ tap }) => thin.width(tap) !== wide.width(tap));
  if (other === undefined) return;
  const [m, M] = [thin, wide].map((net) => net.width(other.tap));
  throw new UsageError(
    `invalid training spec: training.objective.hints: at ${other.tap} the thin net has ${m} channels and the wide one ` +
      `${M}; hints beside imitation need as many in both; expected hints of 0, or imitation null`,
  );
}

/**
 * The groups of a procedure, and those of them that are imitated; known before the wide net is trained. Throws
 * UsageError when it cannot work.
 */
export function planGroups(
  procedure: Procedure,
  thin: Network,
  wide: Network | undefined,
): { groups: Group[]; imitated: Group[] } {
  const { imitation, training, start } = procedure;
  const { objective } = training;
  if (wide === undefined) {
    const needs = needsOfWide(procedure);
    if (needs.length > 0)
      throw new UsageError(
        `invalid training spec: ${needs.join(', ')} need${needs.length === 1 ? 's' : ''} a wide net; give "teacher"`,
      );
  }
  if (objective.labels + objective.teacher + objective.hints <= 0)
    throw new UsageError('invalid training spec: training.objective is all zeros');
  if (objective.labels + objective.teacher <= 0)
    throw new UsageError(
      'invalid training spec: training.objective has hints alone, which do not reach the head; ' +
        'give labels or teacher, too',
    );
  const groups = groupsOf(thin, divisionOf(procedure));
  if (wide === undefined) return { groups, imitated: [] };
  checkTaps(thin, wide, divisionOf(procedure));
  const [own, theirs] = [thin, wide].map(({ width, taps }) => width(taps.at(-1)!));
  if (own !== theirs)
    throw new UsageError(
      `invalid training spec: the wide net has another number of classes, ${theirs}; the thin one has ${own}`,
    );
  if (imitation?.by === 'clone') {
    checkClone(thin, wide);
    if (!(STARTS[start].projects && STARTS[start].narrows === 'everywhere'))
      throw new UsageError(`invalid training spec: imitation by clone starts from "projected"; got start "${start}"`);
  }
  if (objective.hints > 0 && imitation !== null) checkHints(thin, wide, groups);
  if (imitation?.by !== 'gradient') return { groups, imitated: [] };
  checkMaps(imitation.maps, imitation.inputs, thin, wide, groups);
  return { groups, imitated: imitatedGroups(groups, Object.keys(thin.shapes), sharedPaths(start, thin, wide)) };
}

/**
 * How much merging may change the logits, relative to their size, where one product is rounded by so much: a few
 * layers add their roundings up. On an H100 with TF32 (3e-4 a product) a BERT of two layers changed by 3e-4.
 */
export function mergeTolerance(rounding: number): number {
  return Math.max(1e-4, 10 * rounding);
}

/** A network to be trained, and what it learns from. */
export interface Training {
  readonly thin: Network;
  readonly teacher?: Teacher | undefined;
  readonly data: Dataset;
  /** Takes the place of fresh values. */
  readonly pretrained?: HostWeights | undefined;
}

/**
 * Trains a thin net. The caller disposes the weights. Logs every step, the discrepancies after imitation and at the
 * end, and evaluations.
 */
export async function trainThin(
  context: StageContext,
  procedure: Procedure,
  { thin, teacher, data, pretrained }: Training,
): Promise<Weights> {
  const { groups, imitated } = planGroups(procedure, thin, teacher?.network);
  const run: Run = { context, procedure, thin, teacher, data, groups, pretrained };
  const stages = imitationOf(run, imitated);
  return trainStages(context, data, () => begin(run), [...stages, tuningStage(run)]);
}

/** The stages of imitation with steps; the last one ends with the thin net alone, without maps. */
function imitationOf(run: Run, imitated: readonly Group[]): TrainingStage[] {
  const { procedure, thin, teacher, groups } = run;
  const { imitation } = procedure;
  if (imitation?.by === 'clone') return [cloneStage(imitation, thin, teacher!, (weights) => finishClone(run, weights))];
  if (imitation?.by !== 'gradient') return [];
  const stages = imitationStages(imitation, thin, teacher!, groups, imitated);
  return stages.map((stage, i) =>
    i < stages.length - 1 ? stage : { ...stage, after: (weights) => finishImitation(run, weights) },
  );
}

interface Run {
  readonly context: StageContext;
  readonly procedure: Procedure;
  readonly thin: Network;
  readonly teacher: Teacher | undefined;
  readonly data: Dataset;
  readonly groups: readonly Group[];
  readonly pretrained: HostWeights | undefined;
}

/** The thin net before its first gradient step: maps beside it, and fitted in closed form where that is asked for. */
async function begin(run: Run): Promise<HostWeights> {
  const { context, procedure, thin, teacher, data, groups } = run;
  const { seed } = context;
  const { imitation, training } = procedure;
  const needsBasis = STARTS[procedure.start].projects || (imitation?.by === 'gradient' && imitation.maps === 'stream');
  const basis = teacher !== undefined && needsBasis ? await streamBasis(thin, teacher, data) : undefined;
  const contributions =
    teacher !== undefined && STARTS[procedure.start].imitates ? await contributionsOf(thin, teacher, data) : undefined;
  const start = startWeights(procedure.start, seed, thin, teacher, {
    basis,
    pretrained: run.pretrained,
    contributions,
  });
  if (teacher === undefined) return start.host;
  if (imitation?.by === 'ridge') {
    const fitted = await imitateByRidge(
      imitation,
      {
        network: thin,
        weights: weightsOf(start.host),
        teacher,
        selection: start.selection,
        basis: STARTS[procedure.start].projects ? basis?.basis : undefined,
      },
      data,
      { seed, progress: (done, total) => context.progress('imitate in closed form', done, total) },
    );
    try {
      await recordImitation(run, fitted);
      return await toHost(fitted);
    } finally {
      disposeWeights(fitted);
    }
  }
  if (imitation?.by === 'clone')
    return { params: { ...start.host.params, ...initialClone(thin, start, basis!) }, state: start.host.state };
  const kind = imitation !== null ? imitation.maps : training.objective.hints > 0 ? 'up' : 'none';
  const maps = await initialMaps(
    kind,
    { thin, start: start.host, teacher, groups, selection: start.selection, basis },
    data,
  );
  return { params: { ...start.host.params, ...maps }, state: start.host.state };
}

/** The wide net's head, the maps merged, the statistics estimated anew; and what that leaves is recorded. */
async function finishImitation(run: Run, weights: Weights): Promise<Weights> {
  const { context, procedure, thin, teacher, data, groups } = run;
  const head = headOfWide(thin, teacher!, weights.params, groups.at(-1)!.tap) ?? {};
  // the wide net's head already reads wide values: the last boundary's own pair is merged with it
  const withHead: Weights = {
    params: withoutLastPair({ ...weights.params, ...head }, groups, Object.keys(head).length > 0),
    state: weights.state,
  };
  const made = [head];
  let stays = weights;
  try {
    const merged = mergeMaps(thin, withHead, groups);
    made.push(merged.params);
    const difference = await withInputs(data, (x) => mergeDifference(thin, withHead, merged, groups, x));
    await checkMerged(difference);
    if (groups.some(({ tap }) => weights.params[`maps/${tap}/down`] !== undefined))
      context.log({ event: 'merge', difference });
    const state = await estimateStatistics(thin, merged, data, procedure.training.batch, context.seed);
    made.push(state);
    const estimated: Weights = { params: merged.params, state };
    await recordImitation(run, estimated, weights.params);
    stays = estimated;
    return estimated;
  } finally {
    // tensors of the head that merging replaced again; all of them where something was thrown
    const kept = new Set([...Object.values(stays.params), ...Object.values(stays.state)]);
    for (const tensor of made.flatMap((tensors) => Object.values(tensors))) if (!kept.has(tensor)) tensor.dispose();
  }
}

/** The projections folded into the thin net's matrices; and what that leaves is recorded. */
async function finishClone(run: Run, weights: Weights): Promise<Weights> {
  const { context, thin, data } = run;
  const folded: Weights = { params: tf.tidy(() => foldClone(thin, weights.params)), state: weights.state };
  try {
    const difference = await withInputs(data, (x) => {
      const logits = (scope: Scope): Tensor => thin.apply(scope, x)[thin.taps.at(-1)!]!;
      return relativeDifference(
        () => logits({ ...evaluation(weights), params: foldClone(thin, weights.params) }),
        () => logits(evaluation(folded)),
      );
    });
    await checkMerged(difference);
    context.log({ event: 'merge', difference });
    await recordImitation(run, folded);
  } catch (error) {
    disposeWeights(folded);
    throw error;
  }
  return folded;
}

function withoutLastPair(params: Tensors, groups: readonly Group[], hasWideHead: boolean): Tensors {
  const last = `maps/${groups.at(-1)!.tap}/`;
  return hasWideHead ? Object.fromEntries(Object.entries(params).filter(([path]) => !path.startsWith(last))) : params;
}

/** What `use` gives for some examples of the validation split; their tensor is freed. */
async function withInputs<Value>(data: Dataset, use: (x: Tensor) => Promise<Value>): Promise<Value> {
  const count = Math.min(16, data.validation.count);
  const { x, y } = toBatch(data, await data.validation.batch(filled(new Uint32Array(count), (i) => i)));
  y.dispose();
  try {
    return await use(x);
  } finally {
    x.dispose();
  }
}

async function checkMerged(difference: number): Promise<void> {
  const allowed = mergeTolerance(await productRounding());
  if (!(difference <= allowed))
    throw new FailureError(
      `merging the maps changed the logits by ${difference} of their size, at most ${allowed} is allowed`,
    );
}

/** Largest difference of the logits before and after merging, relative to the largest logit. */
async function mergeDifference(
  thin: Network,
  before: Weights,
  after: Weights,
  groups: readonly Group[],
  x: Tensor,
): Promise<number> {
  return relativeDifference(
    () => applyWithMaps(thin, evaluation(before), groups, x),
    () => thin.apply(evaluation(after), x)[thin.taps.at(-1)!]!,
  );
}

/** Largest difference of two tensors, relative to the largest value of the first. */
async function relativeDifference(one: () => Tensor, other: () => Tensor): Promise<number> {
  const ratio = tf.tidy(() => {
    const first = one();
    return tf.div(tf.max(tf.abs(tf.sub(first, other()))), tf.max(tf.abs(first)));
  });
  try {
    return (await ratio.data())[0]!;
  } finally {
    ratio.dispose();
  }
}

async function recordImitation(run: Run, weights: Weights, maps: Tensors = {}): Promise<void> {
  const { context, thin, data } = run;
  await recordDiscrepancies(run, 'imitation', weights, maps);
  const { accuracy } = await evaluate(data, data.validation, (x) => outputOf(thin, evaluation(weights), x));
  context.log({ event: 'evaluation', when: 'imitation', split: 'validation', accuracy });
}

/** Whether the thin net's values at every boundary can be handed to the wide net: as they are, or raised by a map. */
function canRaise(thin: Network, { network }: Teacher, groups: readonly Group[], maps: Tensors): boolean {
  return groups.every(({ tap }) => thin.width(tap) === network.width(tap) || maps[upPath(tap)]?.shape.length === 2);
}

/**
 * Distances to the wide net on the validation split: of each tap; of each group alone, fed with the wide net's values;
 * and the telescoped sum: with hybrids H_l that are the wide net up to boundary l and the thin one after it, thin -
 * wide = sum_l (H_{l-1} - H_l). Where the widths differ and maps up were learnt, H_l is the other hybrid: the thin net
 * up to boundary l, raised by the map, and the wide one after it.
 */
async function recordDiscrepancies(
  { context, thin, teacher, data, groups }: Run,
  when: string,
  weights: Weights,
  maps: Tensors = {},
): Promise<void> {
  if (teacher === undefined) return;
  const scope = evaluation(weights);
  const logits = thin.taps.at(-1)!;
  const sameWidths = groups.every(({ tap }) => thin.width(tap) === teacher.network.width(tap));
  const distances = await relativeDistances(data, data.validation, (x) => {
    const [own, values] = [thin.apply(scope, x), teacher.network.apply(evaluation(teacher.weights), x)];
    const taps = commonTaps(own, values).map(
      (tap) => [`discrepancy ${tap}`, [own[tap]!, values[tap]!, values[tap]!]] as const,
    );
    const telescoped = (hybrids: readonly Tensor[]): (readonly [string, readonly [Tensor, Tensor, Tensor]])[] =>
      [...groups.map(({ tap }) => tap), logits].map(
        (tap, l) => [`hybrid ${tap}`, [hybrids[l]!, hybrids[l + 1]!, values[logits]!]] as const,
      );
    if (!sameWidths) {
      if (!canRaise(thin, teacher, groups, maps)) return Object.fromEntries(taps);
      const after = groups.map(
        ({ tap }) =>
          teacher.network.apply(evaluation(teacher.weights), mapUp(maps, tap, own[tap]!), { from: tap, input: x })[
            logits
          ]!,
      );
      return Object.fromEntries([...taps, ...telescoped([values[logits]!, ...after, own[logits]!])]);
    }
    const steps = telescoped([
      own[logits]!,
      ...groups.map(({ tap }) => thin.apply(scope, values[tap]!, { from: tap, input: x })[logits]!),
      values[logits]!,
    ]);
    const alone = groups.map(
      ({ tap, from }) =>
        [
          `alone ${tap}`,
          [
            thin.apply(scope, from === undefined ? x : values[from]!, { from, input: x, until: tap })[tap]!,
            values[tap]!,
            values[tap]!,
          ],
        ] as const,
    );
    return Object.fromEntries([...taps, ...steps, ...alone]);
  });
  for (const [name, discrepancy] of Object.entries(distances)) {
    const [event, tap] = [name.slice(0, name.indexOf(' ')), name.slice(name.indexOf(' ') + 1)];
    context.log({ event, when, tap, discrepancy });
  }
}

/** The last stage: the labels, the wide net's outputs, hints, or a mixture. */
function tuningStage(run: Run): TrainingStage {
  const { procedure, thin, teacher, groups } = run;
  const { objective } = procedure.training;
  const wanted = [...(objective.hints > 0 ? groups.map(({ tap }) => tap) : []), thin.taps.at(-1)!];
  return {
    name: teacher === undefined ? 'train' : 'fine-tune',
    recipe: procedure.training as RecipeSpec,
    trainable: () => true,
    statisticsWeight: thin.statisticsWeight,
    targets: (x) => {
      if (teacher === undefined || objective.teacher + objective.hints === 0) return {};
      const values = teacher.network.apply(evaluation(teacher.weights), x, { only: objective.hints === 0 });
      return Object.fromEntries(wanted.map((tap) => [tap, values[tap]!]));
    },
    loss: (scope, batch, targets) => tuningLoss(run, scope, batch, targets),
    judge: async (weights) => {
      const predict = (x: Tensor): Tensor => outputOf(thin, evaluation(weights), x);
      const found = await evaluate(run.data, run.data.validation, predict);
      return { score: rankOf(found, run.data), figures: { split: 'validation', ...found } };
    },
    after: async ({ params, state }) => {
      const own: Weights = { params: withoutMaps(params), state };
      // batch norm's running statistics are those of the values on the way, not of their moving averages
      const { ema, batch } = procedure.training;
      const { data, context } = run;
      const ended: Weights =
        ema === undefined
          ? own
          : { params: own.params, state: await estimateStatistics(thin, own, data, batch, context.seed) };
      await recordDiscrepancies(run, 'end', ended);
      return ended;
    },
  };
}

function tuningLoss({ procedure, thin, groups }: Run, scope: Scope, { x, y }: Batch, targets: Tensors): Scalar {
  const { objective, hints } = procedure.training;
  const logits = thin.taps.at(-1)!;
  const taps = thin.apply(scope, x, { only: objective.hints === 0 });
  const parts: Scalar[] = [];
  const add = (weight: number, loss: () => Scalar): void =>
    void (weight > 0 && parts.push(weight === 1 ? loss() : tf.mul(loss(), weight)));
  add(objective.labels, () => crossEntropy(taps[logits]!, y, objective.labelSmoothing));
  add(objective.teacher, () => klDivergence(taps[logits]!, targets[logits]!, objective.temperature));
  add(objective.hints, () => hintLoss(hints?.loss ?? 'relative-mse', groups, scope.params, taps, targets));
  const penalty = thin.penalty?.(scope);
  if (penalty !== undefined) parts.push(penalty);
  return parts.length === 1 ? parts[0]! : tf.addN(parts);
}

/**
 * The method on any network with named taps: start, imitation, merging, fine-tuning. Direct training and the rivals of
 * the three stages are the same with parts left out. Data passes one way: wide net -> imitation -> thin net.
 */
import { UsageError } from '../../core/errors.js';
import type { Batch, Dataset } from '../../data/dataset.js';
import { tf, type Scalar, type Tensor, type Tensors } from '../../engine/tensor.js';
import { evaluate, rankOf } from '../../metrics/evaluate.js';
import { commonTaps, relativeDistances } from '../../metrics/discrepancy.js';
import { evaluation, type Scope } from '../../nn/layers.js';
import { outputOf, type HostWeights, type Network } from '../../nn/network.js';
import { crossEntropy, klDivergence } from '../../optim/losses.js';
import { contributionsOf } from '../start/greedy.js';
import { checkTaps, groupsOf, type Division, type Group } from '../maps/groups.js';
import { hintLoss } from '../imitation/gradient.js';
import type { Imitating } from '../imitation/way.js';
import { divisionIn, mapsIn, wayOf } from '../imitation/ways.js';
import { initialMaps } from '../maps/initial.js';
import { mapUp, upPath, withoutMaps } from '../maps/apply.js';
import { forData } from '../matching/padding.js';
import type { ImitationSpec, RecipeSpec, TrainSpec } from '../spec/spec.js';
import { STARTS, startWeights, type StartKind } from '../start/start.js';
import { trainStages, type StageContext } from '../training/stages.js';
import type { TrainingStage } from '../training/training-step.js';
import { estimateStatistics } from '../values/statistics.js';
import { streamBasis } from '../start/stream.js';
import type { Teacher, Weights } from '../values/weights.js';

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
  return divisionIn(imitation) ?? training.hints ?? DEFAULT_DIVISION;
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
  if (imitation === null) return { groups, imitated: [] };
  if (objective.hints > 0) checkHints(thin, wide, groups);
  return { groups, imitated: wayOf(imitation).plan(imitation, { thin, wide, groups, start }) };
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
  { data, pretrained, ...nets }: Training,
): Promise<Weights> {
  const thin = forData(nets.thin, data);
  const teacher = nets.teacher && { ...nets.teacher, network: forData(nets.teacher.network, data) };
  const { groups, imitated } = planGroups(procedure, thin, teacher?.network);
  const run: Run = { context, procedure, thin, teacher, data, groups, pretrained };
  const stages = imitationOf(run, imitated);
  return trainStages(context, data, () => begin(run), [...stages, tuningStage(run)]);
}

/** The stages of imitation with steps; the last one ends with the thin net alone, without maps. */
function imitationOf(run: Run, imitated: readonly Group[]): TrainingStage[] {
  const { imitation } = run.procedure;
  return imitation === null ? [] : wayOf(imitation).stages(imitation, imitating(run), imitated);
}

/** A run as a way to imitate sees it. */
function imitating(run: Run): Imitating {
  const { context, thin, teacher, data, groups, procedure } = run;
  const record: Imitating['record'] = (weights, maps) => recordImitation(run, weights, maps);
  return { context, thin, teacher: teacher!, data, groups, batch: procedure.training.batch, record };
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
  const { projects, imitates } = STARTS[procedure.start];
  const kind = imitation !== null ? mapsIn(imitation) : training.objective.hints > 0 ? 'up' : 'none';
  const needsBasis = projects || kind === 'stream';
  const basis = teacher !== undefined && needsBasis ? await streamBasis(thin, teacher, data) : undefined;
  const contributions = teacher !== undefined && imitates ? await contributionsOf(thin, teacher, data) : undefined;
  const start = startWeights(procedure.start, seed, thin, teacher, {
    basis,
    pretrained: run.pretrained,
    contributions,
  });
  if (teacher === undefined) return start.host;
  const way = imitation === null ? undefined : wayOf(imitation);
  if (way?.begin !== undefined) return way.begin(imitation!, imitating(run), { start, projects, basis });
  const maps = await initialMaps(
    kind,
    { thin, start: start.host, teacher, groups, selection: start.selection, basis },
    data,
  );
  return { params: { ...start.host.params, ...maps }, state: start.host.state };
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
  add(objective.hints, () => {
    const presence = thin.presence?.(x);
    return hintLoss(hints?.loss ?? 'relative-mse', groups, scope.params, { taps, targets, presence });
  });
  const penalty = thin.penalty?.(scope);
  if (penalty !== undefined) parts.push(penalty);
  return parts.length === 1 ? parts[0]! : tf.addN(parts);
}

/** Layerwise imitation by gradient: the paper's second stage. */
import { detach } from '../../engine/ops/gradients.js';
import { tf, type Scalar, type Tensor, type Tensors } from '../../engine/tensor.js';
import { evaluation, type Scope } from '../../nn/layers.js';
import type { Network } from '../../nn/network.js';
import { presenceAt } from '../../nn/presence.js';
import { imitationLoss, isRelative, type ImitationLoss, type ImitationLossName } from '../../optim/losses.js';
import type { Group } from '../maps/groups.js';
import { applyWithMaps, downPath, mapAcrossConstant, mapDown, mapUp, upPath } from '../maps/apply.js';
import { checkMaps } from '../maps/check.js';
import { headOfWide, mergeMaps } from '../maps/merge.js';
import { mergedDifference } from '../maps/merging.js';
import type { GradientImitation } from '../spec/spec.js';
import { sharedPaths } from '../start/start.js';
import type { TrainingStage } from '../training/training-step.js';
import { estimateStatistics } from '../values/statistics.js';
import type { Teacher, Weights } from '../values/weights.js';
import { checkNoEvaluations, type Imitating, type ImitationWay } from './way.js';

/** Groups that there is something to learn in: not those that are the wide net's own already. */
export function imitatedGroups(
  groups: readonly Group[],
  paths: readonly string[],
  shared: ReadonlySet<string>,
): Group[] {
  return groups.filter(({ owns }) => paths.some((path) => owns(path) && !shared.has(path)));
}

/** The stages of imitation: one for each group, or one for all. */
export function imitationStages(
  spec: GradientImitation,
  thin: Network,
  teacher: Teacher,
  groups: readonly Group[],
  imitated: readonly Group[],
): TrainingStage[] {
  const stage = (name: string, which: readonly Group[]): TrainingStage => {
    const last = which.at(-1)!.tap;
    return {
      name,
      recipe: spec.recipe,
      trainable: (path) =>
        which.some(
          ({ tap, from, owns }) =>
            path === upPath(tap) ||
            (from !== undefined && path === downPath(from)) ||
            (!path.startsWith('maps/') && owns(path)),
        ),
      statisticsWeight: thin.statisticsWeight,
      targets: (x) => boundaryValues(teacher, groups, last, x),
      loss: (scope, { x }, targets) => groupLosses({ spec, thin, groups, which }, scope, x, targets),
    };
  };
  if (spec.order === 'joint') return imitated.length === 0 ? [] : [stage('imitate all', imitated)];
  return imitated.map((group) => stage(`imitate ${group.tap}`, [group]));
}

/** The wide net's values at the boundaries up to `last`. */
function boundaryValues({ network, weights }: Teacher, groups: readonly Group[], last: string, x: Tensor): Tensors {
  const values = network.apply(evaluation(weights), x, { until: last });
  return Object.fromEntries(
    groups.filter(({ tap }) => values[tap] !== undefined).map(({ tap }) => [tap, values[tap]!]),
  );
}

/** What is imitated in a stage: of all groups of the thin net, those that learn. */
interface Imitation {
  readonly spec: GradientImitation;
  readonly thin: Network;
  readonly groups: readonly Group[];
  readonly which: readonly Group[];
}

/**
 * Sum over the groups `which` of the distance to the wide net's values. Each group reads the wide net's value before
 * it, or the thin net's own.
 */
function groupLosses({ spec, thin, groups, which }: Imitation, scope: Scope, x: Tensor, targets: Tensors): Scalar {
  const distance = tokenDistance(spec.loss, thin.presence?.(x));
  const losses: Scalar[] = [];
  let own = x;
  for (const group of groups.slice(0, groups.indexOf(which.at(-1)!) + 1)) {
    const { tap, from } = group;
    const learns = which.includes(group);
    if (spec.inputs === 'wide' && !learns) continue;
    const input =
      from === undefined
        ? x
        : spec.inputs === 'wide'
          ? mapDown(scope.params, from, targets[from]!)
          : mapAcrossConstant(scope.params, from, own);
    const value = thin.apply(scope, input, { from, input: x, until: tap })[tap]!;
    if (learns) losses.push(distance(mapUp(scope.params, tap, value), targets[tap]!));
    own = learns ? detach(value) : value;
  }
  return losses.length === 1 ? losses[0]! : tf.addN(losses);
}

/**
 * The loss of that name as a mean over tokens. Padding is 0 in both values, and adds nothing, but a mean is also over
 * its rows; a relative loss is not.
 */
function tokenDistance(name: ImitationLossName, presence: Tensor | undefined): ImitationLoss {
  const distance = imitationLoss(name);
  if (presence === undefined || isRelative(name)) return distance;
  return (thin, wide) => {
    const loss = distance(thin, wide);
    const counted = presenceAt(thin, presence);
    return counted === undefined ? loss : tf.mul(loss, tf.div(counted.size, tf.sum(counted)));
  };
}

/** Values at taps, by name, and which of their rows count. */
export interface HintValues {
  readonly taps: Tensors;
  readonly targets: Tensors;
  /** As {@link Network.presence} gives it, where it does. */
  readonly presence?: Tensor | undefined;
}

/** Mean over the groups of the distance to the wide net, all in one pass: FitNet hints. Romero et al. 2015. */
export function hintLoss(
  loss: ImitationLossName,
  groups: readonly Group[],
  params: Tensors,
  { taps, targets, presence }: HintValues,
): Scalar {
  const distance = tokenDistance(loss, presence);
  const distances = groups.map(({ tap }) => distance(mapUp(params, tap, taps[tap]!), targets[tap]!));
  return tf.div(tf.addN(distances), groups.length);
}

/** The wide net's head, the maps merged, the statistics estimated anew; and what that leaves is recorded. */
async function finishImitation(run: Imitating, weights: Weights): Promise<Weights> {
  const { context, thin, teacher, data, groups, batch } = run;
  const head = headOfWide(thin, teacher, weights.params, groups.at(-1)!.tap) ?? {};
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
    const difference = await mergedDifference(
      data,
      (x) => applyWithMaps(thin, evaluation(withHead), groups, x),
      (x) => thin.apply(evaluation(merged), x)[thin.taps.at(-1)!]!,
    );
    if (groups.some(({ tap }) => weights.params[downPath(tap)] !== undefined))
      context.log({ event: 'merge', difference });
    const state = await estimateStatistics(thin, merged, data, batch, context.seed);
    made.push(state);
    const estimated: Weights = { params: merged.params, state };
    await run.record(estimated, weights.params);
    stays = estimated;
    return estimated;
  } finally {
    // tensors of the head that merging replaced again; all of them where something was thrown
    const kept = new Set([...Object.values(stays.params), ...Object.values(stays.state)]);
    for (const tensor of made.flatMap((tensors) => Object.values(tensors))) if (!kept.has(tensor)) tensor.dispose();
  }
}

function withoutLastPair(params: Tensors, groups: readonly Group[], hasWideHead: boolean): Tensors {
  const last = `maps/${groups.at(-1)!.tap}/`;
  return hasWideHead ? Object.fromEntries(Object.entries(params).filter(([path]) => !path.startsWith(last))) : params;
}

/** Imitation by gradient steps. */
export const byGradient: ImitationWay<GradientImitation> = {
  examples: ({ recipe }) => recipe.batch,
  check: (path, { recipe }) => checkNoEvaluations(path, recipe),
  division: (spec) => spec,
  maps: ({ maps }) => maps,
  plan: ({ maps, inputs }, { thin, wide, groups, start }) => {
    checkMaps(maps, inputs, thin, wide, groups);
    return imitatedGroups(groups, Object.keys(thin.shapes), sharedPaths(start, thin, wide));
  },
  stages: (spec, run, imitated) => {
    const stages = imitationStages(spec, run.thin, run.teacher, run.groups, imitated);
    return stages.map((stage, i) =>
      i < stages.length - 1 ? stage : { ...stage, after: (weights) => finishImitation(run, weights) },
    );
  },
};

/**
 * What training costs in steps and floating-point operations, known before it starts. A multiply-add counts as two
 * operations, and a gradient as twice its forward pass.
 */
import { forwardFlops, type Network } from '../nn/network.js';
import { cloneFlops } from './clone.js';
import type { Group } from './groups.js';
import type { ImitationSpec } from './spec.js';

interface Length {
  readonly steps: number;
  readonly batch: number;
}

/** Cost of a run, in steps and floating-point operations. */
export interface Cost {
  /** Steps of the thin net's own training. */
  readonly steps: number;
  /** Operations of the thin net's training. */
  readonly flops: number;
  /** Operations of the wide net's forward passes meanwhile. */
  readonly teacherFlops: number;
}

/** What the cost of training a thin net depends on. */
export interface Plan {
  readonly thin: Network;
  readonly wide: Network | undefined;
  /** Shape of one example. */
  readonly shape: readonly number[];
  /** Groups that there is something to imitate in. */
  readonly imitated: readonly Group[];
  readonly imitation: ImitationSpec | null;
  readonly training: Length;
  /** Whether the wide net is asked for its outputs while the thin one is fine-tuned. */
  readonly watches: boolean;
}

/** Floating-point operations of training a whole network: three forward passes for each example of each step. */
export function trainingFlops(network: Network, shape: readonly number[], { steps, batch }: Length): number {
  return 3 * steps * batch * forwardFlops(network, shape);
}

function imitationCost({ thin, wide, shape, imitated, imitation }: Plan): Cost {
  if (imitation === null || wide === undefined) return { steps: 0, flops: 0, teacherFlops: 0 };
  const layers = Object.keys(thin.flops(shape)).length;
  if (imitation.by === 'ridge') {
    // every layer's inputs are computed anew
    const passes = imitation.images * layers;
    return { steps: 0, flops: passes * forwardFlops(thin, shape), teacherFlops: passes * forwardFlops(wide, shape) };
  }
  const { steps, batch } = imitation.recipe;
  if (imitation.by === 'clone') {
    return {
      steps,
      flops: trainingFlops(thin, shape, imitation.recipe) + 3 * steps * cloneFlops(thin, wide),
      teacherFlops: steps * batch * forwardFlops(wide, shape),
    };
  }
  const upTo = (network: Network, tap: string | undefined): number =>
    tap === undefined ? 0 : forwardFlops(network, shape, tap);
  const stages = imitation.order === 'joint' ? [imitated] : imitated.map((group) => [group]);
  const parts = stages
    .filter((which) => which.length > 0)
    .map((which) => {
      const last = which.at(-1)!.tap;
      const learnt = which.reduce((sum, { tap, from }) => sum + upTo(thin, tap) - upTo(thin, from), 0);
      const read = imitation.inputs === 'own' ? upTo(thin, last) : learnt;
      return { flops: steps * batch * (read + 2 * learnt), teacherFlops: steps * batch * upTo(wide, last) };
    });
  return {
    steps: steps * parts.length,
    flops: parts.reduce((sum, { flops }) => sum + flops, 0),
    teacherFlops: parts.reduce((sum, { teacherFlops }) => sum + teacherFlops, 0),
  };
}

/** Cost of imitation and fine-tuning together, without the wide net's own training. */
export function totalCost(plan: Plan): Cost {
  const { thin, wide, shape, training, watches } = plan;
  const imitation = imitationCost(plan);
  return {
    steps: imitation.steps + training.steps,
    flops: imitation.flops + trainingFlops(thin, shape, training),
    teacherFlops:
      imitation.teacherFlops +
      (watches && wide !== undefined ? training.steps * training.batch * forwardFlops(wide, shape) : 0),
  };
}

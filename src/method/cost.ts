/** What a training run costs, known before it starts: operations, expected seconds, expected memory. */
import { exampleShape } from '../data/index.js';
import { networkOf, parameterCount } from '../models/index.js';
import type { Network } from '../nn/network.js';
import { OPTIMIZER_STATE } from '../optim/optimizer.js';
import { wideView } from './align.js';
import { totalCost, trainingFlops, type Cost } from './budget.js';
import { planGroups } from './pipeline.js';
import { isTrained, type TrainSpec } from './spec.js';

/** Steps and operations of a run, without its wide net's own training. */
export function ownCost(spec: TrainSpec): Cost {
  const [thin, wide] = [networkOf(spec.network), wideView(spec)?.network];
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

/** Steps and operations of a run, its wide net's own training included. */
export function costOf(spec: TrainSpec): Cost {
  const cost = ownCost(spec);
  const wideTraining = isTrained(spec.teacher)
    ? trainingFlops(networkOf(spec.teacher.network), exampleShape(spec.data), spec.teacher.recipe)
    : 0;
  return { ...cost, teacherFlops: cost.teacherFlops + wideTraining };
}

/** Floating-point operations per second that the products of training attain on one core of a small machine. */
export const EXPECTED_FLOPS = 110e9;
/** Seconds that each tensor of a network, and each output position of its convolutions, adds to a step. */
const EXPECTED_SECONDS = { tensor: 7e-6, position: 2.4e-8, watchedTensor: 4e-6, watchedPosition: 2.9e-8 } as const;

interface Passes {
  readonly tensors: number;
  /** Positions of the outputs of all convolutions of a batch, as if none had a stride. */
  readonly positions: number;
}

function passesOf(network: Network, spec: TrainSpec): Passes {
  const shapes = Object.values(network.shapes);
  const convolutions = shapes.filter(({ length }) => length === 4).length;
  const positions = exampleShape(spec.data)
    .slice(0, -1)
    .reduce((product, size) => product * size, spec.training.batch);
  return { tensors: shapes.length, positions: convolutions * positions };
}

/**
 * Expected seconds of a compiled training step of `flops` operations on one core of a small machine, without a wide
 * net: the step's own overhead and that of each parameter, the arithmetic, and the passes over the outputs of
 * convolutions, which are most of a thin ResNet's time. Fitted, as {@link expectedSeconds}, to 24 arms of scale minutes
 * on two threads of one core (2026-11-26; all but two within a third).
 */
export function stepSeconds(spec: TrainSpec, flops: number): number {
  const { tensors, positions } = passesOf(networkOf(spec.network), spec);
  return 6e-4 + EXPECTED_SECONDS.tensor * tensors + EXPECTED_SECONDS.position * positions + flops / EXPECTED_FLOPS;
}

/** Expected seconds of a run without its wide net's own training, on one core of a small machine. */
export function expectedSeconds(spec: TrainSpec): number {
  const { steps, flops, teacherFlops } = ownCost(spec);
  const { objective } = spec.training;
  const wide = objective.teacher + objective.hints > 0 || spec.imitation !== null ? wideView(spec)?.network : undefined;
  const { tensors, positions } = wide === undefined ? { tensors: 0, positions: 0 } : passesOf(wide, spec);
  const watching = EXPECTED_SECONDS.watchedTensor * tensors + EXPECTED_SECONDS.watchedPosition * positions;
  return steps * (stepSeconds(spec, (flops + teacherFlops) / Math.max(1, steps)) + watching) + 0.3;
}

/** Floating-point operations of the heaviest training step of a run: the wide net's, where one is trained. */
export function stepFlops(spec: TrainSpec): number {
  const [network, batch] = isTrained(spec.teacher)
    ? [spec.teacher.network, spec.teacher.recipe.batch]
    : [spec.network, spec.training.batch];
  return trainingFlops(networkOf(network), exampleShape(spec.data), { steps: 1, batch });
}

const FLOAT = 4;

/**
 * Memory of a training step in bytes: the thin net's parameters with their gradients and optimizer state, the wide
 * net's parameters where it is watched, and `activations` bytes of what the step keeps for its gradients.
 */
export function stepMemory(spec: TrainSpec, activations: number): number {
  const own = parameterCount(spec.network) * (2 + OPTIMIZER_STATE[spec.training.optimizer.kind].length);
  const watched = spec.teacher === null ? 0 : parameterCount(spec.teacher.network);
  return FLOAT * (own + watched) + activations;
}

/** What an engine takes before it computes anything, in bytes. */
const ENGINE_MEMORY = 2 ** 29;

/**
 * Expected memory of a run in bytes, by which a GPU is chosen. A training step was measured to keep some 0.005 bytes
 * for each operation (ResNet-50 with 8 x 224 px 0.005, BERT_BASE with 8 x 128 tokens 0.003).
 */
export function expectedMemory(spec: TrainSpec): number {
  return ENGINE_MEMORY + stepMemory(spec, 0.005 * stepFlops(spec));
}

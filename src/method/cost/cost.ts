/** What a training run costs, known before it starts: operations, expected seconds, expected memory. */
import { sizeOf } from '../../core/host-array.js';
import { oncePer } from '../../core/memo.js';
import { FLOAT32_BYTES } from '../../core/memory.js';
import { exampleShape } from '../../data/index.js';
import { networkOf, parameterCount } from '../../models/index.js';
import { forwardFlops, type Network } from '../../nn/network.js';
import { OPTIMIZER_STATE } from '../../optim/optimizer.js';
import { wideView } from '../matching/align.js';
import { ridgeMemory, totalCost, trainingFlops, type Cost } from './budget.js';
import { planGroups } from '../three-stage/pipeline.js';
import { isTrained, type RecipeSpec, type TrainSpec } from '../spec/spec.js';

/** Steps and operations of a run, without its wide net's own training; computed once for each spec. */
export const ownCost = oncePer((spec: TrainSpec): Cost => {
  const [thin, wide] = [networkOf(spec.network), wideView(spec)?.network];
  const { groups, imitated } = planGroups(spec, thin, wide);
  const { objective } = spec.training;
  const shape = exampleShape(spec.data);
  return totalCost({
    thin,
    wide,
    shape,
    start: spec.start,
    groups,
    imitated,
    imitation: spec.imitation,
    training: spec.training,
    watches: objective.teacher + objective.hints > 0,
    hints: objective.hints > 0,
  });
});

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

/** What a training step takes on one core of a small machine. */
interface Speed {
  /** Operations a second. */
  readonly flops: number;
  /** Seconds of a run beside its steps, and what imitation adds: what is set up, compiled and evaluated. */
  readonly run: number;
  readonly imitation: number;
  /** Seconds of a step that imitates over those of one that does not. */
  readonly imitating: number;
  /** Seconds that each step takes, whatever its network. */
  readonly step: number;
  /** Seconds that each tensor of a network adds, each output position of its convolutions, each output of either. */
  readonly tensor: number;
  readonly position: number;
  readonly output: number;
  /** Seconds that the positions and outputs of a wide net add that is watched. */
  readonly watchedPosition: number;
  readonly watchedOutput: number;
}

/**
 * Fitted to arms of scale minutes: compiled steps of TensorFlow to the seconds that all 37 took in two runs with two of
 * them at work on two cores (2026-11-27, root mean square of the errors 15 %, the largest 48 %), but for `imitating`,
 * which came later, from three arms whose imitating steps took 1.6 to 2.6 times as long as the others (2026-11-28);
 * those errors were not measured anew. WebAssembly to the processor time of all 19 arms of a run (2026-11-29, replayed
 * steps; those of more than two seconds within a fifth, but for three stages on strings, which take 1.4 times less).
 */
const SPEEDS = {
  tensorflow: {
    ...{ flops: EXPECTED_FLOPS, run: 0.23, imitation: 0.09, imitating: 1.8, step: 4.7e-4 },
    ...{ tensor: 0, position: 6.8e-9, output: 6.8e-9 },
    ...{ watchedPosition: 1.4e-8, watchedOutput: 3.1e-9 },
  },
  wasm: {
    ...{ flops: 43e9, run: 0.65, imitation: 0, imitating: 1.8, step: 1e-4 },
    ...{ tensor: 1e-6, position: 3.1e-8, output: 6.5e-9 },
    ...{ watchedPosition: 0, watchedOutput: 1.3e-8 },
  },
} as const satisfies Readonly<Record<string, Speed>>;

/** The speed of an engine; TensorFlow's for one that is not known. */
function speedOf(engine: string | undefined): Speed {
  return (SPEEDS as Readonly<Record<string, Speed>>)[engine ?? ''] ?? SPEEDS.tensorflow;
}

interface Passes {
  readonly tensors: number;
  /** Positions of the outputs of all convolutions of a batch, as if none had a stride. */
  readonly positions: number;
  /** Outputs of all products and convolutions of a batch, about. */
  readonly outputs: number;
}

function passesOf(network: Network, spec: TrainSpec): Passes {
  const shape = exampleShape(spec.data);
  const { batch } = spec.training;
  const shapes = Object.values(network.shapes);
  const convolutions = shapes.filter(({ length }) => length === 4).length;
  const positions = convolutions * shape.slice(0, -1).reduce((product, size) => product * size, batch);
  const kernels = Object.entries(network.shapes).flatMap(([path, one]) => (path.endsWith('/kernel') ? [one] : []));
  const columns = kernels.reduce((sum, one) => sum + one.at(-1)!, 0);
  const values = kernels.reduce((sum, one) => sum + sizeOf(one), 0);
  // an output of a product takes two operations for each of the values that it is the sum of
  const products = (batch * forwardFlops(network, shape)) / 2;
  return {
    tensors: shapes.length,
    positions,
    outputs: values === 0 ? 0 : (products * columns) / values,
  };
}

/**
 * Expected seconds of a training step of `flops` operations on one core of a small machine, without a wide net: the
 * step's own overhead and that of each parameter, the arithmetic, and the passes over the outputs of products or of
 * convolutions, which are most of a thin ResNet's time.
 */
export function stepSeconds(spec: TrainSpec, flops: number, engine?: string): number {
  const { tensors, positions, outputs } = passesOf(networkOf(spec.network), spec);
  const speed = speedOf(engine);
  const passes = speed.tensor * tensors + speed.position * positions + speed.output * outputs;
  return speed.step + passes + flops / speed.flops;
}

/** Examples of the validation split, and of the test split, about: those of the small experiments. */
const HELD_OUT = 1500;

/**
 * Operations of the evaluations at the end of a run: the thin net over both splits, and both nets over the validation
 * split once more where the distance between them is measured.
 */
function evaluationFlops(spec: TrainSpec, wide: Network | undefined): number {
  const shape = exampleShape(spec.data);
  const own = forwardFlops(networkOf(spec.network), shape);
  return HELD_OUT * (wide === undefined ? 2 * own : 3 * own + forwardFlops(wide, shape));
}

/** Expected seconds of a run without its wide net's own training, on one core of a small machine. */
export function expectedSeconds(spec: TrainSpec, engine?: string): number {
  const { steps, flops, teacherFlops } = ownCost(spec);
  const { objective } = spec.training;
  const wide = wideView(spec)?.network;
  const watches = objective.teacher + objective.hints > 0 || spec.imitation !== null;
  const watched = wide === undefined || !watches ? { tensors: 0, positions: 0, outputs: 0 } : passesOf(wide, spec);
  const { run, imitation, imitating, watchedPosition, watchedOutput, flops: rate } = speedOf(engine);
  const watching = watchedPosition * watched.positions + watchedOutput * watched.outputs;
  const each = stepSeconds(spec, (flops + teacherFlops) / Math.max(1, steps), engine) + watching;
  const { steps: fineTuning } = spec.training;
  const training = (fineTuning + imitating * (steps - fineTuning)) * each + (spec.imitation === null ? 0 : imitation);
  return run + training + evaluationFlops(spec, wide) / rate;
}

/** Floating-point operations of the heaviest training step of a run: the wide net's, where one is trained. */
export function stepFlops(spec: TrainSpec): number {
  const [network, batch] = isTrained(spec.teacher)
    ? [spec.teacher.network, spec.teacher.recipe.batch]
    : [spec.network, spec.training.batch];
  return trainingFlops(networkOf(network), exampleShape(spec.data), { steps: 1, batch });
}

/**
 * Memory of a training step in bytes: the thin net's parameters with their gradients and optimizer state, the wide
 * net's parameters where it is watched, and `activations` bytes of what the step keeps for its gradients.
 */
export function stepMemory(spec: TrainSpec, activations: number): number {
  const own = parameterCount(spec.network) * (2 + OPTIMIZER_STATE[spec.training.optimizer.kind].length);
  const watched = spec.teacher === null ? 0 : parameterCount(spec.teacher.network);
  return FLOAT32_BYTES * (own + watched) + activations;
}

/** What an engine takes before it computes anything, in bytes. */
const ENGINE_MEMORY = 2 ** 29;

/**
 * Bytes that a training step keeps for its gradients, for each of its operations: as measured of ResNet-50 with 8 x 224
 * px; BERT_BASE with 8 x 128 tokens keeps 0.003.
 */
const BYTES_PER_OPERATION = 0.005;

/**
 * Bytes that a training step is expected to keep for its gradients; of a batch that is computed in parts, those of one
 * part.
 */
export function expectedActivations({
  data,
  network,
  training,
}: Pick<TrainSpec, 'data' | 'network'> & { readonly training: Pick<RecipeSpec, 'batch' | 'accumulate'> }): number {
  const { batch, accumulate = 1 } = training;
  const flops = trainingFlops(networkOf(network), exampleShape(data), { steps: 1, batch: batch / accumulate });
  return BYTES_PER_OPERATION * flops;
}

/**
 * Expected memory of a run in bytes, by which a GPU is chosen: of the heaviest training step, the wide net's own
 * included, or of imitation in closed form before it, whichever takes more.
 */
export function expectedMemory(spec: TrainSpec): number {
  const { data, teacher } = spec;
  const own = expectedActivations(spec);
  const wide = isTrained(teacher)
    ? expectedActivations({ data, network: teacher.network, training: teacher.recipe })
    : 0;
  return ENGINE_MEMORY + Math.max(stepMemory(spec, Math.max(own, wide)), closedFormMemory(spec));
}

/** Memory of imitation in closed form in bytes, with the parameters of both nets; 0 where there is none. */
function closedFormMemory(spec: TrainSpec): number {
  const { imitation, teacher } = spec;
  const wide = wideView(spec)?.network;
  if (imitation?.by !== 'ridge' || teacher === null || wide === undefined) return 0;
  const parameters = parameterCount(spec.network) + parameterCount(teacher.network);
  return (
    FLOAT32_BYTES * parameters + ridgeMemory(networkOf(spec.network), wide, exampleShape(spec.data), imitation.images)
  );
}

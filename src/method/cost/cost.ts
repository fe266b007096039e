/** What a training run costs, known before it starts: operations, expected seconds, expected memory. */
import { sizeOf } from '../../core/host-array.js';
import { oncePer } from '../../core/memo.js';
import { FLOAT32_BYTES } from '../../core/memory.js';
import type { HeldOutCounts } from '../../data/definition.js';
import { exampleShape, heldOutCounts } from '../../data/index.js';
import { networkOf, parameterCount } from '../../models/index.js';
import { forwardFlops, type Network } from '../../nn/network.js';
import { OPTIMIZER_STATE } from '../../optim/optimizer.js';
import { wideView } from '../matching/align.js';
import {
  readingCost,
  imitationMemory,
  totalCost,
  trainingFlops,
  wholeTrainingFlops,
  type Cost,
  type Plan,
} from './budget.js';
import { planGroups } from '../three-stage/pipeline.js';
import { isTrained, type RecipeSpec, type TrainSpec } from '../spec/spec.js';

/** What the cost of a run depends on; computed once for each spec. */
const planOf = oncePer((spec: TrainSpec): Plan => {
  const [thin, wide] = [networkOf(spec.network), wideView(spec)?.network];
  const { objective } = spec.training;
  return {
    ...planGroups(spec, thin, wide),
    thin,
    wide,
    shape: exampleShape(spec.data),
    start: spec.start,
    imitation: spec.imitation,
    training: spec.training,
    watches: objective.teacher + objective.hints > 0,
    hints: objective.hints > 0,
  };
});

/** What a run reads off both nets beside its steps; computed once for each spec. */
const readingOf = oncePer((spec: TrainSpec) => readingCost(planOf(spec)));

/** Steps and operations of a run, without its wide net's own training; computed once for each spec. */
export const ownCost = oncePer((spec: TrainSpec): Cost => totalCost(planOf(spec)));

/** Steps and operations of a run, its wide net's own training included. */
export function costOf(spec: TrainSpec): Cost {
  const cost = ownCost(spec);
  const wideTraining = isTrained(spec.teacher)
    ? wholeTrainingFlops(networkOf(spec.teacher.network), exampleShape(spec.data), spec.teacher.recipe)
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
  /** Seconds of a forward pass that is computed op by op over those of one that is compiled. */
  readonly eager: number;
}

/**
 * Fitted to the seconds that all 19 arms of scale minutes took with two of them at work on two cores, as
 * test/sweep/minutes*.json has them. TensorFlow: two runs on two machines, arms of more than two seconds within 35 %,
 * three quarters of them within 12; but for `imitating`, which is of three arms whose imitating steps took 1.6 to 2.6
 * times as long as the others (2026-11-28). WebAssembly: two runs on one machine, those arms within 9 %, but for three
 * stages on strings, which take 1.2 times less.
 */
const SPEEDS = {
  tensorflow: {
    ...{ flops: EXPECTED_FLOPS, run: 0.23, imitation: 0.08, imitating: 1.8, step: 3.1e-4 },
    ...{ tensor: 0, position: 5.2e-9, output: 7.4e-9 },
    ...{ watchedPosition: 6.1e-9, watchedOutput: 2.4e-9, eager: 1 },
  },
  wasm: {
    ...{ flops: 70e9, run: 0.4, imitation: 0.1, imitating: 1, step: 1e-4 },
    ...{ tensor: 1e-6, position: 8.9e-9, output: 1.75e-8 },
    ...{ watchedPosition: 0, watchedOutput: 8e-9, eager: 2.4 },
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

function passesOf(network: Network, shape: readonly number[], batch: number): Passes {
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
  const { tensors, positions, outputs } = passesOf(
    networkOf(spec.network),
    exampleShape(spec.data),
    spec.training.batch,
  );
  const speed = speedOf(engine);
  const passes = speed.tensor * tensors + speed.position * positions + speed.output * outputs;
  return speed.step + passes + flops / speed.flops;
}

/** Examples of a held-out split whose declaration does not say it, about: those of the small experiments. */
const HELD_OUT = 1500;

/** Seconds of one example's forward pass, compiled: a third of what a training step takes for it. */
function passSeconds(network: Network, shape: readonly number[], { position, output, flops }: Speed): number {
  const { positions, outputs } = passesOf(network, shape, 1);
  return forwardFlops(network, shape) / flops + (position * positions + output * outputs) / 3;
}

/**
 * Seconds of all that a run computes beside its steps: the thin net over both splits at the end, and over the
 * validation split after imitation and as often as the spec says; both nets over that split where the distance between
 * them is measured, after imitation and at the end; and what is read off them before ({@link readingCost}).
 */
function besideSeconds(spec: TrainSpec, speed: Speed, counts: HeldOutCounts): number {
  const { thin, wide, shape, imitation } = planOf(spec);
  const { validation = HELD_OUT, test = HELD_OUT } = counts;
  const own = passSeconds(thin, shape, speed);
  const looks = 1 + (spec.training.evaluations ?? 0) + (imitation === null ? 0 : 1);
  const evaluations = (looks * validation + test) * own;
  if (wide === undefined) return evaluations;
  const theirs = passSeconds(wide, shape, speed);
  const reading = readingOf(spec);
  const passes = (flops: number, network: Network): number => flops / (forwardFlops(network, shape) || Infinity);
  const compared = (imitation === null ? 1 : 2) * validation;
  return (
    evaluations +
    speed.eager *
      ((compared + passes(reading.flops, thin)) * own + (compared + passes(reading.teacherFlops, wide)) * theirs)
  );
}

/**
 * Expected seconds of a run without its wide net's own training, on one core of a small machine. How many examples are
 * held out is what the declaration of the data says, unless it is known better.
 */
export function expectedSeconds(
  spec: TrainSpec,
  engine?: string,
  counts: HeldOutCounts = heldOutCounts(spec.data),
): number {
  const { steps, flops, teacherFlops } = ownCost(spec);
  const { wide, shape, training, watches, imitation } = planOf(spec);
  const reading = readingOf(spec);
  const watched =
    wide === undefined || !(watches || imitation !== null)
      ? { positions: 0, outputs: 0 }
      : passesOf(wide, shape, training.batch);
  const speed = speedOf(engine);
  const watching = speed.watchedPosition * watched.positions + speed.watchedOutput * watched.outputs;
  const inSteps = flops + teacherFlops - reading.flops - reading.teacherFlops;
  const each = stepSeconds(spec, inSteps / Math.max(1, steps), engine) + watching;
  const { steps: fineTuning } = training;
  return (
    speed.run +
    (fineTuning + speed.imitating * (steps - fineTuning)) * each +
    (imitation === null ? 0 : speed.imitation) +
    besideSeconds(spec, speed, counts)
  );
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
  return ENGINE_MEMORY + Math.max(stepMemory(spec, Math.max(own, wide)), memoryBeside(spec));
}

/** Bytes of imitation beside the steps of training, with the parameters of both nets; 0 where there is none. */
function memoryBeside(spec: TrainSpec): number {
  const { imitation, teacher } = spec;
  const wide = wideView(spec)?.network;
  if (imitation === null || teacher === null || wide === undefined) return 0;
  const own = imitationMemory(imitation, { thin: networkOf(spec.network), wide, shape: exampleShape(spec.data) });
  const parameters = parameterCount(spec.network) + parameterCount(teacher.network);
  return own === 0 ? 0 : FLOAT32_BYTES * parameters + own;
}

/**
 * What a machine makes of one run's training: operations per second, and bytes for each example, measured on a few
 * steps of made-up examples.
 */
import { normals, rngKey, uniforms } from '../../src/core/rng.js';
import { exampleShape, taskOf } from '../../src/data/index.js';
import type { HostBatch } from '../../src/data/dataset.js';
import { tf, disposeAll } from '../../src/engine/tensor.js';
import { trainingFlops } from '../../src/method/cost/budget.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { networkOf, vocabSizeOf } from '../../src/models/index.js';
import { sizeOf } from '../../src/core/host-array.js';
import { toTensors } from '../../src/engine/host-memory.js';
import { evaluation } from '../../src/nn/layers.js';
import { medianRate, trainingTimes } from './compare.js';

/** How fast a network trains here, measured over a few steps, and the memory that an example takes. */
export interface Throughput {
  /** Attained in training, forward and backward. */
  readonly flopsPerSecond: number;
  /** Examples of a measured step: as many as the recipe's, or fewer where a step would take too long. */
  readonly batch: number;
  /** All values of a forward pass, of one example: what the backward pass may need. */
  readonly bytesPerExample: number;
}

/** Operations of a measured step, at most, if one example has fewer. */
const STEP_FLOPS = 4e10;

interface MadeUp {
  readonly examples: HostBatch;
  readonly classes: number;
  readonly questions: number | undefined;
}

function madeUp(spec: TrainSpec, batch: number): MadeUp {
  const shape = exampleShape(spec.data);
  const size = sizeOf(shape);
  const classes = networkOf(spec.network).width('logits');
  const task = taskOf(spec.data);
  const vocabSize = vocabSizeOf(spec.network);
  if (task === undefined || vocabSize === undefined) {
    const labels = Int32Array.from({ length: batch }, (_, i) => i % classes);
    return {
      examples: { values: Float32Array.from(normals(rngKey(1, 'plan'), batch * size)), labels },
      classes,
      questions: undefined,
    };
  }
  const [rows, tokens] = shape as [number, number];
  const values = new Int32Array(batch * size);
  const draws = uniforms(rngKey(1, 'plan'), batch * tokens);
  const { questions } = task;
  for (let b = 0; b < batch; b++) {
    for (let t = 0; t < tokens; t++) {
      values[b * size + t] = Math.floor(draws[b * tokens + t]! * vocabSize);
      values[b * size + 2 * tokens + t] = 1;
    }
    if (rows === 4) for (let at = 0; at < questions!; at++) values[b * size + 3 * tokens + at] = at;
  }
  const answers = task.classes ?? classes;
  return {
    examples: { values, labels: Int32Array.from({ length: batch * (questions ?? 1) }, (_, i) => i % answers) },
    classes: answers,
    questions,
  };
}

/** Examples of a measured batch, at least: of one, batch norm has no variance where a channel is down to one value. */
const LEAST_BATCH = 2;

/** Bytes of all values of a forward pass of a run's net, for each example: what the backward pass may need. */
export async function forwardBytes(spec: TrainSpec): Promise<number> {
  const network = networkOf(spec.network);
  const model = network.init(1);
  const weights = { params: toTensors(model.params), state: toTensors(model.state) };
  const { values } = madeUp(spec, LEAST_BATCH).examples;
  const x = tf.tensor(
    values,
    [LEAST_BATCH, ...exampleShape(spec.data)],
    values instanceof Int32Array ? 'int32' : 'float32',
  );
  const engine = tf.engine();
  engine.startScope('plan');
  const before = tf.memory().numBytes;
  network.apply({ ...evaluation(weights), train: true }, x);
  const bytes = tf.memory().numBytes - before;
  engine.endScope();
  x.dispose();
  disposeAll(weights.params, weights.state);
  return bytes / LEAST_BATCH;
}

/** Trains the thin net of a run for about `seconds` on the engine that is open. */
export async function measureThroughput(spec: TrainSpec, seconds: number): Promise<Throughput> {
  const network = networkOf(spec.network);
  const shape = exampleShape(spec.data);
  const one = trainingFlops(network, shape, { steps: 1, batch: 1 });
  const batch = Math.min(spec.training.batch, Math.max(LEAST_BATCH, Math.floor(STEP_FLOPS / one)));
  const bytesPerExample = await forwardBytes(spec);
  const times = await trainingTimes(
    network,
    batch,
    { shape, ...madeUp(spec, batch), optimizer: spec.training.optimizer, rate: 1e-4 } as Parameters<
      typeof trainingTimes
    >[2],
    seconds,
  );
  return { flopsPerSecond: one * medianRate(batch, times), batch, bytesPerExample };
}

/** Training steps of a small ResNet leave the tensor count as it was, and the memory in use within 5 %. */
import { describe, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { Order, toLabelled } from '../../src/data/dataset.js';
import { tf, type Tensor2D } from '../../src/engine/tensor.js';
import { enterStage, tensorsOf, trainingStep, type TrainingStage } from '../../src/method/training/training-step.js';
import { weightsOf } from '../../src/method/values/weights.js';
import { networkOf } from '../../src/models/index.js';
import { crossEntropy } from '../../src/optim/losses.js';
import type { OptimizerSpec } from '../../src/optim/optimizer.js';
import { THIN } from '../method/support.js';
import { enginesUnderTest } from '../support/engines.js';

const NETWORK = networkOf({ ...THIN, planes: 2 });
const SGD: OptimizerSpec = { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 };
/** Steps of one stretch; a software GPU is slow, and the bytes of its buffers are counted, not estimated. */
const stepsOf = (engine: string): number => (engine === 'webgpu' ? 3 : 200);

/**
 * Bytes in use: on a GPU those of its buffers (what the process holds is its driver's affair), elsewhere resident
 * memory without what the garbage collector has yet to collect.
 */
function settledMemory(engine: string): number {
  if (engine === 'webgpu') return (tf.memory() as unknown as { numBytesAllocatedInGPU: number }).numBytesAllocatedInGPU;
  (globalThis as { gc?: () => void }).gc!();
  return process.memoryUsage().rss;
}

describe.each(await enginesUnderTest())('$name', ({ name, missing }) => {
  test.skipIf(missing !== undefined)('tensors and memory stay flat', { timeout: 600_000 }, async () => {
    await tf.setBackend(name);
    const data = loadDigits(500);
    const order = new Order(1, 500);
    const stage: TrainingStage = {
      name: 'leak',
      recipe: { steps: 5000, batch: 32, schedule: { kind: 'constant', peak: 0.05, warmup: 0 }, optimizer: SGD },
      trainable: () => true,
      loss: (scope, { x, y }) => crossEntropy(NETWORK.apply(scope, x).logits as Tensor2D, y),
    };
    const entered = enterStage(weightsOf(NETWORK.init(1)), stage);
    const training = trainingStep(stage, entered.frame, { seed: 1, classes: data.classes });
    let { state } = entered;
    const batchSize = name === 'webgpu' ? 2 : 32; // a software GPU is slow
    const step = async (i: number): Promise<number> => {
      const batch = toLabelled(data, await data.train.batch(order.indices(i, batchSize)));
      const { state: next, loss } = await training.run(state, batch, i, i);
      tf.dispose([batch.x, batch.labels]);
      state = next;
      return loss;
    };
    const steps = stepsOf(name);
    for (let i = 0; i < steps; i++) await step(i);
    const tensors = tf.memory().numTensors;
    let last = Infinity;
    let growth = Infinity;
    // Allocators and just-in-time code take memory once, at no fixed step; a leak takes some in every stretch.
    for (let stretch = 0; stretch < 4 && growth > 1.05; stretch++) {
      const memory = settledMemory(name);
      for (let i = 0; i < steps; i++) last = await step((stretch + 1) * steps + i);
      growth = settledMemory(name) / memory;
    }
    expect(tf.memory().numTensors).toBe(tensors);
    expect(growth).toBeLessThanOrEqual(1.05);
    expect(Number.isFinite(last)).toBe(true);
    tf.dispose(tensorsOf(state));
    training.dispose();
  });
});

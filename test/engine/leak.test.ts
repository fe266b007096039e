/** 200 training steps of a small ResNet leave the tensor count as it was, and the process's memory within 5 %. */
import { describe, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { Order, toBatch } from '../../src/data/dataset.js';
import { differentiate } from '../../src/engine/ops/gradients.js';
import { disposeAll, tf, type Tensor2D, type Tensors } from '../../src/engine/tensor.js';
import { networkOf } from '../../src/models/index.js';
import { toTensors } from '../../src/nn/init.js';
import { crossEntropy } from '../../src/optim/losses.js';
import { initOptimizerState, update, type OptimizerSpec } from '../../src/optim/optimizer.js';
import { THIN } from '../method/support.js';
import { enginesUnderTest } from '../support/engines.js';

const NETWORK = networkOf({ ...THIN, planes: 2 });
const SGD: OptimizerSpec = { kind: 'sgd', momentum: 0.9, weightDecay: 1e-4 };
const STEPS = 200;

/** Resident memory without what the garbage collector has yet to collect. */
function settledMemory(): number {
  (globalThis as { gc?: () => void }).gc!();
  return process.memoryUsage().rss;
}

describe.each(await enginesUnderTest())('$name', ({ name, missing }) => {
  test.skipIf(missing !== undefined)('tensors and memory stay flat', { timeout: 600_000 }, async () => {
    await tf.setBackend(name);
    const data = loadDigits(500);
    const order = new Order(1, 500);
    const model = NETWORK.init(1);
    const state = toTensors(model.state);
    let params: Tensors = toTensors(model.params);
    let optimizerState = initOptimizerState(SGD, params);
    const batchSize = name === 'webgpu' ? 2 : 32; // a software GPU is slow
    const step = async (i: number): Promise<number> => {
      const { x, y } = toBatch(data, await data.train.batch(order.indices(i, batchSize)));
      const { loss, gradients, aside } = differentiate(params, (p, observe) =>
        crossEntropy(NETWORK.apply({ params: p, state, train: true, observe }, x).logits as Tensor2D, y),
      );
      const next = update(SGD, { rate: 0.05, step: i }, params, optimizerState, gradients);
      const [value] = await loss.data();
      disposeAll(gradients, aside);
      tf.dispose([loss, x, y]);
      ({ params, optimizerState } = next);
      return value!;
    };
    const first = await step(0);
    for (let i = 1; i < 100; i++) await step(i);
    const tensors = tf.memory().numTensors;
    let last = first;
    let growth = Infinity;
    // Allocators and just-in-time code take memory once, at no fixed step; a leak takes some in every stretch of 200
    // steps.
    for (let stretch = 0; stretch < 4 && growth > 1.05; stretch++) {
      const memory = settledMemory();
      for (let i = 0; i < STEPS; i++) last = await step(100 + stretch * STEPS + i);
      growth = settledMemory() / memory;
    }
    expect(tf.memory().numTensors).toBe(tensors);
    expect(growth).toBeLessThanOrEqual(1.05);
    expect(last).toBeLessThan(first);
    disposeAll(params, optimizerState, state);
  });
});

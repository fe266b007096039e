/** A batch in parts is the whole batch, also where examples of it could not be read. */
import { describe, expect, test } from 'vitest';
import { loadDigits } from '../../src/data/digits.js';
import { toLabelled } from '../../src/data/dataset.js';
import { tf, type Tensor2D } from '../../src/engine/tensor.js';
import {
  enterStage,
  tensorsOf,
  trainingStep,
  weightsIn,
  type TrainingStage,
} from '../../src/method/training/training-step.js';
import { toHost, weightsOf } from '../../src/method/values/weights.js';
import { networkOf } from '../../src/models/index.js';
import { crossEntropy } from '../../src/optim/losses.js';
import { enginesUnderTest } from '../support/engines.js';
import { TOLERANCE } from '../support/tolerance.js';
import { MLP } from './support.js';

const NETWORK = networkOf(MLP); // without batch norm, whose statistics are those of a part

describe.each(await enginesUnderTest())('$name', ({ name, missing }) => {
  const data = loadDigits(64);

  /** Loss and values after steps with batches of so many examples, of 8 that were asked for in `parts`. */
  async function train(parts: number, counts: readonly number[]): Promise<{ losses: number[]; values: Float32Array }> {
    const stage: TrainingStage = {
      name: 'train',
      recipe: {
        steps: 10,
        batch: 8,
        ...(parts > 1 && { accumulate: parts }),
        schedule: { kind: 'constant', peak: 0.1, warmup: 0 },
        optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
      },
      trainable: () => true,
      loss: (scope, { x, y }) => crossEntropy(NETWORK.apply(scope, x).logits as Tensor2D, y),
    };
    const entered = enterStage(weightsOf(NETWORK.init(1)), stage);
    const step = trainingStep(stage, entered.frame, { seed: 1, classes: data.classes });
    let { state } = entered;
    const losses: number[] = [];
    for (const [i, count] of counts.entries()) {
      const indices = Uint32Array.from({ length: count }, (_, k) => 8 * i + k);
      const batch = toLabelled(data, await data.train.batch(indices));
      const next = await step.run(state, batch, i, i);
      tf.dispose([batch.x, batch.labels]);
      state = next.state;
      losses.push(next.loss);
    }
    const { params } = await toHost(weightsIn(state, entered.frame, false));
    tf.dispose(tensorsOf(state));
    step.dispose();
    return { losses, values: Float32Array.from(Object.values(params).flatMap(({ values }) => [...values])) };
  }

  test.skipIf(missing !== undefined)(
    'every example counts alike, whatever the sizes of the parts',
    { timeout: 120_000 },
    async () => {
      await tf.setBackend(name);
      // a software GPU compiles a program for every size
      const [counts, several] =
        name === 'webgpu'
          ? [[8, 5, 1], [4]]
          : [
              [8, 7, 5, 3, 2, 1, 8],
              [2, 4, 8],
            ];
      const before = tf.memory().numTensors;
      const whole = await train(1, counts);
      for (const parts of several) {
        const found = await train(parts, counts);
        found.losses.forEach((loss, i) => expect(Math.abs(loss - whole.losses[i]!)).toBeLessThan(TOLERANCE.gradient));
        found.values.forEach((value, i) => expect(Math.abs(value - whole.values[i]!)).toBeLessThan(TOLERANCE.gradient));
      }
      expect(tf.memory().numTensors - before).toBeLessThanOrEqual(4 * Object.keys(NETWORK.shapes).length);
    },
  );
});

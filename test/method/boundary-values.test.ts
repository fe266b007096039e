import { beforeAll, expect, test } from 'vitest';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { BoundaryValues } from '../../src/method/values/boundary-values.js';
import { disposeWeights, weightsOf } from '../../src/method/values/weights.js';
import { networkOf } from '../../src/models/index.js';
import { evaluation } from '../../src/nn/layers.js';
import { anyEngine } from '../support/engines.js';
import { THIN } from './support.js';

beforeAll(anyEngine);

test('values are kept up to the limit, and those beyond it are computed anew from the input, the same to the bit', () => {
  const network = networkOf(THIN);
  const weights = weightsOf(network.init(1));
  const scope = { ...evaluation(weights), trace: () => {} }; // layers that somebody listens to are of single ops
  const inputs = [1, 2, 3].map((seed) => tf.randomNormal([4, 14, 14, 1], 0, 1, 'float32', seed) as Tensor);
  const whole = inputs.map((x) => tf.tidy(() => [...network.apply(scope, x).logits!.dataSync()]));
  const before = tf.memory().numTensors;
  const [stem, next] = network.boundaries.block as [string, string];
  const bytes = 4 * tf.tidy(() => network.apply(scope, inputs[0]!, { until: stem })[stem]!.size);
  const values = new BoundaryValues(network, 2 * bytes + 4);
  const heardOf = (batch: number): string[] => {
    const heard: string[] = [];
    tf.tidy(() => void values.pass(weights, batch, inputs[batch]!, next, (path) => void heard.push(path)));
    return heard;
  };
  for (const batch of inputs.keys())
    values.reach(
      batch,
      stem,
      tf.tidy(() => values.pass(weights, batch, inputs[batch]!, stem)[stem]!),
    );
  expect(tf.memory().numTensors).toBe(before + 2); // the third is beyond the limit
  expect(heardOf(0)).not.toContain('stem/conv');
  expect(heardOf(2)).toContain('stem/conv');
  for (const batch of inputs.keys()) {
    const logits = tf.tidy(() => [...values.pass(weights, batch, inputs[batch]!, 'logits').logits!.dataSync()]);
    expect(logits).toEqual(whole[batch]);
  }
  values.reach(1, next, tf.scalar(0)); // 4 bytes instead, which leaves room for the third batch
  values.reach(
    2,
    stem,
    tf.tidy(() => values.pass(weights, 2, inputs[2]!, stem)[stem]!),
  );
  expect(heardOf(2)).not.toContain('stem/conv');
  values.dispose();
  expect(tf.memory().numTensors).toBe(before);
  tf.dispose(inputs);
  disposeWeights(weights);
});

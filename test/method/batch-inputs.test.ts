import { beforeAll, expect, test } from 'vitest';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { BatchInputs } from '../../src/method/values/batch-inputs.js';
import { anyEngine } from '../support/engines.js';

beforeAll(anyEngine);

test('inputs beyond the limit are read anew and freed again, also where their use fails; the others are read once', async () => {
  const before = tf.memory().numTensors;
  const reads: number[] = [];
  const read = (batch: number): Promise<Tensor> => {
    reads.push(batch);
    return Promise.resolve(tf.fill([5], batch));
  };
  const inputs = new BatchInputs(3, read, 2 * 5 * 4);
  const valueOf = (batch: number): Promise<number> => inputs.with(batch, (x) => x.dataSync()[0]!);
  for (const batch of [0, 1, 2, 0, 1, 2]) expect(await valueOf(batch)).toBe(batch);
  expect(reads).toEqual([0, 1, 2, 2]);
  expect(tf.memory().numTensors).toBe(before + 2);
  const failing = inputs.with(2, () => {
    throw new Error('no use');
  });
  await expect(failing).rejects.toThrow('no use');
  expect(tf.memory().numTensors).toBe(before + 2);
  inputs.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

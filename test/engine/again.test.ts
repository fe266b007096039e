/** Engines of one process, one after the other. */
import { expect, test } from 'vitest';
import { startEngine } from '../../src/engine/engines/choose.js';
import { tensorflowReadiness } from '../../src/engine/engines/tensorflow.js';
import { tf } from '../../src/engine/tensor.js';

const { state, ...why } = tensorflowReadiness();
if (state !== 'ready') process.stderr.write(`skipped: tensorflow is ${'reason' in why ? why.reason : state}\n`);

test.skipIf(state !== 'ready')('an engine that is started again after another one is in use again', async () => {
  const first = await startEngine('tensorflow', 'test');
  await startEngine('wasm', 'test');
  expect(tf.getBackend()).toBe('wasm');
  const again = await startEngine('tensorflow', 'test');
  expect(tf.getBackend()).toBe('tensorflow');
  expect(again).toEqual(first);
});

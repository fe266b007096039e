/** Right answers by block. */
import { beforeAll, expect, test } from 'vitest';
import { notingSkipped, type Dataset, type Source } from '../../src/data/dataset.js';
import { tf } from '../../src/engine/tensor.js';
import { rightByBlock } from '../../src/metrics/blocks.js';
import { anyEngine } from '../support/engines.js';

beforeAll(async () => void (await anyEngine()));

/** Examples whose values are a network's logits for two classes; every label is 0. */
function dataOf(logits: readonly (readonly [number, number])[], blocks?: readonly number[]): Dataset {
  const source: Source = {
    count: logits.length,
    ...(blocks !== undefined && { blocks }),
    batch: (indices) => ({
      values: Float32Array.from([...indices].flatMap((index) => logits[index]!)),
      labels: new Int32Array(indices.length),
    }),
  };
  return { shape: [2], classes: 2, train: source, validation: source, test: source };
}

test('right answers are counted by block, over batches and with files that are noted', async () => {
  // more examples than a batch holds; every third answer is wrong
  const logits = Array.from({ length: 1200 }, (_, i): [number, number] => (i % 3 === 0 ? [0, 1] : [1, 0]));
  const data = notingSkipped(
    dataOf(
      logits,
      logits.map((_, i) => (i < 30 ? 7 : 2)),
    ),
    () => {},
  );
  const before = tf.memory().numTensors;
  expect(await rightByBlock(data, data.test, (x) => x)).toEqual([
    { block: 7, examples: 30, right: 20 },
    { block: 2, examples: 1170, right: 780 },
  ]);
  expect(tf.memory().numTensors).toBe(before);
});

test('data without blocks have no counts', async () => {
  const data = dataOf([[1, 0]]);
  expect(await rightByBlock(data, data.test, (x) => x)).toEqual([]);
});

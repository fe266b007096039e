import { expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { UnreadableBatchError, type Dataset, type Source } from '../../src/data/dataset.js';
import { lookAt } from '../../src/thin/look.js';

/** A split of so many pictures, the given ones of which cannot be read. */
function split(count: number, damaged: readonly number[] = []): Source {
  return {
    count,
    batch: (indices: Uint32Array) => {
      const all = Array.from(indices);
      const skipped = all.filter((i) => damaged.includes(i)).map((i) => ({ file: `${i}.png`, reason: 'cut off' }));
      if (skipped.length === all.length) return Promise.reject(new UnreadableBatchError(skipped));
      return Promise.resolve({ values: new Float32Array(), labels: new Uint32Array(), skipped } as never);
    },
  } as Source;
}
const data = (parts: Partial<Record<'train' | 'validation' | 'test', Source>>): Dataset =>
  ({ train: split(8), validation: split(2), test: split(2), ...parts }) as Dataset;

test('a split of which every picture that is looked at cannot be read is counted, not refused', async () => {
  expect(await lookAt(data({}))).toEqual([]);
  const lines = await lookAt(data({ validation: split(1, [0]), train: split(33, [5]) }));
  expect(lines).toEqual([
    expect.stringMatching(/^2 of the pictures cannot be read and are left out, such as \d\.png \(cut off\)$/),
  ]);
});

test('what the data themselves refuse is said as it is', async () => {
  const refusing = { count: 1, batch: () => Promise.reject(new UsageError('too many')) } as unknown as Source;
  await expect(lookAt(data({ test: refusing }))).rejects.toThrow('too many');
});

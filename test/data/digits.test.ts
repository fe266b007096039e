import { beforeAll, describe, expect, test } from 'vitest';
import { Order, toBatch, type HostBatch, type Source } from '../../src/data/dataset.js';
import { digits, DIGITS_SIZE, loadDigits } from '../../src/data/digits.js';
import { evaluate } from '../../src/metrics/evaluate.js';
import { tapDiscrepancy } from '../../src/metrics/discrepancy.js';
import { tf, type Tensor, type Tensor2D } from '../../src/engine/tensor.js';
import { anyEngine } from '../support/engines.js';

const data = loadDigits(5500);
const everything = (source: Source): HostBatch =>
  source.batch(Uint32Array.from({ length: source.count }, (_, i) => i)) as HostBatch;

const imagesOf = (source: Source): string[] => {
  const { values } = everything(source);
  return Array.from({ length: source.count }, (_, i) => values.subarray(i * 196, (i + 1) * 196).join(','));
};

test.each([1, 2] as const)('split %d: 10,000 digits in three parts that share no image', (split) => {
  const data = loadDigits(5500, undefined, split);
  const parts = [data.train, data.validation, data.test];
  expect(parts.map(({ count }) => count)).toEqual([5500, 1500, 3000]);
  const all = parts.flatMap(imagesOf);
  // The package holds a few images twice; no more than those may be shared.
  expect(all.length - new Set(all).size).toBeLessThan(10);
  expect(new Set(everything(data.test).labels).size).toBe(10);
  expect(everything(data.train).values.every((value) => value >= 0 && value <= 1)).toBe(true);
});

test('the test images of the second split trained in the first, and the other way round', () => {
  const second = loadDigits(5500, undefined, 2);
  const [trained, tested] = [new Set(imagesOf(data.train)), new Set(imagesOf(data.test))];
  expect(imagesOf(second.test).every((image) => trained.has(image))).toBe(true);
  expect(imagesOf(second.train).filter((image) => tested.has(image)).length).toBeGreaterThanOrEqual(3000);
  expect(imagesOf(second.validation)).toEqual(imagesOf(data.validation));
});

test('a smaller training set is the beginning of a larger one, and too large a one is refused', () => {
  expect(digits.spec.safeParse({ set: 'digits', train: 5500 }).success).toBe(true);
  expect(digits.spec.safeParse({ set: 'digits', train: 5501 }).success).toBe(false);
  const small = loadDigits(100);
  expect(small.train.count).toBe(100);
  expect([...everything(small.train).labels]).toEqual([...everything(data.train).labels.subarray(0, 100)]);
  expect([...everything(small.test).labels]).toEqual([...everything(data.test).labels]);
  expect(() => loadDigits(6000)).toThrow('at most 5500 training images, got 6000');
});

test('every epoch holds each image once, in another order', () => {
  const order = new Order(1, 30);
  const steps = Array.from({ length: 6 }, (_, step) => [...order.indices(step, 10)]);
  const sorted = (list: number[]): number[] => [...list].sort((a, b) => a - b);
  const [first, second] = [steps.slice(0, 3).flat(), steps.slice(3).flat()];
  expect(sorted(first)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  expect(sorted(second)).toEqual(sorted(first));
  expect(second).not.toEqual(first);
  expect([...new Order(1, 30).indices(4, 10)]).toEqual(steps[4]);
});

describe('batches', () => {
  beforeAll(anyEngine);
  const options = { rotation: 20, shift: 0.12, logScale: 0.12, noise: 0.2 };

  test('hold the images and their labels', async () => {
    const { values, labels } = everything(data.train);
    const { x, y } = toBatch(data, await data.train.batch(Uint32Array.of(3, 5)));
    expect(x.shape).toEqual([2, DIGITS_SIZE, DIGITS_SIZE, 1]);
    expect([...(await x.data())]).toEqual([...values.subarray(3 * 196, 4 * 196), ...values.subarray(5 * 196, 6 * 196)]);
    expect([...(await tf.argMax(y, 1).data())]).toEqual([labels[3], labels[5]]);
  });

  test('are augmented by seed and step alone; no change leaves the image as it is', () => {
    const values = (seed: number, step: number, o = options): number[] => [
      ...(loadDigits(100, o).train.batch(Uint32Array.of(3, 5), { seed, step }) as HostBatch).values,
    ];
    expect(values(1, 2)).toEqual(values(1, 2));
    expect(values(1, 2)).not.toEqual(values(1, 3));
    expect(values(1, 2)).not.toEqual(values(2, 2));
    expect(values(1, 2, { rotation: 0, shift: 0, logScale: 0, noise: 0 })).toEqual([
      ...(data.train.batch(Uint32Array.of(3, 5)) as HostBatch).values,
    ]);
  });

  test('evaluate counts what is right', async () => {
    const { labels } = everything(data.validation);
    const oracle = (x: Tensor): Tensor2D => {
      // The network that knows the answer: images are recognised by their position in the set.
      const rows = x.shape[0]!;
      const start = asked;
      asked += rows;
      return tf
        .oneHot(
          tf.tensor1d(
            Array.from(labels.subarray(start, start + rows), (label, i) => (i % 4 === 0 ? (label + 1) % 10 : label)),
            'int32',
          ),
          10,
        )
        .toFloat() as Tensor2D;
    };
    let asked = 0;
    const { accuracy, crossEntropy } = await evaluate(data, data.validation, oracle);
    expect(accuracy).toBeCloseTo(75, 6);
    const [right, wrong] = [Math.log(1 + 9 / Math.E), 1 + Math.log(1 + 9 / Math.E)];
    expect(crossEntropy).toBeCloseTo(0.75 * right + 0.25 * wrong, 4);
  });

  test('tapDiscrepancy is 0 for a copy, 1 for zero, and the ratio of the sizes between', async () => {
    const taps = (factor: number) => (x: Tensor) => ({ a: tf.mul(x, factor) });
    expect((await tapDiscrepancy(data, data.validation, taps(1), taps(1))).a).toBe(0);
    expect((await tapDiscrepancy(data, data.validation, taps(0), taps(1))).a).toBeCloseTo(1, 6);
    expect((await tapDiscrepancy(data, data.validation, taps(0.75), taps(1))).a).toBeCloseTo(0.25, 5);
  });
});

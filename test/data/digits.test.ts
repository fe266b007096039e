import { beforeAll, describe, expect, test } from 'vitest';
import { DIGITS_SIZE, loadDigits } from '../../src/data/digits.js';
import { batchIndices, countImages, makeBatch, type ImageSet } from '../../src/data/images.js';
import { evaluate } from '../../src/metrics/accuracy.js';
import { tapDiscrepancy } from '../../src/metrics/discrepancy.js';
import { tf, type Tensor2D, type Tensor4D } from '../../src/engine/tensor.js';
import { anyEngine } from '../support/engines.js';

const split = loadDigits(5500);

test('10,000 digits in three parts that share no image', () => {
  const parts = [split.train, split.validation, split.test];
  expect(parts.map(countImages)).toEqual([5500, 1500, 3000]);
  const key = (set: ImageSet, i: number): string => set.images.subarray(i * 196, (i + 1) * 196).join(',');
  const all = parts.flatMap((set) => Array.from({ length: countImages(set) }, (_, i) => key(set, i)));
  // The package holds a few images twice; no more than those may be shared.
  expect(all.length - new Set(all).size).toBeLessThan(10);
  expect(new Set(split.test.labels).size).toBe(10);
  expect(split.train.images.every((value) => value >= 0 && value <= 1)).toBe(true);
});

test('a smaller training set is the beginning of a larger one, and too large a one is refused', () => {
  const small = loadDigits(100);
  expect(countImages(small.train)).toBe(100);
  expect([...small.train.labels]).toEqual([...split.train.labels.subarray(0, 100)]);
  expect([...small.test.labels]).toEqual([...split.test.labels]);
  expect(() => loadDigits(6000)).toThrow('at most 5500 training images, got 6000');
});

test('every epoch holds each image once, in another order', () => {
  const steps = Array.from({ length: 6 }, (_, step) => [...batchIndices(1, step, 10, 30)]);
  const sorted = (list: number[]): number[] => [...list].sort((a, b) => a - b);
  const [first, second] = [steps.slice(0, 3).flat(), steps.slice(3).flat()];
  expect(sorted(first)).toEqual(Array.from({ length: 30 }, (_, i) => i));
  expect(sorted(second)).toEqual(sorted(first));
  expect(second).not.toEqual(first);
  expect([...batchIndices(1, 4, 10, 30)]).toEqual(steps[4]);
});

describe('batches', () => {
  beforeAll(anyEngine);
  const options = { rotation: 20, shift: 0.12, logScale: 0.12, noise: 0.2 };

  test('hold the images and their labels', async () => {
    const { x, y } = makeBatch(split.train, [3, 5]);
    expect(x.shape).toEqual([2, DIGITS_SIZE, DIGITS_SIZE, 1]);
    expect([...(await x.data())]).toEqual([...split.train.images.subarray(3 * 196, 4 * 196), ...split.train.images.subarray(5 * 196, 6 * 196)]);
    expect([...(await tf.argMax(y, 1).data())]).toEqual([split.train.labels[3], split.train.labels[5]]);
  });

  test('are augmented by seed and step alone; no change leaves the image as it is', async () => {
    const data = async (seed: number, step: number, o = options): Promise<number[]> => [...(await makeBatch(split.train, [3, 5], { options: o, seed, step }).x.data())];
    expect(await data(1, 2)).toEqual(await data(1, 2));
    expect(await data(1, 2)).not.toEqual(await data(1, 3));
    expect(await data(1, 2)).not.toEqual(await data(2, 2));
    expect(await data(1, 2, { rotation: 0, shift: 0, logScale: 0, noise: 0 })).toEqual([...(await makeBatch(split.train, [3, 5]).x.data())]);
  });

  test('evaluate counts what is right', async () => {
    const oracle = (x: Tensor4D): Tensor2D => {
      // The network that knows the answer: images are recognised by their position in the set.
      const rows = x.shape[0];
      const start = asked;
      asked += rows;
      return tf
        .oneHot(
          tf.tensor1d(
            Array.from(split.validation.labels.subarray(start, start + rows), (label, i) => (i % 4 === 0 ? (label + 1) % 10 : label)),
            'int32',
          ),
          10,
        )
        .toFloat() as Tensor2D;
    };
    let asked = 0;
    const { accuracy, crossEntropy } = await evaluate(split.validation, oracle);
    expect(accuracy).toBeCloseTo(75, 6);
    const [right, wrong] = [Math.log(1 + 9 / Math.E), 1 + Math.log(1 + 9 / Math.E)];
    expect(crossEntropy).toBeCloseTo(0.75 * right + 0.25 * wrong, 4);
  });

  test('tapDiscrepancy is 0 for a copy, 1 for zero, and the ratio of the sizes between', async () => {
    const taps = (factor: number) => (x: Tensor4D) => ({ a: tf.mul(x, factor) });
    expect((await tapDiscrepancy(split.validation, taps(1), taps(1))).a).toBe(0);
    expect((await tapDiscrepancy(split.validation, taps(0), taps(1))).a).toBeCloseTo(1, 6);
    expect((await tapDiscrepancy(split.validation, taps(0.75), taps(1))).a).toBeCloseTo(0.25, 5);
  });
});

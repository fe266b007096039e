/** Figures of a network on a split, where their values are known. */
import { beforeAll, expect, test } from 'vitest';
import { notingPasses, type Dataset } from '../../src/data/dataset.js';
import { tf, type Tensor } from '../../src/engine/tensor.js';
import { evaluate, MANY_CLASSES } from '../../src/metrics/evaluate.js';
import { anyEngine } from '../support/engines.js';

beforeAll(async () => void (await anyEngine()));

/** Examples of one number each, whose label is that number. */
function data(classes: number, labels: readonly number[]): Dataset {
  const source = {
    count: labels.length,
    batch: (indices: Uint32Array) => ({
      values: Float32Array.from(indices, (index) => labels[index]!),
      labels: Int32Array.from(indices, (index) => labels[index]!),
    }),
  };
  return { shape: [1], classes, train: source, validation: source, test: source };
}

/** Scores that fall with the distance from class 10: it is the first, then come 9 and 11, and so on. */
const around10 =
  (classes: number) =>
  (x: Tensor): Tensor =>
    tf.add(tf.mul(x, 0), tf.neg(tf.abs(tf.sub(tf.range(0, classes), 10.1))));

test('the label among the five largest logits counts from 100 classes on', async () => {
  const labels = [10, 9, 11, 8, 12, 7, 13, 60]; // 10, 11, 9, 12, 8 are the five
  const many = data(MANY_CLASSES, labels);
  const found = await evaluate(many, many.test, around10(MANY_CLASSES));
  expect(found.top5).toBeCloseTo((100 * 5) / 8, 4);
  expect(found.accuracy).toBeCloseTo(100 / 8, 4);
  const few = data(MANY_CLASSES - 1, labels);
  expect(await evaluate(few, few.test, around10(MANY_CLASSES - 1))).not.toHaveProperty('top5');
});

test('of equal logits the first five count, as the first one does for accuracy', async () => {
  const many = data(MANY_CLASSES, [0, 4, 5, 99]);
  const { top5 } = await evaluate(many, many.test, (x) => tf.add(tf.mul(x, 0), tf.zeros([1, MANY_CLASSES])));
  expect(top5).toBe(50);
});

test('where a batch is as long as its longest example, the shorter ones come first, and the figures are the same', async () => {
  const labels = Array.from({ length: 1200 }, (_, i) => i % 7);
  const plain = data(12, labels);
  const lengths = labels.map((_, i) => 1 + ((i * 37) % 64));
  const asked: number[][] = [];
  const ragged: Dataset['test'] = {
    ...plain.test,
    lengths: () => lengths,
    batch: (indices) => {
      asked.push(Array.from(indices, (index) => lengths[index]!));
      return plain.test.batch(indices);
    },
  };
  const found = await evaluate(plain, ragged, around10(12));
  expect(found.accuracy).toBe((await evaluate(plain, plain.test, around10(12))).accuracy);
  expect(asked.map(({ length }) => length)).toEqual([...Array<number>(18).fill(64), 48]);
  expect(asked.flat()).toEqual([...lengths].sort((a, b) => a - b));
  const short = { ...ragged, lengths: () => lengths.slice(1) };
  await expect(evaluate(plain, short, around10(12))).rejects.toThrow(/expected 1200, one for each example, got 1199/);
});

test('a pass over validation or test says how much of it was read', async () => {
  const labels = Array.from({ length: 1200 }, (_, i) => i % 7);
  const told: [number, number][] = [];
  const noting = notingPasses(data(12, labels), (read, count) => void told.push([read, count]));
  for (const split of [noting.validation, noting.test, noting.validation]) await evaluate(noting, split, around10(12));
  const pass = [0, 500, 1000].map((read) => [read, 1200]);
  expect(told).toEqual([...pass, ...pass, ...pass]);
});

test('batches of long texts hold fewer of them', async () => {
  const sizes: number[] = [];
  const source: Dataset['test'] = {
    count: 600,
    batch: (indices) => {
      sizes.push(indices.length);
      return { values: new Int32Array(indices.length * 3 * 512), labels: new Int32Array(indices.length) };
    },
  };
  const texts: Dataset = { shape: [3, 512], classes: 2, train: source, validation: source, test: source };
  await evaluate(texts, texts.test, (x) => tf.zeros([x.shape[0]!, 2]));
  expect(Math.max(...sizes)).toBe(2 ** 15 / 512);
});

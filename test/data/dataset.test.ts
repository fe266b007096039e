/** What goes to the engine: finite numbers, and labels that are classes. */
import { beforeAll, expect, test } from 'vitest';
import { checkDataset, Order, shortestFirst, toBatch, toLabelled, type Dataset } from '../../src/data/dataset.js';
import { tf } from '../../src/engine/tensor.js';
import { anyEngine } from '../support/engines.js';

beforeAll(anyEngine);

const asked = { shape: [2, 2], classes: 3 };
const values = (wrong?: number): Float32Array =>
  Float32Array.from({ length: 12 }, (_, i) => (i === 9 ? (wrong ?? 9) : i));

test.each([NaN, Infinity, -Infinity])('a value of %f in a batch is refused, with its example', (wrong) => {
  expect(() => toLabelled(asked, { values: values(wrong), labels: Int32Array.of(0, 1, 2) })).toThrow(
    `data: value 9 of a batch is ${wrong} (example 2 of it); expected finite numbers`,
  );
});

test.each([-1, 3, 1000])('a label of %i is refused: it would count as no class at all', (wrong) => {
  expect(() => toBatch(asked, { values: values(), labels: Int32Array.of(0, wrong, 2) })).toThrow(
    `data: a label is ${wrong}; expected 0 to 2`,
  );
});

test('every epoch has each example once, in an order of its own, and so has every seed', () => {
  const epochs = (seed: number): number[][] => {
    const order = new Order(seed, 12);
    // batches of 5 go on in the next epoch
    const all = Array.from({ length: 12 }, (_, step) => [...order.indices(step, 5)]).flat();
    return Array.from({ length: 5 }, (_, epoch) => all.slice(12 * epoch, 12 * (epoch + 1)));
  };
  const found = [...epochs(1), ...epochs(2)];
  for (const epoch of found) expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  // of 12! orders, two of ten are the same once in ten million
  expect(new Set(found.map(String)).size).toBe(found.length);
});

test('a batch as it should be goes to the engine', async () => {
  const { x, y } = toBatch(asked, { values: values(), labels: Int32Array.of(0, 1, 2) });
  expect([x.shape, [...(await y.data())]]).toEqual([
    [3, 2, 2],
    [1, 0, 0, 0, 1, 0, 0, 0, 1],
  ]);
  tf.dispose([x, y]);
});

test('more or fewer values than the labels have examples are refused', () => {
  const message = 'data: a batch has 3 labels and 11 values; expected one label and 4 values, [2, 2], of each example';
  expect(() => toBatch(asked, { values: values().slice(1), labels: Int32Array.of(0, 1, 2) })).toThrow(message);
  expect(() => toLabelled({ ...asked, questions: 2 }, { values: values(), labels: Int32Array.of(0, 1, 2) })).toThrow(
    'data: a batch has 3 labels and 12 values; expected 2 labels and 4 values',
  );
});

test('examples are put in order by their lengths, equal ones as they stand', () => {
  expect(shortestFirst([9, 3, 9, 5, 3])).toEqual([1, 4, 3, 0, 2]);
  expect(shortestFirst([0, 0, 0])).toEqual([0, 1, 2]);
});

test('texts that are padded to the longest of a batch say where their tokens are', () => {
  const split = { count: 1, batch: () => ({ values: Int32Array.of(1), labels: Int32Array.of(0) }) };
  const of = (shape: readonly number[], isRagged?: boolean): Dataset => {
    const splits = { train: split, validation: split, test: split };
    return { shape, classes: 2, ...splits, ...(isRagged !== undefined && { isRagged }) };
  };
  expect(() => checkDataset('data', of([3, 8], true))).not.toThrow();
  expect(() => checkDataset('data', of([2, 8]))).not.toThrow();
  for (const shape of [[2, 8], [8], [3, 8, 8]])
    expect(() => checkDataset('data', of(shape, true))).toThrow(
      `data: isRagged goes with examples [3, T], of which the third row is 1 for a token and 0 for padding; ` +
        `got a shape of [${shape.join(', ')}]`,
    );
});

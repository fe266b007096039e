/** What goes to the engine: finite numbers, and labels that are classes. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  checkDataset,
  Loader,
  Order,
  shortestFirst,
  toBatch,
  toLabelled,
  type Dataset,
  type Source,
} from '../../src/data/dataset.js';
import { uniforms } from '../../src/core/rng.js';
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

test('batches of similar lengths need lengths', () => {
  const split: Source = { count: 1, batch: () => ({ values: Int32Array.of(1), labels: Int32Array.of(0) }) };
  const of = (train: Source): Dataset => ({ shape: [3, 8], classes: 2, train, validation: split, test: split });
  expect(() => checkDataset('data', of({ ...split, groupsByLength: true, lengths: () => [8] }))).not.toThrow();
  expect(() => checkDataset('data', of({ ...split, groupsByLength: true }))).toThrow(
    'data: train: groupsByLength goes with lengths, which say how long each example is',
  );
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

describe('batches of examples of similar lengths', () => {
  const BATCH = 8;
  const lengthsOf = (count: number): number[] => Array.from(uniforms([1, 2], count), (u) => 2 + Math.floor(60 * u));
  const spread = (lengths: readonly number[], batches: readonly (readonly number[])[]): number => {
    const spreads = batches.map((batch) => {
      const own = batch.map((example) => lengths[example]!);
      return Math.max(...own) - Math.min(...own);
    });
    return spreads.reduce((sum, each) => sum + each, 0) / spreads.length;
  };
  const batchesOf = (order: Order, first: number, last: number): number[][] =>
    Array.from({ length: last - first }, (_, i) => [...order.indices(first + i, BATCH)]);

  // whole batches; a last batch that the next epoch completes; fewer examples than a batch
  test.each([960, 1003, 5])('of %i examples each comes once in every epoch, in another order', (count) => {
    const order = new Order(3, count, undefined, { lengths: lengthsOf(count), batch: BATCH });
    const all = batchesOf(order, 0, Math.ceil((3 * count) / BATCH)).flat();
    const epochs = [0, 1, 2].map((epoch) => all.slice(epoch * count, (epoch + 1) * count));
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
    expect(new Set(epochs.map(String)).size).toBe(3);
    // any step by itself, as where a run is resumed
    const resumed = new Order(3, count, undefined, { lengths: lengthsOf(count), batch: BATCH });
    const last = Math.floor((2 * count) / BATCH);
    expect([...resumed.indices(last, BATCH)]).toEqual([...order.indices(last, BATCH)]);
  });

  test('lengths differ little within a batch, and batches are not in the order of their lengths', () => {
    const count = 3203;
    const lengths = lengthsOf(count);
    const [grouped, random] = [{ lengths, batch: BATCH }, undefined].map((groups) =>
      batchesOf(new Order(3, count, undefined, groups), 1, 2 * Math.floor(count / BATCH)),
    ) as [number[][], number[][]];
    expect(spread(lengths, random)).toBeGreaterThan(40);
    // but for two batches, of which one goes on in the second epoch
    expect(spread(lengths, grouped)).toBeLessThan(4);
    const means = grouped.map((batch) => batch.reduce((sum, example) => sum + lengths[example]!, 0) / BATCH);
    const risen = means.filter((mean, i) => i > 0 && mean > means[i - 1]!).length;
    expect(risen / means.length).toBeGreaterThan(0.4);
    expect(risen / means.length).toBeLessThan(0.6);
  });

  test('few batches are not made of all examples in their order: those of the next epoch would be the same', () => {
    const count = 8 * BATCH;
    const lengths = Array.from({ length: count }, (_, i) => i);
    const order = new Order(3, count, undefined, { lengths, batch: BATCH });
    const sets = (from: number): Set<string> =>
      new Set(batchesOf(order, from, from + 8).map((batch) => String([...batch].sort((a, b) => a - b))));
    const [first, second] = [sets(0), sets(8)];
    expect([...first].filter((set) => second.has(set))).toEqual([]);
  });

  test('the loader asks a source that is so grouped for them, and no other', async () => {
    const lengths = lengthsOf(400);
    const source: Source = {
      count: 400,
      lengths: () => lengths,
      batch: (indices) => ({ values: Float32Array.from(indices), labels: Int32Array.from(indices) }),
    };
    const read = async (of: Source): Promise<number[][]> => {
      const loader = new Loader(of, 3, BATCH);
      const batches: number[][] = [];
      for (let step = 0; step < 50; step++) batches.push([...(await loader.get(step)).labels]);
      return batches;
    };
    const [grouped, random] = [await read({ ...source, groupsByLength: true }), await read(source)];
    expect(grouped).toEqual(batchesOf(new Order(3, 400, undefined, { lengths, batch: BATCH }), 0, 50));
    expect(random).toEqual(batchesOf(new Order(3, 400), 0, 50));
    expect(() => new Loader({ ...source, groupsByLength: true, lengths: () => lengths.slice(1) }, 3, BATCH)).toThrow(
      'lengths of a split: expected 400, one for each example, got 399',
    );
    // a share of each batch, as each of several workers reads it
    const shares = [0, 4].map(
      (from) => new Loader({ ...source, groupsByLength: true }, 3, BATCH, 2, { from, to: from + 4 }),
    );
    const parts = await Promise.all(shares.map(async (one) => [...(await one.get(7)).labels]));
    expect(parts.flat()).toEqual(grouped[7]);
  });
});

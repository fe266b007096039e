/** Values that are computed once. */
import { expect, test } from 'vitest';
import { oncePer, remembered } from '../../src/core/memo.js';

test('a value is computed once for each object, also one that is undefined, and again for an equal one', () => {
  let computed = 0;
  const double = oncePer(({ value }: { readonly value: number }) => {
    computed++;
    return value > 0 ? 2 * value : undefined;
  });
  const [two, none] = [{ value: 2 }, { value: 0 }];
  expect([double(two), double(two), double(none), double(none), double({ value: 2 })]).toEqual([
    4,
    4,
    undefined,
    undefined,
    4,
  ]);
  expect(computed).toBe(3);
});

test('what throws is computed again', () => {
  let fails = true;
  const value = oncePer(() => {
    if (fails) throw new RangeError('not yet');
    return 1;
  });
  const key = {};
  expect(() => value(key)).toThrow('not yet');
  fails = false;
  expect(value(key)).toBe(1);
});

test('a map has the value of a key from then on', () => {
  const map = new Map<string, number>();
  expect([remembered(map, 'a', () => 1), remembered(map, 'a', () => 2), map.get('a')]).toEqual([1, 1, 1]);
});

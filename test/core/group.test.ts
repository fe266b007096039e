import { expect, test } from 'vitest';
import { groupBy } from '../../src/core/group.js';

test('groups stand in the order of first appearance, under their keys as they are', () => {
  const groups = groupBy([3, 10, 4, 21], (number) => number % 2);
  expect([...groups]).toEqual([
    [1, [3, 21]],
    [0, [10, 4]],
  ]);
  expect([...groupBy([], String)]).toEqual([]);
});

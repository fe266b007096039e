import { expect, test } from 'vitest';
import { byCodePoint } from '../../src/core/text-order.js';

test('names are in the order of Python’s sorted, pairs of units too', () => {
  // Python: `sorted(['😀', '！', 'b', 'a', '', 'ab', '\ue000', '\ud7ff', '😀a', '𐀀', 'Z'])`
  const sorted = ['', 'Z', 'a', 'ab', 'b', '\ud7ff', '\ue000', '！', '𐀀', '😀', '😀a'];
  expect([...sorted].reverse().sort(byCodePoint)).toEqual(sorted);
});

import { expect, test } from 'vitest';
import { parseNumber, parseWhole } from '../../src/core/number.js';

test('numbers are decimal, with an exponent if need be; nothing else is one', () => {
  const numbers = { '3': 3, '0.5': 0.5, '.5': 0.5, '5.': 5, '1e3': 1000, '-2.5E-4': -2.5e-4, '007': 7 };
  for (const [text, value] of Object.entries(numbers)) expect(parseNumber(text)).toBe(value);
  for (const text of ['', ' 5', '5 ', '+5', '0x10', '0b1', '1_000', '1,5', 'NaN', 'Infinity', '1e', '.', '1e400', '５'])
    expect(parseNumber(text)).toBeUndefined();
});

test('whole numbers may have an exponent, and are those that a number can tell apart', () => {
  expect(['12', '1e3', '2.0', '-1', '9007199254740991'].map(parseWhole)).toEqual([12, 1000, 2, -1, 9007199254740991]);
  expect(['1.5', '1e-1', '9007199254740992', '1e20', '0x1'].map(parseWhole)).toEqual(Array(5).fill(undefined));
});

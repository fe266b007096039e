import { expect, test } from 'vitest';
import { lookUp, namesOf, register } from '../../src/core/registry.js';

test('a registered definition is found by its name, and its name is in the list', () => {
  const shapes: Record<string, number> = { square: 4 };
  register('shape', shapes, 'triangle', 3);
  expect(lookUp('shape', shapes, 'triangle')).toBe(3);
  expect(namesOf(shapes)).toEqual(['square', 'triangle']);
});

test('a name twice is refused, and the first definition stays', () => {
  const shapes: Record<string, number> = { square: 4 };
  expect(() => register('shape', shapes, 'square', 5)).toThrow('the shape "square" is registered already');
  expect(shapes.square).toBe(4);
});

test.each([
  ['squar', 'unknown shape "squar"; expected one of: square. Did you mean "square"?'],
  ['toString', 'unknown shape "toString"; expected one of: square.'],
  [undefined, 'unknown shape "undefined"; expected one of: square.'],
  [7, 'unknown shape "7"; expected one of: square.'],
])('the unknown name %j is refused with the known ones', (name, message) => {
  expect(() => lookUp('shape', { square: 4 }, name)).toThrow(message);
});

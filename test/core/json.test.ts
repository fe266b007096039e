import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unknownName } from '../../src/core/errors.js';
import { canonicalJson, hashOf, type Json } from '../../src/core/json.js';
import { cellId, type Cell } from '../../src/core/run.js';

test('canonicalJson ignores the order of keys and reads back', () => {
  expect(canonicalJson({ b: 1, a: [true, null, 'x'] })).toBe('{"a":[true,null,"x"],"b":1}');
  expect(hashOf({ a: 1, b: 2 })).toBe(hashOf({ b: 2, a: 1 }));
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { seed: 1 },
  );
  expect(() => canonicalJson({ a: NaN })).toThrow('NaN');
});

test('a member that is undefined is left out, as JSON leaves it out', () => {
  expect(canonicalJson({ a: 1, b: undefined, c: { d: undefined } })).toBe('{"a":1,"c":{}}');
  expect(hashOf({ a: 1, b: undefined })).toBe(hashOf({ a: 1 }));
});

test('a cell’s id depends on kind, spec and seed, and on no name', () => {
  const cell: Cell = { experiment: 'e', arm: 'a', scale: 'minutes', kind: 'k', spec: { x: 1 }, seed: 1 };
  expect(cellId({ ...cell, experiment: 'other', arm: 'other', scale: 'laptop' })).toBe(cellId(cell));
  expect(cellId({ ...cell, seed: 2 })).not.toBe(cellId(cell));
  expect(cellId({ ...cell, spec: { x: 2 } })).not.toBe(cellId(cell));
  expect(cellId({ ...cell, kind: 'l' })).not.toBe(cellId(cell));
});

test('unknownName lists what is known and guesses', () => {
  expect(unknownName('scale', 'minute', ['minutes', 'laptop']).message).toBe(
    'unknown scale "minute"; expected one of: minutes, laptop. Did you mean "minutes"?',
  );
  expect(unknownName('scale', 'zzz', ['minutes', 'laptop']).message).not.toContain('Did you mean');
});

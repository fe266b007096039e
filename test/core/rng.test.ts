import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normals, permutation, philox, rngKey, subset, uniforms } from '../../src/core/rng.js';
import { mean, rms } from '../../src/core/stats.js';

describe('philox', () => {
  // Known-answer tests of the Random123 distribution, kat_vectors, philox4x32 10 rounds.
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as [[number, number, number, number], [number, number], number[]][])(
    'known answer %#',
    (counter, key, expected) => {
      const out = new Uint32Array(4);
      philox(counter, key, out);
      expect([...out]).toEqual(expected);
    },
  );
});

test('a stream is the same however it is cut', () => {
  const key = rngKey(3, 'stream');
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), (offset, count) => {
      expect([...uniforms(key, count, offset)]).toEqual([...uniforms(key, offset + count)].slice(offset));
      expect([...normals(key, count, offset)]).toEqual([...normals(key, offset + count)].slice(offset));
    }),
    { seed: 1, numRuns: 50 },
  );
});

test('streams with different names differ, equal ones do not', () => {
  expect(rngKey(1, 'a', 2)).toEqual(rngKey(1, 'a', 2));
  expect(rngKey(1, 'a', 2)).not.toEqual(rngKey(1, 'a', 3));
  expect(rngKey(1, 'a', 2)).not.toEqual(rngKey(2, 'a', 2));
});

test('moments of 200,000 draws lie within five standard errors', () => {
  const n = 200_000;
  const u = uniforms(rngKey(1, 'u'), n);
  const z = normals(rngKey(1, 'z'), n);
  expect(Math.abs(mean(u) - 0.5)).toBeLessThan((5 * Math.sqrt(1 / 12)) / Math.sqrt(n));
  expect(u.every((value) => value > 0 && value < 1)).toBe(true);
  expect(Math.abs(mean(z))).toBeLessThan(5 / Math.sqrt(n));
  expect(Math.abs(rms(z) ** 2 - 1)).toBeLessThan((5 * Math.SQRT2) / Math.sqrt(n));
  expect(Math.abs(mean(z.map((value) => value ** 4)) - 3)).toBeLessThan((5 * Math.sqrt(96)) / Math.sqrt(n));
});

test('permutations and subsets hold each index once', () => {
  expect([...permutation(rngKey(1, 'p'), 100)].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  const chosen = subset(rngKey(1, 's'), 50, 20);
  expect(new Set(chosen).size).toBe(20);
  expect(() => subset(rngKey(1, 's'), 5, 6)).toThrow('m <= n');
});

test('a count, an offset or a seed that is no number of its kind is refused by name', () => {
  const key = rngKey(1, 'refused');
  for (const wrong of [-1, 1.5, NaN, Infinity]) {
    expect(() => uniforms(key, wrong)).toThrow('uniforms: n: expected a whole number');
    expect(() => uniforms(key, 3, wrong)).toThrow('uniforms: offset: expected a whole number');
    expect(() => normals(key, wrong)).toThrow('normals: n: expected a whole number');
    expect(() => normals(key, 3, wrong)).toThrow('normals: offset: expected a whole number');
    expect(() => permutation(key, wrong)).toThrow('permutation: n: expected a whole number');
    expect(() => subset(key, wrong, 1)).toThrow('subset: n: expected a whole number');
    // a slice to -1 would be all but the last
    expect(() => subset(key, 5, wrong)).toThrow(/^subset: /);
  }
  for (const wrong of [NaN, Infinity, -Infinity]) {
    expect(() => rngKey(wrong)).toThrow(`rngKey: expected finite numbers and names, got ${wrong}`);
    expect(() => rngKey(1, 'a', wrong)).toThrow('rngKey: expected finite numbers');
  }
});

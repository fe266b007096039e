/** Arrays on the host are filled, and their first value that is not finite is found wherever it stands. */
import { expect, test } from 'vitest';
import { filled, firstInfinite } from '../../src/core/host-array.js';

test.each([Float32Array, Float64Array])('the first value of a %o that is not finite, at every place', (Type) => {
  for (let length = 0; length < 11; length++) {
    const values = new Type(Array.from({ length }, (_, i) => [-0, 3e38, -1e-45, 1][i % 4]!));
    expect(firstInfinite(values)).toBe(-1);
    for (let at = length - 1; at >= 0; at--) {
      values[at] = [NaN, Infinity, -Infinity][at % 3]!;
      expect(firstInfinite(values)).toBe(at);
    }
  }
});

test('an array is filled in its own type, by index', () => {
  const given = new Uint8Array(4);
  expect(filled(given, (i) => 100 * i)).toBe(given);
  expect(given).toEqual(Uint8Array.of(0, 100, 200, 300 - 256));
  expect(filled(new Float32Array(2), (i) => i + 0.1)).toEqual(Float32Array.of(0.1, 1.1));
  expect(filled(new Uint32Array(0), () => NaN)).toEqual(new Uint32Array(0));
});

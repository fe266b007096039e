/** The first value that is not finite is found wherever it stands. */
import { expect, test } from 'vitest';
import { firstInfinite } from '../../src/core/host-array.js';

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

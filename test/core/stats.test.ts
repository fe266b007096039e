import { expect, test } from 'vitest';
import {
  atLevel,
  fitLine,
  holm,
  largest,
  levelOf,
  powerLaw,
  rms,
  signFlip,
  smallest,
  standardDeviation,
  tInterval,
} from '../../src/core/stats.js';
import { studentCdf, studentQuantile } from '../../src/core/student.js';

// @stdlib/stats-base-dists-t-quantile 0.2.3: quantile(p, df)
test.each([
  [0.975, 1, 12.706204736174694],
  [0.975, 2, 4.302652729749462],
  [0.975, 7, 2.3646242515927858],
  [0.995, 10, 3.169272672616951],
  [0.9, 30, 1.310415025391396],
])('studentQuantile(%d, %d)', (p, df, expected) => {
  expect(studentQuantile(p, df)).toBeCloseTo(expected, 9);
  expect(studentQuantile(1 - p, df)).toBeCloseTo(-expected, 9);
  expect(studentCdf(expected, df)).toBeCloseTo(p, 11);
});

test('studentQuantile refuses what is no probability', () => {
  expect(() => studentQuantile(1, 3)).toThrow('0 < p < 1');
});

test.each([0.5, 0.9, 0.95, 0.999])('levelOf takes back what atLevel widened, at %d', (level) => {
  for (const interval of [tInterval([1, 2, 3, 4]), { ...tInterval([1, 2]), df: 7.5 }]) {
    const { low, high } = atLevel(interval, level);
    expect(levelOf(interval, (high - low) / (interval.high - interval.low))).toBeCloseTo(level, 12);
  }
  expect(() => levelOf(tInterval([1]), 1)).toThrow('levelOf: expected an interval of at least two values');
});

test('tInterval of 1, 2, 3, 4: mean 2.5, half width 3.182446 * 1.290994 / 2', () => {
  const { mean: centre, low, high, n } = tInterval([1, 2, 3, 4]);
  expect([centre, n]).toEqual([2.5, 4]);
  expect(high - 2.5).toBeCloseTo(2.0542602567605206, 9);
  expect(2.5 - low).toBeCloseTo(2.0542602567605206, 9);
});

test('one value has an infinite interval, none throws', () => {
  expect(tInterval([3])).toEqual({ mean: 3, low: -Infinity, high: Infinity, n: 1 });
  expect(() => tInterval([])).toThrow('at least one value');
});

test('fitLine and powerLaw find exact laws', () => {
  expect(fitLine([1, 2, 3], [5, 7, 9])).toEqual({ slope: 2, intercept: 3, r2: 1 });
  const x = [1, 2, 4, 8];
  const law = powerLaw([1, 2, 3].map((scale) => ({ x, y: x.map((value) => scale * value ** -0.5) })));
  expect(law.mean).toBeCloseTo(-0.5, 12);
  expect(law.high - law.low).toBeLessThan(1e-12);
  expect(law.scale).toBeCloseTo(6 ** (1 / 3), 12);
  expect(() => fitLine([1, 1], [2, 3])).toThrow('two different x');
});

test('rms and standardDeviation', () => {
  expect(rms([3, 4])).toBeCloseTo(Math.sqrt(12.5), 14);
  expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(2.138089935299395, 12);
  expect(standardDeviation([1])).toBeNaN();
});

test('largest and smallest are those of Math.max and Math.min, for any number of values', () => {
  for (const values of [[], [3], [-1, -5, 2], [1, NaN, 3], [Infinity, -Infinity], [-0, -0]]) {
    expect(largest(values)).toBe(Math.max(...values));
    expect(smallest(values)).toBe(Math.min(...values));
  }
  const many = Float32Array.from({ length: 1_000_000 }, (_, i) => (i * 7_919) % 1_000_003);
  expect(largest(many)).toBe(1_000_002);
  expect(smallest(new Map(Array.from(many.subarray(1), (value, i) => [i, value])).values())).toBe(1);
});

test('numbers that are none, levels and counts outside their range are refused by name', () => {
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const values = [1, wrong, 3];
    expect(() => tInterval(values)).toThrow(`tInterval: values: expected finite numbers, got ${wrong} at place 1`);
    expect(() => fitLine([1, 2, 3], values)).toThrow('fitLine: y: expected finite');
    expect(() => fitLine(values, [1, 2, 3])).toThrow('fitLine: x: expected finite');
    expect(() => signFlip(values)).toThrow('signFlip: values: expected finite');
    expect(() => powerLaw([{ x: [1, 2, 4], y: values }])).toThrow(
      'powerLaw: y of seed 0: expected finite numbers above 0',
    );
  }
  for (const level of [0, 1, -1, 2, NaN]) {
    expect(() => tInterval([1, 2, 3], level)).toThrow(
      `tInterval: level: expected a number between 0 and 1, got ${level}`,
    );
  }
  expect(() => powerLaw([])).toThrow('powerLaw: expected at least one seed');
  expect(() => powerLaw([{ x: [1, 2], y: [0, 1] }])).toThrow(
    'powerLaw: y of seed 0: expected finite numbers above 0, got 0',
  );
  expect(() => powerLaw([{ x: [-1, 2], y: [1, 1] }])).toThrow('powerLaw: x of seed 0');
  for (const wrong of [NaN, -0.1, 1.1]) expect(() => holm([0.1, wrong])).toThrow('holm: expected p-values from 0 to 1');
});

test('an interval at 90 %, a randomization test and a line as scipy 1.17.1 has them', () => {
  // scipy.stats.t.interval(0.9, 2, loc=2, scale=scipy.stats.sem([1, 2, 3]))
  const { low, high } = tInterval([1, 2, 3], 0.9);
  expect(low).toBeCloseTo(0.3141455391529502, 12);
  expect(high).toBeCloseTo(3.6858544608470485, 12);
  // scipy.stats.permutation_test((d,), sum, permutation_type='samples', n_resamples=inf)
  expect(signFlip([1.2, -0.3, 0.8, 2.1, 0.05])).toBe(0.1875);
  // scipy.stats.linregress([1, 2, 4, 7], [3, 1, 5, 4])
  const line = fitLine([1, 2, 4, 7], [3, 1, 5, 4]);
  expect(line.slope).toBeCloseTo(0.35714285714285715, 12);
  expect(line.intercept).toBeCloseTo(2, 12);
  expect(line.r2).toBeCloseTo(0.5532833351724882 ** 2, 12);
});

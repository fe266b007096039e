/**
 * Random changes of images, which WebAssembly makes, against the same arithmetic in JavaScript: every bit of what is
 * moved; noise, made in float32, against float64, and against the normal law.
 */
import { describe, expect, test } from 'vitest';
import { erf } from 'mathjs';
import { normals, philox, rngKey, uniforms, type RngKey } from '../../src/core/rng.js';
import { affine, type Augmentation } from '../../src/data/augment.js';

/** Normal numbers `offset`, `offset + 1`, ..., four of each block of Philox, in float64. */
function noiseOf(key: RngKey, count: number, offset: number): Float64Array {
  const words = new Uint32Array(4);
  return Float64Array.from({ length: count }, (_, i) => {
    const draw = offset + i;
    philox([Math.floor(draw / 4), 0, 0, 0], key, words);
    const pair = draw % 4 < 2 ? 0 : 2;
    const radius = Math.sqrt(-2 * Math.log(((words[pair]! >>> 9) + 0.5) / 2 ** 23));
    const angle = (2 * Math.PI * words[pair + 1]!) / 2 ** 32;
    return radius * (draw % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

/** What the module shall give, value by value. */
function plainly(
  values: Float32Array,
  [count, size, channels]: readonly [number, number, number],
  { rotation, shift, logScale, noise }: Augmentation,
  { seed, step, from }: { readonly seed: number; readonly step: number; readonly from: number },
): Float32Array {
  const draws = uniforms(rngKey(seed, 'augment', step), 4 * count, 4 * from).map((u) => 2 * u - 1);
  const pixels = size * size * channels;
  const added = noiseOf(rngKey(seed, 'noise', step), values.length, pixels * from);
  const centre = (size - 1) / 2;
  return values.map((_, place) => {
    const [image, channel] = [Math.floor(place / pixels), place % channels];
    const [turn, zoom, right, down] = draws.subarray(4 * image, 4 * image + 4);
    const [angle, scale] = [(turn! * rotation * Math.PI) / 180, Math.exp(zoom! * logScale)];
    const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
    const position = Math.floor((place % pixels) / channels);
    const u = (position % size) - centre - right! * shift * size;
    const v = Math.floor(position / size) - centre - down! * shift * size;
    const [x, y] = [centre + cos * u + sin * v, centre - sin * u + cos * v];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const pixel = (row: number, column: number): number =>
      row < 0 || column < 0 || row >= size || column >= size
        ? 0
        : values[image * pixels + (row * size + column) * channels + channel]!;
    const along = (row: number): number => pixel(row, left) * (1 - (x - left)) + pixel(row, left + 1) * (x - left);
    const moved = Math.fround(along(top) * (1 - (y - top)) + along(top + 1) * (y - top));
    return noise > 0 ? moved + added[place]! * noise : moved;
  });
}

const LAWS: Readonly<Record<string, Augmentation>> = {
  mild: { rotation: 10, shift: 0.06, logScale: 0.06, noise: 0.1 },
  'far out of the image': { rotation: 180, shift: 1, logScale: 2, noise: 0 },
  'noise alone': { rotation: 0, shift: 0, logScale: 0, noise: 0.5 },
};

describe.each(Object.entries(LAWS))('images changed at random, %s', (_, law) => {
  test.each([
    [1, 1, 1, 0],
    [3, 5, 3, 1],
    [64, 14, 1, 7],
    [2, 28, 1, 3],
    [130, 33, 3, 0],
  ])('%i of %i pixels a side and %i channels, from draw %i', (count, size, channels, from) => {
    const values = Float32Array.from(normals(rngKey(1, 'images', size), count * size * size * channels));
    const key = { seed: 5, step: 9, from };
    const changed = values.slice();
    affine({ height: size, channels }, law)(changed, count, key);
    const expected = plainly(values, [count, size, channels], law, key);
    const [still, moved] = [{ ...law, noise: 0 }, values.slice()];
    affine({ height: size, channels }, still)(moved, count, key);
    const exact = plainly(values, [count, size, channels], still, key);
    expect(Buffer.from(moved.buffer)).toEqual(Buffer.from(exact.buffer));
    const far = changed.findIndex((value, i) => !(Math.abs(value - expected[i]!) < 2e-6));
    expect(far).toBe(-1);
  });
});

test('noise is normal: moments, the largest distance from the law, and no correlation of neighbors', () => {
  const [count, size] = [4000, 16];
  const values = new Float32Array(count * size * size);
  affine({ height: size, channels: 1 }, { ...LAWS['noise alone']!, noise: 1 })(values, count, { seed: 3, step: 1 });
  const n = values.length;
  const mean = (of: (value: number, i: number) => number): number =>
    values.reduce((sum, value, i) => sum + of(value, i), 0) / n;
  // each within five of its standard errors, root of the variance over n: 1, 2, 15, 96
  const error = (variance: number): number => 5 * Math.sqrt(variance / n);
  expect(Math.abs(mean((v) => v))).toBeLessThan(error(1));
  expect(Math.abs(mean((v) => v ** 2) - 1)).toBeLessThan(error(2));
  expect(Math.abs(mean((v) => v ** 3))).toBeLessThan(error(15));
  expect(Math.abs(mean((v) => v ** 4) - 3)).toBeLessThan(error(96));
  for (const apart of [1, 2, 3, 4])
    expect(Math.abs(mean((v, i) => v * values[(i + apart) % n]!))).toBeLessThan(error(1));
  const sorted = values.toSorted();
  const below = (v: number): number => (1 + erf(v * Math.SQRT1_2)) / 2;
  // Kolmogorov and Smirnov's statistic is above 2 / sqrt(n) once in 1,500 samples
  expect(
    Math.max(
      ...Array.from({ length: 2000 }, (_, k) => {
        const i = Math.floor(((k + 0.5) * n) / 2000);
        return Math.abs(below(sorted[i]!) - i / n);
      }),
    ),
  ).toBeLessThan(2 / Math.sqrt(n));
  expect(Math.max(...sorted.slice(-1), -sorted[0]!)).toBeLessThan(5.8);
  expect(Math.max(...sorted.slice(-1), -sorted[0]!)).toBeGreaterThan(4.3);
});

test('noise of a part of the images is that of the whole', () => {
  const law = { ...LAWS['noise alone']!, noise: 0.3 };
  const draw = (count: number, from: number): Float32Array => {
    const values = new Float32Array(count * 27);
    affine({ height: 3, channels: 3 }, law)(values, count, { seed: 3, step: 1, from });
    return values;
  };
  const whole = draw(9, 0);
  for (const from of [1, 2, 3, 5]) expect(draw(4, from)).toEqual(whole.slice(27 * from, 27 * (from + 4)));
});

test('values that are not those of the images are refused', () => {
  const change = affine({ height: 2, channels: 1 }, LAWS.mild!);
  expect(() => change(new Float32Array(9), 2, { seed: 1, step: 1 })).toThrow(
    'images: 9 values; 2 images of 2 x 2 x 1 expected',
  );
});

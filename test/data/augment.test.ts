/** Random changes of images, which WebAssembly makes, against the same arithmetic in JavaScript: every bit. */
import { describe, expect, test } from 'vitest';
import { normals, rngKey, uniforms } from '../../src/core/rng.js';
import { affine, type Augmentation } from '../../src/data/augment.js';

/** What the module shall give, value by value. */
function plainly(
  values: Float32Array,
  [count, size, channels]: readonly [number, number, number],
  { rotation, shift, logScale, noise }: Augmentation,
  { seed, step, from }: { readonly seed: number; readonly step: number; readonly from: number },
): Float32Array {
  const draws = uniforms(rngKey(seed, 'augment', step), 4 * count, 4 * from).map((u) => 2 * u - 1);
  const pixels = size * size * channels;
  const added = normals(rngKey(seed, 'noise', step), values.length, pixels * from);
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
    expect(Buffer.from(changed.buffer)).toEqual(Buffer.from(plainly(values, [count, size, channels], law, key).buffer));
  });
});

test('values that are not those of the images are refused', () => {
  const change = affine({ height: 2, channels: 1 }, LAWS.mild!);
  expect(() => change(new Float32Array(9), 2, { seed: 1, step: 1 })).toThrow(
    'images: 9 values; 2 images of 2 x 2 x 1 expected',
  );
});

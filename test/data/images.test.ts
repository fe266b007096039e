/** Images in memory and their changes, as authors of data sets use them: what does not fit is refused by name. */
import { describe, expect, test } from 'vitest';
import { affine } from '../../src/data/augment.js';
import { cropAndFlip, memorySource, normalizer } from '../../src/data/images.js';
import { DATASETS, openData, registerDataset } from '../../src/data/index.js';

const set = {
  images: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  labels: Uint8Array.of(4, 9),
  height: 2,
  width: 2,
  channels: 1,
};
const key = { seed: 1, step: 1 };
const SIZES = [0, -1, 1.5, NaN, Infinity];

test('an index of no image is refused: it would be a black image of class 0', () => {
  const { batch } = memorySource(set);
  expect(batch(Uint32Array.of(1, 0))).toEqual({
    values: Float32Array.of(5, 6, 7, 8, 1, 2, 3, 4),
    labels: Int32Array.of(9, 4),
  });
  expect(() => batch(Uint32Array.of(0, 2))).toThrow('images: index: expected a whole number from 0 to 1, got 2');
});

describe('normalizer', () => {
  test('takes each channel by its own mean and deviation', () => {
    const values = Float32Array.of(51, 102, 255, 0);
    normalizer([0.2, 0.4], [0.5, 0.25], 255)(values);
    [0, 0, 1.6, -1.6].forEach((expected, i) => expect(values[i]).toBeCloseTo(expected, 6));
  });
  test.each<[what: string, call: () => unknown, message: string]>([
    ['no channel', () => normalizer([], []), 'normalizer: expected a std for each of 0 means'],
    ['fewer deviations', () => normalizer([0, 0], [1]), 'normalizer: expected a std for each of 2 means'],
    ['a deviation of 0', () => normalizer([0], [0]), 'normalizer: std: expected finite numbers above 0, got 0'],
    ['a mean that is none', () => normalizer([NaN], [1]), 'normalizer: mean: expected finite numbers, got NaN'],
    ['a range that is none', () => normalizer([0], [1], 0), 'normalizer: range: expected finite numbers above 0'],
    [
      'half a pixel',
      () => normalizer([0, 0], [1, 1])(new Float32Array(3)),
      'normalizer: expected values of 2 channels',
    ],
  ])('refuses %s', (_, call, message) => expect(call).toThrow(message));
});

describe('cropAndFlip', () => {
  test.each(SIZES)('refuses a size of %d', (size) => {
    for (const name of ['height', 'width', 'channels'] as const)
      expect(() => cropAndFlip({ ...set, [name]: size }, 1)).toThrow(`cropAndFlip: ${name}: expected a whole number`);
  });
  test('refuses half a pixel of padding, and values of other images', () => {
    for (const padding of [-1, 0.5, NaN]) expect(() => cropAndFlip(set, padding)).toThrow('cropAndFlip: padding');
    expect(() => cropAndFlip(set, 1)(new Float32Array(5), 1, key)).toThrow('images: 5 values; 1 images of 2 x 2 x 1');
  });
});

test('affine refuses options outside their ranges', () => {
  const options = { rotation: 10, shift: 0.1, logScale: 0.1, noise: 0.1 };
  for (const name of ['rotation', 'shift', 'logScale', 'noise'] as const)
    for (const wrong of [-1, NaN, Infinity])
      expect(() => affine(set, { ...options, [name]: wrong })).toThrow(`invalid augment: ${name}: expected`);
});

test('data are opened by a declaration that fits, and no other', async () => {
  await expect(openData({ set: 'digits', train: 0.5 })).rejects.toThrow('invalid data: train: expected a whole number');
  await expect(openData({ set: 'digits' } as unknown as { set: 'digits'; train: number })).rejects.toThrow(
    'train: missing',
  );
  await expect(openData({ set: 'digit' as 'digits', train: 1 })).rejects.toThrow('unknown data set "digit"');
});

test.each([[undefined], [''], ['two words'], ['line\nfeed'], [3]])('nothing is registered as %j', (name) => {
  const definition = { ...DATASETS.digits!, name: name as string };
  expect(() => registerDataset(definition)).toThrow(
    'data set: name: expected a text without blanks, as options take it',
  );
  expect(Object.keys(DATASETS)).not.toContain(String(name));
});

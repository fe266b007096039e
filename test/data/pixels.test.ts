/** Sizes and colors of pictures by Pillow's arithmetic. */
import { describe, expect, test } from 'vitest';
import { colorsOfInks, cut, resizeBilinear } from '../../src/data/pixels.js';

const SIZE = { width: 5, height: 4 };
/** Python: `a = (np.arange(60) * 37 % 256).astype('uint8').reshape(4, 5, 3)`. */
const PICTURE = Uint8Array.from({ length: 60 }, (_, i) => (i * 37) % 256);

describe('a picture at another size is Pillow’s', () => {
  /** `r = np.asarray(Image.fromarray(a).resize(size, Image.BILINEAR)); r.reshape(-1)[:24], r.sum()`, Pillow 13.0. */
  test.each([
    [
      8,
      6,
      [0, 37, 74, 49, 86, 123, 118, 139, 176, 187, 48, 85, 177, 38, 75, 86, 107, 144, 139, 176, 69, 188, 225, 6],
      17304,
    ],
    [3, 2, [79, 116, 137, 115, 91, 120, 150, 124, 99, 146, 136, 126, 121, 134, 122, 113, 129, 119], 2177],
    [
      5,
      9,
      [0, 37, 74, 111, 148, 185, 222, 3, 40, 77, 114, 151, 188, 225, 6, 7, 44, 81, 118, 155, 192, 186, 10, 47],
      16032,
    ],
    [
      7,
      4,
      [0, 37, 74, 63, 100, 137, 143, 107, 144, 222, 3, 40, 118, 82, 119, 125, 162, 89, 188, 225, 6, 43, 80, 117],
      9802,
    ],
  ])('%i x %i', (width, height, first, sum) => {
    const found = resizeBilinear(PICTURE, SIZE, { width, height });
    expect([...found.subarray(0, 24)].slice(0, first.length)).toEqual(first);
    expect(found.reduce((total, value) => total + value, 0)).toBe(sum);
  });

  test('at its own size it is itself', () => {
    expect(resizeBilinear(PICTURE, SIZE, SIZE)).toEqual(PICTURE);
  });
});

test('four inks become Pillow’s colors', () => {
  const inks = [0, 0, 0, 0, 255, 255, 255, 255, 136, 179, 72, 120, 255, 0, 0, 0, 10, 20, 30, 200, 1, 2, 3, 4];
  // Python: `Image.fromarray(inks, 'CMYK').convert('RGB')`, Pillow 13.0
  const colors = [255, 255, 255, 0, 0, 0, 63, 40, 97, 0, 255, 255, 53, 51, 49, 250, 249, 248];
  expect([...colorsOfInks(Uint8Array.from(inks))]).toEqual(colors);
});

test('a part is cut out of its rows', () => {
  expect([...cut(PICTURE, SIZE, { left: 3, top: 2, width: 2, height: 1 })]).toEqual([
    ...PICTURE.subarray(3 * 13, 3 * 15),
  ]);
});

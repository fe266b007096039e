/** BMP and portable maps, written here byte by byte as their formats say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FailureError } from '../../src/core/errors.js';
import { readBitmap } from '../../src/data/bitmaps.js';

const read = (bytes: Uint8Array | string): ReturnType<typeof readBitmap> =>
  readBitmap(typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes));

interface Bmp {
  readonly bits: number;
  readonly width: number;
  /** Negative where the first row is the top one. */
  readonly height: number;
  readonly rows: readonly (readonly number[])[];
  readonly palette?: readonly number[];
  readonly masks?: readonly number[];
  readonly compression?: number;
}

/** A BMP with a header of 40 bytes; rows as they stand in the file, filled up to whole words. */
function bmp({
  bits,
  width,
  height,
  rows,
  palette = [],
  masks = [],
  compression = masks.length > 0 ? 3 : 0,
}: Bmp): Buffer {
  const start = 54 + 4 * masks.length + palette.length;
  const header = Buffer.alloc(54);
  header.write('BM');
  header.writeUInt32LE(start, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  header.writeUInt32LE(palette.length / 4, 46);
  const wanted = Buffer.alloc(4 * masks.length);
  masks.forEach((mask, i) => wanted.writeUInt32LE(mask, 4 * i));
  const filled = rows.map((row) => [...row, ...Array<number>((4 - (row.length % 4)) % 4).fill(0xee)]);
  return Buffer.concat([header, wanted, Buffer.from(palette), Buffer.from(filled.flat())]);
}

describe('BMP', () => {
  const [RED, GREEN, BLUE] = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ];

  test('of 24 bits: blue first, the last row first, rows filled up', () => {
    const rows = [
      [0, 0, 255, 0, 255, 0, 255, 0, 0],
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
    ];
    const picture = read(bmp({ bits: 24, width: 3, height: 2, rows }))!;
    expect([picture.width, picture.height]).toEqual([3, 2]);
    expect([...picture.data]).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7, ...RED!, ...GREEN!, ...BLUE!]);
    const turned = read(bmp({ bits: 24, width: 3, height: -2, rows }))!;
    expect([...turned.data]).toEqual([...RED!, ...GREEN!, ...BLUE!, 3, 2, 1, 6, 5, 4, 9, 8, 7]);
  });

  test('of 32 bits, the fourth left out; and with masks', () => {
    const rows = [[1, 2, 3, 0, 4, 5, 6, 0]];
    expect([...read(bmp({ bits: 32, width: 2, height: 1, rows }))!.data]).toEqual([3, 2, 1, 6, 5, 4]);
    const masks = [0xff, 0xff00, 0xff0000];
    expect([...read(bmp({ bits: 32, width: 2, height: 1, rows, masks }))!.data]).toEqual([1, 2, 3, 4, 5, 6]);
    const high = [0xff000000, 0xff0000, 0xff00];
    expect([...read(bmp({ bits: 32, width: 1, height: 1, rows: [[1, 2, 3, 200]], masks: high }))!.data]).toEqual([
      200, 3, 2,
    ]);
  });

  test('of 16 bits: 5 each, or 5, 6 and 5', () => {
    const value = (number: number): number[] => [number & 255, number >> 8];
    const rows = [[...value(0x7c00), ...value(0x3e0), ...value(0x1f)]];
    expect([...read(bmp({ bits: 16, width: 3, height: 1, rows }))!.data]).toEqual([...RED!, ...GREEN!, ...BLUE!]);
    const six = [[...value(0xf800), ...value(0x7e0), ...value(0x8410)]];
    const masks = [0xf800, 0x7e0, 0x1f];
    expect([...read(bmp({ bits: 16, width: 3, height: 1, rows: six, masks }))!.data]).toEqual([
      ...RED!,
      ...GREEN!,
      ...[131, 129, 131], // 16 of 31, 32 of 63, 16 of 31, cut to whole numbers as Pillow does
    ]);
  });

  test.each([
    [1, [[0b10100000]], [1, 0, 1]],
    [4, [[0x10, 0x20]], [1, 0, 2]],
    [8, [[2, 1, 0]], [2, 1, 0]],
  ])('of %i bits with a palette', (bits, rows, indices) => {
    const colors = [[9, 8, 7], RED!, GREEN!];
    const palette = colors.flatMap(([r, g, b]) => [b!, g!, r!, 0]).slice(0, bits === 1 ? 8 : undefined);
    const { data } = read(bmp({ bits, width: 3, height: 1, rows, palette }))!;
    expect([...data]).toEqual(indices.flatMap((index) => colors[index]!));
  });

  test('in runs, without the sign of the end after its last pixel; of a header that there is not', () => {
    const palette = [RED, GREEN, BLUE].flatMap((color) => [...color!].reverse().concat(0));
    const runs = { bits: 8, compression: 1, width: 2, height: 2, palette, rows: [[2, 1, 0, 0, 1, 2, 1, 0]] };
    expect([...read(bmp(runs))!.data]).toEqual([...BLUE!, ...RED!, ...GREEN!, ...GREEN!]);
    const other = bmp(runs);
    other.writeUInt32LE(41, 14);
    expect(() => read(other)).toThrow('a BMP with a header of 41 bytes; expected 12, 40');
  });

  test('what is compressed, cut off or too large is said', () => {
    const good = {
      bits: 24,
      width: 2,
      height: 2,
      rows: [
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4, 5, 6],
      ],
    };
    expect(() => read(bmp({ ...good, bits: 24, compression: 1 }))).toThrow(
      /BMP of 24 bits with compression 1; expected/,
    );
    expect(() => read(bmp({ ...good, bits: 8, compression: 1, palette: Array<number>(1024).fill(0) }))).toThrow(
      /cut off/,
    );
    expect(() => read(bmp(good).subarray(0, -3))).toThrow('the file is cut off: 67 of 68 bytes');
    expect(read(bmp(good).subarray(0, -2))).toEqual(read(bmp(good))); // without what fills up the last row
    expect(() => read(bmp(good).subarray(0, 20))).toThrow('the file is cut off: 20 of 26 bytes');
    expect(() => read(bmp({ ...good, width: 2 ** 30, height: 2 ** 30 }))).toThrow(/picture of 1073741824 x 1073741824/);
    expect(() => read(bmp({ ...good, width: -2 }))).toThrow(/picture of -2 x 2/);
  });
});

describe('portable maps', () => {
  test('binary and text, grey and color, with comments, of any largest value', () => {
    const six = [1, 2, 3, 4, 5, 255];
    expect(read(Buffer.concat([Buffer.from('P6 2 1 255\n'), Buffer.from(six)]))).toEqual({
      ...{ width: 2, height: 1 },
      data: Uint8Array.from(six),
    });
    expect([...read('P3\n# made by hand\n1 2 # size\n255\n1 2 3\n4 5 255 # end\n')!.data]).toEqual(six);
    expect([...read(Buffer.from('P5\n2 1\n255\n\x07\x20', 'latin1'))!.data]).toEqual([7, 7, 7, 32, 32, 32]);
    expect([...read('P2\n3 1\n4\n0 1 4\n')!.data]).toEqual([0, 0, 0, 64, 64, 64, 255, 255, 255]);
    const wide = Buffer.concat([Buffer.from('P5\n2 1\n65535\n'), Buffer.of(0x80, 0x80, 0xff, 0xff)]);
    expect([...read(wide)!.data]).toEqual([255, 255, 255, 255, 255, 255]); // cut, not scaled
    expect([...read('P5\n1 1\n10\nc')!.data]).toEqual([255, 255, 255]); // bytes above the largest value are white
  });

  test('what is cut off or beyond its largest value is said', () => {
    expect(() => read('P6\n2 2\n255\nabc')).toThrow('the file is cut off: 14 of 23 bytes');
    expect(() => read('P3\n1 1\n255\n1 2')).toThrow('the file is cut off: 2 of 3 values');
    expect(() => read('P2\n1 1\n4\n5')).toThrow('the value "5"; expected numbers from 0 to 4');
    expect(() => read('P2\n1 1\n4\nx')).toThrow('the value "x"');
    expect(() => read('P5\n1 1\n70000\nx')).toThrow('largest value 70000');
    expect(() => read('P5 hello')).toThrow('without width, height and largest value');
  });
});

describe('GIF', () => {
  /** Two pixels, of the indices 1 and 3, with a palette of two colors; without the bytes that end it. */
  const gif = (palette: readonly number[]): Buffer =>
    Buffer.concat([
      Buffer.from('GIF89a'),
      Buffer.of(2, 0, 1, 0, 0x80, 0, 0, ...palette),
      Buffer.of(0x2c, 0, 0, 0, 0, 2, 0, 1, 0, 0, 2, 2, 0b11_001_100, 0b1010),
    ]);

  test('without its end; an index beyond the palette is black, and gray by its number where the palette is', () => {
    expect([...read(gif([9, 8, 7, 6, 5, 4]))!.data]).toEqual([6, 5, 4, 0, 0, 0]);
    expect([...read(gif([0, 0, 0, 1, 1, 1]))!.data]).toEqual([1, 1, 1, 3, 3, 3]);
    expect(() => read(gif([0, 0, 0, 1, 1, 1]).subarray(0, -1))).toThrow('the file is cut off: 1 of 2 pixels');
    expect(() => read(Buffer.from('GIF89a\x01\0\x01\0\0\0\0;', 'latin1'))).toThrow('a GIF without a picture');
  });
});

test('a file that is cut off anywhere is said to be, and one that is damaged is refused or read, in all these formats', () => {
  const made = JSON.parse(readFileSync(join(import.meta.dirname, 'pictures.json'), 'utf8')) as Record<
    string,
    { readonly file: string; readonly pixels: string }
  >;
  // digits can be cut off unseen
  const mine = Object.entries(made).filter(([name]) => /^(?!p2).*\.(gif|bmp|p[gp]m)$/.test(name));
  expect(mine.length).toBeGreaterThan(8);
  for (const [name, { file, pixels }] of mine) {
    const bytes = Buffer.from(file, 'base64');
    for (let end = 2; end < bytes.length; end++) {
      const outcome = outcomeOf(bytes.subarray(0, end));
      // what comes after the last pixel may be missing: the end of a GIF, of runs, and frames after the first
      if (outcome !== pixels) expect(`${name} ${end}: ${outcome}`).toMatch(/cut off|without width, height/);
      const flipped = Buffer.from(bytes);
      flipped[end]! ^= 1 << (end % 8);
      expect(typeof outcomeOf(flipped)).toBe('string');
    }
  }
});

/** The pixels, or the message of a refusal; anything else is thrown. */
function outcomeOf(bytes: Buffer): string {
  try {
    return Buffer.from(readBitmap(bytes)?.data ?? []).toString('base64');
  } catch (error) {
    if (error instanceof FailureError) return error.message;
    throw error;
  }
}

test('files of other formats are left to others', () => {
  expect([read('\x89PNG'), read('P'), read('')]).toEqual([undefined, undefined, undefined]);
});

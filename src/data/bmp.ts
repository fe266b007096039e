/** BMP of 1, 4, 8, 16, 24 and 32 bits a pixel, of 4 and 8 also with runs of equal pixels (RLE), as Pillow reads it. */
import { FailureError } from '../core/errors.js';
import { blackBitmap, checkLength, type Bitmap } from './bitmap.js';

/** Where a channel's bits are in a pixel, and the value that all of them make. */
interface Channel {
  readonly shift: number;
  readonly most: number;
}

function channelOf(mask: number): Channel {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  return { shift, most: mask >>> shift };
}

/** Masks of red, green and blue where the file has none: 5 bits each of 16, 8 each of 32. */
const USUAL: Readonly<Record<number, readonly number[]>> = {
  16: [0x7c00, 0x3e0, 0x1f],
  32: [0xff0000, 0xff00, 0xff],
};

/** Bytes of the headers that there are. */
const HEADERS: readonly number[] = [12, 40, 52, 56, 64, 108, 124];

/** Bits of a pixel that each kind of compression may have: none, runs of 8 and of 4 bits, masks. */
const COMPRESSIONS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 4, 8, 16, 24, 32],
  1: [8],
  2: [4],
  3: [16, 32],
  6: [16, 32],
};

/** The picture in a BMP. Throws FailureError when it is damaged or of a kind that is not read. */
export function readBmp(bytes: Buffer): Bitmap {
  checkLength(bytes, 26);
  const [start, header] = [bytes.readUInt32LE(10), bytes.readUInt32LE(14)];
  if (!HEADERS.includes(header))
    throw new FailureError(`a BMP with a header of ${header} bytes; expected ${HEADERS.join(', ')}`);
  const old = header === 12;
  if (!old) checkLength(bytes, 54);
  const width = old ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const signedHeight = old ? bytes.readInt16LE(20) : bytes.readInt32LE(22);
  const bits = bytes.readUInt16LE(old ? 24 : 28);
  const compression = old ? 0 : bytes.readUInt32LE(30);
  if (!COMPRESSIONS[compression]?.includes(bits))
    throw new FailureError(
      `a BMP of ${bits} bits with compression ${compression}; expected 1, 4, 8, 16, 24 or 32 bits without one, ` +
        'or 4 or 8 bits in runs',
    );
  const isRuns = compression === 1 || compression === 2;
  const hasMasks = compression === 3 || compression === 6;
  const picture = blackBitmap(width, Math.abs(signedHeight));
  const palette = bits <= 8 ? paletteAt(bytes, bits, 14 + header, old ? 3 : 4, old ? 0 : bytes.readUInt32LE(46)) : [];
  const rowAt = (y: number): number => (signedHeight < 0 ? y : picture.height - 1 - y);
  const fill = (first: number, stride: number, pixel: PixelReader): Bitmap => {
    for (let y = 0, to = 0; y < picture.height; y++)
      for (let row = first + stride * rowAt(y), x = 0; x < width; x++)
        for (let color = pixel(row, x), c = 0; c < 3; c++) picture.data[to++] = color[c]!;
    return picture;
  };
  if (isRuns) {
    const indices = expandRuns(bytes, start, bits, width, picture.height);
    return fill(0, width, (row, x) => palette[indices[row + x]!]!);
  }
  const stride = Math.ceil((width * bits) / 32) * 4;
  // what fills up the last row may be missing
  checkLength(bytes, start + stride * (picture.height - 1) + Math.ceil((width * bits) / 8));
  if (hasMasks) checkLength(bytes, 66);
  const masks = hasMasks ? [54, 58, 62].map((at) => bytes.readUInt32LE(at)) : (USUAL[bits] ?? []);
  const pixel =
    bits <= 8
      ? indexReader(bytes, bits, palette)
      : bits === 24
        ? (row: number, x: number): number[] => [2, 1, 0].map((c) => bytes[row + 3 * x + c]!)
        : maskReader(bytes, bits / 8, masks.map(channelOf));
  return fill(start, stride, pixel);
}

type PixelReader = (row: number, x: number) => readonly number[];

/** All colors that an index can name; black where the file has none. */
function paletteAt(bytes: Buffer, bits: number, at: number, entry: number, used: number): readonly number[][] {
  const colors = used === 0 ? 2 ** bits : Math.min(used, 2 ** bits);
  checkLength(bytes, at + entry * colors);
  return Array.from({ length: 2 ** bits }, (_, i) =>
    i < colors ? [2, 1, 0].map((c) => bytes[at + entry * i + c]!) : [0, 0, 0],
  );
}

function indexReader(bytes: Buffer, bits: number, palette: readonly number[][]): PixelReader {
  const perByte = 8 / bits;
  return (row, x) => {
    const shift = 8 - bits * ((x % perByte) + 1);
    return palette[(bytes[row + Math.floor(x / perByte)]! >> shift) & (2 ** bits - 1)]!;
  };
}

function maskReader(bytes: Buffer, size: number, channels: readonly Channel[]): PixelReader {
  return (row, x) => {
    const value = bytes.readUIntLE(row + size * x, size);
    return channels.map(({ shift, most }) =>
      most === 0 ? 0 : Math.floor(((((value >>> shift) & most) >>> 0) * 255) / most),
    );
  };
}

/** Indices [height, width] in the file's order of rows; what is passed over has the index 0. */
function expandRuns(bytes: Buffer, start: number, bits: number, width: number, height: number): Uint8Array {
  const indices = new Uint8Array(width * height);
  const perByte = 8 / bits;
  const indexIn = (byte: number, i: number): number => (byte >> (8 - bits * ((i % perByte) + 1))) & (2 ** bits - 1);
  let [at, x, y] = [start, 0, 0];
  const put = (index: number): void => {
    if (x < width && y < height) indices[y * width + x] = index;
    x++;
  };
  // where the last pixel is there, the sign of the end may be missing
  while (y < height - 1 || (y === height - 1 && x < width)) {
    checkLength(bytes, at + 2);
    const [count, value] = [bytes[at]!, bytes[at + 1]!];
    at += 2;
    if (count > 0) for (let i = 0; i < count; i++) put(indexIn(value, i));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      checkLength(bytes, at + 2);
      [x, y] = [x + bytes[at]!, y + bytes[at + 1]!];
      at += 2;
    } else {
      const size = Math.ceil(value / perByte);
      checkLength(bytes, at + size);
      for (let i = 0; i < value; i++) put(indexIn(bytes[at + Math.floor(i / perByte)]!, i));
      at += size + (size % 2);
    }
  }
  return indices;
}

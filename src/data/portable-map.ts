/** Portable maps, Netpbm's formats P1 to P6, as Pillow's `convert('RGB')` has them. */
import { FailureError } from '../core/errors.js';
import { blackBitmap, checkLength, type Bitmap } from './bitmap.js';
import { roundHalfToEven } from './pixels.js';

/** What separates the numbers of a header: spaces and comments; one space ends the last of them. */
const GAP = String.raw`(?:\s|#[^\n]*\n)+`;
const [SIZE, LAST] = [`${GAP}(\\d+)${GAP}(\\d+)`, String.raw`(?:#[^\n]*\n|\s)`];
/** Width, height and, but for pictures of bits, the largest value. */
const HEADER = new RegExp(`^P(?:([14])${SIZE}|([2356])${SIZE}${GAP}(\\d+))${LAST}`);

/** Gray values above a byte are cut at 255, and not scaled: Pillow keeps them in integers, which it converts so. */
const MOST_GRAY = 65_535;

/** The picture in a portable map. Throws FailureError when it is damaged. */
export function readPortableMap(bytes: Buffer): Bitmap {
  const found = HEADER.exec(bytes.subarray(0, 4096).toString('latin1'));
  if (found === null) throw new FailureError('a portable map without width, height and largest value');
  const [all, bitKind, bitWidth, bitHeight, kind = bitKind!, width = bitWidth, height = bitHeight, largest = 1] = found;
  const most = Number(largest);
  if (most < 1 || most > 65_535) throw new FailureError(`a portable map with the largest value ${most}; at most 65535`);
  const picture = blackBitmap(Number(width), Number(height));
  const channels = kind === '3' || kind === '6' ? 3 : 1;
  const values = READERS[kind]!(bytes, all.length, {
    ...picture,
    most,
    count: picture.width * picture.height * channels,
  });
  const scale = scaleOf(kind, most);
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = scale(values(channels === 3 ? i : Math.floor(i / 3)));
  return picture;
}

function scaleOf(kind: string, most: number): (value: number) => number {
  if (kind === '1' || kind === '4') return (value) => 255 * (1 - value); // 1 is black
  const to = most > 255 && (kind === '2' || kind === '5') ? MOST_GRAY : 255;
  return (value) => Math.min(255, roundHalfToEven((value / most) * to));
}

/** How many values a map has, and how large they are. */
interface Extent {
  readonly width: number;
  readonly height: number;
  readonly most: number;
  readonly count: number;
}

type ValueReader = (bytes: Buffer, start: number, extent: Extent) => (index: number) => number;

const READERS: Readonly<Record<string, ValueReader>> = {
  1: textBits,
  2: textValues,
  3: textValues,
  4: rawBits,
  5: rawValues,
  6: rawValues,
};

/** Values above the largest one, which scaling cuts to white, as Pillow does. */
function rawValues(bytes: Buffer, start: number, { most, count }: Extent): (index: number) => number {
  const size = most < 256 ? 1 : 2;
  checkLength(bytes, start + size * count);
  return (index) => bytes.readUIntBE(start + size * index, size);
}

function rawBits(bytes: Buffer, start: number, { width, height }: Extent): (index: number) => number {
  const stride = Math.ceil(width / 8);
  checkLength(bytes, start + stride * height);
  return (index) => {
    const [y, x] = [Math.floor(index / width), index % width];
    return (bytes[start + stride * y + (x >> 3)]! >> (7 - (x & 7))) & 1;
  };
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const [COMMENT, NEWLINE] = [0x23, 0x0a] as const;

/**
 * Numbers of at most so many digits, with or without spaces and comments between them. They are read byte by byte:
 * the words of a large text would take thirty times its memory.
 */
function textValues(
  bytes: Buffer,
  start: number,
  { count, most }: Extent,
  digits = Infinity,
): (index: number) => number {
  const values = new Uint16Array(Math.min(count, bytes.length - start));
  let at = start;
  for (let i = 0; i < count; i++) {
    for (; at < bytes.length && (isSpace(bytes[at]!) || bytes[at] === COMMENT); at++)
      if (bytes[at] === COMMENT) at = bytes.includes(NEWLINE, at) ? bytes.indexOf(NEWLINE, at) : bytes.length;
    if (at >= bytes.length) throw new FailureError(`the file is cut off: ${i} of ${count} values`);
    const first = at;
    while (at < bytes.length && at < first + digits && !isSpace(bytes[at]!) && bytes[at] !== COMMENT) at++;
    const word = bytes.toString('latin1', first, at);
    if (!/^\d+$/.test(word) || Number(word) > most)
      throw new FailureError(
        `a portable map with the value "${word.slice(0, 20)}"; expected numbers from 0 to ${most}`,
      );
    values[i] = Number(word);
  }
  return (index) => values[index]!;
}

/** Bits need no space between them. */
function textBits(bytes: Buffer, start: number, extent: Extent): (index: number) => number {
  return textValues(bytes, start, extent, 1);
}

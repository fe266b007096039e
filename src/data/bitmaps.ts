/**
 * Pictures that are little more than their pixels and that sharp does not read: BMP, and the portable maps PGM and PPM
 * (Netpbm's formats P2, P3, P5 and P6).
 */
import { FailureError } from '../core/errors.js';

/** A picture with three bytes for each pixel, red, green and blue, from the top left. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const READERS: Readonly<Record<string, (bytes: Buffer) => Bitmap>> = {
  BM: readBmp,
  P2: readPortable,
  P3: readPortable,
  P5: readPortable,
  P6: readPortable,
};

/** As many pixels as sharp reads at most. */
const MOST_PIXELS = 0x3fff * 0x3fff;

/** The picture in a file's bytes, if the first say that it is one of these. Throws FailureError when it is damaged. */
export function readBitmap(bytes: Buffer): Bitmap | undefined {
  return READERS[bytes.toString('latin1', 0, 2)]?.(bytes);
}

function bitmap(width: number, height: number): Bitmap & { readonly data: Uint8Array } {
  if (width < 1 || height < 1 || width * height > MOST_PIXELS)
    throw new FailureError(`a picture of ${width} x ${height} pixels; expected 1 to ${MOST_PIXELS} of them`);
  return { width, height, data: new Uint8Array(3 * width * height) };
}

function cutOff(bytes: Buffer, needed: number): void {
  if (bytes.length < needed) throw new FailureError(`the file is cut off: ${bytes.length} of ${needed} bytes`);
}

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

/** Uncompressed pictures of 1, 4, 8, 16, 24 and 32 bits a pixel. */
function readBmp(bytes: Buffer): Bitmap {
  cutOff(bytes, 26);
  const [start, header] = [bytes.readUInt32LE(10), bytes.readUInt32LE(14)];
  const old = header === 12;
  if (!old) cutOff(bytes, 54);
  const width = old ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const signedHeight = old ? bytes.readInt16LE(20) : bytes.readInt32LE(22);
  const bits = bytes.readUInt16LE(old ? 24 : 28);
  const compression = old ? 0 : bytes.readUInt32LE(30);
  const hasMasks = compression === 3 || compression === 6;
  if (![1, 4, 8, 16, 24, 32].includes(bits) || !(compression === 0 || (hasMasks && bits in USUAL)))
    throw new FailureError(`a BMP of ${bits} bits with compression ${compression}; expected an uncompressed one`);
  const picture = bitmap(width, Math.abs(signedHeight));
  const stride = Math.ceil((width * bits) / 32) * 4;
  cutOff(bytes, start + stride * picture.height);
  if (hasMasks) cutOff(bytes, 66);
  const masks = hasMasks ? [54, 58, 62].map((at) => bytes.readUInt32LE(at)) : (USUAL[bits] ?? []);
  const pixel =
    bits <= 8
      ? paletteReader(bytes, bits, 14 + header, old ? 3 : 4, old ? 0 : bytes.readUInt32LE(46))
      : bits === 24
        ? (row: number, x: number): number[] => [2, 1, 0].map((c) => bytes[row + 3 * x + c]!)
        : maskReader(bytes, bits / 8, masks.map(channelOf));
  for (let y = 0; y < picture.height; y++) {
    const row = start + stride * (signedHeight < 0 ? y : picture.height - 1 - y);
    for (let x = 0; x < width; x++) picture.data.set(pixel(row, x), 3 * (y * width + x));
  }
  return picture;
}

type PixelReader = (row: number, x: number) => readonly number[];

function paletteReader(bytes: Buffer, bits: number, at: number, entry: number, used: number): PixelReader {
  const colors = used === 0 ? 2 ** bits : Math.min(used, 2 ** bits);
  cutOff(bytes, at + entry * colors);
  const palette = Array.from({ length: 2 ** bits }, (_, i) =>
    i < colors ? [2, 1, 0].map((c) => bytes[at + entry * i + c]!) : [0, 0, 0],
  );
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
      most === 0 ? 0 : Math.round((((value >>> shift) & most) >>> 0) * (255 / most)),
    );
  };
}

/** Numbers in the header of a portable map, between spaces and comments; one space ends the last of them. */
const HEADER = /^P([2356])(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:#[^\n]*\n|\s)/;

function readPortable(bytes: Buffer): Bitmap {
  const found = HEADER.exec(bytes.subarray(0, 4096).toString('latin1'));
  if (found === null) throw new FailureError('a portable map without width, height and largest value');
  const [all, kind, ...numbers] = found as unknown as [string, string, string, string, string];
  const [width, height, most] = numbers.map(Number) as [number, number, number];
  if (most < 1 || most > 65_535) throw new FailureError(`a portable map with the largest value ${most}; at most 65535`);
  const picture = bitmap(width, height);
  const channels = kind === '3' || kind === '6' ? 3 : 1;
  const count = width * height * channels;
  const values =
    kind === '2' || kind === '3' ? textValues(bytes, all.length, count) : rawValues(bytes, all.length, most, count);
  for (let i = 0; i < picture.data.length; i++) {
    const value = values(channels === 3 ? i : Math.floor(i / 3));
    if (value > most) throw new FailureError(`a portable map with the value ${value}, above its largest of ${most}`);
    picture.data[i] = Math.round((value * 255) / most);
  }
  return picture;
}

function rawValues(bytes: Buffer, start: number, most: number, count: number): (index: number) => number {
  const size = most < 256 ? 1 : 2;
  cutOff(bytes, start + size * count);
  return (index) => bytes.readUIntBE(start + size * index, size);
}

function textValues(bytes: Buffer, start: number, count: number): (index: number) => number {
  const text = bytes
    .subarray(start)
    .toString('latin1')
    .replace(/#[^\n]*/g, ' ');
  const values = text.split(/\s+/).filter((word) => word !== '');
  if (values.length < count) throw new FailureError(`the file is cut off: ${values.length} of ${count} values`);
  const wrong = values.slice(0, count).find((word) => !/^\d+$/.test(word));
  if (wrong !== undefined) throw new FailureError(`a portable map with the value "${wrong.slice(0, 20)}"`);
  return (index) => Number(values[index]);
}

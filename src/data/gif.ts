/**
 * The first picture of a GIF as Pillow's `convert('RGB')` has it: transparent pixels keep the color that their index
 * names, and what the picture leaves free of the screen has the transparent index, or the first one.
 */
import { FailureError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { blackBitmap, checkLength, type Bitmap } from './bitmap.js';

/** Bytes that begin a block: an extension, a picture, the end. */
const [EXTENSION, PICTURE, END] = [0x21, 0x2c, 0x3b] as const;
/** The extension that says which index is transparent. */
const GRAPHIC_CONTROL = 0xf9;
/** First row and distance of rows in the four passes of an interlaced picture. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;
const MOST_CODES = 4096;

/** Grays by their index: the colors of a GIF without a palette. */
const GRAYS = filled(new Uint8Array(768), (i) => Math.floor(i / 3));

/** The colors of a palette of 3-byte entries, black beyond its last; grays where it has none, or begins like them. */
function paletteAt(bytes: Buffer, at: number, flags: number): { readonly colors: Uint8Array; readonly end: number } {
  if ((flags & 0x80) === 0) return { colors: GRAYS, end: at };
  const end = at + 3 * 2 ** ((flags & 7) + 1);
  checkLength(bytes, end);
  const entries = bytes.subarray(at, end);
  if (entries.equals(GRAYS.subarray(0, entries.length))) return { colors: GRAYS, end };
  const colors = new Uint8Array(768);
  colors.set(entries);
  return { colors, end };
}

/** The data of the sub-blocks that begin at a byte, as far as the file has them, and where they end. */
function subBlocks(bytes: Buffer, at: number): { readonly data: Buffer; readonly end: number } {
  const parts: Buffer[] = [];
  for (; at < bytes.length && bytes[at] !== 0; at += 1 + bytes[at]!)
    parts.push(bytes.subarray(at + 1, at + 1 + bytes[at]!));
  return { data: Buffer.concat(parts), end: at + 1 };
}

/** Indices that are compressed by GIF's LZW, in codes that begin one bit wider than `bits`. */
function decompress(data: Buffer, bits: number, count: number): Uint8Array {
  if (bits < 1 || bits > 8) throw new FailureError(`a GIF with codes of ${bits} bits; expected 1 to 8`);
  const [clear, end] = [2 ** bits, 2 ** bits + 1];
  const prefix = new Uint16Array(MOST_CODES);
  const last = filled(new Uint8Array(MOST_CODES), (code) => code);
  const length = new Uint16Array(MOST_CODES).fill(1);
  const indices = new Uint8Array(count);
  let [next, width, previous] = [end + 1, bits + 1, -1];
  let [at, buffer, held, done] = [0, 0, 0, 0];
  const firstOf = (code: number): number => {
    while (length[code]! > 1) code = prefix[code]!;
    return last[code]!;
  };
  while (done < count) {
    for (; held < width; held += 8) {
      if (at === data.length) throw new FailureError(`the file is cut off: ${done} of ${count} pixels`);
      buffer |= data[at++]! << held;
    }
    const code = buffer & (2 ** width - 1);
    [buffer, held] = [buffer >>> width, held - width];
    if (code === clear) {
      [next, width, previous] = [end + 1, bits + 1, -1];
      continue;
    }
    if (code === end) throw new FailureError(`the file is cut off: ${done} of ${count} pixels`);
    if (code > next || (code === next && (previous < 0 || next === MOST_CODES)))
      throw new FailureError(`a GIF with the code ${code}, which does not stand for pixels yet`);
    if (previous >= 0 && next < MOST_CODES) {
      prefix[next] = previous;
      last[next] = firstOf(code === next ? previous : code);
      length[next] = length[previous]! + 1;
      if (++next === 2 ** width && width < 12) width++;
    }
    for (let [one, i] = [code, done + length[code]! - 1]; i >= done; i--, one = prefix[one]!)
      if (i < count) indices[i] = last[one]!;
    done += length[code]!;
    previous = code;
  }
  return indices;
}

/** Rows of a picture in the order in which the file has them. */
function rowsOf(height: number, interlaced: boolean): number[] {
  if (!interlaced) return Array.from({ length: height }, (_, y) => y);
  return PASSES.flatMap(([first, step]) =>
    Array.from({ length: Math.max(0, Math.ceil((height - first) / step)) }, (_, k) => first + k * step),
  );
}

/** The first picture of a GIF. Throws FailureError when it is damaged, or has none. */
export function readGif(bytes: Buffer): Bitmap {
  checkLength(bytes, 13);
  if (!/^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) throw new FailureError('a GIF of an unknown version');
  const shared = paletteAt(bytes, 13, bytes[10]!);
  let transparent = 0;
  for (let at = shared.end; ;) {
    checkLength(bytes, at + 1);
    const kind = bytes[at]!;
    if (kind === END) throw new FailureError('a GIF without a picture');
    if (kind === EXTENSION) {
      const { data, end } = subBlocks(bytes, at + 2);
      if (bytes[at + 1] === GRAPHIC_CONTROL && data.length >= 4 && (data[0]! & 1) === 1) transparent = data[3]!;
      at = end;
    } else if (kind === PICTURE) return readFirst(bytes, at + 1, shared.colors, transparent);
    else at++;
  }
}

/** The picture whose descriptor begins at a byte, on a screen that is filled with an index. */
function readFirst(bytes: Buffer, at: number, shared: Uint8Array, fill: number): Bitmap {
  checkLength(bytes, at + 9);
  const [left, top, width, height] = [0, 2, 4, 6].map((byte) => bytes.readUInt16LE(at + byte)) as [
    number,
    number,
    number,
    number,
  ];
  const flags = bytes[at + 8]!;
  const own = paletteAt(bytes, at + 9, flags);
  const colors = (flags & 0x80) === 0 ? shared : own.colors;
  const screen = blackBitmap(
    Math.max(bytes.readUInt16LE(6), left + width),
    Math.max(bytes.readUInt16LE(8), top + height),
  );
  checkLength(bytes, own.end + 1);
  const indices = decompress(subBlocks(bytes, own.end + 1).data, bytes[own.end]!, width * height);
  const { data } = screen;
  data.set(colors.subarray(3 * fill, 3 * fill + 3));
  for (let done = 3; done < data.length; done *= 2) data.copyWithin(done, 0, done);
  for (const [line, y] of rowsOf(height, (flags & 0x40) !== 0).entries()) {
    let to = 3 * ((top + y) * screen.width + left);
    for (let x = 0; x < width; x++)
      for (let from = 3 * indices[line * width + x]!, c = 0; c < 3; c++) data[to++] = colors[from + c]!;
  }
  return screen;
}

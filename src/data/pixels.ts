/** Arithmetic on the bytes of pictures as Pillow has it, which torchvision uses. */

/** Sides of a picture, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A part of a picture, and where its corner is. */
export interface Part extends Size {
  readonly left: number;
  readonly top: number;
}

/** Channels of a picture: red, green and blue. */
export const CHANNELS = 3;

/** Bits after the point of a weight of {@link resizeBilinear}. */
const PRECISION = 22;
/** What rounds a sum of weighted bytes that is cut to whole numbers. */
const HALF = 2 ** (PRECISION - 1);

/** Rounds as Python does: a half to the even number. */
export function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 && low % 2 === 0 ? low : Math.round(x);
}

/** Where pixels of a line read, and by which weights: a triangle, as wide as a pixel that is made smaller. */
interface Taps {
  /** The first pixel that each one reads. */
  readonly firsts: Int32Array;
  /** How many each one reads. */
  readonly counts: Int32Array;
  /** Weights in parts of 2^22, `most` for each, so that a sum of products with bytes fits into 32 bits. */
  readonly weights: Int32Array;
  readonly most: number;
}

/** The taps of `count` pixels from `start` on, of a line of `to` that is made of one of `from`. */
function tapsOf(from: number, to: number, start: number, count: number): Taps {
  const scale = from / to;
  const width = Math.max(scale, 1);
  const most = 2 * Math.ceil(width) + 1;
  const [firsts, counts, weights] = [new Int32Array(count), new Int32Array(count), new Int32Array(count * most)];
  const raw = new Float64Array(most);
  for (let i = 0; i < count; i++) {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - width + 0.5));
    const length = Math.min(from, Math.trunc(center + width + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < length; k++) {
      raw[k] = Math.max(0, 1 - Math.abs((k + first - center + 0.5) / width));
      sum += raw[k]!;
    }
    for (let k = 0; k < length; k++) weights[i * most + k] = Math.trunc(0.5 + (raw[k]! / sum) * 2 ** PRECISION);
    firsts[i] = first;
    counts[i] = length;
  }
  return { firsts, counts, weights, most };
}

/** A sum of weighted bytes as a byte. */
function asByte(sum: number): number {
  return Math.min(255, sum >> PRECISION);
}

/** Rows from `top` to `bottom` of a picture of this width, each made of taps along it [bottom - top, taps, 3]. */
function resizeRows(
  data: Uint8Array,
  width: number,
  { firsts, counts, weights, most }: Taps,
  rows: readonly [number, number],
): Uint8Array {
  const [top, bottom] = rows;
  const result = new Uint8Array((bottom - top) * firsts.length * CHANNELS);
  let to = 0;
  for (let y = top; y < bottom; y++)
    for (let x = 0; x < firsts.length; x++) {
      let [red, green, blue] = [HALF, HALF, HALF];
      let at = (y * width + firsts[x]!) * CHANNELS;
      for (let k = x * most; k < x * most + counts[x]!; k++, at += CHANNELS) {
        const weight = weights[k]!;
        red += data[at]! * weight;
        green += data[at + 1]! * weight;
        blue += data[at + 2]! * weight;
      }
      result[to++] = asByte(red);
      result[to++] = asByte(green);
      result[to++] = asByte(blue);
    }
  return result;
}

/** Rows of `size` bytes made of taps across them; the first row of `data` has the number `top`. */
function resizeColumns(
  data: Uint8Array,
  size: number,
  { firsts, counts, weights, most }: Taps,
  top: number,
): Uint8Array {
  const result = new Uint8Array(firsts.length * size);
  const sums = new Int32Array(size);
  for (let y = 0; y < firsts.length; y++) {
    sums.fill(HALF);
    for (let k = 0; k < counts[y]!; k++) {
      const weight = weights[y * most + k]!;
      const at = (firsts[y]! + k - top) * size;
      for (let i = 0; i < size; i++) sums[i]! += data[at + i]! * weight;
    }
    for (let i = 0; i < size; i++) result[y * size + i] = asByte(sums[i]!);
  }
  return result;
}

/**
 * A part of a picture [height, width, 3] at another size, by default all of it, by Pillow's `resize(.., BILINEAR)`:
 * along rows first, then along columns, as all its versions do; but 13.0 begins with the columns where more than twice
 * as many rows as columns go, so that a value may differ by 1. Only what the part is made of is computed.
 */
export function resizeBilinear(
  data: Uint8Array,
  from: Size,
  to: Size,
  part: Part = { left: 0, top: 0, ...to },
): Uint8Array {
  if (from.width === to.width && from.height === to.height) return cut(data, from, part);
  const down = tapsOf(from.height, to.height, part.top, part.height);
  const top = down.firsts[0]!;
  const bottom = down.firsts.at(-1)! + down.counts.at(-1)!;
  const across = tapsOf(from.width, to.width, part.left, part.width);
  return resizeColumns(resizeRows(data, from.width, across, [top, bottom]), part.width * CHANNELS, down, top);
}

/** Pixels of four inks [N, 4] as red, green and blue [N, 3], by Pillow's `convert('RGB')`: without any profile. */
export function colorsOfInks(inks: Uint8Array): Uint8Array {
  const colors = new Uint8Array((inks.length / 4) * CHANNELS);
  for (let i = 0; i < inks.length; i += 4) {
    const light = 255 - inks[i + 3]!;
    for (let c = 0; c < CHANNELS; c++) {
      const product = inks[i + c]! * light + 128;
      colors[(i / 4) * CHANNELS + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return colors;
}

/** A part [height, width, 3] of a picture of that width. */
export function cut(data: Uint8Array, { width }: Pick<Size, 'width'>, part: Part): Uint8Array {
  const row = part.width * CHANNELS;
  const result = new Uint8Array(part.height * row);
  for (let y = 0; y < part.height; y++) {
    const start = ((part.top + y) * width + part.left) * CHANNELS;
    result.set(data.subarray(start, start + row), y * row);
  }
  return result;
}

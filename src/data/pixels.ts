/** Arithmetic on the bytes of pictures as Pillow has it, which torchvision uses: equal to the last bit. */

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

/** Red, green and blue. */
const CHANNELS = 3;

/** Bits after the point of a weight of {@link resizeBilinear}. */
const PRECISION = 22;

/** Rounds as Python does: a half to the even number. */
export function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 && low % 2 === 0 ? low : Math.round(x);
}

/** Where a line of output pixels reads, and by which weights: a triangle, as wide as a pixel that is made smaller. */
function weightsOf(from: number, to: number): readonly { readonly first: number; readonly weights: Float64Array }[] {
  const scale = from / to;
  const width = Math.max(scale, 1);
  return Array.from({ length: to }, (_, x) => {
    const center = (x + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - width + 0.5));
    const last = Math.min(from, Math.trunc(center + width + 0.5));
    const raw = Float64Array.from({ length: last - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - center + 0.5) / width)),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return { first, weights: raw.map((weight) => Math.trunc(0.5 + (weight / sum) * 2 ** PRECISION)) };
  });
}

/** One axis: `data` is [outer, from, inner], what is returned [outer, to, inner]. */
function resizeAxis(data: Uint8Array, outer: number, from: number, to: number, inner: number): Uint8Array {
  if (from === to) return data;
  const result = new Uint8Array(outer * to * inner);
  for (const [x, { first, weights }] of weightsOf(from, to).entries())
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        let sum = 2 ** (PRECISION - 1);
        for (let k = 0, at = (o * from + first) * inner + i; k < weights.length; k++, at += inner)
          sum += data[at]! * weights[k]!;
        result[(o * to + x) * inner + i] = Math.min(255, sum / 2 ** PRECISION);
      }
  return result;
}

/** A picture [height, width, 3] at another size, by Pillow's `resize(.., BILINEAR)`: rows first, then columns. */
export function resizeBilinear(data: Uint8Array, from: Size, to: Size): Uint8Array {
  const wide = resizeAxis(data, from.height, from.width, to.width, CHANNELS);
  return resizeAxis(wide, 1, from.height, to.height, to.width * CHANNELS);
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

/** Pictures that are decoded here, without sharp: BMP, portable maps and GIF, which it reads otherwise than Pillow. */
import type { Bitmap } from './bitmap.js';
import { readBmp } from './bmp.js';
import { readGif } from './gif.js';
import { readPortableMap } from './portable-map.js';

/** Readers by the two bytes that a file begins with. */
const READERS: Readonly<Record<string, (bytes: Buffer) => Bitmap>> = {
  BM: readBmp,
  GI: readGif,
  P1: readPortableMap,
  P2: readPortableMap,
  P3: readPortableMap,
  P4: readPortableMap,
  P5: readPortableMap,
  P6: readPortableMap,
};

/** The picture in a file's bytes, if the first say that it is one of these. Throws FailureError when it is damaged. */
export function readBitmap(bytes: Buffer): Bitmap | undefined {
  const beginning = bytes.toString('latin1', 0, 2);
  return Object.hasOwn(READERS, beginning) ? READERS[beginning]!(bytes) : undefined;
}

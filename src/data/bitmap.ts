/** Pixels of a picture, and what is refused alike in all formats that are decoded here. */
import { FailureError } from '../core/errors.js';

/** A picture with three bytes for each pixel, red, green and blue, from the top left. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** As many pixels as sharp reads at most. */
const MOST_PIXELS = 0x3fff * 0x3fff;

/** A black picture. Throws FailureError on sides that no picture has. */
export function blackBitmap(width: number, height: number): Bitmap {
  if (width < 1 || height < 1 || width * height > MOST_PIXELS)
    throw new FailureError(`a picture of ${width} x ${height} pixels; expected 1 to ${MOST_PIXELS} of them`);
  return { width, height, data: new Uint8Array(3 * width * height) };
}

/** Throws FailureError where a file has fewer bytes than its picture needs. */
export function checkLength(bytes: Buffer, needed: number): void {
  if (bytes.length < needed) throw new FailureError(`the file is cut off: ${bytes.length} of ${needed} bytes`);
}

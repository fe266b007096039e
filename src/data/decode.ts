/** Decodes pictures by sharp, or here, to the pixels that torchvision has. */
import { readFile } from 'node:fs/promises';
import type sharpModule from 'sharp';
import type { Metadata } from 'sharp';
import { FailureError } from '../core/errors.js';
import { asMissingPackage } from '../core/package.js';
import { filled } from '../core/host-array.js';
import { pointerInstead } from '../store/instead.js';
import { readBitmap } from './bitmaps.js';
import { EXTENSIONS } from './picture-files.js';
import { CHANNELS, colorsOfInks, type Size } from './pixels.js';
import { hasPlainYCbCr } from './tiff.js';

/** What sharp calls the formats that hold pixels; it also draws SVG and pages of PDF, whatever their name ends with. */
const FORMATS: readonly (string | undefined)[] = ['jpeg', 'png', 'webp', 'tiff', 'heif'];

let decoder: Promise<typeof sharpModule> | undefined;

/** A native library: loaded when the first picture is decoded, not whenever the program starts. */
export function loadDecoder(): Promise<typeof sharpModule> {
  decoder ??= import('sharp').then(
    ({ default: sharp }) => {
      sharp.concurrency(1); // pictures are decoded beside each other; each on one thread
      return sharp;
    },
    (error: unknown) => Promise.reject(asMissingPackage(error, 'reading pictures') as Error),
  );
  return decoder;
}

/** A picture that is opened, and its size. */
interface Opened extends Size {
  readonly picture: ReturnType<typeof sharpModule>;
}

/**
 * A picture without alpha channel, with the pixels that torchvision's ImageFolder has, as weights that were trained
 * with it expect: by Pillow's `convert('RGB')`, which follows no color profile, turns TIFF alone by its orientation,
 * and cuts gray values of 16 bits at 255. Throws FailureError on a drawing, whose pixels are not in the file.
 */
export async function openPicture(sharp: typeof sharpModule, file: string): Promise<Opened> {
  const bytes = await readFile(file); // once, for its kind, its size and its pixels
  const bitmap = readBitmap(bytes);
  if (bitmap !== undefined) return fromPixels(sharp, bitmap.data, { ...bitmap, channels: 3 });
  if (bytes.length === 0) throw new FailureError('the file is empty');
  const pointer = pointerInstead(bytes);
  if (pointer !== undefined) throw new FailureError(pointer);
  const metadata = await sharp(bytes).metadata();
  const { format, hasAlpha, space } = metadata;
  if (!FORMATS.includes(format))
    throw new FailureError(`its content is ${format}, which is not read; expected one of ${EXTENSIONS.join(', ')}`);
  if (format === 'tiff' && hasPlainYCbCr(bytes))
    throw new FailureError('a TIFF in YCbCr, which is read where JPEG compresses it alone; save it in RGB');
  const stored = sharp(bytes, { failOn: 'error', sequentialRead: true, ignoreIcc: true });
  const isTurned = format === 'tiff' && (metadata.orientation ?? 1) > 1;
  const picture = isTurned ? stored.autoOrient() : stored;
  const { width, height } = isTurned ? metadata.autoOrient : metadata;
  if (space === 'cmyk') {
    const inks = picture.pipelineColourspace('cmyk').toColourspace('cmyk');
    const isWide = metadata.depth === 'ushort';
    const values = await inks.raw(isWide ? { depth: 'ushort' } : {}).toBuffer();
    return fromPixels(sharp, colorsOfInks(isWide ? upperBytes(values) : values), { width, height, channels: 3 });
  }
  const wide = wideGray(bytes, metadata);
  if (wide !== undefined) {
    const gray = picture.removeAlpha().toColourspace('grey16').raw({ depth: wide });
    const values = new WIDE_GRAY[wide](new Uint8Array(await gray.toBuffer()).buffer);
    return fromPixels(sharp, new Uint8ClampedArray(values), { width, height, channels: 1 });
  }
  if (hasAlpha || isTurned) {
    // before anything is scaled: that would weigh colors by their opacity, and leave none where nothing is opaque
    const { data, info } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return fromPixels(sharp, data, info);
  }
  return { picture, width, height };
}

/** The upper halves of numbers of 16 bits, which Pillow takes of inks. */
function upperBytes(values: Uint8Array): Uint8Array {
  const wide = new Uint16Array(new Uint8Array(values).buffer);
  return filled(new Uint8Array(wide.length), (i) => wide[i]! >> 8);
}

/** Gray values that are wider than a byte, as sharp calls them. */
const WIDE_GRAY = { ushort: Uint16Array, short: Int16Array } as const;

/** How wide the gray values are that Pillow keeps so, as it does without an alpha channel. */
function wideGray(bytes: Buffer, { format, depth, hasAlpha, channels }: Metadata): keyof typeof WIDE_GRAY | undefined {
  // in PNG, one gray value may be called transparent, which sharp makes a channel of; byte 25 is the kind of color
  const isGray = format === 'png' ? bytes[25] === 0 : channels === 1 && !hasAlpha;
  return isGray && (depth === 'ushort' || depth === 'short') ? depth : undefined;
}

function fromPixels(
  sharp: typeof sharpModule,
  data: Uint8Array | Uint8ClampedArray,
  { width, height, channels }: Size & { readonly channels: 1 | 2 | 3 | 4 },
): Opened {
  return { picture: sharp(data, { raw: { width, height, channels } }), width, height };
}

/** Pixels with three channels, where gray ones have one. Throws FailureError on another number of them. */
export function inColor(data: Uint8Array, pixels: number): Uint8Array {
  if (data.length === pixels * CHANNELS) return data;
  if (data.length === pixels) {
    const colors = new Uint8Array(pixels * CHANNELS);
    for (let i = 0, to = 0; i < pixels; i++) for (let c = 0; c < CHANNELS; c++) colors[to++] = data[i]!;
    return colors;
  }
  throw new FailureError(`decoded to ${data.length} bytes, expected ${pixels * CHANNELS}`);
}

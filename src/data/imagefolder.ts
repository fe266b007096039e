/**
 * Folders of pictures, one folder a class, as ImageNet is kept: `train/<class>/*` and `val/<class>/*`. Decoded by
 * sharp, several at a time, ahead of the engine. Training: a random part of the picture (8 to 100 % of its area, sides
 * 3:4 to 4:3), mirrored half of the time; else the shorter side scaled to `resize` and the centre cut out. Szegedy et
 * al. 2015; the recipe of torchvision's reference training.
 */
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import type sharpModule from 'sharp';
import { z } from 'zod';
import { FailureError, messageOf, UsageError } from '../core/errors.js';
import { asMissingPackage } from '../core/package.js';
import { permutation, rngKey, uniforms } from '../core/rng.js';
import type { AugmentKey, Dataset, HostBatch, Source } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import { normalizer } from './images.js';

const ImageFolderSpec = z.strictObject({
  set: z.literal('imagefolder'),
  folder: z.string(),
  /** Side of the square that the network sees, in pixels. */
  size: z.int().min(8).max(1024),
  /** Shorter side before the center is cut out. */
  resize: z.int().min(8).max(2048),
  /** Training pictures that are set aside for validation; `val` is the test split. */
  validation: z.int().min(1),
  /** Different pictures that may be unreadable; they are named and left out. */
  corrupt: z.int().min(0),
});
/** A folder of pictures, and how they are cut and split. */
export type ImageFolder = Omit<z.infer<typeof ImageFolderSpec>, 'set'>;

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.avif'];
const [MEAN, STD] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
] as const;
const CHANNELS = 3;

interface Picture {
  readonly file: string;
  readonly label: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Part extends Size {
  readonly left: number;
  readonly top: number;
}

/** Throws UsageError when the folders are not there, differ in classes, or one is empty. */
export function openImageFolder(spec: ImageFolder): Dataset {
  const { folder, size, validation, corrupt } = spec;
  const classes = imageClasses(folder);
  const all = pictures(join(folder, 'train'), classes);
  if (validation < 1 || validation >= all.length)
    throw new UsageError(
      `data.validation: expected 1 to ${all.length - 1} of the ${all.length} training pictures, got ${validation}`,
    );
  const order = permutation(rngKey(0, 'imagefolder', 'split'), all.length);
  const pick = (indices: Uint32Array): Picture[] => Array.from(indices, (index) => all[index]!);
  const damaged = new Map<string, string>();
  const source = (list: readonly Picture[]): Source => ({
    count: list.length,
    batch: (indices, key) => decodeBatch(spec, list, indices, key, damaged, corrupt),
  });
  return {
    shape: [size, size, CHANNELS],
    classes: classes.length,
    train: source(pick(order.subarray(validation))),
    validation: source(pick(order.subarray(0, validation))),
    test: source(pictures(join(folder, 'val'), classes)),
  };
}

/** Names of the classes, in order. Throws UsageError when the folders are not there, or differ in classes. */
export function imageClasses(folder: string): string[] {
  const classes = classFolders(join(folder, 'train'), folder);
  const testClasses = classFolders(join(folder, 'val'), folder);
  const differing = [
    ...classes.filter((name) => !testClasses.includes(name)),
    ...testClasses.filter((name) => !classes.includes(name)),
  ];
  if (differing.length > 0)
    throw new UsageError(
      `data.folder ${folder}: train and val must have the same classes; only one of them has ${differing.join(', ')}`,
    );
  return classes;
}

function classFolders(path: string, root: string): string[] {
  if (!existsSync(path))
    throw new UsageError(
      `data.folder ${root}: ${path} not found; put pictures into ${root}/train/<class>/ and ${root}/val/<class>/`,
    );
  const names = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
  if (names.length < 2)
    throw new UsageError(`${path}: expected a folder for each of at least 2 classes, found ${names.length}`);
  return names;
}

function pictures(path: string, classes: readonly string[]): Picture[] {
  return classes.flatMap((name, label) => {
    const files = readdirSync(join(path, name))
      .filter((file) => EXTENSIONS.includes(extname(file).toLowerCase()))
      .sort();
    if (files.length === 0)
      throw new UsageError(`${join(path, name)}: the class has no picture (${EXTENSIONS.join(', ')})`);
    return files.map((file) => ({ file: join(path, name, file), label }));
  });
}

const normalize = normalizer(MEAN, STD, 255);

let decoder: Promise<typeof sharpModule> | undefined;

/** A native library: loaded when the first picture is decoded, not whenever the program starts. */
function loadDecoder(): Promise<typeof sharpModule> {
  decoder ??= import('sharp').then(
    ({ default: sharp }) => {
      sharp.concurrency(1); // pictures are decoded beside each other; each on one thread
      return sharp;
    },
    (error: unknown) => Promise.reject(asMissingPackage(error, 'reading pictures') as Error),
  );
  return decoder;
}

async function decodeBatch(
  spec: ImageFolder,
  list: readonly Picture[],
  indices: Uint32Array,
  key: AugmentKey | undefined,
  damaged: Map<string, string>,
  limit: number,
): Promise<HostBatch> {
  const pixels = spec.size * spec.size * CHANNELS;
  const decoded = new Array<Uint8Array | undefined>(indices.length);
  const draws = key === undefined ? undefined : uniforms(rngKey(key.seed, 'crop', key.step), DRAWS * indices.length);
  const skipped: { file: string; reason: string }[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < indices.length) {
      const i = next++;
      const { file } = list[indices[i]!]!;
      try {
        decoded[i] = await decode(spec, file, draws?.subarray(i * DRAWS, (i + 1) * DRAWS));
      } catch (error) {
        const reason = messageOf(error).split('\n')[0]!;
        damaged.set(file, reason);
        skipped.push({ file, reason });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  if (damaged.size > limit) {
    const named = [...damaged].map(([file, reason]) => `${file} (${reason})`).join(', ');
    throw new FailureError(`${damaged.size} pictures cannot be read, data.corrupt allows ${limit}: ${named}`);
  }
  const kept = Array.from(indices.keys()).filter((i) => decoded[i] !== undefined);
  if (kept.length === 0)
    throw new FailureError(`no picture of a batch can be read: ${skipped.map(({ file }) => file).join(', ')}`);
  const values = new Float32Array(kept.length * pixels);
  kept.forEach((i, k) => values.set(decoded[i]!, k * pixels));
  normalize(values);
  skipped.sort((a, b) => (a.file < b.file ? -1 : 1));
  return {
    values,
    labels: Int32Array.from(kept, (i) => list[indices[i]!]!.label),
    ...(skipped.length > 0 && { skipped }),
  };
}

/** Random numbers for one picture: area and shape of ten attempts, then the place, then the mirror. */
const [ATTEMPTS, DRAWS] = [10, 10 * 2 + 3] as const;

async function decode(
  { size, resize }: ImageFolder,
  file: string,
  draws: Float64Array | undefined,
): Promise<Uint8Array> {
  const sharp = await loadDecoder();
  const picture = sharp(file, { failOn: 'error', sequentialRead: true }).rotate();
  const { width: rawWidth, height: rawHeight, orientation = 1 } = await sharp(file).metadata();
  const [width, height] = orientation >= 5 ? [rawHeight, rawWidth] : [rawWidth, rawHeight];
  const part = draws === undefined ? undefined : randomPart({ width, height }, draws);
  const sized =
    part === undefined
      ? picture.resize(scaled(width, height, resize)).extract(center(scaled(width, height, resize), size))
      : picture.extract(part).resize(size, size, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: true });
  const mirrored = draws !== undefined && draws[DRAWS - 1]! < 0.5 ? sized.flop() : sized;
  const { data } = await mirrored.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  if (data.length === size * size * CHANNELS) return data;
  if (data.length === size * size)
    return Uint8Array.from({ length: size * size * CHANNELS }, (_, i) => data[Math.floor(i / CHANNELS)]!); // grey
  throw new FailureError(`decoded to ${data.length} bytes, expected ${size * size * CHANNELS}`);
}

function scaled(width: number, height: number, shorter: number): Size & { fit: 'fill'; kernel: 'linear' } {
  const factor = shorter / Math.min(width, height);
  return {
    width: Math.max(shorter, Math.round(width * factor)),
    height: Math.max(shorter, Math.round(height * factor)),
    fit: 'fill',
    kernel: 'linear',
  };
}

function center({ width, height }: Size, size: number): Part {
  return { left: Math.round((width - size) / 2), top: Math.round((height - size) / 2), width: size, height: size };
}

/** As torchvision's RandomResizedCrop: ten attempts, then the centre with the nearest allowed shape. */
export function randomPart({ width, height }: Size, draws: Float64Array): Part {
  const place = (w: number, h: number): Part => ({
    left: Math.floor(draws[ATTEMPTS * 2]! * (width - w + 1)),
    top: Math.floor(draws[ATTEMPTS * 2 + 1]! * (height - h + 1)),
    width: w,
    height: h,
  });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = width * height * (0.08 + 0.92 * draws[2 * attempt]!);
    const ratio = Math.exp(Math.log(3 / 4) + (Math.log(4 / 3) - Math.log(3 / 4)) * draws[2 * attempt + 1]!);
    const [w, h] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (w >= 1 && w <= width && h >= 1 && h <= height) return place(w, h);
  }
  const ratio = Math.min(4 / 3, Math.max(3 / 4, width / height));
  const [w, h] =
    width / height > ratio
      ? [Math.max(1, Math.round(height * ratio)), height]
      : [width, Math.max(1, Math.round(width / ratio))];
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** Pictures of the user's, a folder for each class. */
export const imageFolder: DatasetDefinition<z.infer<typeof ImageFolderSpec>> = {
  name: 'imagefolder',
  spec: ImageFolderSpec,
  check: ({ folder }) => void imageClasses(folder),
  open: openImageFolder,
  shape: ({ size }) => [size, size, CHANNELS],
  brought: () => 'ImageNet (ILSVRC 2012) is brought by you: 145 GB of JPEG',
};

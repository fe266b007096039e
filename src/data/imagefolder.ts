/**
 * Folders of pictures, one folder a class, as ImageNet is kept: `train/<class>/*` and `val/<class>/*`, or
 * `test/<class>/*` where there is no `val`. Folders within a class and symbolic links are followed, in the order of
 * torchvision's `ImageFolder`. Decoded by sharp, or here, several at a time, ahead of the engine; an alpha channel is
 * left out, the colors below it as they are. Training: a random part of the picture (8 to 100 % of its area, sides 3:4
 * to 4:3), mirrored half of the time; else the shorter side scaled to `resize` and the center cut out. Szegedy et al.
 * 2015; the recipe of torchvision's reference training.
 */
import { existsSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join, relative } from 'node:path';
import type sharpModule from 'sharp';
import type { Metadata } from 'sharp';
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { DataError, FailureError, few, listed, messageOf, plural, UsageError } from '../core/errors.js';
import { withSlashes } from '../core/folder.js';
import { filled } from '../core/host-array.js';
import { IMAGENET_NORMALIZATION, Normalization } from '../core/normalization.js';
import { asMissingPackage } from '../core/package.js';
import { permutation, rngKey, uniforms } from '../core/rng.js';
import { byCodePoint } from '../core/text-order.js';
import { pointerInstead } from '../store/instead.js';
import {
  absentClasses,
  type AugmentKey,
  type Dataset,
  type HostBatch,
  type SkippedFile,
  type Source,
  UnreadableBatchError,
} from './dataset.js';
import { readBitmap } from './bitmaps.js';
import type { DatasetDefinition } from './definition.js';
import { normalizer, type ByteImages } from './images.js';
import { CHANNELS, colorsOfInks, resizeBilinear, roundHalfToEven, type Part, type Size } from './pixels.js';
import { hasPlainYCbCr } from './tiff.js';

/** The largest side of what networks see, in pixels. */
export const MOST_SIDE = 1024;

const ImageFolderSpec = z
  .strictObject({
    set: z.literal('imagefolder'),
    folder: z.string(),
    /** Side of the square that the network sees, in pixels. */
    size: z.int().min(8).max(MOST_SIDE),
    /** Shorter side before the center is cut out. */
    resize: z.int().min(8).max(2048),
    /** Training pictures that are set aside for validation; or the name of a folder with those of validation. */
    validation: z.union([exampleCount(), z.string()]),
    /**
     * The test split: the name of its folder, by default `val`, or `test` where that alone is there; or, where the
     * classes' folders stand in `folder` itself, the share of each class's pictures that is set aside for it.
     */
    test: z.union([z.string(), z.number().gt(0).max(0.5)]).optional(),
    /** Different pictures that may be unreadable; they are named and left out. */
    corrupt: z.int().min(0),
    /** Mean and standard deviation of each channel, of values from 0 to 1; ImageNet's by default. */
    normalize: Normalization.optional(),
  })
  .refine(({ size, resize }) => resize >= size, { path: ['resize'], error: 'expected at least data.size' });
/** A folder of pictures, and how they are cut and split. */
export type ImageFolder = Omit<z.infer<typeof ImageFolderSpec>, 'set'>;

const EXTENSIONS = '.jpg .jpeg .png .webp .bmp .ppm .pgm .gif .tif .tiff .avif'.split(' ');
/** What sharp calls the formats that hold pixels; it also draws SVG and pages of PDF, whatever their name ends with. */
const FORMATS: readonly (string | undefined)[] = ['jpeg', 'png', 'webp', 'tiff', 'heif'];

interface Picture {
  readonly file: string;
  readonly label: number;
}

/**
 * Throws UsageError when the folders are not there, differ in classes, or one is empty, and when the pictures would be
 * scaled below the square that is cut out of them.
 */
export function openImageFolder(spec: ImageFolder): Dataset {
  const { folder, size, resize, validation, corrupt } = spec;
  if (resize < size) throw new UsageError(`data.resize: expected at least data.size, ${size}; got ${resize}`);
  const { classes, train: all, test } = splitsOf(folder, spec);
  if (typeof validation === 'number' && (validation < 1 || validation >= all.length))
    throw new UsageError(
      `data.validation: expected 1 to ${all.length - 1} of the ${all.length} training pictures, got ${validation}`,
    );
  const order = permutation(rngKey(0, 'imagefolder', 'split'), all.length);
  const held = typeof validation === 'number' ? validation : 0;
  const pick = (indices: Uint32Array): Picture[] => Array.from(indices, (index) => all[index]!);
  const damaged = new DamagedPictures(corrupt);
  const source = (list: readonly Picture[]): Source => ({
    count: list.length,
    batch: async (indices, key) => {
      const batch = await decodeBatch(spec, list, indices, key, damaged);
      if (batch.labels.length > 0) return batch;
      throw new UnreadableBatchError(batch.skipped!);
    },
  });
  const splits = {
    train: pick(order.subarray(held)),
    validation:
      typeof validation === 'string' ? pictures(join(folder, validation), classes) : pick(order.subarray(0, held)),
    test,
  };
  return {
    shape: [size, size, CHANNELS],
    classes: classes.length,
    labels: classes,
    train: source(splits.train),
    validation: source(splits.validation),
    test: source(splits.test),
    ...absentClasses(classes, splits),
    ...looseIn(folder, spec),
    countSkipped: (files) => damaged.add(files),
  };
}

/** Pictures that cannot be read which a message names, at most. */
const NAMED = 5;

/** Pictures that could not be read: each counts once, whoever met it. */
class DamagedPictures {
  private readonly reasons = new Map<string, string>();

  /** `limit` is how many there may be. */
  constructor(private readonly limit: number) {}

  /** Throws DataError that names the first of them where they are too many. */
  add(files: readonly SkippedFile[]): void {
    for (const { file, reason } of files) if (!this.reasons.has(file)) this.reasons.set(file, reason);
    const { size } = this.reasons;
    if (size <= this.limit) return;
    const named = few(
      [...this.reasons].map(([file, reason]) => `${file} (${reason})`),
      NAMED,
    );
    throw new DataError(
      `${plural(size, 'picture')} cannot be read, data.corrupt allows ${this.limit}: ${named}; take them out of the folder, or ` +
        'allow more (data.corrupt; gowide thin --corrupt)',
    );
  }
}

/** Where the splits of a folder are; as {@link ImageFolder} has it where nothing is said. */
type Splits = Partial<Pick<ImageFolder, 'test' | 'validation'>>;

/** Names of the classes, and the pictures of training (validation still among them) and of test. */
function splitsOf(
  folder: string,
  splits: Splits,
): {
  readonly classes: readonly string[];
  readonly train: readonly Picture[];
  readonly test: readonly Picture[];
} {
  const classes = imageClasses(folder, splits);
  const { test = testFolder(folder) } = splits;
  if (typeof test === 'string')
    return { classes, train: pictures(join(folder, 'train'), classes), test: pictures(join(folder, test), classes) };
  const held = new Set<Picture>();
  const byClass = classes.map((name, label) => picturesOf(folder, name, label));
  for (const [label, name] of classes.entries()) {
    const own = byClass[label]!;
    const count = heldForTest(own.length, test);
    if (count >= own.length)
      throw new UsageError(`${join(folder, name)}: ${own.length} picture; expected at least 2, one of them for test`);
    const order = permutation(rngKey(0, 'imagefolder', 'test', name), own.length);
    for (const index of order.subarray(0, count)) held.add(own[index]!);
  }
  const all = byClass.flat();
  return {
    classes,
    train: all.filter((picture) => !held.has(picture)),
    test: all.filter((picture) => held.has(picture)),
  };
}

/** How many of `own` pictures of a class a share for the test takes, one at least. */
function heldForTest(own: number, share: number): number {
  return Math.max(1, Math.round(share * own));
}

/** Training pictures, counted class by class until there are `enough`. Throws UsageError as {@link openImageFolder}. */
function trainCount(spec: ImageFolder, enough: number): number {
  const { folder, validation, test = testFolder(folder) } = spec;
  const isDivided = typeof test === 'string';
  let count = typeof validation === 'number' ? -validation : 0;
  for (const [label, name] of imageClasses(folder, spec).entries()) {
    if (count >= enough) break;
    const own = picturesOf(isDivided ? join(folder, 'train') : folder, name, label).length;
    count += own - (isDivided ? 0 : heldForTest(own, test));
  }
  return count;
}

/** The folder of the test split: `val`, as ImageNet has it, or `test` where that alone is there. */
function testFolder(folder: string): 'val' | 'test' {
  return !existsSync(join(folder, 'val')) && existsSync(join(folder, 'test')) ? 'test' : 'val';
}

/** Names of the classes, in order. Throws UsageError when the folders are not there, or differ in classes. */
export function imageClasses(folder: string, { validation, test = testFolder(folder) }: Splits = {}): string[] {
  if (typeof test === 'number') return classFolders(folder, folder);
  const classes = classFolders(join(folder, 'train'), folder, test);
  for (const other of [test, ...(typeof validation === 'string' ? [validation] : [])]) {
    const theirs = classFolders(join(folder, other), folder, test, 0);
    const alone = [
      { split: 'train', names: classes.filter((name) => !theirs.includes(name)) },
      { split: other, names: theirs.filter((name) => !classes.includes(name)) },
    ].filter(({ names }) => names.length > 0);
    if (alone.length > 0)
      throw new UsageError(
        `data.folder ${folder}: train and ${other} must have the same classes; ` +
          alone.map(({ split, names }) => `only ${split} has ${listed(names)}`).join(', '),
      );
  }
  return classes;
}

/** Pictures beside the folders of the classes, which have no label: they are left out, and named. */
function looseIn(folder: string, { validation, test = testFolder(folder) }: Splits): Pick<Dataset, 'problems'> {
  const named = [test, validation].filter((name) => typeof name === 'string');
  const folders = typeof test === 'number' ? [folder] : ['train', ...named].map((name) => join(folder, name));
  const problems = [...new Set(folders)].flatMap((path) =>
    readdirSync(path)
      .filter((name) => isPictureName(name) && statusOf(join(path, name)).isFile())
      .sort(byCodePoint)
      .map((name) => ({ file: join(path, name), reason: 'in no folder of a class; left out' })),
  );
  return problems.length > 0 ? { problems } : {};
}

function classFolders(path: string, root: string, test = 'val', least = 2): string[] {
  if (!existsSync(path))
    throw new UsageError(
      `data.folder ${root}: ${path} not found; put pictures into ${root}/train/<class>/ and ${root}/${test}/<class>/` +
        (test === 'val' ? ' (or test/<class>/)' : ''),
    );
  // .git, .ipynb_checkpoints and the like are no classes
  const names = readdirSync(path)
    .filter((name) => !name.startsWith('.') && statusOf(join(path, name)).isDirectory())
    .sort(byCodePoint);
  const loose = names.length === 0 ? readdirSync(path).find(isPictureName) : undefined;
  if (loose !== undefined)
    throw new UsageError(
      `${path}: pictures such as ${loose} stand in it without a folder for each class; sort them into ` +
        `${path}/<class>/` +
        (loose.startsWith('ILSVRC2012_val') ? ' (ImageNet: LOC_val_solution.csv has the class of each)' : ''),
    );
  if (names.length < least)
    throw new UsageError(`${path}: expected a folder for each of at least ${least} classes, found ${names.length}`);
  return names;
}

/** What a path leads to, symbolic links followed. Throws UsageError on one that leads nowhere. */
export function statusOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw new UsageError(`${path}: ${messageOf(error)}; expected a file, a folder or a link to one`);
  }
}

function pictures(path: string, classes: readonly string[]): Picture[] {
  return classes.flatMap((name, label) => picturesOf(path, name, label));
}

/** The pictures of one class. Throws UsageError where it has none. */
function picturesOf(path: string, name: string, label: number): Picture[] {
  const files = filesBelow(join(path, name));
  if (files.length === 0)
    throw new UsageError(`${join(path, name)}: the class has no picture (${EXTENSIONS.join(', ')})`);
  return files.map((file) => ({ file, label }));
}

/**
 * Pictures of a folder and of those within it: the folders in the order of their paths, each with its files in theirs.
 * Throws UsageError on a picture's name that is no regular file, and on links that lead round in a circle.
 */
function filesBelow(folder: string): string[] {
  const found = new Map<string, string[]>();
  const visit = (path: string, above: readonly string[]): void => {
    const real = realpathSync(path);
    if (above.includes(real)) throw new UsageError(`${path}: a link to a folder that it is in, ${real}`);
    const files: string[] = [];
    for (const name of readdirSync(path)) {
      const inner = join(path, name);
      const isPicture = isPictureName(name);
      const status = statusOf(inner);
      if (status.isDirectory()) visit(inner, [...above, real]);
      else if (isPicture && !status.isFile())
        throw new UsageError(`${inner}: expected a regular file, got a pipe, a socket or a device`);
      else if (isPicture) files.push(inner);
    }
    found.set(path, files.sort(byCodePoint));
  };
  visit(folder, []);
  return [...found].sort(([a], [b]) => byCodePoint(withSlashes(a), withSlashes(b))).flatMap(([, files]) => files);
}

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

/** How a picture is cut, the shorter side before it and the side of the square, and normalized. */
type Cut = Pick<ImageFolder, 'size' | 'resize' | 'normalize'>;

/**
 * Pictures without classes, one file or those of a folder and of the folders within it, prepared as those of validation
 * are. What cannot be read is in a batch's `skipped`, and may be all of it. Throws UsageError where there is no
 * picture, and on sides above 1024 pixels.
 */
export function openPictures(path: string, cut: Cut): { readonly files: readonly string[]; readonly source: Source } {
  if (cut.size > MOST_SIDE)
    throw new UsageError(`pictures of ${cut.size} x ${cut.size} pixels; expected at most ${MOST_SIDE} x ${MOST_SIDE}`);
  const files = statusOf(path).isDirectory() ? filesBelow(path) : [path];
  if (files.length === 0) throw new UsageError(`${path}: no picture in it (${EXTENSIONS.join(', ')})`);
  const list = files.map((file) => ({ file, label: 0 }));
  const damaged = new DamagedPictures(files.length);
  return {
    files,
    source: { count: files.length, batch: (indices) => decodeBatch(cut, list, indices, undefined, damaged) },
  };
}

/** Whether a file is a picture by its name. */
export function isPictureName(path: string): boolean {
  return EXTENSIONS.includes(extname(path).toLowerCase());
}

/** Whether a path is a picture by its name, or a folder. */
export function mayHavePictures(path: string): boolean {
  return isPictureName(path) || statusOf(path).isDirectory();
}

async function decodeBatch(
  spec: Cut,
  list: readonly Picture[],
  indices: Uint32Array,
  key: AugmentKey | undefined,
  damaged: DamagedPictures,
): Promise<HostBatch> {
  const pixels = spec.size * spec.size * CHANNELS;
  const decoded = new Array<Uint8Array | undefined>(indices.length);
  const draws =
    key === undefined
      ? undefined
      : uniforms(rngKey(key.seed, 'crop', key.step), DRAWS * indices.length, DRAWS * (key.from ?? 0));
  const skipped: SkippedFile[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < indices.length) {
      const i = next++;
      const { file } = list[indices[i]!]!;
      try {
        decoded[i] = await decode(spec, file, draws?.subarray(i * DRAWS, (i + 1) * DRAWS));
      } catch (error) {
        skipped.push({ file, reason: messageOf(error).split('\n')[0]! });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  damaged.add(skipped);
  const kept = Array.from(indices.keys()).filter((i) => decoded[i] !== undefined);
  const values = new Float32Array(kept.length * pixels);
  kept.forEach((i, k) => values.set(decoded[i]!, k * pixels));
  const { mean, std } = spec.normalize ?? IMAGENET_NORMALIZATION;
  normalizer(mean, std, 255)(values);
  skipped.sort((a, b) => (a.file < b.file ? -1 : 1));
  return {
    values,
    labels: filled(new Int32Array(kept.length), (k) => list[indices[kept[k]!]!]!.label),
    ...(skipped.length > 0 && { skipped }),
  };
}

interface Opened extends Size {
  readonly picture: ReturnType<typeof sharpModule>;
}

/**
 * A picture without alpha channel, with the pixels that torchvision's ImageFolder has, as weights that were trained
 * with it expect: by Pillow's `convert('RGB')`, which follows no color profile, turns TIFF alone by its orientation,
 * and cuts gray values of 16 bits at 255. Throws FailureError on a drawing, whose pixels are not in the file.
 */
async function openPicture(sharp: typeof sharpModule, file: string): Promise<Opened> {
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
    return fromPixels(sharp, colorsOfInks(await inks.raw().toBuffer()), { width, height, channels: 3 });
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

/** Random numbers for one picture: area and shape of ten attempts, then the place, then the mirror. */
const [ATTEMPTS, DRAWS] = [10, 10 * 2 + 3] as const;

async function decode({ size, resize }: Cut, file: string, draws: Float64Array | undefined): Promise<Uint8Array> {
  const sharp = await loadDecoder();
  const { picture, width, height } = await openPicture(sharp, file);
  const part = draws === undefined ? undefined : randomPart({ width, height }, draws);
  if (part === undefined) {
    // sharp interpolates otherwise: it reads at 64 positions within a pixel, and averages first where much is left out
    const data = inColor(await picture.toColourspace('srgb').removeAlpha().raw().toBuffer(), width * height);
    const small = scaledSize({ width, height }, resize);
    return resizeBilinear(data, { width, height }, small, centerPart(small, size));
  }
  const sized = picture.extract(part).resize(size, size, { fit: 'fill', kernel: 'linear', fastShrinkOnLoad: true });
  const mirrored = draws![DRAWS - 1]! < 0.5 ? sized.flop() : sized;
  const { data } = await mirrored.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return inColor(data, size * size);
}

/** Pixels with three channels, where gray ones have one. Throws FailureError on another number of them. */
function inColor(data: Uint8Array, pixels: number): Uint8Array {
  if (data.length === pixels * CHANNELS) return data;
  if (data.length === pixels) {
    const colors = new Uint8Array(pixels * CHANNELS);
    for (let i = 0, to = 0; i < pixels; i++) for (let c = 0; c < CHANNELS; c++) colors[to++] = data[i]!;
    return colors;
  }
  throw new FailureError(`decoded to ${data.length} bytes, expected ${pixels * CHANNELS}`);
}

/**
 * The size at which the shorter side is `shorter`, by torchvision's arithmetic: the longer side is cut to whole pixels.
 */
export function scaledSize({ width, height }: Size, shorter: number): Size {
  const longer = (side: number, other: number): number => Math.trunc((shorter * side) / other);
  return width <= height
    ? { width: shorter, height: longer(height, width) }
    : { width: longer(width, height), height: shorter };
}

/** The square in the middle, by torchvision's arithmetic. */
export function centerPart({ width, height }: Size, size: number): Part {
  return {
    left: roundHalfToEven((width - size) / 2),
    top: roundHalfToEven((height - size) / 2),
    width: size,
    height: size,
  };
}

/**
 * A random part of a picture, as torchvision's RandomResizedCrop takes it: ten attempts, then the center with the
 * nearest allowed shape.
 */
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

/** Pictures in memory [N, size, size, 3], from 0 to 255, with the names of their classes. */
export interface PicturesInMemory extends ByteImages {
  readonly classes: readonly string[];
}

/** The files of both splits, relative to the folder that has them. Throws UsageError as {@link imageClasses}. */
export function pictureNames(folder: string, splits: Splits = {}): string[] {
  const { validation } = splits;
  const { classes, train, test } = splitsOf(folder, splits);
  const held = typeof validation === 'string' ? pictures(join(folder, validation), classes) : [];
  return [...train, ...held, ...test].map(({ file }) => withSlashes(relative(folder, file)));
}

/**
 * Decodes every picture of a split that has exactly `size` x `size` pixels, which fit into memory where they are small.
 * `onProgress` hears how many are decoded. Throws UsageError on a picture that is damaged or of another size, naming
 * it.
 */
export async function readPictures(
  folder: string,
  split: 'train' | 'test',
  size: number,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<PicturesInMemory> {
  const classes = imageClasses(folder);
  const list = pictures(join(folder, split === 'train' ? 'train' : testFolder(folder)), classes);
  const bytes = size * size * CHANNELS;
  const images = new Uint8Array(list.length * bytes);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < list.length) {
      const i = next++;
      images.set(await decodeWhole(list[i]!.file, size), i * bytes);
      if (i % 1000 === 0) onProgress(i, list.length);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  const labels = filled(new Uint8Array(list.length), (i) => list[i]!.label);
  return { images, labels, height: size, width: size, channels: CHANNELS, classes };
}

async function decodeWhole(file: string, size: number): Promise<Uint8Array> {
  try {
    const { picture, width, height } = await openPicture(await loadDecoder(), file);
    if (width !== size || height !== size)
      throw new UsageError(`${width} x ${height} pixels; expected ${size} x ${size}`);
    return inColor(await picture.toColourspace('srgb').raw().toBuffer(), size * size);
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error).split('\n')[0]}; fetch it again or take it out of the folder`);
  }
}

/** Pictures of the user's, a folder for each class. */
export const imageFolder: DatasetDefinition<z.infer<typeof ImageFolderSpec>> = {
  name: 'imagefolder',
  spec: ImageFolderSpec,
  check: (spec) => void imageClasses(spec.folder, spec),
  open: openImageFolder,
  files: (spec) => [{ path: spec.folder, names: pictureNames(spec.folder, spec) }],
  shape: ({ size }) => [size, size, CHANNELS],
  normalization: ({ normalize = IMAGENET_NORMALIZATION }) => normalize,
  pictures: ({ size, resize, normalize }) => ({ size, resize, normalize }),
  trainCount,
  known: (spec) => (existsSync(spec.folder) ? { classes: imageClasses(spec.folder, spec).length } : {}),
  brought: () => 'ImageNet (ILSVRC 2012) is brought by you: 145 GB of JPEG',
};

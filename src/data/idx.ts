/**
 * Gray images and labels in idx files, as MNIST and Fashion-MNIST have them: big-endian headers, a byte a value, plain
 * or gzipped. LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist; Xiao, Rasul, Vollgraf 2017 (arXiv 1708.07747).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { plural, UsageError } from '../core/errors.js';
import { unpacked } from '../store/config.js';
import { textInstead } from '../store/instead.js';
import { readRegular } from '../store/regular.js';
import type { Dataset } from './dataset.js';
import { pathText, type DatasetDefinition } from './definition.js';
import { absentInImages, cropAndFlip, memorySource, normalizer, divideTraining, type ByteImages } from './images.js';

const count = z.int().min(1);

const IdxSpec = z.strictObject({
  set: z.literal('idx'),
  folder: pathText(),
  /** Side of the images, in pixels; 28 in MNIST and Fashion-MNIST. */
  size: z.int().min(4).max(1024),
  classes: z.int().min(2).max(256),
  /** Training images that are set aside for validation. */
  validation: count,
  /** Training images that are used, after those of the validation split; all of them by default. */
  train: count.optional(),
  /** Pixels of padding for random crops. */
  padding: z.int().min(0).max(16),
  /** Whether half of the training images are mirrored: clothes may be, digits may not. */
  mirror: z.boolean(),
});
/** Where idx files are, and how they are used. */
export type IdxSpec = z.infer<typeof IdxSpec>;

/** The files of each split, images and labels, without `.gz`. */
const FILES = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const;
const NAMES = Object.values(FILES).flat();

/** The file of that name, or its gzipped form where that alone is there; undefined where neither is. */
function found(folder: string, name: string): string | undefined {
  return [name, `${name}.gz`].find((one) => existsSync(join(folder, one)));
}

/** Throws UsageError when files are missing; says where to put which. */
function checkIdx(folder: string): void {
  const missing = NAMES.filter((name) => found(folder, name) === undefined);
  if (missing.length > 0)
    throw new UsageError(
      `data.folder ${folder}: ${missing.join(', ')} not found; put the four idx files of MNIST or Fashion-MNIST into ` +
        'that folder, gzipped or not (Fashion-MNIST: Debian package dataset-fashion-mnist, ' +
        'or https://github.com/zalandoresearch/fashion-mnist)',
    );
}

/** An array of bytes with its shape. */
interface Bytes {
  readonly path: string;
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/**
 * Reads an idx file of bytes with so many axes. Throws UsageError on one that is cut off, damaged or something else.
 */
function readIdx(folder: string, name: string, axes: number): Bytes {
  const path = join(folder, found(folder, name)!);
  const stored = readRegular(path, { links: true });
  const bytes = path.endsWith('.gz') ? unpacked(path, stored) : stored;
  const header = 4 + 4 * axes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expected = `expected an idx file of bytes with ${plural(axes, 'axis', 'axes')}`;
  const text = textInstead(bytes, `an idx file of bytes with ${plural(axes, 'axis', 'axes')}`);
  if (text !== undefined) throw new UsageError(`${path}: ${text}`);
  // two zeros, 8 for unsigned bytes, the number of axes
  if (bytes.length < header || view.getUint32(0) !== 0x800 + axes)
    throw new UsageError(`${path}: ${expected}; its header is of something else`);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length !== header + size)
    throw new UsageError(
      `${path}: ${bytes.length} bytes, and its header says ${header + size}; the file is cut off or damaged`,
    );
  return { path, shape, values: bytes.subarray(header) };
}

function readSplit({ folder, size, classes }: IdxSpec, split: keyof typeof FILES): ByteImages {
  const images = readIdx(folder, FILES[split][0], 3);
  const labels = readIdx(folder, FILES[split][1], 1);
  const [many, height, width] = images.shape as [number, number, number];
  if (height !== size || width !== size)
    throw new UsageError(`${images.path}: images of ${height} x ${width} pixels; data.size is ${size}`);
  if (many !== labels.shape[0])
    throw new UsageError(`${labels.path}: ${labels.shape[0]} labels, and there are ${many} images`);
  if (many === 0) throw new UsageError(`${images.path}: no image in it; expected some, ${size} x ${size} pixels each`);
  const wrong = labels.values.findIndex((label) => label >= classes);
  if (wrong >= 0)
    throw new UsageError(
      `${labels.path}: label ${wrong} is ${labels.values[wrong]}; data.classes is ${classes}, so expected 0 to ` +
        `${classes - 1}`,
    );
  return { images: images.values, labels: labels.values, height, width, channels: 1 };
}

/** Mean and standard deviation of values from 0 to 255, as shares of 255. */
function moments(values: ArrayLike<number>): { mean: number; std: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! * values[i]!;
  }
  const mean = sum / values.length;
  return { mean: mean / 255, std: Math.sqrt(Math.max(1e-12, squares / values.length - mean * mean)) / 255 };
}

/**
 * The images, each normalized by mean and standard deviation of the training pixels. Throws UsageError when a file is
 * missing, empty, cut off or damaged, and when there are too few images or they are of one gray.
 */
export function loadIdx(spec: IdxSpec): Dataset {
  const { folder, size, classes, padding, mirror } = spec;
  checkIdx(folder);
  const [all, test] = [readSplit(spec, 'train'), readSplit(spec, 'test')];
  const { training, validation } = divideTraining(all, spec);
  const { mean, std } = moments(training.images);
  const normalize = normalizer([mean], [std], 255);
  return {
    shape: [size, size, 1],
    classes,
    train: memorySource(training, { augment: cropAndFlip(all, padding, mirror), normalize }),
    validation: memorySource(validation, { normalize }),
    test: memorySource(test, { normalize }),
    ...absentInImages(classes, { train: training, validation, test }),
  };
}

/** MNIST, Fashion-MNIST, and whatever else has their files. */
export const idx: DatasetDefinition<IdxSpec> = {
  name: 'idx',
  spec: IdxSpec,
  check: ({ folder }) => checkIdx(folder),
  open: loadIdx,
  files: ({ folder }) => {
    checkIdx(folder);
    return [{ path: folder, names: NAMES.map((name) => found(folder, name)!) }];
  },
  // files of fixed names may be links to one
  splits: ({ folder }) =>
    Object.fromEntries(
      Object.values(FILES).map(([images]) => [`data.folder: ${images}`, join(folder, found(folder, images) ?? images)]),
    ),
  shape: ({ size }) => [size, size, 1],
  trainCount: ({ folder, validation }) => readIdx(folder, FILES.train[1], 1).shape[0]! - validation,
  known: ({ classes, train }) => ({ classes, ...(train !== undefined && { train }) }),
  heldOutCounts: ({ validation }) => ({ validation }),
  brought: ({ folder }) => `four idx files in ${folder} are brought by you: 31 MB (Fashion-MNIST)`,
};

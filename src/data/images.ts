/** Labelled images in memory, [N, size, size, channels], and their random changes. */
import { plural, UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { checkAllFinite, checkWhole } from '../core/range.js';
import { checkMembers } from '../core/registry.js';
import { permutation, rngKey, uniforms } from '../core/rng.js';
import { absentClasses, type AbsentClasses, type AugmentKey, type HostBatch, type Source } from './dataset.js';

/** Images [N, height, width, channels] in memory, with a label each. */
export interface ImageSet {
  readonly images: Float32Array | Uint8Array;
  /** Whole numbers from 0; bytes hold no class above 255, so data with more take a wider type. */
  readonly labels: Uint8Array | Uint16Array | Int32Array;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Images and labels of a byte for each value, as files have them. */
export interface ByteImages extends ImageSet {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** Which images of the training files are trained on, and how many are set aside. */
interface Division {
  /** Name of the data set, of which the random order is a function. */
  readonly set: string;
  /** Where the files are. */
  readonly folder: string;
  readonly validation: number;
  /** All that are left by default. */
  readonly train?: number | undefined;
}

/**
 * Divides the images of the training files, in a random order, into those of the validation split and those that are
 * trained on. Throws UsageError when there are too few, and when these are of one color all over.
 */
export function divideTraining(
  all: ByteImages,
  { set, folder, validation, train }: Division,
): { readonly training: ByteImages; readonly validation: ByteImages } {
  const available = all.labels.length - validation;
  const used = train ?? available;
  if (available < 1)
    throw new UsageError(
      `data.validation: expected less than the ${plural(all.labels.length, 'image')} of the training files, ` +
        `so that some are left to train on; got ${validation}`,
    );
  if (used > available)
    throw new UsageError(
      `data: the training files have ${plural(all.labels.length, 'image')}; ` +
        `validation ${validation} and train ${used} together are more`,
    );
  const order = permutation(rngKey(0, set, 'split'), all.labels.length);
  const training = pick(all, order.subarray(validation, validation + used));
  const [first] = training.images;
  if (training.images.every((value) => value === first))
    throw new UsageError(
      `data.folder ${folder}: every pixel of the training images is ${first}, so that they teach nothing; ` +
        'expected pictures',
    );
  return {
    training,
    validation: pick(all, order.subarray(0, validation)),
  };
}

/** The classes that splits of images in memory lack, by their names or, where they have none, their numbers. */
export function absentInImages(
  classes: number,
  splits: Readonly<Record<AbsentClasses['split'], ImageSet>>,
  names: readonly string[] = Array.from({ length: classes }, (_, number) => String(number)),
): { readonly absent?: readonly AbsentClasses[] } {
  const examples = ({ labels }: ImageSet): { label: number }[] => Array.from(labels, (label) => ({ label }));
  const { train, validation, test } = splits;
  return absentClasses(names, { train: examples(train), validation: examples(validation), test: examples(test) });
}

function pick(set: ByteImages, indices: Uint32Array): ByteImages {
  const pixels = set.height * set.width * set.channels;
  const images = new Uint8Array(indices.length * pixels);
  indices.forEach((index, i) => images.set(set.images.subarray(index * pixels, (index + 1) * pixels), i * pixels));
  return { ...set, images, labels: filled(new Uint8Array(indices.length), (i) => set.labels[indices[i]!]!) };
}

/** What is done to a batch's values in place: `augment` for training, then `normalize` always. */
export interface Changes {
  readonly augment?: (values: Float32Array, count: number, key: AugmentKey) => void;
  readonly normalize?: (values: Float32Array) => void;
}

/**
 * A source of images that are in memory. Throws UsageError where a member is missing, or there are not as many labels
 * as images; its batches throw RangeError on an index of no image.
 */
export function memorySource(set: ImageSet, { augment, normalize }: Changes = {}): Source {
  checkMembers('memorySource', set, {
    ...{ images: 'object', labels: 'object', height: 'number', width: 'number', channels: 'number' },
  });
  const pixels = set.height * set.width * set.channels;
  if (set.images.length !== set.labels.length * pixels)
    throw new UsageError(
      `images: ${set.labels.length} labels; ${set.images.length} values are expected to be as many images of ` +
        `${set.height} x ${set.width} x ${set.channels}`,
    );
  return {
    count: set.labels.length,
    batch: (indices, key): HostBatch => {
      for (const index of indices) checkWhole('images: index', index, 0, set.labels.length - 1);
      const values = new Float32Array(indices.length * pixels);
      const labels = new Int32Array(indices.length);
      indices.forEach((index, i) => {
        values.set(set.images.subarray(index * pixels, (index + 1) * pixels), i * pixels);
        labels[i] = set.labels[index]!;
      });
      if (key !== undefined) augment?.(values, indices.length, key);
      normalize?.(values);
      return { values, labels };
    },
  };
}

/** Throws RangeError unless values are those of so many images. */
export function checkCount(
  values: Float32Array,
  count: number,
  { height, width, channels }: Pick<ImageSet, 'height' | 'width' | 'channels'>,
): void {
  if (values.length !== count * height * width * channels)
    throw new RangeError(
      `images: ${values.length} values; ${count} images of ${height} x ${width} x ${channels} expected`,
    );
}

/** The first `count` images of a set, which share its memory. */
export function head(set: ImageSet, count: number): ImageSet {
  return {
    ...set,
    images: set.images.subarray(0, count * set.height * set.width * set.channels),
    labels: set.labels.subarray(0, count),
  };
}

/**
 * A change in place of values [..., C]: (value / `range` - mean) / std, channel by channel. Throws RangeError unless
 * there are as many of both, finite, and each std is above 0; the change where it is given no whole pixels.
 */
export function normalizer(mean: readonly number[], std: readonly number[], range = 1): (values: Float32Array) => void {
  const channels = mean.length;
  checkAllFinite('normalizer: mean', mean);
  for (const [name, values] of Object.entries({ std, range: [range] }))
    if (!values.every((value) => value > 0 && value < Infinity))
      throw new RangeError(`normalizer: ${name}: expected finite numbers above 0, got ${values.join(', ')}`);
  if (channels === 0 || std.length !== channels)
    throw new RangeError(`normalizer: expected a std for each of ${channels} means, at least one, got ${std.length}`);
  const [scale, shift] = [std.map((d) => 1 / (range * d)), mean.map((m, c) => m / std[c]!)];
  return (values) => {
    if (values.length % channels !== 0)
      throw new RangeError(`normalizer: expected values of ${channels} channels, got ${values.length} of them`);
    for (let i = 0; i < values.length; i += channels) {
      for (let c = 0; c < channels; c++) values[i + c] = values[i + c]! * scale[c]! - shift[c]!;
    }
  };
}

/**
 * Shifts each image by up to `padding` pixels (zeros come in), and mirrors half of them unless `mirror` is false. He et
 * al. 2016, section 4.2. Throws RangeError on sizes that are none; the change where it is given more or fewer values
 * than the images have.
 */
export function cropAndFlip(
  { height, width, channels }: Pick<ImageSet, 'height' | 'width' | 'channels'>,
  padding: number,
  mirror = true,
): NonNullable<Changes['augment']> {
  for (const [name, size] of Object.entries({ height, width, channels })) checkWhole(`cropAndFlip: ${name}`, size, 1);
  checkWhole('cropAndFlip: padding', padding);
  const pixels = height * width * channels;
  return (values, count, { seed, step, from = 0 }) => {
    checkCount(values, count, { height, width, channels });
    const draws = uniforms(rngKey(seed, 'crop', step), 3 * count, 3 * from);
    const source = new Float32Array(pixels);
    const offset = (u: number): number => Math.floor(u * (2 * padding + 1)) - padding;
    for (let i = 0; i < count; i++) {
      const [dy, dx, flip] = [offset(draws[3 * i]!), offset(draws[3 * i + 1]!), mirror && draws[3 * i + 2]! < 0.5];
      source.set(values.subarray(i * pixels, (i + 1) * pixels));
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const [y, x] = [row + dy, (flip ? width - 1 - column : column) + dx];
          const inside = y >= 0 && y < height && x >= 0 && x < width;
          const [to, from] = [i * pixels + (row * width + column) * channels, (y * width + x) * channels];
          for (let c = 0; c < channels; c++) values[to + c] = inside ? source[from + c]! : 0;
        }
      }
    }
  };
}

/** Labelled images in memory, [N, size, size, channels], and their random changes. */
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { rngKey, normals, permutation, uniforms } from '../core/rng.js';
import type { AugmentKey, HostBatch, Source } from './dataset.js';

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
  readonly validation: number;
  /** All that are left by default. */
  readonly train?: number | undefined;
}

/**
 * Divides the images of the training files, in a random order, into those of the validation split and those that are
 * trained on. Throws UsageError when there are too few.
 */
export function divideTraining(
  all: ByteImages,
  { set, validation, train }: Division,
): { readonly training: ByteImages; readonly validation: ByteImages } {
  const available = all.labels.length - validation;
  const used = train ?? available;
  if (available < 1 || used > available)
    throw new UsageError(
      `data: the training files have ${all.labels.length} images; ` +
        `validation ${validation} and train ${used} together are more`,
    );
  const order = permutation(rngKey(0, set, 'split'), all.labels.length);
  return {
    training: pick(all, order.subarray(validation, validation + used)),
    validation: pick(all, order.subarray(0, validation)),
  };
}

function pick(set: ByteImages, indices: Uint32Array): ByteImages {
  const pixels = set.height * set.width * set.channels;
  const images = new Uint8Array(indices.length * pixels);
  indices.forEach((index, i) => images.set(set.images.subarray(index * pixels, (index + 1) * pixels), i * pixels));
  return { ...set, images, labels: Uint8Array.from(indices, (index) => set.labels[index]!) };
}

/**
 * Random change of each training image, drawn anew for every use. Lengths are shares of the image's side, angles are in
 * degrees.
 */
export const AugmentationSpec = z.strictObject({
  rotation: z.number().min(0).max(180),
  shift: z.number().min(0).max(1),
  logScale: z.number().min(0).max(2),
  /** Standard deviation of the noise that is added to each pixel. */
  noise: z.number().min(0),
});
/** How training images are changed at random. */
export type Augmentation = z.infer<typeof AugmentationSpec>;

/** What is done to a batch's values in place: `augment` for training, then `normalize` always. */
export interface Changes {
  readonly augment?: (values: Float32Array, count: number, key: AugmentKey) => void;
  readonly normalize?: (values: Float32Array) => void;
}

/** A source of images that are in memory. Throws UsageError where there are not as many labels as images. */
export function memorySource(set: ImageSet, { augment, normalize }: Changes = {}): Source {
  const pixels = set.height * set.width * set.channels;
  if (set.images.length !== set.labels.length * pixels)
    throw new UsageError(
      `images: ${set.labels.length} labels; ${set.images.length} values are expected to be as many images of ` +
        `${set.height} x ${set.width} x ${set.channels}`,
    );
  return {
    count: set.labels.length,
    batch: (indices, key): HostBatch => {
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

/** The first `count` images of a set, which share its memory. */
export function head(set: ImageSet, count: number): ImageSet {
  return {
    ...set,
    images: set.images.subarray(0, count * set.height * set.width * set.channels),
    labels: set.labels.subarray(0, count),
  };
}

/** A change in place of values [..., C]: (value / `range` - mean) / std, channel by channel. */
export function normalizer(mean: readonly number[], std: readonly number[], range = 1): (values: Float32Array) => void {
  const channels = mean.length;
  const [scale, shift] = [std.map((d) => 1 / (range * d)), mean.map((m, c) => m / std[c]!)];
  return (values) => {
    for (let i = 0; i < values.length; i += channels) {
      for (let c = 0; c < channels; c++) values[i + c] = values[i + c]! * scale[c]! - shift[c]!;
    }
  };
}

/**
 * Shifts each image by up to `padding` pixels (zeros come in), and mirrors half of them unless `mirror` is false. He et
 * al. 2016, section 4.2.
 */
export function cropAndFlip(
  { height, width, channels }: Pick<ImageSet, 'height' | 'width' | 'channels'>,
  padding: number,
  mirror = true,
): NonNullable<Changes['augment']> {
  const pixels = height * width * channels;
  return (values, count, { seed, step, from = 0 }) => {
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

/** Rotates, scales and shifts each square image about its centre (bilinear, zero outside), then adds noise. */
export function affine(
  { height: size, channels }: Pick<ImageSet, 'height' | 'channels'>,
  options: Augmentation,
): NonNullable<Changes['augment']> {
  return (values, count, key) => moveImages(values, count, size, channels, options, key);
}

function moveImages(
  values: Float32Array,
  count: number,
  size: number,
  channels: number,
  options: Augmentation,
  { seed, step, from = 0 }: AugmentKey,
): void {
  const pixels = size * size * channels;
  const draws = uniforms(rngKey(seed, 'augment', step), 4 * count, 4 * from);
  const noise = options.noise > 0 ? normals(rngKey(seed, 'noise', step), values.length, pixels * from) : undefined;
  const centre = (size - 1) / 2;
  const source = new Float32Array(pixels);
  for (let i = 0; i < count; i++) {
    const symmetric = (k: number): number => 2 * draws[4 * i + k]! - 1;
    const angle = (symmetric(0) * options.rotation * Math.PI) / 180;
    const scale = Math.exp(symmetric(1) * options.logScale);
    const [dx, dy] = [symmetric(2) * options.shift * size, symmetric(3) * options.shift * size];
    const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
    source.set(values.subarray(i * pixels, (i + 1) * pixels));
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const u = column - centre - dx;
        const v = row - centre - dy;
        bilinear(
          source,
          size,
          channels,
          centre + cos * u + sin * v,
          centre - sin * u + cos * v,
          values,
          i * pixels + (row * size + column) * channels,
        );
      }
    }
  }
  if (noise !== undefined) for (let i = 0; i < values.length; i++) values[i]! += noise[i]! * options.noise;
}

function bilinear(
  source: Float32Array,
  size: number,
  channels: number,
  x: number,
  y: number,
  out: Float32Array,
  at: number,
): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const wx = x - left;
  const wy = y - top;
  const first = (top * size + left) * channels;
  // most pixels have all four neighbours
  if (left >= 0 && top >= 0 && left + 1 < size && top + 1 < size) {
    const below = first + size * channels;
    for (let c = 0; c < channels; c++) {
      const upper = source[first + c]! * (1 - wx) + source[first + channels + c]! * wx;
      const lower = source[below + c]! * (1 - wx) + source[below + channels + c]! * wx;
      out[at + c] = upper * (1 - wy) + lower * wy;
    }
    return;
  }
  for (let c = 0; c < channels; c++) {
    const pixel = (column: number, row: number): number =>
      column < 0 || row < 0 || column >= size || row >= size ? 0 : source[(row * size + column) * channels + c]!;
    const upper = pixel(left, top) * (1 - wx) + pixel(left + 1, top) * wx;
    const lower = pixel(left, top + 1) * (1 - wx) + pixel(left + 1, top + 1) * wx;
    out[at + c] = upper * (1 - wy) + lower * wy;
  }
}

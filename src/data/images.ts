/** Labelled images on the host, [N, size, size, channels] in [0, 1], and batches of them. */
import { permutation, rngKey, normals, uniforms } from '../core/rng.js';
import { tf, type Tensor2D, type Tensor4D } from '../engine/tensor.js';

export interface ImageSet {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly size: number;
  readonly channels: number;
  readonly classes: number;
}

export interface Batch {
  readonly x: Tensor4D;
  /** One-hot labels [B, classes]. */
  readonly y: Tensor2D;
}

/** Random change of each training image, drawn anew for every use. Lengths are shares of the image's side, angles are in degrees. */
export interface Augmentation {
  readonly rotation: number;
  readonly shift: number;
  readonly logScale: number;
  /** Standard deviation of the noise that is added to each pixel. */
  readonly noise: number;
}

export function countImages(set: ImageSet): number {
  return set.labels.length;
}

/** Indices of training step `step`: epochs in fresh random orders, each image once per epoch; a pure function of its arguments. */
export function batchIndices(seed: number, step: number, batch: number, total: number): Uint32Array {
  const orders = new Map<number, Uint32Array>();
  return Uint32Array.from({ length: batch }, (_, i) => {
    const position = step * batch + i;
    const epoch = Math.floor(position / total);
    let order = orders.get(epoch);
    if (order === undefined) orders.set(epoch, (order = permutation(rngKey(seed, 'order', epoch), total)));
    return order[position % total]!;
  });
}

/** Images at `indices` as tensors, augmented when asked; the caller disposes them. */
export function makeBatch(set: ImageSet, indices: ArrayLike<number>, augment?: { options: Augmentation; seed: number; step: number }): Batch {
  const pixels = set.size * set.size * set.channels;
  const values = new Float32Array(indices.length * pixels);
  const labels = new Int32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const image = set.images.subarray(indices[i]! * pixels, (indices[i]! + 1) * pixels);
    labels[i] = set.labels[indices[i]!]!;
    values.set(image, i * pixels);
  }
  if (augment !== undefined) augmentInPlace(values, indices.length, set, augment.options, augment.seed, augment.step);
  const x = tf.tensor4d(values, [indices.length, set.size, set.size, set.channels]);
  const y = tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), set.classes), 'float32') as Tensor2D);
  return { x, y };
}

/** Rotates, scales and shifts each image about its centre (bilinear, zero outside), then adds noise. */
function augmentInPlace(values: Float32Array, count: number, { size, channels }: ImageSet, options: Augmentation, seed: number, step: number): void {
  const pixels = size * size * channels;
  const draws = uniforms(rngKey(seed, 'augment', step), 4 * count);
  const noise = options.noise > 0 ? normals(rngKey(seed, 'noise', step), values.length) : undefined;
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
        bilinear(source, size, channels, centre + cos * u + sin * v, centre - sin * u + cos * v, values, i * pixels + (row * size + column) * channels);
      }
    }
  }
  if (noise !== undefined) for (let i = 0; i < values.length; i++) values[i]! += noise[i]! * options.noise;
}

function bilinear(source: Float32Array, size: number, channels: number, x: number, y: number, out: Float32Array, at: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const [wx, wy] = [x - left, y - top];
  for (let c = 0; c < channels; c++) {
    const pixel = (column: number, row: number): number => (column < 0 || row < 0 || column >= size || row >= size ? 0 : source[(row * size + column) * channels + c]!);
    const upper = pixel(left, top) * (1 - wx) + pixel(left + 1, top) * wx;
    const lower = pixel(left, top + 1) * (1 - wx) + pixel(left + 1, top + 1) * wx;
    out[at + c] = upper * (1 - wy) + lower * wy;
  }
}

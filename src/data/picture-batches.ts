/**
 * Batches of pictures, decoded several at a time, ahead of the engine, cut to a square and normalized. Training: a
 * random part of the picture (8 to 100 % of its area, sides 3:4 to 4:3), mirrored half of the time; else the shorter
 * side scaled to `resize` and the center cut out. Szegedy et al. 2015; the recipe of torchvision's reference training.
 */
import { availableParallelism } from 'node:os';
import { DataError, few, messageOf, plural, UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { IMAGENET_NORMALIZATION, type Normalization } from '../core/normalization.js';
import { rngKey, uniforms } from '../core/rng.js';
import type { Picture } from './class-folders.js';
import { centerPart, DRAWS, randomPart, scaledSize } from './crop.js';
import type { AugmentKey, HostBatch, SkippedFile, Source } from './dataset.js';
import { inColor, loadDecoder, openPicture } from './decode.js';
import { normalizer } from './images.js';
import { EXTENSIONS, filesBelow, statusOf } from './picture-files.js';
import { CHANNELS, resizeBilinear } from './pixels.js';

/** The largest side of what networks see, in pixels. */
export const MOST_SIDE = 1024;

/** Pictures that cannot be read which a message names, at most. */
const NAMED = 5;

/** Pictures that could not be read: each counts once, whoever met it. */
export class DamagedPictures {
  private readonly reasons = new Map<string, string>();

  /** `limit` is how many there may be. */
  constructor(private readonly limit: number) {}

  /** Throws DataError that names the first of them as soon as they are too many: there may be more. */
  add(files: readonly SkippedFile[]): void {
    for (const { file, reason } of files) if (!this.reasons.has(file)) this.reasons.set(file, reason);
    const { size } = this.reasons;
    if (size <= this.limit) return;
    const named = few(
      [...this.reasons].map(([file, reason]) => `${file} (${reason})`),
      NAMED,
    );
    throw new DataError(
      `at least ${plural(size, 'picture')} cannot be read, data.corrupt allows ${this.limit}: ${named}; take them out of the folder, or ` +
        'allow more (data.corrupt; gowide thin --corrupt)',
    );
  }
}

/** How a picture is cut and normalized. */
export interface Cut {
  /** Side of the square that is cut out, in pixels. */
  readonly size: number;
  /** Shorter side before the square is cut out. */
  readonly resize: number;
  /** Mean and standard deviation of each channel; ImageNet's by default. */
  readonly normalize?: Normalization | undefined;
}

/**
 * Pictures without classes, one file or those of a folder and of the folders within it, prepared as those of validation
 * are. What cannot be read is in a batch's `skipped`, and may be all of it. Throws UsageError where there is no
 * picture, and on sides above 1024 pixels.
 */
export function openPictures(path: string, cut: Cut): { readonly files: readonly string[]; readonly source: Source } {
  if (cut.size > MOST_SIDE)
    throw new UsageError(
      `${path}: pictures of ${cut.size} x ${cut.size} pixels are asked for; expected at most ${MOST_SIDE} x ${MOST_SIDE}`,
    );
  const files = statusOf(path).isDirectory() ? filesBelow(path) : [path];
  if (files.length === 0) throw new UsageError(`${path}: no picture in it (${EXTENSIONS.join(', ')})`);
  const list = files.map((file) => ({ file, label: 0 }));
  const damaged = new DamagedPictures(files.length);
  return {
    files,
    source: { count: files.length, batch: (indices) => decodeBatch(cut, list, indices, undefined, damaged) },
  };
}

/**
 * The pictures of a list at these indices, cut and normalized: at random with a key, else as those of validation. What
 * cannot be read is in the batch's `skipped`, and counted by `damaged`, which throws DataError where it is too much.
 */
export async function decodeBatch(
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

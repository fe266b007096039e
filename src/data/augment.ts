/**
 * Random changes of square images. A training step of a small network on the digits takes 0.1 to 0.6 ms, and these
 * changes took 0.9 in JavaScript; so they are a module of WebAssembly (assembly/augment.ts), the same bits everywhere.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseSpec } from '../core/spec.js';
import { rngKey, uniforms } from '../core/rng.js';
import type { AugmentKey } from './dataset.js';
import { checkCount, type Changes, type ImageSet } from './images.js';

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface Functions {
  addNormals(key0: number, key1: number, block: bigint, count: number, std: number, at: number): void;
  moveImages(from: number, count: number, size: number, channels: number, views: number, to: number): void;
}

declare const WebAssembly: {
  readonly Memory: new (options: { readonly initial: number }) => Memory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Functions };
};

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

const PAGE = 2 ** 16;
/** Where the values begin: what is below belongs to the module. */
const FIRST = PAGE;
/** Bytes of four blocks of draws, which are added at once. */
const BLOCKS = 64;

let loaded: { readonly memory: Memory; readonly functions: Functions } | undefined;

/** The module, with so many bytes behind {@link FIRST}. */
function moduleWith(bytes: number): NonNullable<typeof loaded> {
  if (loaded === undefined) {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const module = new WebAssembly.Module(readFileSync(join(import.meta.dirname, 'augment.wasm')));
    loaded = { memory, functions: new WebAssembly.Instance(module, { env: { memory } }).exports };
  }
  const missing = FIRST + bytes - loaded.memory.buffer.byteLength;
  if (missing > 0) loaded.memory.grow(Math.ceil(missing / PAGE));
  return loaded;
}

/**
 * Rotates, scales and shifts each square image about its center (bilinear, zero outside), then adds noise. The change
 * throws RangeError where it is given more or fewer values than the images have. Throws UsageError on options outside
 * their ranges.
 */
export function affine(
  { height: size, channels }: Pick<ImageSet, 'height' | 'channels'>,
  options: Augmentation,
): NonNullable<Changes['augment']> {
  const checked = parseSpec(AugmentationSpec, 'augment', options);
  return (values, count, key) => moveImages(values, count, { size, channels }, checked, key);
}

function moveImages(
  values: Float32Array,
  count: number,
  { size, channels }: { readonly size: number; readonly channels: number },
  { rotation, shift, logScale, noise }: Augmentation,
  { seed, step, from = 0 }: AugmentKey,
): void {
  const pixels = size * size * channels;
  checkCount(values, count, { height: size, width: size, channels });
  if (count === 0) return;
  const draws = uniforms(rngKey(seed, 'augment', step), 4 * count, 4 * from);
  const bytes = values.byteLength;
  const [source, target] = [FIRST, FIRST + 16 * Math.ceil(bytes / 16)];
  const viewsAt = target + 16 * Math.ceil(bytes / 16);
  const { memory, functions } = moduleWith(viewsAt + 32 * count + BLOCKS - FIRST);
  const views = new Float64Array(memory.buffer, viewsAt, 4 * count);
  for (let i = 0; i < views.length; i += 4) {
    const angle = ((2 * draws[i]! - 1) * rotation * Math.PI) / 180;
    const scale = Math.exp((2 * draws[i + 1]! - 1) * logScale);
    views[i] = Math.cos(angle) / scale;
    views[i + 1] = Math.sin(angle) / scale;
    views[i + 2] = (2 * draws[i + 2]! - 1) * shift * size;
    views[i + 3] = (2 * draws[i + 3]! - 1) * shift * size;
  }
  new Float32Array(memory.buffer, source, values.length).set(values);
  functions.moveImages(source, count, size, channels, viewsAt, target);
  if (noise > 0) {
    // whole blocks of four draws: values around the images are changed, too, which are not read again
    const draw = pixels * from;
    const skipped = draw % 4;
    const block = BigInt((draw - skipped) / 4);
    const key = rngKey(seed, 'noise', step);
    functions.addNormals(...key, block, values.length + skipped, noise, target - 4 * skipped);
  }
  values.set(new Float32Array(memory.buffer, target, values.length));
}

/**
 * A data set of your own, as one object: pictures of 6 x 6 pixels with horizontal or vertical stripes under noise. Once
 * it is registered, specs name it in `data.set`, and its own keys are checked as those of the others are.
 */
import { z } from 'zod';
import { memorySource, registerDataset } from '../src/index.js';
import type { DatasetDefinition, ImageSet } from '../src/index.js';

const SIDE = 6;

const StripesSpec = z.strictObject({
  set: z.literal('own-stripes'),
  /** Training images that are used. */
  train: z.int().min(2).max(10_000),
  /** Largest value that is added to a pixel, which is -1 or 1, or taken from it. */
  noise: z.number().min(0).max(10),
});

/** `count` images from number `from` on: the same for every seed of a run, and other ones in each split. */
function stripes(from: number, count: number, noise: number): ImageSet {
  const images = Float32Array.from({ length: count * SIDE * SIDE }, (_, i) => {
    const [image, pixel] = [from + Math.floor(i / SIDE ** 2), i % SIDE ** 2];
    const along = image % 2 === 0 ? Math.floor(pixel / SIDE) : pixel % SIDE;
    // a sine of large numbers stands in for noise, so that there is nothing to read or to draw
    return ((along + Math.floor(image / 2)) % 2 === 0 ? 1 : -1) + noise * Math.sin(997 * (image + 1) * (pixel + 1));
  });
  const labels = Uint8Array.from({ length: count }, (_, i) => (from + i) % 2);
  return { images, labels, height: SIDE, width: SIDE, channels: 1 };
}

/** All that the program asks of a data set. Data in files also say which (`files`), and what is missing (`check`). */
export const ownStripes: DatasetDefinition<z.infer<typeof StripesSpec>> = {
  name: 'own-stripes',
  spec: StripesSpec,
  open: ({ train, noise }) => ({
    shape: [SIDE, SIDE, 1],
    classes: 2,
    train: memorySource(stripes(0, train, noise)),
    validation: memorySource(stripes(10_000, 100, noise)),
    test: memorySource(stripes(20_000, 200, noise)),
  }),
  shape: () => [SIDE, SIDE, 1],
  known: ({ train }) => ({ classes: 2, train }),
};

/** Call it before a spec names the set: a program at its start, a command by `NODE_OPTIONS='--import ./mine.mjs'`. */
export function registerOwnStripes(): void {
  registerDataset(ownStripes);
}

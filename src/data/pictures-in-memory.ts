/** Every picture of a split in memory, where pictures are small. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { messageOf, UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { imageClasses, pictures, testFolder } from './class-folders.js';
import { inColor, loadDecoder, openPicture } from './decode.js';
import type { ByteImages } from './images.js';
import { CHANNELS } from './pixels.js';

/** Pictures in memory [N, size, size, 3], from 0 to 255, with the names of their classes. */
export interface PicturesInMemory extends ByteImages {
  readonly classes: readonly string[];
}

/**
 * Decodes every picture of a split that has exactly `size` x `size` pixels, which fit into memory where they are small.
 * `onProgress` hears how many are decoded. Throws UsageError on a picture that is damaged or of another size, naming
 * it.
 */
export async function readPictures(
  folder: string,
  split: 'train' | 'test',
  size: number,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<PicturesInMemory> {
  const classes = imageClasses(folder);
  const list = pictures(join(folder, split === 'train' ? 'train' : testFolder(folder)), classes);
  const bytes = size * size * CHANNELS;
  const images = new Uint8Array(list.length * bytes);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < list.length) {
      const i = next++;
      images.set(await decodeWhole(list[i]!.file, size), i * bytes);
      if (i % 1000 === 0) onProgress(i, list.length);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, worker));
  const labels = filled(new Uint8Array(list.length), (i) => list[i]!.label);
  return { images, labels, height: size, width: size, channels: CHANNELS, classes };
}

async function decodeWhole(file: string, size: number): Promise<Uint8Array> {
  try {
    const { picture, width, height } = await openPicture(await loadDecoder(), file);
    if (width !== size || height !== size)
      throw new UsageError(`${width} x ${height} pixels; expected ${size} x ${size}`);
    return inColor(await picture.toColourspace('srgb').raw().toBuffer(), size * size);
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error).split('\n')[0]}; fetch it again or take it out of the folder`);
  }
}

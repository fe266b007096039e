/** Files that hold pictures, by their names, and what a path leads to. */
import { readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { messageOf, UsageError } from '../core/errors.js';
import { withSlashes } from '../core/folder.js';
import { byCodePoint } from '../core/text-order.js';

/** Endings of the names of pictures. */
export const EXTENSIONS = '.jpg .jpeg .png .webp .bmp .ppm .pgm .gif .tif .tiff .avif'.split(' ');

/** What a path leads to, symbolic links followed. Throws UsageError on one that leads nowhere. */
export function statusOf(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw new UsageError(`${path}: ${messageOf(error)}; expected a file, a folder or a link to one`);
  }
}

/**
 * Pictures of a folder and of those within it: the folders in the order of their paths, each with its files in theirs.
 * Throws UsageError on a picture's name that is no regular file, and on links that lead round in a circle.
 */
export function filesBelow(folder: string): string[] {
  const found = new Map<string, string[]>();
  const visit = (path: string, above: readonly string[]): void => {
    const real = realpathSync(path);
    if (above.includes(real)) throw new UsageError(`${path}: a link to a folder that it is in, ${real}`);
    const files: string[] = [];
    for (const name of readdirSync(path)) {
      const inner = join(path, name);
      const isPicture = isPictureName(name);
      const status = statusOf(inner);
      if (status.isDirectory()) visit(inner, [...above, real]);
      else if (isPicture && !status.isFile())
        throw new UsageError(`${inner}: expected a regular file, got a pipe, a socket or a device`);
      else if (isPicture) files.push(inner);
    }
    found.set(path, files.sort(byCodePoint));
  };
  visit(folder, []);
  return [...found].sort(([a], [b]) => byCodePoint(withSlashes(a), withSlashes(b))).flatMap(([, files]) => files);
}

/** Whether a file is a picture by its name. */
export function isPictureName(path: string): boolean {
  return EXTENSIONS.includes(extname(path).toLowerCase());
}

/** Whether a path is a picture by its name, or a folder. */
export function mayHavePictures(path: string): boolean {
  return isPictureName(path) || statusOf(path).isDirectory();
}

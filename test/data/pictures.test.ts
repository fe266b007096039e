/** CIFAR-10 as pictures, folders called `test`, and gzipped tables: what is passed on as often as the originals. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { openCifar } from '../../src/data/cifar.js';
import type { HostBatch } from '../../src/data/dataset.js';
import { imageClasses, pictureNames } from '../../src/data/class-folders.js';
import { openImageFolder } from '../../src/data/imagefolder.js';
import { readPictures } from '../../src/data/pictures-in-memory.js';
import { readText } from '../../src/store/config.js';
import { POINTER, SAID_OF_POINTER } from '../support/pointer.js';

const root = mkdtempSync(join(tmpdir(), 'pictures-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Pictures of one color in train/<class>/ and test/<class>/; the red part is ten times the number of the class. */
async function pictures(classes: number, side = 32): Promise<string> {
  const folder = mkdtempSync(join(root, 'set-'));
  for (const split of ['train', 'test'])
    for (let label = 0; label < classes; label++) {
      const path = join(folder, split, `class${label}`);
      mkdirSync(path, { recursive: true });
      const background = { r: 10 * label, g: 100, b: 50 };
      await sharp({ create: { width: side, height: side, channels: 3, background } })
        .png()
        .toFile(join(path, 'a.png'));
    }
  return folder;
}

describe('CIFAR-10 as pictures', () => {
  test('is what its binary files would be: classes by name, normalized by CIFAR’s own means', async () => {
    const folder = await pictures(10);
    const data = await openCifar({ set: 'cifar10', folder, validation: 2, padding: 4 });
    expect([data.train.count, data.validation.count, data.test.count]).toEqual([8, 2, 10]);
    expect(data.labels).toEqual(Array.from({ length: 10 }, (_, i) => `class${i}`));
    const { values, labels } = data.test.batch(Uint32Array.of(7)) as HostBatch;
    expect([...labels]).toEqual([7]);
    expect(values[0]).toBeCloseTo((70 / 255 - 0.4914) / 0.247, 5);
    expect(pictureNames(folder)).toHaveLength(20);
  });

  test('with another number of classes is refused', async () => {
    const folder = await pictures(3);
    await expect(openCifar({ set: 'cifar10', folder, validation: 2, padding: 4 })).rejects.toThrow(
      /3 classes; cifar10 has 10/,
    );
  });

  test('a damaged picture, and one of another size, are named', async () => {
    const folder = await pictures(2);
    const path = join(folder, 'train', 'class1', 'a.png');
    writeFileSync(path, Buffer.from('no picture'));
    await expect(readPictures(folder, 'train', 32)).rejects.toThrow(/class1.a.png: .*; fetch it again or take it out/);
    await expect(readPictures(await pictures(2, 16), 'test', 32)).rejects.toThrow(/16 x 16 pixels; expected 32 x 32/);
  });
});

test('a folder of pictures may call its test split test', async () => {
  const folder = await pictures(2, 40);
  expect(imageClasses(folder)).toEqual(['class0', 'class1']);
  const data = openImageFolder({ folder, size: 32, resize: 36, validation: 1, corrupt: 0 });
  expect(data.test.count).toBe(2);
  expect(data.problems).toBeUndefined();
  const stray = join(folder, 'train', 'stray.png');
  cpSync(join(folder, 'train/class0', readdirSync(join(folder, 'train/class0'))[0]!), stray);
  expect(openImageFolder({ folder, size: 32, resize: 36, validation: 1, corrupt: 0 }).problems).toEqual([
    { file: stray, reason: 'in no folder of a class; left out' },
  ]);
  for (const split of ['train', 'test'])
    for (const name of ['😀', '！'])
      cpSync(join(folder, split, 'class0'), join(folder, split, name), { recursive: true });
  expect(imageClasses(folder)).toEqual(['class0', 'class1', '！', '😀']); // as torchvision numbers them
  rmSync(join(folder, 'test'), { recursive: true });
  expect(() => imageClasses(folder)).toThrow(
    /val not found; put pictures into .*val\/<class>\/ \(or test\/<class>\/\)/,
  );
});

describe('pixels are those of Pillow’s convert(RGB), as torchvision has them', () => {
  const made = JSON.parse(readFileSync(join(import.meta.dirname, 'pictures.json'), 'utf8')) as Record<
    string,
    { readonly file: string; readonly pixels: string }
  >;
  const REFUSED = 'luminance.tiff';

  /** Pictures [8, 8, 3] of a folder whose first class has these files. */
  async function pixelsOf(names: readonly string[]): Promise<Uint8Array> {
    const folder = mkdtempSync(join(root, 'kinds-'));
    for (const path of ['train/a', 'train/b', 'val/a', 'val/b']) mkdirSync(join(folder, path), { recursive: true });
    for (const name of names) writeFileSync(join(folder, 'train/a', name), Buffer.from(made[name]!.file, 'base64'));
    for (const path of ['train/b', 'val/a', 'val/b'])
      writeFileSync(join(folder, path, 'p1.ppm'), `P1 8 8 ${'0'.repeat(64)}`);
    return (await readPictures(folder, 'train', 8)).images;
  }

  test('palettes, transparency, gray of 16 bits, turned TIFF, GIF on a part of its screen, runs of BMP, bits', async () => {
    const names = Object.keys(made)
      .filter((name) => name !== REFUSED)
      .sort();
    const images = await pixelsOf(names);
    const size = 8 * 8 * 3;
    for (const [i, name] of names.entries()) {
      const pixels = Buffer.from(images.subarray(i * size, (i + 1) * size)).toString('base64');
      expect(`${name} ${pixels}`).toBe(`${name} ${made[name]!.pixels}`);
    }
  });

  /**
   * Python: `a = (np.arange(w * h * 3) * 37 % 256).astype('uint8').reshape(h, w, 3)`, resized by `BILINEAR`, cut at
   * `round((side - size) / 2)`; `r = np.asarray(..).reshape(-1); r[:6], (r * (np.arange(r.size) % 97 + 1)).sum()`.
   */
  test.each([
    [57, 43, 13, 11, [125, 126, 126, 129, 129, 130], 2155072],
    [43, 57, 20, 9, [122, 126, 137, 129, 124, 130], 1387579],
    [100, 31, 12, 8, [127, 115, 132, 123, 131, 120], 1188164],
    [31, 40, 50, 37, [132, 169, 154, 127, 164, 201], 25509569],
  ])('%i x %i, scaled to %i, %i of it in the middle: to the last bit', async (w, h, resize, size, first, sum) => {
    const folder = await pictures(2, 8);
    const data = Uint8Array.from({ length: w * h * 3 }, (_, i) => (i * 37) % 256);
    writeFileSync(join(folder, 'test/class0/a.png'), Buffer.concat([Buffer.from(`P6 ${w} ${h} 255\n`), data]));
    const { test: source } = openImageFolder({ folder, size, resize, validation: 1, corrupt: 0 });
    const { values } = await source.batch(Uint32Array.of(0));
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    const bytes = Array.from(values, (value, i) => Math.round(255 * (value * std[i % 3]! + mean[i % 3]!)));
    expect(bytes.slice(0, 6)).toEqual(first);
    expect(bytes.reduce((total, value, i) => total + value * ((i % 97) + 1), 0)).toBe(sum);
  });

  test('a pointer of Git LFS is said to be one', async () => {
    const folder = mkdtempSync(join(root, 'pointer-'));
    for (const path of ['train/a', 'train/b', 'val/a', 'val/b']) {
      mkdirSync(join(folder, path), { recursive: true });
      writeFileSync(join(folder, path, 'x.png'), POINTER);
    }
    await expect(readPictures(folder, 'train', 8)).rejects.toThrow(`x.png: ${SAID_OF_POINTER}`);
  });

  test('AVIF: Pillow’s pixels but for roundings where colors have the resolution of the picture, others where half of it', async () => {
    const avif = JSON.parse(readFileSync(join(import.meta.dirname, 'avif.json'), 'utf8')) as typeof made;
    const folder = mkdtempSync(join(root, 'avif-'));
    for (const path of ['train/a', 'train/b', 'val/a', 'val/b']) mkdirSync(join(folder, path), { recursive: true });
    for (const path of ['train/b', 'val/a', 'val/b'])
      writeFileSync(join(folder, path, 'p1.ppm'), `P1 16 16 ${'0'.repeat(256)}`);
    const differenceOf = async (sampling: string): Promise<number> => {
      writeFileSync(join(folder, 'train/a', 'x.avif'), Buffer.from(avif[sampling]!.file, 'base64'));
      const { images } = await readPictures(folder, 'train', 16);
      return Math.max(...Buffer.from(avif[sampling]!.pixels, 'base64').map((value, i) => Math.abs(value - images[i]!)));
    };
    expect(await differenceOf('4:4:4')).toBeLessThanOrEqual(1);
    // docs/data.md says so: if a decoder interpolates colors one day, that page is to say it
    expect(await differenceOf('4:2:0')).toBeGreaterThan(10);
  });

  test('a TIFF of luminance and chroma that JPEG does not compress is refused by name', async () => {
    await expect(pixelsOf([REFUSED])).rejects.toThrow(/luminance.tiff: a TIFF in YCbCr.*save it in RGB/);
  });
});

test('a gzipped text is unpacked, and one that is cut off is named', () => {
  const path = join(root, 'train.tsv.gz');
  writeFileSync(path, gzipSync('sentence\tlabel\nfine\t1\n'));
  expect(readText(path, { gzipped: true })).toBe('sentence\tlabel\nfine\t1\n');
  writeFileSync(path, gzipSync('sentence\tlabel\nfine\t1\n').subarray(0, 20));
  expect(() => readText(path, { gzipped: true })).toThrow(/train.tsv.gz: not a whole gzip file/);
});

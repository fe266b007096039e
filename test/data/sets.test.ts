/**
 * The other data sets: the Random Hierarchy Model, CIFAR's files and folders of pictures; and what is said of files
 * that are missing or damaged.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { loadCifar } from '../../src/data/cifar.js';
import { Loader, Order, type Dataset, type HostBatch, type Source } from '../../src/data/dataset.js';
import { countStrings, loadHierarchy } from '../../src/data/hierarchy.js';
import { centerPart, randomPart, scaledSize } from '../../src/data/crop.js';
import { openImageFolder } from '../../src/data/imagefolder.js';
import { colorsOfInks, cut, resizeBilinear } from '../../src/data/pixels.js';
import { cropAndFlip, normalizer } from '../../src/data/images.js';
import { DataSpec, exampleShape, openData } from '../../src/data/index.js';
import { POINTER, SAID_OF_POINTER } from '../support/pointer.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'gowide-data-'));
const range = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

describe('the Random Hierarchy Model', () => {
  const spec = {
    vocabulary: 6,
    classes: 4,
    synonyms: 2,
    levels: 3,
    branching: 2,
    grammar: 1,
    train: 150,
    validation: 40,
    test: 40,
  };

  test('has classes x synonyms^7 strings at 3 levels of pairs; none occurs twice, and the same grammar gives the same data', () => {
    expect(countStrings(spec)).toBe(4 * 2 ** 7);
    const data = loadHierarchy(spec);
    expect(data.shape).toEqual([1, 8, 6]);
    const strings = [data.train, data.validation, data.test].flatMap((part) => {
      const { values } = part.batch(range(part.count)) as HostBatch;
      return Array.from({ length: part.count }, (_, i) => values.subarray(i * 48, (i + 1) * 48).join());
    });
    expect(new Set(strings).size).toBe(230);
    expect(loadHierarchy(spec).train.batch(range(150))).toEqual(data.train.batch(range(150)));
    expect(loadHierarchy({ ...spec, grammar: 2 }).train.batch(range(150))).not.toEqual(data.train.batch(range(150)));
  });

  test('each pair of symbols stands for one symbol of the level above: the class can be read bottom-up', () => {
    const data = loadHierarchy({ ...spec, levels: 1, synonyms: 3, vocabulary: 6, train: 4, validation: 1, test: 1 });
    const { values, labels } = data.train.batch(range(4)) as HostBatch;
    const keys = Array.from({ length: 4 }, (_, i) => values.subarray(i * 12, (i + 1) * 12).join());
    keys.forEach((key, i) => keys.forEach((other, j) => expect(key === other && labels[i] !== labels[j]).toBe(false)));
    // zero mean and unit variance of each position's channels
    const first = Array.from(values.subarray(0, 6));
    expect(first.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 5);
    expect(first.reduce((a, b) => a + b * b, 0) / 6).toBeCloseTo(1, 5);
  });

  test('more strings than half of what there is, and too many synonyms, are refused', () => {
    expect(() => loadHierarchy({ ...spec, train: 500 })).toThrow(
      '580 different strings were asked for, the grammar has 512',
    );
    expect(() => loadHierarchy({ ...spec, synonyms: 7 })).toThrow(
      'of at most vocabulary^branching = 36 tuples, got 7 x 6',
    );
  });
});

describe('CIFAR', () => {
  function write(labelBytes: number, names: readonly string[], records: number): string {
    const path = folder();
    names.forEach((name, file) => {
      const bytes = Buffer.alloc(records * (labelBytes + 3072));
      for (let i = 0; i < records; i++) {
        const at = i * (labelBytes + 3072);
        bytes[at + labelBytes - 1] = (i + file) % 10;
        bytes.fill(100, at + labelBytes, at + labelBytes + 1024); // red
        bytes.fill(50, at + labelBytes + 2048, at + labelBytes + 3072); // blue; green is 0
      }
      writeFileSync(join(path, name), bytes);
    });
    return path;
  }
  const TEN = [
    'data_batch_1.bin',
    'data_batch_2.bin',
    'data_batch_3.bin',
    'data_batch_4.bin',
    'data_batch_5.bin',
    'test_batch.bin',
  ];

  test('reads both variants: planes to pixels, the fine label, mean and deviation', async () => {
    const data = loadCifar({ set: 'cifar10', folder: write(1, TEN, 4), validation: 5, padding: 4 });
    expect([data.train.count, data.validation.count, data.test.count]).toEqual([15, 5, 4]);
    const { values, labels } = data.test.batch(Uint32Array.of(2)) as HostBatch;
    expect([...labels]).toEqual([7]);
    const expected = [100, 0, 50].map(
      (value, c) => (value / 255 - [0.4914, 0.4822, 0.4465][c]!) / [0.247, 0.2435, 0.2616][c]!,
    );
    expected.forEach((value, c) => expect(values[3 * 500 + c]).toBeCloseTo(value, 5));
    const hundred = loadCifar({
      set: 'cifar100',
      folder: write(2, ['train.bin', 'test.bin'], 6),
      validation: 2,
      train: 3,
      padding: 0,
    });
    expect([hundred.train.count, hundred.classes]).toEqual([3, 100]);
    expect((await openData({ set: 'cifar10', folder: write(1, TEN, 4), validation: 5, padding: 4 })).shape).toEqual([
      32, 32, 3,
    ]);
  });

  test('a missing, truncated or foreign file is named', () => {
    expect(() => loadCifar({ set: 'cifar10', folder: '/nowhere', validation: 5, padding: 4 })).toThrow(
      /data_batch_1.bin, .*, test_batch.bin not found; put the files of cifar-10-binary.tar.gz/,
    );
    const path = write(1, TEN, 4);
    truncateSync(join(path, 'data_batch_3.bin'), 5000);
    expect(() => loadCifar({ set: 'cifar10', folder: path, validation: 5, padding: 4 })).toThrow(
      /data_batch_3.bin: 5000 bytes are no whole number of cifar10 records of 3073/,
    );
    writeFileSync(join(path, 'data_batch_3.bin'), POINTER);
    expect(() => loadCifar({ set: 'cifar10', folder: path, validation: 5, padding: 4 })).toThrow(
      `data_batch_3.bin: ${SAID_OF_POINTER}`,
    );
    const wrong = write(1, TEN, 4);
    writeFileSync(join(wrong, 'test_batch.bin'), Buffer.alloc(3073, 77));
    expect(() => loadCifar({ set: 'cifar10', folder: wrong, validation: 5, padding: 4 })).toThrow(
      /record 0 has the label 77, expected below 10/,
    );
  });
});

describe('folders of pictures', () => {
  const [MEAN, STD] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  async function write(pictures = 4): Promise<string> {
    const path = folder();
    for (const split of ['train', 'val']) {
      for (const [name, background] of [
        ['cat', { r: 200, g: 0, b: 0 }],
        ['dog', { r: 0, g: 0, b: 200 }],
      ] as const) {
        mkdirSync(join(path, split, name), { recursive: true });
        for (let i = 0; i < pictures; i++)
          await sharp({ create: { width: 40 + i, height: 30, channels: 3, background } })
            .png()
            .toFile(join(path, split, name, `${i}.png`));
      }
    }
    return path;
  }
  const open = (path: string, corrupt = 0): Dataset =>
    openImageFolder({ folder: path, size: 16, resize: 20, validation: 2, corrupt });
  const batchOf = async (source: Source, n: number, key?: { seed: number; step: number }): Promise<HostBatch> =>
    source.batch(range(n), key);

  test('are decoded, cut, normalised; the same seed and step give the same crops', async () => {
    const data = open(await write());
    expect([data.train.count, data.validation.count, data.test.count, data.classes]).toEqual([6, 2, 8, 2]);
    const { values, labels } = await batchOf(data.test, 8);
    expect([...labels]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(values).toHaveLength(8 * 16 * 16 * 3);
    expect(values[0]).toBeCloseTo((200 / 255 - 0.485) / 0.229, 4);
    expect(values[8 * 16 * 16 * 3 - 1]).toBeCloseTo((200 / 255 - 0.406) / 0.225, 4);
    const [a, b, c] = [
      await batchOf(data.train, 6, { seed: 1, step: 3 }),
      await batchOf(data.train, 6, { seed: 1, step: 3 }),
      await batchOf(data.train, 6),
    ];
    expect(a).toEqual(b);
    expect(c.values).toHaveLength(6 * 16 * 16 * 3);
  });

  test('are normalized by the mean and standard deviation that are declared, in training, too', async () => {
    const normalize = { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] };
    const data = openImageFolder({ folder: await write(), size: 16, resize: 20, validation: 2, corrupt: 0, normalize });
    for (const source of [data.test, data.validation, data.train]) {
      const { values, labels } = await batchOf(source, 2, { seed: 1, step: 3 });
      const red = labels[0] === 0;
      expect(values[0]).toBeCloseTo(((red ? 200 / 255 : 0) - 0.1) / 0.4, 4);
      expect(values[1]).toBeCloseTo((0 - 0.2) / 0.5, 4);
      expect(values[2]).toBeCloseTo(((red ? 0 : 200 / 255) - 0.3) / 0.6, 4);
    }
  });

  test('grey pictures, an alpha channel and a rotated one are brought to three channels', async () => {
    const path = await write();
    await sharp({ create: { width: 30, height: 50, channels: 4, background: { r: 10, g: 20, b: 30, alpha: 0.5 } } })
      .png()
      .toFile(join(path, 'val', 'cat', '0.png'));
    await sharp({ create: { width: 30, height: 50, channels: 3, background: { r: 90, g: 90, b: 90 } } })
      .toColourspace('b-w')
      .png()
      .toFile(join(path, 'val', 'cat', '1.png'));
    await sharp({ create: { width: 30, height: 50, channels: 3, background: { r: 90, g: 90, b: 90 } } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toFile(join(path, 'val', 'cat', '2.jpg'));
    const { values } = await batchOf(open(path).test, 9);
    expect(values).toHaveLength(9 * 16 * 16 * 3);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  test('a picture is not turned by its EXIF orientation, as torchvision’s ImageFolder does not', async () => {
    const [plain, turned] = [await write(), await write()];
    const left = { create: { width: 20, height: 40, channels: 3 as const, background: { r: 250, g: 0, b: 0 } } };
    const half = await sharp(left).png().toBuffer();
    const picture = sharp({ create: { width: 40, height: 40, channels: 3, background: { r: 0, g: 0, b: 250 } } });
    const bytes = await picture
      .composite([{ input: half, left: 0, top: 0 }])
      .jpeg()
      .toBuffer();
    for (const [folder, orientation] of [[plain, 1] as const, [turned, 6] as const])
      await sharp(bytes)
        .withMetadata({ orientation })
        .jpeg()
        .toFile(join(folder, 'val', 'cat', '0.jpg'));
    const [a, b] = [await batchOf(open(plain).test, 1), await batchOf(open(turned).test, 1)];
    expect(b.values).toEqual(a.values);
  });

  test('a square larger than the scaled picture is refused before any picture is read', () => {
    const spec = { folder: folder(), size: 32, resize: 16, validation: 1, corrupt: 0 };
    expect(() => openImageFolder(spec)).toThrow('data.resize: expected at least data.size, 32; got 16');
    expect(DataSpec.safeParse({ set: 'imagefolder', ...spec }).success).toBe(false);
  });

  test('what is no picture is skipped and named, up to the limit', async () => {
    const path = await write();
    writeFileSync(join(path, 'val', 'cat', '0.png'), 'no picture');
    const { labels, skipped } = await batchOf(open(path, 1).test, 4);
    expect([...labels]).toEqual([0, 0, 0]);
    expect(skipped).toEqual([
      {
        file: join(path, 'val', 'cat', '0.png'),
        reason: expect.stringContaining('unsupported image format') as string,
      },
    ]);
    await expect(batchOf(open(path, 0).test, 4)).rejects.toThrow(
      /1 picture cannot be read, data.corrupt allows 0: .*0.png/,
    );
  });

  /** Python: `int(256 * 500 / 375)`, `int(round((341 - 224) / 2.0))` and so on, as torchvision 0.20 has them. */
  test.each([
    [{ width: 500, height: 375 }, 256, 224, { width: 341, height: 256 }, { left: 58, top: 16 }],
    [{ width: 375, height: 500 }, 256, 224, { width: 256, height: 341 }, { left: 16, top: 58 }],
    [{ width: 500, height: 334 }, 256, 224, { width: 383, height: 256 }, { left: 80, top: 16 }],
    [{ width: 640, height: 427 }, 256, 224, { width: 383, height: 256 }, { left: 80, top: 16 }],
    [{ width: 500, height: 333 }, 232, 224, { width: 348, height: 232 }, { left: 62, top: 4 }],
    [{ width: 301, height: 300 }, 20, 17, { width: 20, height: 20 }, { left: 2, top: 2 }],
    [{ width: 100, height: 100 }, 256, 225, { width: 256, height: 256 }, { left: 16, top: 16 }],
    [{ width: 227, height: 226 }, 226, 224, { width: 227, height: 226 }, { left: 2, top: 1 }],
  ])('%j at %i: the centre of %i is torchvision’s', (size, resize, crop, small, place) => {
    expect(scaledSize(size, resize)).toEqual(small);
    expect(centerPart(small, crop)).toEqual({ ...place, width: crop, height: crop });
  });

  test('a picture without its alpha channel keeps its colors, where nothing is opaque, too', async () => {
    const path = await write();
    const color = { r: 200, g: 100, b: 50 };
    for (const [i, alpha] of [0, 0.01, 1].entries())
      await sharp({ create: { width: 50, height: 40, channels: 4, background: { ...color, alpha } } })
        .png()
        .toFile(join(path, 'val', 'cat', `${i}.png`));
    const { values } = await batchOf(open(path).test, 3);
    for (let i = 0; i < values.length; i += 3)
      [200, 100, 50].forEach((value, c) =>
        expect(Math.abs(values[i + c]! * STD[c]! + MEAN[c]! - value / 255)).toBeLessThan(1e-5),
      );
  });

  test('colors are those of the file: neither a profile nor one for inks is applied, as in torchvision', async () => {
    const path = await write();
    const background = { r: 200, g: 100, b: 50 };
    const file = join(path, 'val', 'cat', '0.png');
    await sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .withIccProfile('p3')
      .png()
      .toFile(file);
    const stored = await sharp(file, { ignoreIcc: true }).raw().toBuffer(); // not the background: they are p3's
    expect(stored[0]).not.toBe(background.r);
    const cmyk = join(path, 'val', 'cat', '1.jpg');
    await sharp({ create: { width: 40, height: 30, channels: 3, background } })
      .toColourspace('cmyk')
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .toFile(cmyk);
    const inks = await sharp(cmyk, { ignoreIcc: true })
      .pipelineColourspace('cmyk')
      .toColourspace('cmyk')
      .raw()
      .toBuffer();
    const { values } = await batchOf(open(path).test, 2);
    for (const [i, expected] of [stored, colorsOfInks(inks)].entries())
      for (let c = 0; c < 3; c++)
        expect(Math.abs(255 * (values[i * 16 * 16 * 3 + c]! * STD[c]! + MEAN[c]!) - expected[c]!)).toBeLessThan(1.5);
  });

  test('a picture that is made larger is torchvision’s to the last bit', async () => {
    const path = await write();
    const small = { width: 13, height: 11 };
    const data = Uint8Array.from({ length: 13 * 11 * 3 }, (_, i) => (i * 37) % 256);
    await sharp(data, { raw: { ...small, channels: 3 } })
      .png()
      .toFile(join(path, 'val', 'cat', '0.png'));
    const { values } = await batchOf(open(path).test, 1);
    const scaled = scaledSize(small, 20);
    const expected = cut(resizeBilinear(data, small, scaled), scaled, centerPart(scaled, 16));
    expect(Array.from(values, (value, i) => Math.round(255 * (value * STD[i % 3]! + MEAN[i % 3]!)))).toEqual([
      ...expected,
    ]);
  });

  test('folders within a class and links are followed, in the order of torchvision’s ImageFolder', async () => {
    const path = await write(1);
    const [elsewhere, cats] = [folder(), join(path, 'val', 'cat')];
    const grey = async (file: string, level: number): Promise<void> => {
      mkdirSync(dirname(file), { recursive: true });
      await sharp({ create: { width: 20, height: 20, channels: 3, background: { r: level, g: 0, b: 0 } } })
        .png()
        .toFile(file);
    };
    // os.walk: cat, cat/b, cat/b/deep, cat/c, with the files of each in their order; "z.png" is of the first
    await grey(join(cats, 'z.png'), 20);
    await grey(join(cats, 'b', '1.png'), 30);
    await grey(join(cats, 'b', 'deep', '0.png'), 40);
    await grey(join(elsewhere, 'linked', '5.png'), 50);
    symlinkSync(join(elsewhere, 'linked'), join(cats, 'c'));
    await grey(join(elsewhere, 'fox', 'f.png'), 60);
    for (const split of ['train', 'val']) symlinkSync(join(elsewhere, 'fox'), join(path, split, 'fox'));
    symlinkSync(join(elsewhere, 'fox', 'f.png'), join(path, 'val', 'dog', 'a.png'));
    const data = open(path);
    expect([data.classes, data.test.count]).toEqual([3, 8]);
    const { values, labels } = await batchOf(data.test, 8);
    const reds = Array.from({ length: 8 }, (_, i) =>
      Math.round(Math.abs(values[i * 16 * 16 * 3]! * STD[0]! + MEAN[0]!) * 255),
    );
    expect([[...labels], reds]).toEqual([
      [0, 0, 0, 0, 0, 1, 1, 2],
      [200, 20, 30, 40, 50, 0, 60, 60],
    ]);
    symlinkSync(cats, join(cats, 'b', 'round'));
    expect(() => open(path)).toThrow(/round: a link to a folder that it is in/);
  });

  test.skipIf(process.platform === 'win32')(
    'a pipe or a dead link with a picture’s name is refused by it',
    async () => {
      const path = await write(2);
      const pipe = join(path, 'val', 'dog', 'pipe.png');
      execFileSync('mkfifo', [pipe], { timeout: 10_000, killSignal: 'SIGKILL' });
      expect(() => open(path)).toThrow(/pipe.png: expected a regular file/);
      rmSync(pipe);
      symlinkSync('/nowhere/at/all', join(path, 'val', 'dog', 'dead.png'));
      expect(() => open(path)).toThrow(/dead.png: .*expected a file, a folder or a link to one/);
    },
  );

  test('a drawing is no picture, whatever it is called', async () => {
    const path = await write();
    const drawing =
      '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40"/></svg>';
    writeFileSync(join(path, 'val', 'cat', '0.png'), drawing);
    const { labels, skipped } = await batchOf(open(path, 1).test, 4);
    expect([...labels]).toEqual([0, 0, 0]);
    expect(skipped![0]!.reason).toMatch(/its content is svg, which is not read; expected one of .jpg/);
  });

  test('a side to cut out that is larger than the picture is refused before anything is read', () => {
    const spec = { set: 'imagefolder', folder: 'x', size: 32, resize: 31, validation: 1, corrupt: 0 };
    expect(DataSpec.safeParse(spec).error!.issues[0]).toMatchObject({ message: 'expected at least data.size' });
    expect(DataSpec.safeParse({ ...spec, resize: 32 }).success).toBe(true);
  });

  test('BMP and portable maps are read', async () => {
    const path = await write();
    const level = (i: number): number => (i * 37) % 256;
    const pixels = Buffer.from(Array.from({ length: 20 * 20 * 3 }, (_, i) => level(i)));
    writeFileSync(join(path, 'val', 'cat', '0.ppm'), Buffer.concat([Buffer.from('P6\n20 20\n255\n'), pixels]));
    await sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } })
      .png()
      .toFile(join(path, 'val', 'cat', '1.png'));
    const { values } = await batchOf(open(path).test, 3); // 0.png, 0.ppm, 1.png
    const one = 16 * 16 * 3;
    expect(values.subarray(one, 2 * one)).toEqual(values.subarray(2 * one, 3 * one));
  });

  test('missing folders, an empty class and different classes are named', async () => {
    expect(() => open('/nowhere')).toThrow(
      `${join('/nowhere', 'train')} not found; put pictures into /nowhere/train/<class>/ and /nowhere/val/<class>/`,
    );
    const path = await write();
    mkdirSync(join(path, 'train', 'fox'));
    expect(() => open(path)).toThrow('train and val must have the same classes; only train has fox');
    mkdirSync(join(path, 'val', 'elk'));
    expect(() => open(path)).toThrow('same classes; only train has fox, only val has elk');
    rmSync(join(path, 'val', 'elk'), { recursive: true });
    mkdirSync(join(path, 'val', 'fox'));
    expect(() => open(path)).toThrow(/fox: the class has no picture/);
    // as ILSVRC 2012 is handed out
    rmSync(join(path, 'val'), { recursive: true });
    mkdirSync(join(path, 'val'));
    writeFileSync(join(path, 'val', 'ILSVRC2012_val_00000001.JPEG'), '');
    expect(() => open(path)).toThrow(
      /ILSVRC2012_val_00000001.JPEG stand in it without a folder for each class; .*LOC_val_solution.csv/,
    );
  });

  test('a random part lies within the picture, whatever is drawn', () => {
    for (const size of [
      { width: 500, height: 375 },
      { width: 3, height: 400 },
      { width: 1, height: 1 },
    ]) {
      for (let i = 0; i < 200; i++) {
        const { left, top, width, height } = randomPart(
          size,
          Float64Array.from({ length: 23 }, (_, k) => ((i + 1) * (k + 3) * 0.618) % 1),
        );
        expect(
          left >= 0 &&
            top >= 0 &&
            width >= 1 &&
            height >= 1 &&
            left + width <= size.width &&
            top + height <= size.height,
        ).toBe(true);
      }
    }
  });
});

test('shards share out each epoch, each example once', () => {
  const shards = [0, 1, 2].map((index) => new Order(7, 12, { index, count: 3 }));
  const seen = shards.flatMap((shard) => [0, 1].flatMap((step) => [...shard.indices(step, 2)]));
  expect(seen.sort((a, b) => a - b)).toEqual([...range(12)]);
});

test('the loader gives the batch of any step, prepares what comes, and hands on what fails where it is asked for', async () => {
  const asked: number[] = [];
  const source: Source = {
    count: 8,
    batch: (indices, key) => {
      asked.push(key!.step);
      if (key!.step === 3) throw new RangeError('broken');
      return { values: Float32Array.from(indices), labels: Int32Array.from(indices) };
    },
  };
  const direct = new Order(1, 8);
  const loader = new Loader({ ...source, batch: async (indices, key) => source.batch(indices, key) }, 1, 4);
  expect([...(await loader.get(0)).labels]).toEqual([...direct.indices(0, 4)]);
  expect(asked).toEqual([0, 1, 2]);
  await loader.get(1);
  await expect(loader.get(3)).rejects.toThrow('broken');
  expect([...(await loader.get(9, 10)).labels]).toEqual([...direct.indices(9, 4)]);
  expect(Math.max(...asked)).toBe(9);
});

test('crops and mirrors move pixels and nothing else; normalising is (x / range - mean) / deviation', () => {
  const image = Float32Array.from({ length: 4 * 4 }, (_, i) => i + 1);
  const shape = { height: 4, width: 4, channels: 1 };
  const same = image.slice();
  cropAndFlip(shape, 0)(same, 1, { seed: 3, step: 0 });
  const mirrored = Float32Array.from({ length: 16 }, (_, i) => image[4 * Math.floor(i / 4) + 3 - (i % 4)]!);
  expect([[...image], [...mirrored]]).toContainEqual([...same]);
  const moved = image.slice();
  cropAndFlip(shape, 2)(moved, 1, { seed: 3, step: 1 });
  expect([...moved].every((value) => value === 0 || image.includes(value))).toBe(true);
  const values = Float32Array.of(255, 0);
  normalizer([0.5, 0.25], [0.5, 0.25], 255)(values);
  expect([...values]).toEqual([1, -1]);
});

test('the shape of an example is known before the data are opened', async () => {
  const spec = DataSpec.parse({
    set: 'hierarchy',
    vocabulary: 6,
    classes: 4,
    synonyms: 2,
    levels: 3,
    branching: 2,
    grammar: 1,
    train: 150,
    validation: 40,
    test: 40,
  });
  expect(exampleShape(spec)).toEqual((await openData(spec)).shape);
  expect(exampleShape({ set: 'digits', train: 5 })).toEqual([14, 14, 1]);
});

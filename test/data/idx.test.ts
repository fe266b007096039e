/** idx files: what is read, and what a damaged or foreign one says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import type { HostBatch } from '../../src/data/dataset.js';
import { idx, loadIdx, type IdxSpec } from '../../src/data/idx.js';
import { idxFile } from '../support/idx-file.js';
import { POINTER, SAID_OF_POINTER } from '../support/pointer.js';

const root = mkdtempSync(join(tmpdir(), 'idx-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Images whose pixels are their number, 4 x 4, of classes 0, 1, 2, 0, ... */
function folderOf(changes: Readonly<Record<string, Buffer>> = {}, gzipped = true): string {
  const folder = mkdtempSync(join(root, 'set-'));
  for (const [prefix, count] of [
    ['train', 12],
    ['t10k', 6],
  ] as const) {
    const images = Uint8Array.from({ length: count * 16 }, (_, i) => Math.floor(i / 16));
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
    const files = {
      [`${prefix}-images-idx3-ubyte`]: idxFile([count, 4, 4], images),
      [`${prefix}-labels-idx1-ubyte`]: idxFile([count], labels),
    };
    for (const [name, bytes] of Object.entries(files)) {
      const content = changes[name] ?? bytes;
      writeFileSync(join(folder, gzipped ? `${name}.gz` : name), gzipped ? gzipSync(content) : content);
    }
  }
  return folder;
}

const specOf = (folder: string): IdxSpec => ({
  set: 'idx',
  folder,
  size: 4,
  classes: 3,
  validation: 4,
  padding: 1,
  mirror: true,
});

test('more images set aside than there are, and no folder, are refused in words that are true', () => {
  const folder = folderOf();
  expect(() => loadIdx({ ...specOf(folder), validation: 12 })).toThrow(
    'data.validation: expected less than the 12 images of the training files, so that some are left to train on; got 12',
  );
  expect(() => loadIdx({ ...specOf(folder), train: 9 })).toThrow('validation 4 and train 9 together are more');
  expect(idx.spec.safeParse(specOf('')).error!.issues[0]).toMatchObject({ code: 'too_small', path: ['folder'] });
});

test.each([true, false])('images and labels are those of the files (gzipped: %s)', (gzipped) => {
  const spec = specOf(folderOf({}, gzipped));
  const data = loadIdx(spec);
  expect(idx.trainCount!(spec, Infinity)).toBe(data.train.count);
  expect([data.train.count, data.validation.count, data.test.count]).toEqual([8, 4, 6]);
  expect(data.shape).toEqual([4, 4, 1]);
  const { values, labels } = data.test.batch(Uint32Array.of(5, 1)) as HostBatch;
  expect([...labels]).toEqual([2, 1]);
  // four gray levels apart, in units of the training pixels' standard deviation
  const all = Array.from({ length: 8 }, (_, i) => (data.train.batch(Uint32Array.of(i)) as HostBatch).values[0]!);
  expect(all.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 4);
  expect(all.reduce((sum, value) => sum + value * value, 0) / 8).toBeCloseTo(1, 4);
  expect(values[0]! - values[16]!).toBeGreaterThan(0);
});

test('no training image is a validation image', () => {
  const data = loadIdx(specOf(folderOf()));
  const levels = (source: typeof data.train): number[] =>
    Array.from({ length: source.count }, (_, i) => (source.batch(Uint32Array.of(i)) as HostBatch).values[0]!);
  expect(new Set([...levels(data.train), ...levels(data.validation)]).size).toBe(12);
});

test('digits are not mirrored', () => {
  const images = Uint8Array.from({ length: 12 * 16 }, (_, i) => (i % 4 === 0 ? 255 : 0));
  const folder = folderOf({ 'train-images-idx3-ubyte': idxFile([12, 4, 4], images) });
  const brightAt = (mirror: boolean): number[] => {
    const { train } = loadIdx({ ...specOf(folder), padding: 0, mirror });
    const { values } = train.batch(Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7), { seed: 1, step: 1 }) as HostBatch;
    return [0, 3].map(
      (column) => Array.from({ length: 8 }, (_, i) => values[16 * i + column]!).filter((v) => v > 0).length,
    );
  };
  expect(brightAt(false)).toEqual([8, 0]);
  expect(brightAt(true)[1]).toBeGreaterThan(0);
});

test('classes that a split lacks are named by their numbers', () => {
  const changes = { 'train-labels-idx1-ubyte': idxFile([12], new Uint8Array(12)) };
  expect(loadIdx(specOf(folderOf(changes))).absent).toEqual([
    { split: 'train', labels: ['1', '2'] },
    { split: 'validation', labels: ['1', '2'] },
  ]);
  expect(loadIdx({ ...specOf(folderOf()), validation: 6 })).not.toHaveProperty('absent');
});

describe('files that are not as they should be', () => {
  test.each([
    ['of another kind', { 'train-images-idx3-ubyte': Buffer.alloc(300) }, /expected an idx file of bytes with 3 axes/],
    [
      'cut off',
      { 't10k-labels-idx1-ubyte': idxFile([6], new Uint8Array(3)) },
      /its header says 14; the file is cut off/,
    ],
    [
      'of other images',
      { 't10k-labels-idx1-ubyte': idxFile([5], new Uint8Array(5)) },
      /5 labels, and there are 6 images/,
    ],
    [
      'with a label too large',
      { 'train-labels-idx1-ubyte': idxFile([12], new Uint8Array(12).fill(3)) },
      /label 0 is 3/,
    ],
    [
      'without an image',
      {
        't10k-images-idx3-ubyte': idxFile([0, 4, 4], new Uint8Array()),
        't10k-labels-idx1-ubyte': idxFile([0], new Uint8Array()),
      },
      /t10k-images-idx3-ubyte.gz: no image in it; expected some, 4 x 4 pixels each/,
    ],
    [
      'with images of one gray',
      { 'train-images-idx3-ubyte': idxFile([12, 4, 4], new Uint8Array(192).fill(7)) },
      /set-\w+: every pixel of the training images is 7, so that they teach nothing; expected pictures/,
    ],
    ['of another size', { 'train-images-idx3-ubyte': idxFile([3, 8, 8], new Uint8Array(192)) }, /8 x 8 pixels/],
  ] as const)('%s: named, with what was expected', (_, changes, message) => {
    expect(() => loadIdx(specOf(folderOf(changes)))).toThrow(message);
  });

  test('a folder in the place of a file is named by what the system says of it', () => {
    const folder = folderOf();
    const path = join(folder, 't10k-labels-idx1-ubyte');
    mkdirSync(path);
    expect(() => loadIdx(specOf(folder))).toThrow(expect.objectContaining({ code: 'EISDIR', path }));
  });

  test('a gzip file that is cut off is named', () => {
    const folder = folderOf();
    const path = join(folder, 'train-labels-idx1-ubyte.gz');
    writeFileSync(path, gzipSync(Buffer.alloc(100)).subarray(0, 12));
    expect(() => loadIdx(specOf(folder))).toThrow(/train-labels-idx1-ubyte.gz: not a whole gzip file/);
  });

  test.each([true, false])('a pointer of Git LFS is said to be one (gzipped: %s)', (gzipped) => {
    const folder = folderOf({}, gzipped);
    const path = join(folder, `train-labels-idx1-ubyte${gzipped ? '.gz' : ''}`);
    writeFileSync(path, POINTER);
    expect(() => loadIdx(specOf(folder))).toThrow(`${path}: ${SAID_OF_POINTER}`);
  });

  test('a missing folder says which files belong where', () => {
    expect(() => idx.check!(specOf('/nowhere'))).toThrow(/put the four idx files .* dataset-fashion-mnist/);
  });
});

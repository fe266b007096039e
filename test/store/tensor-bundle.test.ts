/** Checkpoints of TensorFlow: what it wrote itself, and files that are cut, flipped or made to mislead. */
import fc from 'fast-check';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { crc32c } from '../../src/store/crc32c.js';
import { readTensorBundle } from '../../src/store/tensor-bundle.js';
import { indexOf, writeBundle, type Said } from './bundled.js';

type Files = Readonly<Record<string, string>>;
const REFERENCE = JSON.parse(readFileSync(new URL('./tensor-bundle.json', import.meta.url), 'utf8')) as Readonly<
  Record<'types' | 'sharded' | 'many' | 'sliced' | 'objects', Files>
>;
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-bundle-'));

/** The path of the index of a checkpoint that TensorFlow wrote. */
function laidOut(name: keyof typeof REFERENCE): string {
  const folder = newFolder();
  for (const [file, bytes] of Object.entries(REFERENCE[name])) writeFileSync(join(folder, file), bytes, 'base64');
  return join(folder, `${name}.index`);
}

test('CRC-32C is that of RFC 3720, B.4', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 255))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

describe('what TensorFlow 2.21 wrote', () => {
  test('tensors of every type are read, and texts are left', () => {
    const { tensors, others } = readTensorBundle(laidOut('types'));
    expect(others).toEqual(['text']);
    expect(tensors).toEqual({
      float: { shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) },
      double: { shape: [1], values: Float64Array.of(0.1) },
      half: { shape: [2], values: Float32Array.of(1.5, -2), dtype: 'F16' },
      bfloat: { shape: [2], values: Float32Array.of(1.5, -2), dtype: 'BF16' },
      int: { shape: [1], values: Int32Array.of(-7) },
      long: { shape: [1], values: BigInt64Array.of(2n ** 40n) },
      byte: { shape: [1], values: Uint8Array.of(255) },
      bool: { shape: [2], values: Uint8Array.of(1, 0), dtype: 'BOOL' },
      scalar: { shape: [], values: Float32Array.of(3.5) },
      empty: { shape: [0, 4], values: new Float32Array() },
    });
  });

  test('several files of tensors, and several blocks of names', () => {
    expect(readTensorBundle(laidOut('sharded')).tensors).toEqual({
      'shard/0': { shape: [2], values: Float32Array.of(0, 0.5) },
      'shard/1': { shape: [2], values: Float32Array.of(1, 1.5) },
    });
    const { tensors } = readTensorBundle(laidOut('many'), (name) => name !== 'layer_000/kernel');
    expect(Object.keys(tensors)).toHaveLength(299);
    expect(tensors['layer_299/kernel']!.values).toEqual(Float32Array.of(299));
  });

  test('variables of objects have their own names', () => {
    const { tensors } = readTensorBundle(laidOut('objects'));
    expect(tensors['bert/pooler/dense/bias']!.values).toEqual(Float32Array.of(1, 2));
    expect(tensors.global_step!.values).toEqual(Int32Array.of(3));
  });

  test('a variable in slices is refused by name', () => {
    expect(() => readTensorBundle(laidOut('sliced'))).toThrow('tensor "w" was saved in slices');
  });
});

describe('files that are not whole', () => {
  test('a missing or short file of tensors is named', () => {
    const index = laidOut('sharded');
    const second = index.replace('.index', '.data-00001-of-00002');
    writeFileSync(second, Buffer.alloc(4));
    expect(() => readTensorBundle(index)).toThrow(`${second}: 4 bytes, and "shard/1" ends at 8; the file is cut off`);
    rmSync(second);
    expect(() => readTensorBundle(index)).toThrow(`${second}: not found`);
  });

  test('a flipped bit of a tensor is found', () => {
    const index = laidOut('types');
    const data = index.replace('.index', '.data-00000-of-00001');
    const bytes = readFileSync(data);
    const at = bytes.indexOf(Buffer.from(Float32Array.of(4, 5).buffer));
    bytes[at]! ^= 1;
    writeFileSync(data, bytes);
    expect(() => readTensorBundle(index)).toThrow('tensor "float" is damaged (its checksum differs)');
  });

  test('an index that is cut or flipped anywhere is refused in one line', () => {
    const index = laidOut('types');
    const whole = readFileSync(index);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) bytes[at]! ^= flip;
        writeFileSync(index, bytes);
        try {
          readTensorBundle(index); // the padding of the last 48 bytes may be anything
          return !cut && at >= whole.length - 48;
        } catch (error) {
          return error instanceof UsageError && !error.message.includes('\n');
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

describe('an index with right checksums that misleads', () => {
  const tensors = {
    a: { shape: [2], values: Float32Array.of(1, 2) },
    b: { shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) },
  };
  const changed = (change: (said: Said, name: string) => Said): (() => unknown) => {
    const index = writeBundle(join(newFolder(), 'x'), tensors, change);
    return () => readTensorBundle(index);
  };
  const withB = (part: Partial<Said>): (() => unknown) =>
    changed((said, name) => (name === 'b' ? { ...said, ...part } : said));

  test('is read where it does not', () => {
    expect(changed((said) => said)()).toEqual({ tensors, others: [] });
  });

  test('sizes, places and types that cannot be are refused before anything is allocated', () => {
    expect(withB({ shape: [2 ** 40, 2 ** 40] })).toThrow('tensor "b" has a shape that is none');
    expect(withB({ shape: [-1n, 4] })).toThrow('tensor "b" has a shape that is none');
    expect(withB({ shape: Array<number>(40).fill(1) })).toThrow('tensor "b" has a shape that is none');
    expect(withB({ shape: [2 ** 40] })).toThrow('takes 16 bytes, F32 [1099511627776] needs 4398046511104');
    expect(withB({ shape: [2 ** 40], size: 2 ** 42 })).toThrow('24 bytes, and "b" ends at');
    expect(withB({ offset: 12 })).toThrow('24 bytes, and "b" ends at 28; the file is cut off');
    expect(withB({ offset: 2n ** 63n })).toThrow('tensor "b" has a place or a type that is none');
    expect(withB({ offset: 4 })).toThrow('the tensors "a" and "b" overlap');
    expect(withB({ shard: 1 })).toThrow('tensor "b" is in file 1, and there are 1, from 0');
    expect(withB({ checksum: 0 })).toThrow('tensor "b" is damaged');
  });

  test('headers and orders of bytes that cannot be', () => {
    const index = join(newFolder(), 'x.index');
    const of = (bytes: Buffer): (() => unknown) => {
      writeFileSync(index, bytes);
      return () => readTensorBundle(index);
    };
    expect(of(indexOf([], 2 ** 31))).toThrow('it claims 2147483648 files of tensors');
    expect(of(indexOf([], 1, 1))).toThrow('big-endian');
    expect(of(Buffer.alloc(10))).toThrow('10 bytes, at least 48 are expected');
    expect(of(Buffer.alloc(100))).toThrow('it does not end as an index does');
    const said = { type: 1, shape: [1], shard: 0, offset: 0, size: 4, checksum: 0 };
    expect(
      of(
        indexOf([
          ['b', said],
          ['a', said],
        ]),
      ),
    ).toThrow('its names are not in order');
  });
});

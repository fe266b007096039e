import fc from 'fast-check';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { decodeBytes, readSafetensors, writeSafetensors } from '../../src/store/safetensors.js';

const folder = mkdtempSync(join(tmpdir(), 'gowide-safetensors-'));
const path = join(folder, 'x.safetensors');

function raw(header: unknown, data: Uint8Array = new Uint8Array()): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, data]));
  return path;
}

test('what is written is read, for every type, and no temporary file stays', () => {
  const tensors: HostArrays<HostValues> = {
    'stage1/conv/kernel': { shape: [2, 2], values: Float32Array.of(1, -2.5, 3e-8, Infinity) },
    u8: { shape: [3], values: Uint8Array.of(0, 128, 255) },
    f64: { shape: [], values: Float64Array.of(Math.PI) },
    i64: { shape: [2], values: BigInt64Array.of(-(2n ** 62n), 5n) },
    i32: { shape: [1], values: Int32Array.of(-7) },
    empty: { shape: [0, 4], values: new Float32Array() },
  };
  writeSafetensors(path, tensors, { note: 'ünï' });
  const { tensors: read, metadata } = readSafetensors(path);
  expect(metadata).toEqual({ note: 'ünï' });
  expect(read).toEqual(tensors);
  expect(readdirSync(folder)).toEqual(['x.safetensors']);
});

test('the bytes are those of the format', () => {
  writeSafetensors(path, { a: { shape: [2], values: Int32Array.of(1, -1) } });
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE());
  expect(length % 8).toBe(0);
  expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
    __metadata__: {},
    a: { dtype: 'I32', shape: [2], data_offsets: [0, 8] },
  });
  expect([...bytes.subarray(8 + length)]).toEqual([1, 0, 0, 0, 255, 255, 255, 255]);
});

test('half types are read', () => {
  // 1, -2, smallest subnormal, largest, infinity of IEEE binary16; 1, -2 and pi of bfloat16.
  const half = Buffer.from(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00).buffer);
  raw({ h: { dtype: 'F16', shape: [5], data_offsets: [0, 10] } }, half);
  expect([...readSafetensors(path).tensors.h!.values]).toEqual([1, -2, 2 ** -24, 65504, Infinity]);
  raw(
    { b: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] } },
    Buffer.from(Uint16Array.of(0x3f80, 0xc000, 0x4049).buffer),
  );
  expect([...readSafetensors(path).tensors.b!.values]).toEqual([1, -2, 3.140625]);
});

test('whole numbers of every size and floats of 8 bits are read, whether a network wants them or not', () => {
  const all: [string, ArrayBufferView, unknown[]][] = [
    ['I8', Int8Array.of(-128, 127), [-128, 127]],
    ['I16', Int16Array.of(-32_768, 32_767), [-32_768, 32_767]],
    ['U16', Uint16Array.of(0, 65_535), [0, 65_535]],
    ['U32', Uint32Array.of(0, 4_294_967_295), [0n, 4_294_967_295n]],
    ['U64', BigUint64Array.of(0n, 2n ** 63n - 1n), [0n, 2n ** 63n - 1n]],
    // by the tables of Micikevicius et al. 2022: 1, -2, largest, smallest subnormal, then the values that are none
    ['F8_E4M3', Uint8Array.of(0x38, 0xc0, 0x7e, 0x01, 0x7f), [1, -2, 448, 2 ** -9, NaN]],
    [
      'F8_E5M2',
      Uint8Array.of(0x3c, 0xc0, 0x7b, 0x01, 0x7c, 0xfc, 0x7d),
      [1, -2, 57_344, 2 ** -16, Infinity, -Infinity, NaN],
    ],
  ];
  for (const [dtype, { buffer, byteLength }, expected] of all) {
    raw({ x: { dtype, shape: [expected.length], data_offsets: [0, byteLength] } }, new Uint8Array(buffer));
    expect(Array.from(readSafetensors(path).tensors.x!.values as Iterable<unknown>), dtype).toEqual(expected);
  }
  raw({ x: { dtype: 'U64', shape: [1], data_offsets: [0, 8] } }, new Uint8Array(BigUint64Array.of(2n ** 63n).buffer));
  expect(() => readSafetensors(path)).toThrow('tensor "x" has a whole number above 2^63 - 1, which is not read');
});

/** The 32-bit patterns of the values that codes 0, 1, 2, ... of a type are read as. */
function patterns(dtype: 'F16' | 'F8_E4M3' | 'F8_E5M2', codes: Uint8Array | Uint16Array): Uint32Array {
  const values = decodeBytes(dtype, new Uint8Array(codes.slice().buffer)) as Float32Array;
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

const CANONICAL_NAN = new Uint32Array(Float32Array.of(NaN).buffer)[0]!;

test('every code of a small float is read as its value, to the bit', () => {
  for (const [dtype, exponentBits, fractionBits] of [
    ['F16', 5, 10],
    ['F8_E4M3', 4, 3],
    ['F8_E5M2', 5, 2],
  ] as const) {
    const width = 1 + exponentBits + fractionBits;
    const codes = new (width === 16 ? Uint16Array : Uint8Array)(2 ** width).map((_, code) => code);
    const found = patterns(dtype, codes);
    const bias = 2 ** (exponentBits - 1) - 1;
    const top = 2 ** exponentBits - 1;
    let [infinities, nans, subnormals] = [0, 0, 0];
    for (let code = 0; code < codes.length; code++) {
      const sign = code >> (width - 1) === 1 ? 0x8000_0000 : 0;
      const [exponent, fraction] = [(code >> fractionBits) & top, code & (2 ** fractionBits - 1)];
      // E4M3 has no infinity, and numbers where the others have NaN
      const isNumber = exponent < top || (dtype === 'F8_E4M3' && fraction < 7);
      let expected: number;
      if (exponent === 0) {
        const magnitude = Float32Array.of(fraction * 2 ** (1 - bias - fractionBits));
        expected = new Uint32Array(magnitude.buffer)[0]! + sign;
        subnormals += Number(fraction > 0);
      } else if (isNumber) {
        // float32 has the same fraction in its upper bits, and another bias
        expected = (exponent - bias + 127) * 2 ** 23 + fraction * 2 ** (23 - fractionBits) + sign;
      } else if (fraction === 0) {
        expected = 0x7f80_0000 + sign;
        infinities++;
      } else {
        expected = CANONICAL_NAN;
        nans++;
      }
      if (found[code] !== expected) expect([dtype, code, found[code]]).toEqual([dtype, code, expected]);
    }
    const payloads = 2 * (2 ** fractionBits - 1);
    const isE4M3 = dtype === 'F8_E4M3';
    expect([dtype, infinities, nans, subnormals]).toEqual([dtype, isE4M3 ? 0 : 2, isE4M3 ? 2 : payloads, payloads]);
  }
});

test('metadata may be null, as the reference implementation has it', () => {
  raw({ __metadata__: null, x: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, Uint8Array.of(7));
  expect(readSafetensors(path)).toEqual({ metadata: {}, tensors: { x: { shape: [1], values: Uint8Array.of(7) } } });
});

describe('a bad file gives one line that says what is wrong', () => {
  const entry = (begin: number, end: number): object => ({
    dtype: 'U8',
    shape: [end - begin],
    data_offsets: [begin, end],
  });
  test.each<[string, () => unknown, RegExp]>([
    ['empty file', () => writeFileSync(path, ''), /0 bytes, at least 8/],
    [
      'header of 10 GB',
      () =>
        writeFileSync(path, Buffer.concat([Buffer.from(BigUint64Array.of(10_000_000_000n).buffer), Buffer.alloc(100)])),
      /header claims 10000000000 bytes/,
    ],
    ['not JSON', () => raw('{"a":'), /not JSON/],
    ['not UTF-8', () => writeFileSync(path, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe])), /not JSON in UTF-8/],
    ['a list', () => raw([]), /not a JSON object/],
    [
      'unknown type',
      () => raw({ a: { dtype: 'F8', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /type "F8"; known: F64/,
    ],
    [
      'negative shape',
      () => raw({ a: { dtype: 'U8', shape: [-1], data_offsets: [0, 1] } }, new Uint8Array(1)),
      /shape \[-1\]/,
    ],
    [
      'size that does not fit',
      () => raw({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 4] } }, new Uint8Array(4)),
      /takes 4 bytes, F32 \[2\] needs 8/,
    ],
    ['overlap', () => raw({ a: entry(0, 4), b: entry(2, 6) }, new Uint8Array(6)), /overlap/],
    ['gap', () => raw({ a: entry(0, 2), b: entry(4, 6) }, new Uint8Array(6)), /leave a gap/],
    ['cut off', () => raw({ a: entry(0, 8) }, new Uint8Array(5)), /cut off/],
    ['left over', () => raw({ a: entry(0, 2) }, new Uint8Array(5)), /left over/],
    ['metadata of numbers', () => raw({ __metadata__: { a: 1 } }), /not a string/],
  ])('%s', (_, write, expected) => {
    write();
    expect(() => readSafetensors(path)).toThrow(UsageError);
    expect(() => readSafetensors(path)).toThrow(expected);
    expect(() => readSafetensors(path)).toThrow(path);
  });

  test('a missing file', () => expect(() => readSafetensors(join(folder, 'none'))).toThrow(/none: no such file/));

  test('every truncation and every flipped byte of the header is refused or read, never a crash', () => {
    writeSafetensors(path, { a: { shape: [4], values: Float32Array.of(1, 2, 3, 4) } });
    const whole = readFileSync(path);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const changed = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) changed[at] = byte;
        writeFileSync(path, changed);
        try {
          readSafetensors(path);
          expect(cut).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

test('what does not fit is not written', () => {
  expect(() => writeSafetensors(path, { a: { shape: [3], values: new Float32Array(2) } })).toThrow(
    'expected 3 elements',
  );
  expect(() => writeSafetensors(path, { __metadata__: { shape: [2], values: new Float32Array(2) } })).toThrow(
    'no tensor can be called __metadata__',
  );
});

test.each(['__proto__', 'constructor', 'toString'])('a tensor and a note may be called %s', (name) => {
  const values = Float32Array.of(1, 2);
  const tensors = Object.fromEntries([[name, { shape: [2], values }]]);
  writeSafetensors(path, tensors, Object.fromEntries([[name, 'x']]));
  const read = readSafetensors(path);
  expect(Object.entries(read.tensors)).toEqual([[name, { shape: [2], values }]]);
  expect(Object.entries(read.metadata)).toEqual([[name, 'x']]);
});

test.each<[what: string, tensors: unknown, message: string]>([
  ['nothing', undefined, 'expected tensors by name, got undefined'],
  ['values alone', { a: new Float32Array(2) }, 'a: expected a tensor as { shape, values }'],
  ['a shape alone', { a: { shape: [2] } }, 'a: expected a tensor as { shape, values }, got object and undefined'],
  [
    'a list of numbers',
    { a: { shape: [2], values: [1, 2] } },
    'a: expected values in one of Float64Array, Float32Array',
  ],
  ['values of a type that is not written', { a: { shape: [2], values: new Uint16Array(2) } }, 'got Uint16Array'],
  ['sizes below 0', { a: { shape: [-1, -2], values: new Float32Array(2) } }, 'a: expected whole sizes of at least 0'],
  ['a network’s weights as they are', { params: {}, state: {} }, 'params: expected a tensor as { shape, values }'],
])('%s instead of tensors: one line, and no file', (_, tensors, message) => {
  const to = join(folder, 'none.safetensors');
  expect(() => writeSafetensors(to, tensors as HostArrays<HostValues>)).toThrow(RangeError);
  expect(() => writeSafetensors(to, tensors as HostArrays<HostValues>)).toThrow(message);
  expect(readdirSync(folder)).not.toContain('none.safetensors');
});

test('metadata are texts: a number among them would make a file that cannot be read', () => {
  const tensors = { a: { shape: [1], values: Float32Array.of(1) } };
  expect(() => writeSafetensors(path, tensors, { step: 3 as unknown as string })).toThrow(
    'metadata: expected a text as step, got number',
  );
});

/** Checkpoints of TensorFlow, made without TensorFlow: the index with its checksums, and one file of bytes. */
import { writeFileSync } from 'node:fs';
import type { HostArrays, HostValues } from '../../src/core/host-array.js';
import { maskedCrc32c } from '../../src/store/crc32c.js';

/** What an entry of the index says of a tensor. */
export interface Said {
  readonly type: number;
  readonly shape: readonly (number | bigint)[];
  readonly shard: number;
  readonly offset: number | bigint;
  readonly size: number | bigint;
  readonly checksum: number;
}

const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128);
  return Buffer.from([...bytes, Number(left)]);
};
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const number = (field: number, value: number | bigint): Buffer => Buffer.concat([varint(field << 3), varint(value)]);
const inner = (field: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);

const entry = ({ type, shape, shard, offset, size, checksum }: Said): Buffer =>
  Buffer.concat([
    number(1, type),
    inner(2, Buffer.concat(shape.map((side) => inner(2, number(1, side))))),
    ...[number(3, shard), number(4, offset), number(5, size), varint((6 << 3) | 5), u32(checksum)],
  ]);

const block = (entries: readonly (readonly [string, Buffer])[]): Buffer => {
  const contents = Buffer.concat([
    ...entries.flatMap(([key, value]) => [
      ...[varint(0), varint(Buffer.byteLength(key)), varint(value.length)],
      ...[Buffer.from(key), value],
    ]),
    ...[u32(0), u32(1)],
  ]);
  const typed = Buffer.concat([contents, Buffer.from([0])]);
  return Buffer.concat([typed, u32(maskedCrc32c(typed))]);
};

/** The bytes of an index with one block of names. */
export function indexOf(entries: readonly (readonly [string, Said])[], shards = 1, endianness = 0): Buffer {
  const header = Buffer.concat([number(1, shards), number(2, endianness)]);
  const data = block([['', header], ...entries.map(([name, said]) => [name, entry(said)] as const)]);
  const meta = block([]);
  const handle = (offset: number, size: number): Buffer => Buffer.concat([varint(offset), varint(size - 5)]);
  const index = block([['z', handle(0, data.length)]]);
  const handles = Buffer.concat([
    handle(data.length, meta.length),
    handle(data.length + meta.length, index.length),
    Buffer.alloc(40),
  ]).subarray(0, 40);
  return Buffer.concat([data, meta, index, handles, Buffer.from('57fb808b247547db', 'hex')]);
}

/** Writes a checkpoint of float32 and int32 tensors; `path` has no ending. What it says of them may be changed. */
export function writeBundle(
  path: string,
  tensors: HostArrays<HostValues>,
  change: (said: Said, name: string) => Said = (said) => said,
): string {
  let offset = 0;
  const chunks: Buffer[] = [];
  const entries = Object.keys(tensors)
    .sort()
    .map((name): [string, Said] => {
      const { shape, values } = tensors[name]!;
      const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
      const type = values instanceof Float32Array ? 1 : 3;
      const said = { type, shape, shard: 0, offset, size: bytes.length, checksum: maskedCrc32c(bytes) };
      chunks.push(bytes);
      offset += bytes.length;
      return [name, change(said, name)];
    });
  writeFileSync(`${path}.data-00000-of-00001`, Buffer.concat(chunks));
  writeFileSync(`${path}.index`, indexOf(entries));
  return `${path}.index`;
}

/**
 * Checkpoints of TensorFlow in the format of its op `SaveV2`, which variables of a SavedModel have, too: an index
 * (`NAME.index`, a sorted table of protocol buffers) and the tensors' bytes in one or several files beside it
 * (`NAME.data-00000-of-00001`). Reference: tensorflow/core/protobuf/tensor_bundle.proto and
 * tensorflow/core/util/tensor_bundle. Untrusted files are safe to read: nothing is allocated from a size that the index
 * claims before it was checked against the size of the file, and every tensor's checksum is compared.
 */
import { closeSync, existsSync, fstatSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { FailureError, UsageError } from '../core/errors.js';
import { sizeOf, type HostArray, type HostArrays, type HostValues } from '../core/host-array.js';
import { asFileError } from './atomic.js';
import { maskedCrc32c } from './crc32c.js';
import { SHOWN_BYTES, textInstead } from './instead.js';
import { bytesIn, fieldsOf, littleEndian, numberIn, textIn, textOf, WireError, WireReader } from './protobuf.js';
import { openRegular, readRegular } from './regular.js';
import { bytesOf, decodeTensor, type Dtype } from './safetensors.js';
import { readSortedTable } from './sorted-table.js';

/** What ends the name of a checkpoint's index. */
export const INDEX = '.index';

/** What a checkpoint holds. */
export interface TensorBundle {
  /** The tensors that were asked for; types that JavaScript lacks are read as those of safetensors are. */
  readonly tensors: HostArrays<HostValues>;
  /** Names of everything else in it. */
  readonly others: readonly string[];
}

/** TensorFlow's numbers for types of values (tensorflow/core/framework/types.proto). */
const TYPES: Readonly<Record<number, Dtype>> = {
  ...{ 1: 'F32', 2: 'F64', 3: 'I32', 4: 'U8', 5: 'I16', 6: 'I8', 9: 'I64', 10: 'BOOL', 14: 'BF16', 17: 'U16' },
  ...{ 19: 'F16', 22: 'U32', 23: 'U64' },
};
const STRING = 7;
/** The largest index that is read: that of a checkpoint with a million tensors is smaller. */
const MOST_INDEX_BYTES = 2 ** 28;
const MOST_AXES = 32;
/** The tensor in which checkpoints of objects say what their variables are called. */
const OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH';

interface Entry {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  readonly checksum: number;
  /** Whether it was saved in parts, as partitioned variables are. */
  readonly inSlices: boolean;
}

type Bad = (what: string) => UsageError;

/**
 * Reads the tensors of a checkpoint that `wants` says yes to, all by default, by the path of its index. Names of
 * checkpoints that were saved as objects (`tf.train.Checkpoint`, Keras) are those of the variables where each has one
 * of its own. Throws UsageError with one line that says what is wrong with it.
 */
export function readTensorBundle(index: string, wants: (name: string) => boolean = () => true): TensorBundle {
  const bad: Bad = (what) => new UsageError(`${index}: not a valid checkpoint index: ${what}`);
  let bytes: Buffer;
  try {
    bytes = readRegular(index, { links: true, limit: MOST_INDEX_BYTES });
  } catch (error) {
    throw asFileError(error, index);
  }
  const { entries, shards } = readIndex(readSortedTable(bytes, index), bad);
  const files = new Shards(index, shards, entries, bad);
  try {
    const nameOf = variableNames(entries, files);
    const isRead = ({ name, type }: Entry): boolean => TYPES[type] !== undefined && wants(nameOf(name));
    const tensors = entries
      .filter(isRead)
      .map((entry): [string, HostArray<HostValues>] => [nameOf(entry.name), tensorOf(entry, files, bad)]);
    return {
      tensors: Object.fromEntries(tensors),
      others: entries.filter((entry) => !isRead(entry)).map(({ name }) => nameOf(name)),
    };
  } finally {
    files.close();
  }
}

function readIndex(
  table: readonly (readonly [Buffer, Uint8Array])[],
  bad: Bad,
): { readonly entries: Entry[]; readonly shards: number } {
  const [header, ...rest] = table;
  if (header === undefined || header[0].length > 0) throw bad('it has no header');
  try {
    const fields = fieldsOf(header[1]);
    if (numberIn(fields, 2) !== 0n) throw bad('its tensors are in the order of a big-endian machine; save it anew');
    const shards = whole(numberIn(fields, 1));
    if (shards === undefined || shards < 1 || shards > 99_999) throw bad(`it claims ${shards} files of tensors`);
    // the parts of variables that were saved in slices have names that begin with a zero
    const entries = rest.filter(([key]) => key[0] !== 0).map(([key, value]) => entryOf(textOf(key), value, bad));
    const outside = entries.find(({ shard }) => shard >= shards);
    if (outside !== undefined)
      throw bad(`tensor "${outside.name}" is in file ${outside.shard}, and there are ${shards}, from 0`);
    return { entries, shards };
  } catch (error) {
    throw error instanceof WireError ? bad(error.message) : error;
  }
}

function entryOf(name: string, value: Uint8Array, bad: Bad): Entry {
  const fields = fieldsOf(value);
  const dimensions = bytesIn(fields, 2).flatMap((shape) => bytesIn(fieldsOf(shape), 2));
  const shape = dimensions.map((dimension) => whole(numberIn(fieldsOf(dimension), 1)) ?? -1);
  if (shape.length > MOST_AXES || shape.includes(-1) || !Number.isSafeInteger(sizeOf(shape)))
    throw bad(`tensor "${name}" has a shape that is none`);
  const [type, shard, offset, size] = [1, 3, 4, 5].map((field) => whole(numberIn(fields, field)) ?? -1) as [
    ...[number, number, number, number],
  ];
  const inSlices = fields.some(({ number }) => number === 7);
  const dtype = TYPES[type];
  if (type === -1 || shard === -1 || offset === -1 || size === -1)
    throw bad(`tensor "${name}" has a place or a type that is none`);
  if (!inSlices && dtype !== undefined && size !== sizeOf(shape) * bytesOf(dtype))
    throw bad(
      `tensor "${name}" takes ${size} bytes, ${dtype} [${shape.join(', ')}] needs ${sizeOf(shape) * bytesOf(dtype)}`,
    );
  return { name, type, shape, shard, offset, size, checksum: Number(numberIn(fields, 6)), inSlices };
}

function whole(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

/** The files of a checkpoint's tensors. */
class Shards {
  private readonly open = new Map<number, number>();

  /** Opens the files that entries name. Throws UsageError where one is missing, too short, or claimed twice. */
  constructor(
    private readonly index: string,
    private readonly count: number,
    entries: readonly Entry[],
    bad: Bad,
  ) {
    const sorted = entries
      .filter(({ inSlices }) => !inSlices)
      .sort((a, b) => a.shard - b.shard || a.offset - b.offset || a.size - b.size);
    try {
      sorted.forEach(({ name, shard, offset, size }, i) => {
        const before = sorted[i - 1];
        if (before?.shard === shard && before.offset + before.size > offset)
          throw bad(`the tensors "${before.name}" and "${name}" overlap`);
        const has = fstatSync(this.file(shard)).size;
        if (offset + size > has) this.checkBinary(shard);
        if (offset + size > has)
          throw new UsageError(
            `${this.pathOf(shard)}: ${has} bytes, and "${name}" ends at ${offset + size}; the file is cut off`,
          );
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private pathOf(shard: number): string {
    const [at, of] = [shard, this.count].map((number) => String(number).padStart(5, '0'));
    return `${this.index.slice(0, -INDEX.length)}.data-${at}-of-${of}`;
  }

  private file(shard: number): number {
    const known = this.open.get(shard);
    if (known !== undefined) return known;
    const path = this.pathOf(shard);
    if (!existsSync(path))
      throw new UsageError(`${path}: not found; ${basename(this.index)} says that tensors are in it, put it there`);
    try {
      const file = openRegular(path, { links: true });
      this.open.set(shard, file);
      return file;
    } catch (error) {
      throw asFileError(error, path);
    }
  }

  /** Throws UsageError on a file that is a text. */
  private checkBinary(shard: number): void {
    const begin = Buffer.alloc(SHOWN_BYTES);
    const got = readSync(this.file(shard), begin, 0, SHOWN_BYTES, 0);
    const said = textInstead(begin.subarray(0, got), 'the tensors of a checkpoint');
    if (said !== undefined) throw new UsageError(`${this.pathOf(shard)}: ${said}`);
  }

  /** The bytes of a tensor, on a buffer of their own. */
  read({ shard, offset, size }: Entry): Uint8Array {
    const bytes = new Uint8Array(new ArrayBuffer(size));
    for (let done = 0; done < size;) {
      const got = readSync(this.file(shard), bytes, done, size - done, offset + done);
      if (got === 0) throw new FailureError(`${this.pathOf(shard)}: the file became shorter while it was read`);
      done += got;
    }
    return bytes;
  }

  /** Throws UsageError on bytes whose checksum is another. */
  check({ name, shard, checksum }: Entry, bytes: Uint8Array): void {
    if (maskedCrc32c(bytes) === checksum) return;
    this.checkBinary(shard);
    throw new UsageError(`${this.pathOf(shard)}: tensor "${name}" is damaged (its checksum differs); fetch it again`);
  }

  close(): void {
    for (const file of this.open.values()) closeSync(file);
    this.open.clear();
  }
}

function tensorOf(entry: Entry, files: Shards, bad: Bad): HostArray<HostValues> {
  const { name, type, shape, inSlices } = entry;
  if (inSlices) throw bad(`tensor "${name}" was saved in slices (a partitioned variable); save it as a whole`);
  const bytes = files.read(entry);
  files.check(entry, bytes);
  const tensor = decodeTensor(TYPES[type]!, shape, bytes);
  if (tensor === undefined) throw bad(`tensor "${name}" has a whole number above 2^63 - 1, which is not read`);
  return tensor;
}

/**
 * What the tensors are called: `bert/pooler/kernel` for `model/layer-3/kernel/.ATTRIBUTES/VARIABLE_VALUE`, where the
 * checkpoint says it of its objects and no two have the same name; else as they are kept.
 */
function variableNames(entries: readonly Entry[], files: Shards): (key: string) => string {
  const graph = entries.find(({ name, type }) => name === OBJECT_GRAPH && type === STRING);
  const names = new Map<string, string>();
  if (graph === undefined) return (key) => key;
  try {
    for (const node of bytesIn(fieldsOf(stringOf(graph, files)), 1)) {
      for (const attribute of bytesIn(fieldsOf(node), 2).map(fieldsOf)) {
        const [name, key] = [textIn(attribute, 2), textIn(attribute, 3)];
        if (name !== '') names.set(key, name);
      }
    }
  } catch (error) {
    if (error instanceof WireError) return (key) => key;
    throw error;
  }
  const all = entries.map(({ name }) => names.get(name) ?? name);
  return new Set(all).size === all.length ? (key) => names.get(key) ?? key : (key) => key;
}

/** The bytes of a tensor that is one string: its length, a checksum of that, the string. */
function stringOf(entry: Entry, files: Shards): Uint8Array {
  const reader = new WireReader(files.read(entry));
  const length = reader.length();
  const [sum, text] = [reader.take(4), reader.take(length)];
  // the checksum takes the length as a number of four bytes
  const counted = Buffer.alloc(4);
  counted.writeUInt32LE(length);
  if (Number(littleEndian(sum)) !== maskedCrc32c(counted)) throw new WireError('a string whose length is damaged');
  files.check(entry, Buffer.concat([counted, sum, text]));
  return text;
}

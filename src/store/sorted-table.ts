/**
 * Tables of sorted keys as LevelDB writes them, in which TensorFlow keeps the index of a checkpoint: blocks of keys
 * that share beginnings, each with a checksum, and a block that says where they are. Reference: google/leveldb,
 * doc/table_format.md. Untrusted tables are safe to read: every length is compared with what is there.
 */
import { UsageError } from '../core/errors.js';
import { maskedCrc32c } from './crc32c.js';
import { textInstead } from './instead.js';
import { littleEndian, WireError, WireReader } from './protobuf.js';

/** The last eight bytes of a table. */
const MAGIC = 0xdb4775248b80fb57n;
const [FOOTER, TRAILER] = [48, 5];
/** Characters of one key, at most, and of all keys together: shared beginnings let a small file claim many. */
const [MOST_KEY, MOST_KEYS] = [4096, 2 ** 26];

/** The entries of a table in the order of their keys; values are views of the bytes. Throws UsageError on a fault. */
export function readSortedTable(bytes: Uint8Array, path: string): (readonly [key: Buffer, value: Uint8Array])[] {
  const bad = (what: string): UsageError => new UsageError(`${path}: not a valid checkpoint index: ${what}`);
  const isTable = bytes.length >= FOOTER && littleEndian(bytes.subarray(-8)) === MAGIC;
  const text = isTable ? undefined : textInstead(bytes, 'the index of a checkpoint');
  if (text !== undefined) throw new UsageError(`${path}: ${text}`);
  if (bytes.length < FOOTER) throw bad(`${bytes.length} bytes, at least ${FOOTER} are expected; it is cut off`);
  if (!isTable) throw bad('it does not end as an index does; it is cut off or of another format');
  try {
    const handles = new WireReader(bytes.subarray(-FOOTER));
    blockAt(bytes, handles, bad); // about the table itself: it has nothing to say here, and is to be whole
    const blocks = blockAt(bytes, handles, bad).flatMap(([, handle]) => blockAt(bytes, new WireReader(handle), bad));
    blocks.forEach(([key], i) => {
      if (i > 0 && Buffer.compare(blocks[i - 1]![0], key) >= 0) throw bad('its names are not in order');
    });
    return blocks;
  } catch (error) {
    throw error instanceof WireError ? bad(error.message) : error;
  }
}

/** The entries of the block that a handle, two varints, says. */
function blockAt(
  bytes: Uint8Array,
  handle: WireReader,
  bad: (what: string) => UsageError,
): (readonly [Buffer, Uint8Array])[] {
  const [offset, size] = [handle.varint(), handle.varint()];
  if (offset + size + BigInt(TRAILER) > BigInt(bytes.length - FOOTER))
    throw bad(`a block of ${size} bytes at ${offset}, and the file has ${bytes.length}; it is cut off`);
  const [from, to] = [Number(offset), Number(offset + size)];
  if (bytes[to] !== 0) throw bad('it is compressed, which TensorFlow does not write; save the checkpoint again');
  if (Number(littleEndian(bytes.subarray(to + 1, to + TRAILER))) !== maskedCrc32c(bytes.subarray(from, to + 1)))
    throw bad(`the block at byte ${from} is damaged (its checksum differs)`);
  return entriesOf(bytes.subarray(from, to));
}

function entriesOf(block: Uint8Array): (readonly [Buffer, Uint8Array])[] {
  if (block.length < 4) throw new WireError('a block without its end');
  const restarts = littleEndian(block.subarray(-4)) * 4n + 4n;
  if (restarts > BigInt(block.length)) throw new WireError('a block shorter than its own end');
  const reader = new WireReader(block.subarray(0, block.length - Number(restarts)));
  const entries: (readonly [Buffer, Uint8Array])[] = [];
  let [key, characters] = [Buffer.alloc(0), 0];
  while (!reader.isDone) {
    const [shared, own, size] = [reader.varint(), reader.varint(), reader.varint()];
    if (shared > BigInt(key.length) || shared + own > BigInt(MOST_KEY))
      throw new WireError(`a name of ${shared} shared and ${own} further bytes`);
    key = Buffer.concat([key.subarray(0, Number(shared)), reader.take(Number(own))]);
    characters += key.length;
    if (characters > MOST_KEYS) throw new WireError('names that are too long together');
    if (size > BigInt(block.length)) throw new WireError(`a value of ${size} bytes`);
    entries.push([key, reader.take(Number(size))]);
  }
  return entries;
}

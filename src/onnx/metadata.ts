/** What an ONNX file says of itself, read without its weights. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { UsageError } from '../core/errors.js';
import { bytesIn, fieldsOf, textIn, WIRE, WireError, WireReader } from '../store/protobuf.js';
import { openRegular } from '../store/regular.js';

/** Number that the standard gives to the metadata of a model, and to the key and the value of each. */
const [METADATA, KEY, VALUE] = [14, 1, 2] as const;

/** Bytes that are read for the number, the type and the length of a field; they have ten each at most. */
const HEAD = 20;
/** Fields that a model has at most: more are another format's. */
const MOST_FIELDS = 100_000;
/** Bytes of an entry of the metadata at most; the largest is a tokenizer's vocabulary. */
const MOST_ENTRY = 2 ** 28;

/** The metadata of an ONNX file by their keys. Throws UsageError, naming the file, where it is none. */
export function readOnnxMetadata(path: string): Readonly<Record<string, string>> {
  const file = openRegular(path, { links: true });
  try {
    return metadataIn(file, fstatSync(file).size);
  } catch (error) {
    if (error instanceof WireError) throw new UsageError(`${path}: not an ONNX file: ${error.message}`);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** The metadata in an open file of so many bytes. Fields of another kind, the graph among them, are passed over. */
function metadataIn(file: number, bytes: number): Record<string, string> {
  const found: Record<string, string> = {};
  const read = (at: number, count: number): Buffer => {
    const part = Buffer.alloc(Math.min(count, bytes - at));
    return part.subarray(0, readSync(file, part, 0, part.length, at));
  };
  if (bytes === 0) throw new WireError('it is empty');
  for (let [at, fields] = [0, 0]; at < bytes; fields++) {
    if (fields === MOST_FIELDS) throw new WireError(`more than ${MOST_FIELDS} fields`);
    const reader = new WireReader(read(at, HEAD));
    const tag = reader.varint();
    const size = sizeAfter(reader, Number(tag & 7n));
    const start = at + reader.offset;
    if (size > bytes - start) throw new WireError('it ends before it says');
    at = start + size;
    if (Number(tag >> 3n) !== METADATA) continue;
    if (size > MOST_ENTRY) throw new WireError(`an entry of ${size} bytes in its metadata`);
    const entry = fieldsOf(read(start, size));
    if (bytesIn(entry, KEY).length > 0) found[textIn(entry, KEY)] = textIn(entry, VALUE);
  }
  return found;
}

/** Bytes of a field that follow on its head. */
function sizeAfter(reader: WireReader, type: number): number {
  if (type === WIRE.varint) {
    reader.varint();
    return 0;
  }
  if (type === WIRE.delimited) return Number(reader.varint());
  if (type === WIRE.fixed64) return 8;
  if (type === WIRE.fixed32) return 4;
  throw new WireError(`a field of the wire type ${type}`);
}

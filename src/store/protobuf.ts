/**
 * The wire format of protocol buffers, read and written as far as files of other programs need it: fields one after the
 * other, each with its number and its wire type. Encoding: https://protobuf.dev/programming-guides/encoding
 */

/** Wire types by what they hold. */
export const WIRE = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

/** One field of a message, as it stands in the file. */
export interface Field {
  readonly number: number;
  /** A varint or a number of fixed width, unsigned; or the bytes of a text, a message or a packed list. */
  readonly value: bigint | Uint8Array;
}

/** Bytes that are no message, or end before it does. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** Reads varints and runs of bytes one after the other, and never past the end. */
export class WireReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** How many bytes are read. */
  get offset(): number {
    return this.at;
  }

  /** Whether all bytes are read. */
  get isDone(): boolean {
    return this.at >= this.bytes.length;
  }

  /** An unsigned number of up to 64 bits, seven of them in each byte. Throws WireError at the end of the bytes. */
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new WireError('it ends within a number');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number of more than 64 bits');
  }

  /** A varint that counts bytes of this reader: at most as many as are left. Throws WireError on more. */
  length(): number {
    const length = this.varint();
    if (length > BigInt(this.bytes.length - this.at))
      throw new WireError(`it claims ${length} bytes, more than it has`);
    return Number(length);
  }

  /** The next bytes, without a copy. Throws WireError where there are fewer. */
  take(count: number): Uint8Array {
    if (count > this.bytes.length - this.at) throw new WireError(`it ends before its next ${count} bytes`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

/** The number in bytes, the least significant one first. */
export function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The fields of a message, in the order of the file. Throws WireError on bytes that are none. */
export function fieldsOf(message: Uint8Array): Field[] {
  const reader = new WireReader(message);
  const fields: Field[] = [];
  while (!reader.isDone) {
    const tag = reader.varint();
    const [number, type] = [Number(tag >> 3n), Number(tag & 7n)];
    if (type === WIRE.varint) fields.push({ number, value: reader.varint() });
    else if (type === WIRE.fixed64) fields.push({ number, value: littleEndian(reader.take(8)) });
    else if (type === WIRE.delimited) fields.push({ number, value: reader.take(reader.length()) });
    else if (type === WIRE.fixed32) fields.push({ number, value: littleEndian(reader.take(4)) });
    else throw new WireError(`a field of the wire type ${type}`);
  }
  return fields;
}

/** The last number under a field, as the format has it for a field that is given once; 0 where there is none. */
export function numberIn(fields: readonly Field[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value ?? 0n;
  if (typeof value !== 'bigint') throw new WireError(`field ${number} is no number`);
  return value;
}

/** All byte strings under a field. */
export function bytesIn(fields: readonly Field[], number: number): Uint8Array[] {
  return fields.flatMap((field) => {
    if (field.number !== number) return [];
    if (typeof field.value === 'bigint') throw new WireError(`field ${number} is a number`);
    return [field.value];
  });
}

/** The last text under a field; empty where there is none. Throws WireError on one that is not UTF-8. */
export function textIn(fields: readonly Field[], number: number): string {
  return textOf(bytesIn(fields, number).at(-1) ?? new Uint8Array());
}

/** A text in UTF-8. Throws WireError on bytes that are none. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new WireError('a name that is not UTF-8');
  }
}

/** A whole number in groups of seven bits, the lowest first; negative ones as 64 bits. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

/** A message that is being written. Its parts are kept and not copied, so that weights are in memory once. */
export class Message {
  private readonly parts: Uint8Array[] = [];
  private bytesSoFar = 0;

  /** Bytes of the message so far. */
  get size(): number {
    return this.bytesSoFar;
  }

  /** The message's bytes, in parts to be written one after the other. */
  get chunks(): readonly Uint8Array[] {
    return this.parts;
  }

  /** A field of type int32, int64, bool or an enumeration. */
  integer(field: number, value: number | bigint): this {
    return this.tag(field, WIRE.varint).append(varint(value));
  }

  /** A field of type float. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.tag(field, WIRE.fixed32).append(bytes);
  }

  /** A field of type bytes. */
  bytes(field: number, value: Uint8Array): this {
    return this.tag(field, WIRE.delimited).append(varint(value.length)).append(value);
  }

  /** A field of type string. */
  text(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value));
  }

  /** A field that is a message itself; nothing is to be added to that one later. */
  message(field: number, value: Message): this {
    this.tag(field, WIRE.delimited).append(varint(value.size));
    for (const part of value.parts) this.append(part);
    return this;
  }

  private tag(field: number, wire: number): this {
    return this.append(varint(field * 8 + wire));
  }

  private append(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.bytesSoFar += bytes.length;
    return this;
  }
}

/**
 * Messages of protocol buffers, as far as they are written here: fields one after the other, each with its number and
 * wire type. Encoding: https://protobuf.dev/programming-guides/encoding
 */

const WIRE = { varint: 0, delimited: 2, float: 5 } as const;

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
    return this.tag(field, WIRE.float).append(bytes);
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

/**
 * The safetensors format: 8 bytes little-endian header length, a JSON header, then the tensors' bytes without gaps.
 * Reference: huggingface/safetensors, README "Format". Untrusted files are safe to read: nothing is allocated from a
 * size that the header claims before it was checked against the size of the file.
 */
import { checkText } from '../core/registry.js';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { FailureError, UsageError } from '../core/errors.js';
import { sizeOf, type HostArray, type HostArrays, type HostValues } from '../core/host-array.js';
import { asFileError, writeAtomic, type WriteOptions } from './atomic.js';
import { SHOWN_BYTES, textInstead } from './instead.js';
import { openRegular } from './regular.js';

/** Types of values, as the format names them. */
export type Dtype = keyof typeof BYTES;

/** What a file holds. */
export interface SafetensorsFile {
  /**
   * Its tensors by name. Floats of 8 and 16 bits are read as float32, whole numbers of 8 and 16 bits as int32, `U32`
   * and `U64` as int64, and `BOOL` as bytes.
   */
  readonly tensors: HostArrays<HostValues>;
  /** Texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

const BYTES = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E5M2: 1 },
  ...{ I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
} as const;
/** The type under which values are written. */
const WRITTEN = [
  [Float64Array, 'F64'],
  [Float32Array, 'F32'],
  [BigInt64Array, 'I64'],
  [Int32Array, 'I32'],
  [Uint8Array, 'U8'],
] as const;
/** The reference implementation's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const MAX_TENSORS = 1_000_000;
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The format's name for the type of some values: `F32` for a Float32Array. */
export function dtypeOf(values: HostValues): Dtype {
  return WRITTEN.find(([type]) => values instanceof type)![1];
}

/** The type that a tensor has in its file: `I8` for an Int32Array that was read from whole numbers of 8 bits. */
export function dtypeInFile({ values, dtype }: HostArray<HostValues>): string {
  return dtype ?? dtypeOf(values);
}

/** Writes tensors and string metadata; atomic. Throws RangeError that names what no file can hold. */
export function writeSafetensors(
  path: string,
  tensors: HostArrays<HostValues>,
  metadata: Record<string, string> = {},
  options: WriteOptions = {},
): void {
  checkText('writeSafetensors: path', path);
  writeAtomic(path, encodeSafetensors(tensors, metadata), options);
}

/**
 * Throws RangeError unless a tensor has a shape, and as many values as that says, of a type that files have: what is
 * written of another cannot be read again.
 */
function checkTensor(name: string, tensor: Partial<HostArray<HostValues>> | null | undefined): void {
  const { shape, values } = tensor ?? {};
  const what = `writeSafetensors: ${name}`;
  if (!Array.isArray(shape) || values === undefined)
    throw new RangeError(`${what}: expected a tensor as { shape, values }, got ${typeof shape} and ${typeof values}`);
  if (!WRITTEN.some(([type]) => values instanceof type)) {
    const known = WRITTEN.map(([type]) => type.name).join(', ');
    const given: unknown = Array.isArray(values) ? 'Array' : (values?.constructor?.name ?? values);
    throw new RangeError(`${what}: expected values in one of ${known}, got ${String(given)}`);
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw new RangeError(`${what}: expected whole sizes of at least 0, got [${shape.join(', ')}]`);
  if (sizeOf(shape) !== values.length)
    throw new RangeError(
      `${what}: expected ${sizeOf(shape)} elements for shape [${shape.join(', ')}], got ${values.length}`,
    );
  if (name === '__metadata__') throw new RangeError(`writeSafetensors: no tensor can be called ${name}`);
}

/** The bytes of a file of tensors and string metadata. Throws RangeError that names what no file can hold. */
export function encodeSafetensors(
  tensors: HostArrays<HostValues>,
  metadata: Record<string, string> = {},
): (string | Uint8Array)[] {
  if (typeof tensors !== 'object' || tensors === null)
    throw new RangeError(`writeSafetensors: expected tensors by name, got ${String(tensors)}`);
  for (const [name, text] of Object.entries<unknown>(metadata))
    if (typeof text !== 'string')
      throw new RangeError(`writeSafetensors: metadata: expected a text as ${name}, got ${typeof text}`);
  for (const [name, tensor] of Object.entries(tensors)) checkTensor(name, tensor);
  const header: [name: string, entry: unknown][] = [['__metadata__', metadata]];
  const chunks: Uint8Array[] = [];
  let offset = 0;
  // The widest types come first, so that every tensor is aligned to its own size.
  const sorted = Object.entries(tensors).sort(
    ([a, x], [b, y]) => y.values.BYTES_PER_ELEMENT - x.values.BYTES_PER_ELEMENT || (a < b ? -1 : 1),
  );
  for (const [name, { shape, values }] of sorted) {
    const bytes = encodeValues(values);
    header.push([name, { dtype: dtypeOf(values), shape, data_offsets: [offset, offset + bytes.length] }]);
    chunks.push(bytes);
    offset += bytes.length;
  }
  let text = JSON.stringify(Object.fromEntries(header));
  text += ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  return [length, text, ...chunks];
}

/** Reads a whole file. Throws UsageError with one line that says what is wrong with it. */
export function readSafetensors(path: string): SafetensorsFile {
  checkText('readSafetensors: path', path);
  const file = openForReading(path);
  try {
    const { entries, metadata, dataStart } = readHeader(file, path);
    const tensors = entries.map(({ name, dtype, shape, begin, end }): [string, HostArray<HostValues>] => {
      const bytes = readBytes(file, path, dataStart + begin, end - begin);
      const tensor = decodeTensor(dtype, shape, bytes);
      if (tensor === undefined)
        throw new UsageError(`${path}: tensor "${name}" has a whole number above 2^63 - 1, which is not read`);
      return [name, tensor];
    });
    return { tensors: Object.fromEntries(tensors), metadata };
  } catch (error) {
    throw asFileError(error, path);
  } finally {
    closeSync(file);
  }
}

/** The metadata of a file, of which nothing else is read. Throws UsageError as {@link readSafetensors}. */
export function readMetadata(path: string): SafetensorsFile['metadata'] {
  const file = openForReading(path);
  try {
    return readHeader(file, path).metadata;
  } catch (error) {
    throw asFileError(error, path);
  } finally {
    closeSync(file);
  }
}

function openForReading(path: string): number {
  try {
    return openRegular(path, { links: true });
  } catch (error) {
    throw asFileError(error, path);
  }
}

function readHeader(
  file: number,
  path: string,
): { entries: Entry[]; metadata: Record<string, string>; dataStart: number } {
  const bad = (what: string): UsageError => new UsageError(`${path}: not a valid safetensors file: ${what}`);
  const size = fstatSync(file).size;
  const checkBinary = (): void => {
    const said = textInstead(readBytes(file, path, 0, Math.min(size, SHOWN_BYTES)), 'a safetensors file');
    if (said !== undefined) throw new UsageError(`${path}: ${said}`);
  };
  if (size < 8) checkBinary();
  if (size < 8) throw bad(`${size} bytes, at least 8 are expected; the file is empty or cut off`);
  const claimed = readBytes(file, path, 0, 8).readBigUInt64LE();
  if (claimed > BigInt(Math.min(size - 8, MAX_HEADER_BYTES))) {
    checkBinary();
    throw bad(
      `its header claims ${claimed} bytes, the file has ${size - 8} after the length (limit ${MAX_HEADER_BYTES}); ` +
        'it is cut off or of another format',
    );
  }
  const dataStart = 8 + Number(claimed);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readBytes(file, path, 8, Number(claimed))));
  } catch {
    throw bad('its header is not JSON in UTF-8');
  }
  if (header === null || typeof header !== 'object' || Array.isArray(header))
    throw bad('its header is not a JSON object');
  const { __metadata__: rawMetadata, ...rest } = header as Record<string, unknown>;
  const metadata = parseMetadata(rawMetadata ?? {}, bad);
  const names = Object.keys(rest);
  if (names.length > MAX_TENSORS) throw bad(`${names.length} tensors, at most ${MAX_TENSORS} are allowed`);
  const entries = names
    .map((name) => parseEntry(name, rest[name], bad))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const entry of entries) {
    if (entry.begin !== position) {
      throw bad(
        `tensor "${entry.name}" begins at byte ${entry.begin}, ${position} is expected: tensors ` +
          `${entry.begin < position ? 'overlap' : 'leave a gap'}`,
      );
    }
    position = entry.end;
  }
  if (dataStart + position !== size) {
    throw bad(
      `its tensors need ${position} bytes, ${size - dataStart} are there; ` +
        `${dataStart + position > size ? 'the file is cut off' : 'bytes are left over at its end'}`,
    );
  }
  return { entries, metadata, dataStart };
}

function parseMetadata(value: unknown, bad: (what: string) => UsageError): Record<string, string> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw bad('__metadata__ is not an object');
  const entries = Object.entries(value as Record<string, unknown>);
  if (!entries.every(([, text]) => typeof text === 'string'))
    throw bad('__metadata__ holds a value that is not a string');
  return Object.fromEntries(entries) as Record<string, string>;
}

function parseEntry(name: string, value: unknown, bad: (what: string) => UsageError): Entry {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (value ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES, dtype)) {
    throw bad(`tensor "${name}" has the type ${JSON.stringify(dtype)}; known: ${Object.keys(BYTES).join(', ')}`);
  }
  const isSize = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0;
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw bad(`tensor "${name}" has the shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw bad(`tensor "${name}" has the offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = sizeOf(shape) * BYTES[dtype as Dtype];
  if (end - begin !== expected)
    throw bad(`tensor "${name}" takes ${end - begin} bytes, ${dtype} [${shape.join(', ')}] needs ${expected}`);
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

function readBytes(file: number, path: string, position: number, length: number): Buffer {
  // A buffer of its own, so that typed arrays on it are aligned.
  const bytes = Buffer.from(new ArrayBuffer(length));
  for (let done = 0; done < length;) {
    const got = readSync(file, bytes, done, length - done, position + done);
    if (got === 0) throw new FailureError(`${path}: the file became shorter while it was read`);
    done += got;
  }
  return bytes;
}

/**
 * The values of little-endian bytes that begin at the start of their buffer; undefined where one is beyond what is
 * read.
 */
export function decodeBytes(dtype: Dtype, bytes: Uint8Array): HostValues | undefined {
  return decode(dtype, littleEndian(bytes, BYTES[dtype]));
}

/** The tensor of bytes as {@link decodeBytes} takes them; undefined where a value is beyond what is read. */
export function decodeTensor(
  dtype: Dtype,
  shape: readonly number[],
  bytes: Uint8Array,
): HostArray<HostValues> | undefined {
  const values = decodeBytes(dtype, bytes);
  return values && { shape, values, ...(dtypeOf(values) !== dtype && { dtype }) };
}

/** Bytes of one value of a type. */
export function bytesOf(dtype: Dtype): number {
  return BYTES[dtype];
}

/** The bytes of values, the lowest of each value first, as files have them; a copy only where this machine differs. */
export function encodeValues(values: HostValues): Uint8Array {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return littleEndian(bytes, values.BYTES_PER_ELEMENT);
}

function littleEndian<T extends Uint8Array>(bytes: T, width: number): T {
  if (LITTLE_ENDIAN || width === 1) return bytes;
  const swapped = Buffer.from(bytes);
  if (width === 2) swapped.swap16();
  else if (width === 4) swapped.swap32();
  else swapped.swap64();
  return swapped as Uint8Array as T;
}

/** The values of a tensor; undefined where one of them is beyond what is read. */
function decode(dtype: Dtype, bytes: Uint8Array): HostValues | undefined {
  const { buffer, byteOffset, byteLength } = bytes;
  const count = byteLength / BYTES[dtype];
  switch (dtype) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, count);
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'I64':
      return new BigInt64Array(buffer, byteOffset, count);
    case 'I32':
      return new Int32Array(buffer, byteOffset, count);
    case 'BF16':
      return fromBfloat16(new Uint16Array(buffer, byteOffset, count));
    case 'F16':
      return decodeBy(float16Table(), new Uint16Array(buffer, byteOffset, count));
    case 'F8_E4M3':
      return decodeBy(float8Table(3), new Uint8Array(buffer, byteOffset, count));
    case 'F8_E5M2':
      return decodeBy(float8Table(2), new Uint8Array(buffer, byteOffset, count));
    case 'I8':
      return new Int32Array(new Int8Array(buffer, byteOffset, count));
    case 'I16':
      return new Int32Array(new Int16Array(buffer, byteOffset, count));
    case 'U16':
      return new Int32Array(new Uint16Array(buffer, byteOffset, count));
    case 'U32':
      return toBigInts(new Uint32Array(buffer, byteOffset, count));
    case 'U64': {
      const values = new BigInt64Array(buffer, byteOffset, count);
      return values.some((value) => value < 0n) ? undefined : values;
    }
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer, byteOffset, count);
  }
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

function toBigInts(values: Uint32Array): BigInt64Array {
  const out = new BigInt64Array(values.length);
  for (let i = 0; i < values.length; i++) out[i] = BigInt(values[i]!);
  return out;
}

/** The values of codes by a table of the bits of float32. */
function decodeBy(table: Uint32Array, codes: Uint8Array | Uint16Array): Float32Array {
  const bits = new Uint32Array(codes.length);
  for (let i = 0; i < codes.length; i++) bits[i] = table[codes[i]!]!;
  return new Float32Array(bits.buffer);
}

/** Bits of the float32 of every code of `width` bits. */
function tableOf(width: 8 | 16, valueOf: (code: number) => number): Uint32Array {
  const values = new Float32Array(2 ** width);
  for (let code = 0; code < values.length; code++) values[code] = valueOf(code);
  return new Uint32Array(values.buffer);
}

let ofFloat16: Uint32Array | undefined;

function float16Table(): Uint32Array {
  return (ofFloat16 ??= tableOf(16, fromFloat16));
}

const ofFloat8: Partial<Record<2 | 3, Uint32Array>> = {};

function float8Table(fractionBits: 2 | 3): Uint32Array {
  return (ofFloat8[fractionBits] ??= tableOf(8, (code) => fromFloat8(code, fractionBits)));
}

/** IEEE 754 binary16, subnormals, infinities and NaN included. */
function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * A float of 8 bits, of which `fractionBits` are the fraction (Micikevicius et al. 2022): E5M2 has infinities, E4M3 has
 * none, and NaN where all bits but the sign are 1.
 */
function fromFloat8(bits: number, fractionBits: 2 | 3): number {
  const sign = bits & 0x80 ? -1 : 1;
  const [exponent, fraction] = [(bits & 0x7f) >> fractionBits, (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits];
  const bias = 2 ** (6 - fractionBits) - 1;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  if (fractionBits === 3 ? (bits & 0x7f) === 0x7f : exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

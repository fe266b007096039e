/**
 * What a safetensors file holds, read a second time: from the format's description alone, with nothing of the reader
 * under test, so that both must be wrong in one way for a fault to pass. Reference: huggingface/safetensors, README.
 */

/** A tensor's place in the file's data. */
export interface Placed {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Buffer;
}

/** What must come of a file: its tensors, a refusal, or either, where the description leaves it open. */
export type Expected = { readonly tensors: ReadonlyMap<string, Placed> } | 'refused' | 'open';

const SIZES: ReadonlyMap<string, bigint> = new Map([
  ...[['F64', 8n] as const, ['I64', 8n] as const, ['F32', 4n] as const, ['I32', 4n] as const],
  ...[['F16', 2n] as const, ['BF16', 2n] as const, ['U8', 1n] as const, ['BOOL', 1n] as const],
]);

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** What a reader of safetensors must make of these bytes. */
export function expectedOf(file: Buffer): Expected {
  if (file.length < 8) return 'refused';
  const length = file.readBigUInt64LE();
  if (length > BigInt(file.length - 8)) return 'refused';
  const text = file.subarray(8, 8 + Number(length));
  const data = file.subarray(8 + Number(length));
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch {
    return 'refused';
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'refused';
  const { __metadata__: metadata, ...entries } = header as Record<string, unknown>;
  if (metadata !== undefined && !isTexts(metadata)) return metadata === null ? 'open' : 'refused';
  const tensors = new Map<string, Placed>();
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: range } = (entry ?? {}) as Record<string, unknown>;
    if (!Array.isArray(shape) || !shape.every(isWhole)) return 'refused';
    if (!Array.isArray(range) || range.length !== 2 || !range.every(isWhole)) return 'refused';
    const size = typeof dtype === 'string' ? SIZES.get(dtype) : undefined;
    if (size === undefined) return 'open'; // a type that the reader may or may not know
    const [begin, end] = range as [number, number];
    if (BigInt(end) - BigInt(begin) !== (shape as number[]).reduce((product, n) => product * BigInt(n), size))
      return 'refused';
    ranges.push([begin, end]);
    tensors.set(name, { dtype: dtype as string, shape, bytes: data.subarray(begin, end) });
  }
  ranges.sort(([a, b], [c, d]) => a - c || b - d);
  let position = 0;
  for (const [begin, end] of ranges) {
    if (begin !== position) return 'refused';
    position = end;
  }
  if (position !== data.length) return 'refused';
  // the reference asks for a brace as the first byte, and a header below 100 MB; a reader may be more patient
  return text[0] === 0x7b && file.length < 100_000_000 ? { tensors } : 'open';
}

function isTexts(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string')
  );
}

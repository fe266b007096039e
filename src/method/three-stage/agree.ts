/**
 * What workers must have in common that train one network together and are not started by one command line: every
 * option of the call, and every example of the data. Who has something else is named before anything is computed.
 */
import { createHash } from 'node:crypto';
import { sizeOf } from '../../core/host-array.js';
import type { Workers } from '../../core/workers.js';
import { evenIndices, indexRanges, type Dataset, type HostBatch } from '../../data/dataset.js';

/** Hexadecimal digits of a hash that a message shows, and that are compared. */
const DIGITS = 16;
/** Examples, and numbers in them, that are hashed between two exchanges, at most: no worker is silent for long. */
const [EXAMPLES, NUMBERS] = [256, 2 ** 22] as const;

/** Examples of a split that {@link hashesOfSplits} reads, at most. */
const SAMPLED = 256;

/** Values by the path under which they stand in nested objects, each as a text: `finetune.schedule.peak`. */
function flatten(value: unknown, path: string): [path: string, text: string][] {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .flatMap(([key, inner]) => flatten(inner, path === '' ? key : `${path}.${key}`));
}

/**
 * Throws FailureError that names this worker, and the option whose value is not worker 0's. `options` are plain values,
 * in nested objects or not.
 */
export async function agreeOnOptions(workers: Workers, options: Readonly<Record<string, unknown>>): Promise<void> {
  const own = new Map(flatten(options, ''));
  const names = await workers.share(Buffer.from(JSON.stringify([...own.keys()])));
  const theirs = JSON.parse(Buffer.from(names).toString()) as string[];
  for (const name of theirs) await workers.agree(`options (${name})`, own.get(name) ?? 'none');
  const more = [...own.keys()].filter((name) => !theirs.includes(name));
  await workers.agree('options beside these', more.join(', ') || 'none');
}

/**
 * Throws FailureError that names this worker, and the examples that are not worker 0's, by the split and their numbers
 * in it. All of them are read once, as a network gets them without random changes.
 */
export async function agreeOnExamples(workers: Workers, { shape, train, validation, test }: Dataset): Promise<void> {
  const size = Math.max(1, Math.min(EXAMPLES, Math.floor(NUMBERS / sizeOf(shape))));
  for (const [split, source] of Object.entries({ train, validation, test }))
    for (const indices of indexRanges(source.count, size)) {
      const hash = hashOfBatch(await source.batch(indices));
      await workers.agree(`examples ${indices[0]} to ${indices.at(-1)} of ${split}`, `SHA-256 ${hash}`);
    }
}

/** The first option, by its path, whose value is another one in two calls; undefined where all are the same. */
export function differingOption(one: unknown, other: unknown): string | undefined {
  const [first, second] = [new Map(flatten(one, '')), new Map(flatten(other, ''))];
  return [...first.keys(), ...second.keys()].find((name) => first.get(name) !== second.get(name));
}

/** Hash of each split's examples: of all of a small one, of {@link SAMPLED} that lie evenly in a large one. */
export async function hashesOfSplits({ train, validation, test }: Dataset): Promise<Readonly<Record<string, string>>> {
  const hashes: Record<string, string> = {};
  for (const [split, source] of Object.entries({ train, validation, test })) {
    const indices = evenIndices(source.count, SAMPLED);
    if (indices.length > 0) hashes[split] = hashOfBatch(await source.batch(indices));
  }
  return hashes;
}

function hashOfBatch({ values, labels }: HostBatch): string {
  return createHash('sha256').update(bytesOf(values)).update(bytesOf(labels)).digest('hex').slice(0, DIGITS);
}

/** Hash of arrays by name: as many digits as a message shows. */
export function hashOfArrays(arrays: Readonly<Record<string, { readonly values: ArrayBufferView }>>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(arrays).sort()) hash.update(`${name}\n`).update(bytesOf(arrays[name]!.values));
  return hash.digest('hex').slice(0, DIGITS);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

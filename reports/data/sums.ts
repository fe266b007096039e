/**
 * Checksums of kept tables, in the format of `sha256sum`: a table that was edited, or lost a row in its middle, would
 * else be read as if a run had written it. `sha256sum -c SHA256SUMS` checks them as well.
 */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { readText } from '../../src/store/config.js';
import { isThere } from '../../src/store/regular.js';

/** The file of checksums in a folder of kept tables. */
export const SUMS_FILE = 'SHA256SUMS';

/** What helps where a table is not as it was written, beside putting it back. */
export const OR_ANEW = 'or write it anew with gowide report RUNS --tables';

/** SHA-256 of a text, in hexadecimal; line ends count as line feeds, as a checkout may have changed them. */
function sumOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}

/** The checksums of a folder. */
export interface Sums {
  /** SHA-256 in hexadecimal, by name of file. */
  readonly sums: ReadonlyMap<string, string>;
  /** The first line that is none. */
  readonly damaged?: string;
}

/** The checksums of a folder, none where it has no such file. */
export function readSums(folder: string): Sums {
  const file = join(folder, SUMS_FILE);
  if (!isThere(file)) return { sums: new Map() };
  const lines = readText(file)
    .split(/\r?\n/)
    .filter((line) => line !== '');
  const found = lines.map((line) => /^([0-9a-f]{64}) [ *](.+)$/.exec(line));
  const damaged = lines.find((_, i) => found[i] === null);
  const sums = new Map(found.flatMap((parts) => (parts === null ? [] : [[parts[2]!, parts[1]!] as const])));
  return { sums, ...(damaged !== undefined && { damaged }) };
}

/**
 * The file of checksums of a folder once these files are in it, by name: the others that it names keep theirs, if they
 * are there.
 */
export function sumsWith(folder: string, files: readonly (readonly [name: string, text: string])[]): string {
  const all = new Map([...readSums(folder).sums].filter(([name]) => isThere(join(folder, name))));
  for (const [name, text] of files) all.set(name, sumOf(text));
  return [...all]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, sum]) => `${sum}  ${name}\n`)
    .join('');
}

/**
 * Throws RangeError where a file of a kept table is another than the one that the checksums of its folder name; one
 * that they do not name is taken as it is.
 */
export function checkSum(file: string, { sums, damaged }: Sums): void {
  if (damaged !== undefined)
    throw new RangeError(
      `${SUMS_FILE} beside it: expected a SHA-256 and a name in each line, got "${damaged.slice(0, 80)}"; put back the file, ${OR_ANEW}`,
    );
  const name = basename(file);
  const sum = sums.get(name);
  if (sum !== undefined && sum !== sumOf(readText(file)))
    throw new RangeError(
      `${name} was changed since it was written, by its SHA-256 in ${SUMS_FILE}; put back the file, ${OR_ANEW}`,
    );
}

/**
 * Checksums of kept tables, in the format of `sha256sum`: a table that was edited, or lost a row in its middle, would
 * else be read as if a run had written it. `sha256sum -c SHA256SUMS` checks them as well.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { readText } from '../../src/store/config.js';
import { isThere } from '../../src/store/regular.js';

/** The file of checksums in a folder of kept tables. */
export const SUMS_FILE = 'SHA256SUMS';

/** SHA-256 of a text, in hexadecimal; line ends count as line feeds, as a checkout may have changed them. */
function sumOf(text: string): string {
  return createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
}

/** Checksums by name of file, and the first line that is none; empty where the folder has no such file. */
function readSums(folder: string): { readonly sums: ReadonlyMap<string, string>; readonly damaged?: string } {
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
 * Throws RangeError where a file of a kept table is another than the one whose checksum stands beside it; one of which
 * none does is taken as it is.
 */
export function checkSum(file: string): void {
  const { sums, damaged } = readSums(dirname(file));
  if (damaged !== undefined)
    throw new RangeError(
      `${SUMS_FILE} beside it: expected a SHA-256 and a name in each line, got "${damaged.slice(0, 80)}"; ${REMEDY}`,
    );
  const name = basename(file);
  const sum = sums.get(name);
  if (sum !== undefined && sum !== sumOf(readText(file)))
    throw new RangeError(`${name} was changed since it was written, by its SHA-256 in ${SUMS_FILE}; ${REMEDY}`);
}

const REMEDY = 'put back the file, or write it anew with gowide report RUNS --tables';

/**
 * Checksums of kept tables, in the format of `sha256sum`: a table that was edited, or lost a row in its middle, would
 * else be read as if a run had written it. `sha256sum -c SHA256SUMS` checks them as well.
 */
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { readText } from '../../src/store/config.js';
import { isThere } from '../../src/store/regular.js';
import { ORIGIN_ENDING } from './origins.js';

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
  /** The first line that is neither one nor somebody else's. */
  readonly damaged?: string;
}

/** Lines of other hands: comments, and checksums in the form of BSD (`sha256sum --tag`). */
const FOREIGN = /^(\s*#|[A-Z0-9-]+ \(.+\) = [0-9a-f]+$)/;

/** A line of a file of checksums; without a name one that is none. */
interface Line {
  readonly line: string;
  readonly name?: string;
  readonly sum?: string;
}

function linesIn(folder: string): Line[] {
  const file = join(folder, SUMS_FILE);
  if (!isThere(file)) return [];
  const lines = readText(file).split(/\r?\n/);
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [, sum, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      return name === undefined ? { line } : { line, name, sum: sum! };
    });
}

/** The checksums of a folder, none where it has no such file. */
export function readSums(folder: string): Sums {
  const lines = linesIn(folder);
  const damaged = lines.find(({ line, name }) => name === undefined && !FOREIGN.test(line))?.line;
  const sums = new Map(lines.flatMap(({ name, sum }) => (name === undefined ? [] : [[name, sum!] as const])));
  return { sums, ...(damaged !== undefined && { damaged }) };
}

/**
 * The file of checksums of a folder once these files are in it, by name. What somebody else put there stays: comments
 * first, then checksums by name; a line that is none becomes a comment. Those of tables that are gone are dropped.
 */
export function sumsWith(folder: string, files: readonly (readonly [name: string, text: string])[]): string {
  const lines = linesIn(folder);
  const others = lines.flatMap(({ line, name }) =>
    name !== undefined ? [] : [FOREIGN.test(line) ? line : `# ${line}`],
  );
  const kept = lines.filter(({ name }) => name !== undefined && !(isOfTable(name) && !isThere(join(folder, name))));
  const all = new Map(kept.map(({ name, line }) => [name!, line]));
  for (const [name, text] of files) all.set(name, `${sumOf(text)}  ${name}`);
  const sums = [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  return [...others, ...sums].map((line) => `${line}\n`).join('');
}

/** Whether verdicts depend on a file: a table, or where it comes from. */
export function isOfTable(file: string): boolean {
  return ['.csv', '.jsonl', ORIGIN_ENDING].some((ending) => file.endsWith(ending));
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

/** Sources that oxfmt does not wrap, C++ and AssemblyScript, keep to its 120 columns. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { withSlashes } from '../src/core/folder.js';

const ROOT = resolve(import.meta.dirname, '..');
const COLUMNS = 120;
/** A comment whose address would be broken. */
const ADDRESS = /^\s*(?:\/\/|\/?\*).*https?:\/\/\S+/;

/** Sources in C++ and in AssemblyScript below a folder, by their paths from the root. */
function wrappedByHand(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => withSlashes(relative(ROOT, join(entry.parentPath, entry.name))))
    .filter((file) => /\.(?:cc|h)$|\/assembly\/[^/]+\.ts$/.test(file));
}

/** Numbers of the lines that are too long. */
function longLines(source: string): number[] {
  return source.split(/\r?\n/).flatMap((line, i) => ([...line].length > COLUMNS && !ADDRESS.test(line) ? [i + 1] : []));
}

test('a line that is too long is found, unless it is a comment with an address', () => {
  const full = 'µ'.repeat(COLUMNS);
  const address = `https://example.org/${full}`;
  expect(longLines(`${full}\n${full}.\r\n${full}\r\n// see ${address}\nopen("${address}");`)).toEqual([2, 5]);
});

test('no line of C++ or AssemblyScript is longer than 120 columns', () => {
  const files = ['src', 'theory', 'experiments', 'reports', 'cli'].flatMap(wrappedByHand);
  for (const kind of [/^theory\/kernel\/.*\.cc$/, /^src\/.*\.h$/, /^src\/.*\.ts$/, /^theory\/.*\.ts$/]) {
    expect(files.filter((file) => kind.test(file))).not.toEqual([]);
  }
  const long = files.flatMap((file) => longLines(readFileSync(join(ROOT, file), 'utf8')).map((at) => `${file}:${at}`));
  expect(long).toEqual([]);
});

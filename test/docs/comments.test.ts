/** Comments name files that there are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { withSlashes } from '../../src/core/folder.js';

const ROOT = resolve(import.meta.dirname, '../..');
const COMMENTED = ['src', 'theory', 'experiments', 'reports', 'cli'];

/** Files below a folder, by their paths from the root. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => withSlashes(relative(ROOT, join(entry.parentPath, entry.name))));
}

/** A comment with a line of its own, or behind code; in C++ too. */
const COMMENT = /(?:^\s*(?:\/\/|\/?\*)|\s\/\/ ).*/gm;
/** Files whose ending says that they are ours, wherever the path begins, and all that begin with a folder of ours. */
const OURS = [
  /(?<![\w./@-])(?:[\w-]+\/)*[\w.-]+\.(?:ts|cc)\b/g,
  /(?<![\w./@-])(?:src|theory|experiments|reports|cli|examples|test|docs\/notes)\/[\w./-]+\.\w+/g,
];

/** Paths of files that the comments of a source name. */
function namedIn(source: string): string[] {
  const comments = (source.match(COMMENT) ?? []).join('\n');
  return [...new Set(OURS.flatMap((pattern) => comments.match(pattern) ?? []))];
}

test('paths in comments are found, on lines of their own and behind code', () => {
  const source = `
/** One: theory/kernel/native.cc, or assembly/kernel.ts.
 * Two: docs/notes/2026-11-21-learning-rates.md. */
const a = 'src/none.ts'; // test/text/reference.py
import './other.js';`;
  expect(namedIn(source).sort()).toEqual([
    'assembly/kernel.ts',
    'docs/notes/2026-11-21-learning-rates.md',
    'test/text/reference.py',
    'theory/kernel/native.cc',
  ]);
});

test('every file that a comment names is there, by its path or by the end of it', () => {
  const sources = COMMENTED.flatMap(filesBelow).filter((file) => /\.(?:ts|cc|h)$/.test(file));
  const all = [...COMMENTED, 'examples', 'test', 'docs'].flatMap(filesBelow);
  const ends = new Set(all.flatMap((file) => file.split('/').map((_, from, parts) => parts.slice(from).join('/'))));
  const named = sources.flatMap((file) =>
    namedIn(readFileSync(join(ROOT, file), 'utf8')).map((path) => ({ file, path })),
  );
  expect(named.length).toBeGreaterThan(80);
  expect(named.filter(({ path }) => !ends.has(path))).toEqual([]);
});

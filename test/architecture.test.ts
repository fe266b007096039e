/** Who may import whom, as docs/architecture.md says it, and the few things that must stand in one place only. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { withSlashes } from '../src/core/folder.js';

const ROOT = resolve(import.meta.dirname, '..');

/** The text of a file, by its path from the root. */
function read(file: string): string {
  return readFileSync(resolve(ROOT, file), 'utf8');
}

/** Rows of the table of floors, from the top down: a folder, and the folders that it may import from. */
const FLOORS: ReadonlyMap<string, readonly string[]> = new Map(
  [...read('docs/architecture.md').matchAll(/^\| `((?:cli|reports|experiments|theory|src)[^`]*)` \|([^|]*)\|/gm)].map(
    ([, folder, imports]) => [folder!, [...imports!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)],
  ),
);

/** Files of TypeScript below a folder: paths from the root, with `/` between their parts on every system. */
function sources(folder: string): string[] {
  return readdirSync(resolve(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => withSlashes(relative(ROOT, resolve(entry.parentPath, entry.name))))
    .filter((file) => !posix.dirname(file).endsWith('/assembly'));
}

const FILES = ['src', 'theory', 'experiments', 'reports', 'cli'].flatMap(sources);

/** Module specifiers of imports and exports, types and lazy imports included. */
function imports(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** Files of this package that a file imports. */
function importedFiles(file: string): string[] {
  return imports(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => posix.join(posix.dirname(file), name.replace(/\.js$/, '.ts')));
}

/** The row in which a file stands: its folder, or `FOLDER/*` for files in FOLDER and in the folders in it. */
function rowOf(file: string): string {
  const folder = posix.dirname(file);
  return [`${folder}/*`, `${posix.dirname(folder)}/*`].find((row) => FLOORS.has(row)) ?? folder;
}

/** Rows that a file imports from, its own left out. */
function rowsBelow(file: string): string[] {
  return [...new Set(importedFiles(file).map(rowOf))].filter((row) => row !== rowOf(file));
}

test('the table of floors names every folder with sources, and no other', () => {
  expect([...FLOORS.keys()].sort()).toEqual([...new Set(FILES.map(rowOf))].sort());
});

test('the table of floors allows only what stands below', () => {
  const order = [...FLOORS.keys()];
  const wrong = [...FLOORS].flatMap(([folder, allowed]) =>
    allowed.filter((other) => !(order.indexOf(other) > order.indexOf(folder))).map((other) => `${folder} -> ${other}`),
  );
  expect(wrong).toEqual([]);
});

test('a folder imports what its row allows, and its row allows nothing that it does not import', () => {
  const found = new Map([...FLOORS.keys()].map((folder) => [folder, new Set<string>()]));
  for (const file of FILES) for (const row of rowsBelow(file)) found.get(rowOf(file))?.add(row);
  const sorted = (folders: Iterable<string>): string[] => [...folders].sort();
  const table = Object.fromEntries([...FLOORS].map(([folder, allowed]) => [folder, sorted(allowed)]));
  expect(Object.fromEntries([...found].map(([folder, others]) => [folder, sorted(others)]))).toEqual(table);
});

/** What files import, and what folders do by their files: a row `FOLDER/*` says nothing of the folders in it. */
const GRAPHS: Readonly<Record<string, ReadonlyMap<string, ReadonlySet<string>>>> = {
  files: new Map(FILES.map((file) => [file, new Set(importedFiles(file))])),
  folders: new Map(
    [...new Set(FILES.map((file) => posix.dirname(file)))].map((folder) => {
      const files = FILES.filter((file) => posix.dirname(file) === folder);
      const others = files.flatMap(importedFiles).map((file) => posix.dirname(file));
      return [folder, new Set(others.filter((other) => other !== folder))];
    }),
  ),
};

test.each(Object.entries(GRAPHS))('no import cycle between %s', (_, graph) => {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    const cycle = path.includes(node) ? [...path.slice(path.indexOf(node)), node] : [];
    expect(cycle).toEqual([]);
    if (done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
});

test('a command imports no other command: only the index of a group does, those below it', () => {
  const isBelow = (file: string, other: string): boolean =>
    posix.basename(file) === 'index.ts' && posix.dirname(file) === posix.dirname(other);
  const wrong = sources('cli/commands').flatMap((file) =>
    importedFiles(file)
      .filter((other) => other.startsWith('cli/commands/') && !isBelow(file, other))
      .map((other) => `${file} -> ${other}`),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ['@tensorflow/', /^src\/engine\//],
  ['webgpu', /^src\/engine\//],
  ['vega', /^reports\//],
  ['commander', /^cli\//],
  ['mathjs', /^theory\//],
])('only its own folder imports %s', (name, home) => {
  const wrong = FILES.filter((file) => imports(file).some((specifier) => specifier.startsWith(name))).filter(
    (file) => !home.test(file),
  );
  expect(wrong).toEqual([]);
});

test('no unseeded randomness, and no clock where results come from', () => {
  const found = FILES.filter((file) => /Math\.random|Date\.now|tf\.random/.test(read(file))).filter(
    (file) => file !== 'src/engine/engines/measure.ts', // seeded, and its values are not looked at
  );
  expect(found).toEqual([]);
});

test('no file is called utils, helpers or common', () => {
  expect(FILES.filter((file) => /\/(utils?|helpers?|common|misc)\.ts$/.test(file))).toEqual([]);
});

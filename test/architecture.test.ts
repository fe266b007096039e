/** Who may import whom, as docs/architecture.md says it, and the few things that must stand in one place only. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** Rows of the table of floors, from the top down: a folder, and the folders that it may import from. */
const FLOORS: ReadonlyMap<string, readonly string[]> = new Map(
  [
    ...readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8').matchAll(
      /^\| `((?:cli|reports|experiments|theory|src)[^`]*)` \|([^|]*)\|/gm,
    ),
  ].map(([, folder, imports]) => [folder!, [...imports!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)]),
);

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.endsWith('/assembly'))
    .map((entry) => join(entry.parentPath, entry.name));
}

const FILES = ['src', 'theory', 'experiments', 'reports', 'cli'].flatMap(sources);

/** Module specifiers of imports and exports, types and lazy imports included. */
function imports(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

function folderOf(file: string): string {
  return relative(ROOT, dirname(file)).split(sep).join('/');
}

/** Folders that a file imports from, its own left out. */
function foldersBelow(file: string): string[] {
  const folders = imports(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => folderOf(resolve(dirname(file), name)));
  return [...new Set(folders)].filter((folder) => folder !== folderOf(file));
}

test('the table of floors names every folder with sources, and no other', () => {
  expect([...FLOORS.keys()].sort()).toEqual([...new Set(FILES.map(folderOf))].sort());
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
  for (const file of FILES) for (const folder of foldersBelow(file)) found.get(folderOf(file))?.add(folder);
  const sorted = (folders: Iterable<string>): string[] => [...folders].sort();
  const table = Object.fromEntries([...FLOORS].map(([folder, allowed]) => [folder, sorted(allowed)]));
  expect(Object.fromEntries([...found].map(([folder, others]) => [folder, sorted(others)]))).toEqual(table);
});

test('no import cycle between files', () => {
  const graph = new Map(
    FILES.map((file) => [
      file,
      imports(file)
        .filter((name) => name.startsWith('.'))
        .map((name) => resolve(dirname(file), name.replace(/\.js$/, '.ts'))),
    ]),
  );
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const cycle = path.includes(file) ? [...path.slice(path.indexOf(file)), file] : [];
    expect(cycle.map((name) => relative(ROOT, name))).toEqual([]);
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
});

test.each([
  ['@tensorflow/', /^src\/engine\//],
  ['webgpu', /^src\/engine\//],
  ['vega', /^reports\//],
  ['commander', /^cli\//],
  ['mathjs', /^theory\//],
])('only its own folder imports %s', (name, home) => {
  const wrong = FILES.filter((file) => imports(file).some((specifier) => specifier.startsWith(name)))
    .map((file) => relative(ROOT, file))
    .filter((file) => !home.test(file));
  expect(wrong).toEqual([]);
});

test('no unseeded randomness, and no clock where results come from', () => {
  const found = FILES.filter((file) => /Math\.random|Date\.now|tf\.random/.test(readFileSync(file, 'utf8')))
    .map((file) => relative(ROOT, file))
    .filter((file) => file !== 'src/engine/backends/measure.ts'); // seeded, and its values are not looked at
  expect(found).toEqual([]);
});

test('no file is called utils, helpers or common', () => {
  expect(FILES.filter((file) => /\/(utils?|helpers?|common|misc)\.ts$/.test(file))).toEqual([]);
});

/** Who may import whom, and the few things that must stand in one place only. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** A folder may import from these folders (and from itself). */
const EDGES: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/store': ['src/core'],
  'src/toolchain': ['src/core'],
  'src/engine': ['src/core', 'src/store', 'src/toolchain'],
  'src/nn': ['src/core', 'src/engine'],
  'src/text': ['src/core', 'src/store', 'src/toolchain'],
  'src/models': ['src/core', 'src/engine', 'src/nn', 'src/store'],
  'src/optim': ['src/engine'],
  'src/data': ['src/core', 'src/engine', 'src/store', 'src/text'],
  'src/metrics': ['src/data', 'src/engine', 'src/optim'],
  'src/method': ['src/core', 'src/data', 'src/engine', 'src/metrics', 'src/models', 'src/nn', 'src/optim', 'src/store'],
  'src/bench': ['src/core', 'src/data', 'src/engine', 'src/method', 'src/models', 'src/nn', 'src/optim', 'src/text', 'src/toolchain'],
  'src/sweep': ['src/core', 'src/engine', 'src/store'],
  'src/cli': ['src/core', 'src/engine', 'src/store', 'src/sweep', 'src/toolchain'],
  src: ['src/core', 'src/data', 'src/engine', 'src/method', 'src/models', 'src/nn', 'src/store'],
  theory: ['src/core', 'theory/kernel', 'theory/flow'],
  'theory/kernel': ['src/core', 'src/toolchain', 'theory'],
  'theory/flow': ['src/core', 'theory', 'theory/kernel'],
  'theory/exact': ['src/core', 'theory', 'theory/flow', 'theory/instances'],
  'theory/instances': ['src/core', 'theory/exact', 'theory/flow'],
  'theory/bounds': ['src/core', 'theory', 'theory/flow'],
  'theory/bench': ['src/core', 'src/toolchain', 'theory', 'theory/kernel'],
  'theory/studies': ['src/core', 'theory', 'theory/bounds', 'theory/flow', 'theory/instances'],
  experiments: [
    'experiments/selftest',
    'src/store',
    'src/bench',
    'src/core',
    'src/cli',
    'src/data',
    'src/method',
    'src/models',
    'src/sweep',
    'src/toolchain',
    'theory',
    'theory/bench',
    'theory/exact',
    'theory/kernel',
    'theory/studies',
    'reports',
    'reports/claims',
  ],
  'experiments/selftest': ['src/core', 'src/data', 'src/method', 'src/store', 'src/sweep', 'src/text', 'src/toolchain', 'theory', 'experiments'],
  reports: ['src/core', 'src/store', 'reports/claims', 'reports/figures'],
  'reports/client': ['src/core', 'theory', 'theory/flow', 'theory/kernel'],
  'reports/claims': ['src/core', 'reports'],
  'reports/figures': ['src/core', 'reports', 'reports/claims'],
};
// theory/verify.ts uses the exact limits, instances and bounds that it pins; theory/index.ts exports them.
const EXCEPTIONS: readonly string[] = ['theory -> theory/bounds', 'theory -> theory/exact', 'theory -> theory/instances'];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

const FILES = ['src', 'theory', 'experiments', 'reports'].flatMap(sources);

/** Module specifiers of imports and exports, types included. */
function imports(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?'([^']+)'/g)].map((match) => match[1]!);
}

function folderOf(file: string): string {
  return relative(ROOT, dirname(file)).split(sep).slice(0, 2).join('/');
}

test('imports go one way', () => {
  const wrong = FILES.flatMap((file) =>
    imports(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => [folderOf(file), folderOf(resolve(dirname(file), name))] as const)
      .filter(([from, to]) => from !== to && !(from === 'src/cli' && to === 'src/cli') && !EDGES[from]?.includes(to) && !EXCEPTIONS.includes(`${from} -> ${to}`))
      .map(([from, to]) => `${relative(ROOT, file)}: ${from} -> ${to}`),
  );
  expect(wrong).toEqual([]);
  expect([...new Set(FILES.map(folderOf))].filter((folder) => !(folder in EDGES))).toEqual([]);
});

test('no import cycle', () => {
  const graph = new Map(FILES.map((file) => [file, imports(file).filter((name) => name.startsWith('.')).map((name) => resolve(dirname(file), name.replace(/\.js$/, '.ts')))])); // prettier-ignore
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    expect(path.includes(file) ? [...path.slice(path.indexOf(file)), file].map((name) => relative(ROOT, name)) : []).toEqual([]);
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
  ['commander', /^src\/cli\//],
  ['mathjs', /^theory\//],
])('only its own folder imports %s', (name, home) => {
  const wrong = FILES.filter((file) => imports(file).some((specifier) => specifier.startsWith(name))).map((file) => relative(ROOT, file)).filter((file) => !home.test(file)); // prettier-ignore
  expect(wrong).toEqual([]);
});

test('no unseeded randomness, and no clock where results come from', () => {
  const found = FILES.filter((file) => /Math\.random|Date\.now|tf\.random/.test(readFileSync(file, 'utf8')))
    .map((file) => relative(ROOT, file))
    .filter((file) => file !== 'src/engine/measure.ts'); // seeded, and its values are not looked at
  expect(found).toEqual([]);
});

test('no file is called utils, helpers or common', () => {
  expect(FILES.filter((file) => /\/(utils?|helpers?|common|misc)\.ts$/.test(file))).toEqual([]);
});

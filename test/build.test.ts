/** `npm run build` does nothing where dist is what the sources make, and never leaves a stale dist. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

type Needed = 'nothing' | 'changes' | 'everything';
type Make = (root: string) => Promise<void>;
const { bringUpToDate } = (await import('../build.mjs' as string)) as {
  bringUpToDate: (root: string, make: Make) => Promise<Needed>;
};

/** Writes to dist what the sources say, and leaves other files of dist alone, as a build does. */
const make: Make = async (root) => {
  mkdirSync(join(root, 'dist'), { recursive: true });
  for (const name of readdirSync(join(root, 'src')))
    writeFileSync(join(root, 'dist', name), `made of ${readFileSync(join(root, 'src', name), 'utf8')}`);
};

/** A package of two sources, built once. */
async function built(): Promise<{
  build: (by?: Make) => Promise<Needed>;
  write: (path: string, text: string) => void;
  remove: (path: string) => void;
  dist: () => Record<string, string>;
}> {
  const root = mkdtempSync(join(tmpdir(), 'gowide-build-'));
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('tsconfig.build.json', JSON.stringify({ include: ['src'] }));
  write('package.json', '{}');
  write('node_modules/.package-lock.json', '{ "esbuild": 1 }');
  write('src/a.ts', 'a');
  write('src/b.ts', 'b');
  const build = (by: Make = make): Promise<Needed> => bringUpToDate(root, by);
  expect(await build()).toBe('everything');
  const dist = (): Record<string, string> =>
    Object.fromEntries(
      readdirSync(join(root, 'dist'))
        .filter((name) => !name.startsWith('.'))
        .map((name) => [name, readFileSync(join(root, 'dist', name), 'utf8')]),
    );
  return { build, write, remove: (path) => rmSync(join(root, path), { recursive: true }), dist };
}

const BOTH = { 'a.ts': 'made of a', 'b.ts': 'made of b' };

test('a second build of the same sources makes nothing, also where they were written again', async () => {
  const { build, write, dist } = await built();
  const never: Make = () => Promise.reject(new Error('built again'));
  expect(await build(never)).toBe('nothing');
  write('src/a.ts', 'a');
  expect(await build(never)).toBe('nothing');
  expect(dist()).toEqual(BOTH);
});

test('a changed and a new source are compiled', async () => {
  const { build, write, dist } = await built();
  write('src/a.ts', 'A');
  write('src/c.ts', 'c');
  expect(await build()).toBe('changes');
  expect(dist()).toEqual({ 'a.ts': 'made of A', 'b.ts': 'made of b', 'c.ts': 'made of c' });
  expect(await build()).toBe('nothing');
});

test('what was made of a source that is gone goes with it', async () => {
  const { build, remove, dist } = await built();
  remove('src/b.ts');
  expect(await build()).toBe('everything');
  expect(dist()).toEqual({ 'a.ts': 'made of a' });
});

test.each([
  ['a file of dist was changed', 'dist/a.ts', 'by hand'],
  ['a file came into dist', 'dist/d.ts', 'd'],
  ['the record is damaged', 'dist/.built.json', '{'],
  ['other packages are installed', 'node_modules/.package-lock.json', '{ "esbuild": 2 }'],
  ['the package changed', 'package.json', '{ "type": "module" }'],
  ['a script of the build changed', 'src/bundle.mjs', 'bundle'],
])('everything is made anew where %s', async (_, path, text) => {
  const { build, write, dist } = await built();
  write(path, text);
  expect(await build()).toBe('everything');
  expect(dist()).toMatchObject(BOTH);
  expect(dist()).not.toHaveProperty('d.ts');
  expect(await build()).toBe('nothing');
});

test.each(['dist/a.ts', 'dist/.built.json', 'dist'])('everything is made anew without %s', async (path) => {
  const { build, remove, dist } = await built();
  remove(path);
  expect(await build()).toBe('everything');
  expect(dist()).toEqual(BOTH);
});

test('a source that changes while a build reads it is compiled by the next', async () => {
  const { build, write, dist } = await built();
  write('src/a.ts', 'A');
  await build(async (root) => {
    await make(root);
    write('src/a.ts', 'AA');
  });
  expect(await build()).toBe('changes');
  expect(dist()).toMatchObject({ 'a.ts': 'made of AA' });
});

test('a build that fails is not taken for one, and while one is at work there is no record', async () => {
  const { build, write, dist } = await built();
  write('src/a.ts', 'A');
  const failing: Make = async (root) => {
    expect(existsSync(join(root, 'dist/.built.json'))).toBe(false);
    throw new Error('a mistake');
  };
  await expect(build(failing)).rejects.toThrow('a mistake');
  await expect(build(failing)).rejects.toThrow('a mistake');
  expect(await build()).toBe('changes');
  expect(dist()).toMatchObject({ 'a.ts': 'made of A' });
});

describe('declarations that the package’s entries lead to', () => {
  const root = resolve(import.meta.dirname, '..');
  const { exports, ...facts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
    'dependencies' | 'optionalDependencies' | 'peerDependencies',
    Record<string, string>
  > & { readonly exports: Record<string, string | { readonly types: string; readonly require: { types: string } }> };
  const entries = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [] : [entry]));
  let types = '';
  beforeAll(() => {
    types = join(mkdtempSync(join(tmpdir(), 'gowide-types-')), 'types');
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'cli/declarations.mjs'), types], {
      encoding: 'utf8',
      timeout: 300_000,
      killSignal: 'SIGKILL',
    });
    expect(status, stdout).toBe(0);
  });
  const installed = new Set(
    [facts.dependencies, facts.optionalDependencies, facts.peerDependencies].flatMap((packages) =>
      Object.keys(packages),
    ),
  );

  test('are not written by a checkout’s own npm ci', () => {
    const others = join(types, '..', 'others');
    const env = { ...process.env, npm_lifecycle_event: 'prepare', INIT_CWD: root };
    const { status } = spawnSync(process.execPath, [join(root, 'cli/declarations.mjs'), others], {
      env,
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    expect(status).toBe(0);
    expect(existsSync(others)).toBe(false);
  });

  test.each([
    ['import', entries.map(({ types }) => types)],
    ['require', entries.map((entry) => entry.require.types)],
  ])('for %s read no package that users do not get', (_, first) => {
    const files = new Set(first.map((path) => join(types, relative('types', path))));
    const others: string[] = [];
    for (const file of files)
      for (const [, name] of readFileSync(file, 'utf8').matchAll(
        /(?:\bfrom |\bimport |\bimport\(|<reference types=)['"]([^'"]+)['"]/g,
      ))
        if (name!.startsWith('.')) files.add(join(dirname(file), name!.replace(/\.js$/, '.d.ts')));
        else if (!name!.startsWith('node:') && !installed.has(packageOf(name!))) others.push(`${file}: ${name}`);
    expect(files.size).toBeGreaterThan(100);
    expect(others).toEqual([]);
  });
});

/** The package that a module is of: `zod` of `zod/v4`, `@a/b` of `@a/b/c`. */
function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');
}

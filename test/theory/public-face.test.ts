/** What `import 'go-wide-then-narrow/theory'` pulls in: the simulator, and none of the engines or of the report. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { withSlashes } from '../../src/core/folder.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FACE = join(ROOT, 'theory/index.ts');

/** Module specifiers of a file that are loaded when it is run; `lazy`: those of `import()`, too. */
function specifiers(file: string, lazy: boolean): string[] {
  const text = readFileSync(file, 'utf8');
  const fixed = [...text.matchAll(/^(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'/gm)];
  const later = lazy ? [...text.matchAll(/\bimport\('([^']+)'\)/g)] : [];
  return [...fixed, ...later].map((match) => match[1]!);
}

/** Every file and package behind the public face. */
function closure(lazy: boolean): { readonly files: readonly string[]; readonly packages: readonly string[] } {
  const files = new Set([FACE]);
  const packages = new Set<string>();
  for (const file of files)
    for (const name of specifiers(file, lazy))
      if (name.startsWith('.')) files.add(resolve(dirname(file), name.replace(/\.js$/, '.ts')));
      else if (!name.startsWith('node:')) packages.add(name);
  return {
    files: [...files].map((file) => withSlashes(relative(ROOT, file))),
    packages: [...packages].sort(),
  };
}

test('only theory, src/core and src/toolchain stand behind the theory’s public face', () => {
  const { files } = closure(true);
  expect(files.filter((file) => !/^(theory|src\/core|src\/toolchain)\//.test(file))).toEqual([]);
  expect(files.filter((file) => file.startsWith('theory/')).length).toBeGreaterThan(30);
});

test('one package is loaded with it, and a second one when verify runs', () => {
  expect(closure(false).packages).toEqual(['zod']);
  expect(closure(true).packages).toEqual(['mathjs', 'zod']);
});

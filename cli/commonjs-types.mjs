/**
 * Declarations for `require`, a part of `npm run build`: those that the entries of package.json lead to, once more, in a
 * folder whose package.json calls them CommonJS. TypeScript's module setting `node16` takes no others there, although
 * Node itself gives `require` the ES modules.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const to = join(dist, 'commonjs');
rmSync(to, { recursive: true, force: true });
mkdirSync(to, { recursive: true });
writeFileSync(join(to, 'package.json'), '{ "type": "commonjs" }\n');

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap(({ types }) => (types === undefined ? [] : [join(root, types)]));
const files = new Set(entries);
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/(?:from |import |import\()['"](\.[^'"]*)\.js['"]/g))
    files.add(join(dirname(file), `${name}.d.ts`));
  const copy = join(to, relative(dist, file));
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(file, copy);
}

/**
 * `npm run declarations`, which `npm pack` begins with: writes the package's declarations to `types`, which programs need
 * no build for. Those that the entries of package.json lead to are there once more, in a folder whose package.json calls
 * them CommonJS: TypeScript's module setting `node16` takes no others for `require`, although Node itself gives it the ES
 * modules.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
/** Where they go: a test makes them in a folder of its own. */
const types = resolve(root, process.argv[2] ?? 'types');
rmSync(types, { recursive: true, force: true });

const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
const options = ['-p', 'tsconfig.build.json', '--declarationDir', types];
const { status } = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), ...options], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(1);

const to = join(types, 'commonjs');
mkdirSync(to, { recursive: true });
writeFileSync(join(to, 'package.json'), '{ "type": "commonjs" }\n');

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.values(exports).flatMap((entry) =>
  entry.types === undefined ? [] : [join(types, relative('types', entry.types))],
);
const files = new Set(entries);
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  for (const [, name] of text.matchAll(/(?:from |import |import\()['"](\.[^'"]*)\.js['"]/g))
    files.add(join(dirname(file), `${name}.d.ts`));
  const copy = join(to, relative(types, file));
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(file, copy);
}

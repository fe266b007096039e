/**
 * `npm run declarations`: writes the package's declarations to `types`. `npm pack` begins with it, and so does npm
 * where this checkout is somebody's dependency (from git, or linked); a checkout's own programs and tests read none.
 * Those that the entries of package.json lead to are there once more, in a folder whose package.json calls them
 * CommonJS: TypeScript's module setting `node16` takes no others for `require`, although Node itself gives it the ES
 * modules.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const { npm_lifecycle_event: event, INIT_CWD: caller = root } = process.env;
if (event === 'prepare' && realpathSync(caller) === realpathSync(root)) process.exit();

/** Where they go: a test makes them in a new folder of its own. */
const types = process.argv[2] ?? join(root, 'types');
if (process.argv[2] === undefined) rmSync(types, { recursive: true, force: true });

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

/**
 * Bundles what npm users need not install, the last part of `npm run build`: a compiled file that imports a package of
 * the devDependencies gets the parts of it that it uses, and `dist/THIRD-PARTY.txt` gets their licences. Measured in
 * docs/notes/2026-11-26-install-size.md.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { FOR_NODE } from '../src/toolchain/compile.mjs';

const root = resolve(import.meta.dirname, '..');
const read = (path) => readFileSync(join(root, path), 'utf8');
const { devDependencies, peerDependencies } = JSON.parse(read('package.json'));
const bundled = Object.keys(devDependencies).filter((name) => !(name in peerDependencies));

/** Name of the package that a specifier or a path below node_modules begins with. */
const packageOf = (specifier) => /^(?:@[^/]+\/)?[^/]*/.exec(specifier)[0];
const imports = (file) =>
  [...read(file).matchAll(/^(?:import|export)\b[^'"]*['"]([^'"]+)['"]/gm)].map(([, name]) => name);

const compiled = readdirSync(join(root, 'dist'), { recursive: true })
  .map((name) => join('dist', name))
  .filter((file) => file.endsWith('.js') && !file.startsWith(join('dist', 'reports', 'client')));

const onlyPackages = {
  name: 'only packages',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ importer, path }) =>
      importer.includes('node_modules') ? undefined : { path, external: true },
    ),
};

/** Packages whose code is in the files of dist. */
const used = new Set(['@noble/hashes', '@tensorflow/tfjs-core', 'vega-interpreter']);
for (const file of compiled.filter((name) =>
  imports(name).some((specifier) => bundled.includes(packageOf(specifier))),
)) {
  const { metafile } = await build({
    entryPoints: [join(root, file)],
    outfile: join(root, file),
    allowOverwrite: true,
    bundle: true,
    ...FOR_NODE,
    // names stay, so that a stack can be read
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    plugins: [onlyPackages],
  });
  for (const path of Object.keys(metafile.inputs)) {
    const place = path.lastIndexOf('node_modules/');
    if (place >= 0) used.add(packageOf(path.slice(place + 'node_modules/'.length)));
  }
}

function licence(name) {
  const folder = join('node_modules', name);
  const { version, license } = JSON.parse(read(join(folder, 'package.json')));
  const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version} (${license})${file === undefined ? '' : `\n\n${read(join(folder, file)).trim()}`}`;
}

const rule = `\n\n${'-'.repeat(80)}\n\n`;
const notices = [...used].sort().map(licence).join(rule);
writeFileSync(
  join(root, 'dist/THIRD-PARTY.txt'),
  `Parts of these packages are in the files of this folder.${rule}${notices}\n`,
);

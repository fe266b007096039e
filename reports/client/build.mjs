/** Bundles what the page runs in the reader's browser; part of `npm run build`, after the kernel's. */
import { cpSync, copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const root = resolve(here, '../..');
const bundle = join(here, 'bundle');
mkdirSync(bundle, { recursive: true });
/** The simulator as it is, but for its doors to Node: the kernel and one hash. */
const doors = {
  name: 'doors to Node',
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/kernel\/kernel\.js$|^\.\/kernel\.js$/ }, ({ importer }) =>
      importer.includes(`${join('theory')}`) ? { path: join(here, 'kernel.ts') } : undefined,
    );
    onResolve({ filter: /^node:crypto$/ }, () => ({ path: join(here, 'crypto.ts') }));
  },
};
/** Parts of vega that no figure here uses, a seventh of the bundle: maps, graphs, trees, word clouds, cross filters. */
const UNUSED =
  /^(vega-geo|vega-force|vega-hierarchy|vega-voronoi|vega-wordcloud|vega-crossfilter|vega-label|vega-regression|vega-projection|d3-geo|d3-geo-projection)$/;
const unused = {
  name: 'parts of vega that are not used',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: UNUSED }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {}', loader: 'js' }));
  },
};
await build({
  entryPoints: [join(here, 'main.ts'), join(here, 'worker.ts')],
  absWorkingDir: root,
  outdir: bundle,
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [doors, unused],
});
copyFileSync(join(root, 'theory/kernel/kernel-single.wasm'), join(bundle, 'kernel.wasm'));
cpSync(bundle, join(root, 'dist/reports/client/bundle'), { recursive: true });

/**
 * Compiles the products of matrices for WebAssembly, and bundles the gradients and the chained ops of tfjs; part of `npm
 * run build`. The file that `@tensorflow/tfjs-core` has
 * for Node is without them, and Node cannot load those that it has for bundlers. The package that has everything,
 * `@tensorflow/tfjs`, is 220 MB larger (docs/notes/2026-11-26-install-size.md).
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const { version, license } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json');
const name = 'src/engine/tfjs-gradients.cjs';
const root = resolve(import.meta.dirname, '../..');
await build({
  stdin: {
    contents: ['register_all_gradients', 'public/chained_ops/register_all_chained_ops']
      .map((file) => `import '@tensorflow/tfjs-core/dist/${file}';`)
      .join('\n'),
    resolveDir: import.meta.dirname,
  },
  outfile: join(root, name),
  bundle: true,
  platform: 'node',
  target: 'es2022',
  format: 'cjs',
  legalComments: 'none',
  banner: { js: `/*! Parts of @tensorflow/tfjs-core ${version}, Copyright Google LLC, ${license}. */` },
  logLevel: 'warning',
});

const assembly = 'src/engine/ops/assembly.wasm';
const { error, stderr } = await asc.main(
  [
    'src/engine/ops/assembly/index.ts',
    ...['--outFile', assembly, '--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub'],
    ...['--enable', 'simd', '--importMemory', '--baseDir', root],
  ],
  {},
);
if (error) throw new Error(`${stderr.toString()}${error.message}`);
for (const file of [name, assembly]) {
  const target = join(root, 'dist', file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, file), target);
}

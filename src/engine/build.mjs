/**
 * Compiles the products of matrices for WebAssembly, and bundles the gradients and the chained ops of tfjs; part of
 * `npm run build`. The file that `@tensorflow/tfjs-core` has for Node is without them, and Node cannot load those that
 * it has for bundlers. The package that has everything, `@tensorflow/tfjs`, is 220 MB larger
 * (docs/notes/2026-11-26-install-size.md).
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { compileAssembly, copyToDist, root } from '../toolchain/assembly.mjs';

const { version, license } = createRequire(import.meta.url)('@tensorflow/tfjs-core/package.json');
const name = 'src/engine/tfjs-gradients.cjs';
await build({
  stdin: {
    contents: ['register_all_gradients', 'public/chained_ops/register_all_chained_ops']
      .map((file) => `import '@tensorflow/tfjs-core/dist/${file}';`)
      .join('\n'),
    resolveDir: import.meta.dirname,
  },
  absWorkingDir: root,
  outfile: join(root, name),
  bundle: true,
  platform: 'node',
  target: 'es2022',
  format: 'cjs',
  legalComments: 'none',
  banner: { js: `/*! Parts of @tensorflow/tfjs-core ${version}, Copyright Google LLC, ${license}. */` },
  logLevel: 'warning',
});

const source = 'src/engine/ops/assembly/index.ts';
const [plain, relaxed] = ['assembly', 'assembly-relaxed'].map((module) => `src/engine/ops/${module}.wasm`);
await compileAssembly(source, plain);
await compileAssembly(source, relaxed, '--enable', 'relaxed-simd');
copyToDist([name, plain, relaxed]);

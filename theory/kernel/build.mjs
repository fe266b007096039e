/**
 * Compiles the WebAssembly kernel, and puts beside the compiled TypeScript what it reads at run time. Part of `npm run
 * build`.
 */
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const root = resolve(import.meta.dirname, '../..');
const wasm = 'theory/kernel/kernel.wasm';
/** Without shared memory, which a page from a file may not have. */
const single = 'theory/kernel/kernel-single.wasm';
for (const [file, memory] of [
  [wasm, ['--enable', 'threads', '--sharedMemory']],
  [single, []],
]) {
  const { error, stderr } = await asc.main(
    [
      'theory/kernel/assembly/kernel.ts',
      ...[
        '--outFile',
        file,
        '--optimizeLevel',
        '3',
        '--shrinkLevel',
        '0',
        '--noAssert',
        '--runtime',
        'stub',
        '--enable',
        'simd',
      ],
      ...['--importMemory', '--initialMemory', '1', '--maximumMemory', '65536', ...memory, '--baseDir', root],
    ],
    {},
  );
  if (error) {
    process.stderr.write(`${stderr.toString()}${error.message}\n`);
    process.exit(1);
  }
}
const fused = readdirSync(join(root, 'src/engine/ops/fused')).map((name) => `src/engine/ops/fused/${name}`);
const trace = ['binding.cc', 'function.h'].map((name) => `src/engine/trace/${name}`);
for (const file of [
  ...trace,
  'src/engine/install/quiet.cc',
  wasm,
  single,
  'theory/kernel/native.cc',
  ...fused,
  'cli/bench/peer_jax.py',
  'cli/bench/peer_small.py',
  'cli/bench/peer_torch.py',
]) {
  const target = join(root, 'dist', file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, file), target);
}

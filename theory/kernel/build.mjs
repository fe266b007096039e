/** Compiles the WebAssembly kernel, and puts beside the compiled TypeScript what it reads at run time. Part of `npm run build`. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const root = resolve(import.meta.dirname, '../..');
const wasm = 'theory/kernel/kernel.wasm';
const { error, stderr } = await asc.main(
  [
    'theory/kernel/assembly/kernel.ts',
    ...['--outFile', wasm, '--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub'],
    ...['--enable', 'simd', '--enable', 'threads', '--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
    ...['--baseDir', root],
  ],
  {},
);
if (error) {
  process.stderr.write(`${stderr.toString()}${error.message}\n`);
  process.exit(1);
}
for (const file of [wasm, 'theory/kernel/native.cc', 'theory/bench/peer_jax.py', 'src/bench/peer_torch.py']) {
  const target = join(root, 'dist', file);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(root, file), target);
}

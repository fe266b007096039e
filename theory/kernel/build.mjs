/**
 * Compiles the WebAssembly kernel, and puts beside the compiled TypeScript what it reads at run time. Part of `npm run
 * build`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileAssembly, copyToDist, root } from '../../src/toolchain/assembly.mjs';

const source = 'theory/kernel/assembly/kernel.ts';
const wasm = 'theory/kernel/kernel.wasm';
/** Without shared memory, which a page from a file may not have. */
const single = 'theory/kernel/kernel-single.wasm';
const pages = ['--initialMemory', '1', '--maximumMemory', '65536'];
await compileAssembly(source, wasm, ...pages, '--enable', 'threads', '--sharedMemory');
await compileAssembly(source, single, ...pages);
const fused = readdirSync(join(root, 'src/engine/ops/fused')).map((name) => `src/engine/ops/fused/${name}`);
const trace = ['binding.cc', 'function.h', 'run-program.h'].map((name) => `src/engine/trace/${name}`);
copyToDist([
  ...trace,
  'src/engine/install/quiet.cc',
  wasm,
  single,
  'theory/kernel/native.cc',
  ...fused,
  'cli/bench/peer_jax.py',
  'cli/bench/peer_small.py',
  'cli/bench/peer_torch.py',
]);

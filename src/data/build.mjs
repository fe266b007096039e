/** Compiles the random changes of images for WebAssembly; part of `npm run build`. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const root = resolve(import.meta.dirname, '../..');
const file = 'src/data/augment.wasm';
const { error, stderr } = await asc.main(
  [
    'src/data/assembly/augment.ts',
    ...['--outFile', file, '--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub'],
    ...['--enable', 'simd', '--importMemory', '--baseDir', root],
  ],
  {},
);
if (error) throw new Error(`${stderr.toString()}${error.message}`);
const target = join(root, 'dist', file);
mkdirSync(dirname(target), { recursive: true });
copyFileSync(join(root, file), target);

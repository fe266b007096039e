/** Compiles the random changes of images for WebAssembly; part of `npm run build`. */
import { compileAssembly, copyToDist } from '../toolchain/assembly.mjs';

const file = 'src/data/augment.wasm';
await compileAssembly('src/data/assembly/augment.ts', file);
copyToDist([file]);

/** WebAssembly: npm alone, every platform. One thread, SIMD. */
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { FailureError } from '../../core/errors.js';
import { registerTrainingKernels } from '../ops/kernels.js';
import { tf } from '../tensor.js';

/** Registers and starts the backend `wasm`. */
export async function loadWasm(): Promise<{ version: string; device: string }> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(join(dirname(entry), sep));
  if (!(await tf.setBackend('wasm')))
    throw new FailureError('the wasm engine does not start: this Node cannot run WebAssembly');
  registerTrainingKernels('wasm');
  return { version: `tfjs-backend-wasm ${wasm.version_wasm}`, device: 'cpu' };
}

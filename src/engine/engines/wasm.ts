/** WebAssembly through tfjs' own backend: from npm alone, on every platform, on one thread with SIMD. */
import { join, sep } from 'node:path';
import { FailureError } from '../../core/errors.js';
import { missingPackages, packageFolder } from '../../core/package.js';
import { registerTrainingKernels } from '../ops/kernels.js';
import { hearKernels } from '../ops/webassembly-calls.js';
import { WEBASSEMBLY_KERNELS } from '../ops/webassembly-kernels.js';
import { tf } from '../tensor.js';
import type { EngineDefinition, Started } from './engine.js';

/** Calls what asks for the path of the program, which `node -e` and Node's prompt have none of. */
async function withProgram<Found>(call: () => Promise<Found>): Promise<Found> {
  const { argv } = process;
  const given = argv.length;
  if (given < 2) argv.push('');
  try {
    return await call();
  } finally {
    argv.length = given;
  }
}

async function start(): Promise<Started> {
  const missing = missingPackages('@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm');
  if (missing !== undefined) throw new FailureError(`the wasm engine is not installed; run: ${missing}`);
  const folder = packageFolder('@tensorflow/tfjs-backend-wasm', 'the wasm engine');
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(join(folder, 'dist', sep));
  if (!(await withProgram(() => tf.setBackend('wasm'))))
    throw new FailureError('the wasm engine does not start: this Node cannot run WebAssembly');
  hearKernels();
  registerTrainingKernels('wasm', WEBASSEMBLY_KERNELS);
  return { version: `tfjs-backend-wasm ${wasm.version_wasm}`, device: 'cpu' };
}

/** The engine `wasm`, which every machine has. */
export const WASM: EngineDefinition = {
  readiness: () => ({ state: 'ready', gpu: false }),
  threads: () => 1,
  start,
  auto: { rank: () => 0, why: 'it needs nothing but npm', failed: 'WebAssembly is not used' },
};

/** WebGPU through Dawn, Chromium's implementation, as the npm package `webgpu` builds it for Node. */
import { existsSync, readdirSync } from 'node:fs';
import { FailureError, messageOf } from '../../core/errors.js';
import { missingPackages } from '../../core/package.js';
import { registerTrainingKernels } from '../ops/kernels.js';
import { WEBGPU_KERNELS } from '../ops/webgpu-kernels.js';
import { tf } from '../tensor.js';
import { allThreads, type EngineDefinition, type Readiness, type Started } from './engine.js';

interface AdapterInfo {
  readonly vendor: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

interface Adapter {
  readonly info: AdapterInfo;
}

/** Dawn ends with the process only while something refers to it. */
let gpu: { requestAdapter(): Promise<Adapter | null> } | undefined;

/** Whether there may be a GPU at all: a look at device files, without loading Dawn. */
export function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const nodes = existsSync('/dev/dri') ? readdirSync('/dev/dri').some((name) => name.startsWith('renderD')) : false;
  return nodes || existsSync('/dev/nvidia0') || existsSync('/dev/dxg');
}

const PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu', '@tensorflow/tfjs-core'];

function readiness(): Readiness {
  if (!mayHaveGpu()) return { state: 'impossible', reason: 'there is no GPU on this machine' };
  const missing = missingPackages(...PACKAGES);
  return missing === undefined
    ? { state: 'ready', gpu: true }
    : { state: 'impossible', reason: `not installed; run: ${missing}` };
}

async function start(): Promise<Started> {
  try {
    return await startOnGpu();
  } catch (error) {
    // drivers fail in many ways; the other engines need none
    if (error instanceof FailureError) throw error;
    throw new FailureError(`the webgpu engine does not start: ${messageOf(error)}`);
  }
}

async function startOnGpu(): Promise<Started> {
  const missing = missingPackages(...PACKAGES);
  if (missing !== undefined) throw new FailureError(`the webgpu engine is not installed; run: ${missing}`);
  const adapter = await findAdapter();
  if (adapter === null) {
    throw new FailureError(
      'the webgpu engine found no GPU: install a Vulkan driver (Linux: libvulkan1 and the driver of the GPU), ' +
        'or use --engine tensorflow or wasm',
    );
  }
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new FailureError('the webgpu engine does not start on this GPU');
  registerTrainingKernels('webgpu', WEBGPU_KERNELS);
  const { vendor, device, description, isFallbackAdapter = false } = adapter.info;
  const name = [
    description || [vendor, device].filter(Boolean).join(' ') || 'unnamed GPU',
    isFallbackAdapter ? '(software)' : '',
  ]
    .filter(Boolean)
    .join(' ');
  return { version: `tfjs-backend-webgpu ${tf.version_core}, Dawn`, device: name, software: isFallbackAdapter };
}

async function findAdapter(): Promise<Adapter | null> {
  try {
    const dawn = await import('webgpu');
    Object.assign(globalThis, dawn.globals);
    gpu ??= dawn.create([]) as unknown as NonNullable<typeof gpu>;
  } catch (error) {
    throw new FailureError(`the webgpu engine does not load: ${messageOf(error).split('\n')[0]}`);
  }
  // Node 21 and later have a navigator of their own, which cannot be assigned to.
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu, userAgent: 'node' },
    configurable: true,
    writable: true,
  });
  return gpu.requestAdapter();
}

/** The engine `webgpu`. It starts on a software GPU, too, and says so. */
export const WEBGPU: EngineDefinition = {
  readiness,
  threads: allThreads,
  start,
  auto: {
    rank: () => 2,
    why: 'a GPU is here, and TensorFlow for it is not installed',
    failed: 'the GPU is not used',
  },
};

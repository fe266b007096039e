/** Picks an engine and starts it. */
import { availableParallelism } from 'node:os';
import { FailureError, messageOf, unknownName } from '../../core/errors.js';
import type { InstallOptions } from '../install/install.js';
import { loadTensorflow, tensorflowReadiness } from './tensorflow.js';
import { loadWasm } from './wasm.js';
import { loadWebgpu, mayHaveGpu } from './webgpu.js';

export const ENGINES = ['tensorflow', 'webgpu', 'wasm'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Why WebAssembly is taken when nothing faster can be had. */
export const NEEDS_NOTHING = 'it needs nothing but npm';

export interface Engine {
  readonly name: EngineName;
  readonly version: string;
  readonly device: string;
  /** Threads that the engine may use: results are the same to the bit only with the same number. */
  readonly threads: number;
  /** Why this one was taken, in one line. */
  readonly why: string;
}

/** Which engine to open, and why that one. */
export interface EngineChoice {
  readonly name: EngineName | 'auto';
  readonly why: string;
}

/** `--engine`, else GOWIDE_ENGINE, else `auto`. Throws UsageError on a name that is none. */
export function requestedEngine(flag?: string): EngineName | 'auto' {
  const name = flag ?? (process.env.GOWIDE_ENGINE || 'auto');
  if (name !== 'auto' && !(ENGINES as readonly string[]).includes(name))
    throw unknownName('engine', name, ['auto', ...ENGINES]);
  return name as EngineName | 'auto';
}

/**
 * Training steps below this are too short to be divided among threads: TensorFlow then runs best on one, and several
 * runs fit side by side. A function of the spec alone, so that a resumed run gets the same bits.
 */
export const SMALL_STEP_FLOPS = 4e9;

/**
 * Settles TensorFlow's threads for the work ahead; call it before the engine starts. Variables that the user set are
 * left alone. oneDNN is fast in compiled steps, and slower than TensorFlow's own kernels where each op is a call of its
 * own (2026-11-25, one core, ResNet [2, 2, 2] of 4,186 parameters, batch 32, milliseconds of processor time a step:
 * compiled 3.2 with oneDNN and 5.7 without, op by op 13 without).
 */
export function tuneFor(stepFlops: number): void {
  if (stepFlops >= SMALL_STEP_FLOPS) return;
  if (process.env.GOWIDE_TRACE === '0') process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
  process.env.TF_NUM_INTRAOP_THREADS ??= '1';
}

/**
 * Starts one engine; `install` set: the tensorflow one is set up first if need be. Throws FailureError with one line.
 */
export async function startEngine(name: EngineName, why: string, install?: InstallOptions): Promise<Engine> {
  const threads = name === 'wasm' ? 1 : Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism();
  switch (name) {
    case 'tensorflow':
      return { name, why, threads, ...(await loadTensorflow(install)) };
    case 'webgpu': {
      const { version, device } = await loadWebgpu();
      return { name, why, threads, version, device };
    }
    case 'wasm':
      return { name, why, threads, ...(await loadWasm()) };
  }
}

/**
 * The engine that was asked for, or with `auto` the fastest that works here: TensorFlow on a GPU, WebGPU on a real GPU,
 * TensorFlow on the CPU (installed at first use), WebAssembly. `notice` gets one line when a faster one is missing.
 */
export async function openEngine(
  request: EngineName | 'auto',
  install: InstallOptions | undefined,
  notice: (line: string) => void,
  why = 'it was asked for',
): Promise<Engine> {
  if (request !== 'auto') return startEngine(request, why, install);
  const readiness = tensorflowReadiness();
  if (!(readiness.state === 'ready' && readiness.gpu) && mayHaveGpu()) {
    try {
      const { version, device, software } = await loadWebgpu();
      if (!software)
        return {
          name: 'webgpu',
          version,
          device,
          threads: availableParallelism(),
          why: 'a GPU is here, and TensorFlow for it is not installed',
        };
    } catch {
      // no usable GPU: the next candidates need none
    }
  }
  if (readiness.state === 'ready' || (readiness.state === 'installable' && install !== undefined)) {
    try {
      return await startEngine('tensorflow', 'the fastest that works here', install);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      notice(`the faster engine is missing: ${messageOf(error)}`);
    }
  } else {
    notice(`the faster engine, tensorflow, is missing: ${readiness.reason}`);
  }
  return startEngine('wasm', NEEDS_NOTHING);
}

/** Picks an engine and starts it. */
import { FailureError, messageOf } from '../../core/errors.js';
import { lookUp } from '../../core/registry.js';
import { choiceSetting, isSwitchedOff } from '../../core/settings.js';
import type { InstallOptions } from '../install/install.js';
import type { EngineDefinition } from './engine.js';
import { TENSORFLOW } from './tensorflow.js';
import { WASM } from './wasm.js';
import { WEBGPU } from './webgpu.js';

/** Every engine by its name, in the order in which `gowide doctor` lists them. */
export const ENGINES = { tensorflow: TENSORFLOW, webgpu: WEBGPU, wasm: WASM } as const satisfies Readonly<
  Record<string, EngineDefinition>
>;
/** Name of an engine, as `--engine` and `$GOWIDE_ENGINE` take it. */
export type EngineName = keyof typeof ENGINES;

/** What the user is told when WebAssembly is taken because nothing faster can be had. */
export const NEEDS_NOTHING = 'it needs nothing but npm';

/** An engine that runs. */
export interface Engine {
  readonly name: EngineName;
  readonly version: string;
  readonly device: string;
  /** Threads that the engine may use: results are the same to the bit only with the same number. */
  readonly threads: number;
  /** Why this one was taken, in one line. */
  readonly why: string;
}

/** The engine that workers are to open, and why that one. */
export interface EngineChoice {
  readonly name: EngineName | 'auto';
  readonly why: string;
}

/** `--engine`, else GOWIDE_ENGINE, else `auto`. Throws UsageError on a name that is none. */
export function requestedEngine(flag?: string): EngineName | 'auto' {
  const known = { auto: undefined, ...ENGINES };
  if (flag === undefined) return choiceSetting('GOWIDE_ENGINE', 'engine', known) ?? 'auto';
  lookUp('engine', known, flag);
  return flag as EngineName | 'auto';
}

/**
 * Training steps below this are too short to be divided among threads: TensorFlow then runs best on one, and several
 * runs fit side by side. A function of the spec alone, so that a resumed run gets the same bits.
 */
export const SMALL_STEP_FLOPS = 4e9;

/**
 * Settles TensorFlow's threads for the work ahead; call it before the engine starts. A large network takes every core,
 * or `cores` of them where other processes have the rest. Variables that the user set are left alone. oneDNN is fast in
 * compiled steps, and slower than TensorFlow's own kernels where each op is a call of its own (2026-11-25, one core,
 * ResNet [2, 2, 2] of 4,186 parameters, batch 32, milliseconds of processor time a step: compiled 3.2 with oneDNN and
 * 5.7 without, op by op 13 without).
 */
export function tuneFor(stepFlops: number, cores?: number): void {
  if (stepFlops >= SMALL_STEP_FLOPS) {
    if (cores !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(cores);
    return;
  }
  if (isSwitchedOff('GOWIDE_TRACE')) process.env.TF_ENABLE_ONEDNN_OPTS ??= '0';
  process.env.TF_NUM_INTRAOP_THREADS ??= '1';
}

/**
 * Gives the engine and the particle kernel of this process, and of those that it starts, so many threads, whatever the
 * network; call it before the engine starts.
 */
export function useThreads(threads: number): void {
  process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  process.env.GOWIDE_THREADS = String(threads);
}

/**
 * Starts one engine; with `install`, what it lacks is set up first. `why` is what the user is told. Throws FailureError
 * with one line where it does not work here.
 */
export async function startEngine(name: EngineName, why: string, install?: InstallOptions): Promise<Engine> {
  const { version, device } = await ENGINES[name].start(install);
  return { name, version, device, threads: ENGINES[name].threads(), why };
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
  const readiness = TENSORFLOW.readiness();
  if (!(readiness.state === 'ready' && readiness.gpu) && WEBGPU.readiness().state === 'ready') {
    try {
      const { version, device, software } = await WEBGPU.start();
      const why = 'a GPU is here, and TensorFlow for it is not installed';
      if (!software) return { name: 'webgpu', version, device, threads: WEBGPU.threads(), why };
    } catch (error) {
      notice(`the GPU is not used: ${messageOf(error)}`); // the next candidates need none
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

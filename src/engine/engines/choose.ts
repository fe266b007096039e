/** Picks an engine and starts it. */
import { FailureError, messageOf } from '../../core/errors.js';
import { lookUp, namesOf } from '../../core/registry.js';
import { choiceSetting } from '../../core/settings.js';
import type { InstallOptions } from '../install/install.js';
import type { EngineDefinition, Readiness } from './engine.js';
import { TENSORFLOW } from './tensorflow.js';
import { WASM } from './wasm.js';
import { WEBGPU } from './webgpu.js';

/** Every engine by its name, in the order in which `gowide doctor` lists them. */
export const ENGINES = { tensorflow: TENSORFLOW, webgpu: WEBGPU, wasm: WASM } as const satisfies Readonly<
  Record<string, EngineDefinition>
>;
/** Name of an engine, as `--engine` and `$GOWIDE_ENGINE` take it. */
export type EngineName = keyof typeof ENGINES;

const definitions = (): EngineDefinition[] => Object.values(ENGINES);

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
 * Settles the engines' threads for the work ahead; call it before an engine starts. A large network takes every core,
 * or `cores` of them where other processes have the rest. Variables that the user set are left alone.
 */
export function tuneFor(stepFlops: number, cores?: number): void {
  for (const { tune } of definitions()) tune?.({ stepFlops, cores });
}

/**
 * Gives the engine and the particle kernel of this process, and of those that it starts, so many threads, whatever the
 * network; call it before the engine starts.
 */
export function useThreads(threads: number): void {
  for (const definition of definitions()) definition.useThreads?.(threads);
  process.env.GOWIDE_THREADS = String(threads);
}

/**
 * Starts one engine; with `install`, what it lacks is set up first. `why` is what the user is told. Throws FailureError
 * with one line where it does not work here, UsageError on a name that is none.
 */
export async function startEngine(name: EngineName, why: string, install?: InstallOptions): Promise<Engine> {
  lookUp('engine', ENGINES, name);
  const { version, device } = await ENGINES[name].start(install);
  return { name, version, device, threads: ENGINES[name].threads(), why };
}

/** One engine of a registry, and whether it can be had here. */
export interface RankedEngine<Name extends string> {
  readonly name: Name;
  readonly definition: EngineDefinition;
  readonly readiness: Readiness;
  readonly rank: number;
}

/** The engines of a registry in the order in which `auto` tries them, without a start of any. */
export function enginesByRank<Name extends string>(
  engines: Readonly<Record<Name, EngineDefinition>>,
): RankedEngine<Name>[] {
  return namesOf(engines)
    .map((name) => {
      const readiness = engines[name].readiness();
      return { name, definition: engines[name], readiness, rank: engines[name].auto.rank(readiness) };
    })
    .sort((a, b) => b.rank - a.rank);
}

/**
 * Starts the first engine by rank that works here; one on a GPU in name only is passed over. `notice` gets a line for
 * each that should work and does not, or that could be installed. Throws FailureError where none works.
 */
export async function startFastest<Name extends string>(
  engines: Readonly<Record<Name, EngineDefinition>>,
  install: InstallOptions | undefined,
  notice: (line: string) => void,
): Promise<Omit<Engine, 'name'> & { readonly name: Name }> {
  let error = new FailureError('no engine works here');
  for (const { name, definition, readiness } of enginesByRank(engines)) {
    const { start, threads, auto } = definition;
    if (readiness.state === 'ready' || (readiness.state === 'installable' && install !== undefined)) {
      try {
        const { version, device, software } = await start(install);
        if (!software) return { name, version, device, threads: threads(), why: auto.why };
      } catch (cause) {
        if (!(cause instanceof FailureError)) throw cause;
        notice(`${auto.failed}: ${messageOf(cause)}`);
        error = cause;
      }
    } else if (definition.install !== undefined) {
      notice(`the faster engine, ${name}, is missing: ${readiness.reason}`);
    }
  }
  throw error;
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
  return request === 'auto' ? startFastest(ENGINES, install, notice) : startEngine(request, why, install);
}

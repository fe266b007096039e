/** What an engine promises. Adding one adds a file with an {@link EngineDefinition} here, and a line in choose.ts. */
import { availableParallelism } from 'node:os';
import { numberSetting } from '../../core/settings.js';
import type { Device } from '../../toolchain/nvidia.js';
import type { InstallOptions } from '../install/install.js';

/** Whether an engine can be had on this machine: at once, after an install, or not at all; why, and what to do. */
export type Readiness =
  | { readonly state: 'ready'; readonly gpu: boolean }
  | { readonly state: 'installable'; readonly reason: string }
  | { readonly state: 'impossible'; readonly reason: string };

/** An engine that runs: its version, and the device that it computes on. */
export interface Started {
  readonly version: string;
  readonly device: string;
  /** Whether the device is a GPU in name only, which is slower than any other engine. */
  readonly software?: boolean;
}

/** How an engine stands to the others where the user leaves the choice to `auto`. */
export interface AutomaticChoice {
  /** Its rank: of the engines that work here, the one with the highest is taken. */
  readonly rank: (readiness: Readiness) => number;
  /** Why it was taken, in one line for the user. */
  readonly why: string;
  /** What the user is told, before the reason, where it should start and does not. */
  readonly failed: string;
}

/** One way to compute with tensors. */
export interface EngineDefinition {
  /** A cheap look that loads nothing large. */
  readonly readiness: () => Readiness;
  /** Threads that it may use. Results are equal to the bit only with the same number of them. */
  readonly threads: () => number;
  /**
   * Registers it with tfjs, with all the kernels that training needs, and makes it current. With `install`, what is
   * missing is set up first. Throws FailureError with one line where it does not work here.
   */
  readonly start: (install?: InstallOptions) => Promise<Started>;
  /** When and why `auto` takes it. */
  readonly auto: AutomaticChoice;
  /** Sets up what it lacks on this machine, where that is more than packages of npm. */
  readonly install?: (options: InstallOptions) => Promise<unknown>;
  /** The GPUs that it would compute on, where each of its processes takes one of them. */
  readonly devices?: () => Device[];
  /** Gives it so many threads, in this process and in those that are started later; called before it starts. */
  readonly useThreads?: (threads: number) => void;
  /**
   * Settles its threads for training steps of so many operations, which have `cores` for themselves (all where
   * undefined) where they are large; called before it starts. What the user has set stays.
   */
  readonly tune?: (work: { readonly stepFlops: number; readonly cores: number | undefined }) => void;
}

/**
 * Training steps below this are too short to be divided among threads: TensorFlow then runs best on one, and several
 * runs fit side by side. A function of the spec alone, so that a resumed run gets the same bits.
 */
export const SMALL_STEP_FLOPS = 4e9;

/**
 * Below this TensorFlow's own ops are not divided, whatever `--threads` says: handing them out takes longer than it
 * saves, while the fused ops gain (2026-11-29, two threads, steps a second with TensorFlow on both and on one: `bench
 * small`'s strings wide, 0.2 GFLOP, 353 and 386; its distillation 505 and 705; digits wide, 1.0 GFLOP, 115 and 117).
 */
export const UNDIVIDED_STEP_FLOPS = 1.5e9;

/** Threads of an engine that takes as many as there are cores: `$TF_NUM_INTRAOP_THREADS`, else all. */
export function allThreads(): number {
  return Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism();
}

/** Threads of the fused ops, whose results do not depend on it: `$GOWIDE_OPS_THREADS`, else {@link allThreads}. */
export function opsThreads(): number {
  return numberSetting('GOWIDE_OPS_THREADS') ?? allThreads();
}

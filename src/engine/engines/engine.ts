/** What an engine promises. Adding one adds a file with an {@link EngineDefinition} here, and a line in choose.ts. */
import { availableParallelism } from 'node:os';
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

/** One way to compute with tensors, as a backend of tfjs. */
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
}

/** Threads of an engine that takes as many as there are cores: `$TF_NUM_INTRAOP_THREADS`, else all. */
export function allThreads(): number {
  return Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism();
}

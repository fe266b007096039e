/** What the command line needs from the rest of the program; `experiments/main.ts` brings it. */
import type { Experiment, Runner } from '../core/experiment.js';
import type { HostArrays } from '../core/run.js';

export interface Verdict {
  readonly id: string;
  readonly scale: string;
  readonly statement: string;
  readonly outcome: string;
  readonly evidence: string;
}

export interface Check {
  readonly id: string;
  readonly kind: string;
  readonly expected: number;
  readonly measured: number;
  readonly tolerance: number;
  readonly pass: boolean;
}

/** An exact limit as a question with free parameters. */
export interface Limit {
  readonly name: string;
  readonly law: string;
  readonly example: Readonly<Record<string, unknown>>;
  readonly evaluate: (config: unknown) => Readonly<Record<string, unknown>>;
}

export interface Simulation {
  readonly arrays: HostArrays;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly warnings: readonly string[];
}

export interface BenchTable {
  readonly rows: readonly {
    readonly M: number;
    readonly kernel: string;
    readonly threads: number;
    readonly pairsPerSecond: number;
    readonly peakFraction: number | null;
    readonly peer: { readonly name: string; readonly version: string; readonly pairsPerSecond: number } | null;
    readonly ratio: number | null;
  }[];
  readonly notes: readonly string[];
  readonly setting: Readonly<Record<string, number>>;
}

export interface App {
  readonly experiments: readonly Experiment[];
  /** Experiments of `gowide theory run`, by name. */
  readonly studies: readonly (Experiment & { readonly law: string; readonly rule: string })[];
  /** Experiments of `gowide train`, by name. */
  readonly trainings: Readonly<Record<string, Experiment>>;
  readonly runners: Readonly<Record<string, Runner>>;
  readonly report: (folders: readonly string[], file: string) => Promise<{ verdicts: readonly Verdict[]; problems: readonly string[]; runs: number }>;
  readonly verify: (onGroup: (name: string, done: number, total: number) => void) => Promise<readonly Check[]>;
  /** Throws UsageError with the known names. */
  readonly limit: (name: string) => Promise<Limit>;
  readonly simulate: (config: unknown, arrays: HostArrays, onStep: (stage: string, done: number, total: number) => void) => Promise<Simulation>;
  readonly benchParticles: (options: { widths?: readonly number[]; seconds: number; peer: 'jax' | undefined; onRow: (text: string) => void }) => Promise<BenchTable>;
  /** The particle kernel of this machine; the first call builds the native one where there is a compiler. */
  readonly kernel: () => Promise<{ readonly name: string; readonly threads: number; /** Why it is not the native one, or null. */ readonly reason: string | null }>;
  /** The executable's own path: workers are started from it. */
  readonly executable: string;
}

/** Hidden command that makes the program a worker of the pool. */
export const WORKER_COMMAND = 'run-cell';

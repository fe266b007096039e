/** What the command line needs from the rest of the program; `experiments/main.ts` brings it. */
import type { Experiment, Runner } from '../core/experiment.js';

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

export interface App {
  readonly experiments: readonly Experiment[];
  /** Experiments of `gowide theory run`, by name. */
  readonly studies: readonly (Experiment & { readonly law: string })[];
  /** Experiments of `gowide train`, by name. */
  readonly trainings: Readonly<Record<string, Experiment>>;
  readonly runners: Readonly<Record<string, Runner>>;
  readonly report: (folders: readonly string[], file: string) => Promise<{ verdicts: readonly Verdict[]; problems: readonly string[]; runs: number }>;
  readonly verify: () => Promise<readonly Check[]>;
  /** The executable's own path: workers are started from it. */
  readonly executable: string;
}

/** Hidden command that makes the program a worker of the pool. */
export const WORKER_COMMAND = 'run-cell';

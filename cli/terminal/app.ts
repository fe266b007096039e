/** What the command line needs from the rest of the program; `cli/main.ts` brings it. */
import type { Experiment, Runner, Scale } from '../../src/core/experiment.js';
import type { HostArrays } from '../../src/core/run.js';
import type { RunRecord } from '../../src/store/runs.js';

export interface Verdict {
  readonly id: string;
  /** The largest that was run, or null. */
  readonly scale: string | null;
  readonly statement: string;
  readonly outcome: string;
  readonly evidence: string;
}

export interface ReportResult {
  readonly verdicts: readonly Verdict[];
  readonly problems: readonly string[];
  readonly cautions: readonly string[];
  readonly runs: number;
  readonly markdown: string;
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

/** What a sweep costs beside its cells. */
export interface SweepCost {
  readonly case: string;
  readonly cells: number;
  /** Milliseconds for each cell, beyond its own work. */
  readonly perCell: number | null;
  readonly seconds: number;
  readonly limit: string;
}

/** Changes of a published network. */
export interface Variant {
  readonly width?: number;
  readonly mid?: number;
  readonly classes?: number;
}

export interface PredictFiles {
  readonly model: string;
  readonly weights?: string;
  readonly input: string;
  readonly output: string;
}

export interface PredictOptions {
  readonly mode: 'eval' | 'train';
  readonly taps: boolean;
  readonly onBatch: (done: number, total: number) => void;
}

export interface Speed {
  readonly perSecond: number;
  readonly peakMemoryBytes: number;
}

export interface SpeedTable {
  readonly unit: string;
  readonly rows: readonly (Speed & {
    readonly case: string;
    readonly engine: string;
    readonly peer: (Speed & { readonly name: string; readonly version: string }) | null;
    readonly ratio: number | null;
  })[];
  readonly notes: readonly string[];
}

export interface SquadFiles {
  readonly dataset: string;
  readonly predictions: string;
  /** How sure it is that a question has no answer, by id; 2.0 only. */
  readonly noAnswer?: string;
}

/** What became of one check of the selftest; `pass` is undefined where it cannot be run. */
export interface FaultResult {
  readonly id: string;
  readonly what: string;
  readonly pass: boolean | undefined;
  readonly figure: string;
  readonly seconds: number;
}

/** What a scale costs before anything is started. */
export interface Plan {
  readonly scale: Scale;
  readonly rows: readonly {
    readonly experiment: string;
    /** Arms with runs, and runs: arms x seeds, and the runs that they need. */
    readonly arms: number;
    readonly runs: number;
    /** Of all training, in 1e15 operations; null for the theory, whose cost is counted in time. */
    readonly petaflops: number | null;
    /**
     * Of the largest run's training step, in bytes: parameters, gradients, optimiser, activations. An upper estimate.
     */
    readonly memoryBytes: number | null;
    /** Of what the runs leave, and of the saved states of those under way. */
    readonly diskBytes: number;
    readonly deviceHours: number;
    /** Attained by its thin net in training, or assumed; null for the theory. */
    readonly flopsPerSecond: number | null;
  }[];
  /** Each claim alone, with every run that decides it; claims share runs. */
  readonly claims: readonly {
    readonly id: string;
    readonly experiment: string;
    readonly runs: number;
    readonly deviceHours: number;
  }[];
  /** What users bring. */
  readonly data: readonly string[];
}

/** Two sets of runs side by side. */
export interface Comparison {
  /** Runs of the same cell in both, and how many of them logged the same bytes. */
  readonly shared: number;
  readonly equal: number;
  /** Claims whose verdicts differ. */
  readonly changed: readonly { readonly id: string; readonly first: string; readonly second: string }[];
  readonly problems: readonly string[];
}

export interface App {
  readonly experiments: readonly Experiment[];
  /** Experiments of `gowide theory run`, by name. */
  readonly studies: readonly (Experiment & { readonly law: string; readonly rule: string })[];
  /** Experiments of `gowide train`, by the name of the network; the first is the main one. */
  readonly trainings: Readonly<Record<string, readonly Experiment[]>>;
  /** One of a network's experiments; throws UsageError with the known names. */
  readonly training: (network: string, experiment: string | undefined) => Experiment;
  /** Learning rates and seeds of `gowide tune`, by experiment. */
  readonly grids: Readonly<Record<string, { readonly rates: readonly number[]; readonly seeds: readonly number[] }>>;
  readonly runners: Readonly<Record<string, Runner>>;
  /** Without a file, no page is drawn. `scale`: that one alone. */
  readonly report: (folders: readonly string[], file: string | undefined, scale?: Scale) => Promise<ReportResult>;
  /** Serves the page on this machine alone while runs go on. Throws FailureError when the port is taken. */
  readonly watch: (
    folders: readonly string[],
    options: { port: number },
  ) => Promise<{ readonly url: string; readonly close: () => Promise<void> }>;
  /** Writes results as tables to keep; returns the files. */
  readonly writeResults: (folders: readonly string[], target: string) => Promise<string[]>;
  /** Two folders of runs side by side, as a page. */
  readonly compare: (first: string, second: string, file: string, scale?: Scale) => Promise<Comparison>;
  /** Each experiment's thin net is measured in a process of its own, unless operations per second are given. */
  readonly plan: (
    scale: Scale,
    flopsPerSecond: number | undefined,
    engine: string | undefined,
    onLine: (text: string) => void,
  ) => Promise<Plan>;
  /**
   * One of these measurements in this process: operations of a step, by which the engine is to be tuned, and then the
   * measurement.
   */
  readonly planStepFlops: (experiment: string, scale: Scale) => Promise<number>;
  readonly measurePlan: (experiment: string, scale: Scale) => Promise<Readonly<Record<string, number>>>;
  /** Faults on purpose; throws UsageError on an unknown check. */
  readonly selftest: (options: {
    checks: readonly string[] | undefined;
    share: number;
    onResult: (result: FaultResult) => void;
    onLine: (check: string, line: string) => void;
  }) => Promise<readonly FaultResult[]>;
  /** A part of it in this process: damaged inputs. */
  readonly fuzzHere: (folder: string, count: number) => Promise<object>;
  readonly verify: (onGroup: (name: string, done: number, total: number) => void) => Promise<readonly Check[]>;
  /** Throws UsageError with the known names. */
  readonly limit: (name: string) => Promise<Limit>;
  readonly simulate: (
    config: unknown,
    arrays: HostArrays,
    onStep: (stage: string, done: number, total: number) => void,
  ) => Promise<Simulation>;
  readonly benchSweep: (options: { cells: number; onRow: (row: SweepCost) => void }) => Promise<readonly SweepCost[]>;
  readonly benchParticles: (options: {
    widths?: readonly number[];
    seconds: number;
    peer: 'jax' | undefined;
    onRow: (text: string) => void;
  }) => Promise<BenchTable>;
  /** Scores of predictions, and the questions that have none. Throws UsageError on files that do not fit. */
  readonly scoreSquad: (
    files: SquadFiles,
    threshold?: number,
  ) => Promise<{ readonly scores: Readonly<Record<string, number>>; readonly missing: readonly string[] }>;
  /** Throws UsageError on an unknown name. */
  readonly countParameters: (name: string, variant: Variant) => { readonly parameters: number; readonly spec: unknown };
  /**
   * Reads the files, without an engine; what comes back needs one, and gives the shapes of what it wrote. Throws
   * UsageError on files that cannot be used.
   */
  readonly preparePredict: (
    files: PredictFiles,
    variant: Variant,
  ) => (options: PredictOptions) => Promise<Record<string, readonly number[]>>;
  /** Writes a training run's network in torchvision's or Hugging Face's names, to a file or a folder. */
  readonly exportRun: (run: RunRecord, path: string) => Promise<void>;
  /** Networks of `gowide bench`, by name, with what is counted and said about them. */
  readonly benchmarks: Readonly<Record<string, string>>;
  readonly benchNetwork: (
    network: string,
    options: {
      seconds: number;
      peer: 'torch' | undefined;
      cases: readonly string[] | undefined;
      engine: string | undefined;
      onRow: (text: string) => void;
    },
  ) => Promise<SpeedTable>;
  /** One case of it in this process, on an engine that is open. */
  readonly measureNetwork: (network: string, name: string, seconds: number) => Promise<Speed>;
  /** The particle kernel of this machine; the first call builds the native one where there is a compiler. */
  readonly kernel: () => Promise<{
    readonly name: string;
    readonly threads: number;
    /** Why it is not the native one, or null. */ readonly reason: string | null;
  }>;
  /** The executable's own path: workers are started from it. */
  readonly executable: string;
}

/** Hidden command that makes the program a worker of the pool. */
export const WORKER_COMMAND = 'run-cell';

/** What a sweep back end is: a place where the cells of a sweep run, with the options that choose and describe it. */
import type { Platform, Runner } from '../../core/experiment.js';
import type { Json } from '../../core/json.js';
import type { Cell } from '../../core/run.js';
import type { SweepReporter } from '../progress.js';
import type { WorkerPoolOptions } from '../worker-pool.js';

/** What every option has. */
export interface OptionText {
  readonly description: string;
  /** Names of options that cannot be given with this one. */
  readonly conflicts?: readonly string[];
}

/** An option of a back end as data, of which the command line makes the flag `--<its key>`. */
export type BackendOption =
  | (OptionText & { readonly kind: 'switch' })
  | (OptionText & {
      readonly kind: 'text';
      /** What help calls the value, as in `<url>`. */
      readonly argument: string;
      readonly default?: string;
      /** Environment variable that is read where the flag is not given. */
      readonly env?: string;
    })
  | (OptionText & {
      readonly kind: 'whole';
      readonly argument: string;
      /** Smallest value that is accepted. */
      readonly least: number;
      /** Largest value that is accepted; any by default. */
      readonly most?: number;
      readonly default?: number;
    })
  | (OptionText & {
      /** The flag may be given several times. */
      readonly kind: 'list';
      readonly argument: string;
    });

/** Options of a back end by the names of their flags. */
export type BackendOptions = Readonly<Record<string, BackendOption>>;

/** The value of one option: undefined where the flag was not given and has no default. */
export type ValueOf<Option extends BackendOption> = Option extends { kind: 'switch' }
  ? boolean | undefined
  : Option extends { kind: 'list' }
    ? readonly string[]
    : (Option extends { kind: 'whole' } ? number : string) | (Option extends { default: unknown } ? never : undefined);

/** The values that the command line found for options. */
export type Values<Options extends BackendOptions> = {
  readonly [Name in keyof Options]: ValueOf<Options[Name]>;
};

/** The values of these options among all that the command line found. */
export function valuesOf<Options extends BackendOptions>(
  options: Options,
  found: Readonly<Record<string, unknown>>,
): Values<Options> {
  return Object.fromEntries(Object.keys(options).map((name) => [name, found[name]])) as Values<Options>;
}

/** What a back end is given when its cells run in the process that asks: no command is needed to run them elsewhere. */
export interface LocalSweep {
  readonly cells: readonly Cell[];
  /** The store in which every run is to stand when the sweep has ended; an absolute path. */
  readonly out: string;
  readonly runners: Readonly<Record<string, Runner>>;
  /** What this machine's cells will be computed with, as far as that can be known before it is set up. */
  readonly platform?: Platform;
  /** Aborted when the user asks the sweep to stop. */
  readonly signal: AbortSignal;
  /** Prints a line for the user. */
  readonly notice: (line: string) => void;
  /** A reporter for a sweep of which the share `first`, from 0 to 1, was done before it began. */
  readonly progress: (first: number) => SweepReporter;
  /** Sets this machine up for those cells (engine, particle kernel, GPUs) and says how its worker pool is made. */
  readonly workers: (cells: readonly Cell[]) => Promise<WorkerPoolOptions>;
}

/** What a back end is given to run or to submit a sweep. */
export interface Sweep extends LocalSweep {
  /** Cells that run at once in one process. */
  readonly jobs: number;
  /** Words of the command that runs the sweep with so many cells at once, for back ends that start it elsewhere. */
  readonly command: (jobs: number) => readonly string[];
}

/** How a sweep ended for the command that began it. */
export type SweepOutcome =
  | {
      readonly state: 'finished';
      /** The cells whose runs stand in the store now. */
      readonly cells: readonly Cell[];
    }
  | {
      readonly state: 'submitted';
      /** What `--json` prints. */
      readonly data: Readonly<Record<string, Json>>;
      /** What is printed without it. */
      readonly text: string;
    };

type StatusRow = Readonly<Record<string, string | number | undefined>>;

/** How a sweep stands that other processes work on. */
export interface SweepStatus {
  /** Numbers and states of the whole, such as how many cells wait. */
  readonly counts: Readonly<Record<string, string | number | boolean>>;
  /** A row for each cell that is at work. */
  readonly active: readonly StatusRow[];
  /** A row for each cell that failed and was set aside. */
  readonly failed: readonly StatusRow[];
}

/** What can be done to a sweep from outside; each returns what is shown to the user. */
export interface Controls<Given> {
  readonly status: (values: Given) => Promise<SweepStatus>;
  /** Lets workers finish what they have and take nothing more. */
  readonly pause: (values: Given) => Promise<string>;
  readonly resume: (values: Given) => Promise<string>;
  /** Drops every cell that is not finished. */
  readonly cancel: (values: Given) => Promise<string>;
}

/** What a worker process of a back end is given. */
export interface Serving extends WorkerPoolOptions {
  readonly signal: AbortSignal;
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
}

/** How many cells a worker brought to an end. */
export interface Served {
  readonly finished: number;
  /** Attempts that failed. */
  readonly failed: number;
}

/**
 * A place where sweeps run. It promises what `test/sweep/contract.ts` tests: every cell runs once, after those that it
 * requires; a sweep that was stopped, or that lost a worker, is finished by the same command; and the store holds, to
 * the byte, what a serial run leaves.
 */
export interface SweepBackend<
  RunOptions extends BackendOptions = BackendOptions,
  ControlOptions extends BackendOptions = BackendOptions,
  WorkerOptions extends BackendOptions = BackendOptions,
> {
  /** What `--backend` takes. */
  readonly name: string;
  /** One line for help. */
  readonly description: string;
  /** Flags of `gowide sweep run` that belong to it. */
  readonly options: RunOptions;
  /** The one of {@link options} that chooses this back end where `--backend` is not given. */
  readonly selector?: keyof RunOptions & string;
  /**
   * Runs the cells, or submits them. Throws UsageError on options that do not fit, InterruptedError when it was
   * stopped, and FailureError when cells failed.
   */
  run(sweep: Sweep, values: Values<RunOptions>): Promise<SweepOutcome>;
  /** What can be done to a sweep that is at work, with the flags that say which one; absent: nothing can. */
  readonly control?: {
    readonly options: ControlOptions;
    readonly actions: Partial<Controls<Values<ControlOptions>>>;
  };
  /** How `gowide worker` serves it, with the flags of that command; absent: it has no workers of that sort. */
  readonly worker?: {
    readonly options: WorkerOptions;
    /** Throws UsageError on values that do not fit; called before the machine is set up. */
    check(values: Values<WorkerOptions>): void;
    /** Takes cells until it is stopped. Throws FailureError when there is nothing to take them from. */
    serve(serving: Serving, values: Values<WorkerOptions>): Promise<Served>;
  };
}

/** A back end whose functions are checked against the options that it declares. */
export function defineBackend<
  const RunOptions extends BackendOptions,
  const ControlOptions extends BackendOptions,
  const WorkerOptions extends BackendOptions,
>(backend: SweepBackend<RunOptions, ControlOptions, WorkerOptions>): SweepBackend {
  return backend as unknown as SweepBackend;
}

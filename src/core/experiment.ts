/** Declarations: what is run for a claim, at which scale. */
import { checkObject } from './range.js';
import { unknownName, UsageError } from './errors.js';
import type { Cell, Executor, InputFiles } from './run.js';

/**
 * Sizes at which experiments are declared, smallest first. `overnight` is what two cores do in at most six hours,
 * stopped and resumed as often as one likes.
 */
export const SCALES = ['minutes', 'laptop', 'overnight', 'gpu', 'paper'] as const;
/** Name of a declared size. */
export type Scale = (typeof SCALES)[number];

/** Scale of cells whose settings no declaration has: those that were changed by hand, and trials of a search. */
export const CUSTOM_SCALE = 'custom';

/** Arm of the runs that train the wide net which other runs learn from. */
export const WIDE_ARM = 'wide';

/** The scale of that name. Throws UsageError with the known names. */
export function parseScale(name: string): Scale {
  if (!(SCALES as readonly string[]).includes(name)) throw unknownName('scale', name, SCALES);
  return name as Scale;
}

/** What a net learns from: labels alone, the wide net's outputs, or the wide net's layers, too. */
export type LearnsFrom = 'labels' | 'outputs' | 'layers';

/** What reports have to know of an arm, so that none of them reads it out of the arm's name. */
export interface ArmFacts {
  /** What figures call it; its own name unless given. */
  readonly label?: string;
  /**
   * The arm that it is compared with; the experiment's unless given. An arm that names itself is compared with none.
   */
  readonly baseline?: string;
  /** What was varied, where that has axes of its own: `{ layers: 16, skip: false }`. */
  readonly factors?: Readonly<Record<string, string | number | boolean>>;
  readonly learnsFrom?: LearnsFrom;
  /** Whether it is what the others are measured by, as the wide net is, and does not compete with them. */
  readonly reference?: boolean;
}

/** One arm: what is run, and the facts about it. */
export interface Arm extends ArmFacts {
  readonly spec: Cell['spec'];
  /** The most seeds that it is declared with, where one run of it costs as much as several of the others. */
  readonly seeds?: number;
}

/** A final figure of a run by which arms are compared. */
export interface Metric {
  /** Key of the run's result. */
  readonly key: string;
  readonly label: string;
  /** Its name in a table that has several of its kind. */
  readonly short: string;
  readonly unit: string;
  /** Unit of a difference of two. */
  readonly differenceUnit: string;
  readonly better: 'higher' | 'lower';
  /** Digits after the point of a mean. */
  readonly digits: number;
  /** Whether it is a share of examples, in percent. */
  readonly proportion?: boolean;
  /** Name of its exponential, where tables show that, too. */
  readonly exponential?: string;
}

/**
 * A grid of peak learning rates, in ascending order, from which each arm's own is chosen on the validation split. It is
 * widened while the best is at an end.
 */
export interface TuningGrid {
  readonly rates: readonly number[];
  /** Rates of imitation by gradient, each tried with each of `rates`; the declared one alone unless given. */
  readonly imitationRates?: readonly number[];
  /**
   * Shares of an arm's steps that imitation by gradient takes, in ascending order, each tried with each pair of rates;
   * the steps in all do not change. The declared share alone unless given.
   */
  readonly imitationShares?: readonly number[];
  /**
   * Shares of an arm's steps that imitation by gradient takes, in ascending order, tried when the rates are chosen, at
   * those alone that the arm declares; the steps in all do not change.
   */
  readonly sharesAfterwards?: readonly number[];
  /** The share of its steps, of imitation too, for which each point is trained: all of them unless given. */
  readonly share?: number;
  /** Seeds of the tuning runs, which no table uses. */
  readonly seeds: readonly number[];
}

/** One experiment: everything that commands, tables, claims and figures have to know of it. */
export interface Experiment {
  readonly name: string;
  /** A section of the report and, for experiments that train networks, the word after `gowide train`. */
  readonly group: string;
  /** What it shows, in one line. */
  readonly title: string;
  readonly kind: string;
  /** Seeds at each scale that is declared; a scale that is missing cannot be run. */
  readonly seeds: Readonly<Partial<Record<Scale, number>>>;
  /** What is run for one seed, by arm. Scales change sizes and durations, never arms, losses or metrics. */
  readonly arms: (scale: Scale) => Readonly<Record<string, Arm>>;
  /** Arms in the order in which figures show them; that of the rows unless given. Names of no arm do not matter. */
  readonly order?: readonly string[];
  /** What arms are compared by; none where only the logged rows count. */
  readonly metric?: Metric;
  /** The metric of a net that has learnt nothing, where that is known: a rival that is no better decides nothing. */
  readonly chance?: number;
  /** The test split's blocks, where its rows are not independent: claims then count them beside the seeds. */
  readonly dependent?: DependentRows;
  /** The arm that arms are compared with which name no other, wide nets that others require included. */
  readonly baseline?: string;
  /**
   * Files and folders that users bring, as its specs name them, with what each is and where it is from. Only where the
   * data set itself cannot say it.
   */
  readonly brought?: Readonly<Record<string, string>>;
  /** Whether `gowide reproduce` runs it. */
  readonly reproduced?: boolean;
  /** What `gowide tune` tries. */
  readonly tuning?: TuningGrid;
}

/** A test split whose rows depend on each other, as they stand in blocks of neighbors. */
export interface DependentRows {
  /** What a block is, in words. */
  readonly block: string;
  readonly rows: number;
  readonly blocks: number;
  /** Factor on the variance of a share of the rows, as `designEffect` computes it from their labels. */
  readonly designEffect: number;
}

/** The specs of one seed, by arm. */
export function armSpecs({ arms }: Experiment, scale: Scale): Record<string, Cell['spec']> {
  return Object.fromEntries(Object.entries(arms(scale)).map(([arm, { spec }]) => [arm, spec]));
}

/** The seeds of runs: `count` from the first on. Throws UsageError where they go beyond what a whole number can be. */
export function seedsFrom(first: number, count: number): number[] {
  if (first > Number.MAX_SAFE_INTEGER - Math.max(0, count - 1))
    throw new UsageError(
      `--seed ${first}: the last of ${count} seeds would be above ${Number.MAX_SAFE_INTEGER}; give a smaller one`,
    );
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * All cells of an experiment: seeds `seed`, `seed + 1`, ..., every arm of one seed before the next. `count` seeds of
 * every arm, as many as are declared unless given.
 */
export function cellsOf(experiment: Experiment, scale: Scale, seed: number, count?: number): Cell[] {
  checkObject('cellsOf: experiment', experiment, ['name', 'kind', 'seeds', 'arms']);
  const { name, kind, seeds } = experiment;
  const arms = Object.entries(experiment.arms(scale));
  return seedsFrom(seed, count ?? seeds[scale] ?? 0).flatMap((each, i) =>
    arms
      .filter(([, { seeds: most = Infinity }]) => count !== undefined || i < most)
      .map(([arm, { spec }]): Cell => ({ experiment: name, arm, scale, kind, spec, seed: each })),
  );
}

/** What a machine computes with, which says how long cells take there. */
export interface Platform {
  /** Name of the engine of tensors; TensorFlow unless given. */
  readonly engine?: string;
  /** Name of the form of the particle kernel; the native one unless given. */
  readonly kernel?: string;
}

/** How cells of one kind are run. */
export interface Runner {
  readonly execute: Executor;
  /** Throws UsageError on a spec that is not valid. */
  readonly check: (cell: Cell) => void;
  /**
   * Files that the run reads, but for those that come with the program and those of runs that it requires; none unless
   * given. What they hold is noted in the run, and compared when its result is asked for again.
   */
  readonly files?: (cell: Cell) => readonly InputFiles[];
  /** Runs that must be finished first. */
  readonly requires: (cell: Cell) => Cell[];
  /** Expected seconds on one core of a platform; only the ratios between cells matter. */
  readonly cost: (cell: Cell, platform?: Platform) => number;
  /** Steps that a run reports of its work, if known; what it reports with another total comes before or after. */
  readonly steps?: (cell: Cell) => number;
  /** Floating-point operations of one training step, or undefined for cells that need no tensor engine. */
  readonly stepFlops: ((cell: Cell) => number) | undefined;
  /** Expected memory in bytes, to choose a GPU and to start no more than fit. */
  readonly memoryBytes?: (cell: Cell) => number;
}

/** How a cell is run. Throws UsageError with the known kinds where its own is none of them. */
export function runnerOf({ kind }: Cell, runners: Readonly<Record<string, Runner>>): Runner {
  if (!Object.hasOwn(runners, kind)) throw unknownName('kind of run', kind, Object.keys(runners));
  return runners[kind]!;
}

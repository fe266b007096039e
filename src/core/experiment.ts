/** Declarations: what is run for a claim, at which scale. */
import { unknownName } from './errors.js';
import type { Cell, Executor } from './run.js';

export const SCALES = ['minutes', 'laptop', 'gpu', 'paper'] as const;
export type Scale = (typeof SCALES)[number];

/** Throws UsageError with the known names. */
export function parseScale(name: string): Scale {
  if (!(SCALES as readonly string[]).includes(name)) throw unknownName('scale', name, SCALES);
  return name as Scale;
}

export interface Experiment {
  readonly name: string;
  /** What it shows, in one line. */
  readonly title: string;
  readonly kind: string;
  /** Seeds at each scale that is declared; a scale that is missing cannot be run. */
  readonly seeds: Readonly<Partial<Record<Scale, number>>>;
  /** Specs of one seed, by arm. Scales change sizes and durations, never arms, losses or metrics. */
  readonly arms: (scale: Scale) => Readonly<Record<string, Cell['spec']>>;
}

/** All cells of an experiment: seeds `seed`, `seed + 1`, ..., every arm of one seed before the next. */
export function cellsOf(
  { name, kind, seeds, arms }: Experiment,
  scale: Scale,
  seed: number,
  count = seeds[scale] ?? 0,
): Cell[] {
  return Array.from({ length: count }, (_, i) =>
    Object.entries(arms(scale)).map(([arm, spec]): Cell => ({
      experiment: name,
      arm,
      scale,
      kind,
      spec,
      seed: seed + i,
    })),
  ).flat();
}

/** How cells of one kind are run. */
export interface Runner {
  readonly execute: Executor;
  /** Throws UsageError on a spec that is not valid. */
  readonly check: (cell: Cell) => void;
  /** Runs that must be finished first. */
  readonly requires: (cell: Cell) => Cell[];
  /** Expected seconds on one core, for the time left; only the ratios between cells matter. */
  readonly cost: (cell: Cell) => number;
  /** Floating-point operations of one training step, or undefined for cells that need no tensor engine. */
  readonly stepFlops: ((cell: Cell) => number) | undefined;
  /** Expected memory in bytes, to choose a GPU and to start no more than fit. */
  readonly memoryBytes?: (cell: Cell) => number;
}

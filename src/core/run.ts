/**
 * The vocabulary that declarations, executors, the run store and the command line share. Data passes one way:
 * declaration -> run -> record -> table -> figure and verdict -> page.
 */
import { checkObject } from './range.js';
import { FailureError } from './errors.js';
import type { Workers } from './workers.js';
import type { Floats, HostArrays } from './host-array.js';
import { hashOf, type Json } from './json.js';

/** One run, declared: everything that its result depends on is in `kind`, `spec` and `seed`. */
export interface Cell {
  /** Names for people; they do not enter the id. */
  readonly experiment: string;
  readonly arm: string;
  /** Name of the declared size, or `custom`. */
  readonly scale: string;
  /** Which executor runs it. */
  readonly kind: string;
  readonly spec: { readonly [key: string]: Json | undefined };
  readonly seed: number;
}

/** How messages name a cell: its experiment, arm and seed. */
export function nameOf({ experiment, arm, seed }: Cell): string {
  return `${experiment} ${arm}, seed ${seed}`;
}

/** Whether a name has no character that only terminals and programs see. */
function isPrintable(name: string): boolean {
  return !/\p{Cc}/u.test(name);
}

/** Whether a file can be called by a name and lies where it is written. */
function isFileName(name: string): boolean {
  return isPrintable(name) && !/[/\\]/.test(name) && !name.startsWith('.');
}

/** A cell that came from outside this process. Throws FailureError when it is none. */
export function parseCell(value: unknown): Cell {
  const { experiment, arm, scale, kind, spec, seed } = (value ?? {}) as Partial<Cell>;
  const texts = [experiment, arm, scale, kind].every((text) => typeof text === 'string' && text.length <= 500);
  const whole = Number.isSafeInteger(seed) && seed! >= 0;
  if (!texts || !whole || spec === null || typeof spec !== 'object' || Array.isArray(spec))
    throw new FailureError('not a cell: expected experiment, arm, scale, kind, spec and seed');
  // files are called after them
  const bad = [experiment!, scale!, arm!, kind!].find((name, i) => !(i < 2 ? isFileName(name) : isPrintable(name)));
  if (bad !== undefined)
    throw new FailureError(
      `not a cell: the name ${JSON.stringify(bad.slice(0, 80))}; expected no "/", "\\" or control character, ` +
        'nor "." in front',
    );
  return { experiment: experiment!, arm: arm!, scale: scale!, kind: kind!, spec, seed: seed! };
}

/** Version of what a run's files mean; it enters every id, so that old results are never mixed with new ones. */
export const RUN_FORMAT = 3;

/** Hash of format, kind, spec and seed: what is done is not done again. */
export function cellId(cell: Cell): string {
  checkObject('cellId: cell', cell, ['kind', 'spec', 'seed']);
  return hashOf({ format: RUN_FORMAT, kind: cell.kind, spec: cell.spec, seed: cell.seed });
}

/** One line of `metrics.jsonl`: flat, finite, the same on every repetition (no clock in it). */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** The first key of a row whose number is not finite, with that number; undefined where all are. */
export function nonFiniteIn(row: Row): readonly [key: string, value: number] | undefined {
  return Object.entries(row).find(
    (entry): entry is [string, number] => typeof entry[1] === 'number' && !Number.isFinite(entry[1]),
  );
}

/** State of an unfinished run: arrays, and a small text that says where it stands. */
export interface Snapshot {
  readonly arrays: HostArrays<Floats>;
  readonly position: string;
}

/** Files that a run reads and that do not come with the program: what its result depends on beside its spec. */
export interface InputFiles {
  /** A file; with `names`, a folder. */
  readonly path: string;
  /** Files of the folder that are read, relative to it. */
  readonly names?: readonly string[];
}

/** Stage of progress in which a network is evaluated, between steps or after them. */
export const EVALUATION = 'evaluate';

/** What an executor gets from the store. */
export interface RunContext {
  readonly cell: Cell;
  /** The cell's. */
  readonly seed: number;
  /** The state that an earlier process left, or undefined at the start. */
  readonly resumed: Snapshot | undefined;
  /** The workers that train together, where this process is one of several. */
  readonly workers?: Workers | undefined;
  /** Adds a line to the metrics. Throws FailureError on a number that is not finite. */
  log(row: Row): void;
  /** Gets a line for the user; nobody hears it where it is left out. */
  notice?(line: string): void;
  /** Says how far the run is. */
  progress(stage: string, done: number, total: number): void;
  /** Whether it is time to save: some seconds have passed since the last time, or the run is to stop. */
  shouldSave(): boolean;
  /** Saves durably; throws InterruptedError when the run is to stop. */
  save(snapshot: Snapshot): void;
  /** Arrays that a finished run of `cell` left; it is run first if need be. */
  require(cell: Cell): Promise<HostArrays<Floats>>;
}

/** What a finished run leaves beside its metrics. */
export interface Outcome {
  /** The figures that the run is about, for tables and for `runs show`. */
  readonly result: Row;
  /** Arrays that other runs may need, or nothing. */
  readonly arrays?: HostArrays<Floats>;
  /** The tokenizer of a network that reads tokens: its file may be another by the time the network is exported. */
  readonly tokenizer?: Json;
}

/**
 * Runs a cell from its beginning, or from a saved state, to its outcome. Throws InterruptedError after a save when it
 * was stopped, and FailureError when the run fails.
 */
export type Executor = (context: RunContext) => Promise<Outcome>;

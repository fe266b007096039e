/** Rows of runs and of kept tables: what was logged or left, with the names of the run and the facts about its arm. */
import type { Experiment } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import { oncePer } from '../../src/core/memo.js';
import type { Row } from '../../src/core/run.js';
import { factsOf, type NamedFacts } from './facts.js';

/** Which run a row comes from. */
interface Names {
  readonly run: string;
  readonly experiment: string;
  readonly arm: string;
  readonly scale: string;
  readonly seed: number;
}

/** Which run a row comes from, with what the experiment declares of its arm. */
export interface Named extends Names {
  readonly facts: NamedFacts;
}

/**
 * The names of a run, and the facts that its experiment's declaration has about its arm. `parameters`: those of the
 * run's net where they are known, which tell wide nets of several shapes apart.
 */
export function named({ run, experiment, arm, scale, seed }: Names, parameters?: unknown): Named {
  return { run, experiment, arm, scale, seed, facts: factsOf(experiment, scale, arm, parameters) };
}

/** The parameters of each arm's net, by final figures: logged rows do not have them. */
export function parametersByArm(results: readonly Pick<TableRow, 'arm' | 'values'>[]): ReadonlyMap<string, unknown> {
  return new Map(results.map(({ arm, values }) => [arm, values.parameters]));
}

/** A line that a run logged, or its final figures. */
export interface TableRow extends Named {
  readonly values: Row;
}

/**
 * Loss of a training run against its steps: means over equal parts of each stage, as ten thousand runs of a thousand
 * steps would not fit in memory.
 */
export interface Curve extends Named {
  readonly points: readonly {
    readonly stage: string;
    /** Last step of the part, counted over all stages. */
    readonly step: number;
    readonly loss: number;
  }[];
}

/** A row without what a claim or a figure reads of it: of a table that lost a column. */
export class RowError extends RangeError {}

/** A number of a row. Throws RowError when it is none: a table that lost a column must not become a figure. */
export function numberAt(row: TableRow, key: string): number {
  const value = row.values[key];
  if (typeof value !== 'number')
    throw new RowError(
      `${row.experiment}, arm ${row.arm}, run ${row.run}: expected a number in "${key}", got ${JSON.stringify(value)}`,
    );
  return value;
}

/** Ids of the runs that the rows come from, each once. */
export function runIds(rows: readonly { readonly run: string }[]): string[] {
  return [...new Set(rows.map((row) => row.run))];
}

const byExperiment = oncePer((rows: readonly TableRow[]) => groupBy(rows, ({ experiment }) => experiment));

/** Rows of one experiment, in their order. The list may not change afterwards: it is gone through once for all. */
export function rowsOfExperiment(rows: readonly TableRow[], { name }: Pick<Experiment, 'name'>): readonly TableRow[] {
  return byExperiment(rows).get(name) ?? [];
}

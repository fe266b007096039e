/** Tables that were kept of earlier runs, and are read as the runs themselves would be. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { theoryExperiments } from '../../experiments/registry.js';
import { entryOf } from '../../src/core/registry.js';
import { isThere } from '../../src/store/regular.js';
import { fromCsv, fromLines } from './csv.js';
import { undeclaredArm } from './facts.js';
import { named, type TableRow } from './rows.js';

/**
 * Tables that `gowide report --tables` wrote: final figures (.csv) and logged rows (.jsonl), by experiment and scale.
 */
export function keptTables(folder: string): string[] {
  if (!isThere(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[\w-]+\.[a-z]+\.(csv|jsonl)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * What the rows of one run of an experiment of the theory are measured at: with the texts that a row has, these columns
 * tell it from the others. Of an experiment that is not named every column counts.
 */
export const MEASURED_AT: Readonly<Record<string, readonly string[]>> = {
  width: ['m'],
  depth: ['depth'],
  time: ['time'],
  imitation: ['time'],
  limit: ['depth', 'time', 'm'],
  selection: ['depth', 'm'],
  scale: ['value'],
  bounds: ['depth'],
  saddle: ['depth'],
  'tanh-saddle': ['depth'],
  generic: ['depth'],
  residual: ['D', 'M', 'L'],
  'residual-depth': ['depth'],
  stages: ['m'],
};

/** What tells events of one training run apart that have equal texts: the block of the test split. */
const EVENT_AT = ['block'];

/** Whether the rows of an experiment are what a study measured, and no events of training. */
function isMeasured(experiment: string): boolean {
  return theoryExperiments().some(({ name }) => name === experiment);
}

/** The rows of a kept table. Throws RangeError on a file that is none, or has an arm that no declaration has. */
export function keptRows(file: string): TableRow[] {
  const [experiment, scale] = basename(file).split('.') as [string, string];
  const text = readFileSync(file, 'utf8');
  const rows = file.endsWith('.csv')
    ? fromCsv(text)
    : fromLines(text, () => (isMeasured(experiment) ? entryOf(MEASURED_AT, experiment) : EVENT_AT));
  for (const { arm, seed, run } of rows) {
    const unknown = undeclaredArm(experiment, scale, arm);
    if (unknown !== undefined) throw new RangeError(`run ${run}, seed ${seed}: ${unknown}`);
  }
  return rows.map(({ arm, seed, run, values }) => ({ ...named({ run, experiment, arm, scale, seed }), values }));
}

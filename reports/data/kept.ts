/** Tables that were kept of earlier runs, and are read as the runs themselves would be. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { EXPERIMENTS, theoryExperiments } from '../../experiments/registry.js';
import { messageOf, plural, suggestion } from '../../src/core/errors.js';
import { entryOf } from '../../src/core/registry.js';
import { readText } from '../../src/store/config.js';
import { isThere } from '../../src/store/regular.js';
import { fromCsv, fromLines } from './csv.js';
import { undeclaredArm } from './facts.js';
import { originFile, readOrigins, type Origin } from './origins.js';
import { groupBy } from '../../src/core/group.js';
import { OR_ANEW } from './sums.js';
import { isTableName } from './table-names.js';
import { named, parametersByArm, type TableRow } from './rows.js';

/**
 * Tables that `gowide report --tables` wrote: final figures (.csv) and logged rows (.jsonl), by experiment and scale.
 */
export function keptTables(folder: string): string[] {
  if (!isThere(folder)) return [];
  return readdirSync(folder)
    .filter(isTableName)
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

/** Columns of studies and events that may be below 0: the others are distances and counts. */
const SIGNED: readonly string[] = ['growth'];

/** Whether the rows of an experiment are what a study measured, and no events of training. */
function isMeasured(experiment: string): boolean {
  return theoryExperiments().some(({ name }) => name === experiment);
}

/** Reads rows by what their experiment logs; where no experiment has that name, an error says so first. */
function asNamed<Rows>(experiment: string, read: () => Rows): Rows {
  try {
    return read();
  } catch (error) {
    if (Object.hasOwn(EXPERIMENTS, experiment)) throw error;
    const names = Object.keys(EXPERIMENTS);
    throw new RangeError(
      `no experiment is called "${experiment}", as the file’s name says.${suggestion(experiment, names)} ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * The rows of a kept table; `results`: for logged rows, the final figures that are kept beside them. Throws RangeError
 * on a file that is none, or has an arm that no declaration has; UsageError on what cannot be read as a text: a folder,
 * a pipe, links in a circle.
 */
export function keptRows(file: string, results?: readonly TableRow[]): TableRow[] {
  const [experiment, scale] = basename(file).split('.') as [string, string];
  const text = readText(file);
  const coordinates = isMeasured(experiment) ? entryOf(MEASURED_AT, experiment) : EVENT_AT;
  const rows = asNamed(experiment, () =>
    file.endsWith('.csv')
      ? fromCsv(text)
      : fromLines(text, coordinates, (column) => coordinates === undefined || SIGNED.includes(column)),
  );
  const parameters = parametersByArm(results ?? rows);
  for (const { arm, seed, run } of rows) {
    const unknown = undeclaredArm(experiment, scale, arm, parameters.get(arm));
    if (unknown !== undefined) throw new RangeError(`run ${run}, seed ${seed}: ${unknown}`);
  }
  return rows.map(({ arm, seed, run, values }) => ({
    ...named({ run, experiment, arm, scale, seed }, parameters.get(arm)),
    values,
  }));
}

const REMEDY = `a part of it is missing: put back the whole file, ${OR_ANEW}`;

/** A table without its ending, of which its other files have the same beginning. */
export const tableOf = (file: string): string => file.replace(/\.\w+$/, '');

/** The origins beside a table; none where they are damaged, which is said where they are shown. */
function originsBeside(file: string): readonly Origin[] {
  try {
    return readOrigins(tableOf(file));
  } catch {
    return [];
  }
}

/**
 * Throws RangeError where a table has fewer runs than `NAME.origin.json` beside it says, or where its last run has
 * fewer rows than all others of its arm: it was cut at the end of a line. Logged rows of training, which not every run
 * has, are told by the `results` of the same table instead, if those are there. Runs that diverged are in no origin.
 */
export function checkWhole(file: string, rows: readonly TableRow[], results: readonly TableRow[] | undefined): void {
  const origins = originsBeside(file);
  if (origins.length === 0) return;
  const seedsOf = (list: readonly TableRow[]): Map<string, number> => {
    const finished = list.filter(({ values }) => !Number.isNaN(values.testAccuracy));
    return new Map([...groupBy(finished, ({ arm }) => arm)].map(([arm, group]) => [arm, countSeeds(group)]));
  };
  const mine = seedsOf(rows);
  if (file.endsWith('.csv') || isMeasured(rows[0]!.experiment)) checkRuns(mine, origins, originFile(tableOf(file)));
  if (file.endsWith('.csv')) return;
  const finished = results === undefined ? undefined : seedsOf(results);
  for (const [arm, count] of mine) {
    const all = finished?.get(arm) ?? 0;
    if (count < all)
      throw new RangeError(`arm "${arm}": rows of ${plural(count, 'run')}, and ${all} in its CSV; ${REMEDY}`);
  }
  const last = rows.at(-1)!;
  const [own, ...others] = [
    ...groupBy(
      rows.filter(({ arm }) => arm === last.arm),
      ({ seed }) => seed,
    ).values(),
  ].reverse();
  const fewest = Math.min(...others.map(({ length }) => length));
  if (others.length > 0 && own!.length < fewest)
    throw new RangeError(
      `arm "${last.arm}", seed ${last.seed}: ${plural(own!.length, 'row')}, and at least ${fewest} of every other seed; ${REMEDY}`,
    );
}

function countSeeds(rows: readonly TableRow[]): number {
  return new Set(rows.map(({ seed }) => seed)).size;
}

/** Throws RangeError where an arm, or all of them together, have fewer runs than origins say. */
function checkRuns(found: ReadonlyMap<string, number>, origins: readonly Origin[], file: string): void {
  let again = 0;
  for (const [arm, times] of groupBy(
    origins.flatMap(({ arms = [] }) => arms),
    ({ arm }) => arm,
  )) {
    const said = times.reduce((sum, { runs }) => sum + runs, 0);
    const there = found.get(arm) ?? 0;
    if (there >= said) continue;
    // an arm that was run anew as a whole is in two origins, and once in the table
    if (times.length > 1 && times.every(({ runs }) => runs === there)) again += said - there;
    else throw new RangeError(`arm "${arm}": ${plural(there, 'run')}, and ${file} says ${said}; ${REMEDY}`);
  }
  const there = [...found.values()].reduce((sum, count) => sum + count, 0);
  const said = origins.reduce((sum, { runs }) => sum + runs, 0) - again;
  if (there < said) throw new RangeError(`${plural(there, 'run')}, and ${file} says ${said}; ${REMEDY}`);
}

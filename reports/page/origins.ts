/** Where the rows of a figure or of a table come from, in words. */
import { mergeOrigins, originsOfRuns, originText, type Origin } from '../data/origins.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../../src/core/group.js';

/** Where the rows of these runs come from, in one sentence or two. */
export type OriginOf = (runs: readonly string[]) => string;

/** More origins than this are counted. */
const SHOWN = 3;

/** The origins that runs and kept tables note, by the runs that rows are of. */
export function originsOf(records: Records): OriginOf {
  const runs = new Map(records.runs.map((run) => [run.id, run]));
  const tables = new Map<string, string>();
  for (const { run, experiment, scale } of [...records.rows, ...records.results])
    if (!runs.has(run)) tables.set(run, `${experiment}.${scale}`);
  const sentence = (origins: readonly Origin[], kept: readonly string[]): string => {
    const told = origins.slice(0, SHOWN).map(originText);
    const more = origins.length > SHOWN ? [`${origins.length - SHOWN} more, in the appendix`] : [];
    const from = kept.length === 0 ? '' : ` Kept in ${kept.join(', ')}.`;
    return `${told.length === 0 ? 'Its runs are not noted' : `Made by ${[...told, ...more].join('; ')}`}.${from}`;
  };
  const known = new Map<string, string>();
  return (ids) => {
    const mine = ids.flatMap((id) => runs.get(id) ?? []);
    const kept = [
      ...groupBy(
        ids.flatMap((id) => tables.get(id) ?? []),
        (table) => table,
      ).keys(),
    ].sort();
    const key = JSON.stringify([mine.map(({ id }) => id), kept]);
    let text = known.get(key);
    if (text === undefined) {
      const origins = [...originsOfRuns(mine), ...kept.flatMap((table) => records.origins.get(table) ?? [])];
      known.set(key, (text = sentence(mergeOrigins(origins), kept)));
    }
    return text;
  };
}

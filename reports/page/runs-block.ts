/** Where the runs of a report were made, and which they are, as HTML. */
import { WIDE_ARM } from '../../src/core/experiment.js';
import type { RunRecord } from '../../src/store/runs.js';
import { armTimes, commitOf, wallSeconds } from '../data/origins.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../../src/core/group.js';
import type { Datum } from '../figures/figure.js';
import { dataTable, moreText, plural, ROWS_SHOWN, rowsBlock, withoutPaths } from './html.js';

/** The machines, engines, commits and commands of the runs. */
export function environmentBlock({ runs }: Records, label = 'Environments'): string {
  const environments = new Map<string, { text: Record<string, string>; count: number }>();
  for (const { environments: list } of runs) {
    for (const entry of list) {
      const { engine } = entry;
      const text = {
        engine:
          engine === null
            ? 'float64, this project’s own'
            : `${engine.name} (${engine.version}), ${engine.device}, threads: ${engine.threads}`,
        machine: `${entry.cpu}, ${entry.cores} cores, ${entry.memoryGiB} GiB, ${entry.platform}`,
        node: entry.node,
        commit: commitOf(entry),
        command: withoutPaths(entry.command),
      };
      const key = JSON.stringify(text);
      environments.set(key, { text, count: (environments.get(key)?.count ?? 0) + 1 });
    }
  }
  const rows = [...environments.values()]
    .slice(0, ROWS_SHOWN)
    .map(({ text, count }): Datum => ({ ...text, runs: count }));
  const more = moreText(environments.size - ROWS_SHOWN, 'environment');
  return rows.length === 0 ? '' : `${dataTable(rows, label)}${more}`;
}

/** Runs of one arm, or what a kept table says of them. */
interface Timed {
  readonly experiment: string;
  readonly arm: string;
  readonly scale: string;
  readonly runs: number;
  /** Sum over all of them; undefined where one has none. */
  readonly seconds: number | undefined;
  readonly results: readonly (RunRecord['result'] | undefined)[];
  readonly first: string;
}

function timedRuns(runs: readonly RunRecord[]): Timed[] {
  const groups = groupBy(runs, ({ cell }) => JSON.stringify([cell.experiment, cell.arm, cell.scale]));
  return [...groups.values()].map((group): Timed => {
    const { experiment, arm, scale } = group[0]!.cell;
    const seconds = group.map(wallSeconds);
    return {
      ...{ experiment, arm, scale, runs: group.length, first: group[0]!.id },
      seconds: seconds.reduce((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0),
      results: group.map(({ result }) => result),
    };
  });
}

/** Arms of kept tables whose origins have their wall time. */
function timedTables({ origins, results, rows }: Pick<Records, 'origins' | 'results' | 'rows'>): Timed[] {
  const rowsOf = groupBy([...results, ...rows], (row) => JSON.stringify([`${row.experiment}.${row.scale}`, row.arm]));
  return [...origins].flatMap(([table, list]) =>
    armTimes(list).flatMap(({ arm, runs, seconds }): Timed[] => {
      const mine = rowsOf.get(JSON.stringify([table, arm])) ?? [];
      const [first] = mine;
      if (first === undefined) return [];
      const { experiment, scale, run } = first;
      const figures = mine.filter(({ values }) => 'parameters' in values).map(({ values }) => values);
      return [{ experiment, arm, scale, runs, seconds, results: figures, first: run }];
    }),
  );
}

/** A number with one digit after the point, or nothing. */
const inTenths = (seconds: number | undefined): number | string =>
  seconds === undefined ? '' : Math.round(seconds * 10) / 10;

const meanSeconds = ({ seconds, runs }: Timed): number | undefined =>
  seconds === undefined ? undefined : seconds / runs;

/**
 * Wall time of a run of an arm with that of the wide net that it learns from; undefined where it learns from none, and
 * where the experiment has wide nets of several shapes or lengths, of which a run does not say its own.
 */
function withWideNet(group: Timed, wide: Timed | undefined): number | undefined {
  const learns = group.results.length > 0 && group.results.every((result) => Number(result?.teacherGigaflops ?? 0) > 0);
  if (wide === undefined || !learns) return undefined;
  const kinds = new Set(wide.results.map((result) => JSON.stringify([result?.parameters, result?.steps])));
  const [own, wides] = [meanSeconds(group), meanSeconds(wide)];
  return kinds.size === 1 && own !== undefined && wides !== undefined ? own + wides : undefined;
}

/**
 * How many runs each arm has, and how long they took: the third measure of cost beside steps and floating-point
 * operations, which runs themselves have, and kept tables whose runs noted it.
 */
export function runsBlock(records: Pick<Records, 'runs' | 'origins' | 'results' | 'rows'>): string {
  const groups = [...timedRuns(records.runs), ...timedTables(records)];
  const wides = new Map(
    groups
      .filter(({ arm }) => arm === WIDE_ARM)
      .map((group) => [JSON.stringify([group.experiment, group.scale]), group]),
  );
  const rows = groups.map((group): Datum => {
    const { experiment, arm, scale, runs, seconds, first } = group;
    const wide = wides.get(JSON.stringify([experiment, scale]));
    return {
      ...{ experiment, arm, scale, runs },
      'seconds a run': inTenths(meanSeconds(group)),
      'with the wide net’s training': inTenths(withWideNet(group, wide)),
      'seconds in all': inTenths(seconds),
      first,
    };
  });
  const count = groups.reduce((sum, { runs }) => sum + runs, 0);
  const shown = rows.slice(0, ROWS_SHOWN);
  return rows.length === 0
    ? ''
    : `<details><summary>${plural(count, 'run')}, by experiment and arm, with their wall ` +
        `time</summary>${rowsBlock(shown).html}${moreText(rows.length - ROWS_SHOWN, 'arm')}</details>`;
}

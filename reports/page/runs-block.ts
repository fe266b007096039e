/** Where the runs of a report were made, and which they are, as HTML. */
import { commitOf } from '../data/origins.js';
import type { RunRecord } from '../../src/store/runs.js';
import { WIDE } from '../data/facts.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../data/rows.js';
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

/** Mean seconds of some runs; undefined where one of them did not note them. */
function meanSeconds(runs: readonly RunRecord[]): number | undefined {
  if (runs.length === 0 || runs.some(({ seconds }) => seconds === undefined)) return undefined;
  return runs.reduce((sum, { seconds }) => sum + seconds!, 0) / runs.length;
}

/** A number with one digit after the point, or nothing. */
const inTenths = (seconds: number | undefined): number | string =>
  seconds === undefined ? '' : Math.round(seconds * 10) / 10;

/**
 * Wall time of a run of an arm with that of the wide net that it learns from; undefined where it learns from none, and
 * where the experiment has wide nets of several shapes, of which a run does not say its own.
 */
function withWideNet(group: readonly RunRecord[], wide: readonly RunRecord[]): number | undefined {
  const learns = group.every(({ result }) => Number(result?.teacherGigaflops ?? 0) > 0);
  const shapes = new Set(wide.map(({ result }) => result?.parameters));
  const [own, wides] = [meanSeconds(group), meanSeconds(wide)];
  return learns && shapes.size === 1 && own !== undefined && wides !== undefined ? own + wides : undefined;
}

/**
 * How many runs each arm has, and how long they took: the third measure of cost beside steps and floating-point
 * operations, which only runs themselves have.
 */
export function runsBlock({ runs }: Records): string {
  const groups = groupBy(runs, ({ cell }) => JSON.stringify([cell.experiment, cell.arm, cell.scale]));
  const rows = [...groups.values()].map((group): Datum => {
    const { experiment, arm, scale } = group[0]!.cell;
    const mean = meanSeconds(group);
    const wide = groups.get(JSON.stringify([experiment, WIDE, scale])) ?? [];
    return {
      ...{ experiment, arm, scale, runs: group.length },
      'seconds a run': inTenths(mean),
      'with the wide net’s training': inTenths(withWideNet(group, wide)),
      'seconds in all': inTenths(mean === undefined ? undefined : mean * group.length),
      first: group[0]!.id,
    };
  });
  return runs.length === 0
    ? ''
    : `<details><summary>All ${plural(runs.length, 'run')}, by experiment and arm, with their wall time</summary>${rowsBlock(rows.slice(0, ROWS_SHOWN)).html}${moreText(rows.length - ROWS_SHOWN, 'arm')}</details>`;
}

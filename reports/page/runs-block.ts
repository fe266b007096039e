/** Where the runs of a report were made, and which they are, as HTML. */
import { commitOf } from '../data/origins.js';
import type { Records } from '../data/records.js';
import { groupBy } from '../data/rows.js';
import type { Datum } from '../figures/figure.js';
import { dataTable, plural, ROWS_SHOWN, rowsBlock, withoutPaths } from './html.js';

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
  return rows.length === 0 ? '' : dataTable(rows, label);
}

/** How many runs each arm has, and how long they took. */
export function runsBlock({ runs }: Records): string {
  const groups = groupBy(runs, ({ cell }) => JSON.stringify([cell.experiment, cell.arm, cell.scale]));
  const rows = [...groups.values()].map((group): Datum => {
    const { experiment, arm, scale } = group[0]!.cell;
    const seconds = group.reduce((sum, run) => sum + (run.seconds ?? 0), 0);
    return { experiment, arm, scale, runs: group.length, seconds: Math.round(seconds * 10) / 10, first: group[0]!.id };
  });
  return runs.length === 0
    ? ''
    : `<details><summary>All ${plural(runs.length, 'run')}, by experiment and arm</summary>${rowsBlock(rows.slice(0, ROWS_SHOWN)).html}</details>`;
}

import { Command } from 'commander';
import { findRun, listRuns } from '../../../src/store/runs.js';
import { notice } from '../../terminal/notices.js';
import { examples, jobsOption, outOption } from '../../terminal/options.js';
import { engineOption, withThreads } from '../../terminal/run-options.js';
import { textTable } from '../../terminal/table.js';
import { work, type WorkOptions } from '../../terminal/work.js';
import { brief, requireRuns } from '../../terminal/runs.js';

/** `gowide runs resume`. */
export function command(): Command {
  return withThreads(new Command('resume'))
    .argument('[ids...]', 'runs to go on with; by default all unfinished ones, without those that diverged')
    .description('bring unfinished runs to their end')
    .addOption(outOption())
    .addOption(engineOption())
    .addOption(jobsOption())
    .addHelpText('after', examples(['gowide runs resume', 'gowide runs resume 180f4a --out results']))
    .action(async (ids: string[], options: WorkOptions) => {
      requireRuns(options.out);
      const listing = listRuns(options.out);
      listing.problems.forEach(notice);
      const runs =
        ids.length > 0
          ? ids.map((id) => findRun(options.out, id))
          : listing.runs.filter((run) => run.status === 'unfinished');
      const diverged = await work(
        runs.map((run) => run.cell),
        options,
      );
      const now = runs.map((run) => findRun(options.out, run.id));
      process.stdout.write(`${now.length === 0 ? 'no run is unfinished' : textTable(now.map(brief))}\n`);
      if (diverged !== undefined) throw diverged;
    });
}

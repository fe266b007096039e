import { Command } from 'commander';
import { findRun, listRuns } from '../../../src/store/runs.js';
import { notice } from '../../terminal/notices.js';
import { examples, jobsOption, outOption } from '../../terminal/options.js';
import { engineOption, withThreads } from '../../terminal/run-options.js';
import { textTable } from '../../terminal/table.js';
import { work, type WorkOptions } from '../../terminal/work.js';
import { brief, requireRuns } from './runs.js';

/** `gowide runs resume`. */
export function command(): Command {
  return withThreads(new Command('resume'))
    .argument('[ids...]', 'runs to go on with; all unfinished ones by default')
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
      await work(
        runs.map((run) => run.cell),
        options,
      );
      const finished = runs.map((run) => findRun(options.out, run.id));
      process.stdout.write(`${finished.length === 0 ? 'every run is finished' : textTable(finished.map(brief))}\n`);
    });
}

import { Command } from 'commander';
import { listRuns } from '../../../src/store/runs.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption, outOption } from '../../terminal/options.js';
import { textTable } from '../../terminal/table.js';
import { brief, requireRuns } from '../../terminal/runs.js';

/** `gowide runs list`. */
export function command(): Command {
  return new Command('list')
    .description('one line per run')
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide runs list', 'gowide runs list --out results --json']))
    .action(({ out, json }: { out: string; json?: boolean }) => {
      requireRuns(out);
      const { runs, problems } = listRuns(out);
      process.stdout.write(
        json
          ? `${JSON.stringify({ runs: runs.map((run) => ({ ...brief(run), folder: run.folder, result: run.result ?? null })), problems }, null, 2)}\n`
          : `${textTable(runs.map(brief))}\n`,
      );
      if (!json) problems.forEach(notice);
    });
}

import { Command } from 'commander';
import { UsageError } from '../../../src/core/errors.js';
import { findRun, readMetrics } from '../../../src/store/runs.js';
import { examples, jsonOption, outOption } from '../../terminal/options.js';
import { textTable } from '../../terminal/table.js';
import { brief, requireRuns } from '../../terminal/runs.js';

/** `gowide runs show`. */
export function command(): Command {
  return new Command('show')
    .argument('<id>', 'the run’s id, or its first digits')
    .description('spec, environment and result of one run')
    .addOption(outOption())
    .addOption(jsonOption())
    .option('--metrics', 'print its metrics, a line each; with --json as one list')
    .addHelpText('after', examples(['gowide runs show 180f4a', 'gowide runs show 180f4a --metrics']))
    .action((id: string, { out, json, metrics }: { out: string; json?: boolean; metrics?: boolean }) => {
      requireRuns(out);
      const run = findRun(out, id);
      if (metrics) {
        if (run.status !== 'finished')
          throw new UsageError(`run ${run.id} is ${run.status}; its metrics are in ${run.folder}`);
        const rows = readMetrics(run);
        const lines = rows.map((row) => `${JSON.stringify(row)}\n`);
        process.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : lines.join(''));
        return;
      }
      const { cell, ...rest } = run;
      process.stdout.write(
        json
          ? `${JSON.stringify({ ...cell, ...rest }, null, 2)}\n`
          : `${textTable([brief(run)])}\nfolder: ${run.folder}\nspec: ${JSON.stringify(cell.spec, null, 2)}\nresult: ` +
              `${JSON.stringify(run.result ?? null, null, 2)}\nenvironments: ` +
              `${JSON.stringify(run.environments, null, 2)}\n`,
      );
    });
}

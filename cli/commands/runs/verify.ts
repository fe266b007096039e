import { resolve } from 'node:path';
import { Command } from 'commander';
import { FailureError, plural } from '../../../src/core/errors.js';
import { verifyStore } from '../../../src/store/merge.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption, outOption } from '../../terminal/options.js';
import { Progress } from '../../terminal/progress.js';
import { requireRuns } from './runs.js';

/** `gowide runs verify`. */
export function command(): Command {
  return new Command('verify')
    .description('compare every file of every finished run with its hash')
    .addOption(outOption())
    .option('--repair', 'set damaged runs aside, so that their cells are done again')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide runs verify', 'gowide runs verify --repair --out results']))
    .action(({ out, repair, json }: { out: string; repair?: boolean; json?: boolean }) => {
      requireRuns(out);
      const progress = new Progress();
      const result = verifyStore(resolve(out), { repair: repair ?? false }, (done, total) =>
        progress.update('verify', done / total, `${done}/${total}`),
      );
      progress.clear();
      const { finished, unfinished, damaged, otherVersions } = result;
      if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
      else {
        otherVersions.forEach(notice);
        for (const { problem, aside, kept } of damaged) {
          const where = aside === undefined ? '' : `; set aside in ${aside}`;
          process.stderr.write(`${problem}${kept === undefined ? where : `; not set aside: ${kept}`}\n`);
        }
        process.stdout.write(
          `${plural(finished, 'finished run')} whole, ${unfinished} unfinished, ${damaged.length} damaged\n`,
        );
      }
      if (damaged.length > 0 && !repair)
        throw new FailureError(
          `${plural(damaged.length, 'damaged run')}; set aside what is damaged with --repair, and the command that made it ` +
            'does it again',
        );
      const kept = damaged.filter((run) => run.kept !== undefined).length;
      if (kept > 0)
        throw new FailureError(`${plural(kept, 'damaged run')} could not be set aside; see what is said of the locks`);
    });
}

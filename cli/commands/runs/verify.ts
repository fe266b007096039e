import { resolve } from 'node:path';
import { Command } from 'commander';
import { FailureError, plural } from '../../../src/core/errors.js';
import { verifyStore, type Verified } from '../../../src/store/merge.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption, outOption } from '../../terminal/options.js';
import { Progress } from '../../terminal/progress.js';
import { requireRuns } from '../../terminal/runs.js';

/** What is left to be done after a look at a store, in a few words each; nothing where all is well or set aside. */
function problemsLeft(damaged: Verified['damaged'], repair: boolean): string[] {
  const denied = damaged.filter((run) => run.denied).length;
  const left = damaged.filter((run) => !run.denied && run.aside === undefined).length;
  return [
    ...(left === 0
      ? []
      : repair
        ? [`${plural(left, 'damaged run')} could not be set aside; see what is said of each`]
        : [
            `${plural(left, 'damaged run')}; set aside what is damaged with --repair, and the command that made it ` +
              'does it again',
          ]),
    ...(denied === 0
      ? []
      : [
          `${plural(denied, 'run')} may not be read by this user; make the files named above readable, and verify again`,
        ]),
  ];
}

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
        const denied = damaged.filter((run) => run.denied).length;
        process.stdout.write(
          `${plural(finished, 'finished run')} whole, ${unfinished} unfinished, ${damaged.length - denied} damaged` +
            `${denied === 0 ? '' : `, ${denied} that may not be read`}\n`,
        );
      }
      const left = problemsLeft(damaged, repair ?? false);
      if (left.length > 0) throw new FailureError(left.join('; '));
    });
}

import { resolve } from 'node:path';
import { Command } from 'commander';
import { FailureError, plural } from '../../../src/core/errors.js';
import { mergeStores, type Merged } from '../../../src/store/merge.js';
import { checkOut, examples, jsonOption, outOption } from '../../terminal/options.js';
import { Progress } from '../../terminal/progress.js';
import { requireRuns } from '../../terminal/runs.js';

/** `gowide runs merge`. */
export function command(): Command {
  return new Command('merge')
    .argument('<sources...>', 'folders with runs of other machines')
    .description(
      'take their runs into one folder; runs that are in both with other figures are named, and the first stays',
    )
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide runs merge machine-a machine-b --out results']))
    .action((sources: string[], { out, json }: { out: string; json?: boolean }) => {
      for (const source of sources) requireRuns(source);
      const target = checkOut(out);
      const progress = new Progress();
      const results = sources.map((source) =>
        mergeStores(target, resolve(source), (done, total) =>
          progress.update('merge', done / total, `${source} ${done}/${total}`),
        ),
      );
      progress.clear();
      const sum = (count: (result: Merged) => number): number =>
        results.reduce((total, result) => total + count(result), 0);
      const conflicts = results.flatMap((result) => result.conflicts);
      const problems = results.flatMap((result) => result.problems);
      const counts = { added: sum(({ added }) => added), present: sum(({ present }) => present) };
      if (json) process.stdout.write(`${JSON.stringify({ ...counts, conflicts, problems }, null, 2)}\n`);
      else {
        for (const { kept, other } of conflicts)
          process.stderr.write(
            `conflict: ${other} has other figures than ${kept}, which stays; compare them with: gowide runs show\n`,
          );
        for (const problem of problems) process.stderr.write(`${problem}\n`);
        process.stdout.write(
          `${plural(counts.added, 'run')} added, ${counts.present} already there, ${plural(conflicts.length, 'conflict')}, ` +
            `${problems.length} left out\n`,
        );
      }
      if (conflicts.length + problems.length > 0)
        throw new FailureError(
          `${plural(conflicts.length, 'conflict')}, ${plural(problems.length, 'folder')} left out; all other runs are merged`,
        );
    });
}

import { resolve } from 'node:path';
import { Command } from 'commander';
import { deleteGarbage, garbage } from '../../../src/store/merge.js';
import { examples, jsonOption, outOption } from '../../terminal/options.js';
import { requireRuns } from '../../terminal/runs.js';

/** `gowide runs gc`. */
export function command(): Command {
  return new Command('gc')
    .description('delete what nobody needs: leftovers of processes that are gone, and runs set aside')
    .addOption(outOption())
    .option('--unfinished', 'runs that were not brought to their end, too')
    .option('--dry-run', 'name it and delete nothing')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide runs gc --dry-run', 'gowide runs gc --unfinished --out results']))
    .action(
      ({ out, unfinished, dryRun, json }: { out: string; unfinished?: boolean; dryRun?: boolean; json?: boolean }) => {
        requireRuns(out);
        const warn = (line: string): void => void process.stderr.write(`warning: ${line}\n`);
        const found = garbage(resolve(out), { unfinished: unfinished ?? false }, warn);
        if (!dryRun) deleteGarbage(found);
        if (json) return void process.stdout.write(`${JSON.stringify({ deleted: !dryRun, found }, null, 2)}\n`);
        for (const { path, why } of found) process.stdout.write(`${path}: ${why}\n`);
        process.stdout.write(`${found.length} ${dryRun ? 'found' : 'deleted'}\n`);
      },
    );
}

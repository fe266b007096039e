import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../../core/errors.js';
import type { App } from '../app.js';
import { checkOut, DEFAULT_OUT, hasRuns, jsonOption } from '../options.js';

export function reportCommand(app: App): Command {
  return new Command('report')
    .argument('[folders...]', 'folders with runs', [DEFAULT_OUT])
    .description('draw the report of finished runs; the last line is its path')
    .option('--out <file>', 'HTML file (default: report.html in the first folder)')
    .option('--tables <dir>', 'write the results of the training experiments there as CSV and Markdown, and draw no page')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide report\n  gowide report results more-results --out both.html\n  gowide report results --tables reports/results')
    .action(async (folders: string[], { out, tables, json }: { out?: string; tables?: string; json?: boolean }) => {
      for (const folder of folders) {
        if (!hasRuns(folder)) throw new UsageError(`${resolve(folder)}: no runs there; make some with: gowide reproduce --out ${folder}`);
      }
      if (tables !== undefined) {
        const files = app.writeResults(folders, checkOut(tables));
        process.stdout.write(json ? `${JSON.stringify({ files }, null, 2)}\n` : `${files.length === 0 ? 'no finished training runs at a declared scale' : files.join('\n')}\n`);
        return;
      }
      const file = resolve(out ?? join(folders[0]!, 'report.html'));
      checkOut(dirname(file));
      const { verdicts, problems, runs } = await app.report(folders, file);
      if (json) {
        process.stdout.write(`${JSON.stringify({ report: file, runs, verdicts, problems }, null, 2)}\n`);
        return;
      }
      for (const problem of problems) process.stderr.write(`${problem}\n`);
      process.stdout.write(`${file}\n`);
    });
}

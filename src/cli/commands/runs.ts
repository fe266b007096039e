import { resolve } from 'node:path';
import { Command } from 'commander';
import { UsageError } from '../../core/errors.js';
import { findRun, listRuns, readMetrics, type RunRecord } from '../../store/runs.js';
import type { App } from '../app.js';
import { engineOption, hasRuns, jobsOption, jsonOption, outOption } from '../options.js';
import { textTable } from '../table.js';
import { work, type WorkOptions } from '../work.js';

function requireRuns(out: string): void {
  if (!hasRuns(out)) throw new UsageError(`${resolve(out)}: no runs there; name the folder with --out, or make some with: gowide reproduce`);
}

function brief(run: RunRecord): Record<string, string | number> {
  const { experiment, arm, scale, seed } = run.cell;
  return { run: run.id, experiment, arm, scale, seed, status: run.status, seconds: run.seconds ?? '' };
}

export function runsCommand(app: App): Command {
  const command = new Command('runs').description('what was run');
  command
    .command('list')
    .description('one line per run')
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide runs list\n  gowide runs list --out results --json')
    .action(({ out, json }: { out: string; json?: boolean }) => {
      requireRuns(out);
      const { runs, problems } = listRuns(out);
      process.stdout.write(
        json
          ? `${JSON.stringify({ runs: runs.map((run) => ({ ...brief(run), folder: run.folder, result: run.result ?? null })), problems }, null, 2)}\n`
          : `${textTable(runs.map(brief))}\n`,
      );
      if (!json) for (const problem of problems) process.stderr.write(`${problem}\n`);
    });
  command
    .command('show')
    .argument('<id>', 'the run’s id, or its first digits')
    .description('spec, environment and result of one run')
    .addOption(outOption())
    .addOption(jsonOption())
    .option('--metrics', 'print its metrics, a line each')
    .addHelpText('after', '\nExamples:\n  gowide runs show 180f4a\n  gowide runs show 180f4a --metrics')
    .action((id: string, { out, json, metrics }: { out: string; json?: boolean; metrics?: boolean }) => {
      requireRuns(out);
      const run = findRun(out, id);
      if (metrics) {
        if (run.status !== 'finished') throw new UsageError(`run ${run.id} is ${run.status}; its metrics are in ${run.folder}`);
        process.stdout.write(`${readMetrics(run).map((row) => JSON.stringify(row)).join('\n')}\n`); // prettier-ignore
        return;
      }
      const { cell, ...rest } = run;
      process.stdout.write(
        json
          ? `${JSON.stringify({ ...cell, ...rest }, null, 2)}\n`
          : `${textTable([brief(run)])}\nfolder: ${run.folder}\nspec: ${JSON.stringify(cell.spec, null, 2)}\nresult: ${JSON.stringify(run.result ?? null, null, 2)}\nenvironments: ${JSON.stringify(run.environments, null, 2)}\n`,
      );
    });
  command
    .command('export')
    .argument('<id>', 'a finished training run of a ResNet')
    .description('write its network as safetensors, in torchvision’s names and layouts')
    .addOption(outOption())
    .requiredOption('--output <file>', 'the file to write')
    .addHelpText('after', '\nExamples:\n  gowide runs export 180f4a --output thin.safetensors')
    .action((id: string, { out, output }: { out: string; output: string }) => {
      requireRuns(out);
      app.exportRun(findRun(out, id), output);
      process.stdout.write(`written to ${output}\n`);
    });
  command
    .command('resume')
    .argument('[ids...]', 'runs to go on with; all unfinished ones by default')
    .description('bring unfinished runs to their end')
    .addOption(outOption())
    .addOption(engineOption())
    .addOption(jobsOption())
    .addHelpText('after', '\nExamples:\n  gowide runs resume\n  gowide runs resume 180f4a --out results')
    .action(async (ids: string[], options: WorkOptions) => {
      requireRuns(options.out);
      const runs = ids.length > 0 ? ids.map((id) => findRun(options.out, id)) : listRuns(options.out).runs.filter((run) => run.status === 'unfinished');
      await work(app, runs.map((run) => run.cell), options); // prettier-ignore
      const finished = runs.map((run) => findRun(options.out, run.id));
      process.stdout.write(`${finished.length === 0 ? 'every run is finished' : textTable(finished.map(brief))}\n`);
    });
  return command;
}

import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { FailureError, UsageError } from '../../src/core/errors.js';
import { garbage, mergeStores, verifyStore, type Merged } from '../../src/store/adopt.js';
import { findRun, listRuns, readMetrics, type RunRecord } from '../../src/store/runs.js';
import type { App } from '../terminal/app.js';
import { checkOut, engineOption, hasRuns, jobsOption, jsonOption, outOption } from '../terminal/options.js';
import { Progress } from '../terminal/progress.js';
import { textTable } from '../terminal/table.js';
import { work, type WorkOptions } from '../terminal/work.js';

function requireRuns(out: string): void {
  if (!hasRuns(out))
    throw new UsageError(
      `${resolve(out)}: no runs there; name the folder with --out, or make some with: gowide reproduce`,
    );
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
        if (run.status !== 'finished')
          throw new UsageError(`run ${run.id} is ${run.status}; its metrics are in ${run.folder}`);
        process.stdout.write(
          `${readMetrics(run)
            .map((row) => JSON.stringify(row))
            .join('\n')}\n`,
        );
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
    .argument('<id>', 'a finished training run of a ResNet or a BERT')
    .description('write its network as safetensors, in torchvision’s or Hugging Face’s names and layouts')
    .addOption(outOption())
    .requiredOption(
      '--output <path>',
      'the file to write; for a BERT a name without extension is a folder, with config.json, vocab.txt, and its answers to SQuAD',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  gowide runs export 180f4a --output thin.safetensors\n  gowide runs export 93c0d2 --output thin-bert',
    )
    .action(async (id: string, { out, output }: { out: string; output: string }) => {
      requireRuns(out);
      await app.exportRun(findRun(out, id), output);
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
      const runs =
        ids.length > 0
          ? ids.map((id) => findRun(options.out, id))
          : listRuns(options.out).runs.filter((run) => run.status === 'unfinished');
      await work(
        app,
        runs.map((run) => run.cell),
        options,
      );
      const finished = runs.map((run) => findRun(options.out, run.id));
      process.stdout.write(`${finished.length === 0 ? 'every run is finished' : textTable(finished.map(brief))}\n`);
    });
  command
    .command('merge')
    .argument('<sources...>', 'folders with runs of other machines')
    .description(
      'take their runs into one folder; runs that are in both with other figures are named, and the first stays',
    )
    .addOption(outOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide runs merge machine-a machine-b --out results')
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
          `${counts.added} runs added, ${counts.present} were there, ${conflicts.length} conflicts, ${problems.length} left out\n`,
        );
      }
      if (conflicts.length + problems.length > 0)
        throw new FailureError(
          `${conflicts.length} conflicts, ${problems.length} folders left out; all other runs are merged`,
        );
    });
  command
    .command('verify')
    .description('compare every file of every finished run with its hash')
    .addOption(outOption())
    .option('--repair', 'set damaged runs aside, so that their cells are done again')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide runs verify\n  gowide runs verify --repair --out results')
    .action(({ out, repair, json }: { out: string; repair?: boolean; json?: boolean }) => {
      requireRuns(out);
      const progress = new Progress();
      const result = verifyStore(resolve(out), { repair: repair ?? false }, (done, total) =>
        progress.update('verify', done / total, `${done}/${total}`),
      );
      progress.clear();
      const { finished, unfinished, damaged } = result;
      if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
      else {
        for (const { problem, aside } of damaged)
          process.stderr.write(`${problem}${aside === undefined ? '' : `; set aside in ${aside}`}\n`);
        process.stdout.write(
          `${finished} finished runs are whole, ${unfinished} are unfinished, ${damaged.length} are damaged\n`,
        );
      }
      if (damaged.length > 0 && !repair)
        throw new FailureError(
          `${damaged.length} damaged runs; set them aside with --repair, and the command that made them does them again`,
        );
    });
  command
    .command('gc')
    .description('delete what nobody needs: leftovers of processes that are gone, and runs set aside')
    .addOption(outOption())
    .option('--unfinished', 'runs that were not brought to their end, too')
    .option('--dry-run', 'name it and delete nothing')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide runs gc --dry-run\n  gowide runs gc --unfinished --out results')
    .action(
      ({ out, unfinished, dryRun, json }: { out: string; unfinished?: boolean; dryRun?: boolean; json?: boolean }) => {
        requireRuns(out);
        const found = garbage(resolve(out), { unfinished: unfinished ?? false });
        if (!dryRun) for (const { path } of found) rmSync(path, { recursive: true, force: true });
        if (json) return void process.stdout.write(`${JSON.stringify({ deleted: !dryRun, found }, null, 2)}\n`);
        for (const { path, why } of found) process.stdout.write(`${path}: ${why}\n`);
        process.stdout.write(`${found.length} ${dryRun ? 'found' : 'deleted'}\n`);
      },
    );
  return command;
}

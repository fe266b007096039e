import { Command } from 'commander';
import { unknownName } from '../../core/errors.js';
import { folderOf, readMetrics, readRun } from '../../store/runs.js';
import type { App } from '../app.js';
import { checkOut, jobsOption, jsonOption, outOption, scaleOption, seedOption, seedsOption } from '../options.js';
import { textTable } from '../table.js';
import { exactCommand } from './exact.js';
import { simulateCommand } from './simulate.js';
import { declaredCells, work, type WorkOptions } from '../work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly json?: boolean;
}

export function theoryCommand(app: App): Command {
  const command = new Command('theory').description('mean-field studies, in float64');
  command
    .command('list')
    .description('the studies and the laws that they test')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide theory list\n  gowide theory list --json')
    .action(({ json }: { json?: boolean }) => {
      const list = app.studies.map(({ name, law, rule, seeds }) => ({ name, law, rule, scales: Object.keys(seeds) }));
      process.stdout.write(
        `${json ? JSON.stringify(list, null, 2) : list.map(({ name, law, rule, scales }) => `${name.padEnd(12)} ${law}\n${' '.repeat(13)}rule: ${rule}\n${' '.repeat(13)}scales: ${scales.join(', ')}`).join('\n')}\n`,
      );
    });
  command
    .command('run')
    .argument('<study>', 'name of a study, or "all"')
    .description('run a study for several seeds')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(seedsOption())
    .addOption(jobsOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide theory run width\n  gowide theory run all --scale minutes --json')
    .action(async (name: string, options: Options) => {
      const studies = name === 'all' ? app.studies : app.studies.filter((study) => study.name === name);
      if (studies.length === 0) throw unknownName('study', name, ['all', ...app.studies.map((study) => study.name)]);
      const cells = declaredCells(studies, options.scale, options.seed, options.seeds);
      const out = checkOut(options.out);
      await work(app, cells, options);
      const runs = cells.map((cell) => readRun(folderOf(out, cell)));
      if (options.json) {
        const records = runs.map((run) => ({ run: run.id, study: run.cell.experiment, arm: run.cell.arm, seed: run.cell.seed, rows: readMetrics(run) }));
        process.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
      } else {
        process.stdout.write(`${textTable(runs.map((run) => ({ run: run.id, study: run.cell.experiment, arm: run.cell.arm, seed: run.cell.seed, seconds: run.seconds ?? 0 })))}\n`);
        process.stdout.write(`Figures and verdicts: gowide report ${options.out}\n`);
      }
    });
  command.addCommand(simulateCommand(app));
  command.addCommand(exactCommand(app));
  return command;
}

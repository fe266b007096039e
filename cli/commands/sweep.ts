import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { unknownName, UsageError } from '../../src/core/errors.js';
import type { Experiment } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { parseShard, shardOf } from '../../src/sweep/backends/shard.js';
import { submitSlurm, writeSlurm } from '../../src/sweep/backends/slurm.js';
import { experimentGroups, EXPERIMENTS, reproducedExperiments } from '../../experiments/registry.js';
import { RUNNERS } from '../../experiments/runners.js';
import { EXECUTABLE } from '../terminal/executable.js';
import { checkOut, jsonOption, queueNameOption, queueOption, wholeNumber } from '../terminal/options.js';
import { withRunOptions } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { declaredCells, work, workQueue, type WorkOptions } from '../terminal/work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly queue?: string;
  readonly name: string;
  readonly shard?: string;
  readonly slurm?: boolean;
  readonly script?: boolean;
  readonly tasks: number;
  readonly time: number;
  readonly cpus: number;
  readonly gpus: number;
  readonly memory?: number;
  readonly partition?: string;
  readonly sbatch: string[];
  readonly json?: boolean;
}

/** Experiments by name, or by the name of their group; `all` is what reproduce runs. */
function chosen(names: readonly string[]): Experiment[] {
  const groups: Readonly<Record<string, readonly Experiment[]>> = {
    all: reproducedExperiments(),
    ...experimentGroups(),
  };
  const found = names.flatMap((name) => {
    if (Object.hasOwn(groups, name)) return groups[name]!;
    if (Object.hasOwn(EXPERIMENTS, name)) return [EXPERIMENTS[name]!];
    throw unknownName('experiment', name, [...Object.keys(groups), ...Object.keys(EXPERIMENTS)]);
  });
  return [...new Map(found.map((experiment) => [experiment.name, experiment])).values()];
}

/** Throws UsageError without an address. */
export function placeOf({ queue, name }: { queue?: string; name: string }): { url: string; name: string } {
  if (!queue) throw new UsageError('--queue or $GOWIDE_QUEUE is needed: redis://[user:password@]host[:port][/db]');
  if (!/^[\w-]{1,64}$/.test(name)) throw new UsageError(`--name ${name}: expected letters, digits, "-" and "_"`);
  return { url: queue, name };
}

/** The words of one task's command: this one, without what concerns Slurm. */
function taskCommand(names: readonly string[], { scale, seed, seeds, out, engine, jobs }: Options): string[] {
  const optional = [
    ...(seeds === undefined ? [] : ['--seeds', String(seeds)]),
    ...(engine === undefined ? [] : ['--engine', engine]),
  ];
  return [
    process.execPath,
    EXECUTABLE,
    'sweep',
    'run',
    ...names,
    '--scale',
    scale,
    '--seed',
    String(seed),
    ...optional,
    '--out',
    resolve(out),
    '--jobs',
    String(jobs),
  ];
}

async function runSweep(names: readonly string[], options: Options): Promise<void> {
  const declared = declaredCells(chosen(names), options.scale, options.seed, options.seeds);
  const out = checkOut(options.out);
  if (options.slurm) {
    const { tasks, time, cpus, gpus, memory, partition, sbatch } = options;
    const jobs = Math.min(options.jobs, cpus);
    const command = taskCommand(names, { ...options, jobs });
    const script = writeSlurm({
      out,
      tasks,
      minutes: time,
      cpus,
      threads: Math.max(1, Math.floor(cpus / jobs)),
      gpus,
      memoryGiB: memory,
      partition,
      extra: sbatch,
      command,
    });
    const job = options.script ? null : submitSlurm(script);
    if (options.json)
      process.stdout.write(`${JSON.stringify({ script, job, cells: declared.length, tasks }, null, 2)}\n`);
    else
      process.stdout.write(
        `${job === null ? '' : `job ${job}: ${tasks} tasks for ${declared.length} cells; see: squeue --job ${job}\n`}${script}\n`,
      );
    return;
  }
  const cells = options.shard === undefined ? declared : shardOf(declared, RUNNERS, parseShard(options.shard));
  if (options.queue && options.shard === undefined) await workQueue(cells, { ...placeOf(options), out });
  else await work(cells, options);
  summary(cells, out, options.json ?? false);
}

function summary(cells: readonly Cell[], out: string, json: boolean): void {
  const experiments = new Map<string, number>();
  for (const { experiment } of cells) experiments.set(experiment, (experiments.get(experiment) ?? 0) + 1);
  if (json)
    process.stdout.write(
      `${JSON.stringify({ out, cells: cells.length, experiments: Object.fromEntries(experiments) }, null, 2)}\n`,
    );
  else
    process.stdout.write(`${cells.length} cells are finished in ${out}\nFigures and verdicts: gowide report ${out}\n`);
}

/** The command, for the record of commands. */
export function command(): Command {
  const command = new Command('sweep')
    .description('run many cells: on this machine, on workers through a queue, or on a cluster')
    .addHelpText(
      'after',
      '\nExamples:\n  gowide sweep theory --scale laptop\n  gowide sweep theory --queue redis://host     with: gowide worker --queue redis://host, on any number of machines\n  gowide sweep status --queue redis://host\n  gowide sweep all --slurm --tasks 16 --out /shared/results\n  gowide sweep all --shard 2/16 --out /shared/results\n\nWhat is finished is not done again, wherever it was done; gowide runs merge brings stores together.',
    );
  withRunOptions(command.command('run', { isDefault: true }))
    .argument('<experiments...>', 'names of experiments; "theory": all of its studies; "all": what reproduce runs')
    .description('run the cells of experiments (the default)')
    .addOption(queueOption())
    .addOption(queueNameOption())
    .addOption(
      new Option(
        '--shard <i/n>',
        'the i-th of n parts of the cells, for schedulers of all kinds; parts share nothing',
      ).conflicts(['slurm']),
    )
    .option('--slurm', 'submit an array job; --out has to be on a disk that every node sees')
    .option('--script', 'with --slurm: write the script and do not submit it')
    .addOption(new Option('--tasks <n>', 'with --slurm: tasks of the array').default(8).argParser(wholeNumber(1)))
    .addOption(
      new Option('--time <minutes>', 'with --slurm: time limit of a task; it saves, leaves and is queued again before')
        .default(60)
        .argParser(wholeNumber(3)),
    )
    .addOption(new Option('--cpus <n>', 'with --slurm: cores of a task').default(2).argParser(wholeNumber(1)))
    .addOption(new Option('--gpus <n>', 'with --slurm: GPUs of a task').default(0).argParser(wholeNumber(0)))
    .addOption(new Option('--memory <GiB>', 'with --slurm: memory of a task').argParser(wholeNumber(1)))
    .option('--partition <name>', 'with --slurm')
    .option(
      '--sbatch <option>',
      'with --slurm: another option for sbatch, as --sbatch=--account=x (repeatable)',
      (value: string, list: string[]) => [...list, value],
      [] as string[],
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  gowide sweep theory --scale laptop --jobs 8\n  gowide sweep width depth --queue redis://host --out results\n  gowide sweep all --slurm --script --tasks 4',
    )
    .action((names: string[], options: Options) => runSweep(names, options));
  command
    .command('status')
    .description('what is in the queue, at work, set aside')
    .addOption(queueOption())
    .addOption(queueNameOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide sweep status --queue redis://host')
    .action(async (options: { queue?: string; name: string; json?: boolean }) => {
      const { queueStatus } = await import('../../src/sweep/backends/bullmq/control.js');
      const status = await queueStatus(placeOf(options));
      if (options.json) return void process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
      const { active, failed, ...counts } = status;
      process.stdout.write(
        `${textTable([{ ...counts, paused: String(counts.paused), active: active.length, failed: failed.length }])}\n`,
      );
      if (active.length > 0)
        process.stdout.write(
          `at work:\n${textTable(active.map(({ worker, ...rest }) => ({ ...rest, worker: worker ?? '' })))}\n`,
        );
      if (failed.length > 0) process.stdout.write(`set aside:\n${textTable(failed)}\n`);
    });
  const control = (
    name: string,
    description: string,
    act: (place: { url: string; name: string }) => Promise<string>,
  ): void =>
    void command
      .command(name)
      .description(description)
      .addOption(queueOption())
      .addOption(queueNameOption())
      .addHelpText('after', `\nExamples:\n  gowide sweep ${name} --queue redis://host`)
      .action(
        async (options: { queue?: string; name: string }) =>
          void process.stdout.write(`${await act(placeOf(options))}\n`),
      );
  control('pause', 'workers finish what they have, and take nothing more', async (place) => {
    await (await import('../../src/sweep/backends/bullmq/control.js')).pauseQueue(place);
    return 'paused; go on with: gowide sweep resume';
  });
  control('resume', 'workers go on', async (place) => {
    await (await import('../../src/sweep/backends/bullmq/control.js')).resumeQueue(place);
    return 'workers go on';
  });
  control(
    'cancel',
    'drop every cell; workers stop within seconds, and finished runs stay where they are stored',
    async (place) => {
      const dropped = await (await import('../../src/sweep/backends/bullmq/control.js')).cancelQueue(place);
      return `${dropped} cells dropped`;
    },
  );
  return command;
}

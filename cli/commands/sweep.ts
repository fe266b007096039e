import { resolve } from 'node:path';
import { Command } from 'commander';
import { isOrAre, plural, rewording, unknownName } from '../../src/core/errors.js';
import { CUSTOM_SCALE, type Experiment } from '../../src/core/experiment.js';
import type { Json } from '../../src/core/json.js';
import { oncePer } from '../../src/core/memo.js';
import type { Cell } from '../../src/core/run.js';
import type { BackendOptions, Values } from '../../src/sweep/backends/backend.js';
import {
  backendOf,
  controlNames,
  controlOf,
  controlOptions,
  runOptions,
  type Control,
  type Given,
} from '../../src/sweep/backends/registry.js';
import { TRAIN_KIND } from '../../src/method/run/required.js';
import { TrainSpec } from '../../src/method/spec/spec.js';
import { experimentGroups, EXPERIMENTS, reproducedExperiments } from '../../experiments/registry.js';
import { EXECUTABLE } from '../terminal/executable.js';
import { NamedArgument } from '../terminal/choices.js';
import { checkCell } from '../terminal/check-cell.js';
import { backendList, withBackendOptions } from '../terminal/backends.js';
import { experimentList } from '../terminal/experiments.js';
import { shellWord } from '../../src/core/shell.js';
import { examples, jsonOption } from '../terminal/options.js';
import { applySettings } from '../terminal/deep-settings.js';
import { setOption, settingsOf, withSettings } from '../terminal/settings.js';
import { withRunOptions } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { declaredCells, declaredOf, workElsewhere, type WorkOptions } from '../terminal/work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly set: readonly string[];
  readonly json?: boolean;
}

/** Experiments by name, or those of a group that a scale has; `all` is what reproduce runs. */
function chosen(names: readonly string[], scale: string): Experiment[] {
  const groups: Readonly<Record<string, readonly Experiment[]>> = {
    all: reproducedExperiments(),
    ...experimentGroups(),
  };
  const found = names.flatMap((name) => {
    if (Object.hasOwn(groups, name)) return declaredOf(name, groups[name]!, scale);
    if (Object.hasOwn(EXPERIMENTS, name)) return [EXPERIMENTS[name]!];
    throw unknownName('experiment', name, [...Object.keys(groups), ...Object.keys(EXPERIMENTS)]);
  });
  return [...new Map(found.map((experiment) => [experiment.name, experiment])).values()];
}

/**
 * Cells with every setting in their specs, at a scale of their own, as no claim was declared for them. Throws
 * UsageError that names the experiment where one of them has no such key.
 */
function changed(cells: readonly Cell[], typed: readonly string[]): readonly Cell[] {
  const settings = settingsOf(typed, 'training.steps=100');
  if (settings.length === 0) return cells;
  // once for each arm: its seeds share one object
  const byKind = (kind: string): ((spec: Cell['spec']) => Cell['spec']) =>
    oncePer((spec) =>
      kind === TRAIN_KIND
        ? applySettings(TrainSpec, structuredClone(spec) as Record<string, Json>, settings)
        : (withSettings(spec as Readonly<Record<string, unknown>>, settings) as Cell['spec']),
    );
  const specs = new Map([...new Set(cells.map(({ kind }) => kind))].map((kind) => [kind, byKind(kind)]));
  const checked = new Set<Cell['spec']>();
  return cells.map((cell) =>
    rewording(
      (message) => `${message} (experiment ${cell.experiment}, arm ${cell.arm})`,
      () => {
        const own = { ...cell, spec: specs.get(cell.kind)!(cell.spec), scale: CUSTOM_SCALE };
        if (checked.size < checked.add(own.spec).size) checkCell(own);
        return own;
      },
    ),
  );
}

/** The words of this command without the options of its back end, for back ends that start it elsewhere. */
function taskCommand(
  names: readonly string[],
  { scale, seed, seeds, set, out, engine, jobs, threads }: Options,
): string[] {
  const optional = [
    ...(seeds === undefined ? [] : ['--seeds', String(seeds)]),
    ...set.flatMap((setting) => ['--set', setting]),
    ...(engine === undefined ? [] : ['--engine', engine]),
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
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

async function runSweep(names: readonly string[], options: Options & Values<BackendOptions>): Promise<void> {
  const declared = declaredCells(chosen(names, options.scale), options.scale, options.seed, options.seeds);
  const cells = changed(declared, options.set);
  const outcome = await workElsewhere(backendOf(options), cells, options, (jobs) =>
    taskCommand(names, { ...options, jobs }),
  );
  if (outcome.state === 'finished') return summary(outcome.cells, resolve(options.out), options.json ?? false);
  process.stdout.write(`${options.json ? JSON.stringify(outcome.data, null, 2) : outcome.text}\n`);
}

function summary(cells: readonly Cell[], out: string, json: boolean): void {
  const experiments = new Map<string, number>();
  for (const { experiment } of cells) experiments.set(experiment, (experiments.get(experiment) ?? 0) + 1);
  if (json)
    process.stdout.write(
      `${JSON.stringify({ out, cells: cells.length, experiments: Object.fromEntries(experiments) }, null, 2)}\n`,
    );
  else
    process.stdout.write(
      `${plural(cells.length, 'cell')} ${isOrAre(cells.length)} finished in ${out}\nFigures and verdicts: gowide report ${shellWord(out)}\n`,
    );
}

async function printStatus(options: Given & Values<BackendOptions> & { readonly json?: boolean }): Promise<void> {
  const { counts, active, failed } = await controlOf('status', options)(options);
  if (options.json) return void process.stdout.write(`${JSON.stringify({ ...counts, active, failed }, null, 2)}\n`);
  process.stdout.write(`${textTable([printable({ ...counts, active: active.length, failed: failed.length })])}\n`);
  if (active.length > 0) process.stdout.write(`at work:\n${textTable(active.map(printable))}\n`);
  if (failed.length > 0) process.stdout.write(`set aside:\n${textTable(failed.map(printable))}\n`);
}

function printable(
  row: Readonly<Record<string, string | number | boolean | undefined>>,
): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'boolean' ? String(value) : (value ?? '')]),
  );
}

/** Experiments and their groups, with the title of each. */
function experimentsArgument(): NamedArgument {
  const groups = Object.entries(experimentGroups()).map(
    ([name, experiments]) => [name, `the ${plural(experiments.length, 'experiment')} of this group`] as const,
  );
  const titles = Object.values(EXPERIMENTS).map(({ name, title }) => [name, title] as const);
  const choices = { all: 'what reproduce runs', ...Object.fromEntries([...groups, ...titles]) };
  return new NamedArgument('experiments...', 'experiments or groups of them', choices);
}

type Change = Exclude<Control, 'status'>;

/** What changes a sweep that is at work, with what help says of it. */
const CHANGES: Readonly<Record<Change, string>> = {
  pause: 'workers finish what they have, and take nothing more',
  resume: 'workers go on',
  cancel: 'drop every cell; workers stop within seconds, and finished runs stay where they are stored',
};

/** `gowide sweep`. */
export function command(): Command {
  const command = new Command('sweep')
    .description('run many cells: on this machine, on workers through a queue, or on a cluster')
    .addHelpText(
      'after',
      examples(
        [
          'gowide sweep theory --scale laptop',
          'gowide sweep theory --queue redis://host',
          'gowide worker --queue redis://host    # on any number of machines',
          'gowide sweep status --queue redis://host',
          'gowide sweep all --slurm --tasks 16 --out /shared/results',
          'gowide sweep all --shard 2/16 --out /shared/results',
        ],
        'What is finished is not done again, wherever it was done; gowide runs merge brings stores together.',
      ),
    );
  withBackendOptions(withRunOptions(command.command('run', { isDefault: true })), runOptions())
    .addArgument(experimentsArgument())
    .description('run the cells of experiments (the default)')
    .addHelpText('after', () => `${backendList()}\n${experimentList(experimentGroups())}`)
    .addOption(setOption('change one value of the spec of every arm (repeatable); the runs are judged apart'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide sweep theory --scale laptop --jobs 8',
        'gowide sweep resnet-digits depth-skip --set training.ema=0.99',
        'gowide sweep width depth --queue redis://host --out results',
        'gowide sweep all --slurm --script --tasks 4',
      ]),
    )
    .action((names: string[], options: Options & Values<BackendOptions>) => runSweep(names, options));
  const control = (name: Control, description: string): Command =>
    withBackendOptions(command.command(name), controlOptions(name), controlNames(name))
      .description(description)
      .addHelpText('after', examples([`gowide sweep ${name} --queue redis://host`]));
  control('status', 'what is in the queue, at work, set aside').addOption(jsonOption()).action(printStatus);
  for (const [name, description] of Object.entries(CHANGES) as [Change, string][])
    control(name, description).action(
      async (options: Given & Values<BackendOptions>) =>
        void process.stdout.write(`${await controlOf(name, options)(options)}\n`),
    );
  return command;
}

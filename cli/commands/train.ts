import { basename, extname } from 'node:path';
import { Command, Option } from 'commander';
import { naming, listed, plural, rewording, UsageError } from '../../src/core/errors.js';
import { cellsOf, CUSTOM_SCALE, parseScale, type Scale } from '../../src/core/experiment.js';
import type { Json } from '../../src/core/json.js';
import { oncePer } from '../../src/core/memo.js';
import { nameOf, type Cell } from '../../src/core/run.js';
import { shellWord } from '../../src/core/shell.js';
import { DATASETS, qualityColumns } from '../../src/data/index.js';
import { requestedEngine } from '../../src/engine/engines/choose.js';
import { checkToRun } from '../../src/method/run/check-spec.js';
import { checkedSpec } from '../../src/method/run/runner.js';
import { inSteps } from '../../src/method/spec/epochs.js';
import { TrainSpec } from '../../src/method/spec/spec.js';
import { FAMILIES } from '../../src/models/index.js';
import { IMITATION_LOSSES } from '../../src/optim/losses.js';
import type { RunRecord } from '../../src/store/runs.js';
import { trainExperiment, trainExperiments } from '../../experiments/registry.js';
import { readDeclaration } from '../../src/store/config.js';
import { ARM_PATTERN, armsAtScale } from '../terminal/arms.js';
import { applySettings } from '../terminal/deep-settings.js';
import { experimentList, experimentOption, groupArgument } from '../terminal/experiments.js';
import { notice } from '../terminal/notices.js';
import { checkOut, examples, jsonOption } from '../terminal/options.js';
import { withRunOptions } from '../terminal/run-options.js';
import { setOption, settingsOf } from '../terminal/settings.js';
import { wantsWorkers, withWorkerOptions, workTogether, type TogetherOptions } from '../terminal/together.js';
import { textTable } from '../terminal/table.js';
import { declaredCells, finishedRuns, work } from '../terminal/work.js';

interface Options extends TogetherOptions {
  readonly arm: string;
  readonly experiment?: string;
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly set: string[];
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

type Spec = Record<string, Json>;

/** A name for what a file declares: the file's own, as far as it can be one of a folder. */
function nameOfFile(path: string): string {
  return (
    basename(path, extname(path))
      .replace(/[^\p{L}\p{N}_ -]+/gu, '-')
      .replace(/^[- ]+|[- ]+$/g, '') || 'custom'
  );
}

/** The families of the networks that a group of experiments trains. */
function familiesOf(group: string): Set<string> {
  const experiments = trainExperiments()[group] ?? [];
  const specs = experiments.flatMap(({ arms, seeds }) =>
    (Object.keys(seeds) as Scale[]).flatMap((scale) => Object.values(arms(scale)).map(({ spec }) => spec)),
  );
  return new Set(specs.map((spec) => (spec as { readonly network: { readonly family: string } }).network.family));
}

/** Throws UsageError where a file declares a network that another group of experiments trains. */
function checkFamily(name: string, { config }: Options, { network }: Spec): void {
  const { family } = (network ?? {}) as { readonly family?: unknown };
  if (typeof family !== 'string' || familiesOf(name).has(family)) return;
  const other = Object.keys(trainExperiments()).find((group) => familiesOf(group).has(family));
  if (other !== undefined)
    throw new UsageError(
      `${config}: network.family is "${family}", which "gowide train ${name}" does not train; ` +
        `expected: gowide train ${other} --config ${shellWord(config!)}`,
    );
}

/** Throws UsageError where a file holds the specs of several arms, as --print-config prints them without --arm. */
function checkOneSpec(file: string, spec: Spec): void {
  const isSpec = (value: Json | undefined): boolean =>
    typeof value === 'object' && value !== null && 'network' in value && 'training' in value;
  const arms = Object.keys(spec);
  if (arms.length > 0 && arms.every((arm) => isSpec(spec[arm])))
    throw new UsageError(
      `${file}: it holds the specs of ${plural(arms.length, 'arm')}, ${listed(arms)}; expected one spec; print one ` +
        'with --arm NAME --print-config',
    );
}

/** The file that is to blame for a fault of its spec; none where the fault may be in what `--set` changed. */
function unlessSet({ config, set }: Options): string | undefined {
  return set.length === 0 ? config : undefined;
}

/** The cells that the options name, each with a spec that its schema takes and that fits what is known of its data. */
async function cellsFor(name: string, options: Options): Promise<Cell[]> {
  const cells = await givenCells(name, options);
  const file = unlessSet(options);
  for (const spec of new Set(cells.map((cell) => cell.spec))) naming(file, () => checkToRun(checkedSpec(spec)));
  return cells;
}

async function givenCells(name: string, options: Options): Promise<Cell[]> {
  const experiment = trainExperiment(name, options.experiment);
  const settings = settingsOf(options.set, 'training.steps=100');
  const seeds = options.seeds ?? (options.arm === 'all' ? undefined : 1);
  if (options.config !== undefined) {
    const spec = readDeclaration(options.config, notice) as Spec;
    checkOneSpec(options.config, spec);
    checkFamily(name, options, spec);
    const set = await naming(unlessSet(options), () => inSteps(applySettings(TrainSpec, spec, settings)));
    const own = { name: options.experiment ?? 'custom', seeds: { minutes: 1 } };
    const single = { ...experiment, ...own, arms: () => ({ [nameOfFile(options.config!)]: { spec: set } }) };
    return cellsOf(single, 'minutes', options.seed, seeds).map((cell) => ({ ...cell, scale: CUSTOM_SCALE }));
  }
  const scale = parseScale(options.scale);
  const cells = declaredCells([experiment], scale, options.seed, seeds);
  const chosen = new Set(armsAtScale(experiment, scale, options.arm));
  const own = cells.filter(({ arm }) => chosen.has(arm));
  if (settings.length === 0) return own;
  // once for each arm: its seeds share one object
  const changed = oncePer((spec: Cell['spec']) => applySettings(TrainSpec, structuredClone(spec) as Spec, settings));
  const ofArm = (message: string, arm: string): string => (chosen.size > 1 ? `${message} (arm ${arm})` : message);
  return own.map((cell) => {
    const spec = rewording(
      (message) => ofArm(message, cell.arm),
      () => changed(cell.spec),
    );
    return { ...cell, spec, scale: CUSTOM_SCALE };
  });
}

/** Prints the specs that the options name: one alone as itself, several under the names of their arms. */
function printSpecs(cells: readonly Cell[]): void {
  const arms = Object.fromEntries(cells.map((cell) => [cell.arm, cell.spec]));
  process.stdout.write(`${JSON.stringify(Object.keys(arms).length === 1 ? Object.values(arms)[0] : arms, null, 2)}\n`);
}

function printRuns(runs: readonly RunRecord[], json: boolean): void {
  if (json) {
    const rows = runs.map(({ id, folder, cell, seconds, result }) => ({
      run: id,
      folder,
      arm: cell.arm,
      seed: cell.seed,
      seconds,
      ...result,
    }));
    return void process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  }
  const rows = runs.map(({ id, cell, seconds, result }) => {
    const { parameters, steps } = result as Record<string, number>;
    const { data } = cell.spec as { readonly data: { readonly set: string } };
    return {
      run: id,
      arm: cell.arm,
      seed: cell.seed,
      parameters: parameters!,
      steps: steps!,
      ...qualityColumns(data, result!),
      seconds: seconds ?? 0,
    };
  });
  process.stdout.write(`${textTable(rows)}\n`);
}

/** Says how much of the data each run could not use, and where it is named. */
function tellSkipped(runs: readonly RunRecord[]): void {
  for (const { id, cell, result } of runs) {
    const count = Number(result?.skipped ?? 0);
    if (count > 0) notice(`${nameOf(cell)}: ${count} of the data left out; named by: gowide runs show ${id} --metrics`);
  }
}

/** `gowide train`. */
export function command(): Command {
  return withWorkerOptions(withRunOptions(new Command('train'), { seedsBut: '1 with --arm or --config' }))
    .addArgument(groupArgument(trainExperiments()))
    .description('train the arms of an experiment: the wide net, the thin net directly, and in three stages')
    .addOption(experimentOption(trainExperiments()))
    .option('--arm <pattern>', ARM_PATTERN, 'all')
    .addOption(setOption('change one value of the spec (repeatable)'))
    .addOption(
      new Option(
        '--config <file>',
        'a spec of your own, as --print-config prints it; a recipe may say epochs for steps',
      ).conflicts(['arm', 'scale']),
    )
    .option('--print-config', 'print the specs and do nothing else')
    .addOption(jsonOption())
    .addHelpText('after', () => experimentList(trainExperiments()))
    .addHelpText('after', () => `\nData sets of a spec (data.set): ${Object.keys(DATASETS).join(', ')}`)
    .addHelpText('after', () => `Networks of a spec (network.family): ${Object.keys(FAMILIES).join(', ')}`)
    .addHelpText(
      'after',
      () => `Imitation losses of a spec (imitation.loss): ${Object.keys(IMITATION_LOSSES).join(', ')}`,
    )
    .addHelpText(
      'after',
      examples([
        'gowide train resnet',
        'gowide train resnet --arm three-stage --seed 7 --set training.steps=500',
        'gowide train resnet --arm direct --print-config > mine.json',
        'gowide train resnet --config mine.json',
        'gowide train bert --arm direct --local-workers 2',
        'GOWIDE_WORKERS_SECRET=... gowide train bert --workers 10.0.0.1:4000,10.0.0.2:4000 --task 0',
      ]),
    )
    .action(async (name: string, options: Options) => {
      const together = wantsWorkers(options);
      requestedEngine(options.engine);
      const cells = await cellsFor(name, options);
      if (options.printConfig) return printSpecs(cells);
      if (together && !(await workTogether(cells, options))) return; // worker 0 has the runs
      const diverged = together ? undefined : await work(cells, options);
      const out = checkOut(options.out);
      const runs = finishedRuns(cells, out);
      tellSkipped(runs);
      if (diverged === undefined || runs.length > 0) printRuns(runs, options.json ?? false);
      if (diverged !== undefined) throw diverged;
    });
}

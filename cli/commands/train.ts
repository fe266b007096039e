import { basename, extname } from 'node:path';
import { Command, Option } from 'commander';
import { naming, listed, nearestName, plural, rewording, UsageError } from '../../src/core/errors.js';
import { isUnknownKey, issuesAt } from '../../src/core/issues.js';
import { cellsOf, CUSTOM_SCALE, parseScale, type Scale } from '../../src/core/experiment.js';
import type { Json } from '../../src/core/json.js';
import { oncePer } from '../../src/core/memo.js';
import { nameOf, type Cell } from '../../src/core/run.js';
import { currentKey, currentSpec } from '../../src/core/spec.js';
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
import { experimentList, experimentOption, groupArgument } from '../terminal/experiments.js';
import { notice } from '../terminal/notices.js';
import { checkOut, examples, jsonOption } from '../terminal/options.js';
import { withRunOptions } from '../terminal/run-options.js';
import { givenTwice, setOption, settingsOf, settingValue, type Setting } from '../terminal/settings.js';
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

/**
 * `training.steps=50`: changes one value of a spec, or adds one that the schema knows and the spec leaves out. A key by
 * its old name is taken for the new one, with a line that says so. A value is JSON, or a text where the schema wants
 * one: a folder may be called 2012. Returns the key in the words of this version. Throws UsageError on a key that the
 * schema does not know.
 */
function applySetting(spec: Spec, setting: Setting): string {
  const { keys, holder, added } = placeOf(spec, setting);
  const last = keys.at(-1)!;
  holder[last] = valueFor(spec, keys, setting, (value) => (holder[last] = value));
  for (let depth = added?.depth ?? Infinity; depth <= keys.length; depth++) {
    const to = keys.slice(0, depth);
    if (isUnknownKey(TrainSpec, spec, to)) throw noKey(setting, to, depth === added!.depth ? added!.known : []);
  }
  const path = keys.join('.');
  if (path !== setting.path) notice(`--set: "${setting.path}" is now "${path}"`);
  return path;
}

function noKey({ typed }: Setting, keys: readonly string[], known: readonly string[]): UsageError {
  const here = known.length > 0 ? `; here are: ${known.join(', ')}` : '';
  const near = nearestName(keys.at(-1)!, known);
  const hint = near === undefined ? '' : `. Did you mean "${[...keys.slice(0, -1), near].join('.')}"?`;
  return new UsageError(`--set ${typed}: no key "${keys.join('.')}"${here}${hint}`);
}

function noEntry({ typed }: Setting, keys: readonly string[], length: number): UsageError {
  return new UsageError(
    `--set ${typed}: no key "${keys.join('.')}"; the list there has ${plural(length, 'entry', 'entries')}, which are called 0, 1, ...`,
  );
}

/** The error of a key within what has none: nothing, as the imitation of an arm without it, or a single value. */
function noObject({ typed }: Setting, keys: readonly string[], inner: string, found: Json | undefined): UsageError {
  const path = keys.join('.');
  return new UsageError(`--set ${typed}: no key "${path}.${inner}", as ${path} is ${JSON.stringify(found)}`);
}

/** Where a setting belongs in a spec. */
interface Place {
  /** The path to it, in the words of this version. */
  readonly keys: readonly string[];
  readonly holder: Spec;
  /** How many keys lead to the first that was not there, and those that were beside it. */
  readonly added?: { readonly depth: number; readonly known: readonly string[] };
}

/** Whether a spec's object has a key, or its list an entry; a list's length is none of them. */
function hasKey(holder: Spec, key: string): boolean {
  return Object.hasOwn(holder, key) && (!Array.isArray(holder) || /^\d+$/.test(key));
}

/** Follows a path through a spec, and adds what is not there. Throws UsageError where nothing can be added. */
function placeOf(spec: Spec, setting: Setting): Place {
  const given = setting.path.split('.');
  const keys: string[] = [];
  let [holder, added]: [Spec, Place['added']] = [spec, undefined];
  for (const [i, name] of given.entries()) {
    const key = Array.isArray(holder) ? name : currentKey(name, holder);
    keys.push(key);
    const known = Object.keys(holder);
    if (!hasKey(holder, key)) {
      if (Array.isArray(holder)) throw noEntry(setting, keys, holder.length);
      if (key in holder) throw noKey(setting, keys, known);
      added ??= { depth: i + 1, known };
      holder[key] = i < given.length - 1 ? {} : null;
    }
    if (i === given.length - 1) break;
    const next = holder[key];
    if (next === null || typeof next !== 'object') throw noObject(setting, keys, given[i + 1]!, next);
    holder = next as Spec;
  }
  return { keys, holder, ...(added && { added }) };
}

/** The value that a text stands for: what it is as JSON, or itself where the schema takes that and not the other. */
function valueFor(spec: Spec, path: readonly string[], setting: Setting, set: (value: Json) => void): Json {
  const value = settingValue(setting);
  if (typeof value === 'string') return value;
  const problems = (candidate: Json): number => {
    set(candidate);
    return issuesAt(TrainSpec, spec, path);
  };
  return problems(value) > 0 && problems(setting.text) === 0 ? setting.text : value;
}

/** The spec with every setting, in the words of this version where a setting's value has old ones. */
function applySettings(spec: Spec, settings: readonly Setting[]): Spec {
  const paths = settings.map((setting) => applySetting(spec, setting));
  const twice = paths.find((path, i) => settings[paths.indexOf(path)]!.text !== settings[i]!.text);
  if (twice !== undefined) throw givenTwice(twice);
  const { value, notes } = currentSpec(spec);
  for (const note of notes) notice(`--set: ${note}`);
  return value;
}

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
        `expected: gowide train ${other} --config ${config}`,
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
    const set = await naming(unlessSet(options), () => inSteps(applySettings(spec, settings)));
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
  const changed = oncePer((spec: Cell['spec']) => applySettings(structuredClone(spec) as Spec, settings));
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
  return withWorkerOptions(withRunOptions(new Command('train')))
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

import { Command, Option } from 'commander';
import { theoryExperiments } from '../../../experiments/registry.js';
import { judgeOwn, ownTitle, type OwnVerdicts } from '../../../reports/claims/own.js';
import { named, type TableRow } from '../../../reports/data/rows.js';
import { naming, UsageError } from '../../../src/core/errors.js';
import { armSpecs, CUSTOM_SCALE, parseScale, seedsFrom, type Experiment } from '../../../src/core/experiment.js';
import { lookUp } from '../../../src/core/registry.js';
import type { Cell } from '../../../src/core/run.js';
import { shellWord } from '../../../src/core/shell.js';
import { readMetrics, type RunRecord } from '../../../src/store/runs.js';
import { readDeclaration } from '../../../src/store/config.js';
import { STUDIES, studyByName, studyCautions, THEORY_KIND } from '../../../theory/studies/index.js';
import { parseStudySpec } from '../../../theory/studies/study.js';
import { ARM_PATTERN, chosenArms } from '../../terminal/arms.js';
import { notice } from '../../terminal/notices.js';
import { NamedArgument } from '../../terminal/choices.js';
import {
  checkOut,
  examples,
  jobsOption,
  jsonOption,
  outOption,
  scaleOption,
  seedOption,
  seedsOption,
} from '../../terminal/options.js';
import { withThreads } from '../../terminal/run-options.js';
import { setOption, settingsOf, withSettings } from '../../terminal/settings.js';
import { textTable } from '../../terminal/table.js';
import { declaredCells, declaredOf, declaredScale, finishedRuns, work, type WorkOptions } from '../../terminal/work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly json?: boolean;
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly arm?: string;
  /** The name that `--arm` had before. */
  readonly regime?: string;
  readonly set: readonly string[];
}

/** The declared sizes of a study, or of all. Throws UsageError for a study that is unknown, or has no sizes. */
function declared(name: string): readonly Experiment[] {
  if (name === 'all') return theoryExperiments();
  lookUp('study', { all: undefined, ...STUDIES }, name);
  const found = theoryExperiments().filter((experiment) => experiment.name === name);
  if (found.length === 0)
    throw new UsageError(`study "${name}" is declared at no scale; give it a spec of your own with --config`);
  return found;
}

type Spec = Readonly<Record<string, unknown>>;

/** The specs of the arms that `--arm` chooses, or all. Throws UsageError with the names that there are. */
function chosenSpecs(specs: Readonly<Record<string, Spec>>, arm: string | undefined): Readonly<Record<string, Spec>> {
  const names = chosenArms(Object.keys(specs), arm ?? 'all');
  return Object.fromEntries(names.map((name) => [name, specs[name]!]));
}

const isSpec = (value: unknown): value is Spec => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names that `--arm` may give to a spec of a file that holds no other. */
const PLAIN_NAME = /^[\p{L}\p{N}_-]+(?: +[\p{L}\p{N}_-]+)*$/u;

/**
 * Specs of a file by arm: what --print-config prints, or one spec, whose arm is --arm, or "custom". Throws UsageError
 * where a file of one spec comes with `all` or a pattern, which choose among several.
 */
function specsOfFile(file: Spec, arm: string | undefined): Readonly<Record<string, Spec>> {
  const byArm = Object.keys(file).length > 0 && Object.values(file).every((value) => isSpec(value) && 'study' in value);
  if (byArm) return chosenSpecs(file as Readonly<Record<string, Spec>>, arm);
  if (arm === 'all' || (arm !== undefined && !PLAIN_NAME.test(arm)))
    throw new UsageError(
      `--arm ${arm}: the file of --config holds one spec, and no arms to choose from; expected no --arm, or a name for ` +
        'it of letters, digits, blanks, - and _',
    );
  return { [arm ?? 'custom']: file };
}

/** Seeds of specs of the user's own, for which no scale declares any. */
const CONFIG_SEEDS = 3;

/** Cells of specs of the user's own for a study, by arm. */
function ownCells(
  name: string,
  specs: Readonly<Record<string, Spec>>,
  { seed, seeds = CONFIG_SEEDS, set, config }: Options,
): Cell[] {
  const settings = settingsOf(set, 'alpha=0.5');
  return Object.entries(specs).flatMap(([arm, spec]) => {
    if (spec.study !== undefined && spec.study !== name)
      throw new UsageError(`${config}: "study" is ${JSON.stringify(spec.study)}, but the command runs "${name}"`);
    const given = withSettings({ ...spec, study: name }, settings) as Cell['spec'];
    // the fault may be in what --set changed
    naming(set.length === 0 ? config : undefined, () => parseStudySpec(studyByName(name), given));
    return seedsFrom(seed, seeds).map((each) => ({
      ...{ experiment: name, arm, scale: CUSTOM_SCALE, kind: THEORY_KIND },
      ...{ spec: given, seed: each },
    }));
  });
}

/** The cells that the options name: declared ones, or the user's own. */
function cellsFor(name: string, options: Options): Cell[] {
  const { config, arm, set, scale, seed, seeds } = options;
  if (name === 'all') {
    const given = [
      ['--config', config],
      ['--arm', arm],
      ['--set', set[0]],
    ] as const;
    const one = given.find(([, value]) => value !== undefined);
    if (one !== undefined) throw new UsageError(`${one[0]} goes with one study, not with "all"`);
    return declaredCells(declaredOf(name, declared(name), scale), scale, seed, seeds);
  }
  if (config !== undefined) {
    const file = readDeclaration(config, notice);
    return ownCells(lookUp('study', STUDIES, name).name, specsOfFile(file, arm), options);
  }
  const [study] = declared(name);
  const specs = chosenSpecs(armSpecs(study!, declaredScale(study!, scale)), arm);
  if (set.length > 0) return ownCells(name, specs, { ...options, seeds: seeds ?? study!.seeds[parseScale(scale)]! });
  return declaredCells([study!], scale, seed, seeds).filter((cell) => Object.hasOwn(specs, cell.arm));
}

/** Rows of runs as the rules of claims read them. */
function tableRows(runs: readonly RunRecord[]): TableRow[] {
  return runs.flatMap((run) => {
    const { experiment, arm, scale, seed } = run.cell;
    const names = named({ run: run.id, experiment, arm, scale, seed });
    return readMetrics(run).map((values) => ({ ...names, values }));
  });
}

/** What the rules say of runs of one's own, as text. */
function verdictLines(groups: readonly OwnVerdicts[]): string {
  const lines = groups.flatMap((group) => [
    ownTitle(group),
    ...group.verdicts.flatMap(({ outcome, statement, evidence, rule }) => [
      `  ${outcome}: ${statement}`,
      `    ${evidence}`,
      `    rule: ${rule}`,
    ]),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

/** The studies, with the laws that they test. */
function studyArgument(): NamedArgument {
  const laws = Object.values(STUDIES).map(({ name, law }) => [name, law] as const);
  return new NamedArgument('study', 'what is measured', { all: 'every one of them', ...Object.fromEntries(laws) });
}

/** Prints the specs of the cells, by arm; of all studies the declared ones, by study. */
function printSpecs(name: string, cells: readonly Cell[], scale: string): void {
  const specs =
    name === 'all'
      ? declared(name).map((study) => [study.name, armSpecs(study, declaredScale(study, scale))] as const)
      : cells.map(({ arm, spec }) => [arm, spec] as const);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(specs), null, 2)}\n`);
}

/** Prints runs, with their rows where it is as JSON, and what the claims' rules say of them. */
function printRuns(runs: readonly RunRecord[], { json, set, out }: Options): void {
  const own = judgeOwn(runs, { rows: tableRows(runs), results: [] }).groups;
  const names = runs.map(({ id, cell }) => ({ run: id, study: cell.experiment, arm: cell.arm, seed: cell.seed }));
  if (json) {
    const records = runs.map((run, i) => ({ ...names[i]!, rows: readMetrics(run) }));
    const judged = set.length > 0 ? { runs: records, verdicts: own } : records;
    process.stdout.write(`${JSON.stringify(judged, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${textTable(runs.map(({ seconds }, i) => ({ ...names[i]!, seconds: seconds ?? 0 })))}\n`);
  process.stdout.write(verdictLines(own));
  process.stdout.write(`Figures and verdicts: gowide report ${shellWord(out)}\n`);
}

/** Runs the cells that the options name, or prints their specs. */
async function run(name: string, { regime, ...given }: Options): Promise<void> {
  if (regime !== undefined) notice('--regime is called --arm now');
  const options: Options = regime === undefined ? given : { ...given, arm: regime };
  const cells = cellsFor(name, options);
  if (options.printConfig) return printSpecs(name, cells, options.scale);
  for (const line of new Set(cells.flatMap(({ spec }) => studyCautions(spec)))) notice(line);
  const out = checkOut(options.out);
  const diverged = await work(cells, options);
  const runs = finishedRuns(cells, out);
  if (diverged === undefined || runs.length > 0) printRuns(runs, options);
  if (diverged !== undefined) throw diverged;
}

/** `gowide theory run`. */
export function command(): Command {
  return withThreads(new Command('run'))
    .addArgument(studyArgument())
    .description('run a study for several seeds')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(seedsOption(`${CONFIG_SEEDS} with --config`))
    .addOption(jobsOption())
    .option('--arm <pattern>', `of one study: ${ARM_PATTERN}; --print-config shows their names`)
    .addOption(new Option('--regime <name>').hideHelp().conflicts('arm'))
    .addOption(
      setOption(
        'change one value of the specs of one study (repeatable); the claims’ rules judge it apart from theirs',
      ),
    )
    .addOption(
      new Option(
        '--config <file>',
        'specs of your own for one study, as --print-config prints them, or one of them',
      ).conflicts('scale'),
    )
    .option('--print-config', 'print the specs, by arm, and do nothing else')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide theory run width',
        'gowide theory run all --scale minutes --json',
        'gowide theory run width --set alpha=0.5 --arm skip --seeds 4',
        'gowide theory run depth --print-config > mine.json',
        'gowide theory run depth --config mine.json --seeds 4',
      ]),
    )
    .action(run);
}

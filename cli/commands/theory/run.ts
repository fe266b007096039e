import { Command } from 'commander';
import { theoryExperiments } from '../../../experiments/registry.js';
import { UsageError } from '../../../src/core/errors.js';
import { armSpecs, type Experiment } from '../../../src/core/experiment.js';
import { lookUp } from '../../../src/core/registry.js';
import type { Cell } from '../../../src/core/run.js';
import { folderOf, readMetrics, readRun } from '../../../src/store/runs.js';
import { readDeclaration } from '../../../src/store/config.js';
import { STUDIES, studyCautions, THEORY_KIND } from '../../../theory/studies/index.js';
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
import { textTable } from '../../terminal/table.js';
import { declaredCells, declaredScale, work, type WorkOptions } from '../../terminal/work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly json?: boolean;
  readonly config?: string;
  readonly printConfig?: boolean;
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

/** Cells of a spec that the user wrote for a study. */
function ownCells(name: string, spec: Readonly<Record<string, unknown>>, { seed, seeds = 3 }: Options): Cell[] {
  if (spec.study !== undefined && spec.study !== name)
    throw new UsageError(`--config: "study" is ${JSON.stringify(spec.study)}, but the command runs "${name}"`);
  return Array.from({ length: seeds }, (_, i) => ({
    experiment: name,
    arm: 'custom',
    scale: 'custom',
    kind: THEORY_KIND,
    spec: { ...spec, study: name } as Cell['spec'],
    seed: seed + i,
  }));
}

/** The studies, with the laws that they test. */
function studyArgument(): NamedArgument {
  const laws = Object.values(STUDIES).map(({ name, law }) => [name, law] as const);
  return new NamedArgument('study', 'what is measured', { all: 'every one of them', ...Object.fromEntries(laws) });
}

/** `gowide theory run`. */
export function command(): Command {
  return new Command('run')
    .addArgument(studyArgument())
    .description('run a study for several seeds')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(seedOption())
    .addOption(seedsOption())
    .addOption(jobsOption())
    .option('--config <file>', 'a spec of your own for one study, as --print-config prints it; not in verdicts')
    .option('--print-config', 'print the declared specs, by arm, and do nothing else')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples([
        'gowide theory run width',
        'gowide theory run all --scale minutes --json',
        'gowide theory run depth --config mine.json --seeds 4',
      ]),
    )
    .action(async (name: string, options: Options) => {
      if (options.printConfig) {
        const studies = declared(name);
        const specs = studies.map(
          (study) => [study.name, armSpecs(study, declaredScale(study, options.scale))] as const,
        );
        process.stdout.write(
          `${JSON.stringify(studies.length === 1 ? specs[0]![1] : Object.fromEntries(specs), null, 2)}\n`,
        );
        return;
      }
      if (options.config !== undefined && name === 'all')
        throw new UsageError('--config goes with one study, not with "all"');
      const cells =
        options.config === undefined
          ? declaredCells(declared(name), options.scale, options.seed, options.seeds)
          : ownCells(lookUp('study', STUDIES, name).name, readDeclaration(options.config, notice), options);
      for (const line of new Set(cells.flatMap(({ spec }) => studyCautions(spec)))) notice(line);
      const out = checkOut(options.out);
      await work(cells, options);
      const runs = cells.map((cell) => readRun(folderOf(out, cell)));
      if (options.json) {
        const records = runs.map((run) => ({
          run: run.id,
          study: run.cell.experiment,
          arm: run.cell.arm,
          seed: run.cell.seed,
          rows: readMetrics(run),
        }));
        process.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
      } else {
        process.stdout.write(
          `${textTable(runs.map((run) => ({ run: run.id, study: run.cell.experiment, arm: run.cell.arm, seed: run.cell.seed, seconds: run.seconds ?? 0 })))}\n`,
        );
        process.stdout.write(`Figures and verdicts: gowide report ${options.out}\n`);
      }
    });
}

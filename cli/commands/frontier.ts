import { Command, Option } from 'commander';
import { plural, UsageError } from '../../src/core/errors.js';
import { memoryLimit } from '../../src/core/memory.js';
import { cellsOf, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { shellWord } from '../../src/core/shell.js';
import { folderOf, indexRuns, isMarked } from '../../src/store/runs.js';
import { budgetsToTune, type Frontier } from '../../experiments/frontier.js';
import { frontierFor, FRONTIERS } from '../../experiments/frontiers.js';
import { budgetCosts, checkRoom, type BudgetCost } from '../plan/frontier.js';
import { ARM_PATTERN, armsAtScale, chosenArms } from '../terminal/arms.js';
import { NamedArgument } from '../terminal/choices.js';
import { tellReading } from '../terminal/notices.js';
import { checkRuns, examples, hasTables, jsonOption, positiveNumber } from '../terminal/options.js';
import { withRunOptions } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { declaredScale, work, type WorkOptions } from '../terminal/work.js';
import { tuneArms } from '../tuning/tune.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly arm: string;
  readonly tune?: boolean;
  readonly plan?: boolean;
  readonly hours?: number;
  readonly show?: string;
  readonly json?: boolean;
}

/** Options that mean nothing where nothing is run. */
const WHERE_IT_RUNS = ['out', 'jobs', 'threads', 'engine'];

/** `gowide frontier`. */
export function command(): Command {
  const titles = Object.fromEntries(Object.entries(FRONTIERS).map(([name, { title }]) => [name, title]));
  return withRunOptions(new Command('frontier'))
    .addArgument(new NamedArgument('experiment', 'whose frontier it is', titles))
    .description(
      'accuracy of each way of training at 1, 2, 4, ... times the thin net’s base steps, against three ' +
        'counts of the cost, with the wall time of a run',
    )
    .option('--arm <pattern>', ARM_PATTERN, 'all')
    .addOption(
      new Option('--tune', 'tune each arm at the declared budgets instead, with seeds that no table uses').conflicts([
        // the plan is that of the frontier itself, and the seeds of tuning are the grid's
        ...['hours', 'seed', 'seeds'],
      ]),
    )
    .addOption(
      new Option('--plan', 'print what it costs, by budget, and run nothing').conflicts([
        ...['tune', 'show', 'hours'],
        ...WHERE_IT_RUNS,
      ]),
    )
    .addOption(
      new Option('--hours <n>', 'refuse to start what takes longer on one core, by the plan').argParser(
        positiveNumber(),
      ),
    )
    .addOption(
      new Option('--show <dir>', 'print what runs or kept tables there say, and run nothing').conflicts([
        ...['tune', 'hours', 'arm', 'seed', 'seeds'],
        ...WHERE_IT_RUNS,
      ]),
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        [
          'gowide frontier resnet-hierarchy --scale laptop --plan',
          'gowide frontier resnet-hierarchy --scale laptop',
          'gowide frontier resnet-hierarchy --scale laptop --arm " x[124]$"',
          'gowide frontier plain-16 --scale laptop --plan',
          'gowide frontier bert-glosses --arm " x1$" --seeds 1 --hours 2',
          'gowide frontier resnet-hierarchy --scale laptop --show reports/results',
        ],
        'Finished runs are not run again; a stopped command goes on where it was.',
      ),
    )
    .action(async (name: string, options: Options) => {
      const frontier = frontierFor(name);
      const { experiment } = frontier;
      const scale = declaredScale(experiment, options.scale);
      if (options.tune === true)
        return tuneArms(experiment, scale, { ...options, arm: tunedPattern(frontier, experiment, scale, options.arm) });
      if (options.show !== undefined) return show(name, scale, options.show, options.json ?? false);
      const arms = experiment.arms(scale);
      if (options.plan === true) return printPlan(plannedCosts(experiment, scale, options), options.json ?? false);
      const cells = chosenCells(experiment, scale, options);
      const index = indexRuns(options.out);
      const left = budgetCosts(cells, arms, (cell) => isMarked(folderOf(options.out, cell, index)));
      checkRoom(left, { ...options, memory: memoryLimit() });
      const diverged = await work(cells, options);
      await show(name, scale, options.out, options.json ?? false);
      if (diverged !== undefined) throw diverged;
    });
}

/** The chosen arms at the budgets that are tuned, as a pattern. */
function tunedPattern(frontier: Frontier, experiment: Experiment, scale: Scale, pattern: string): string {
  const arms = experiment.arms(scale);
  const tuned = new Set(budgetsToTune(frontier));
  const names = chosenArms(
    Object.keys(arms).filter((arm) => tuned.has(Number(arms[arm]!.factors!.budget))),
    pattern,
  );
  return `^(${names.join('|')})$`;
}

function chosenCells(experiment: Experiment, scale: Scale, { arm, seed, seeds }: Options): Cell[] {
  const cells = cellsOf(experiment, scale, seed, seeds);
  const chosen = new Set(armsAtScale(experiment, scale, arm));
  return cells.filter((cell) => chosen.has(cell.arm));
}

/** Costs by budget; where seeds are asked for, every arm has as many, and each seed costs as much as the first. */
function plannedCosts(experiment: Experiment, scale: Scale, options: Options): BudgetCost[] {
  const { seeds } = options;
  const cells = chosenCells(experiment, scale, seeds === undefined ? options : { ...options, seeds: 1 });
  const costs = budgetCosts(cells, experiment.arms(scale));
  if (seeds === undefined) return costs;
  return costs.map((one) => ({
    ...one,
    runs: one.runs * seeds,
    steps: one.steps * seeds,
    teraflops: one.teraflops * seeds,
    minutes: one.minutes * seeds,
  }));
}

function printPlan(costs: readonly BudgetCost[], json: boolean): void {
  const minutes = costs.reduce((total, row) => total + row.minutes, 0);
  if (json) return void process.stdout.write(`${JSON.stringify({ budgets: costs, minutes }, null, 2)}\n`);
  const whole = Math.round(minutes);
  const time = whole === 0 ? 'less than a minute' : plural(whole, 'minute');
  process.stdout.write(`${textTable(costs)}\n${time} on one core of a quiet machine, by arithmetic\n`);
}

async function show(name: string, scale: Scale, folder: string, json: boolean): Promise<void> {
  checkRuns(folder);
  const frontier = frontierFor(name);
  const { meansTable, readFrontier, summaryLines, timesHeading, timesTable } =
    await import('../../reports/page/frontier-summary.js');
  const { summary, wallTime, unread, ...told } = readFrontier(frontier, scale, [folder]);
  // new runs beside a table that is damaged would not mend it
  if (summary === undefined && unread !== undefined) {
    tellReading({ ...told, problems: told.problems.filter((line) => line !== unread) });
    throw new UsageError(unread);
  }
  if (!json || summary === undefined) tellReading(told);
  if (summary === undefined) {
    const { experiment } = frontier;
    const others = Object.keys(experiment.seeds).filter(
      (one) => one !== scale && readFrontier(frontier, one, [folder]).summary !== undefined,
    );
    // runs go into no folder of kept tables, which are compared with what they were
    const out = hasTables(folder) ? '' : ` --out ${shellWord(folder)}`;
    const remedy =
      others.length > 0
        ? `there are some at --scale ${others.join(' and ')}`
        : `make some with: gowide frontier ${name} --scale ${scale}${out}`;
    throw new UsageError(`${folder}: no finished run of ${experiment.name} at scale ${scale}; ${remedy}`);
  }
  if (json) return void process.stdout.write(`${JSON.stringify({ ...summary, wallTime, ...told }, null, 2)}\n`);
  const times = wallTime.times.every(({ seconds }) => seconds === null)
    ? ''
    : `${textTable(timesTable(summary, wallTime))}\n`;
  process.stdout.write(
    `${textTable(meansTable(summary))}\n${summaryLines(summary).join('\n')}\n${timesHeading(wallTime)}\n${times}`,
  );
}

import { Command } from 'commander';
import { messageOf, unknownName, UsageError } from '../../src/core/errors.js';
import { armSpecs, type Experiment } from '../../src/core/experiment.js';
import type { Json } from '../../src/core/json.js';
import type { Cell } from '../../src/core/run.js';
import { mean } from '../../src/core/stats.js';
import { folderOf, readRun } from '../../src/store/runs.js';
import { trainExperiment, trainExperiments } from '../../experiments/registry.js';
import { experimentList } from '../terminal/experiments.js';
import { checkOut, examples, jobsOption, jsonOption, outOption, scaleOption } from '../terminal/options.js';
import { engineOption } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { declaredScale, work, type WorkOptions } from '../terminal/work.js';

interface Options extends WorkOptions {
  readonly experiment?: string;
  readonly scale: string;
  readonly arm?: string;
  readonly json?: boolean;
}

type Spec = {
  readonly training: { readonly schedule: { readonly [key: string]: Json } } & { readonly [key: string]: Json };
} & { readonly [key: string]: Json };

interface Trial {
  readonly arm: string;
  readonly rate: number;
  readonly cells: readonly Cell[];
}

/** Experiments with a grid of learning rates, by their group. */
function tunedExperiments(): Record<string, Experiment[]> {
  const groups = Object.entries(trainExperiments());
  return Object.fromEntries(
    groups
      .map(([group, experiments]) => [group, experiments.filter(({ tuning }) => tuning !== undefined)] as const)
      .filter(([, experiments]) => experiments.length > 0),
  );
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--arm ${text}: expected a regular expression; ${messageOf(error)}`);
  }
}

/** Every arm at every rate of the grid, with the grid's seeds. */
function trials(experiment: Experiment, scale: ReturnType<typeof declaredScale>, pattern: RegExp): Trial[] {
  const { name, kind, tuning: grid } = experiment;
  if (grid === undefined) {
    const tuned = Object.values(tunedExperiments()).flat();
    throw unknownName(
      'grid',
      name,
      tuned.map((one) => one.name),
    );
  }
  const specs = armSpecs(experiment, scale);
  const chosen = Object.entries(specs).filter(([arm]) => pattern.test(arm));
  if (chosen.length === 0)
    throw new UsageError(
      `--arm ${pattern.source}: no arm of "${name}" matches; arms: ${Object.keys(specs).join(', ')}`,
    );
  return chosen.flatMap(([arm, declared]) =>
    grid.rates.map((rate): Trial => {
      const { training, ...rest } = declared as Spec;
      const spec = { ...rest, training: { ...training, schedule: { ...training.schedule, peak: rate } } };
      return {
        arm,
        rate,
        cells: grid.seeds.map((seed) => ({
          experiment: `${name}-tuning`,
          arm: `${arm} @ ${rate}`,
          scale: 'custom',
          kind,
          spec,
          seed,
        })),
      };
    }),
  );
}

/** `gowide tune`. */
export function command(): Command {
  return new Command('tune')
    .argument('<network>', `one of: ${Object.keys(trainExperiments()).join(', ')}`)
    .description('validation accuracy of each arm at each learning rate of one grid, with seeds that no table uses')
    .option('--experiment <name>', 'one of the network’s experiments (default: its main one)')
    .option('--arm <pattern>', 'only the arms that match this regular expression')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(engineOption())
    .addOption(jobsOption())
    .addOption(jsonOption())
    .addHelpText('after', () => experimentList(tunedExperiments()))
    .addHelpText(
      'after',
      examples(['gowide tune resnet --scale minutes', 'gowide tune resnet --experiment depth-skip --arm "^16 "']),
    )
    .action(async (name: string, options: Options) => {
      const experiment = trainExperiment(name, options.experiment);
      const scale = declaredScale(experiment, options.scale);
      const all = trials(experiment, scale, patternOf(options.arm ?? '.'));
      const out = checkOut(options.out);
      await work(
        all.flatMap(({ cells }) => cells),
        options,
      );
      const measured = all.map(({ arm, rate, cells }) => {
        const accuracies = cells.map((cell) => Number(readRun(folderOf(out, cell)).result?.validationAccuracy));
        return { arm, rate, accuracies, mean: mean(accuracies) };
      });
      const arms = [...new Set(measured.map(({ arm }) => arm))];
      const best = Object.fromEntries(
        arms.map((arm) => [
          arm,
          measured.filter((one) => one.arm === arm).reduce((top, one) => (one.mean > top.mean ? one : top)).rate,
        ]),
      );
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ experiment: experiment.name, scale, measured, best }, null, 2)}\n`);
        return;
      }
      const rows = arms.map((arm) => ({
        arm,
        ...Object.fromEntries(
          measured
            .filter((one) => one.arm === arm)
            .map((one) => [String(one.rate), one.accuracies.map((value) => value.toFixed(1)).join(', ')]),
        ),
        best: String(best[arm]),
      }));
      process.stdout.write(`${textTable(rows)}\n`);
    });
}

import { Command } from 'commander';
import { trainExperiment } from '../../experiments/registry.js';
import { ARM_PATTERN } from '../terminal/arms.js';
import { experimentList, experimentOption, groupArgument } from '../terminal/experiments.js';
import { examples, jobsOption, jsonOption, outOption, scaleOption } from '../terminal/options.js';
import { engineOption, withThreads } from '../terminal/run-options.js';
import { declaredScale } from '../terminal/work.js';
import { tuneArms, tunedExperiments, type TuneOptions } from '../tuning/tune.js';

interface Options extends TuneOptions {
  readonly experiment?: string;
  readonly scale: string;
}

/** `gowide tune`. */
export function command(): Command {
  return withThreads(new Command('tune'))
    .addArgument(groupArgument(tunedExperiments()))
    .description(
      'validation accuracy of each arm at each learning rate of one grid, ' +
        'widened while the best is at an end, with seeds that no table uses; and what the search has cost',
    )
    .addOption(experimentOption(tunedExperiments()))
    .option('--arm <pattern>', ARM_PATTERN, 'all')
    .option('--shares', 'try shares of the steps that imitate, alone, at the rates that are declared')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(engineOption())
    .addOption(jobsOption())
    .addOption(jsonOption())
    .addHelpText('after', () => experimentList(tunedExperiments()))
    .addHelpText(
      'after',
      examples([
        'gowide tune resnet --scale minutes',
        'gowide tune resnet --experiment depth-skip --arm "^16 "',
        'gowide tune resnet --experiment frontier-plain-16 --scale laptop --arm "^three-stage x(1|4)$" --shares',
      ]),
    )
    .action(async (name: string, options: Options) => {
      const experiment = trainExperiment(name, options.experiment);
      const scale = declaredScale(experiment, options.scale);
      await tuneArms(experiment, scale, options);
    });
}

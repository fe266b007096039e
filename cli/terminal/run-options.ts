/** Options of the commands that compute: the engine, and all that a set of runs takes. */
import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import type { Scale } from '../../src/core/experiment.js';
import { ENGINES, useThreads } from '../../src/engine/engines/choose.js';
import { namedOption } from './choices.js';
import { jobsOption, outOption, scaleOption, seedOption, seedsOption, wholeNumber } from './options.js';

/** `--engine`, with the names of the registry of engines. */
export function engineOption(): Option {
  const option = new Option('--engine <name>', 'what computes (default: $GOWIDE_ENGINE or auto)');
  return namedOption(option, ['auto', ...Object.keys(ENGINES)]);
}

/** What commands that run cells say of their own: the scales that they have, and where seeds are not as declared. */
interface RunOptionWords {
  readonly scales?: readonly Scale[];
  readonly seedsBut?: string;
}

/** What every command that runs cells takes: scale, folder, seeds, engine, processes, threads. */
export function withRunOptions(command: Command, { scales, seedsBut }: RunOptionWords = {}): Command {
  const seeds = [seedOption(), seedsOption(seedsBut)];
  const options = [scaleOption(scales), outOption(), ...seeds, engineOption(), jobsOption()];
  return withThreads(options.reduce((with_, option) => with_.addOption(option), command));
}

/**
 * Adds `--threads`, which is settled before the command acts: for this process and for those that it starts. Where
 * nobody says how many runs are at work at once, so many are that they share the cores.
 */
export function withThreads(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--threads <n>',
        'threads of each run, for TensorFlow, our own ops in it and the theory’s particles; WebAssembly trains on one ' +
          '(default: one for a small network, every core for a large one)',
      ).argParser(wholeNumber(1, 1024)),
    )
    .hook('preAction', (_, action) => {
      const { threads, jobs } = action.opts<{ threads?: number; jobs?: number }>();
      if (threads === undefined) return;
      useThreads(threads);
      if (jobs !== undefined && action.getOptionValueSource('jobs') === 'default')
        action.setOptionValue('jobs', Math.max(1, Math.min(jobs, Math.floor(availableParallelism() / threads))));
    });
}

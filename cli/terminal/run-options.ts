/** Options of the commands that compute: the engine, and all that a set of runs takes. */
import { Option, type Command } from 'commander';
import { ENGINES } from '../../src/engine/backends/choose.js';
import { namedOption } from './choices.js';
import { jobsOption, outOption, scaleOption, seedOption, seedsOption } from './options.js';

/** `--engine`, with the names of the registry of engines. */
export function engineOption(): Option {
  const option = new Option('--engine <name>', 'what computes (default: $GOWIDE_ENGINE or auto)');
  return namedOption(option, ['auto', ...Object.keys(ENGINES)]);
}

/** What every command that runs cells takes: scale, folder, seeds, engine, processes. */
export function withRunOptions(command: Command): Command {
  return [scaleOption(), outOption(), seedOption(), seedsOption(), engineOption(), jobsOption()].reduce(
    (with_, option) => with_.addOption(option),
    command,
  );
}

/** Published networks on a command line: how they are changed. */
import { Option, type Command } from 'commander';
import { familiesWith, presetNames } from '../../src/models/index.js';
import { positiveNumber, wholeNumber } from './options.js';

/** Options that change a published network, whose names help lists. */
export function variantOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--width <factor>', 'factor on all channels, for example 0.5').argParser(positiveNumber(1000)),
    )
    .addOption(
      new Option(
        '--mid <factor>',
        'factor on the inner channels of the blocks, as the paper’s wide nets have it',
      ).argParser(positiveNumber(1000)),
    )
    .addOption(new Option('--classes <n>', 'outputs').argParser(wholeNumber(2)))
    .addHelpText(
      'after',
      () =>
        `\nPublished networks: ${presetNames().join(', ')}\n\n` +
        `--width, --mid and --classes change networks of the family ${familiesWith('vary')}; others, such as BERTs, are ` +
        'changed in a file with their spec.',
    );
}

import { Command, Option } from 'commander';
import type { Variant } from '../../src/models/interface/family.js';
import { countParameters } from '../../src/models/by-name.js';
import { familiesWith, presetNames } from '../../src/models/index.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption, positiveNumber, wholeNumber } from '../terminal/options.js';

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

/** `gowide params`. */
export function command(): Command {
  const command = new Command('params')
    .argument(
      '<model>',
      'a published name (resnet50, wide_resnet50_2, bert-base, ...), a JSON file with a network spec, ' +
        'a folder of Hugging Face’s or a LayersModel, or a safetensors file that says which network it is',
    )
    .description('number of parameters of a network')
    .addOption(jsonOption());
  return variantOptions(command)
    .addHelpText(
      'after',
      examples([
        'gowide params resnet50',
        'gowide params resnet50 --width 0.5',
        'gowide params resnet50 --mid 4 --json',
      ]),
    )
    .action((name: string, options: Variant & { json?: boolean }) => {
      const { parameters, spec } = countParameters(name, options, notice);
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ model: name, parameters, spec }, null, 2)}\n`
          : `${parameters.toLocaleString('en-US')}\n`,
      );
    });
}

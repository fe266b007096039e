import { Command } from 'commander';
import type { Variant } from '../../src/models/interface/family.js';
import { countParameters } from '../../src/models/by-name.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption } from '../terminal/options.js';
import { variantOptions } from '../terminal/variant.js';

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

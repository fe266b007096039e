import { Command, Option } from 'commander';
import type { Variant } from '../../src/models/family.js';
import { preparePredict } from '../../src/models/files.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption } from '../terminal/options.js';
import { engineOption } from '../terminal/run-options.js';
import { Progress } from '../terminal/progress.js';
import { openForCommand } from '../terminal/work.js';
import { variantOptions } from './params.js';

interface Options extends Variant {
  readonly model: string;
  readonly weights?: string;
  readonly input: string;
  readonly output: string;
  readonly taps?: boolean;
  readonly mode: 'eval' | 'train';
  readonly engine?: string;
  readonly json?: boolean;
}

/** `gowide predict`. */
export function command(): Command {
  const command = new Command('predict')
    .description(
      'outputs of a network with weights in torchvision’s, timm’s or Hugging Face’s names, from and to safetensors files',
    )
    .requiredOption(
      '--model <name>',
      'a published name (resnet50, bert-base, ...), a JSON file with a model spec, ' +
        'a folder of Hugging Face’s or a LayersModel, or a safetensors file that says which network it is',
    )
    .option(
      '--weights <file>',
      'safetensors, in published names and layouts; a folder and a safetensors file as model have their own',
    )
    .requiredOption(
      '--input <file>',
      'safetensors: "input" [B, C, H, W] or, of rows, [B, N] F32; or "input_ids", "attention_mask", "token_type_ids" [B, T] I32',
    )
    .requiredOption(
      '--output <file>',
      'safetensors to write: "logits" [B, classes]; or "last_hidden_state" [B, T, H] and "pooler_output" [B, H]',
    )
    .option('--taps', 'write the output of every block as well')
    .addOption(
      new Option('--mode <name>', 'eval: running statistics; train: those of the whole batch')
        .choices(['eval', 'train'])
        .default('eval'),
    )
    .addOption(engineOption())
    .addOption(jsonOption());
  return variantOptions(command)
    .addHelpText(
      'after',
      examples([
        'gowide predict --model resnet50 --weights w.safetensors --input x.safetensors --output y.safetensors --taps',
        'gowide predict --model thin/model/model.safetensors --input x.safetensors --output y.safetensors',
        'gowide predict --model ./bert-base-uncased --input tokens.safetensors --output y.safetensors',
      ]),
    )
    .action(async (options: Options) => {
      const predict = preparePredict(options, options, notice);
      const engine = await openForCommand(options.engine);
      const progress = new Progress();
      const shapes = await predict({
        mode: options.mode,
        taps: options.taps === true,
        onBatch: (done, total) => progress.update('predict', done / total, `${done}/${total}`),
      });
      progress.clear();
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ output: options.output, engine: engine.name, tensors: shapes }, null, 2)}\n`
          : `${Object.entries(shapes)
              .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
              .join('\n')}\nwritten to ${options.output}\n`,
      );
    });
}

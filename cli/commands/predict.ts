import { Command, Option } from 'commander';
import type { Variant } from '../../src/models/interface/family.js';
import { UsageError } from '../../src/core/errors.js';
import { preparePredict } from '../../src/models/predict.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import type { ClassifyOptions } from '../../src/thin/classify.js';
import { columnsOption } from '../terminal/columns.js';
import { notice } from '../terminal/notices.js';
import { DEFAULT_OUT, examples, jsonOption, wholeNumber } from '../terminal/options.js';
import { engineOption } from '../terminal/run-options.js';
import { Progress } from '../terminal/progress.js';
import { openForCommand } from '../terminal/work.js';
import { variantOptions } from '../terminal/variant.js';

interface Options extends Variant {
  readonly model: string;
  readonly weights?: string;
  readonly input: string;
  readonly output?: string;
  readonly out: string;
  readonly size?: number;
  readonly columns?: ClassifyOptions['columns'];
  readonly taps?: boolean;
  readonly mode: 'eval' | 'train';
  readonly engine?: string;
  readonly json?: boolean;
}

/** A text as one cell of a line: a tab would end it, and control characters would steer a terminal. */
export function inCell(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (one) =>
    one === '\t' ? '\\t' : `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Prints the classes of pictures or texts. */
async function printClasses({
  model,
  input,
  out,
  size,
  columns,
  engine,
  json,
  output,
  weights,
  ...rest
}: Options): Promise<void> {
  const { taps, width, mid, classes } = rest;
  const mode = rest.mode === 'eval' ? undefined : rest.mode;
  const others = Object.entries({ output, weights, taps, mode, width, mid, classes });
  const other = others.find(([, value]) => value !== undefined);
  if (other !== undefined)
    throw new UsageError(
      `--${other[0]} goes with a safetensors file as input; classes are printed (--json: all of them)`,
    );
  const { openClassification } = await import('../../src/thin/classify.js');
  const classify = await openClassification({ model, input, runs: out, size, columns });
  await openForCommand(engine);
  const { labels, items, skipped, notes } = await classify();
  for (const line of notes) notice(line);
  for (const { file, reason } of skipped) notice(`${file}: left out: ${reason}`);
  const lines = items.map(({ item, pair, label, probability }) =>
    [label, `${(100 * probability).toFixed(1)} %`, item, ...(pair === undefined ? [] : [pair])].map(inCell).join('\t'),
  );
  process.stdout.write(json ? `${JSON.stringify({ labels, items, skipped }, null, 2)}\n` : `${lines.join('\n')}\n`);
}

/** Writes a network's outputs for the inputs of a safetensors file, and prints their names and shapes. */
async function writeOutputs(options: Options): Promise<void> {
  const { output, size, columns } = options;
  if (size !== undefined) throw new UsageError('--size goes with pictures as input; those of safetensors have theirs');
  if (columns !== undefined) throw new UsageError('--columns goes with a .tsv or .csv file as input');
  if (output === undefined)
    throw new UsageError('--output is needed: the safetensors file that outputs are written to');
  const inputs = [options.input, options.model, options.weights];
  const target = checkOutput(output, OUTPUTS.safetensors, inputs);
  const predict = preparePredict({ ...options, output: target }, options, notice);
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
}

/** `gowide predict`. */
export function command(): Command {
  const command = new Command('predict')
    .description(
      'classes of pictures and texts, by name; or outputs of a network with weights in torchvision’s, timm’s or ' +
        'Hugging Face’s names, from and to safetensors files',
    )
    .requiredOption(
      '--model <name>',
      'a published name (resnet50, bert-base, ...), a JSON file with a network spec, ' +
        'a folder of Hugging Face’s or a LayersModel, or a safetensors file that says which network it is; ' +
        'for classes also a run’s id, a folder or an ONNX file that thin wrote',
    )
    .option(
      '--weights <file>',
      'safetensors, in published names and layouts, for safetensors as input; a folder and a safetensors file have their ' +
        'own',
    )
    .requiredOption(
      '--input <path>',
      'for classes: a picture, a folder of pictures, a .txt file with a text on each line, or a .tsv or .csv file ' +
        '(also .gz) with a column of texts, or two for pairs; ' +
        'or safetensors: "input" [B, C, H, W] or, of rows, [B, N] F32; or "input_ids", "attention_mask", ' +
        '"token_type_ids" [B, T] I32',
    )
    .option(
      '--output <file>',
      'safetensors to write, of safetensors as input: "logits" [B, classes]; of tokens "last_hidden_state" [B, T, ' +
        'H], "pooler_output" [B, H] and, of a folder with classes, "logits"',
    )
    .addOption(
      new Option('--size <n>', 'side of the pictures in pixels (default: what the network is for)').argParser(
        wholeNumber(8),
      ),
    )
    .addOption(columnsOption(['text'], 'pair'))
    .addOption(new Option('--out <dir>', 'folder in which a run’s id is looked for').default(DEFAULT_OUT))
    .option('--taps', 'write the output of every block as well, of safetensors as input')
    .addOption(
      new Option(
        '--mode <name>',
        'for safetensors as input: eval by running statistics, train by those of the whole batch',
      )
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
        'gowide predict --model thin/model --input pictures',
        'gowide predict --model 3f2a91 --input reviews.txt --json',
        'gowide predict --model thin/model --input pairs.tsv --columns text=question1,pair=question2',
        'gowide predict --model thin/model/model.safetensors --input x.safetensors --output y.safetensors',
        'gowide predict --model ./bert-base-uncased --input tokens.safetensors --output y.safetensors',
      ]),
    )
    .action(async (options: Options, given: Command) => {
      if (!options.input.endsWith('.safetensors')) return printClasses(options);
      if (given.getOptionValueSource('out') === 'cli')
        throw new UsageError(
          '--out goes with the id of a run, for classes; the file that outputs are written to is --output',
        );
      await writeOutputs(options);
    });
}

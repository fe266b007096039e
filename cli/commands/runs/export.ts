import { Command } from 'commander';
import { findRun } from '../../../src/store/runs.js';
import { examples, outOption } from '../../terminal/options.js';
import { requireRuns } from '../../terminal/runs.js';

/** `gowide runs export`. */
export function command(): Command {
  return new Command('export')
    .argument('<id>', 'a finished training run')
    .description(
      'write its network as safetensors in torchvision’s, timm’s or Hugging Face’s names, as ONNX, or as a folder',
    )
    .addOption(outOption())
    .requiredOption(
      '--output <path>',
      'what to write, by its ending: .safetensors; .onnx, with class names and tokenizer in its metadata; ' +
        'without ending, for a BERT, a folder with config.json, vocab.txt, and its answers to SQuAD',
    )
    .addHelpText(
      'after',
      examples([
        'gowide runs export 180f4a --output thin.safetensors',
        'gowide runs export 180f4a --output thin.onnx',
        'gowide runs export 93c0d2 --output thin-bert',
      ]),
    )
    .action(async (id: string, { out, output }: { out: string; output: string }) => {
      requireRuns(out);
      const { exportRun } = await import('../../../src/method/run/export.js');
      await exportRun(findRun(out, id), output);
      process.stdout.write(`written to ${output}\n`);
    });
}

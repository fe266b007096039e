import { join } from 'node:path';
import { Command, Option } from 'commander';
import { UsageError } from '../../../src/core/errors.js';
import { GENERATOR } from '../../../src/core/markup.js';
import { writeAtomic } from '../../../src/store/atomic.js';
import { objectIn } from '../../../src/store/config.js';
import { checkOutput, OUTPUTS, type OutputKind } from '../../../src/store/output.js';
import { writeSafetensors } from '../../../src/store/safetensors.js';
import { FLOWS } from '../../../theory/flow/flows.js';
import { checkSimulation, simulate, type SimulationResult } from '../../../theory/simulate/simulate.js';
import { notice } from '../../terminal/notices.js';
import { checkOut, examples, jsonOption } from '../../terminal/options.js';
import { Progress } from '../../terminal/progress.js';
import { namingFiles, readDeclared } from '../../terminal/declared.js';

interface Options {
  readonly config: string;
  readonly particles?: string;
  readonly out?: string;
  readonly printConfig?: boolean;
  readonly json?: boolean;
}

/** The summary that an earlier simulation left. */
const SUMMARY: OutputKind = {
  what: 'a summary that theory simulate wrote',
  isOne: (path) => Array.isArray(objectIn(path)?.warnings),
};

/** The figures of a summary, for people. */
function summaryText(summary: SimulationResult['summary']): string {
  const thin = summary.thin as Record<string, unknown> | undefined;
  const figures = [
    ...Object.entries(summary).filter(([, value]) => typeof value === 'number' || typeof value === 'string'),
    ...(thin === undefined
      ? []
      : ['loss', 'discrepancy', 'relative'].map((name) => [`thin ${name}`, thin[name] ?? 'undefined'] as const)),
  ];
  return figures.map(([name, value]) => `${name.padEnd(18)} ${String(value)}\n`).join('');
}

/** Runs a declaration and writes what came of it, or prints the declaration with its defaults. */
async function run(options: Options): Promise<void> {
  const declared = readDeclared(options);
  const { config, arrays, particles } = declared;
  if (options.printConfig || options.out === undefined) {
    const checked = namingFiles(declared, () => checkSimulation(config, arrays));
    if (!options.printConfig) throw new UsageError('--out is missing: expected a folder for what the run writes');
    process.stdout.write(`${JSON.stringify({ ...checked, particles }, null, 2)}\n`);
    return;
  }
  const out = checkOut(options.out);
  const inputs = [options.config, particles]; // those that the declaration names, too
  const final = checkOutput(join(out, 'final.safetensors'), OUTPUTS.safetensors, inputs);
  const summaryFile = checkOutput(join(out, 'summary.json'), SUMMARY, inputs);
  const progress = new Progress();
  const onStep = (stage: string, done: number, total: number): void =>
    progress.update(stage, done / total, `step ${done} of ${total}`);
  const { arrays: results, summary, warnings } = namingFiles(declared, () => simulate(config, arrays, onStep));
  progress.clear();
  for (const warning of warnings) notice(`warning: ${warning}`);
  writeSafetensors(final, results, { generator: GENERATOR });
  const text = `${JSON.stringify({ ...summary, warnings }, null, 2)}\n`;
  writeAtomic(summaryFile, text);
  process.stdout.write(
    options.json ? text : `${summaryText(summary)}Particles and outputs: ${join(options.out, 'final.safetensors')}\n`,
  );
}

/** It computes in one stretch. */
export const computesApart = true;

/** `gowide theory simulate`. */
export function command(): Command {
  return new Command('simulate')
    .description('train one net of particles from a JSON declaration; write its final particles and outputs')
    .addOption(
      new Option(
        '--config <file>',
        'declaration, JSON: model, loss, flow, seed, data, thin (theory/README.md lists the keys)',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--particles <file>',
        'safetensors, F64: layer1/a [M, d], layer1/b [M, d], layer1/bias [M], ..., read-in, read-out, x, ' +
          'y, heldOut/x, heldOut/y [N, d]; what is missing is drawn from the seed',
      ),
    )
    .addOption(
      new Option('--out <dir>', 'folder for final.safetensors and summary.json; needed but for --print-config'),
    )
    .option('--print-config', 'print the declaration with its defaults and do nothing else')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        [
          'gowide theory simulate --config sim.json --particles init.safetensors --out sim',
          'gowide theory simulate --config sim.json --print-config',
        ],
        'Example config:\n  {"model": {"depth": 3, "d": 4, "width": 256}, "flow": {"steps": 100, "dt": 0.05}}\n\n' +
          `Kinds of flow ("flow": {"kind": ...}):\n${Object.entries(FLOWS)
            .map(([name, { law }]) => `  ${name.padEnd(10)} ${law}`)
            .join('\n')}`,
      ),
    )
    .action(run);
}

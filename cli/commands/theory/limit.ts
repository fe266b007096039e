import { Command, Option } from 'commander';
import { declaredLimit, FEWEST_PARTICLES, LIMIT_DEFAULTS } from '../../../theory/limit/declared.js';
import { notice } from '../../terminal/notices.js';
import { examples, jsonOption, positiveNumber, wholeNumber } from '../../terminal/options.js';
import { Progress } from '../../terminal/progress.js';
import { namingFiles, readDeclared } from '../../terminal/declared.js';

interface Options {
  readonly config: string;
  readonly particles?: string;
  readonly target: number;
  readonly maxParticles: number;
  readonly maxNets: number;
  readonly json?: boolean;
}

/** It computes in one stretch. */
export const computesApart = true;

/** `gowide theory limit`. */
export function command(): Command {
  const { target, particles: sizes, nets } = LIMIT_DEFAULTS;
  return new Command('limit')
    .description('the infinite-width limit of sqrt(m) D for a declaration of `simulate`, with its error')
    .addOption(
      new Option('--config <file>', 'declaration, JSON, as `gowide theory simulate` takes it').makeOptionMandatory(),
    )
    .addOption(
      new Option('--particles <file>', 'safetensors as for `simulate`: data of your own; particles are the law itself'),
    )
    .addOption(
      new Option('--target <share>', 'stop when the half-width of the 95 % interval is below this share of the value')
        .argParser(positiveNumber(0.5))
        .default(target),
    )
    .addOption(
      new Option('--max-particles <n>', 'most particles of a layer')
        .argParser(wholeNumber(FEWEST_PARTICLES))
        .default(sizes.most),
    )
    .addOption(new Option('--max-nets <n>', 'most nets of one size').argParser(wholeNumber(8)).default(nets))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        ['gowide theory limit --config sim.json', 'gowide theory limit --config sim.json --target 0.02 --json'],
        'What is found is the root of the mean square over thin nets. A limit that does not converge gives no ' +
          'figure and exit code 1.',
      ),
    )
    .action(async (options: Options) => {
      const declared = readDeclared(options);
      const { config, arrays } = declared;
      const progress = new Progress();
      const asked = {
        target: options.target,
        particles: { most: options.maxParticles },
        nets: options.maxNets,
        onNet: (done: number, size: number, error: number): void =>
          progress.update(
            `nets of ${size} particles`,
            done / options.maxNets,
            Number.isFinite(error) ? `error ${(100 * error).toFixed(1)} %` : `net ${done}`,
          ),
      };
      const { warnings, ...limit } = await namingFiles(declared, () => declaredLimit(config, arrays, asked));
      progress.clear();
      for (const warning of warnings) notice(`warning: ${warning}`);
      if (options.json) process.stdout.write(`${JSON.stringify({ ...limit, warnings }, null, 2)}\n`);
      else
        process.stdout.write(
          Object.entries(limit)
            .filter(([, value]) => value !== undefined)
            .map(([name, value]) => `${name.padEnd(14)} ${String(value)}\n`)
            .join(''),
        );
    });
}

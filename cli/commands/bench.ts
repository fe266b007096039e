import { Command, InvalidArgumentError, Option } from 'commander';
import { BENCHMARKS } from '../bench/networks.js';
import type { Bench, Benchmark, Measured } from '../bench/compare.js';
import { printedBy } from '../terminal/executable.js';
import { engineOption, jsonOption, wholeNumber } from '../terminal/options.js';
import { textTable } from '../terminal/table.js';
import { openForCommand } from '../terminal/work.js';

function widthList(text: string): number[] {
  const widths = text.split(',').map(Number);
  if (widths.some((width) => !Number.isSafeInteger(width) || width < 1))
    throw new InvalidArgumentError('Expected whole numbers, with commas between.');
  return widths;
}

function positiveSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 600)) throw new InvalidArgumentError('Expected seconds above 0, at most 600.');
  return value;
}

interface Options {
  readonly peer?: 'jax';
  readonly widths?: number[];
  readonly seconds: number;
  readonly json?: boolean;
}

interface NetworkOptions {
  readonly case?: string;
  readonly cases?: string[];
  readonly peer?: 'torch';
  readonly seconds: number;
  readonly engine?: string;
  readonly json?: boolean;
}

/** The command, for the record of commands. */
export function command(): Command {
  const command = new Command('bench').description('speed, measured here');
  command
    .command('particles')
    .description(
      'pairs (sample x particle) per second of one training step, by width: d = 8, 256 samples, 4 layers, float64',
    )
    .addOption(
      new Option(
        '--peer <name>',
        'measure another program in the same run; makes a Python environment in the cache',
      ).choices(['jax']),
    )
    .addOption(
      new Option('--widths <list>', 'particles per layer (default: 64,256,1024,4096,16384,65536)').argParser(widthList),
    )
    .addOption(new Option('--seconds <n>', 'time for each row').default(1).argParser(positiveSeconds))
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide bench particles\n  gowide bench particles --peer jax --json')
    .action(async ({ peer, widths, seconds, json }: Options) => {
      const { BENCH_WIDTHS, benchParticles } = await import('../bench/particles.js');
      const bench = await benchParticles({
        widths: widths ?? BENCH_WIDTHS,
        seconds,
        peer,
        onRow: (text) => process.stderr.write(`${text}\n`),
      });
      if (json) {
        process.stdout.write(`${JSON.stringify(bench, null, 2)}\n`);
        return;
      }
      const million = (rate: number): string => (rate / 1e6).toFixed(1);
      const rows = bench.rows.map(({ M, kernel, threads, pairsPerSecond, peakFraction, peer: other, ratio }) => ({
        M,
        kernel,
        threads,
        'million pairs/s': million(pairsPerSecond),
        'of peak': peakFraction === null ? '' : `${(100 * peakFraction).toFixed(0)} %`,
        ...(other !== null && {
          [`${other.name} ${other.version}`]: million(other.pairsPerSecond),
          ratio: ratio === null ? '' : ratio.toFixed(2),
        }),
      }));
      process.stdout.write(`${textTable(rows as Record<string, string | number>[])}\n`);
      for (const note of bench.notes) process.stdout.write(`${note}\n`);
    });
  command
    .command('sweep')
    .description('what sweeps cost beside their cells: an empty cell here and through Redis, and many finished ones')
    .addOption(
      new Option('--cells <n>', 'finished runs to list, find and merge').default(100_000).argParser(wholeNumber(10)),
    )
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide bench sweep\n  gowide bench sweep --cells 10000 --json')
    .action(async ({ cells, json }: { cells: number; json?: boolean }) => {
      const { benchSweep } = await import('../bench/sweep.js');
      const rows = await benchSweep({
        cells,
        onRow: ({ case: name, seconds }) => process.stderr.write(`${name}: ${seconds.toFixed(1)} s\n`),
      });
      if (json) return void process.stdout.write(`${JSON.stringify({ rows }, null, 2)}\n`);
      const lines = rows.map(({ perCell, seconds, ...rest }) => ({
        ...rest,
        seconds: seconds.toFixed(1),
        'ms a cell': perCell === null ? '' : perCell.toFixed(1),
      }));
      process.stdout.write(`${textTable(lines)}\n`);
    });
  for (const [network, { description, load }] of Object.entries(BENCHMARKS))
    command.addCommand(networkCommand(network, description, load));
  return command;
}

function networkCommand(network: string, description: string, load: () => Promise<Benchmark>): Command {
  return new Command(network)
    .description(description)
    .addOption(
      new Option(
        '--peer <name>',
        'measure another program in the same run; makes a Python environment in the cache',
      ).choices(['torch']),
    )
    .addOption(new Option('--case <name>', 'one case, in this process'))
    .addOption(
      new Option('--cases <list>', 'some of the cases, with commas between').argParser((text: string) =>
        text.split(','),
      ),
    )
    .addOption(new Option('--seconds <n>', 'time for each measurement').default(20).argParser(positiveSeconds))
    .addOption(engineOption())
    .addOption(jsonOption())
    .addHelpText('after', `\nExamples:\n  gowide bench ${network}\n  gowide bench ${network} --peer torch --json`)
    .action(async ({ case: one, ...options }: NetworkOptions) => {
      const { compare, measureCase } = await import('../bench/compare.js');
      if (one !== undefined) {
        const engine = await openForCommand(options.engine);
        const measured = {
          case: one,
          engine: `${engine.name} (${engine.device})`,
          ...(await measureCase(await load(), one, options.seconds)),
        };
        process.stdout.write(
          options.json ? `${JSON.stringify(measured)}\n` : `${measured.perSecond.toFixed(2)} a second\n`,
        );
        return;
      }
      const { peer, cases, engine, seconds } = options;
      const spawnCase = (name: string): Promise<Measured & { engine: string }> =>
        printedBy([
          'bench',
          network,
          '--case',
          name,
          '--seconds',
          String(seconds),
          '--json',
          ...(engine === undefined ? [] : ['--engine', engine]),
        ]);
      const table = await compare(await load(), {
        seconds,
        peer,
        cases,
        spawnCase,
        onRow: (text) => process.stderr.write(`${text}\n`),
      });
      process.stdout.write(options.json ? `${JSON.stringify(table, null, 2)}\n` : speedText(table, peer !== undefined));
    });
}

function speedText({ unit, rows, notes }: Bench, compared: boolean): string {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const lines = rows.map(({ case: name, engine, perSecond, peakMemoryBytes, peer, ratio }) => ({
    case: name,
    engine,
    [`${unit}/s`]: perSecond.toFixed(1),
    memory: megabytes(peakMemoryBytes),
    ...(compared && {
      peer: peer === null ? '' : peer.perSecond.toFixed(1),
      'its memory': peer === null ? '' : megabytes(peer.peakMemoryBytes),
      ratio: ratio === null ? '' : ratio.toFixed(2),
    }),
  }));
  return `${[textTable(lines), ...notes].join('\n')}\n`;
}

import { Command, Option } from 'commander';
import { checkOut, jobsOption, queueNameOption, queueOption, wholeNumber } from '../terminal/options.js';
import { engineOption } from '../terminal/run-options.js';
import { workAsWorker } from '../terminal/work.js';
import { placeOf } from './sweep.js';

interface Options {
  readonly queue?: string;
  readonly name: string;
  readonly out: string;
  readonly engine?: string;
  readonly jobs: number;
  readonly idle?: number;
  readonly lock: number;
}

/** The command, for the record of commands. */
export function command(): Command {
  return new Command('worker')
    .description('take cells from a queue, run them, and send the finished runs back')
    .addOption(queueOption())
    .addOption(queueNameOption())
    .option('--out <dir>', 'this worker’s own folder: saved states and finished runs', 'gowide-worker')
    .addOption(engineOption())
    .addOption(jobsOption())
    .addOption(
      new Option(
        '--idle <seconds>',
        'end when the queue has been empty for so long (default: work until stopped)',
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option('--lock <seconds>', 'how long a worker that died keeps its cell')
        .default(30)
        .argParser(wholeNumber(2)),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  gowide worker --queue redis://host\n  GOWIDE_QUEUE=redis://:password@host gowide worker --jobs 8 --idle 600\n\nCtrl-C saves what is at work and gives it back; a second one ends at once.',
    )
    .action(async (options: Options) => {
      const { finished, failed } = await workAsWorker({
        ...options,
        ...placeOf(options),
        out: checkOut(options.out),
      });
      process.stdout.write(`${finished} cells finished${failed > 0 ? `, ${failed} attempts failed` : ''}\n`);
    });
}

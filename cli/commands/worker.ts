import { Command } from 'commander';
import type { BackendOptions, Values } from '../../src/sweep/backends/backend.js';
import { workerNames, workerOf, workerOptions } from '../../src/sweep/backends/registry.js';
import { withBackendOptions } from '../terminal/backends.js';
import { examples, jobsOption } from '../terminal/options.js';
import { engineOption, withThreads } from '../terminal/run-options.js';
import { workAsWorker, type WorkOptions } from '../terminal/work.js';

/** `gowide worker`. */
export function command(): Command {
  return withThreads(withBackendOptions(new Command('worker'), workerOptions(), workerNames()))
    .description('take cells from a queue, run them, and send the finished runs back')
    .option('--out <dir>', 'this worker’s own folder: saved states and finished runs', 'gowide-worker')
    .addOption(engineOption())
    .addOption(jobsOption())
    .addHelpText(
      'after',
      examples(
        ['gowide worker --queue redis://host', 'GOWIDE_QUEUE=redis://:password@host gowide worker --jobs 8 --idle 600'],
        'Ctrl-C saves what is at work and gives it back; a second one ends at once.',
      ),
    )
    .action(async (options: WorkOptions & Values<BackendOptions>) => {
      const { finished, failed } = await workAsWorker(workerOf(options), options);
      process.stdout.write(`${finished} cells finished${failed > 0 ? `, ${failed} attempts failed` : ''}\n`);
    });
}

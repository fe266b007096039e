import { Command } from 'commander';
import { citations } from '../../src/core/citation.js';
import { examples, jsonOption } from '../terminal/options.js';

/** `gowide cite`. */
export function command(): Command {
  return new Command('cite')
    .description('how to cite the paper and this software, as BibTeX')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide cite >> references.bib', 'gowide cite --json']))
    .action(({ json }: { json?: boolean }) => {
      const { paper, software } = citations();
      process.stdout.write(json ? `${JSON.stringify({ paper, software }, null, 2)}\n` : `${paper}\n\n${software}\n`);
    });
}

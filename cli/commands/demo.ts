import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../../src/core/package.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import { tellReading } from '../terminal/notices.js';
import { checkOut, examples } from '../terminal/options.js';

/** Folder of the kept results, in a clone as in the installed package. */
const KEPT = join('reports', 'results');

interface Options {
  readonly out?: string;
  readonly open: boolean;
}

/** `gowide demo`. */
export function command(): Command {
  return new Command('demo')
    .description('the report of the results that come with the program, at once: nothing is run or downloaded')
    .option('--out <dir>', 'folder for the page (default: one of the system’s temporary folders)')
    .option('--no-open', 'print its path and show nothing')
    .addHelpText('after', examples(['gowide demo', 'gowide demo --out . --no-open']))
    .action(async ({ out, open }: Options) => {
      const folder = out === undefined ? mkdtempSync(join(tmpdir(), 'gowide-demo-')) : checkOut(out);
      const file = checkOutput(join(folder, 'report.html'), OUTPUTS.page);
      const { writeReport } = await import('../../reports/page/report.js');
      tellReading(await writeReport([join(packageRoot(), KEPT)], { file }));
      if (open) await (await import('open')).default(file);
      process.stdout.write(`${file}\n`);
    });
}

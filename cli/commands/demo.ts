import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../../src/core/package.js';
import { writeAtomic } from '../../src/store/atomic.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import { drawnPage } from '../terminal/drawn-page.js';
import { notice, tellReading } from '../terminal/notices.js';
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
      await writeKept(file);
      if (open) await (await import('open')).default(file);
      process.stdout.write(`${file}\n`);
    });
}

/** Writes the page of the kept results: as it was drawn before, or drawn now. */
async function writeKept(file: string): Promise<void> {
  const tables = join(packageRoot(), KEPT);
  const kept = drawnPage(tables);
  const page = kept?.read();
  if (page !== undefined) return writeAtomic(file, page);
  notice('Drawing the report of the kept results, which takes some seconds the first time …');
  const { writeReport } = await import('../../reports/page/report.js');
  const told = await writeReport([tables], { file });
  tellReading(told);
  // what has to be said of the tables is said each time
  if (told.problems.length + told.cautions.length === 0) kept?.keep(readFileSync(file, 'utf8'));
}

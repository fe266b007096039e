import { dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { SCALES, type Scale } from '../../src/core/experiment.js';
import { FailureError, few, plural, UsageError } from '../../src/core/errors.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import type { ChangedVerdict } from '../../reports/claims/expected.js';
import type { Comparison } from '../../reports/page/compare.js';
import { notice, tellReading } from '../terminal/notices.js';
import { checkOut, checkRuns, DEFAULT_OUT, examples, jsonOption } from '../terminal/options.js';

interface ReportOptions {
  readonly out?: string;
  readonly site?: string;
  readonly tables?: string;
  readonly scale?: Scale;
  readonly expect?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly open?: boolean;
  readonly compare?: boolean;
}

/** `gowide report`. */
export function command(): Command {
  return new Command('report')
    .argument('[folders...]', 'folders with runs, or with tables that --tables wrote', [DEFAULT_OUT])
    .description('draw the report of finished runs; the last line is its path')
    .option(
      '--out <file>',
      'HTML file (default: report.html in this folder; with --json or --markdown none is written)',
    )
    .addOption(
      new Option(
        '--site <dir>',
        'a static site instead of one file, in an empty folder or that of an earlier site: a page for each section',
      ).conflicts(['compare', 'out']),
    )
    .addOption(
      new Option(
        '--scale <name>',
        'runs of that scale alone (default: each claim at the largest that was run)',
      ).choices([...SCALES]),
    )
    .addOption(
      new Option(
        '--tables <dir>',
        'write what was found there as CSV, JSONL, Markdown and Vega-Lite specs, and draw no page',
      ).conflicts(['compare', 'out', 'scale', 'open', 'markdown', 'site']),
    )
    .addOption(
      new Option(
        '--expect <file>',
        'exit status 1 where a verdict is another than in this file, which --json printed before, ' +
          'or {"claim-id": "supported", ...}',
      ).conflicts(['compare', 'tables']),
    )
    .addOption(
      new Option('--compare', 'two folders side by side: two machines, two engines, before and after').conflicts([
        'markdown',
      ]),
    )
    .option('--open', 'show it in the browser')
    .addOption(jsonOption().conflicts(['markdown']))
    .option('--markdown', 'print the verdicts as a Markdown table on standard output')
    .addHelpText(
      'after',
      examples([
        'gowide report --open',
        'gowide report results more-results --out both.html',
        'gowide report results --site public',
        'gowide report --compare before after --out comparison.html',
        'gowide report results --markdown > VERDICTS.md',
        'gowide report results --tables reports/results',
        'gowide report results --json > expected.json',
        'gowide report results --expect expected.json --json > now.json',
      ]),
    )
    .action(write);
}

async function write(
  folders: string[],
  { out, site, tables, scale, expect, json = false, markdown, open, compare }: ReportOptions,
): Promise<void> {
  for (const folder of folders) checkRuns(folder);
  if (tables !== undefined) return writeTables(folders, checkOut(tables, '--tables'), json);
  if (compare && folders.length !== 2)
    throw new UsageError(`--compare: expected two folders of runs, got ${folders.length}`);
  const told = json || (markdown ?? false);
  const noPage = site !== undefined || (out === undefined && told && !open);
  const file = noPage ? undefined : pageFile(folders, out, compare ?? false);
  if (compare) {
    const { writeComparison } = await import('../../reports/page/compare.js');
    const comparison = await writeComparison(folders[0]!, folders[1]!, file, scale);
    if (open) await (await import('open')).default(file!);
    return printComparison(file, comparison, json);
  }
  const { changedVerdicts, readExpected } = await import('../../reports/claims/expected.js');
  const expected = expect === undefined ? undefined : readExpected(expect); // before anything is written
  const { writeReport } = await import('../../reports/page/report.js');
  const folder = site === undefined ? undefined : checkOut(site, '--site');
  const { markdown: table, ...result } = await writeReport(folders, { file, site: folder }, scale);
  const written = folder === undefined ? file : join(folder, 'index.html');
  if (open) await (await import('open')).default(written!);
  if (json) process.stdout.write(`${JSON.stringify({ report: written ?? null, ...result }, null, 2)}\n`);
  else if (markdown) process.stdout.write(table);
  else {
    tellReading(result);
    process.stdout.write(`${written}\n`);
  }
  if (expected !== undefined) failOnChange(expect!, changedVerdicts(expected, result.verdicts));
}

/** Throws FailureError, which names them, where verdicts are not as expected. */
function failOnChange(file: string, changed: readonly ChangedVerdict[]): void {
  if (changed.length === 0) return;
  const lines = changed.map(({ id, expected, found }) => `${id}: ${expected} -> ${found}`);
  throw new FailureError(`${plural(changed.length, 'verdict')} other than in ${file}: ${few(lines, 10)}`);
}

/**
 * Where a page goes: never into a folder that is read, unless it is named, and over nothing but an earlier page. Throws
 * UsageError where it would.
 */
function pageFile(folders: readonly string[], out: string | undefined, compare: boolean): string {
  const file = resolve(out ?? (compare ? 'comparison.html' : 'report.html'));
  if (out === undefined && folders.some((folder) => resolve(folder) === dirname(file)))
    throw new UsageError(`${file} would be in a folder that is read; name a file with --out`);
  checkOut(dirname(file));
  return checkOutput(file, OUTPUTS.page);
}

async function writeTables(folders: readonly string[], out: string, json: boolean): Promise<void> {
  const { writeResults } = await import('../../reports/page/results.js');
  const { files, ...told } = writeResults(folders, out);
  if (files.length === 0) {
    const why = told.problems.length === 0 ? '' : `: ${few(told.problems)}`;
    throw new FailureError(`--tables: nothing was written, as there is no finished run at a declared scale${why}`);
  }
  if (json) return void process.stdout.write(`${JSON.stringify({ files, ...told }, null, 2)}\n`);
  tellReading(told);
  process.stdout.write(`${files.join('\n')}\n`);
}

async function printComparison(file: string | undefined, comparison: Comparison, json: boolean): Promise<void> {
  const { shared, equal, asTables, changed, problems } = comparison;
  if (json)
    return void process.stdout.write(
      `${JSON.stringify({ report: file ?? null, shared, equal, asTables, changed, problems }, null, 2)}\n`,
    );
  const { differing, inBoth } = await import('../../reports/page/compare.js');
  problems.forEach(notice);
  process.stdout.write(
    `${inBoth(comparison)}, ${equal} of them the same to the byte` +
      `${asTables === 0 ? '' : ` (${asTables} by the figures of tables alone)`}; ${differing(comparison)}\n`,
  );
  for (const { id, first, second } of changed) process.stdout.write(`${id}: ${first} -> ${second}\n`);
  if (file !== undefined) process.stdout.write(`${file}\n`);
}

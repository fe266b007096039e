/** Every command line that a page prints does what the page says: it names runs that the program knows. */
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import { wholeProgram } from '../../cli/program.js';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { readRecords } from '../../reports/data/records.js';
import { buildReport, pageOf } from '../../reports/page/report.js';
import { AS_CLAIMED, records } from './rows.js';

const KEPT = resolve(import.meta.dirname, '../../reports/results');

/** Words of a command line as a shell passes them. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);
}

/** What a command line prints. */
async function printed(words: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => parts.push(String(text)) > 0);
  try {
    await (await wholeProgram()).parseAsync(words, { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return parts.join('');
}

const kept = buildReport(readRecords([KEPT]));
const made = buildReport({
  ...records(AS_CLAIMED),
  runs: [],
  kept: [],
  origins: new Map(),
  problems: [],
  cautions: [],
});
const commands = [
  ...new Set(
    [kept, made].flatMap(({ figures }) => Object.values(figures).flatMap((list) => list.map((one) => one.command))),
  ),
];

/** Whether a command line asks for a scale at which its experiment is declared: rows of the tests are of one scale. */
function declared(line: string): boolean {
  const name = /--experiment (\S+)/.exec(line)?.[1] ?? /^gowide theory run (\S+)/.exec(line)?.[1];
  const scale = /--scale (\S+)/.exec(line)?.[1];
  return name !== undefined && scale !== undefined && scale in EXPERIMENTS[name]!.seeds;
}

test.each(commands.filter(declared))('%s prints the specs of its runs', async (line) => {
  const [, ...words] = wordsOf(line);
  expect(await printed([...words, '--print-config'])).toMatch(/^[[{]/);
});

test('every other command that the page names exists', async () => {
  const html = (await pageOf(kept)).replace(/<script[\s\S]*?<\/script>/g, '');
  const program = await wholeProgram();
  const names = new Set(program.commands.map((command) => command.name()));
  const lines = [...html.matchAll(/<code>gowide ([^<]+)<\/code>/g)].map(([, line]) => line!);
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(names, line).toContain(wordsOf(line)[0]);
});

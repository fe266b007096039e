/** Every command line that a page prints does what the page says: it names runs that the program knows. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { strFromU8, unzipSync } from 'fflate';
import { expect, test, vi } from 'vitest';
import { wholeProgram } from '../../cli/program.js';
import { EXPERIMENTS } from '../../experiments/registry.js';
import { buildReport, pageOf } from '../../reports/page/report.js';
import { KEPT, KEPT_REPORT } from './kept.js';
import { AS_CLAIMED, records } from './rows.js';

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

/** The page of the kept report, drawn once. */
const keptPage = pageOf(KEPT_REPORT);
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
    [KEPT_REPORT, made].flatMap(({ figures }) =>
      Object.values(figures).flatMap((list) => list.map((one) => one.command)),
    ),
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
  const html = (await keptPage).replace(/<script[\s\S]*?<\/script>/g, '');
  const program = await wholeProgram();
  const names = new Set(program.commands.map((command) => command.name()));
  const lines = [...html.matchAll(/<code>gowide ([^<]+)<\/code>/g)].map(([, line]) => line!);
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) expect(names, line).toContain(wordsOf(line)[0]);
});

test('the kept report is small enough to be sent around, and says nothing of where it was made', async () => {
  const page = await keptPage;
  // a quarter of it is the archive of all kept tables
  expect(Buffer.byteLength(page)).toBeLessThan(1.75e6);
  const html = page.replace(/<script[\s\S]*?<\/script>/g, '');
  expect(html.match(/<[a-z]/g)!.length).toBeLessThan(15_000);
  expect(html).not.toMatch(/[\s"'=(>](?:\/(?:home|root|tmp|Users|var|mnt)\/|[A-Z]:\\)/);
  expect(html.match(/id="claim-[^"]*"/g)!.length).toBe(new Set(html.match(/id="claim-[^"]*"/g)).size);
});

test('every picture closes what it opens', async () => {
  const pictures = (await keptPage).match(/<svg\b[^>]*>.*?<\/svg>/gs)!;
  expect(pictures.length).toBeGreaterThan(100);
  for (const picture of pictures) {
    const open: string[] = [];
    for (const [, end, name, alone] of picture.matchAll(/<(\/?)(\w+)(?:"[^"]*"|[^">])*?(\/?)>/g))
      if (end === '/') expect(open.pop(), picture.slice(0, 200)).toBe(name);
      else if (alone === '') open.push(name!);
    expect(open).toEqual([]);
  }
});

test('the archive holds every table, with its rows or its columns', async () => {
  const [, packed] = /data:application\/zip;base64,([^"]*)"/.exec(await keptPage)!;
  const files = unzipSync(Buffer.from(packed!, 'base64'));
  const textOf = (name: string): string => strFromU8(files[name]!);
  const tables = readdirSync(KEPT).filter((name) => /\.(csv|jsonl)$/.test(name));
  expect(tables.length).toBeGreaterThan(20);
  for (const name of tables) {
    const kept = readFileSync(join(KEPT, name), 'utf8').trim().split('\n');
    if (name.endsWith('.csv')) {
      expect(textOf(name).trim().split('\n'), name).toHaveLength(kept.length);
      continue;
    }
    const columns = JSON.parse(textOf(name.replace(/l$/, ''))) as Record<string, unknown[]>;
    const rows = kept.map((line) => JSON.parse(line) as Record<string, unknown>);
    const places = [0, Math.floor(rows.length / 2), rows.length - 1];
    for (const values of Object.values(columns)) expect(values, name).toHaveLength(rows.length);
    for (const place of places)
      for (const [column, value] of Object.entries(rows[place]!)) {
        // ids stand in the table of final figures
        if (column === 'run') continue;
        const found = columns[column]![place];
        if (typeof value === 'number')
          expect(found).toBeCloseTo(value, 3 - Math.ceil(Math.log10(Math.abs(value) || 1)));
        else expect(found).toEqual(value);
      }
  }
});

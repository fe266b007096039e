/** `gowide report` writes a page where it is told to, or in the current folder; never where it reads. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { gowideHere, newFolder } from '../support/program.js';

const KEPT = resolve('reports/results');
/** Enough for a page with figures and verdicts: what is on it is tested elsewhere. */
const SOME = /^(bounds|depth|frontier-digits)\.laptop\./;
let [kept, here] = ['', ''];

beforeEach(() => {
  [kept, here] = [join(newFolder(), 'kept'), newFolder()];
  mkdirSync(kept);
  for (const name of readdirSync(KEPT)) if (SOME.test(name)) cpSync(join(KEPT, name), join(kept, name));
  vi.spyOn(process, 'cwd').mockReturnValue(here);
});
afterEach(() => void vi.restoreAllMocks());

const files = (): string[] => readdirSync(kept, { recursive: true, encoding: 'utf8' }).sort();

test('without --out the page is in the current folder, and what is read stays as it is', async () => {
  const before = files();
  const { status, stdout } = await gowideHere(['report', kept]);
  expect([status, stdout.trim().split('\n').at(-1)]).toEqual([0, join(here, 'report.html')]);
  expect([existsSync(join(here, 'report.html')), files()]).toEqual([true, before]);
  const compared = await gowideHere(['report', '--compare', kept, kept]);
  expect([compared.stdout.trim().split('\n').at(-1), files()]).toEqual([join(here, 'comparison.html'), before]);
});

test.each([['--json'], ['--markdown'], ['--compare', '--json']])('with %s no page is written', async (...options) => {
  const folders = options.includes('--compare') ? [kept, kept] : [kept];
  const before = files();
  const { status, stdout } = await gowideHere(['report', ...folders, ...options]);
  expect([status, readdirSync(here), files()]).toEqual([0, [], before]);
  if (options.includes('--json')) expect(JSON.parse(stdout)).toMatchObject({ report: null });
  else expect(stdout).toMatch(/^\| /m);
});

test('with --json and --out it is, and its path is said', async () => {
  const file = join(here, 'deeper', 'page.html');
  const { stdout } = await gowideHere(['report', kept, '--json', '--out', file]);
  expect([JSON.parse(stdout), existsSync(file)]).toMatchObject([{ report: file }, true]);
});

test('a folder that is read gets a page only where it is named', async () => {
  vi.spyOn(process, 'cwd').mockReturnValue(kept);
  const before = files();
  const { status, stderr } = await gowideHere(['report', kept]);
  expect([status, stderr]).toEqual([2, expect.stringMatching(/in a folder that is read; name a file with --out/)]);
  expect(files()).toEqual(before);
  expect((await gowideHere(['report', kept, '--out', join(kept, 'mine.html')])).status).toBe(0);
});

test('with --expect the status is 1 where a verdict is another than in the file, 2 where the file is none', async () => {
  const { stdout } = await gowideHere(['report', kept, '--json']);
  const { verdicts } = JSON.parse(stdout) as { verdicts: { id: string; outcome: string }[] };
  const { id, outcome } = verdicts.find((one) => one.outcome === 'supported' || one.outcome === 'not supported')!;
  const open = verdicts.find((one) => one.outcome === 'not run')!;
  const expecting = async (value: unknown): Promise<readonly [status: number, last: string | undefined]> => {
    const file = join(here, 'expected.json');
    writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
    const { status, stderr } = await gowideHere(['report', kept, '--json', '--expect', file]);
    return [status, stderr.trim().split('\n').at(-1)];
  };
  expect(await expecting(stdout)).toEqual([0, '']);
  expect(await expecting({ [id]: outcome })).toEqual([0, '']);
  const other = outcome === 'supported' ? 'not supported' : 'supported';
  const differs = `1 verdict other than in ${join(here, 'expected.json')}: ${id}: ${other} -> ${outcome}`;
  expect(await expecting({ [id]: other })).toEqual([1, expect.stringContaining(differs)]);
  expect(await expecting({ [open.id]: 'supported' })).toEqual([1, expect.stringContaining('supported -> not run')]);
  expect(await expecting({ [`${id}x`]: outcome })).toEqual([2, expect.stringContaining(`Did you mean "${id}"?`)]);
  expect(await expecting({ [id]: 'true' })).toEqual([2, expect.stringContaining('expected.json')]);
  expect(await expecting('')).toEqual([2, expect.stringContaining('the file is empty')]);
  for (const none of [{}, { verdicts: [] }, { verdicts: [open] }])
    expect(await expecting(none)).toEqual([
      2,
      expect.stringContaining('no claim with a verdict; expected at least one'),
    ]);
  expect(await expecting(`{"${id}": "${outcome}", "${id}": "${other}"}`)).toEqual([
    2,
    expect.stringContaining(`the key "${id}" stands twice`),
  ]);
  const one = { id, outcome };
  expect(await expecting({ verdicts: [one, { ...one, outcome: other }] })).toEqual([
    2,
    expect.stringContaining(`the claim "${id}" is there twice`),
  ]);
});

test('every way in which a report is given says what was left out, on standard error or in what it prints', async () => {
  const table = join(kept, 'frontier-digits.laptop.csv');
  writeFileSync(table, readFileSync(table, 'utf8').replaceAll(/^direct x1,/gm, 'drect x1,'));
  const why = `frontier-digits declares no arm "drect x1" at scale laptop. Did you mean "direct x1"?`;
  const first = async (...args: string[]): Promise<readonly [status: number, line: string | undefined]> => {
    const { status, stderr } = await gowideHere(args);
    return [status, stderr.split('\n')[0]];
  };
  const said = expect.stringMatching(/^\S+frontier-digits\.laptop\.csv: run \w+, seed \d+: /) as string;
  expect(await first('report', kept)).toEqual([0, said]);
  expect((await first('report', kept))[1]).toContain(why);
  expect(await first('report', kept, '--tables', join(here, 'tables'))).toEqual(await first('report', kept));
  expect(await first('report', kept, '--site', join(here, 'site'))).toEqual(await first('report', kept));
  expect((await first('report', '--compare', kept, kept))[1]).toMatch(/^A: \S+frontier-digits/);
  // and does not advise to make in hours what is there, beside the table that has to be mended
  const shown = await gowideHere(['frontier', 'resnet-digits', '--scale', 'laptop', '--show', kept]);
  expect([shown.status, shown.stderr.trim()]).toEqual([
    2,
    expect.stringMatching(/^error: \S+frontier-digits\.laptop\.csv: run \w+, seed \d+: [^\n]*$/),
  ]);
  expect((await gowideHere(['report', kept, '--markdown'])).stdout).toContain('declares no arm "drect x1"');
  for (const args of [['--json'], ['--tables', join(here, 'more'), '--json']]) {
    const { stdout, stderr } = await gowideHere(['report', kept, ...args]);
    expect([stderr, JSON.parse(stdout)]).toMatchObject(['', { problems: [said], cautions: [] }]);
  }
});

test('--json and --markdown count the same runs: those that verdicts were decided by', async () => {
  const counted = (await gowideHere(['report', kept, '--markdown'])).stdout;
  const { runs } = JSON.parse((await gowideHere(['report', kept, '--json'])).stdout) as { runs: number };
  expect(runs).toBeGreaterThan(0);
  expect(counted).toContain(` claims from ${runs} runs: `);
});

test('--tables of nothing that can be read fails with the reason', async () => {
  const damaged = newFolder();
  writeFileSync(join(damaged, 'depth.laptop.jsonl'), '{"run": ');
  const { status, stdout, stderr } = await gowideHere(['report', damaged, '--tables', join(here, 'tables')]);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^error: --tables: nothing was written, .*: \S+depth\.laptop\.jsonl: [^\n]+\n$/);
});

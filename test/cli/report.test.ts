/** `gowide report` writes a page where it is told to, or in the current folder; never where it reads. */
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
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

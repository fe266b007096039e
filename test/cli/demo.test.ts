import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { drawnPage } from '../../cli/terminal/drawn-page.js';
import { KEPT_REPORT } from '../reports/kept.js';
import { gowideHere, newFolder } from '../support/program.js';

const { execArgv } = process;
beforeEach(() => {
  process.execArgv = []; // Vitest loads a module of its own before the tests
  vi.stubEnv('GOWIDE_CACHE', newFolder());
  vi.stubEnv('NODE_OPTIONS', '');
});
afterEach(() => {
  process.execArgv = execArgv;
  vi.unstubAllEnvs();
});

test('the kept report, in a folder of its own, which nobody else can have made beforehand', async () => {
  const { status, stdout, stderr } = await gowideHere(['demo', '--no-open']);
  const file = stdout.trim();
  expect([status, stdout]).toEqual([0, `${file}\n`]);
  expect(stderr).toMatch(/^Drawing the report of the kept results, which takes some seconds the first time …\n$/);
  expect(dirname(file)).toMatch(/gowide-demo-\w{6}$/);
  if (process.platform !== 'win32') expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  const verdicts = Object.values(KEPT_REPORT.verdicts).flat();
  const page = readFileSync(file, 'utf8');
  expect(verdicts.length).toBeGreaterThan(50);
  for (const { statement } of verdicts) expect(page).toContain(statement.slice(0, 30));
  // the second time at once: nothing is drawn
  const again = await gowideHere(['demo', '--no-open']);
  expect([again.status, again.stderr]).toEqual([0, '']);
  expect(again.stdout).not.toBe(stdout);
  expect(readFileSync(again.stdout.trim(), 'utf8')).toBe(page);
});

describe('a page that was drawn', () => {
  const tablesOf = (text: string): string => {
    const tables = newFolder();
    writeFileSync(join(tables, 'a.csv'), text);
    return tables;
  };

  test('is that of its tables alone, and the last one is kept', () => {
    const tables = tablesOf('a');
    expect(drawnPage(tables)!.read()).toBeUndefined();
    drawnPage(tables)!.keep('page\nof a\n');
    expect(drawnPage(tables)!.read()).toBe('page\nof a\n');
    expect(drawnPage(tablesOf('a'))!.read()).toBe('page\nof a\n');
    writeFileSync(join(tables, 'a.csv'), 'b');
    expect(drawnPage(tables)!.read()).toBeUndefined();
    drawnPage(tables)!.keep('page of b');
    expect(readdirSync(join(process.env.GOWIDE_CACHE!, 'page'))).toHaveLength(1);
  });

  test('that was changed is drawn anew', () => {
    const tables = tablesOf('a');
    drawnPage(tables)!.keep('whole');
    const folder = join(process.env.GOWIDE_CACHE!, 'page');
    const file = join(folder, readdirSync(folder)[0]!);
    writeFileSync(file, readFileSync(file, 'utf8').replace('whole', 'w'));
    expect(drawnPage(tables)!.read()).toBeUndefined();
  });

  test('is not taken where a program of the user’s own is loaded before: it may add claims', () => {
    vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=4000 --import ./mine.mjs');
    expect(drawnPage(tablesOf('a'))).toBeUndefined();
  });

  test('that cannot be kept is no error', () => {
    const file = join(newFolder(), 'file');
    writeFileSync(file, '');
    vi.stubEnv('GOWIDE_CACHE', join(file, 'below'));
    expect(() => drawnPage(tablesOf('a'))?.keep('page')).not.toThrow();
  });
});

test('a file where its folder should be is named', async () => {
  const out = join(newFolder(), 'out');
  writeFileSync(out, '');
  const { status, stdout, stderr } = await gowideHere(['demo', '--no-open', '--out', out]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(out);
});

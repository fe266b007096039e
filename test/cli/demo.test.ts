import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { KEPT_REPORT } from '../reports/kept.js';
import { gowideHere, newFolder } from '../support/program.js';

test('the kept report, at once, in a folder of its own, which nobody else can have made beforehand', async () => {
  const { status, stdout, stderr } = await gowideHere(['demo', '--no-open']);
  const file = stdout.trim();
  expect([status, stdout, stderr]).toEqual([0, `${file}\n`, '']);
  expect(dirname(file)).toMatch(/gowide-demo-\w{6}$/);
  if (process.platform !== 'win32') expect(statSync(dirname(file)).mode & 0o777).toBe(0o700);
  const verdicts = Object.values(KEPT_REPORT.verdicts).flat();
  const page = readFileSync(file, 'utf8');
  expect(verdicts.length).toBeGreaterThan(50);
  for (const { statement } of verdicts) expect(page).toContain(statement.slice(0, 30));
});

test('a file where its folder should be is named', async () => {
  const out = join(newFolder(), 'out');
  writeFileSync(out, '');
  const { status, stdout, stderr } = await gowideHere(['demo', '--no-open', '--out', out]);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(out);
});

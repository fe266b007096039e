import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { KEPT_REPORT } from '../reports/kept.js';
import { gowideHere, newFolder } from '../support/program.js';

test('the kept report, at once, in the folder that was named', async () => {
  const out = newFolder();
  const { status, stdout, stderr } = await gowideHere(['demo', '--no-open', '--out', out]);
  expect([status, stdout, stderr]).toEqual([0, `${join(out, 'report.html')}\n`, '']);
  const verdicts = Object.values(KEPT_REPORT.verdicts).flat();
  const page = readFileSync(stdout.trim(), 'utf8');
  expect(verdicts.length).toBeGreaterThan(50);
  for (const { statement } of verdicts) expect(page).toContain(statement.slice(0, 30));
});

test('without a folder in one of its own, which nobody else can have made beforehand', async () => {
  // the page is the same, and drawn above
  const writeReport = vi.fn((_: unknown, { file }: { file: string }) => {
    writeFileSync(file, '');
    return { problems: [], cautions: [] };
  });
  vi.doMock('../../reports/page/report.js', () => ({ writeReport }));
  const [one, two] = [await gowideHere(['demo', '--no-open']), await gowideHere(['demo', '--no-open'])];
  const files = [one, two].map(({ stdout }) => stdout.trim());
  expect(writeReport.mock.calls.map(([, { file }]) => file)).toEqual(files);
  expect(dirname(files[0]!)).not.toBe(dirname(files[1]!));
  for (const file of files) expect(existsSync(file)).toBe(true);
});

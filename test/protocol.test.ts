/** docs/protocol.md: the tests that it names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const rows = readFileSync(join(root, 'docs/protocol.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| rule'))
  .map((line) => line.split('|').map((cell) => cell.trim()) as [string, string, string]);

test('every rule of the protocol names a test file that exists, and titles that stand in one of them', () => {
  expect(rows.length).toBeGreaterThan(10);
  let files: string[] = [];
  for (const [, rule, named] of rows) {
    const own = named.match(/test\/[\w./-]+\.ts/g) ?? [];
    // "the same" file as in the row above
    if (own.length > 0) files = own;
    else expect(named, rule).toMatch(/^the same/);
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);
    const text = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    for (const [, title] of named.matchAll(/“([^”]+)”/g)) expect(text).toContain(title!.replace(/ ?…$/, ''));
  }
});

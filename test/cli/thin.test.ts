import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planLines } from '../../cli/commands/thin.js';
import { bertFolder, csvFile } from '../thin/support.js';

test('a plan says steps, time and memory, and leaves nothing behind', async () => {
  const out = join(mkdtempSync(join(tmpdir(), 'gowide-thin-')), 'out');
  const lines = await planLines({ model: bertFolder(), data: csvFile(), columns: { text: 'review' }, out });
  expect(lines.join('\n')).toMatch(/^thin net, final: 1 run of \d+ steps, about/m);
  expect(lines.at(-1)).toMatch(/^about .* in all on one core of a small machine, with \d+\.\d GB of memory; /);
  expect(existsSync(out)).toBe(false);
});

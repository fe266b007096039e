/** A page that is drawn again and again while a command works. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Milliseconds: half of what a page may take before it is given up. */
const LIMIT = 60_000;

test('a command that is over while a page is being drawn ends at once, and not when that page’s time is up', () => {
  const page = join(mkdtempSync(join(tmpdir(), 'gw-redraw-')), 'report.html');
  const script = `
    import { setTimeout } from 'node:timers/promises';
    import { redraw } from ${JSON.stringify(pathToFileURL(join(ROOT, 'dist/cli/terminal/redraw.js')).href)};
    const drawing = redraw(${JSON.stringify(join(ROOT, 'reports/results'))}, ${JSON.stringify(page)}, () => {}, 0);
    await setTimeout(300);
    drawing.stop();
  `;
  const { status, stderr, error } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  expect([error, stderr, status]).toEqual([undefined, '', 0]);
});

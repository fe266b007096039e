/** No child process of a test or of the selftest may outlive its purpose: each has a time limit. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const CALL = /(?<![.\w])(?:spawn|spawnSync|fork|exec|execSync|execFile|execFileSync)\(/g;

/** The text of each call, up to the bracket that closes it. */
function callsIn(text: string): string[] {
  return [...text.matchAll(CALL)].map(({ index }) => {
    let depth = 0;
    for (let end = index; end < text.length; end++) {
      if (text[end] === '(') depth++;
      if (text[end] === ')' && --depth === 0) return text.slice(index, end + 1);
    }
    return text.slice(index);
  });
}

/** Calls whose options set no time, or leave the process a choice when it is up. */
function withoutLimit(text: string): string[] {
  return callsIn(text).filter((call) => !/\btimeout\b/.test(call) || !/\bkillSignal: 'SIGKILL'/.test(call));
}

test('a call without a limit is found', () => {
  expect(withoutLimit("spawnSync('x', ['(']); fork(a, { timeout: 1 }); pattern.exec(text)")).toHaveLength(2);
  expect(withoutLimit("spawn('x', [], { timeout: 1, killSignal: 'SIGKILL' })")).toEqual([]);
});

test('every child process of tests and selftest has a time limit and is killed after it', () => {
  const files = ['test', 'cli/selftest'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const found = files
    // the suite's own process has a timer, which ends its group
    .filter((file) => !file.endsWith('limits.test.ts') && !file.endsWith(join('support', 'run.mjs')))
    .flatMap((file) => withoutLimit(readFileSync(file, 'utf8')).map((call) => `${relative(ROOT, file)}: ${call}`));
  expect(found).toEqual([]);
});

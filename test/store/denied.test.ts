/** What this user may not read is said so: it is neither missing nor damaged, and is left where it is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addUp, cellOf } from '../../cli/selftest/adder.js';
import { isBelow, listenToFiles } from '../../cli/selftest/file-calls.js';
import { hasRuns } from '../../cli/terminal/options.js';
import { stateOf } from '../../reports/page/watch.js';
import { UsageError } from '../../src/core/errors.js';
import { verifyStore } from '../../src/store/merge.js';
import { folderOf, listRuns } from '../../src/store/runs.js';
import { gowideHere, newFolder } from '../support/program.js';

const CALLS = { statSync: 'stat', lstatSync: 'lstat', openSync: 'open', readdirSync: 'scandir', readFileSync: 'open' };
const cell = cellOf(3);
let out: string;
let allow = (): void => {};

/** As root, who may read everything, a test cannot take the right away; the calls say what others would get. */
function deny(path: string): void {
  allow = listenToFiles(Object.keys(CALLS), {
    before: ({ name, paths }) => {
      if (!paths.some((one) => isBelow(path, one))) return;
      const syscall = CALLS[name as keyof typeof CALLS];
      throw Object.assign(new Error(`EACCES: permission denied, ${syscall}`), { code: 'EACCES', syscall });
    },
  });
}

beforeEach(async () => {
  out = newFolder();
  await addUp(out, cell);
});
afterEach(() => allow());

describe('a folder that may not be read', () => {
  test.each([
    ['list', () => listRuns(out)],
    ['verify', () => verifyStore(out, { repair: false })],
    ['watch', () => stateOf([out])],
    ['report', () => hasRuns(out)],
  ])('%s says so', (_, read) => {
    deny(join(out, 'runs'));
    expect(read).toThrow(UsageError);
    expect(read).toThrow(/^cannot read [^\n]*runs: permission denied$/);
  });
});

test('a finished run whose mark or files may not be read is not done again, nor set aside', async () => {
  const folder = folderOf(out, cell);
  for (const name of ['DONE', 'metrics.jsonl', 'spec.json']) {
    deny(join(folder, name));
    await expect(addUp(out, cell)).rejects.toThrow(`cannot read ${join(folder, name)}: permission denied`);
    expect(verifyStore(out, { repair: true }).damaged).toHaveLength(1); // named, and left in its place
    for (const repair of [[], ['--repair']]) {
      const { status, stdout, stderr } = await gowideHere(['runs', 'verify', '--out', out, ...repair]);
      expect(status).toBe(1);
      expect(stdout).toContain('0 damaged, 1 that may not be read');
      expect(stderr).toContain('1 run may not be read by this user; make the files named above readable, and verify');
      expect(stderr).not.toContain('--repair');
    }
    allow();
  }
  expect(existsSync(join(out, 'damaged'))).toBe(false);
  expect(verifyStore(out, { repair: false }).damaged).toEqual([]);
});

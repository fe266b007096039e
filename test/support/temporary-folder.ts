/**
 * What tests leave in the system's temporary folder, they and the processes that they start, goes when the run of the
 * suite has ended: all of them have a temporary folder of this run.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/core/errors.js';

/** Variables that say where temporary files belong: the first on Linux and macOS, the others on Windows. */
const VARIABLES = ['TMPDIR', 'TEMP', 'TMP'] as const;

/** First letters of the folder's name. They are few: paths of socket files have about 100 bytes in all. */
const PREFIX = 'gw-';

/** The name that mkdtemp makes of it. */
const NAME = /^gw-[A-Za-z0-9]{6}$/;

/** File in each folder that says whose it is: others name theirs `gw-`, too. */
const MARKER = '.gowide-test-run';

/** Milliseconds without a new entry after which a folder is one of a run that was killed: longer than any run takes. */
const ABANDONED = 24 * 3600 * 1000;

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    // folders that a test made unreadable, or where a process still writes: no failure of a test
    process.stderr.write(`${folder} is left: ${messageOf(error)}\n`);
  }
}

/** Called by vitest before the first test; workers and their children inherit the variables. */
export function setup(): void {
  const root = tmpdir();
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const left = join(root, entry.name);
    if (!entry.isDirectory() || !NAME.test(entry.name) || !existsSync(join(left, MARKER))) continue;
    const changed = statSync(left, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
    if (Date.now() - changed > ABANDONED) remove(left);
  }
  const folder = mkdtempSync(join(root, PREFIX));
  writeFileSync(join(folder, MARKER), '');
  for (const name of VARIABLES) process.env[name] = folder;
  // vitest's own teardown comes before its workers have ended
  process.on('exit', () => remove(folder));
  // without a handler the process would end at once, without its exit event
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

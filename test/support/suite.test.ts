/** The suite as a whole: how it ends when something in it hangs, here and on a forge. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const SUITE = resolve(import.meta.dirname, 'run.mjs');

/** Runs one file of tests as `npm test` runs all, with so many minutes for it. */
function suite(minutes: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [SUITE, 'test/core/stats.test.ts'], {
    cwd: ROOT,
    env: { ...process.env, GOWIDE_TEST_MINUTES: minutes },
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
}

test('a suite that takes too long is ended, and says what was not over', () => {
  const { status, stdout } = suite('0.001'); // Node alone takes longer
  expect(stdout).toContain('The suite was ended after 0.001 minutes. Not over: ');
  expect(stdout).toContain('1 failed');
  expect(status).toBe(1);
});

test.each(['soon', '0', '-1', 'Infinity', '1e9'])('GOWIDE_TEST_MINUTES=%s is refused in one line', (minutes) => {
  const { status, stderr } = suite(minutes);
  expect(stderr).toBe(
    `GOWIDE_TEST_MINUTES: expected minutes, more than 0 and at most a day's 1440, got "${minutes}"\n`,
  );
  expect(status).toBe(2);
});

test('nothing is left of a run in the system’s temporary folder, nor, a day later, of one that was killed; what others have there stays', () => {
  const temporary = mkdtempSync(join(tmpdir(), 's-'));
  const folders = [
    { name: 'gw-killed', hours: 25, marked: true },
    { name: 'gw-active', hours: 1, marked: true },
    // those of somebody else: without the marker, or with another name
    { name: 'gw-backup', hours: 25, marked: false },
    { name: 'gw-backup-of-mine', hours: 25, marked: true },
  ];
  for (const { name, hours, marked } of folders) {
    mkdirSync(join(temporary, name, 'kept'), { recursive: true });
    if (marked) writeFileSync(join(temporary, name, '.gowide-test-run'), '');
    const changed = new Date(Date.now() - hours * 3600 * 1000);
    utimesSync(join(temporary, name), changed, changed);
  }
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  // a file with more than one temporary folder, none of which it removes
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run', 'test/store/atomic.test.ts'], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    encoding: 'utf8',
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
  expect(status, stdout).toBe(0);
  expect(readdirSync(temporary)).toEqual(['gw-active', 'gw-backup', 'gw-backup-of-mine']);
});

describe('on the forge', () => {
  const workflow = readFileSync(resolve(ROOT, '.github/workflows/ci.yml'), 'utf8');
  const jobs = new Map(
    [...workflow.slice(workflow.indexOf('\njobs:')).matchAll(/^ {2}(\w+):\n((?: {3,}.*\n|\n)+)/gm)].map(
      ([, name, text]) => [name!, text!],
    ),
  );
  const commandsOf = (text: string): string[] =>
    [...text.matchAll(/^ +(?:- )?run: (.+)$/gm)].map(([, command]) => command!);
  const isSuite = (command: string): boolean => /^npm test$|run\.mjs/.test(command);

  test('a job has ten minutes more than the suite in it, which then ends itself and names what hangs', () => {
    const limits = [...jobs].flatMap(([name, text]) => {
      if (!commandsOf(text).some(isSuite)) return [];
      const [, job] = /timeout-minutes: (\d+)/.exec(text)!;
      const tests = /GOWIDE_TEST_MINUTES: (\d+)/.exec(text)?.[1] ?? '60';
      return [{ name, spare: Number(job) - Number(tests) }];
    });
    expect(limits.map(({ name }) => name)).toEqual(['test', 'platforms']);
    for (const { name, spare } of limits) expect(spare, name).toBeGreaterThanOrEqual(10);
  });

  test('what .ci/run and CONTRIBUTING.md run is what the jobs run', () => {
    const there = [...jobs.values()].flatMap(commandsOf);
    const script = readFileSync(resolve(ROOT, '.ci/run'), 'utf8').split('\n');
    const commands = script.filter((line) => line.startsWith('npm '));
    expect(commands).toEqual(['npm ci', 'npm run check', 'npm test']);
    for (const command of commands) expect(there).toContain(command);
    const contributing = readFileSync(resolve(ROOT, 'CONTRIBUTING.md'), 'utf8');
    for (const command of new Set(there.filter((line) => /^(npm|\.ci)/.test(line))))
      expect(contributing).toMatch(new RegExp(`^${command} +# `, 'm'));
  });
});

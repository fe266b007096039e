/** Runs the tests that are to notice a fault, and says whether one did. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Watcher } from './mutant.js';
import type { Workspace } from './workspace.js';

/** Milliseconds that the tests of one mutant have: many times what the slowest takes, as the machine may be busy. */
const LIMIT = 1_800_000;

/** What came of the tests. */
export interface Verdict {
  /** The test or check that failed; undefined when all passed, or none could be run. */
  readonly noticed: string | undefined;
  /** Why that is no answer: no test was run, a file did not load, or time was up. */
  readonly problem: string | undefined;
}

/** Runs a command in the workspace, to its end or its limit; its whole group ends with it. */
async function run(
  { root, temporary }: Workspace,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string; readonly late: boolean }> {
  const grouped = process.platform !== 'win32';
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary, TF_CPP_MIN_LOG_LEVEL: '3' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: grouped,
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (part: Buffer) => (texts.stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (texts.stderr += part.toString()));
  const end = (): void => {
    try {
      process.kill(grouped ? -child.pid! : child.pid!, 'SIGKILL');
    } catch {
      // all of them have ended
    }
  };
  const interrupt = (): void => {
    end();
    process.exit(130);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  end();
  return { ...texts, late: signal !== null };
}

interface TestFile {
  readonly name: string;
  readonly message: string;
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
}

async function runVitest(workspace: Workspace, files: readonly string[], tests: string): Promise<Verdict> {
  const results = join(workspace.temporary, 'results.json');
  const vitest = join(workspace.root, 'node_modules', 'vitest', 'vitest.mjs');
  const { stderr, late } = await run(workspace, [
    ...[vitest, 'run', ...files, '-t', tests],
    ...['--reporter=json', `--outputFile.json=${results}`, '--bail=1'],
  ]);
  if (late) return { noticed: undefined, problem: `not over after ${LIMIT / 1000} s` };
  let testResults: readonly TestFile[];
  try {
    ({ testResults } = JSON.parse(readFileSync(results, 'utf8')) as { testResults: readonly TestFile[] });
  } catch {
    return { noticed: undefined, problem: `no result: ${stderr.slice(-300)}` };
  } finally {
    rmSync(results, { force: true });
  }
  const made = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((result) => ({ ...result, file: relative(workspace.root, name) })),
  );
  const failed = made.find(({ status }) => status === 'failed');
  if (failed !== undefined) return { noticed: `${failed.file}: ${failed.fullName.trim()}`, problem: undefined };
  const unloaded = testResults.find(({ message }) => message !== '');
  if (unloaded !== undefined)
    return { noticed: undefined, problem: `${unloaded.name} does not load: ${unloaded.message.slice(0, 300)}` };
  const passed = new Set(made.filter(({ status }) => status === 'passed').map(({ file }) => file));
  const idle = files.filter((file) => !passed.has(file));
  return { noticed: undefined, problem: idle.length > 0 ? `no test of ${idle.join(', ')} has that name` : undefined };
}

interface CheckResult {
  readonly id: string;
  readonly pass?: boolean;
  readonly figure: string;
}

async function runSelftest(workspace: Workspace, ids: readonly string[], percent: number): Promise<Verdict> {
  const program = join(workspace.root, 'dist', 'cli', 'main.js');
  const args = ['selftest', '--faults', '--json', '--checks', ids.join(','), '--percent', String(percent)];
  const { stdout, stderr, late } = await run(workspace, [program, ...args, '--minutes', String(LIMIT / 60_000)]);
  if (late) return { noticed: undefined, problem: `not over after ${LIMIT / 1000} s` };
  let results: readonly CheckResult[];
  try {
    ({ results } = JSON.parse(stdout) as { results: readonly CheckResult[] });
  } catch {
    return { noticed: undefined, problem: `no result: ${stderr.slice(-300)}` };
  }
  const skipped = results.find(({ pass }) => pass === undefined);
  if (skipped !== undefined) return { noticed: undefined, problem: `${skipped.id}: ${skipped.figure}` };
  const failed = results.find(({ pass }) => pass === false);
  return { noticed: failed && `selftest: ${failed.id} (${failed.figure})`, problem: undefined };
}

/** Whether these tests notice what is now in the workspace. */
export function watch(workspace: Workspace, watcher: Watcher): Promise<Verdict> {
  return 'vitest' in watcher
    ? runVitest(workspace, [watcher.vitest], watcher.test)
    : runSelftest(workspace, [watcher.selftest], watcher.percent);
}

/** The tests of all these watchers at once, on the product as it is: none may fail, or they prove nothing. */
export async function watchAll(workspace: Workspace, watchers: readonly Watcher[]): Promise<Verdict> {
  const tests = watchers.filter((watcher) => 'vitest' in watcher);
  if (tests.length > 0) {
    const files = [...new Set(tests.map(({ vitest }) => vitest))];
    const verdict = await runVitest(workspace, files, [...new Set(tests.map(({ test }) => `(${test})`))].join('|'));
    if (verdict.noticed !== undefined || verdict.problem !== undefined) return verdict;
  }
  const checks = watchers.filter((watcher) => 'selftest' in watcher);
  for (const percent of new Set(checks.map((check) => check.percent))) {
    const ids = [...new Set(checks.filter((check) => check.percent === percent).map(({ selftest }) => selftest))];
    const verdict = await runSelftest(workspace, ids, percent);
    if (verdict.noticed !== undefined || verdict.problem !== undefined) return verdict;
  }
  return { noticed: undefined, problem: undefined };
}

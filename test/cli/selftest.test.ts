/** The selftest in its shorter form; the whole one is `gowide selftest --faults`. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { tablesOf, type Check } from '../../cli/selftest/check.js';
import { descendants, type Children } from '../../cli/selftest/children.js';
import { CHECKS, runCheck, type Result } from '../../cli/selftest/selftest.js';
import { gowide, newFolder, PROGRAM } from '../support/program.js';

/** Percent of the kills, damages, inputs and steps. */
const SHARES: Readonly<Record<string, number>> = {
  fuzz: 5,
  'queue-kill': 20,
  'redis-kill': 20,
};

/** Minutes of a check, several times what it takes. */
const MINUTES = 8;
/** Milliseconds of a process that makes so many. */
const limitOf = (checks: number): number => 60_000 * (MINUTES * checks + 1);

/**
 * Too long for this suite in a form that can tell: the whole selftest makes them. Memory over some hundred steps is
 * test/engine/leak.test.ts's.
 */
const LONG = ['kill-storm', 'standstill', 'two-hosts', 'long-tensorflow', 'long-wasm'];

/** Checks that compare with undisturbed sweeps: one process makes them, and each such sweep once. */
const TOGETHER = ['kill', 'two-processes', 'clock', 'ctrl-c-twice', 'sigterm'];

/** What became of the checks that were made: their results, or that their process ended without any. */
const made = new Map<string, { readonly results: readonly Result[]; readonly stderr: string }>();

/** Makes a check, with those that are made with it. */
function make(id: string): void {
  const ids = TOGETHER.includes(id) ? TOGETHER : [id];
  const { stdout, stderr, signal } = spawnSync(
    process.execPath,
    [
      PROGRAM,
      'selftest',
      '--faults',
      '--checks',
      ids.join(','),
      '--percent',
      String(SHARES[id] ?? 3),
      '--minutes',
      String(MINUTES),
      '--json',
    ],
    { encoding: 'utf8', timeout: limitOf(ids.length), killSignal: 'SIGKILL' },
  );
  const results = stdout === '' ? [] : (JSON.parse(stdout) as { results: Result[] }).results;
  for (const one of ids) made.set(one, { results, stderr: signal === null ? stderr : `${signal} ${stderr}` });
}

test.each(CHECKS.filter(({ id }) => !LONG.includes(id)).map(({ id, what }) => [id, what]))(
  '%s: %s',
  { timeout: limitOf(TOGETHER.length) },
  (id) => {
    if (!made.has(id)) make(id);
    const { results, stderr } = made.get(id)!;
    const result = results.find((one) => one.id === id);
    expect(result, `no result: ${stderr}`).toBeDefined();
    if (result!.pass === undefined) process.stderr.write(`${id}: ${result!.figure}\n`);
    expect(result!.pass, `${result!.figure} ${stderr}`).not.toBe(false);
  },
);

describe('what was found in a store', () => {
  test('is what the product calls finished: a folder that is still coming in is none, whatever is in it', () => {
    const out = newFolder();
    const coming = join(out, 'runs', '.incoming-1234');
    mkdirSync(coming, { recursive: true });
    writeFileSync(join(coming, 'spec.json'), '{}');
    writeFileSync(join(coming, 'DONE'), '{"result": {"ro');
    expect(tablesOf(out).runs).toBe(0);
    expect(tablesOf(out)).toEqual(tablesOf(newFolder()));
  });

  test('does not count a run whose finished mark is cut off', () => {
    const out = newFolder();
    const { status } = gowide(['theory', 'run', 'saddle', '--seeds', '1', '--out', out, '--jobs', '1']);
    expect(status).toBe(0);
    const { runs } = tablesOf(out);
    expect(runs).toBeGreaterThan(0);
    const [run] = (
      JSON.parse(gowide(['runs', 'list', '--out', out, '--json']).stdout) as { runs: { folder: string }[] }
    ).runs;
    const done = join(run!.folder, 'DONE');
    writeFileSync(done, readFileSync(done, 'utf8').slice(0, 20));
    expect(tablesOf(out).runs).toBe(runs - 1);
  });
});

describe('no process is left of a check', () => {
  const SPIN = ['-e', 'setInterval(() => {}, 1000)'];
  /** A process that starts another one in a group of its own, and forgets it. */
  const PARENT = [
    '-e',
    `require('node:child_process').spawn(process.execPath, ${JSON.stringify(SPIN)}, { detached: true, stdio: 'ignore' }); ${SPIN[1]}`,
  ];
  const isThere = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return !existsSync('/proc') || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    } catch {
      return false;
    }
  };
  /** Makes a check that starts a program with a child, and then does the worst. */
  async function leftOf(
    worst: (children: Children) => Promise<never>,
    limitSeconds: number,
  ): Promise<{ pids: number[]; result: Result }> {
    const pids: number[] = [];
    const check: Check = {
      id: 'worst',
      what: 'the worst',
      run: async ({ children }) => {
        children.start(process.execPath, PARENT, { stdio: 'ignore' });
        while (children.alive().length < 2) await sleep(20);
        pids.push(...children.alive());
        return worst(children);
      },
    };
    const options = {
      folder: join(newFolder(), 'worst'),
      common: newFolder(),
      program: PROGRAM,
      share: 1,
      limitSeconds,
      onLine: () => {},
    };
    const result = await runCheck(check, options);
    return { pids, result };
  }

  test('that throws while they are at work', async () => {
    const { pids, result } = await leftOf(() => Promise.reject(new Error('unexpected end of JSON input')), 60);
    expect(result.pass).toBe(false);
    expect(result.figure).toContain('unexpected end of JSON input');
    expect(pids.length).toBeGreaterThanOrEqual(2);
    expect(pids.filter(isThere)).toEqual([]);
  });

  test('that is not over after its limit, and it can start no more', async () => {
    // on a busy machine a process takes long to begin: the check has to have its two by then
    const before = performance.now();
    spawnSync(process.execPath, ['-e', '0'], { timeout: 60_000, killSignal: 'SIGKILL' });
    const limit = Math.max(1, Math.ceil((8 * (performance.now() - before)) / 1000));
    let late: Promise<unknown> = Promise.resolve();
    const { pids, result } = await leftOf((children) => {
      late = sleep(1000 * limit + 500).then(() => children.start(process.execPath, SPIN));
      return new Promise<never>(() => {});
    }, limit);
    expect(result).toMatchObject({ pass: false, figure: `could not be run to its end: not over after ${limit} s` });
    expect(pids.length).toBeGreaterThanOrEqual(2);
    expect(pids.filter(isThere)).toEqual([]);
    await expect(late).rejects.toThrow('is not started: the check is over');
  });

  test('whose parent was killed before', async () => {
    const { pids } = await leftOf((children) => {
      process.kill(children.alive()[0]!, 'SIGKILL');
      return Promise.reject(new Error('its parent is gone'));
    }, 60);
    expect(pids.filter(isThere)).toEqual([]);
  });

  test('that was interrupted while it worked in one stretch, to its end', async () => {
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
    const check: Check = {
      id: 'stretch',
      what: 'a stretch',
      run: () => {
        process.kill(process.pid, 'SIGTERM');
        return Promise.resolve({ pass: true, figure: '' });
      },
    };
    const folder = join(newFolder(), 'x');
    const options = { folder, common: newFolder(), program: PROGRAM, share: 1, limitSeconds: 60, onLine: () => {} };
    try {
      await runCheck(check, options);
      expect(exit).toHaveBeenCalledWith(130);
    } finally {
      exit.mockRestore();
    }
  });

  test('that is interrupted', async () => {
    const selftest = spawn(
      process.execPath,
      [PROGRAM, 'selftest', '--faults', '--checks', 'two-processes', '--percent', '100'],
      { stdio: 'ignore', timeout: 120_000, killSignal: 'SIGKILL' },
    );
    const ended = new Promise((resolve) => selftest.on('close', resolve));
    let below: number[] = [];
    for (let k = 0; k < 2000 && below.length === 0; k++) {
      await sleep(20);
      below = descendants([selftest.pid!]);
    }
    expect(below.length).toBeGreaterThan(0);
    selftest.kill('SIGTERM');
    expect(await ended).toBe(130);
    for (let k = 0; k < 400 && below.some(isThere); k++) await sleep(50);
    expect(below.filter(isThere)).toEqual([]);
  });
});

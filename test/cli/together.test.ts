/** The built program as several processes that train together; each has a time limit, and ends with the test. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { descendants } from '../../cli/selftest/children.js';
import { readArrays, readRun, type RunRecord } from '../../src/store/runs.js';
import { freePorts } from '../distributed/support.js';
import { ENGINE, gowide, gowideHere, LIMIT, newFolder, PROGRAM } from '../support/program.js';
import { relativeError } from '../support/tolerance.js';

/** A small net without batch norm, on the digits: two workers give what one gives. */
const SMALL = [
  ...['network={"family":"mlp","numLayers":3,"width":16,"skip":false,"activation":"tanh","classes":10,"inputs":196}'],
  ...['data.train=256', 'data.augment.noise=0.1', 'training.batch=32'],
].flatMap((setting) => ['--set', setting]);
const train = (steps: number, ...more: readonly string[]): string[] => [
  ...[
    'train',
    'resnet',
    '--experiment',
    'depth-skip',
    '--arm',
    ARM,
    ...(more.includes('--engine') ? [] : ['--engine', ENGINE]),
  ],
  ...[...SMALL, '--set', `training.steps=${steps}`, ...more],
];
const ARM = '4 plain direct';

interface Started {
  readonly child: ChildProcess;
  readonly text: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly text: string }>;
}
const running = new Set<ChildProcess>();
afterEach(() => running.forEach((child) => child.kill('SIGKILL')));

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      GOWIDE_WORKERS_SECRET: 'of the test',
      GOWIDE_SAVE_SECONDS: '0.2',
      GOWIDE_THREADS: '1',
      ...env,
    },
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<{ code: number | null; text: string }>((done) =>
    child.on('close', (code) => {
      running.delete(child);
      done({ code, text });
    }),
  );
  return { child, text: () => text, ended };
}

/** Worker 0 and the others, all of 127.0.0.1, started by hand. */
async function startAll(count: number, out: string, args: readonly string[]): Promise<Started[]> {
  const list = (await freePorts(count)).map((port) => `127.0.0.1:${port}`).join(',');
  return Array.from({ length: count }, (_, task) => {
    const folder = task === 0 ? out : join(out, `not-used-${task}`);
    return start([...args, '--workers', list, '--task', String(task), '--out', folder]);
  });
}

const recordOf = (out: string): RunRecord => {
  const [name] = readdirSync(join(out, 'runs')).filter((run) => run.includes('plain'));
  return readRun(join(out, 'runs', name!));
};
const valuesOf = (record: RunRecord): number[] =>
  Object.entries(readArrays(record))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, { values }]) => Array.from(values));

/**
 * Waits until a state of the run is saved, which is when it can go on from there. Throws with what a worker said where
 * it ends before.
 */
async function saved(out: string, workers: readonly Started[]): Promise<void> {
  const isSaved = (): boolean =>
    existsSync(join(out, 'runs')) &&
    readdirSync(join(out, 'runs')).some((run) => existsSync(join(out, 'runs', run, 'last.safetensors')));
  for (const started = Date.now(); !isSaved();) {
    const told = workers.map(({ text }) => text()).join('\n');
    if (workers.some(({ child }) => child.exitCode !== null)) throw new Error(`ended before it saved: ${told}`);
    if (Date.now() - started > LIMIT / 2) throw new Error(`no state was saved: ${told}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

const whole = newFolder();
const STEPS = 4000;

describe('two workers by --workers', { timeout: LIMIT }, () => {
  test('end as one does, with one folder and one writer; the record says how many they were', async () => {
    const out = newFolder();
    const [first, second] = await Promise.all((await startAll(2, out, train(40))).map(({ ended }) => ended));
    expect([first!.code, second!.code]).toEqual([0, 0]);
    expect(first!.text).toContain('This is worker 0 (127.0.0.1:');
    expect(readdirSync(out)).toEqual(['runs']);
    const one = newFolder();
    expect(gowide([...train(40), '--out', one]).status).toBe(0);
    const [mine, theirs] = [recordOf(out), recordOf(one)];
    expect(mine.id).toBe(theirs.id);
    expect(mine.environments.map(({ workers }) => workers)).toEqual([2]);
    expect(theirs.environments[0]).not.toHaveProperty('workers');
    expect(relativeError(valuesOf(mine), valuesOf(theirs))).toBeLessThan(1e-4);
    // what is finished is not run again, by whatever number
    const again = await Promise.all((await startAll(2, out, train(40))).map(({ ended }) => ended));
    expect(again.map(({ code }) => code)).toEqual([0, 0]);
    expect(recordOf(out).environments).toHaveLength(1);
  });

  test.each([1, 0])('kill -9 of worker %i: the other names it at once, and the run goes on alone', async (killed) => {
    const out = newFolder();
    const workers = await startAll(2, out, train(STEPS));
    await saved(out, workers);
    const at = Date.now();
    workers[killed]!.child.kill('SIGKILL');
    const { code, text } = await workers[1 - killed]!.ended;
    expect(Date.now() - at).toBeLessThan(30_000);
    expect(code).toBe(1);
    expect(text).toMatch(
      new RegExp(`\nerror: worker ${killed} \\(127\\.0\\.0\\.1:\\d+\\) is gone: its connection ended\n$`),
    );
    expect(gowide([...train(STEPS), '--out', out]).status).toBe(0);
    if (!existsSync(join(whole, 'runs'))) expect(gowide([...train(STEPS), '--out', whole]).status).toBe(0);
    const [mine, theirs] = [recordOf(out), recordOf(whole)];
    expect(mine.environments.map(({ workers: count, resumed }) => [count, resumed])).toEqual([
      [2, false],
      [undefined, true],
    ]);
    // thousands of steps, each of which rounds in another order
    expect(relativeError(valuesOf(mine), valuesOf(theirs))).toBeLessThan(0.05);
  });

  test('a worker that hangs is named after --worker-timeout', async () => {
    const out = newFolder();
    const [first, second] = await startAll(2, out, train(50_000, '--worker-timeout', '8'));
    await saved(out, [first!, second!]);
    second!.child.kill('SIGSTOP');
    const { code, text } = await first!.ended;
    second!.child.kill('SIGCONT');
    expect(code).toBe(1);
    expect(text).toMatch(/error: worker 1 \(127.*\) has said nothing for 8 s\n$/);
    expect((await second!.ended).code).toBe(1);
  });

  test.each([0, 1])('Ctrl-C in worker %i stops both after the same step, and both say how to go on', async (asked) => {
    const out = newFolder();
    const workers = await startAll(2, out, train(50_000));
    await saved(out, workers);
    workers[asked]!.child.kill('SIGINT');
    for (const { code, text } of await Promise.all(workers.map(({ ended }) => ended))) {
      expect(code).toBe(130);
      expect(text).toMatch(/To go on: gowide train resnet .* --workers 127/);
    }
    const steps = 'last.safetensors';
    const before = readFileSync(join(recordOf(out).folder, steps));
    expect(before.length).toBeGreaterThan(1000);
  });

  test('other specs, another secret: each is told by name', async () => {
    const list = (await freePorts(2)).map((port) => `127.0.0.1:${port}`).join(',');
    const by = (task: number, steps: number, env: NodeJS.ProcessEnv = {}): Started =>
      start(
        [...train(steps, '--worker-timeout', '4'), '--workers', list, '--task', String(task), '--out', newFolder()],
        env,
      );
    const specs = await Promise.all([by(0, 40), by(1, 41)].map(({ ended }) => ended));
    specs.forEach(({ code, text }, task) => {
      expect(code).toBe(1);
      expect(text).toMatch(
        new RegExp(`error: worker ${1 - task} \\(.*\\) has another spec: run \\w+, this worker run \\w+; `),
      );
    });
    const secrets = [by(0, 40), by(1, 40, { GOWIDE_WORKERS_SECRET: 'guessed' })];
    const [waiting, refused] = await Promise.all(secrets.map(({ ended }) => ended));
    expect(refused!.text).toMatch(
      /error: worker 0 \(.*\) refused this worker: it has another secret; GOWIDE_WORKERS_S/,
    );
    expect(waiting!.text).toMatch(
      /error: worker 1 \(.*\) did not come within 4 s \(a connection from 127.0.0.1 was ref/,
    );
  });
});

test('two tasks of a job step of Slurm', { timeout: LIMIT }, async () => {
  const out = newFolder();
  const [port] = await freePorts(1);
  const tasks = ['0', '1'].map((task) =>
    start([...train(40), '--workers', `slurm:${port}`, '--out', task === '0' ? out : join(out, 'not-used')], {
      SLURM_NTASKS: '2',
      SLURM_PROCID: task,
      SLURM_JOB_NODELIST: 'localhost',
      SLURM_STEP_TASKS_PER_NODE: '2',
    }),
  );
  const [first, second] = await Promise.all(tasks.map(({ ended }) => ended));
  expect([first!.code, second!.code]).toEqual([0, 0]);
  expect(second!.text).toContain(`Done; worker 0 (localhost:${port}) has the runs.`);
  expect(recordOf(out).environments[0]!.workers).toBe(2);
});

describe('--local-workers', { timeout: LIMIT }, () => {
  /** Processes below a command that follow its run. */
  const followersOf = (command: ChildProcess): number[] =>
    descendants([command.pid!]).filter((pid) => commandOf(pid).includes('follow-runs'));
  const commandOf = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // it has ended
    }
  };
  const linux = test.skipIf(process.platform !== 'linux'); // looks at /proc

  test.each([...new Set([ENGINE, 'wasm'])])('three of them, on %s, end as one does', async (engine) => {
    const [three, one] = [newFolder(), newFolder()];
    const args = [...train(40, '--engine', engine), '--json', '--out'];
    const { code, text } = await start([...args, three, '--local-workers', '3']).ended;
    expect([code, text]).toEqual([0, expect.stringContaining('"steps": 40')]);
    const [mine] = recordOf(three).environments;
    expect([mine!.workers, mine!.engine!.name]).toEqual([3, engine]);
    expect(gowide([...args, one]).status).toBe(0);
    expect(relativeError(valuesOf(recordOf(three)), valuesOf(recordOf(one)))).toBeLessThan(1e-4);
  });

  linux('kill -9 of the command, or of a worker: all end', async () => {
    const out = newFolder();
    const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('gowide-workers-'));
    const known = folders();
    const first = start([...train(50_000), '--local-workers', '2', '--out', out]);
    await saved(out, [first]);
    const below = followersOf(first.child);
    expect(below).toHaveLength(1);
    first.child.kill('SIGKILL');
    await first.ended;
    const isOver = (): boolean => below.every((pid) => !commandOf(pid).includes('follow-runs'));
    for (const started = Date.now(); !isOver() && Date.now() - started < 10_000;)
      await new Promise((done) => setTimeout(done, 50));
    expect(isOver()).toBe(true);
    expect(folders()).toEqual(known);

    const second = start([...train(50_000), '--local-workers', '2', '--out', newFolder()]);
    for (const started = Date.now(); followersOf(second.child).length === 0 && Date.now() - started < 60_000;)
      await new Promise((done) => setTimeout(done, 50));
    const [child] = followersOf(second.child);
    process.kill(child!, 'SIGKILL');
    const { code, text } = await second.ended;
    expect(code).toBe(1);
    expect(text).toMatch(/error: worker 1 \(.*this machine\) (is gone|ended with SIGKILL)/);
    expect(commandOf(child!)).toBe('');
  });
});

test.each([
  [['--workers', 'a:1,b:2'], /--workers: --task is needed/],
  [['--workers', 'a:1,b:2', '--local-workers', '2'], /--workers and --local-workers: expected one of them/],
  [['--task', '1'], /--task: expected with --workers host:port,host:port only/],
  [['--local-workers', '1'], /--local-workers.*whole number of at least 2/],
  [['--workers', 'a:1,b', '--task', '0'], /--workers: "b" is no address; expected host:port/],
  [['--workers', 'slurm'], /SLURM_PROCID is not set; expected to be started by srun|SLURM_STEP_NUM_TASKS is not set/],
  [['--local-workers', '33'], /a batch of 32 cannot be shared by 33 workers/],
  [['--workers', 'slurm:x'], /--workers slurm:x: expected slurm, or slurm:PORT with a port from 1 to 65535/],
  // hosts of such names are no variables of Slurm
  [['--workers', 'slurm1:29550,slurm2:29550'], /--workers: --task is needed/],
  [['--workers', 'slurm1:29550,slurm2:29550', '--task', '2'], /--task 2: expected 0 to 1/],
  [['--workers', 'slurm:29550,n2:29550', '--task', '2'], /--task 2: expected 0 to 1/],
])('wrong use: %o', async (options, message) => {
  const { status, stderr } = await gowideHere([...train(40), ...options]);
  expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

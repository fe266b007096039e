/**
 * Commands that save nothing on the way: a stop ends them at once, and leaves nothing but a line. And what a command
 * that was killed had started, which ends, too.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { descendants } from '../../cli/selftest/children.js';
import { processLives } from '../../src/store/lock.js';
import { listRuns } from '../../src/store/runs.js';
import { DIRECT, recipe } from '../method/support.js';
import { LIMIT, newFolder, PROGRAM } from '../support/program.js';

/** Starts the program, stops it when `isAtWork`, and returns how it ended and what it said on standard error. */
async function stopped(
  args: readonly string[],
  signal: 'SIGINT' | 'SIGTERM',
  isAtWork: (said: string) => boolean,
  env: NodeJS.ProcessEnv = {},
): Promise<readonly [code: number | null, last: string | undefined]> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const timer = setInterval(() => isAtWork(said) && child.kill(signal), 200);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(timer);
  return [code, said.trim().split('\n').at(-1)];
}

/** The declaration of a simulation that takes hours. */
function longSimulation(): string {
  const config = join(newFolder(), 'sim.json');
  writeFileSync(config, '{"model": {"depth": 3, "d": 4, "width": 256}, "flow": {"steps": 10000000, "dt": 1e-6}}');
  return config;
}

test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
  'theory simulate says at %s that nothing was saved',
  async (signal) => {
    const [config, out] = [longSimulation(), join(newFolder(), 'out')];
    const args = ['theory', 'simulate', '--config', config, '--out', out];
    expect(await stopped(args, signal, (said) => said.includes('step '))).toEqual([
      130,
      `stopped; nothing was saved. To run it again: gowide ${args.join(' ')}`,
    ]);
    expect(readdirSync(out)).toEqual([]);
  },
);

test.skipIf(process.platform === 'win32')('bench sweep leaves no folder behind when it is stopped', async () => {
  const folder = newFolder();
  const isAtWork = (): boolean => readdirSync(folder).some((name) => existsSync(join(folder, name, 'local-one')));
  expect(await stopped(['bench', 'sweep'], 'SIGINT', isAtWork, { TMPDIR: folder })).toEqual([
    130,
    'stopped; nothing was kept. To run it again: gowide bench sweep',
  ]);
  expect(readdirSync(folder).filter((name) => name.startsWith('gowide-bench'))).toEqual([]);
});

/**
 * Starts the program, kills it alone when `isAtWork`, and returns the processes that it had started, and which of them
 * are there half a minute later; these are killed.
 */
async function orphans(
  args: readonly string[],
  isAtWork: (said: string) => boolean,
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly all: readonly number[]; readonly left: readonly number[] }> {
  const parent = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
  const ended = once(parent, 'exit');
  let said = '';
  parent.stderr.on('data', (text: Buffer) => (said += text.toString()));
  let all: readonly number[] = [];
  try {
    while (!isAtWork(said) && parent.exitCode === null && parent.signalCode === null) await sleep(100);
    all = descendants([parent.pid!]);
  } finally {
    parent.kill('SIGKILL');
  }
  await ended;
  for (let i = 0; i < 300 && all.some(processLives); i++) await sleep(100);
  const left = all.filter(processLives);
  for (const pid of left) process.kill(pid, 'SIGKILL');
  return { all, left };
}

test.skipIf(process.platform === 'win32')(
  'a simulation in a process of its own ends with the one that waits for it, where that is killed',
  async () => {
    const out = join(newFolder(), 'out');
    const args = ['theory', 'simulate', '--config', longSimulation(), '--out', out];
    const { all, left } = await orphans(args, (said) => said.includes('step '));
    expect([all.length, left]).toEqual([1, []]);
    expect(readdirSync(out)).toEqual([]);
  },
);

test.skipIf(process.platform === 'win32')(
  'runs are saved, and their processes end, where the command is killed',
  async () => {
    const out = newFolder();
    const config = join(out, 'long.json');
    writeFileSync(config, JSON.stringify({ ...DIRECT, training: { ...DIRECT.training, ...recipe(10_000_000) } }));
    const files = (name: string): string[] => {
      const runs = existsSync(join(out, 'runs')) ? listRuns(out).runs : [];
      return runs.map(({ folder }) => join(folder, name)).filter((file) => existsSync(file));
    };
    const { all, left } = await orphans(
      [
        ...['train', 'resnet', '--config', config, '--seeds', '2', '--jobs', '2'],
        ...['--engine', 'wasm', '--out', out],
      ],
      (said) => files('metrics.jsonl').length === 2 && said.includes(' train '),
      { GOWIDE_SAVE_SECONDS: '100000' },
    );
    expect([all.length, left]).toEqual([2, []]);
    expect([files('lock'), files('last.safetensors').length]).toEqual([[], 2]);
  },
);

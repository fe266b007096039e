/** Commands that save nothing on the way: a stop ends them at once, and leaves nothing but a line. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
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

test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
  'theory simulate says at %s that nothing was saved',
  async (signal) => {
    const [folder, out] = [newFolder(), join(newFolder(), 'out')];
    const config = join(folder, 'sim.json');
    writeFileSync(config, '{"model": {"depth": 3, "d": 4, "width": 256}, "flow": {"steps": 10000000, "dt": 1e-6}}');
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

/**
 * Commands that compute in one stretch, in which this process could hear no signal, and save nothing on the way: they
 * run in a process of their own, which ends with this one; and this one says what a stop has lost.
 */
import { spawn } from 'node:child_process';
import { endWithParent, PARENT } from '../../src/sweep/orphan.js';
import { typedCommand } from './options.js';

/** Runs the program with these arguments in a process of its own. Returns its exit status, and 130 after a stop. */
export async function runApart(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
    env: { ...process.env, [PARENT]: String(process.pid) },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    child.kill('SIGKILL');
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject).on('exit', (...ended) => resolve(ended));
  });
  // a status means that it came to its end all the same
  if (stopped && status === null) {
    const bar = process.stderr.isTTY ? '\r\u001b[2K' : '';
    process.stderr.write(`${bar}stopped; nothing was saved. To run it again: ${typedCommand()}\n`);
    return 130;
  }
  if (status === null) process.stderr.write(`error: the process that computed was ended by ${signal}\n`);
  return status ?? 1;
}

/**
 * How this process runs commands that compute apart: by another one, or by itself where it is that one, which then ends
 * at once where the one that waits for it was killed.
 */
export function apartFromHere(): typeof runApart | undefined {
  if (process.send === undefined) return runApart;
  // another program's worker may hand on the name of its own parent
  if (process.env[PARENT] === String(process.ppid)) endWithParent(0);
  return undefined;
}

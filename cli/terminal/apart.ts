/**
 * Commands that compute in one stretch, in which this process could hear no signal, and save nothing on the way: they
 * run in a process of their own, and this one says what a stop has lost.
 */
import { spawn } from 'node:child_process';
import { typedCommand } from './options.js';

/** The words of such commands. */
const AT_ONCE = ['theory simulate', 'theory limit', 'theory exact', 'verify'];

/** Whether these arguments are of such a command, and this process is not the one that computes it. */
export function isApart(args: readonly string[]): boolean {
  const words = args.filter((word) => !word.startsWith('-'));
  return process.send === undefined && AT_ONCE.some((name) => [words[0], words.slice(0, 2).join(' ')].includes(name));
}

/** Runs the program with these arguments in a process of its own. Returns its exit status, and 130 after a stop. */
export async function runApart(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...args], {
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

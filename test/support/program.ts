/** The program: built and in processes of its own, each with a time limit, or in this process. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { vi } from 'vitest';
import { runProgram } from '../../cli/program.js';
import { tensorflowReadiness } from '../../src/engine/engines/tensorflow.js';

/** The executable's module, as `npm run build` makes it. */
export const PROGRAM = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** The faster of the engines that every machine may have. */
export const ENGINE = tensorflowReadiness().state === 'ready' ? 'tensorflow' : 'wasm';

/** Milliseconds after which a process of the program is ended: several times what the longest one takes. */
export const LIMIT = 300_000;

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'gowide-cli-'));

/** Runs the program to its end. */
export function gowide(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  nodeArgs: readonly string[] = [],
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...nodeArgs, PROGRAM, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: LIMIT,
    killSignal: 'SIGKILL',
  });
}

/** Runs the program in this process, with what is registered here. */
export async function gowideHere(
  args: readonly string[],
): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> {
  const texts = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      texts[stream] += text.toString();
      return true;
    }),
  );
  try {
    const status = await runProgram(args);
    return { status, ...texts };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
  }
}

/** The programs that set up what is built on this machine: Python with pip to download, a C++ compiler to build. */
import { spawn, spawnSync } from 'node:child_process';
import { FailureError, InterruptedError, messageOf } from '../core/errors.js';
import { packageRoot } from '../core/package.js';

/** The tools of this machine that TensorFlow and addons are made with. */
export interface Tools {
  /** Command that runs Python with pip, or undefined. */
  readonly python: string | undefined;
  /** Command of a C++17 compiler, or undefined. */
  readonly compiler: string | undefined;
}

/**
 * Python's option by which it runs no module of the folder that it was started in (a `pip.py` that lies there), nor one
 * that the environment names. Tools are started in the program's own folder besides.
 */
export const ISOLATED = ['-I'] as const;

function works(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000, cwd: packageRoot() }).status === 0;
}

/** A C++ compiler on the PATH; `CXX` names one first. */
export function findCompiler(): string | undefined {
  return [process.env.CXX, 'c++', 'g++', 'clang++']
    .filter((name): name is string => Boolean(name))
    .find((name) => works(name, ['--version']));
}

/** Looks on the PATH. */
export function findTools(): Tools {
  const pythons = process.platform === 'win32' ? ['python', 'py'] : ['python3', 'python'];
  return {
    python: pythons.find((name) => works(name, [...ISOLATED, '-m', 'pip', '--version'])),
    compiler: findCompiler(),
  };
}

/** One line that says which tools are missing, or undefined when all are there. */
export function missingTools({ python, compiler }: Tools): string | undefined {
  const missing = [python ? '' : 'Python 3 with pip', compiler ? '' : 'a C++ compiler (g++ or clang++)'].filter(
    Boolean,
  );
  return missing.length === 0 ? undefined : `it needs ${missing.join(' and ')}, not found on the PATH`;
}

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly said: string;
}

/** Signals by which users and schedulers stop a command and what it has started. */
const STOPS: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * Runs a command to its end and returns its standard output. Throws FailureError with the last line of what it said,
 * and InterruptedError where it was stopped.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = packageRoot(),
): Promise<string> {
  const { code, signal, output, said } = await new Promise<Ended>((resolve, reject) => {
    const child = spawn(command, args, {
      env,
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && command === 'npm',
    });
    let [output, said] = ['', ''];
    const keep = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-100_000);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      keep(chunk);
    });
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, output, said }));
  }).catch((error: unknown) => {
    throw new FailureError(`${command} could not be started: ${messageOf(error)}`);
  });
  if (code === 0) return output;
  throw failureOf(command, { code, signal, said });
}

/** The error of a command that did not end well, from what it said: where it was stopped, an InterruptedError. */
export function failureOf(
  command: string,
  { code, signal, said }: Omit<Ended, 'output'>,
): FailureError | InterruptedError {
  if (signal !== null && STOPS.has(signal)) return new InterruptedError(`${command} was stopped by ${signal}`);
  if (/No space left on device|ENOSPC/.test(said))
    return new FailureError('no space left on the disk; free some, or put the cache elsewhere with GOWIDE_CACHE');
  return new FailureError(`${command} failed (${signal ?? `status ${code}`}): ${lastError(said)}`);
}

function lastError(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const errors = lines.filter((line) => /error/i.test(line) && !line.includes('complete log'));
  return (errors.at(-1) ?? lines.at(-1) ?? 'it said nothing').slice(0, 300);
}

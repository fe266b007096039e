/** What a check of the selftest is, and the small sweep that all of them disturb. */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { once } from 'node:events';
import { FailureError } from '../../src/core/errors.js';
import { rngKey, uniforms } from '../../src/core/rng.js';
import { FILES, indexRuns, listRuns, runsFolder } from '../../src/store/runs.js';
import { descendants, isAlive, type Children } from './children.js';

/** What a check of the selftest found: whether it passed, and the figure that says so. */
export interface Measured {
  /** Undefined: cannot be done here, and `figure` says why. */
  readonly pass: boolean | undefined;
  readonly figure: string;
}

/** A check of the selftest: its name for `--checks`, what it breaks, and how it is run. */
export interface Check {
  readonly id: string;
  readonly what: string;
  readonly run: (place: Place) => Promise<Measured>;
}

/** Where a check works, and how thoroughly. */
export interface Place {
  /** An empty folder of its own. */
  readonly folder: string;
  /** A folder that all checks of one selftest have in common. */
  readonly common: string;
  /** The executable's module. */
  readonly program: string;
  /** Starts its processes, and ends them. */
  readonly children: Children;
  /** 1 as issued; smaller numbers for a shorter form. */
  readonly share: number;
  readonly say: (line: string) => void;
}

/** How many of `count` attempts a check makes: all of them, in the shorter form of the selftest a share. */
export function scaled(count: number, { share }: Place): number {
  return Math.max(1, Math.round(count * share));
}

/** Random numbers between 0 and 1, the same in every selftest. */
export function chances(name: string): () => number {
  const key = rngKey(1, 'selftest', name);
  let drawn = 0;
  return () => uniforms(key, 1, drawn++)[0]!;
}

/** A study small enough for hundreds of runs, with steps, saved states and requirements on every figure. */
const SPEC = {
  study: 'time',
  regime: 'skip',
  alpha: 1,
  c: 1,
  rho: 0,
  d: 4,
  time: 4,
  imitationTime: 2,
  dt: 0.05,
  train: 32,
  heldOut: 64,
  wide: 256,
  m: 16,
  depth: 3,
  times: [0, 1, 2, 4],
  draws: 2,
} as const;

/** Arguments of the sweep: `seeds` cells from `seed` on. */
export function sweepArgs(folder: string, out: string, seeds: number, seed = 1): string[] {
  const file = join(folder, 'spec.json');
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(SPEC));
  return ['theory', 'run', 'time', '--config', file, '--seeds', String(seeds), '--seed', String(seed), '--out', out];
}

/** Saves several times in every cell, so that killed ones go on from a state. */
export const OFTEN: NodeJS.ProcessEnv = { GOWIDE_SAVE_SECONDS: '0.01' };

/** How a process ended, and what it printed; its status is null where a signal ended it. */
export interface Ended {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** Runs the program to its end, or to its limit. */
export function gowide(
  { program, children }: Place,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  options: { readonly cwd?: string; readonly timeout?: number } = {},
): Ended {
  const { status, stderr, stdout } = children.run(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    ...options,
  });
  return { status, stderr, stdout };
}

/** A command at work. It ends with the check that started it, with all processes that it started. */
export class Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  private text = '';
  private output = '';

  /** The program with arguments; or another command, whose arguments these are. */
  constructor({ program, children }: Place, args: readonly string[], env: NodeJS.ProcessEnv = {}, command?: string) {
    this.process = children.start(command ?? process.execPath, command === undefined ? [program, ...args] : args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stderr!.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    this.process.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    // a signal that comes while the process is on its way out ends it as a shell says it: 128 + 2
    this.ended = once(this.process, 'close').then(([status, signal]: unknown[]) => ({
      status: signal === 'SIGINT' ? 130 : (status as number | null),
      stderr: this.text,
      stdout: this.output,
    }));
  }

  get stderr(): string {
    return this.text;
  }

  get stdout(): string {
    return this.output;
  }

  /** Its processes: itself and those that it started; none once it has ended, as its number may be another's then. */
  pids(): number[] {
    return isAlive(this.process) ? [this.process.pid!, ...descendants([this.process.pid!])] : [];
  }

  kill(signal: NodeJS.Signals, pid = this.process.pid!): void {
    if (pid === this.process.pid && !isAlive(this.process)) return;
    try {
      process.kill(pid, signal);
    } catch {
      // it has just ended
    }
  }
}

/**
 * What a store found: SHA-256 over names, metrics and arrays of its finished runs, and how many there are. Finished is
 * what the product takes for it: a folder that is still coming in is none, whatever is in it.
 */
export function tablesOf(out: string): { readonly runs: number; readonly hash: string } {
  const finished = listRuns(out).runs.filter(({ status }) => status === 'finished');
  const names = finished.map(({ folder }) => basename(folder)).sort();
  const hash = createHash('sha256');
  for (const name of names) {
    const { folder, result } = finished.find((run) => basename(run.folder) === name)!;
    hash.update(name);
    for (const file of ['metrics.jsonl', 'final.safetensors'])
      if (existsSync(join(folder, file))) hash.update(readFileSync(join(folder, file)));
    hash.update(JSON.stringify(result));
  }
  return { runs: names.length, hash: hash.digest('hex') };
}

/** Folders of a store's finished runs, and of the unfinished ones that have a saved state, or a lock; none is read. */
export function foldersIn(out: string): Readonly<Record<'finished' | 'saved' | 'locked', readonly string[]>> {
  const folders = [...indexRuns(out).values()].map((name) => join(runsFolder(out), name));
  const has = (folder: string, file: string): boolean => existsSync(join(folder, file));
  return {
    finished: folders.filter((folder) => has(folder, FILES.done)),
    saved: folders.filter((folder) => !has(folder, FILES.done) && has(folder, FILES.last)),
    locked: folders.filter((folder) => !has(folder, FILES.done) && has(folder, FILES.lock)),
  };
}

/**
 * The undisturbed run, one cell after the other, made once for all checks that compare with as many cells. Throws
 * FailureError when it fails.
 */
export function serial(place: Place, seeds: number): string {
  const made = join(place.common, `serial-${seeds}`);
  if (existsSync(made)) return made;
  const out = join(place.folder, 'serial');
  mkdirSync(out, { recursive: true });
  const { status, stderr } = gowide(place, [...sweepArgs(place.folder, out, seeds), '--jobs', '1']);
  if (status !== 0) throw new FailureError(`the undisturbed sweep failed: ${stderr}`);
  // whole under its name, whatever ends this check
  renameSync(out, made);
  return made;
}

/** Whether a store has the tables of the undisturbed one, to the byte. */
export function equal(out: string, undisturbed: string): boolean {
  const [a, b] = [tablesOf(out), tablesOf(undisturbed)];
  return a.runs === b.runs && a.hash === b.hash;
}

/** The first three lines of what went wrong, as the end of a figure; nothing where nothing did. */
export function firstOf(lines: readonly string[]): string {
  return lines
    .slice(0, 3)
    .map((line) => `; ${line}`)
    .join('');
}

/** A line without a stack: what a user should see. */
export function isOneLine(stderr: string): boolean {
  return !/\n\s+at /.test(stderr);
}

/** The processes that a check starts: all of them have a limit, and all of them end with it, whatever happens. */
import { spawn, spawnSync, type ChildProcess, type SpawnOptions, type SpawnSyncReturns } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FailureError } from '../../src/core/errors.js';

/** Variable by which a process is known as one of a check's, through any number of parents. */
const MARK = 'GOWIDE_SELFTEST';

/** Milliseconds after which a command is ended that the check waits for. */
export const COMMAND_LIMIT = 600_000;

/** Milliseconds that processes which were killed have to be gone. */
const GRACE = 10_000;

/** Output of a command beyond this many bytes ends it. */
const MAX_OUTPUT = 2 ** 28;

/** How a command of the selftest is run. */
export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string | undefined;
  /** Milliseconds after which it is killed; {@link COMMAND_LIMIT} by default. */
  readonly timeout?: number;
}

/** Processes that were started here, and those that these started. */
export class Children {
  private readonly mark = randomUUID();
  private readonly started = new Set<ChildProcess>();
  /** When each process that was seen with the mark began, in ticks since the machine started. */
  private readonly seen = new Map<number, string>();
  private closed = false;
  private readonly onExit = (): void => this.killAll();

  constructor() {
    process.on('exit', this.onExit);
  }

  /** Starts a process. Throws FailureError after {@link Children.end}. */
  start(command: string, args: readonly string[], { env = process.env, ...options }: SpawnOptions = {}): ChildProcess {
    this.refuse(command);
    const child = spawn(command, args, {
      timeout: COMMAND_LIMIT * 6,
      killSignal: 'SIGKILL',
      ...options,
      env: { ...env, [MARK]: this.mark },
    });
    this.started.add(child);
    child.on('error', () => {}); // it is heard of by its missing status
    return child;
  }

  /** Runs a command to its end, or to its limit. Throws FailureError after {@link Children.end}. */
  run(
    command: string,
    args: readonly string[],
    { env = process.env, cwd, timeout = COMMAND_LIMIT }: CommandOptions = {},
  ): SpawnSyncReturns<string> {
    this.refuse(command);
    return spawnSync(command, args, {
      env: { ...env, [MARK]: this.mark },
      cwd,
      timeout,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
      maxBuffer: MAX_OUTPUT,
    });
  }

  /** Ids of the processes that are still there. */
  alive(): number[] {
    const known = [...this.started].filter(isAlive).map(({ pid }) => pid!);
    return [...new Set([...known, ...(process.platform === 'linux' ? this.marked() : descendants(known))])];
  }

  /** Ends every process, and waits until they are gone. Throws FailureError when one of them stays. */
  async end(): Promise<void> {
    this.closed = true;
    process.off('exit', this.onExit);
    // A process that is just becoming another program shows no environment: one look that finds none is not enough.
    for (let began = performance.now(), looks = 0; looks < 3; await sleep(20)) {
      looks = this.alive().length > 0 ? 0 : looks + 1;
      this.killAll();
      if (looks === 0 && performance.now() - began > GRACE)
        throw new FailureError(`processes ${this.alive().join(', ')} were killed and are still there`);
    }
  }

  private killAll(): void {
    for (const pid of this.alive()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
    }
  }

  private refuse(command: string): void {
    if (this.closed) throw new FailureError(`${command} is not started: the check is over`);
  }

  /** Processes whose environment has the mark, or had it before: those, too, whose parent is gone. */
  private marked(): number[] {
    return readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      const pid = Number(name);
      try {
        // The program's name stands in parentheses and can hold anything; after it come state, ..., start.
        const fields = readFileSync(`/proc/${name}/stat`, 'latin1')
          .replace(/^.*\) /s, '')
          .split(' ');
        const [state, began] = [fields[0]!, fields[19]!];
        if (/[ZX]/.test(state)) return [];
        if (this.seen.get(pid) === began) return [pid];
        if (!readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${MARK}=${this.mark}`)) return [];
        this.seen.set(pid, began);
        return [pid];
      } catch {
        return []; // another user's, or gone
      }
    });
  }
}

/** Whether the process was started and has not ended. */
export function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Ids and parents' ids of all processes. */
function processTable(): [pid: number, parent: number][] {
  const { stdout } = spawnSync('ps', ['-e', '-o', 'pid=,ppid='], {
    encoding: 'utf8',
    timeout: GRACE,
    killSignal: 'SIGKILL',
  });
  return (stdout ?? '')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}

/** Processes that these started, those that they started, and so on. */
export function descendants(pids: readonly number[]): number[] {
  const table = processTable();
  const found = new Set(pids);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of table) if (found.has(parent)) found.add(pid);
  }
  return [...found].filter((pid) => !pids.includes(pid));
}

/** A worker process as the process that started it sees it. */
import { fork, type ChildProcess } from 'node:child_process';
import { DivergedError, FailureError, InterruptedError, SavedError, UsageError } from '../core/errors.js';
import { nameOf, type Cell } from '../core/run.js';
import { graceSeconds, PARENT } from './orphan.js';
import type { Job, Message } from './worker.js';

/** A process that was told to stop ended before its run was saved, which goes on from what was saved before. */
export class UnsavedError extends FailureError {
  constructor(
    message: string,
    /** Whether it was ended because its time to save was over; else it ended by itself. */
    readonly late: boolean,
  ) {
    super(message);
  }
}

/** How a worker process is started. */
export interface ChildOptions {
  /** Module that node runs as a worker, and its arguments. */
  readonly worker: { readonly module: string; readonly args: readonly string[] };
  readonly env: NodeJS.ProcessEnv;
}

/** What is told of a cell while a worker process runs it. */
export interface ChildHooks {
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
  /** Aborted when this cell alone is to be saved and left. */
  readonly signal?: AbortSignal;
}

/** Processes that have not ended. */
const living = new Set<Child>();

/** Ends the children of a process that ends at once, as after a second Ctrl-C. */
function endAll(): void {
  for (const child of living) child.end();
}

/** A worker process, which runs one cell after the other until it is let go. */
export class Child {
  private readonly process: ChildProcess;
  private errors = '';
  private ended = false;
  private grace: NodeJS.Timeout | undefined;
  /** Whether it was ended because its time to save was over. */
  private late = false;
  /** Largest resident memory that the process has reported, in bytes. */
  peakBytes = 0;

  constructor({ worker, env }: ChildOptions) {
    // Its own process group: Ctrl-C reaches the parent alone, which stops its children in an orderly way.
    this.process = fork(worker.module, [...worker.args], {
      env: { ...env, [PARENT]: String(process.pid) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: process.platform !== 'win32',
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.errors = (this.errors + chunk.toString()).slice(-4000)));
    // not 'close', which does not come where the channel was closed from this side meanwhile
    this.process.on('exit', () => {
      this.ended = true;
      clearTimeout(this.grace);
      living.delete(this);
    });
    if (living.size === 0) process.once('exit', endAll);
    living.add(this);
  }

  /** Whether it can take another cell. */
  get usable(): boolean {
    return !this.ended && this.process.connected;
  }

  /**
   * Runs a cell to its end. Throws what the cell threw, FailureError when the process ended before it answered, and of
   * these UnsavedError when it had been told to stop.
   */
  async run(job: Job, { notice, progress, signal }: ChildHooks): Promise<void> {
    const stop = (): void => this.stop();
    signal?.addEventListener('abort', stop);
    this.errors = ''; // of the cell before
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.process.off('message', onMessage).off('close', onClose).off('error', onError);
        signal?.removeEventListener('abort', stop);
        act();
      };
      const onMessage = (message: Message): void => {
        if (message.type === 'progress') return progress(message.cell, message.stage, message.done, message.total);
        if (message.type === 'notice') return notice(message.line);
        this.peakBytes = message.peakBytes;
        settle(() => (message.type === 'done' ? resolve() : reject(rebuild(message))));
      };
      const onError = (error: Error): void => settle(() => reject(error));
      const onClose = (code: number | null, signal: NodeJS.Signals | null): void => {
        const last = this.errors.trim().split('\n').at(-1) ?? '';
        const how = `${nameOf(job.cell)}: its process ended with ${signal ?? `status ${code}`}`;
        // what is told to stop has a time limit from then on
        const error =
          this.grace !== undefined
            ? new UnsavedError(`${how} before its run was saved`, this.late)
            : new FailureError(`${how}; run the same command again to go on. ${last}`.trim());
        settle(() => reject(error));
      };
      this.process.on('message', onMessage).on('close', onClose).on('error', onError);
      this.process.send(job, (error) => error && onError(error));
    });
  }

  /**
   * Asks the process to save the run of its cell and to end. One that is in the middle of a step hears of it when that
   * is over; after some seconds it is ended, with all that it has started, and its run goes on from what it saved last.
   */
  stop(): void {
    this.process.kill('SIGTERM');
    this.grace ??= setTimeout(() => {
      this.late = true;
      this.end();
    }, graceSeconds() * 1000);
  }

  /** Ends the process and those of its group at once. */
  end(): void {
    const { pid } = this.process;
    if (this.ended || pid === undefined) return;
    try {
      if (process.platform === 'win32') this.process.kill('SIGKILL');
      else process.kill(-pid, 'SIGKILL');
    } catch {
      // it has ended in the meantime
    }
  }

  /** Lets the process end, by closing the channel to it. */
  close(): void {
    if (this.process.connected) this.process.disconnect();
  }
}

/** The worker's error with its class, so that the exit status is right. */
function rebuild({ name, message, stack }: Extract<Message, { type: 'error' }>): Error {
  const known = { UsageError, InterruptedError, SavedError, FailureError, DivergedError }[name];
  const error = known === undefined ? new FailureError(message) : new known(message);
  error.stack = stack;
  return error;
}

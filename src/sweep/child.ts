/** A process that runs one cell after the other, and its talk with this one. */
import { fork, type ChildProcess } from 'node:child_process';
import { FailureError, InterruptedError, UsageError } from '../core/errors.js';
import type { Cell } from '../core/run.js';
import type { Job, Message } from './worker.js';

export interface ChildOptions {
  /** Arguments that make this program a worker. */
  readonly worker: { readonly module: string; readonly args: readonly string[] };
  readonly env: NodeJS.ProcessEnv;
}

export interface ChildHooks {
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
}

export class Child {
  private readonly process: ChildProcess;
  private errors = '';
  private ended = false;
  /** Largest memory that its process had, as far as it said. */
  peakBytes = 0;

  constructor({ worker, env }: ChildOptions) {
    // Its own process group: Ctrl-C reaches the parent alone, which stops its children in an orderly way.
    this.process = fork(worker.module, [...worker.args], {
      env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: process.platform !== 'win32',
    });
    this.process.stderr?.on('data', (chunk: Buffer) => (this.errors = (this.errors + chunk.toString()).slice(-4000)));
    this.process.on('close', () => (this.ended = true));
  }

  /** Whether it can take another cell. */
  get usable(): boolean {
    return !this.ended && this.process.connected;
  }

  /** Runs a cell to its end. Throws what the cell threw, and FailureError when the process ended without a word. */
  async run(job: Job, { notice, progress }: ChildHooks): Promise<void> {
    const { experiment, arm, seed } = job.cell;
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.process.off('message', onMessage).off('close', onClose).off('error', onError);
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
        const how = `its process ended with ${signal ?? `status ${code}`}`;
        settle(() =>
          reject(
            new FailureError(
              `${experiment} ${arm}, seed ${seed}: ${how}; run the same command again to go on. ${last}`.trim(),
            ),
          ),
        );
      };
      this.process.on('message', onMessage).on('close', onClose).on('error', onError);
      this.process.send(job, (error) => error && onError(error));
    });
  }

  /** Asks it to save and end. */
  stop(): void {
    this.process.kill('SIGTERM');
  }

  /** Lets an idle process go. */
  close(): void {
    if (this.process.connected) this.process.disconnect();
  }
}

/** The worker's error with its class, so that the exit status is right. */
function rebuild({ name, message, stack }: Extract<Message, { type: 'error' }>): Error {
  const known = { UsageError, InterruptedError, FailureError }[name];
  const error = known === undefined ? new FailureError(message) : new known(message);
  error.stack = stack;
  return error;
}

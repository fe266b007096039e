/** The process that runs cells, one after the other: what a worker pool starts. It is spoken to over IPC. */
import { DivergedError, messageOf, SavedError } from '../core/errors.js';
import { runnerOf, type Runner } from '../core/experiment.js';
import { nameOf, type Cell } from '../core/run.js';
import { numberSetting } from '../core/settings.js';
import { openEngine, tuneFor, type Engine, type EngineChoice } from '../engine/engines/choose.js';

import { environment } from '../store/environment.js';
import { executeRun, type ExecuteOptions } from '../store/execute.js';
import { unfinishedEngine, type RunRecord } from '../store/runs.js';
import { endWithParent } from './orphan.js';

/** A cell, as a worker process is given it. */
export interface Job {
  readonly cell: Cell;
  readonly out: string;
  readonly engine: EngineChoice;
  /** The command that the user typed, for the record. */
  readonly command: string;
}

/** What a worker process sends to the one that started it. */
export type Message =
  | {
      readonly type: 'progress';
      readonly cell: Cell;
      readonly stage: string;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'notice'; readonly line: string }
  | { readonly type: 'done'; readonly peakBytes: number }
  | {
      readonly type: 'error';
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      readonly peakBytes: number;
    };

/** How a cell that runs in this process is stopped, and what is told of it. */
export interface RunHooks {
  readonly signal: AbortSignal;
  readonly notice: (line: string) => void;
  readonly progress: (cell: Cell, stage: string, done: number, total: number) => void;
}

/** Starts the engine that the cell needs, and runs it in this process. */
export async function runCell(
  job: Job,
  runners: Readonly<Record<string, Runner>>,
  { signal, notice, progress }: RunHooks,
): Promise<RunRecord> {
  const flops = runnerOf(job.cell, runners).stepFlops?.(job.cell);
  if (flops !== undefined) tuneFor(flops);
  const engine = flops === undefined ? null : await engineFor(job.engine, notice);
  warnOfOtherEngine(job, engine, notice);
  return executeRun(job.cell, {
    out: job.out,
    environment: environment(engine, job.command),
    ...runnerOptions(runners),
    signal,
    progress,
    notice,
  });
}

/** How cells of any kind are run, wherever that is: what executes them, which files they read, how often they save. */
export function runnerOptions(
  runners: Readonly<Record<string, Runner>>,
): Pick<ExecuteOptions, 'executors' | 'files' | 'saveSeconds'> {
  return {
    executors: Object.fromEntries(Object.entries(runners).map(([kind, { execute }]) => [kind, execute])),
    files: (cell) => runnerOf(cell, runners).files?.(cell) ?? [],
    saveSeconds: numberSetting('GOWIDE_SAVE_SECONDS'),
  };
}

/** The engine of this process: it is opened for its first cell, and kept for those after it. */
let opened: Engine | undefined;

async function engineFor({ name, why }: EngineChoice, notice: RunHooks['notice']): Promise<Engine> {
  if (opened !== undefined) return opened;
  opened = await openEngine(name, undefined, notice, why);
  notice(`Engine: ${opened.name} (${opened.version}), ${opened.device}, threads: ${opened.threads}; ${opened.why}.`);
  return opened;
}

/** Warns where an unfinished run goes on with another engine: it is finished, but to other bits. */
function warnOfOtherEngine({ cell, out }: Job, engine: Engine | null, notice: RunHooks['notice']): void {
  const begun = unfinishedEngine(out, cell);
  if (engine === null || begun === undefined) return;
  const isOther = begun.name !== engine.name || begun.device !== engine.device;
  if (!isOther && begun.threads === engine.threads) return;
  const options = [
    ...(isOther ? [`--engine ${begun.name}`] : []),
    ...(begun.threads === engine.threads ? [] : [`--threads ${begun.threads}`]),
  ];
  notice(
    `${nameOf(cell)} was begun with ${begun.name} (${begun.device}, threads: ` +
      `${begun.threads}): its figures will differ in the last digits; to go on with the same, use ` +
      options.join(' '),
  );
}

/** Main function of a worker process: runs each job that it is sent, says how it ended, and ends when it is let go. */
export function serveJobs(runners: Readonly<Record<string, Runner>>): void {
  endWithParent();
  const controller = new AbortController();
  let working = false;
  const send = (message: Message, then: () => void = () => {}): void => {
    // a parent that is gone cannot be told anything
    if (process.connected) process.send?.(message, then);
    else then();
  };
  const stop = (): void => {
    controller.abort();
    if (!working) process.exit(0);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  process.on('disconnect', stop); // the parent is gone, or needs no more: save and end
  let lastSent = 0;
  const progress: RunHooks['progress'] = (cell, stage, done, total) => {
    const now = performance.now();
    if (now - lastSent < 200 && done < total) return;
    lastSent = now;
    send({ type: 'progress', cell, stage, done, total });
  };
  const end = (message: Message): void => {
    working = false;
    send(message, () => {
      if (controller.signal.aborted || message.type === 'error') process.exit(message.type === 'error' ? 1 : 0);
    });
  };
  process.on('message', (job: Job) => {
    working = true;
    const peakBytes = (): number => process.resourceUsage().maxRSS * 1024;
    runCell(job, runners, {
      signal: controller.signal,
      notice: (line) => send({ type: 'notice', line }),
      progress,
    }).then(
      () => end({ type: 'done', peakBytes: peakBytes() }),
      (error: unknown) =>
        end({
          type: 'error',
          name: [SavedError, DivergedError].find((kind) => error instanceof kind)?.name ?? (error as Error).name,
          message: messageOf(error),
          stack: (error as Error).stack ?? '',
          peakBytes: peakBytes(),
        }),
    );
  });
}

/** Runs of `thin`, one after the other in this process, with one share of progress over all of them. */
import { DataError, FailureError } from '../core/errors.js';
import type { Runner } from '../core/experiment.js';
import type { Cell } from '../core/run.js';
import type { Engine } from '../engine/engines/choose.js';
import type { Evaluation } from '../metrics/evaluate.js';
import { environment } from '../store/environment.js';
import { executeRun } from '../store/execute.js';
import { readMetrics, type RunRecord } from '../store/runs.js';

/** What is heard of the work, and how it is stopped. */
export interface WorkOptions {
  /** Share of all work that is done, 0 to 1, the part that was done before this process began, and what is at work. */
  readonly onProgress?: ((share: number, detail: string, first: number) => void) | undefined;
  /** Lines for the user. */
  readonly onNotice?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The command, as the runs record it. */
  readonly command?: string | undefined;
}

/** The runs of one `thin`: of one kind, in one folder. */
export interface Work {
  readonly out: string;
  readonly kind: string;
  readonly runner: Pick<Runner, 'execute' | 'files'>;
  /** Lines that the user has had already: a run does not say them again. */
  readonly said: readonly string[];
  /** Expected seconds of a run. */
  readonly seconds: (cell: Cell) => number;
  /** Expected seconds of all of them. */
  readonly total: number;
}

/** Does the runs of one `thin`, and knows how much of all of them is done. */
export class Worker {
  private done = 0;
  private first = 0;
  private isFresh = true;
  private readonly told: Set<string>;

  constructor(
    private readonly work: Work,
    private readonly engine: Engine,
    private readonly options: WorkOptions,
  ) {
    this.told = new Set(work.said);
  }

  private sayOnce(line: string, say: (line: string) => void): void {
    if (!this.told.has(line)) say(line);
    this.told.add(line);
  }

  /** Brings a run to its end, or returns the one that is finished. Throws InterruptedError when it is stopped. */
  async run(cell: Cell): Promise<RunRecord> {
    const { onProgress, onNotice, signal = new AbortController().signal, command = 'thin()' } = this.options;
    const { out, kind, runner, total: all } = this.work;
    const seconds = this.work.seconds(cell);
    let worked = false;
    const record = await executeRun(cell, {
      out,
      environment: environment(this.engine, command),
      executors: { [kind]: runner.execute },
      ...(runner.files !== undefined && { files: runner.files }),
      signal,
      ...(onNotice !== undefined && { notice: (line: string) => this.sayOnce(line, onNotice) }),
      progress: (_, stage, done, total) => {
        const own = total > 0 ? (seconds * done) / total : 0;
        // what a run had done before this process began is no work of this one
        if (this.isFresh) this.first = (this.done + (done > 1 ? own : 0)) / all;
        if (!worked && stage !== 'hash the data') worked = true;
        if (worked) this.isFresh = false;
        onProgress?.(Math.min(1, (this.done + own) / all), `${cell.arm}: ${stage} ${done}/${total}`, this.first);
      },
    });
    this.done += seconds;
    return record;
  }

  /** Why the last run failed that {@link attempt} left out. */
  failure: string | undefined;

  /**
   * {@link run}, or undefined where training failed, with a line for the user that begins with `leftOut`. Throws
   * DataError where that is due to the data, and no other candidate would fare better.
   */
  async attempt(cell: Cell, leftOut = `${cell.arm} is left out`): Promise<RunRecord | undefined> {
    try {
      return await this.run(cell);
    } catch (error) {
      if (!(error instanceof FailureError) || error instanceof DataError) throw error;
      this.failure = error.message;
      this.done += this.work.seconds(cell);
      this.options.onNotice?.(`${leftOut}: ${error.message}`);
      return undefined;
    }
  }
}

/** Accuracy on the validation split in percent that a finished run logged right after imitation. */
export function afterImitation(run: RunRecord): number {
  const row = readMetrics(run).find(({ event, when }) => event === 'evaluation' && when === 'imitation');
  return Number(row?.accuracy);
}

/** What a finished run logged of the validation split at its end. */
export function validationOf(run: RunRecord): Evaluation {
  const row = readMetrics(run).find(
    ({ event, when, split }) => event === 'evaluation' && when === 'end' && split === 'validation',
  );
  return { accuracy: Number(row?.accuracy), crossEntropy: Number(row?.crossEntropy) };
}

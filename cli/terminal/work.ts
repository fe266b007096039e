/** Runs cells for a command: sets the engine up once, shows progress, and says how to go on after a stop. */
import { DivergedError, InterruptedError, UsageError } from '../../src/core/errors.js';
import { cellsOf, parseScale, runnerOf, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { folderOf, readRun, type RunRecord } from '../../src/store/runs.js';
import {
  openEngine,
  requestedEngine,
  type Engine,
  type EngineChoice,
  type EngineName,
} from '../../src/engine/engines/choose.js';
import { askedFor, devicesOf, expectedEngine, prepareEngine } from '../../src/engine/engines/prepare.js';
import type { InstallOptions } from '../../src/engine/install/install.js';
import type { TensorSetup, WorkerPoolOptions } from '../../src/sweep/worker-pool.js';
import {
  valuesOf,
  type BackendOptions,
  type LocalSweep,
  type Served,
  type Serving,
  type Sweep,
  type SweepBackend,
  type SweepOutcome,
  type Values,
} from '../../src/sweep/backends/backend.js';
import type { SweepReporter } from '../../src/sweep/progress.js';
import { runHere } from '../../src/sweep/backends/pool.js';
import { RUNNERS } from '../../experiments/runners.js';
import { expectedKernel, prepareKernel } from '../../theory/kernel/kernel.js';
import { checkCell } from './check-cell.js';
import { EXECUTABLE, WORKER_COMMAND } from './executable.js';
import { kernelReport } from './kernel.js';
import { notice } from './notices.js';
import { checkOut, typedCommand } from './options.js';
import { Progress, Rate } from './progress.js';
import { stopSignal } from './stop.js';

/** How a command runs its cells: the store, the engine, how many at once. */
export interface WorkOptions {
  readonly out: string;
  readonly engine?: string;
  readonly jobs: number;
  /** Threads of each run, where the user says how many (`withThreads`). */
  readonly threads?: number;
}

/** Throws UsageError when the scale is not declared for the experiment. */
export function declaredScale({ name, seeds }: Experiment, scale: string): Scale {
  const parsed = parseScale(scale);
  if (seeds[parsed] === undefined)
    throw new UsageError(
      `experiment "${name}" is not declared at scale "${scale}"; declared: ${Object.keys(seeds).join(', ')}`,
    );
  return parsed;
}

/**
 * Those of a group's experiments that are declared at a scale; the others are named, and left out. Throws UsageError
 * where there is none.
 */
export function declaredOf(group: string, experiments: readonly Experiment[], scale: string): Experiment[] {
  const parsed = parseScale(scale);
  const own = experiments.filter(({ seeds }) => seeds[parsed] !== undefined);
  if (own.length === 0) {
    const scales = [...new Set(experiments.flatMap(({ seeds }) => Object.keys(seeds)))];
    throw new UsageError(
      `${group}: no experiment of it is declared at scale "${scale}"; declared: ${scales.join(', ')}`,
    );
  }
  const others = experiments.filter((one) => !own.includes(one)).map(({ name }) => name);
  if (others.length > 0) notice(`Not declared at scale ${scale}, and left out: ${others.join(', ')}.`);
  return own;
}

/** Cells of experiments at a scale. Throws UsageError when a scale is not declared for one of them. */
export function declaredCells(
  experiments: readonly Experiment[],
  scale: string,
  seed: number,
  seeds: number | undefined,
): Cell[] {
  for (const experiment of experiments) declaredScale(experiment, scale);
  return experiments.flatMap((experiment) => cellsOf(experiment, parseScale(scale), seed, seeds));
}

/** Install progress as a bar, which leaves its place to that of cells at work. */
export function installReporter(progress: Progress): NonNullable<InstallOptions['report']> {
  return (stage, done, total) =>
    progress.aside(
      'set up TensorFlow:',
      total > 0 ? done / total : 0,
      total > 1 ? `${stage}, ${Math.round(done)} of ${Math.round(total)} MB` : stage,
    );
}

/** Sets up the engine that workers will open, with what is done as progress. */
async function prepared(name: EngineName | 'auto', progress: Progress): Promise<EngineChoice> {
  return prepareEngine(name, {
    notice: (line) => progress.line(line),
    report: installReporter(progress),
    onInstalled: () => progress.clear(),
  });
}

/** The engine for a command that computes in this process; TensorFlow is installed first where that is missing. */
export async function openForCommand(flag: string | undefined): Promise<Engine> {
  const progress = new Progress();
  const { name, why } = await prepared(requestedEngine(flag), progress);
  progress.clear();
  return openEngine(name, undefined, (line) => progress.line(line), why);
}

/** What the user is told of cells at work: one bar over all, with the rate of the one that spoke last. */
export function reporter(progress: Progress, first: number): SweepReporter {
  const rates = new Map<string, Rate>();
  return (cell, stage, done, total, { share, left }) => {
    const label = `${cell.experiment} ${cell.arm} s${cell.seed}`;
    let rate = rates.get(label);
    if (rate === undefined) rates.set(label, (rate = new Rate()));
    progress.update(label, share, `${stage} ${done}/${total}${rate.text(done)}`, first, left);
    if (done >= total) rates.delete(label);
  };
}

/** How the worker pool of this machine is set up: the particle kernel built, the engine chosen and installed. */
async function workerPoolOptions(
  cells: readonly Cell[] | undefined,
  options: WorkOptions,
  progress: Progress,
): Promise<WorkerPoolOptions> {
  const request = requestedEngine(options.engine);
  const some = (needsEngine: boolean): boolean =>
    cells === undefined || cells.some((cell) => (runnerOf(cell, RUNNERS).stepFlops !== undefined) === needsEngine);
  const none: TensorSetup = { engine: askedFor(request), devices: [] };
  const tensors = some(true) ? tensorSetup(request, progress) : Promise.resolve(none);
  if (some(false)) {
    tensors.catch(() => {}); // the pool hears of it; it may come while the kernel is built
    await prepareKernel();
    const { reason } = kernelReport();
    if (reason !== null) progress.line(`The faster particle kernel is not in use: ${reason}`);
  }
  return {
    out: options.out,
    tensors,
    jobs: options.jobs,
    threads: options.threads,
    command: typedCommand(),
    runners: RUNNERS,
    worker: { module: EXECUTABLE, args: [WORKER_COMMAND] },
  };
}

/** The engine that workers are to open, installed where it was missing, and the GPUs that it uses. */
export async function tensorSetup(name: EngineName | 'auto', progress: Progress): Promise<TensorSetup> {
  const engine = await prepared(name, progress);
  return { engine, devices: devicesOf(engine) };
}

/** Does something that a user may stop. Throws InterruptedError with the command that goes on. */
export async function sayingHowToGoOn<T>(progress: Progress, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof InterruptedError) throw new InterruptedError(`${error.message}. To go on: ${typedCommand()}`);
    throw error;
  } finally {
    progress.clear();
  }
}

/** What a back end is given for cells, but the command that runs them elsewhere. Throws UsageError on a wrong spec. */
function localSweep(cells: readonly Cell[], options: WorkOptions, progress: Progress): LocalSweep {
  for (const cell of cells) checkCell(cell);
  const engine = expectedEngine(requestedEngine(options.engine));
  const needsKernel = cells.some((cell) => runnerOf(cell, RUNNERS).stepFlops === undefined);
  const out = checkOut(options.out);
  const notice = (line: string): void => progress.line(line);
  return {
    cells,
    out,
    runners: RUNNERS,
    platform: { engine, ...(needsKernel && { kernel: expectedKernel() }) },
    signal: stopSignal(notice),
    notice,
    progress: (first) => reporter(progress, first),
    workers: (open) => workerPoolOptions(open, { ...options, out }, progress),
  };
}

/**
 * Runs all cells that are not finished on this machine. A run without a number is a result, too: the error of runs that
 * diverged is returned, for the command to end with when it has shown the others. Throws InterruptedError with the
 * command that goes on.
 */
export async function work(cells: readonly Cell[], options: WorkOptions): Promise<DivergedError | undefined> {
  const progress = new Progress();
  const sweep = localSweep(cells, options, progress);
  try {
    await sayingHowToGoOn(progress, () => runHere(sweep));
    return undefined;
  } catch (error) {
    if (error instanceof DivergedError) return error;
    throw error;
  }
}

/**
 * The runs of cells that are finished, in the order of the cells, and by the names that these have: a run may have been
 * made under others. Those that are not finished have nothing to print.
 */
export function finishedRuns(cells: readonly Cell[], out: string): RunRecord[] {
  return cells
    .map((cell): RunRecord => ({ ...readRun(folderOf(out, cell)), cell }))
    .filter(({ status }) => status === 'finished');
}

/**
 * Has a back end run or submit all cells that are not finished. `command` gives the words of the command that runs them
 * with so many cells at once. Throws InterruptedError with the command that goes on.
 */
export async function workElsewhere(
  backend: SweepBackend,
  cells: readonly Cell[],
  options: WorkOptions & Values<BackendOptions>,
  command: Sweep['command'],
): Promise<SweepOutcome> {
  const progress = new Progress();
  const sweep: Sweep = { ...localSweep(cells, options, progress), jobs: options.jobs, command };
  return sayingHowToGoOn(progress, () => backend.run(sweep, valuesOf(backend.options, options)));
}

/** Takes cells for a back end until it is stopped, or until the back end says that there are no more. */
export async function workAsWorker(
  worker: NonNullable<SweepBackend['worker']>,
  options: WorkOptions & Values<BackendOptions>,
): Promise<Served> {
  const values = valuesOf(worker.options, options);
  worker.check(values);
  const out = checkOut(options.out);
  const progress = new Progress();
  const notice = (line: string): void => progress.line(line);
  const signal = stopSignal(notice);
  const report = reporter(progress, 0);
  const workers = await workerPoolOptions(undefined, { ...options, out }, new Progress());
  const serving: Serving = {
    ...workers,
    signal,
    notice,
    progress: (cell, stage, done, total) => report(cell, stage, done, total, { share: total > 0 ? done / total : 0 }),
  };
  return sayingHowToGoOn(progress, () => worker.serve(serving, values));
}

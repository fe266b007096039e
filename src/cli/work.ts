/** Runs cells for a command: sets the engine up once, shows progress, and says how to go on after a stop. */
import { InterruptedError, messageOf, UsageError } from '../core/errors.js';
import { cellsOf, parseScale, type Experiment, type Scale } from '../core/experiment.js';
import type { Cell } from '../core/run.js';
import { NEEDS_NOTHING, openEngine, requestedEngine, type Engine, type EngineChoice, type EngineName } from '../engine/choose.js';
import { mayHaveGpu } from '../engine/webgpu.js';
import { tensorflowReadiness } from '../engine/tensorflow.js';
import { installTensorflow, type InstallOptions } from '../engine/install.js';
import { finishedShare, runPool } from '../sweep/pool.js';
import { WORKER_COMMAND, type App } from './app.js';
import { checkOut, typedCommand } from './options.js';
import { Progress, Rate } from './progress.js';
import { stopSignal } from './stop.js';

export interface WorkOptions {
  readonly out: string;
  readonly engine?: string;
  readonly jobs: number;
}

/** Throws UsageError when the scale is not declared for the experiment. */
export function declaredScale({ name, seeds }: Experiment, scale: string): Scale {
  const parsed = parseScale(scale);
  if (seeds[parsed] === undefined) throw new UsageError(`experiment "${name}" is not declared at scale "${scale}"; declared: ${Object.keys(seeds).join(', ')}`);
  return parsed;
}

/** Cells of experiments at a scale. Throws UsageError when a scale is not declared for one of them. */
export function declaredCells(experiments: readonly Experiment[], scale: string, seed: number, seeds: number | undefined): Cell[] {
  for (const experiment of experiments) declaredScale(experiment, scale);
  return experiments.flatMap((experiment) => cellsOf(experiment, parseScale(scale), seed, seeds));
}

/** Install progress as a bar. */
export function installReporter(progress: Progress): NonNullable<InstallOptions['report']> {
  return (stage, done, total) =>
    progress.update('set up TensorFlow:', total > 0 ? done / total : 0, total > 1 ? `${stage}, ${Math.round(done)} of ${Math.round(total)} MB` : stage);
}

/**
 * Makes sure that workers find the engine they will open: with `auto` or `tensorflow`, an install that is missing is made now, once.
 * Returns the engine that the workers are to open.
 */
async function prepareEngine(name: EngineName | 'auto', progress: Progress): Promise<EngineChoice> {
  const asked = { name, why: 'it was asked for' };
  if (name === 'webgpu') return asked;
  const readiness = tensorflowReadiness();
  if (name === 'wasm') {
    progress.line(`The faster engine, tensorflow, is ${readiness.state === 'ready' ? 'installed but not used: wasm was asked for' : `missing: ${readiness.reason}`}`);
    return asked;
  }
  if (readiness.state === 'ready') return asked;
  // Without TensorFlow only a real GPU leaves the workers something to choose; else they need not look again, each for itself.
  const without: EngineChoice = mayHaveGpu() ? asked : { name: 'wasm', why: NEEDS_NOTHING };
  if (name === 'auto' && readiness.state === 'impossible') {
    progress.line(`The faster engine, tensorflow, is missing: ${readiness.reason}`);
    return without;
  }
  try {
    await installTensorflow({ report: installReporter(progress) });
    progress.clear();
    return asked;
  } catch (error) {
    if (name !== 'auto') throw error;
    progress.line(`The faster engine is missing: ${messageOf(error)}`);
    return without;
  }
}

/** The engine for a command that computes in this process; TensorFlow is installed first where that is missing. */
export async function openForCommand(flag: string | undefined): Promise<Engine> {
  const progress = new Progress();
  const { name, why } = await prepareEngine(requestedEngine(flag), progress);
  progress.clear();
  return openEngine(name, undefined, (line) => progress.line(line), why);
}

/** Runs all cells that are not finished. Throws InterruptedError with the command that goes on. */
export async function work(app: App, cells: readonly Cell[], options: WorkOptions): Promise<void> {
  for (const cell of cells) app.runners[cell.kind]!.check(cell);
  const request = requestedEngine(options.engine);
  const out = checkOut(options.out);
  const progress = new Progress();
  const setUp = new Progress();
  const signal = stopSignal((line) => progress.line(line));
  const rates = new Map<string, Rate>();
  const first = finishedShare(out, cells, app.runners);
  if (first === 1) return;
  if (cells.some((cell) => app.runners[cell.kind]!.stepFlops === undefined)) {
    const { reason } = await app.kernel();
    if (reason !== null) progress.line(`The faster particle kernel is not in use: ${reason}`);
  }
  const needsEngine = cells.some((cell) => app.runners[cell.kind]!.stepFlops !== undefined);
  const engine = needsEngine ? await prepareEngine(request, setUp) : { name: request, why: '' };
  try {
    await runPool(cells, {
      out,
      engine,
      jobs: options.jobs,
      command: typedCommand(),
      runners: app.runners,
      signal,
      notice: (line) => progress.line(line),
      worker: { module: app.executable, args: [WORKER_COMMAND] },
      progress: (cell, stage, done, total, share) => {
        const label = `${cell.experiment} ${cell.arm} s${cell.seed}`;
        let rate = rates.get(label);
        if (rate === undefined) rates.set(label, (rate = new Rate()));
        progress.update(label, share, `${stage} ${done}/${total}${rate.text(done)}`, first);
      },
    });
  } catch (error) {
    progress.clear();
    if (error instanceof InterruptedError) throw new InterruptedError(`${error.message}. To go on: ${typedCommand()}`);
    throw error;
  }
  progress.clear();
}

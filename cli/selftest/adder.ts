/** A run that is small enough to be done a thousand times, and what must be found of it afterwards. */
import { InterruptedError } from '../../src/core/errors.js';
import { CUSTOM_SCALE } from '../../src/core/experiment.js';
import type { Cell, Executor } from '../../src/core/run.js';
import { environment } from '../../src/store/environment.js';
import { executeRun } from '../../src/store/execute.js';
import { listRuns, readArrays, readMetrics } from '../../src/store/runs.js';
import { tablesOf } from './check.js';

/** Adds up 50 sums in so many steps. */
export const cellOf = (steps: number): Cell => ({
  experiment: 'selftest',
  arm: 'sum',
  scale: CUSTOM_SCALE,
  kind: 'sum',
  spec: { steps },
  seed: 1,
});

/** Hears of what the run does. */
export interface Hooks {
  /** Before a step; what it throws ends the run. */
  readonly onStep?: (step: number) => void;
  /** After the state before a step was saved. */
  readonly onSaved?: (step: number) => void;
  /** Where the run begins: at a step after the first when it goes on from a saved state. */
  readonly onBegin?: (step: number) => void;
}

/** Adds up random-looking numbers, and saves before each step. */
const adder =
  ({ onStep, onSaved, onBegin }: Hooks): Executor =>
  async (context) => {
    const steps = Number(context.cell.spec.steps);
    let step = Number(context.resumed?.position ?? 0);
    const sums =
      context.resumed === undefined ? new Float64Array(50) : Float64Array.from(context.resumed.arrays.sums!.values);
    onBegin?.(step);
    for (; step < steps; step++) {
      onStep?.(step);
      context.save({ arrays: { sums: { shape: [50], values: sums } }, position: String(step) });
      onSaved?.(step);
      for (let i = 0; i < 50; i++) sums[i]! += Math.sin(step * 50 + i);
      context.log({ step, sum: sums[0]! });
    }
    return { result: { sum: sums[0]! }, arrays: { sums: { shape: [50], values: sums } } };
  };

/** Brings the run to its end in this process. Throws what the store throws. */
export async function addUp(
  out: string,
  cell: Cell,
  {
    notice,
    signal,
    ...hooks
  }: Hooks & { readonly notice?: (line: string) => void; readonly signal?: AbortSignal } = {},
): Promise<void> {
  await executeRun(cell, {
    out,
    environment: environment(null, 'selftest'),
    executors: { sum: adder(hooks) },
    signal: signal ?? new AbortController().signal,
    lockSeconds: 1,
    progress: () => {},
    notice: notice ?? (() => {}),
  });
}

/** Runs a cell that adds up as {@link addUp} does, and stops it before a step as a signal does. */
export async function addUpTo(out: string, cell: Cell, stop: number): Promise<void> {
  const controller = new AbortController();
  const onStep = (step: number): void => (step === stop ? controller.abort() : undefined);
  await addUp(out, cell, { onStep, signal: controller.signal }).catch((error: unknown) => {
    if (!(error instanceof InterruptedError)) throw error;
  });
}

/** What is read of the undisturbed run. */
export interface Reference {
  readonly cell: Cell;
  readonly hash: string;
  readonly metrics: string;
  readonly sums: string;
}

/** Does the run without a disturbance. */
export async function undisturbed(out: string, cell: Cell): Promise<Reference> {
  await addUp(out, cell);
  const [run] = listRuns(out).runs;
  return {
    cell,
    hash: tablesOf(out).hash,
    metrics: JSON.stringify(readMetrics(run!)),
    sums: JSON.stringify([...readArrays(run!).sums!.values]),
  };
}

/** Whether what can be read of a store says something else than the undisturbed run. */
export function hasWrongFigures(out: string, { cell, metrics, sums }: Reference): boolean {
  for (const found of listRuns(out).runs) {
    if (found.status !== 'finished') continue;
    try {
      if (JSON.stringify(found.cell) !== JSON.stringify(cell)) return true;
      if (JSON.stringify(readMetrics(found)) !== metrics) return true;
      if (JSON.stringify([...readArrays(found).sums!.values]) !== sums) return true;
    } catch {
      // named, not shown
    }
  }
  return false;
}

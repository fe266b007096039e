/**
 * Cells that do nothing, or wait for some time, as if another machine's core worked on them: what a sweep itself costs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RUNNERS } from '../../experiments/runners.js';
import { CUSTOM_SCALE, type Runner } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';

/** Kind of the cells that do nothing, by which the cost of a sweep itself is measured. */
export const EMPTY_KIND = 'empty';

/** Runs cells of {@link EMPTY_KIND}: waits for the milliseconds of the spec, logs one line, and leaves the seed. */
export const EMPTY_RUNNER: Runner = {
  execute: async (context) => {
    await sleep(Number(context.cell.spec.milliseconds ?? 0));
    context.log({ seed: context.cell.seed });
    return { result: { seed: context.cell.seed } };
  },
  check: () => {},
  requires: () => [],
  cost: () => 1,
  stepFlops: undefined,
};

/** What the bench's workers can run: the product's runs, and its own. */
export const BENCH_RUNNERS: Readonly<Record<string, Runner>> = { ...RUNNERS, [EMPTY_KIND]: EMPTY_RUNNER };

/** So many cells of {@link EMPTY_KIND}, with seeds from 0 on, each of which waits for so many milliseconds. */
export function emptyCells(count: number, milliseconds = 0): Cell[] {
  return Array.from({ length: count }, (_, seed) => ({
    experiment: 'empty',
    arm: 'none',
    scale: CUSTOM_SCALE,
    kind: EMPTY_KIND,
    spec: { milliseconds },
    seed,
  }));
}

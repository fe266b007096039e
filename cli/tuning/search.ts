/** What a search for learning rates has cost: every run that it measured, and the wide nets that these learn from. */
import { RUNNERS } from '../../experiments/runners.js';
import { plural } from '../../src/core/errors.js';
import type { Cell } from '../../src/core/run.js';
import { ownCost } from '../../src/method/cost/cost.js';
import { checkedSpec } from '../../src/method/run/runner.js';
import { withRequired } from '../../src/sweep/work.js';

/** The cost of a search; a run that several of its points need counts once. */
export interface SearchCost {
  readonly runs: number;
  /** Training steps as declared, imitation included; one that diverged stopped earlier. */
  readonly steps: number;
  /** Floating-point operations of these steps, in 1e12. */
  readonly teraflops: number;
  /** Wall time of all runs, one after another, as each noted it, also of those that were finished before. */
  readonly seconds: number;
}

/** What the runs of some cells cost together; `secondsOf` says how long one took. */
export function searchCost(cells: readonly Cell[], secondsOf: (cell: Cell) => number): SearchCost {
  const all = [...withRequired(cells, RUNNERS).values()];
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const costs = all.map(({ spec }) => ownCost(checkedSpec(spec)));
  return {
    runs: all.length,
    steps: sum(costs.map(({ steps }) => steps)),
    teraflops: sum(costs.map(({ flops, teacherFlops }) => flops + teacherFlops)) / 1e12,
    seconds: sum(all.map(secondsOf)),
  };
}

/** The cost of a search in a line. */
export function searchText({ runs, steps, teraflops, seconds }: SearchCost): string {
  const operations = teraflops < 0.01 ? teraflops.toExponential(1) : teraflops.toFixed(2);
  return (
    `The search took ${plural(runs, 'run')}, wide nets included: ${plural(steps, 'training step')}, ` +
    `${operations} teraflops, ${seconds.toFixed(1)} seconds of wall time, run after run.`
  );
}

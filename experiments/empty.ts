/** Cells that do nothing, or keep a core busy for some time: what a sweep itself costs. */
import type { Runner } from '../src/core/experiment.js';
import type { Cell } from '../src/core/run.js';

export const EMPTY_KIND = 'empty';

export const EMPTY_RUNNER: Runner = {
  execute: (context) => {
    const { cell } = context;
    const until = performance.now() + Number(cell.spec.milliseconds ?? 0);
    while (performance.now() < until);
    context.log({ seed: cell.seed });
    return Promise.resolve({ result: { seed: cell.seed } });
  },
  check: () => {},
  requires: () => [],
  cost: () => 1,
  stepFlops: undefined,
};

export function emptyCells(count: number, milliseconds = 0): Cell[] {
  return Array.from({ length: count }, (_, seed) => ({ experiment: 'empty', arm: 'none', scale: 'custom', kind: EMPTY_KIND, spec: { milliseconds }, seed }));
}

/**
 * The runs of the sweeps in these tests, in JavaScript since worker processes load them as they stand. Thin cells add
 * to the array of the wide one of their seed, so that their result shows whether it was finished first; each cell
 * writes a line into the journal when it begins and when it ends. `diverges` in its spec leaves no number.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError } from '../../dist/src/core/errors.js';

export const KIND = 'sweep-test';

/** A cell of the sweep; `milliseconds` is how long it takes. */
export function cellOf(arm, seed, spec = {}) {
  return { experiment: 'small', arm, scale: 'custom', kind: KIND, spec: { arm, ...spec }, seed };
}

/** Wide cells cost three times as much as thin ones. */
export const RUNNERS = {
  [KIND]: {
    execute: async (context) => {
      const { cell, seed } = context;
      const note = (event) => {
        if (process.env.GOWIDE_JOURNAL)
          appendFileSync(
            process.env.GOWIDE_JOURNAL,
            `${JSON.stringify({ event, arm: cell.arm, seed, pid: process.pid, parent: process.ppid })}\n`,
          );
      };
      const from = Number(context.resumed?.position ?? 0);
      note('begin');
      // a step that lets nobody else do anything
      if (cell.spec.block) for (const end = Date.now() + cell.spec.block; Date.now() < end;);
      for (let step = from; step < 10; step++) {
        await sleep(Number(cell.spec.milliseconds ?? 0) / 10);
        context.progress('step', step + 1, 10);
        if (!context.shouldSave()) continue;
        try {
          context.save({ arrays: {}, position: String(step + 1) });
        } catch (error) {
          if (error instanceof InterruptedError) note('save');
          throw error;
        }
      }
      const wide = cell.arm === 'wide' ? undefined : await context.require(cellOf('wide', seed, cell.spec.wide));
      const sum = cell.spec.diverges ? NaN : (wide?.weights.values[0] ?? 0) + seed;
      context.log({ seed, sum });
      note('end');
      return { result: { sum }, arrays: { weights: { shape: [1], values: Float32Array.of(sum) } } };
    },
    check: () => {},
    requires: (cell) => (cell.arm === 'wide' ? [] : [cellOf('wide', cell.seed, cell.spec.wide)]),
    cost: (cell) => (cell.arm === 'wide' ? 3 : 1),
    stepFlops: undefined,
  },
};

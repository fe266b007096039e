/** The parts of the work of `thin`, and what each is expected to cost. */
import type { Cell } from '../core/run.js';
import type { Dataset } from '../data/dataset.js';
import { expectedMemory, expectedSeconds } from '../method/cost/cost.js';
import type { TrainSpec } from '../method/spec/spec.js';
import { cellsOf, nameOf, poolsOf, thinCellOf, wideCellOf, wideRates, wideWeights } from './cells.js';
import { roundsOf } from './halving.js';
import type { Setup } from './setup.js';

/** Expected seconds of a run on one core of a small machine, with the held-out examples that there are. */
export function runSeconds({ validation, test }: Dataset, { spec }: Cell): number {
  const counts = { validation: validation.count, test: test.count };
  return expectedSeconds(spec as unknown as TrainSpec, undefined, counts);
}

/** A part of the work: so many runs of so many steps. */
export interface Part {
  readonly name: string;
  readonly runs: number;
  readonly steps: number;
  /** Expected seconds of all of them, on one core of a small machine. */
  readonly seconds: number;
}

/** All parts of the work, in order. */
export function partsOf(setup: Setup): Part[] {
  const weights = wideWeights(setup);
  const seconds = (cell: Cell): number => runSeconds(setup.data, cell);
  const part = (name: string, runs: number, steps: number, cells: readonly Cell[]): Part => ({
    ...{ name, runs, steps },
    seconds: (runs * cells.map(seconds).reduce((a, b) => a + b, 0)) / cells.length,
  });
  const rates = wideRates(setup);
  const wide =
    setup.training === undefined
      ? []
      : roundsOf(rates.length, setup.steps.wide).map(({ candidates, steps }, i, all) =>
          part(nameOfRound('wide net', i, all.length), candidates, steps, [wideCellOf(setup, rates[0]!, steps)]),
        );
  const pools = poolsOf(setup).flatMap((pool) =>
    roundsOf(pool.length, setup.steps.thin).map(({ candidates, steps }, i, all) =>
      part(
        nameOfRound(setup.options.compare === true ? nameOf(pool[0]!) : 'thin net', i, all.length),
        candidates,
        steps,
        pool.map((one) => thinCellOf(setup, weights, one, steps)),
      ),
    ),
  );
  return [...wide, ...pools];
}

function nameOfRound(what: string, round: number, rounds: number): string {
  return round === rounds - 1 ? `${what}, final` : `${what}, tuning ${round + 1}`;
}

/** Expected seconds of all parts, on one core of a small machine. */
export function secondsOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Expected memory of the largest run in bytes. */
export function memoryOf(setup: Setup): number {
  return Math.max(...cellsOf(setup).map(({ spec }) => expectedMemory(spec as unknown as TrainSpec)));
}

/** What a frontier costs before it is run, by budget, and whether this machine holds it. */
import { RUNNERS } from '../../experiments/runners.js';
import { UsageError } from '../../src/core/errors.js';
import { runnerOf, type Arm } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import type { Cell } from '../../src/core/run.js';
import { checkedSpec } from '../../src/method/run/runner.js';
import { expectedMemory, ownCost } from '../../src/method/cost/cost.js';
import { withRequired } from '../../src/sweep/work.js';

/** The row of what the others learn from, which is of no budget. */
const WIDE_NET = 'wide net';

/** What the runs of one budget cost together. */
export type BudgetCost = {
  /** `x4`, or the wide net that the others learn from. */
  readonly budget: string;
  readonly runs: number;
  readonly steps: number;
  readonly teraflops: number;
  /** On one core of a quiet machine, by arithmetic. */
  readonly minutes: number;
  /** Memory of its largest run, in 10^9 bytes. */
  readonly gigabytes: number;
};

interface CellCost {
  readonly steps: number;
  readonly flops: number;
  readonly seconds: number;
  readonly bytes: number;
}

/** What a cell costs. */
function costOf(cell: Cell): CellCost {
  const spec = checkedSpec(cell.spec);
  const { steps, flops, teacherFlops } = ownCost(spec);
  const seconds = runnerOf(cell, RUNNERS).cost(cell);
  return { steps, flops: flops + teacherFlops, seconds, bytes: expectedMemory(spec) };
}

/**
 * Runs, steps, operations, time and memory by budget, with those of the wide net that the others learn from; without
 * the runs for which `isOver` holds, as nothing is left of them to do.
 */
export function budgetCosts(
  cells: readonly Cell[],
  arms: Readonly<Record<string, Arm>>,
  isOver: (cell: Cell) => boolean = () => false,
): BudgetCost[] {
  const all = [...withRequired(cells, RUNNERS).values()].filter((cell) => !isOver(cell));
  const budgetOf = ({ arm }: Cell): string => {
    const budget = arms[arm]?.factors?.budget;
    return budget === undefined ? WIDE_NET : `x${budget}`;
  };
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return [...groupBy(all, budgetOf)].map(([budget, mine]) => {
    const costs = mine.map(costOf);
    return {
      budget,
      runs: mine.length,
      steps: sum(costs.map(({ steps }) => steps)),
      teraflops: sum(costs.map(({ flops }) => flops)) / 1e12,
      minutes: sum(costs.map(({ seconds }) => seconds)) / 60,
      gigabytes: Math.max(...costs.map(({ bytes }) => bytes)) / 1e9,
    };
  });
}

/** What there is to run a frontier with. */
export interface Room {
  readonly jobs: number;
  /** Memory of the machine, in bytes. */
  readonly memory: number;
  /** The most hours that it may take on one core; any unless given. */
  readonly hours?: number;
  /** Seeds of each arm; as many as are declared unless given. */
  readonly seeds?: number;
}

const hoursOf = (hours: number): string => Number(hours.toPrecision(2)).toString();

/** Throws UsageError where the runs of a frontier need more memory or time than there is, naming the budget. */
export function checkRoom(costs: readonly BudgetCost[], { jobs, memory, hours, seeds }: Room): void {
  if (costs.length === 0) return;
  const largest = costs.reduce((most, cost) => (cost.gigabytes > most.gigabytes ? cost : most));
  const most = Math.floor(memory / 1e9 / largest.gigabytes);
  // no more than there are
  const atOnce = Math.min(
    jobs,
    costs.reduce((sum, { runs }) => sum + runs, 0),
  );
  const need = atOnce === 1 ? 'a run needs' : `${atOnce} runs at once need`;
  if (atOnce > most)
    throw new UsageError(
      `budget ${largest.budget}: ${need} ${(atOnce * largest.gigabytes).toFixed(1)} GB ` +
        `of memory, and this machine has ${(memory / 1e9).toFixed(1)}; ` +
        (most === 0 ? 'choose smaller arms with --arm' : `run at most ${most} at once with --jobs ${most}`),
    );
  const total = costs.reduce((sum, cost) => sum + cost.minutes, 0) / 60;
  if (hours === undefined || total <= hours) return;
  const budgets = costs.filter(({ budget }) => budget !== WIDE_NET);
  const longest = budgets.reduce((first, cost) => (cost.minutes > first.minutes ? cost : first), budgets[0]!);
  const alone = budgets.length > 1 ? `; budget ${longest.budget} alone takes ${hoursOf(longest.minutes / 60)}` : '';
  // what is at its least already is no advice
  const remedies = [
    ...(budgets.length > 1 ? ['choose budgets with --arm, as in --arm " x[124]$"'] : []),
    ...(seeds === 1 ? [] : ['take fewer --seeds']),
    `allow more with --hours ${Math.ceil(total * 10) / 10}`,
  ];
  throw new UsageError(
    `${hoursOf(total)} hours on one core, and --hours allows ${hours}${alone}: ${remedies.join(', or ')}`,
  );
}

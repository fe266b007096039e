/** What a frontier found, in numbers and as text: means by budget, times to the mark, where curves cross. */
import { join } from 'node:path';
import { keyOf, waysOf, type Frontier } from '../../experiments/frontier.js';
import { frontierFor } from '../../experiments/frontiers.js';
import { mean } from '../../src/core/stats.js';
import { formatMean, formatNumber } from '../claims/verdict.js';
import {
  byTrainingAndBudget,
  COSTS,
  crossing,
  curveOf,
  frontierPoints,
  MARK,
  teacherAccuracy,
  timesToMark,
  type CostName,
  type Crossing,
  type Reached,
} from '../data/frontier.js';
import { readRecords, type Records } from '../data/records.js';
import { shownInterval } from '../data/interval.js';
import { groupBy, type TableRow } from '../data/rows.js';
import { proportionInterval } from '../figures/figure.js';

/** One way of training with one budget. */
interface BudgetMean {
  readonly training: string;
  readonly budget: number;
  readonly seeds: number;
  /** Test accuracy in percent, with its 95 % t-interval on the logit scale. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** In 1e9 floating-point operations; null where the wide net's own run is missing. */
  readonly cost: Readonly<Record<CostName, number | null>>;
}

/** What a frontier found. */
export interface FrontierSummary {
  readonly experiment: string;
  readonly scale: string;
  /** Test accuracy of the wide net that the arms learn from, in percent; null where its run is missing. */
  readonly wideNet: number | null;
  readonly means: readonly BudgetMean[];
  /** Budgets of each seed at which the mark is reached, by way of training. */
  readonly times: Readonly<Record<string, readonly (Reached & { readonly seed: number })[]>>;
  /** Where direct training, if it is there, and each other way cross, by way and by how the cost is counted. */
  readonly crossings: Readonly<Record<string, Readonly<Record<CostName, Crossing>>>>;
}

/** What the runs and kept tables below some folders say of a frontier, and what of them is left out. */
interface ReadFrontier extends Pick<Records, 'problems' | 'cautions'> {
  /** Undefined where there is no run of it. */
  readonly summary: FrontierSummary | undefined;
  /** The problem of a table of its results that could not be read, if there is one; among the others, too. */
  readonly unread: string | undefined;
}

/** What the runs and kept tables below some folders say of a frontier at a scale. */
export function readFrontier(frontier: Frontier, scale: string, folders: readonly string[]): ReadFrontier {
  const { results, problems, cautions } = readRecords(folders);
  const mine = results.filter((row) => row.scale === scale);
  const tables = folders.map((folder) => join(folder, `${frontier.experiment.name}.${scale}.csv`));
  const unread = problems.find((line) => tables.some((table) => line.includes(table)));
  return { summary: summarizeFrontier(frontier, scale, mine), unread, problems, cautions };
}

/** What rows say of a frontier; undefined without any of its runs. */
export function summarizeFrontier(
  frontier: Frontier,
  scale: string,
  results: readonly TableRow[],
): FrontierSummary | undefined {
  const points = frontierPoints(frontier, results);
  if (points.length === 0) return undefined;
  const means = byTrainingAndBudget(points).map((group) => {
    const { training, budget, cost } = group[0]!;
    const values = group.map(({ accuracy }) => accuracy);
    const { low, high } = shownInterval(values, proportionInterval);
    const finite = Object.fromEntries(
      Object.entries(cost).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
    ) as BudgetMean['cost'];
    return { training, budget, seeds: values.length, accuracy: mean(values), low, high, cost: finite };
  });
  const trainings = Object.keys(waysOf(frontier)).filter((one) => points.some(({ training }) => training === one));
  const times = [...timesToMark(frontier, results)].map(([training, bySeed]) => [
    training,
    [...bySeed].map(([seed, reached]) => ({ seed, ...reached })),
  ]);
  const rivals = trainings.includes('direct') ? trainings.filter((training) => training !== 'direct') : [];
  const crossings = rivals.map((training) => [
    training,
    Object.fromEntries(
      (Object.keys(COSTS) as CostName[]).map((cost) => [
        cost,
        crossing(curveOf(points, training, cost), curveOf(points, 'direct', cost)),
      ]),
    ),
  ]);
  return {
    experiment: keyOf(frontier),
    scale,
    wideNet: teacherAccuracy(frontier, results) ?? null,
    means: means.sort((a, b) => trainings.indexOf(a.training) - trainings.indexOf(b.training) || a.budget - b.budget),
    times: Object.fromEntries(times) as FrontierSummary['times'],
    crossings: Object.fromEntries(crossings) as FrontierSummary['crossings'],
  };
}

const labelOf = (frontier: string, training: string): string => waysOf(frontierFor(frontier))[training]!.label;

/** Rows of a table: one for each way of training, its accuracy at each budget. */
export function meansTable({ experiment, means }: FrontierSummary): Record<string, string>[] {
  return [...groupBy(means, ({ training }) => training)].map(([training, group]) => ({
    training: labelOf(experiment, training),
    ...Object.fromEntries(
      group.map(({ budget, accuracy, low, high, seeds }) => [
        `x${budget}`,
        `${formatMean({ mean: accuracy, low, high, n: seeds }, 1)} (${seeds})`,
      ]),
    ),
  }));
}

/** The geometric mean of budgets, as a bound where some seed's is one. */
function timeText(times: readonly Reached[]): string {
  const budget = formatNumber(2 ** mean(times.map((one) => Math.log2(one.budget))), 2);
  const [above, below] = (['above', 'at-most'] as const).map((kind) => times.filter(({ is }) => is === kind).length);
  const notes = [
    ...(above! > 0 ? [`${above} of ${times.length} seeds not within the largest, counted as that`] : []),
    ...(below! > 0 ? [`${below} of ${times.length} already at the smallest`] : []),
  ];
  return `x${budget}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

function crossingText({ at, lead: [first, second], range, apart }: Crossing, label: string): string {
  if (range === undefined) {
    const [own, direct] = apart!.map(
      ({ cost, accuracy }) => `${formatNumber(accuracy, 1)} % for ${formatNumber(cost, 1)} GFLOP`,
    );
    return `no cost in common; the nearest: ${own}, direct ${direct}`;
  }
  const where = at.map(
    ({ cost, firstAbove }) => `${firstAbove ? label : 'direct'} from ${formatNumber(cost, 1)} GFLOP on`,
  );
  const leads = `leads of ${formatNumber(first, 1)} and, by direct training, ${formatNumber(second, 1)} points`;
  const cross = where.length === 0 ? 'no crossing' : `above: ${where.join(', ')}`;
  return `${cross} (${leads}, ${range.map((cost) => formatNumber(cost, 1)).join(' to ')} GFLOP)`;
}

/** The lines below the table: the time to the mark, and where each way of training crosses direct training. */
export function summaryLines(summary: FrontierSummary): string[] {
  const { experiment, times, crossings, wideNet } = summary;
  const mark = wideNet === null ? 'the wide net’s run is missing' : `${formatNumber(MARK * wideNet, 1)} %`;
  return [
    `Steps to ${100 * MARK} % of the wide net’s accuracy (${mark}), in multiples of the base steps, geometric mean:`,
    ...Object.entries(times).map(([training, list]) => `  ${labelOf(experiment, training)}: ${timeText(list)}`),
    ...(Object.keys(COSTS) as CostName[]).flatMap((cost) => {
      const lines = Object.entries(crossings).map(([training, byCost]) => {
        const label = labelOf(experiment, training);
        return `  ${label}: ${crossingText(byCost[cost], label)}`;
      });
      return lines.length === 0 ? [] : [`Against direct training; what is counted: ${COSTS[cost]}.`, ...lines];
    }),
  ];
}

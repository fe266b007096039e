/** What a frontier found, in numbers and as text: means by budget, times to the mark, where curves cross. */
import { join } from 'node:path';
import { keyOf, waysOf, type Frontier } from '../../experiments/frontier.js';
import { frontierFor } from '../../experiments/frontiers.js';
import { plural } from '../../src/core/errors.js';
import { mean } from '../../src/core/stats.js';
import { formatMean, formatNumber } from '../claims/verdict.js';
import {
  boundsIn,
  byTrainingAndBudget,
  COSTS,
  crossing,
  curveOf,
  frontierPoints,
  frontierRows,
  MARK,
  teacherAccuracy,
  timesToMark,
  type CostName,
  type Crossing,
  type Reached,
} from '../data/frontier.js';
import { readRecords, type Records } from '../data/records.js';
import { shownInterval } from '../data/interval.js';
import { groupBy } from '../../src/core/group.js';
import type { TableRow } from '../data/rows.js';
import { wallTimes, type WallTimes } from '../data/wall-times.js';
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

/** How long the runs of one way of training took with one budget. */
export interface BudgetTime {
  /** A way of training; null for the wide net that the arms learn from, where it is no arm. */
  readonly training: string | null;
  readonly budget: number | null;
  /** Runs that noted their time. */
  readonly runs: number;
  /** Mean wall time of one of them, without the training of the wide net; null where none was kept. */
  readonly seconds: number | null;
}

/** The third cost of a frontier beside steps and operations, which depends on the machine. */
export interface FrontierTimes {
  readonly times: readonly BudgetTime[];
  /** Where the runs were made, with the engine of each. */
  readonly machines: readonly string[];
}

/** What the runs and kept tables below some folders say of a frontier, and what of them is left out. */
interface ReadFrontier extends Pick<Records, 'problems' | 'cautions'> {
  /** Undefined where there is no run of it. */
  readonly summary: FrontierSummary | undefined;
  readonly wallTime: FrontierTimes;
  /** The problem of a table of its results that could not be read, if there is one; among the others, too. */
  readonly unread: string | undefined;
}

/** What the runs and kept tables below some folders say of a frontier at a scale. */
export function readFrontier(frontier: Frontier, scale: string, folders: readonly string[]): ReadFrontier {
  const records = readRecords(folders);
  const { results, problems, cautions } = records;
  const mine = results.filter((row) => row.scale === scale);
  const tables = folders.map((folder) => join(folder, `${frontier.experiment.name}.${scale}.csv`));
  const unread = problems.find((line) => tables.some((table) => line.includes(table)));
  const wallTime = frontierTimes(frontier, mine, wallTimes(records));
  return { summary: summarizeFrontier(frontier, scale, mine), wallTime, unread, problems, cautions };
}

/** How long the runs of a frontier took, by way of training and budget; `results` are of one scale. */
export function frontierTimes(frontier: Frontier, results: readonly TableRow[], wall: WallTimes): FrontierTimes {
  // a run that another experiment made has its time there, under that one's name
  const keptAs = new Map(results.map((row) => [row.run, row]));
  const groups = [...groupBy(frontierRows(frontier, results), ({ arm }) => arm).values()];
  const sources = groups.map((group) => {
    const kept = group.map(({ run }) => keptAs.get(run)!);
    return [...groupBy(kept, ({ experiment, arm }) => JSON.stringify([experiment, arm])).values()].map(([row]) => row!);
  });
  const times = groups.map((group, i): BudgetTime => {
    const { factors } = group[0]!.facts;
    const found = sources[i]!.flatMap(({ experiment, scale, arm }) => wall.of(experiment, scale, arm) ?? []);
    const runs = found.reduce((sum, one) => sum + one.runs, 0);
    const seconds = found.reduce((sum, one) => sum + one.seconds, 0);
    return {
      training: factors === undefined ? null : String(factors.training),
      budget: factors === undefined ? null : Number(factors.budget),
      runs,
      seconds: runs === 0 ? null : seconds / runs,
    };
  });
  const machines = sources.flat().flatMap(({ experiment, scale }) => wall.machines(experiment, scale));
  return { times, machines: [...new Set(machines)] };
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

/** Rows of a table: one for each way of training, the mean seconds of a run at each budget. */
export function timesTable({ experiment }: FrontierSummary, { times }: FrontierTimes): Record<string, string>[] {
  const budgets = [...new Set(times.flatMap(({ budget }) => budget ?? []))].sort((a, b) => a - b);
  const text = (one: BudgetTime | undefined): string =>
    one === undefined ? '' : one.seconds === null ? 'not kept' : `${formatNumber(one.seconds, 1)} (${one.runs})`;
  return Object.keys(waysOf(frontierFor(experiment))).flatMap((training) => {
    const mine = times.filter((one) => one.training === training);
    if (mine.length === 0) return [];
    const row: Record<string, string> = { training: labelOf(experiment, training) };
    for (const budget of budgets) row[`x${budget}`] = text(mine.find((one) => one.budget === budget));
    return [row];
  });
}

/** What stands above the table of times: what they are of, and what they depend on. */
export function timesHeading({ times, machines }: FrontierTimes): string {
  if (times.every(({ seconds }) => seconds === null)) return 'No wall time was kept of these runs.';
  const wide = times.find(({ training }) => training === null);
  const trained =
    wide === undefined || wide.seconds === null
      ? ''
      : ` (${formatNumber(wide.seconds, 1)} seconds, ${plural(wide.runs, 'run')})`;
  return (
    `Wall time of a run in seconds, mean (runs that noted it), without the training of the wide net${trained}; ` +
    `it depends on the machine: ${machines.join('; ')}`
  );
}

/** The geometric mean of budgets, as a bound where some seed's is one. */
function timeText(times: readonly Reached[]): string {
  const budget = formatNumber(2 ** mean(times.map((one) => Math.log2(one.budget))), 2);
  const { above, 'at-most': below } = boundsIn(times);
  const notes = [
    ...(above > 0 ? [`${above} of ${times.length} seeds not within the largest, counted as that`] : []),
    ...(below > 0 ? [`${below} of ${times.length} already at the smallest`] : []),
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

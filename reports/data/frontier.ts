/** What the runs of a frontier say: accuracy against three costs, where curves cross, how soon a mark is reached. */
import { allBudgets, armsById, WIDE, type Frontier } from '../../experiments/frontier.js';
import type { Scale } from '../../src/core/experiment.js';
import { remembered } from '../../src/core/memo.js';
import { mean } from '../../src/core/stats.js';
import { groupBy } from '../../src/core/group.js';
import { named, numberAt, rowsOfExperiment, type TableRow } from './rows.js';

/** The three ways to count what a net has cost, in the order in which figures show them. */
export const COSTS = {
  thin: 'the thin net’s own training',
  existing: 'with the wide net’s forward passes: a wide net that exists already',
  total: 'with the wide net’s training, too',
} as const;
/** One of the three ways to count. */
export type CostName = keyof typeof COSTS;

/** One run of a frontier. */
export interface FrontierPoint {
  readonly training: string;
  readonly label: string;
  readonly budget: number;
  readonly seed: number;
  /** On the test split, in percent. */
  readonly accuracy: number;
  /** In 1e9 floating-point operations, counted in each way. */
  readonly cost: Readonly<Record<CostName, number>>;
}

/** Arms by the ids of their runs, for each frontier, scale and seed: hashing the specs takes some milliseconds. */
const ARMS = new Map<string, ReadonlyMap<string, string>>();

/**
 * The rows of a frontier's runs, those of the wide net that its arms learn from included. A run that two experiments
 * declare, such as a deeper net of one frontier that is the thin net of another, is kept once in a folder, under the
 * name of the one that ran it; it counts here where the frontier has other runs of that scale and seed.
 */
export function frontierRows(frontier: Frontier, results: readonly TableRow[]): TableRow[] {
  const { name: experiment, seeds } = frontier.experiment;
  const own = rowsOfExperiment(results, frontier.experiment);
  const runs = new Set(own.map(({ run }) => run));
  const keyOf = ({ scale, seed }: TableRow): string => `${experiment} ${scale} ${seed}`;
  const begun = new Set(own.filter(({ scale }) => Object.hasOwn(seeds, scale)).map(keyOf));
  const taken = new Set<string>();
  const shared = results.flatMap((row) => {
    if (runs.has(row.run) || !begun.has(keyOf(row))) return [];
    const arms = remembered(ARMS, keyOf(row), () => armsById(frontier, row.scale as Scale, row.seed));
    const arm = arms.get(row.run);
    const key = `${row.run} ${row.scale}`;
    // several others may have a row of it
    if (arm === undefined || taken.has(key)) return [];
    taken.add(key);
    return [{ ...row, ...named({ ...row, experiment, arm }) }];
  });
  return [...own, ...shared];
}

/** The runs of a frontier. */
interface FrontierRuns {
  /** Rows of its arms; a wide net that others learn from stands for the arm that is the same run. */
  readonly arms: readonly TableRow[];
  /** Rows of no arm: of wide nets that others learn from. */
  readonly apart: readonly TableRow[];
}

function runsOf(frontier: Frontier, results: readonly TableRow[]): FrontierRuns {
  const rows = frontierRows(frontier, results);
  const own = rows.filter(({ facts }) => facts.factors !== undefined);
  const apart = rows.filter(({ facts }) => facts.factors === undefined);
  const budgets = [...new Set(allBudgets(frontier).map(frontier.teacherBudget))];
  // wide nets that teach differ in their length alone
  const budgetOf = ({ values }: TableRow): number | undefined =>
    budgets.length === 1
      ? budgets[0]
      : budgets.find((budget) => budget !== undefined && budget * frontier.baseSteps === values.steps);
  const shown = new Set(own.map(({ arm, seed }) => `${arm} ${seed}`));
  const missing = apart.flatMap((row) => {
    const budget = budgetOf(row);
    const arm = budget === undefined ? undefined : frontier.arm(WIDE, budget);
    return arm === undefined || shown.has(`${arm} ${row.seed}`) ? [] : [{ ...row, ...named({ ...row, arm }) }];
  });
  return { arms: [...own, ...missing], apart };
}

/** The wide net that the arms of a budget learn from: runs of the arm that is the same run, or of no arm. */
function teachers(frontier: Frontier, { arms, apart }: FrontierRuns, budget: number): readonly TableRow[] {
  const own = frontier.teacherBudget(budget);
  return own === undefined ? apart : arms.filter(({ arm }) => arm === frontier.arm(WIDE, own));
}

/** The runs of a frontier. Training of the wide net counts for every arm that starts from it or learns from it. */
export function frontierPoints(frontier: Frontier, results: readonly TableRow[]): FrontierPoint[] {
  const runs = runsOf(frontier, results);
  const trainings = new Map(
    allBudgets(frontier).map((budget) => {
      const [teacher] = teachers(frontier, runs, budget);
      return [budget, teacher === undefined ? NaN : numberAt(teacher, 'gigaflops')];
    }),
  );
  return runs.arms.map((row) => {
    const { factors, label, learnsFrom } = row.facts;
    const budget = Number(factors!.budget);
    const thin = numberAt(row, 'gigaflops');
    // a run's own figure has the wide net's forward passes and its training in one
    const total = thin + numberAt(row, 'teacherGigaflops');
    const trained = learnsFrom === 'labels' ? 0 : (trainings.get(budget) ?? NaN);
    return {
      training: String(factors!.training),
      label,
      budget,
      seed: row.seed,
      accuracy: numberAt(row, 'testAccuracy'),
      cost: { thin, existing: total - trained, total },
    };
  });
}

/**
 * Mean test accuracy of the wide net from which the arms of the smallest budget learn, in percent; undefined where it
 * is not among the rows.
 */
export function teacherAccuracy(frontier: Frontier, results: readonly TableRow[]): number | undefined {
  const rows = teachers(frontier, runsOf(frontier, results), allBudgets(frontier)[0]!);
  return rows.length === 0 ? undefined : mean(rows.map((row) => numberAt(row, 'testAccuracy')));
}

/** The runs of each way of training with each budget. */
export function byTrainingAndBudget(points: readonly FrontierPoint[]): FrontierPoint[][] {
  return [...groupBy(points, ({ training, budget }) => JSON.stringify([training, budget])).values()];
}

/** The seeds that every budget of every given way of training has: the larger budgets have fewer. */
export function commonSeeds(points: readonly FrontierPoint[]): number[] {
  const arms = byTrainingAndBudget(points).map((group) => new Set(group.map(({ seed }) => seed)));
  return [...(arms[0] ?? [])].filter((seed) => arms.every((seeds) => seeds.has(seed))).sort((a, b) => a - b);
}

/** A curve: the mean accuracy at each budget against the cost, in ascending order of the cost. */
export type Curve = readonly { readonly cost: number; readonly accuracy: number }[];

/** The mean curve of one way of training against one cost. */
export function curveOf(points: readonly FrontierPoint[], training: string, cost: CostName): Curve {
  const mine = points.filter((point) => point.training === training);
  return [...groupBy(mine, ({ budget }) => budget).values()]
    .map((group) => ({ cost: group[0]!.cost[cost], accuracy: mean(group.map(({ accuracy }) => accuracy)) }))
    .sort((a, b) => a.cost - b.cost);
}

/**
 * The accuracy of a curve at a cost, linear in the logarithm of the cost; undefined outside of the curve, NaN beside a
 * point whose runs did not all give a number.
 */
export function accuracyAt(curve: Curve, cost: number): number | undefined {
  const above = curve.findIndex((point) => point.cost >= cost);
  if (above < 0 || (above === 0 && curve[0]!.cost > cost)) return undefined;
  if (above === 0) return curve[0]!.accuracy;
  const [a, b] = [curve[above - 1]!, curve[above]!];
  const share = Math.log(cost / a.cost) / Math.log(b.cost / a.cost);
  return share === 1 ? b.accuracy : a.accuracy + share * (b.accuracy - a.accuracy);
}

/** How two curves of at least one point lie to each other over the costs that both have. */
export interface Crossing {
  /** Costs at which the sign of the difference changes, each with whether the first curve is above from there on. */
  readonly at: readonly { readonly cost: number; readonly firstAbove: boolean }[];
  /** The largest leads of the first curve and of the second, in points; 0 where it never leads. */
  readonly lead: readonly [first: number, second: number];
  /** Costs that both curves have; undefined where there is none. */
  readonly range?: readonly [from: number, to: number];
  /** Where there is none, the ends of the two curves that are nearest to each other. */
  readonly apart?: readonly [first: Curve[number], second: Curve[number]];
}

/** Where two curves cross. Exact for curves that are linear between their points in the logarithm of the cost. */
export function crossing(first: Curve, second: Curve): Crossing {
  const costs = [...new Set([...first, ...second].map(({ cost }) => cost))].sort((a, b) => a - b);
  const both = costs.flatMap((cost) => {
    const [a, b] = [accuracyAt(first, cost), accuracyAt(second, cost)];
    return a === undefined || b === undefined ? [] : [{ cost, difference: a - b }];
  });
  const known = both.map(({ difference }) => difference).filter((difference) => !Number.isNaN(difference));
  const most = (sign: number): number => Math.max(0, ...known.map((difference) => sign * difference));
  return {
    at: changes(both),
    lead: [most(1), most(-1)],
    ...(both.length > 0
      ? { range: [both[0]!.cost, both.at(-1)!.cost] as const }
      : { apart: nearestEnds(first, second) }),
  };
}

interface Difference {
  readonly cost: number;
  readonly difference: number;
}

/** Where the sign of the difference changes; what lies beside an unknown one is left out. */
function changes(points: readonly Difference[]): Crossing['at'] {
  const found: Crossing['at'][number][] = [];
  /** The last point where one of the curves was above, and the last one since where they met. */
  let [before, met]: [Difference | undefined, number | undefined] = [undefined, undefined];
  for (const point of points) {
    const { cost, difference } = point;
    if (difference === 0) {
      met = cost;
      continue;
    }
    if (before !== undefined && Math.sign(before.difference) * Math.sign(difference) < 0) {
      const share = before.difference / (before.difference - difference);
      const between = Math.exp(Math.log(before.cost) + share * Math.log(cost / before.cost));
      found.push({ cost: met ?? between, firstAbove: difference > 0 });
    }
    [before, met] = [Number.isNaN(difference) ? undefined : point, undefined];
  }
  return found;
}

function nearestEnds(first: Curve, second: Curve): [Curve[number], Curve[number]] {
  return first[0]!.cost > second.at(-1)!.cost ? [first[0]!, second.at(-1)!] : [first.at(-1)!, second[0]!];
}

/** Whether a mark was reached, and if so between which budgets. */
export interface Reached {
  /** In multiples of the base steps; a bound where `is` says so. */
  readonly budget: number;
  /** `at-most`: the smallest budget is enough. `above`: the largest is not. */
  readonly is: 'at-most' | 'exactly' | 'above';
}

/**
 * The budget at which one seed's runs of one way of training first reach an accuracy, by interpolation in the logarithm
 * of the steps; NaN where it cannot be told, as a run has no accuracy.
 */
export function timeTo(points: readonly FrontierPoint[], accuracy: number): Reached {
  // where a run diverged nobody knows, be it this seed's or one of the wide net's
  if ([accuracy, ...points.map((point) => point.accuracy)].some(Number.isNaN)) return { budget: NaN, is: 'exactly' };
  const sorted = [...points].sort((a, b) => a.budget - b.budget);
  const first = sorted.findIndex((point) => point.accuracy >= accuracy);
  if (first < 0) return { budget: sorted.at(-1)!.budget, is: 'above' };
  if (first === 0) return { budget: sorted[0]!.budget, is: 'at-most' };
  const [a, b] = [sorted[first - 1]!, sorted[first]!];
  const share = (accuracy - a.accuracy) / (b.accuracy - a.accuracy);
  return { budget: a.budget * (b.budget / a.budget) ** share, is: 'exactly' };
}

/** How many of some times are bounds: the mark reached at the smallest budget already, or not at the largest. */
export function boundsIn(times: readonly Reached[]): Record<'at-most' | 'above', number> {
  const count = (kind: Reached['is']): number => times.filter(({ is }) => is === kind).length;
  return { 'at-most': count('at-most'), above: count('above') };
}

/** The mark that a frontier's times are to: this share of the wide net's accuracy. */
export const MARK = 0.95;

/** The time of each seed to {@link MARK} of the wide net's accuracy, by way of training. */
export function timesToMark(frontier: Frontier, results: readonly TableRow[]): Map<string, Map<number, Reached>> {
  const points = frontierPoints(frontier, results);
  const wide = teacherAccuracy(frontier, results);
  if (wide === undefined) return new Map();
  const seeds = new Set(commonSeeds(points));
  const mine = groupBy(
    points.filter(({ seed }) => seeds.has(seed)),
    ({ training }) => training,
  );
  return new Map(
    [...mine].map(([training, group]) => [
      training,
      new Map([...groupBy(group, ({ seed }) => seed)].map(([seed, one]) => [Number(seed), timeTo(one, MARK * wide)])),
    ]),
  );
}

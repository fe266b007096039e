/** Claims about frontiers: how three stages, their rivals and the deeper net stand over budgets, costs and time. */
import {
  allBudgets,
  lastBudgets,
  waysOf,
  type Frontier as AnyFrontier,
  type FrontierClaims,
} from '../../experiments/frontier.js';
import { mean, tInterval, type Interval } from '../../src/core/stats.js';
import {
  accuracyAt,
  boundsIn,
  commonSeeds,
  curveOf,
  frontierPoints,
  frontierRows,
  MARK,
  timesToMark,
  type CostName,
  type FrontierPoint,
  type Reached,
} from '../data/frontier.js';
import type { TableRow } from '../data/rows.js';
import { armBeats, RIVAL, type Precondition } from './arms.js';
import type { Claim } from './claim.js';
import { logit } from './logit.js';
import { pairedDifferences } from './paired.js';
import { allHold, byInterval, type Judgement } from './rules.js';
import { ABSTRACT } from './sources.js';
import { errorRate, formatInterval, formatNumber, MIN_SEEDS, positive, within, type Outcome } from './verdict.js';

/** A frontier whose claims are declared. */
type Frontier = AnyFrontier & { readonly claims: FrontierClaims };

const TWO_BUDGETS =
  'arXiv 2606.14150, of pruned language models: a pruned start wins at equal tokens, training from scratch at the ' +
  'pipeline’s total cost matches or beats it';

/** Points by which direct training at the total cost may be below and still count as matching. */
const MATCHES = 1;

const at = (points: readonly FrontierPoint[], training: string, budget: number): Map<number, FrontierPoint> =>
  new Map(
    points
      .filter((point) => point.training === training && point.budget === budget)
      .map((point) => [point.seed, point]),
  );

/** Direct training at some cost: its accuracy on a scale, and whether it was run at so large a cost. */
interface AtCost {
  readonly value: number;
  readonly isReached: boolean;
}

/**
 * Direct training of one seed at a cost, by a straight line between the two nearest runs in the logarithm of the cost;
 * its dearest run where it was not run at so large a cost. Undefined below its cheapest run.
 */
function directAt(
  points: readonly FrontierPoint[],
  seed: number,
  cost: number,
  scale: (percent: number) => number,
): AtCost | undefined {
  const scaled = points
    .filter((point) => point.seed === seed)
    .map((point) => ({ ...point, accuracy: scale(point.accuracy) }));
  const curve = curveOf(scaled, 'direct', 'thin');
  const value = accuracyAt(curve, cost);
  if (value !== undefined) return { value, isReached: true };
  const dearest = curve.at(-1);
  return dearest === undefined || cost < dearest.cost ? undefined : { value: dearest.accuracy, isReached: false };
}

/** How far one way of training is above direct training of the same cost. */
export interface LeadAtCost {
  /** The mean over {@link budgets}, one for each seed. */
  readonly leads: readonly number[];
  readonly budgets: readonly number[];
  /**
   * Whether direct training was run at these costs. Where it was at none of them, its dearest run stands there, so that
   * the leads are bounds from above.
   */
  readonly isReached: boolean;
  /** Budgets that are left out, as direct training was not run at their cost. */
  readonly leftOut: readonly number[];
  /** The mean over all budgets, with the dearest run of direct training where it was not run at the cost: a bound. */
  readonly atMost: readonly number[];
}

/**
 * For each seed, how far one way of training is above direct training of the same cost, on the logit scale or in
 * points: the mean over the budgets at whose cost direct training was run.
 */
export function leadAtCost(
  points: readonly FrontierPoint[],
  training: string,
  cost: CostName,
  scale: (percent: number) => number,
  only: readonly number[] = [...new Set(points.map(({ budget }) => budget))],
): LeadAtCost {
  const seeds = commonSeeds(points);
  const found = only.flatMap((budget) => {
    const own = at(points, training, budget);
    const bySeed = seeds.flatMap((seed) => {
      const mine = own.get(seed);
      const direct = mine === undefined ? undefined : directAt(points, seed, mine.cost[cost], scale);
      return mine === undefined || direct === undefined
        ? []
        : [{ lead: scale(mine.accuracy) - direct.value, isReached: direct.isReached }];
    });
    const isReached = bySeed.every((one) => one.isReached);
    return bySeed.length < seeds.length ? [] : [{ budget, leads: bySeed.map(({ lead }) => lead), isReached }];
  });
  const reached = found.filter((one) => one.isReached);
  const used = reached.length > 0 ? reached : found;
  const meanOver = (some: typeof found): number[] =>
    some.length === 0 ? [] : seeds.map((_, i) => mean(some.map(({ leads }) => leads[i]!)));
  return {
    leads: meanOver(used),
    atMost: meanOver(found),
    budgets: used.map(({ budget }) => budget),
    isReached: reached.length > 0,
    leftOut: found.filter((one) => !used.includes(one)).map(({ budget }) => budget),
  };
}

/** What is said of costs at which direct training was not run. */
function beyondText({ isReached, leftOut }: LeadAtCost): string {
  if (!isReached) return '; direct training was run at none of these costs: its dearest run stands there';
  return leftOut.length === 0
    ? ''
    : `; left out, as direct training was not run at that cost: ${leftOut.map((budget) => `x${budget}`).join(', ')}`;
}

/** What the leads decide; where budgets are left out, with what is known of them. */
function judgeLeads(found: LeadAtCost, inPoints: LeadAtCost): Judgement {
  const said = (leads: readonly number[], points: readonly number[]): string =>
    `${formatNumber(mean(points), 2)} points; log odds ${formatInterval(tInterval(leads), 2)}`;
  const evidence = said(found.leads, inPoints.leads) + beyondText(found);
  const judgedBy = (leads: readonly number[]): Judgement => byInterval(() => tInterval(leads), positive)([]);
  if (!found.isReached || found.leftOut.length === 0) return { ...judgedBy(found.leads), evidence };
  const parts = [found.leads, found.atMost].map((leads) => ({ p: 1, ...judgedBy(leads) }));
  return {
    ...allHold(parts, `${evidence}; with its dearest run there at most ${said(found.atMost, inPoints.atMost)}`),
    seeds: found.leads.length,
  };
}

const same = (value: number): number => value;

/** The part of a claim that says where it stands. */
const placed = (
  { claims, name }: Frontier,
  question: string,
): Required<Pick<Claim, 'question' | 'setting' | 'figure'>> => ({ question, setting: claims.setting, figure: name });

function costClaim(frontier: Frontier, id: string, cost: 'existing' | 'total', statement: string): Claim {
  const leadsOf = (rows: readonly TableRow[], scale: (percent: number) => number): LeadAtCost =>
    leadAtCost(frontierPoints(frontier, rows), 'three-stage', cost, scale);
  const counted =
    cost === 'total'
      ? 'the wide net’s forward passes and its training included'
      : 'the wide net’s forward passes included';
  return {
    id,
    statement,
    ...placed(
      frontier,
      cost === 'total'
        ? 'Over the budgets, three stages beat direct training of the same total cost'
        : 'Over the budgets, three stages beat direct training of the same cost, the wide net given',
    ),
    source: RIVAL,
    rule:
      'Test accuracy of three stages less that of direct training that takes as many floating-point operations ' +
      `(${counted}), on the logit scale, paired by seed, mean over the budgets, 95 % t-interval: supported above 0, ` +
      'not supported below 0, else inconclusive. Between two runs direct training is interpolated, linearly in the ' +
      'logarithm of the cost; budgets dearer than its dearest run are left out. “Supported” asks, too, that the mean ' +
      'over all budgets lies above 0 with that run, which costs less, at those that are left out: their leads are at ' +
      'most as large; below 0 it says “not supported”. If all budgets are dearer, only that can be decided.',
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      return leadsOf(mine, same).leads.length === 0 ? [] : mine;
    },
    judge: (rows) => {
      const found = leadsOf(rows, logit);
      const judgement = judgeLeads(found, leadsOf(rows, same));
      return found.isReached || judgement.outcome === 'not supported'
        ? judgement
        : { outcome: 'inconclusive', evidence: `cannot be decided: ${judgement.evidence}`, seeds: found.leads.length };
    },
  };
}

/** What is known of the times to a mark of direct training and of three stages. */
interface Worth {
  /** log2 of the budget of direct training over that of three stages, one for each seed. */
  readonly ratios: readonly number[];
  /** Why they say nothing: no run of either is on the other side of the mark. Undefined where they do. */
  readonly why: string | undefined;
  /** Runs that reach the mark at the smallest budget, or not at the largest: their budgets are bounds. */
  readonly bounds: Readonly<Record<'direct' | 'staged', ReturnType<typeof boundsIn>>>;
}

/** Words for budgets that are bounds: whether the ratio is one, and of which runs. */
function boundText(
  { direct, staged }: Worth['bounds'],
  seeds: number,
): { readonly atLeastOrMost: string; readonly runs: string } {
  const [larger, smaller] = [staged['at-most'] + direct.above, staged.above + direct['at-most']];
  const words: [count: number, text: string][] = [
    [staged['at-most'], 'runs of three stages reach it at the smallest budget'],
    [staged.above, 'runs of three stages do not reach it'],
    [direct['at-most'], 'direct runs reach it at the smallest budget'],
    [direct.above, 'direct runs do not reach it'],
  ];
  const runs = words.filter(([count]) => count > 0).map(([count, text]) => `; ${count} of ${seeds} ${text}`);
  return {
    atLeastOrMost: larger > 0 && smaller === 0 ? 'at least ' : larger === 0 && smaller > 0 ? 'at most ' : '',
    runs: runs.join(''),
  };
}

function worthOf(frontier: Frontier, rows: readonly TableRow[]): Worth {
  const times = timesToMark(frontier, rows);
  const [direct, staged] = [times.get('direct'), times.get('three-stage')];
  const pairs = [...(direct ?? [])].flatMap(([seed, own]) => {
    const other = staged?.get(seed);
    return other === undefined ? [] : [[own, other] as const];
  });
  const all = (is: Reached['is']): boolean => pairs.flat().every((time) => time.is === is);
  const why = all('above')
    ? 'no run of either reaches the mark'
    : all('at-most')
      ? 'the smallest budget is enough for both'
      : undefined;
  return {
    ratios: pairs.map(([own, other]) => Math.log2(own.budget / other.budget)),
    why,
    bounds: { direct: boundsIn(pairs.map(([own]) => own)), staged: boundsIn(pairs.map(([, other]) => other)) },
  };
}

function worthClaim(frontier: Frontier): Claim {
  return {
    id: `${frontier.name}-worth`,
    statement:
      `${frontier.claims.where}, a wide net that exists already saves thin steps: three stages reach ${100 * MARK} % of its ` +
      'accuracy with a smaller budget than direct training.',
    ...placed(frontier, 'A wide net that exists already saves thin steps'),
    source: RIVAL,
    rule:
      `log2 of the steps that direct training takes to ${100 * MARK} % of the wide net’s mean test accuracy over ` +
      'those of three stages, imitation included, one for each seed, 95 % t-interval: supported above 0, not ' +
      'supported below 0, else inconclusive. Between two budgets steps are interpolated; a mark that the largest ' +
      'budget does not reach counts as reached there, one that the smallest reaches as reached there. Where that holds ' +
      'of every run of both, nothing is decided.',
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      return worthOf(frontier, mine).ratios.length === 0 ? [] : mine;
    },
    judge: (rows) => {
      const { ratios, why, bounds } = worthOf(frontier, rows);
      if (why !== undefined)
        return { outcome: 'inconclusive', evidence: `cannot be decided, as ${why}`, seeds: ratios.length };
      const judgement = byInterval(() => tInterval(ratios), positive, 2)(rows);
      const ratio = 2 ** mean(ratios);
      const { atLeastOrMost, runs } = boundText(bounds, ratios.length);
      const factor = `a factor of ${atLeastOrMost}${formatNumber(ratio, 1)}`;
      return { ...judgement, evidence: `${factor}; log2 ${judgement.evidence}${runs}` };
    },
  };
}

/** The two-budget pattern: both halves have to hold, each by its own interval. */
function twoBudgetsClaim(frontier: Frontier): Claim {
  const smallest = allBudgets(frontier)[0]!;
  const equalSteps = (points: readonly FrontierPoint[], scale: (percent: number) => number): number[] => {
    const [own, direct] = [at(points, 'selected-kl', smallest), at(points, 'direct', smallest)];
    return [...own].flatMap(([seed, { accuracy }]) => {
      const other = direct.get(seed);
      return other === undefined ? [] : [scale(accuracy) - scale(other.accuracy)];
    });
  };
  const equalCost = (points: readonly FrontierPoint[]): LeadAtCost =>
    leadAtCost(points, 'selected-kl', 'total', same, [smallest]);
  return {
    id: `${frontier.name}-two-budgets`,
    statement:
      `${frontier.claims.where}, the two-budget pattern holds: at the base steps a start from the wide net’s channels with KL ` +
      'is better than direct training, and at the same total cost direct training matches or beats it.',
    ...placed(frontier, 'A pruned start wins at equal steps, direct training at equal total cost'),
    source: TWO_BUDGETS,
    rule:
      `Two 95 % t-intervals, paired by seed: selected channels + KL less direct training at budget ${smallest}, on ` +
      'the logit scale; and direct training that costs as much in all less selected channels + KL at budget ' +
      `${smallest}, in points. Supported when the first lies above 0 and the second above −${MATCHES}, not supported ` +
      `when the first lies below 0 or the second below −${MATCHES}, else inconclusive. Where direct training was not ` +
      'run at so large a cost its dearest run stands there, and the second half can only hold.',
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      const points = frontierPoints(frontier, mine);
      return equalSteps(points, same).length === 0 || equalCost(points).leads.length === 0 ? [] : mine;
    },
    judge: (rows): Judgement => {
      const points = frontierPoints(frontier, rows);
      const found = equalCost(points);
      const [steps, cost] = [tInterval(equalSteps(points, logit)), tInterval(found.leads.map((lead) => -lead))];
      const matches = (interval: Interval): Outcome => {
        const outcome = within(interval, -MATCHES, Infinity);
        return outcome === 'not supported' && !found.isReached ? 'inconclusive' : outcome;
      };
      const evidence =
        `at equal steps ${formatNumber(mean(equalSteps(points, same)), 1)} points, log odds ` +
        `${formatInterval(steps, 2)}; at equal total cost direct training ${formatInterval(cost, 1)} points above` +
        beyondText(found);
      return allHold(
        [
          { outcome: positive(steps), p: errorRate(steps, positive) ?? 1 },
          { outcome: matches(cost), p: errorRate(cost, matches) ?? 1 },
        ],
        evidence,
      );
    },
  };
}

/** Points of a doubling of its steps below which direct training counts as converged. */
const CONVERGED = 1;

/**
 * That direct training has converged where claims about convergence are made, and that what three stages are ahead is
 * not about to go. Paired by seed, as the larger budgets may have fewer.
 */
function hasConverged(frontier: Frontier, budgets: readonly [before: number, last: number]): Precondition {
  const { experiment } = frontier;
  const { key } = experiment.metric!;
  const [direct, three] = ['direct', 'three-stage'].map((way) =>
    budgets.map((budget) => frontier.arm(way, budget)),
  ) as [string[], string[]];
  const [before, last] = budgets;
  const doublings = Math.log2(last / before);
  const bySeed = (rows: readonly TableRow[], arms: readonly [string, string]): Map<number, number> =>
    new Map(pairedDifferences(rows, ...arms, key).map(({ seed, difference }) => [seed, difference]));
  return {
    rule:
      `Direct training has to have converged: to gain certainly less than ${CONVERGED} point by each doubling of its ` +
      `steps from ${before} to ${last} times the base steps, by its 95 % t-interval; and what three stages are ahead ` +
      'has to be certainly more than what they lost of it by the last doubling, as much as is still to be lost if ' +
      'each doubling takes half of what the one before took; else nothing is decided. Where they are behind, only the ' +
      'first is asked.',
    arms: [...direct, ...three],
    why: (rows) => {
      const gains = [...bySeed(rows, [direct[1]!, direct[0]!]).values()];
      if (gains.length === 0) return `direct training was not run at ${before} times the base steps`;
      const gain = tInterval(gains.map((difference) => difference / doublings));
      if (gain.n < MIN_SEEDS || gain.high >= CONVERGED)
        return (
          'direct training has not converged: by each doubling of its steps it gains ' +
          `${formatInterval(gain, 1)}, from x${before} to x${last}`
        );
      const lead = bySeed(rows, [three[1]!, direct[1]!]);
      // a lead that is none has nothing to lose; its sign is that of the scale on which the claim is decided
      if (mean(pairedDifferences(rows, three[1]!, direct[1]!, key, logit).map(({ difference }) => difference)) <= 0)
        return undefined;
      const earlier = bySeed(rows, [three[0]!, direct[0]!]);
      if (earlier.size === 0) return `three stages were not run at ${before} times the base steps`;
      const left = tInterval(
        [...lead].flatMap(([seed, now]) => {
          const then = earlier.get(seed);
          return then === undefined ? [] : [now - Math.max(0, then - now) / doublings];
        }),
      );
      if (left.n >= MIN_SEEDS && left.low > 0) return undefined;
      return (
        `three stages are ahead by ${formatNumber(mean([...earlier.values()]), 2)} points at x${before} and by ` +
        `${formatNumber(mean([...lead.values()]), 2)} at x${last}; once as much is lost as by the last doubling, ` +
        `${formatInterval(left, 2)} are left`
      );
    },
  };
}

/** The claims about one frontier, in the order of the page; none where it declares none. */
export function frontierClaims(declared: AnyFrontier): Claim[] {
  const { claims } = declared;
  if (claims === undefined) return [];
  const frontier: Frontier = { ...declared, claims };
  const { name, experiment } = frontier;
  const budgets = lastBudgets(frontier);
  const most = budgets[1];
  const { where } = claims;
  const [three, direct] = [frontier.arm('three-stage', most), frontier.arm('direct', most)];
  return [
    armBeats({
      experiment,
      id: `${name}-convergence`,
      statement: `${where}, at convergence the thin net of three stages is more accurate than the same net trained directly.`,
      ...placed(frontier, 'At convergence, three stages beat direct training of the same net'),
      ...{ kind: 'paper', source: ABSTRACT.convergence },
      arms: [three, direct],
      asks: hasConverged(frontier, budgets),
    }),
    armBeats({
      experiment,
      id: `${name}-thin-cost`,
      statement:
        `${where}, after ${most} times the base steps, the most that was run, the thin net of three stages is more ` +
        'accurate than the same net trained directly.',
      ...placed(frontier, 'After the longest training that was run, three stages beat direct training of the same net'),
      source: RIVAL,
      arms: [three, direct],
    }),
    armBeats({
      experiment,
      id: `${name}-deeper`,
      statement:
        `${where}, after ${most} times the base steps, the most that was run, the thin net of three stages is more ` +
        'accurate than the deeper net trained directly.',
      ...placed(frontier, 'After the longest training that was run, three stages beat the deeper net'),
      source: RIVAL,
      arms: [three, frontier.arm('deeper', most)],
      smaller: direct,
    }),
    costClaim(
      frontier,
      `${name}-existing-cost`,
      'existing',
      `${where}, with a wide net that exists already, three stages are more accurate than direct training of the same ` +
        'cost, on average over the budgets at whose cost it was run.',
    ),
    costClaim(
      frontier,
      `${name}-total-cost`,
      'total',
      `${where}, with a wide net that has to be trained, three stages are more accurate than direct training of the ` +
        'same total cost, on average over the budgets at whose cost it was run.',
    ),
    worthClaim(frontier),
    ...('selected-kl' in waysOf(frontier) ? [twoBudgetsClaim(frontier)] : []),
  ];
}

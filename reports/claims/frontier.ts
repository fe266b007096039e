/** Claims at convergence: how three stages, their rivals and the deeper net stand where training is long enough. */
import {
  allBudgets,
  frontierArm,
  lastBudget,
  type Frontier as AnyFrontier,
  type FrontierClaims,
} from '../../experiments/frontier.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { mean, tInterval } from '../../src/core/stats.js';
import {
  commonSeeds,
  frontierPoints,
  frontierRows,
  MARK,
  timesToMark,
  type CostName,
  type FrontierPoint,
} from '../data/frontier.js';
import type { TableRow } from '../data/rows.js';
import { armBeats, RIVAL } from './arms.js';
import type { Claim } from './claim.js';
import { logit } from './logit.js';
import { byInterval, type Judgement } from './rules.js';
import { ABSTRACT } from './sources.js';
import { formatInterval, formatNumber, positive, within } from './verdict.js';

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

/** Direct training with the largest budget that costs no more, of the same seed; undefined where there is none. */
function directWithin(points: readonly FrontierPoint[], seed: number, cost: number): FrontierPoint | undefined {
  return points
    .filter((point) => point.training === 'direct' && point.seed === seed && point.cost.thin <= cost)
    .reduce<FrontierPoint | undefined>(
      (best, point) => (best === undefined || point.budget > best.budget ? point : best),
      undefined,
    );
}

/**
 * For each seed, how far one way of training is above direct training of no larger cost, on the logit scale or in
 * points: the mean over the budgets.
 */
export function leadAtCost(
  points: readonly FrontierPoint[],
  training: string,
  cost: CostName,
  scale: (percent: number) => number,
  budgets: readonly number[] = [...new Set(points.map(({ budget }) => budget))],
): number[] {
  const seeds = commonSeeds(points);
  return seeds.flatMap((seed) => {
    const leads = budgets.flatMap((budget) => {
      const own = at(points, training, budget).get(seed);
      const direct = own === undefined ? undefined : directWithin(points, seed, own.cost[cost]);
      return own === undefined || direct === undefined ? [] : [scale(own.accuracy) - scale(direct.accuracy)];
    });
    return leads.length === 0 ? [] : [mean(leads)];
  });
}

const same = (value: number): number => value;

/** The part of a claim that says where it stands. */
const placed = (
  { claims, name }: Frontier,
  question: string,
): Required<Pick<Claim, 'question' | 'setting' | 'figure'>> => ({ question, setting: claims.setting, figure: name });

function costClaim(frontier: Frontier, id: string, cost: 'existing' | 'total', statement: string): Claim {
  const leads = (rows: readonly TableRow[], scale: (percent: number) => number): number[] =>
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
        ? 'At every budget, three stages beat direct training of the same total cost'
        : 'At every budget, three stages beat direct training of the same cost, the wide net given',
    ),
    source: RIVAL,
    rule:
      'Test accuracy of three stages less that of direct training with the largest budget that costs no more ' +
      `floating-point operations (${counted}), on the logit scale, paired by seed, mean over the budgets, 95 % ` +
      't-interval: supported above 0, not supported below 0, else inconclusive. Direct training is not asked for ' +
      'more than the largest budget, so that it may cost less.',
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      return leads(mine, same).length === 0 ? [] : mine;
    },
    judge: (rows) => {
      const judgement = byInterval((mine) => tInterval(leads(mine, logit)), positive, 2)(rows);
      const evidence = `${formatNumber(mean(leads(rows, same)), 2)} points; log odds ${judgement.evidence}`;
      return { ...judgement, evidence };
    },
  };
}

/** log2 of the budget that direct training takes to the mark over that of three stages, one for each seed. */
function worthOf(frontier: Frontier, rows: readonly TableRow[]): number[] {
  const times = timesToMark(frontier, rows);
  const [direct, staged] = [times.get('direct'), times.get('three-stage')];
  if (direct === undefined || staged === undefined) return [];
  return [...direct].flatMap(([seed, { budget }]) => {
    const other = staged.get(seed);
    return other === undefined ? [] : [Math.log2(budget / other.budget)];
  });
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
      'budget does not reach counts as reached there, one that the smallest reaches as reached there.',
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      return worthOf(frontier, mine).length === 0 ? [] : mine;
    },
    judge: (rows) => {
      const judgement = byInterval((mine) => tInterval(worthOf(frontier, mine)), positive, 2)(rows);
      const ratio = 2 ** mean(worthOf(frontier, rows));
      return { ...judgement, evidence: `a factor of ${formatNumber(ratio, 1)}; log2 ${judgement.evidence}` };
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
  const equalCost = (points: readonly FrontierPoint[]): number[] =>
    leadAtCost(points, 'selected-kl', 'total', same, [smallest]).map((lead) => -lead);
  return {
    id: `${frontier.name}-two-budgets`,
    statement:
      `${frontier.claims.where}, the two-budget pattern holds: at the base steps a start from the wide net’s channels with KL ` +
      'is better than direct training, and at the same total cost direct training matches or beats it.',
    ...placed(frontier, 'A pruned start wins at equal steps, direct training at equal total cost'),
    source: TWO_BUDGETS,
    rule:
      `Two 95 % t-intervals, paired by seed: selected channels + KL less direct training at budget ${smallest}, on ` +
      'the logit scale; and direct training, with the largest budget that costs no more in all, less selected ' +
      `channels + KL at budget ${smallest}, in points. Supported when the first lies above 0 and the second above ` +
      `−${MATCHES}, not supported when the first lies below 0 or the second below −${MATCHES}, else inconclusive.`,
    experiment: frontier.experiment,
    rows: ({ results }) => {
      const mine = frontierRows(frontier, results);
      const points = frontierPoints(frontier, mine);
      return equalSteps(points, same).length === 0 || equalCost(points).length === 0 ? [] : mine;
    },
    judge: (rows): Judgement => {
      const points = frontierPoints(frontier, rows);
      const [steps, cost] = [tInterval(equalSteps(points, logit)), tInterval(equalCost(points))];
      const outcomes = [positive(steps), within(cost, -MATCHES, Infinity)];
      const outcome = outcomes.every((one) => one === 'supported')
        ? 'supported'
        : outcomes.includes('not supported')
          ? 'not supported'
          : 'inconclusive';
      const evidence =
        `at equal steps ${formatNumber(mean(equalSteps(points, same)), 1)} points, log odds ` +
        `${formatInterval(steps, 2)}; at equal total cost direct training ${formatInterval(cost, 1)} points above`;
      return { outcome, evidence };
    },
  };
}

/** Claims that ask for direct training that goes on for as long as it gains. */
function convergedClaims(frontier: Frontier): Claim[] {
  return [
    costClaim(
      frontier,
      `${frontier.name}-total-cost`,
      'total',
      `${frontier.claims.where}, with a wide net that has to be trained, three stages are more accurate than direct ` +
        'training of the same total cost.',
    ),
    worthClaim(frontier),
    twoBudgetsClaim(frontier),
  ];
}

/** The claims about one frontier, in the order of the page; none where it declares none. */
export function frontierClaims(declared: AnyFrontier): Claim[] {
  const { claims } = declared;
  if (claims === undefined) return [];
  const frontier: Frontier = { ...declared, claims };
  const { name, experiment } = frontier;
  const { budget: most, isConverged } = lastBudget(frontier);
  const smallest = allBudgets(frontier)[0]!;
  const when = isConverged
    ? `at convergence (${most} times the base steps)`
    : `after ${most} times the base steps, where direct training still gains,`;
  const asked = isConverged ? 'At convergence' : 'Short of convergence';
  // the paper trains to convergence: less is a control of this project
  const origin = isConverged ? { kind: 'paper' as const, source: ABSTRACT.convergence } : { source: RIVAL };
  return [
    armBeats({
      experiment,
      id: `${name}-thin-cost`,
      statement:
        `${frontier.claims.where}, ${when} the thin net of three stages is more accurate than the same net trained ` +
        'directly.',
      ...placed(frontier, `${asked}, three stages beat direct training of the same net`),
      ...origin,
      arms: [frontierArm('three-stage', most), frontierArm('direct', most)],
    }),
    armBeats({
      experiment,
      id: `${name}-deeper`,
      statement:
        `${frontier.claims.where}, ${when} the thin net of three stages is more accurate than the deeper net trained ` +
        'directly.',
      ...placed(frontier, `${asked}, three stages beat the deeper net`),
      ...origin,
      arms: [frontierArm('three-stage', most), frontierArm('deeper', most)],
      smaller: frontierArm('deeper', smallest),
    }),
    costClaim(
      frontier,
      `${name}-existing-cost`,
      'existing',
      `${frontier.claims.where}, with a wide net that exists already, three stages are more accurate than direct training ` +
        'of the same cost.',
    ),
    ...(isConverged ? convergedClaims(frontier) : []),
  ];
}

/** The claims about every frontier. */
export const FRONTIER_CLAIMS: readonly Claim[] = Object.values(FRONTIERS).flatMap(frontierClaims);

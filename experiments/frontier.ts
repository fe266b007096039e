/**
 * The frontier: what accuracy each way of training a thin net reaches with 1, 2, 4, ... times its base steps, from far
 * too few towards convergence. The paper trains until convergence, which the comparisons at one number of steps do not
 * test; whether the longest runs have converged is read from their results.
 * Two budgets decide as in arXiv 2606.14150: equal steps of the thin net, and equal cost of the whole pipeline.
 * Run: `gowide frontier resnet-hierarchy --scale laptop` (its plan says the cost first). Results:
 * reports/results/frontier-hierarchy.laptop.md.
 *
 * Every budget has the same arms, unless its declaration leaves the longest to a few. The wide net that they learn from
 * is that of the experiment at scale laptop, or one that the declaration trains longer, the same at every budget unless
 * it is to be trained no shorter than the thin ones; the arm `wide` is itself trained for the budget's steps.
 * Each arm is tuned at some of the budgets (`gowide frontier EXPERIMENT --tune`), and takes the rate of the nearest of
 * them at the others, and so it is with the share of the steps that imitates.
 */
import {
  cellsOf,
  type Arm,
  type ArmFacts,
  type Experiment,
  type Scale,
  type TuningGrid,
} from '../src/core/experiment.js';
import { listed, unknownName, UsageError } from '../src/core/errors.js';
import { checkMembers } from '../src/core/registry.js';
import { hashOf, type Json } from '../src/core/json.js';
import { cellId } from '../src/core/run.js';
import { requiredCells, TRAIN_KIND } from '../src/method/run/required.js';
import type { RecipeSpec, TrainSpec } from '../src/method/spec/spec.js';
import { armOf, LABELS, rateOf, wideArm, type Rates, type Setting } from './arms.js';
import { byScale, checkCount, checkWord } from './checks.js';
import { TEST_ACCURACY } from './metrics.js';
import { atSteps } from '../src/method/spec/recipe-steps.js';

/** What was tuned at one budget: peak rates of each arm's training and of imitation by gradient, and its share. */
export interface BudgetRates {
  readonly rates: Rates;
  readonly imitation: number;
  /** Share of the steps that imitates; what {@link FrontierDeclaration.setting} has unless given. */
  readonly share?: number;
}

/** What is declared at one scale. */
export interface FrontierSize {
  /** Multiples of the base steps, in ascending order. */
  readonly budgets: readonly number[];
  readonly seeds: number;
  /** The most seeds of the budgets above `above`: one run there costs as much as all those of smaller ones together. */
  readonly fewer?: { readonly above: number; readonly seeds: number };
  /** Ways of training that budgets above `above` have, where they have not all. */
  readonly only?: { readonly above: number; readonly ways: readonly string[] };
}

/** Whether a frontier works at all. */
export const TWO_BUDGETS: FrontierSize = { budgets: [1, 2], seeds: 3 };
/** From far too few steps towards convergence. */
export const ALL_BUDGETS: FrontierSize = {
  budgets: [1, 2, 4, 8, 16, 32],
  seeds: 10,
  fewer: { above: 8, seeds: 5 },
};

/** What the claims of a frontier are about. */
export interface FrontierClaims {
  readonly setting: string;
  /** Which nets or data, as a sentence begins: `On strings`, `In plain nets`. */
  readonly where: string;
}

/** A way of training: its facts, and its spec with the nets of a setting. */
export interface FrontierWay extends ArmFacts {
  readonly label: string;
  readonly spec: (setting: Setting) => TrainSpec;
}

/** The frontier of one experiment's nets, declared. */
export interface FrontierDeclaration {
  /** The experiment that the nets and the data are those of. */
  readonly of: Experiment;
  readonly name: string;
  readonly title: string;
  /** Its nets, as a sentence begins; those of the experiment unless given. */
  readonly nets?: string;
  /** What commands call it: the name of the experiment unless given, of which there may then be several. */
  readonly key?: string;
  /**
   * Its claims: their column of the matrix of verdicts, and which nets or data they are about. None before its
   * arms are tuned: a claim is fixed before the runs that decide it, and asks for rivals that are tuned.
   */
  readonly claims?: FrontierClaims;
  /** Ways of training by name, in the order in which figures show them; {@link FRONTIER_WAYS} unless given. */
  readonly ways?: Readonly<Record<string, FrontierWay>>;
  /** Steps of the thin net at budget 1. */
  readonly baseSteps: number;
  readonly sizes: Readonly<Partial<Record<Scale, FrontierSize>>>;
  readonly tuning: TuningGrid;
  /** Budgets at which `--tune` tunes; those of {@link rates} unless given. */
  readonly tunedAt?: readonly number[];
  /** The tuned rates, by the budget at which they were tuned; a note in docs/notes has the accuracies. */
  readonly rates: Readonly<Record<number, BudgetRates>>;
  /** The nets and data with thin nets of so many steps, a part of them imitation; a deeper net among them. */
  readonly setting: (steps: number, rates: BudgetRates) => Setting;
}

/** A frontier as commands, claims and figures use it. */
export interface Frontier extends FrontierDeclaration {
  /** Its runs as an experiment of its own. */
  readonly experiment: Experiment;
  /**
   * The budget of the wide net's own arm that is the very run from which the arms of a budget learn; undefined where
   * none is. Such a run is kept once, under either name.
   */
  readonly teacherBudget: (budget: number) => number | undefined;
  /** The name of the arm that trains in one way with one budget. */
  readonly arm: (training: string, budget: number) => string;
}

/** Ways of training for nets of which channels can be selected, in the order in which figures show them. */
export const FRONTIER_WAYS: Readonly<Record<string, FrontierWay>> = {
  direct: {
    label: 'direct',
    learnsFrom: 'labels',
    spec: (setting) => armOf(setting, 'direct', { objective: LABELS }),
  },
  deeper: {
    label: 'deeper net, direct',
    learnsFrom: 'labels',
    spec: (setting) => armOf(setting, 'deeper', { objective: LABELS, network: setting.deeper! }),
  },
  kd: { label: 'KD', learnsFrom: 'outputs', spec: (setting) => armOf(setting, 'kd', {}) },
  'selected-kl': {
    label: 'selected + KL',
    learnsFrom: 'outputs',
    spec: (setting) => armOf(setting, 'selected-kl', { start: 'selected' }),
  },
  'closed-form': {
    label: 'closed form, then KL',
    learnsFrom: 'layers',
    spec: (setting) =>
      armOf(setting, 'closed-form', { start: 'selected', imitation: { by: 'ridge', images: 600, ridge: 1e-3 } }),
  },
  'three-stage': {
    label: 'three stages',
    learnsFrom: 'layers',
    spec: (setting) => armOf(setting, 'three-stage', { start: 'shared', imitation: setting.imitation }),
  },
  wide: { label: 'wide net', learnsFrom: 'labels', reference: true, spec: wideArm },
};

/** The ways of training of a frontier. */
export function waysOf({ ways = FRONTIER_WAYS }: Pick<FrontierDeclaration, 'ways'>): Record<string, FrontierWay> {
  return ways;
}

function frontierArm(training: string, budget: number): string {
  return `${training} x${budget}`;
}

/**
 * The tuned budget whose rates hold at a budget: the nearest in ratio, the larger of two that are as near, as shorter
 * runs tell rates apart less well.
 */
export function nearestBudget(tuned: readonly number[], budget: number): number {
  const distance = (one: number): number => Math.abs(Math.log(one / budget));
  return [...tuned].sort((a, b) => b - a).reduce((best, one) => (distance(one) < distance(best) - 1e-9 ? one : best));
}

/** The name by which commands know a frontier. */
export function keyOf({ key, of }: Pick<FrontierDeclaration, 'key' | 'of'>): string {
  return key ?? of.name;
}

/** The budgets at which `--tune` tunes the arms of a frontier. */
export function budgetsToTune(declaration: FrontierDeclaration): readonly number[] {
  return declaration.tunedAt ?? tunedBudgets(declaration);
}

/** The budgets for which the arms of a frontier have rates. */
function tunedBudgets({ rates }: Pick<FrontierDeclaration, 'rates'>): number[] {
  return Object.keys(rates)
    .map(Number)
    .sort((a, b) => a - b);
}

/** The way of training that is the wide net's own; its length is the budget's, too. */
export const WIDE = 'wide';

/** Ways of training that every frontier has: the one that the others are compared with, and the wide net's own. */
const NEEDED = ['direct', WIDE];
/** Those that its claims are about. */
const CLAIMED = ['three-stage', 'deeper'];

/** Throws UsageError where no budget is left to a few ways alone, one of them is unknown, or a needed one lacks. */
function checkOnly(
  what: string,
  only: NonNullable<FrontierSize['only']>,
  budgets: readonly number[],
  known: readonly string[],
  needed: readonly string[],
): void {
  checkMembers(what, only, { above: 'number', ways: 'array' });
  const { above, ways } = only;
  if (!budgets.slice(0, -1).includes(above))
    throw new UsageError(
      `${what}: above: expected a budget that others follow, ${listed(budgets.slice(0, -1).map(String))}, got ${above}`,
    );
  for (const way of ways)
    if (!known.includes(way)) throw new UsageError(`${what}: ${unknownName('way of training', way, known).message}`);
  const missing = needed.find((way) => !ways.includes(way));
  if (missing !== undefined)
    throw new UsageError(`${what}: ways: expected "${missing}" among them, as the last budget is compared by it`);
}

/**
 * Throws UsageError, which names the frontier and what was expected, where budgets, steps, seeds, rates or ways of
 * training are missing or none.
 */
export function checkDeclaration(declaration: FrontierDeclaration): void {
  checkMembers('frontier', declaration, {
    ...{ of: 'object', name: 'string', title: 'string', baseSteps: 'number' },
    ...{ sizes: 'object', tuning: 'object', rates: 'object', setting: 'function' },
  });
  const { name, key, baseSteps, sizes, tuning, rates, claims } = declaration;
  checkWord('frontier: name', name);
  const what = `frontier "${name}"`;
  if (key !== undefined) checkWord(`${what}: key`, key);
  checkCount(`${what}: baseSteps`, baseSteps);
  const needed = [...NEEDED, ...(claims === undefined ? [] : CLAIMED)];
  for (const [scale, { budgets, seeds, only }] of byScale(`${what}: sizes`, sizes)) {
    const rising = Array.isArray(budgets) && budgets.every((budget, i) => budget > (budgets[i - 1] ?? 0));
    if (!rising || budgets.length === 0)
      throw new UsageError(`${what}: sizes: ${scale}: budgets: expected numbers above 0 in ascending order`);
    for (const budget of budgets) checkCount(`${what}: sizes: ${scale}: steps of budget ${budget}`, budget * baseSteps);
    checkCount(`${what}: sizes: ${scale}: seeds`, seeds);
    if (only !== undefined)
      checkOnly(`${what}: sizes: ${scale}: only`, only, budgets, Object.keys(waysOf(declaration)), needed);
  }
  if (Object.keys(rates).length === 0)
    throw new UsageError(`${what}: rates: expected those of a budget at least, got none`);
  checkMembers(`${what}: tuning`, tuning, { rates: 'array', seeds: 'array' });
  const missing = needed.find((way) => !(way in waysOf(declaration)));
  if (missing !== undefined)
    throw new UsageError(
      `${what}: ways: expected "${missing}" among them, ${NEEDED.includes(missing) ? 'as in every frontier' : 'as its claims are about it'}`,
    );
  if (claims !== undefined) lastBudgets(declaration);
}

/** What {@link Frontier.teacherBudget} is of a declaration. */
function teacherBudgetsOf(declaration: FrontierDeclaration): Frontier['teacherBudget'] {
  const nets = allBudgets(declaration).map((budget) => {
    const specs = specsAt(declaration, budget);
    const { wide } = specs;
    const own = hashOf({ network: wide!.network, training: wide!.training } as Json);
    const taught = Object.values(specs).find(({ teacher }) => teacher !== null);
    if (taught === undefined) return { budget, own, teacher: undefined };
    const { network, recipe, objective } = taught.teacher as { network: Json; recipe: Json; objective: Json };
    const teacher = hashOf({ network, training: { ...(recipe as object), objective } } as Json);
    return { budget, own, teacher };
  });
  const teachers = new Map(
    nets.map(({ budget, teacher }) => [budget, nets.find(({ own }) => own === teacher)?.budget]),
  );
  return (budget) => teachers.get(budget);
}

/**
 * The budget at which the ends of training are compared, and the one before it: the two largest of scale laptop, or of
 * scale overnight where nothing is declared at that. Throws UsageError for a frontier without two.
 */
export function lastBudgets({
  sizes,
  name,
}: Pick<FrontierDeclaration, 'sizes' | 'name'>): [before: number, last: number] {
  const [before, last] = (sizes.laptop ?? sizes.overnight)?.budgets.slice(-2) ?? [];
  if (before === undefined || last === undefined)
    throw new UsageError(
      `frontier "${name}": sizes: expected two budgets at scale laptop or overnight, by which its claims judge`,
    );
  return [before, last];
}

/** The budgets of all scales, in ascending order. */
export function allBudgets({ sizes }: Pick<FrontierDeclaration, 'sizes'>): number[] {
  return [...new Set(Object.values(sizes).flatMap(({ budgets }) => budgets))].sort((a, b) => a - b);
}

/** The rates that hold at a budget: those of the nearest tuned one. */
function ratesAt(declaration: Pick<FrontierDeclaration, 'rates'>, budget: number): BudgetRates {
  return declaration.rates[nearestBudget(tunedBudgets(declaration), budget)]!;
}

/** The wide net's rate at a budget, for one that the others learn from. */
export function wideRateAt(declaration: Pick<FrontierDeclaration, 'rates'>, budget: number): number {
  return rateOf(ratesAt(declaration, budget).rates, WIDE);
}

/** A recipe of another length and peak rate. */
export function lengthened(recipe: RecipeSpec, steps: number, peak: number): RecipeSpec {
  const scaled = atSteps(recipe, steps);
  return { ...scaled, schedule: { ...scaled.schedule, peak } };
}

function specsAt(declaration: FrontierDeclaration, budget: number): Record<string, TrainSpec> {
  const { baseSteps } = declaration;
  const rates = ratesAt(declaration, budget);
  const setting = { ...declaration.setting(budget * baseSteps, rates), share: () => rates.share };
  const wideRecipe = lengthened(setting.wide.recipe, budget * baseSteps, rateOf(rates.rates, WIDE));
  const wide = { ...setting, wide: { ...setting.wide, recipe: wideRecipe } };
  return Object.fromEntries(
    Object.entries(waysOf(declaration)).map(([name, { spec }]) => [name, spec(name === WIDE ? wide : setting)]),
  );
}

/** Whether a way of training is run with a budget at a scale. */
function isRunAt({ budgets, only }: FrontierSize, training: string, budget: number): boolean {
  return budgets.includes(budget) && (only === undefined || budget <= only.above || only.ways.includes(training));
}

function armsAt(declaration: FrontierDeclaration, size: FrontierSize): Record<string, Arm> {
  const { budgets, fewer } = size;
  const ways = waysOf(declaration);
  const hasFewer = (budget: number): boolean => fewer !== undefined && budget > fewer.above;
  const factsOf = (training: string): ArmFacts => {
    const { label, learnsFrom, reference } = ways[training]!;
    return { label, ...(learnsFrom !== undefined && { learnsFrom }), ...(reference === true && { reference }) };
  };
  const arms = budgets.flatMap((budget) =>
    Object.entries(specsAt(declaration, budget))
      .filter(([training]) => isRunAt(size, training, budget))
      .map(([training, spec]): [string, Arm] => [
        frontierArm(training, budget),
        {
          spec,
          ...factsOf(training),
          factors: { training, budget },
          baseline: frontierArm('direct', budget),
          ...(hasFewer(budget) && { seeds: fewer!.seeds }),
        },
      ]),
  );
  return Object.fromEntries(arms);
}

/** The runs of a frontier as an experiment. */
export function frontierOf(declaration: FrontierDeclaration): Frontier {
  const { of, name, title, sizes, tuning } = declaration;
  const experiment: Experiment = {
    name,
    group: of.group,
    title,
    kind: TRAIN_KIND,
    ...(of.chance !== undefined && { chance: of.chance }),
    seeds: Object.fromEntries(Object.entries(sizes).map(([scale, { seeds }]) => [scale, seeds])),
    metric: TEST_ACCURACY,
    order: Object.keys(waysOf(declaration)).flatMap((training) =>
      allBudgets(declaration)
        .filter((budget) => Object.values(sizes).some((size) => isRunAt(size, training, budget)))
        .map((budget) => frontierArm(training, budget)),
    ),
    tuning,
    arms: (scale) => armsAt(declaration, sizes[scale]!),
  };
  return { ...declaration, experiment, teacherBudget: teacherBudgetsOf(declaration), arm: frontierArm };
}

/** The arms of a frontier's runs of one seed by their ids, with `wide` for the wide nets that they require. */
export function armsById({ experiment }: Frontier, scale: Scale, seed: number): Map<string, string> {
  const cells = cellsOf(experiment, scale, seed, 1);
  const required = cells.flatMap((cell) => requiredCells(cell, cell.spec as unknown as TrainSpec));
  return new Map([...required, ...cells].map((cell) => [cellId(cell), cell.arm]));
}

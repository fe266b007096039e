/**
 * The frontier: what accuracy each way of training a thin net reaches with 1, 2, 4, ... times its base steps, from far
 * too few to convergence. The paper trains until convergence, which the comparisons at one number of steps do not test.
 * Two budgets decide as in arXiv 2606.14150: equal steps of the thin net, and equal cost of the whole pipeline.
 * Run: `gowide frontier resnet-hierarchy --scale laptop` (its plan says the cost first). Results:
 * reports/results/frontier-hierarchy.laptop.md.
 *
 * Every budget has the same arms. The wide net that they learn from is the same at every budget, that of the experiment
 * at scale laptop; the arm `wide` is a wide net that is itself trained for the budget's steps. Each arm is tuned at
 * three of the budgets (`gowide frontier EXPERIMENT --tune`), and takes the rate of the nearest of them at the others.
 * The shares of a three-stage run do not change with its length.
 */
import { lookUp, register } from '../src/core/registry.js';
import type { Arm, ArmFacts, Experiment, Scale, TuningGrid } from '../src/core/experiment.js';
import { hashOf, type Json } from '../src/core/json.js';
import { TRAIN_KIND } from '../src/method/required.js';
import type { RecipeSpec, TrainSpec } from '../src/method/spec.js';
import { armOf, LABELS, rateOf, wideArm, type Rates, type Setting } from './arms.js';
import { TEST_ACCURACY } from './metrics.js';
import { HIERARCHY_RATES, hierarchyOf, resnetHierarchy } from './resnet.js';

/** Peak rates of one budget: of each arm's training, and of imitation by gradient. */
interface BudgetRates {
  readonly rates: Rates;
  readonly imitation: number;
}

/** What is declared at one scale. */
interface FrontierSize {
  /** Multiples of the base steps, in ascending order. */
  readonly budgets: readonly number[];
  readonly seeds: number;
  /** The most seeds of the budgets above `budget`: one run of them costs as much as all those below together. */
  readonly fewer?: { readonly above: number; readonly seeds: number };
}

/** The frontier of one experiment's nets, declared. */
export interface FrontierDeclaration {
  /** The experiment that the nets and the data are those of. */
  readonly of: Experiment;
  readonly name: string;
  readonly title: string;
  /** Its claims: their column of the matrix of verdicts, and what their nets are trained on, in words. */
  readonly claims: { readonly setting: string; readonly on: string };
  /** The budget from which on nets count as trained to convergence: direct training gains nothing by more. */
  readonly converged: number;
  /** Steps of the thin net at budget 1. */
  readonly baseSteps: number;
  readonly sizes: Readonly<Partial<Record<Scale, FrontierSize>>>;
  readonly tuning: TuningGrid;
  /** The tuned rates, by the budget at which they were tuned; experiments/README.md has the accuracies. */
  readonly rates: Readonly<Record<number, BudgetRates>>;
  /** The nets and data with thin nets of so many steps, a part of them imitation; a deeper net among them. */
  readonly setting: (steps: number, rates: BudgetRates) => Setting;
}

/** A frontier as commands, claims and figures use it. */
export interface Frontier extends FrontierDeclaration {
  /** Its runs as an experiment of its own. */
  readonly experiment: Experiment;
  /**
   * The budget of the wide net's own arm that is the very run from which the other arms learn; undefined where none is.
   * Such a run is kept once, under either name.
   */
  readonly teacherBudget: number | undefined;
}

/** Ways of training, in the order in which figures show them. */
export const FRONTIER_TRAININGS: Readonly<Record<string, ArmFacts & { readonly label: string }>> = {
  direct: { label: 'direct', learnsFrom: 'labels' },
  deeper: { label: 'deeper net, direct', learnsFrom: 'labels' },
  kd: { label: 'KD', learnsFrom: 'outputs' },
  'selected-kl': { label: 'selected + KL', learnsFrom: 'outputs' },
  'closed-form': { label: 'closed form, then KL', learnsFrom: 'layers' },
  'three-stage': { label: 'three stages', learnsFrom: 'layers' },
  wide: { label: 'wide net', learnsFrom: 'labels', reference: true },
};

/** The name of the arm that trains in one way with one budget. */
export function frontierArm(training: string, budget: number): string {
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

/** The budgets at which the arms of a frontier are tuned. */
export function tunedBudgets({ rates }: FrontierDeclaration): number[] {
  return Object.keys(rates)
    .map(Number)
    .sort((a, b) => a - b);
}

/** What {@link Frontier.teacherBudget} is of a declaration. */
function teacherBudgetOf(declaration: FrontierDeclaration): number | undefined {
  return allBudgets(declaration).find((budget) => {
    const { wide, kd } = specsAt(declaration, budget);
    const { network, recipe, objective } = kd!.teacher as { network: Json; recipe: Json; objective: Json };
    const own = { network: wide!.network, training: wide!.training } as Json;
    return hashOf(own) === hashOf({ network, training: { ...(recipe as object), objective } } as Json);
  });
}

/** The budgets of all scales, in ascending order. */
export function allBudgets({ sizes }: Pick<FrontierDeclaration, 'sizes'>): number[] {
  return [...new Set(Object.values(sizes).flatMap(({ budgets }) => budgets))].sort((a, b) => a - b);
}

/** A recipe of another length, its warm-up the same share of it. */
function lengthened(recipe: RecipeSpec, steps: number, peak: number): RecipeSpec {
  const { schedule } = recipe;
  const warmup = Math.round((schedule.warmup * steps) / recipe.steps);
  return { ...recipe, steps, schedule: { ...schedule, peak, warmup } };
}

function specsAt(declaration: FrontierDeclaration, budget: number): Record<string, TrainSpec> {
  const { baseSteps, rates: tuned } = declaration;
  const rates = tuned[nearestBudget(tunedBudgets(declaration), budget)]!;
  const setting = declaration.setting(budget * baseSteps, rates);
  const wideRecipe = lengthened(setting.wide.recipe, budget * baseSteps, rateOf(rates.rates, 'wide'));
  return {
    direct: armOf(setting, 'direct', { objective: LABELS }),
    deeper: armOf(setting, 'deeper', { objective: LABELS, network: setting.deeper! }),
    kd: armOf(setting, 'kd', {}),
    'selected-kl': armOf(setting, 'selected-kl', { start: 'selected' }),
    'closed-form': armOf(setting, 'closed-form', {
      start: 'selected',
      imitation: { by: 'ridge', images: 600, ridge: 1e-3 },
    }),
    'three-stage': armOf(setting, 'three-stage', { start: 'shared', imitation: setting.imitation }),
    wide: wideArm({ ...setting, wide: { ...setting.wide, recipe: wideRecipe } }),
  };
}

function armsAt(declaration: FrontierDeclaration, { budgets, fewer }: FrontierSize): Record<string, Arm> {
  const arms = budgets.flatMap((budget) =>
    Object.entries(specsAt(declaration, budget)).map(([training, spec]): [string, Arm] => [
      frontierArm(training, budget),
      {
        spec,
        ...FRONTIER_TRAININGS[training],
        factors: { training, budget },
        baseline: frontierArm('direct', budget),
        ...(fewer !== undefined && budget > fewer.above && { seeds: fewer.seeds }),
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
    order: Object.keys(FRONTIER_TRAININGS).flatMap((training) =>
      allBudgets(declaration).map((budget) => frontierArm(training, budget)),
    ),
    tuning,
    arms: (scale) => armsAt(declaration, sizes[scale]!),
  };
  return { ...declaration, experiment, teacherBudget: teacherBudgetOf(declaration) };
}

/** Every frontier, under the name of the experiment that its nets are those of. */
export const FRONTIERS: Record<string, Frontier> = {};

/**
 * Adds a frontier; its runs are those of its own experiment, which `registerExperiment` adds. Throws UsageError when
 * the experiment that it is of has one.
 */
export function registerFrontier(declaration: FrontierDeclaration): void {
  register('frontier', FRONTIERS, declaration.of.name, frontierOf(declaration));
}

/** The frontier of an experiment's nets. Throws UsageError with the experiments that have one. */
export function frontierFor(name: string): Frontier {
  return lookUp('frontier', FRONTIERS, name);
}

/** Of the steps, the share that imitates in each of a ResNet's stages: 24 % for three, as at scale laptop. */
const IMITATION_SHARE = 0.08;

registerFrontier({
  of: resnetHierarchy,
  name: 'frontier-hierarchy',
  title: 'Accuracy against cost on strings of the Random Hierarchy Model, to convergence',
  claims: { setting: 'strings', on: 'strings of the Random Hierarchy Model' },
  // on the tuning seeds direct training has 100 % there
  converged: 8,
  baseSteps: 250,
  sizes: {
    minutes: { budgets: [1, 2], seeds: 3 },
    laptop: { budgets: [1, 4, 8], seeds: 5 },
    overnight: { budgets: [1, 2, 4, 8, 16, 32], seeds: 10, fewer: { above: 8, seeds: 5 } },
  },
  // widened from 0.05 to 0.4, and imitation's from 0.5 to 2
  tuning: { rates: [0.013, 0.025, 0.05, 0.1, 0.2, 0.4], imitationRates: [0.5, 1, 2, 4], seeds: [101, 102] },
  rates: {
    1: {
      rates: { default: 0.1, direct: 0.05, deeper: 0.05, 'selected-kl': 0.013, 'closed-form': 0.013 },
      imitation: 2,
    },
    // but for the closed form, those of resnet-hierarchy: the same nets and steps
    4: { rates: { ...HIERARCHY_RATES, wide: 0.1, 'closed-form': 0.025 }, imitation: 1 },
    // direct training was tuned there, of the thin net and of the deeper one; the others have the rates of budget 4
    8: {
      rates: { ...HIERARCHY_RATES, wide: 0.1, 'closed-form': 0.025, direct: 0.2 },
      imitation: 1,
    },
  },
  setting: (steps, { rates, imitation }) =>
    hierarchyOf({ steps, imitation: Math.round(steps * IMITATION_SHARE), imitationRate: imitation }, rates),
});

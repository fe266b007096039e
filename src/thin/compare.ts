/** The three stages beside their rivals on networks of a program's own: rates tuned alike, at the same thin steps. */
import { FailureError, InterruptedError, unknownName, UsageError } from '../core/errors.js';
import { nonFiniteIn, type Row } from '../core/run.js';
import { checkWhole } from '../core/range.js';
import { checkMembers, lookUp } from '../core/registry.js';
import { parseSpec } from '../core/spec.js';
import { checkDataset, type Dataset, type Source } from '../data/dataset.js';
import { evaluate, rankOf, type Evaluation } from '../metrics/evaluate.js';
import { needsOfWide, trainThin, type Procedure } from '../method/three-stage/pipeline.js';
import type { StageContext } from '../method/training/stages.js';
import { disposeWeights, toHost, weightsOf, type Teacher } from '../method/values/weights.js';
import { checkBatch } from '../method/spec/recipe-steps.js';
import { RecipeSpec } from '../method/spec/spec.js';
import { checkNetwork, checkWeights, type HostWeights, type Network } from '../nn/network.js';
import { withPredictor } from '../method/values/with-predictor.js';
import { ARMS, ratesOf, TRIES, type Arm, type ArmName, type ArmSetting, type Rates, type Tries } from './arms.js';
import { halve } from './halving.js';
import { RECIPES, recipeOf, type BaseRecipe } from './recipes.js';

/** Two networks, data, and how long each arm is trained. */
export interface CompareOptions {
  /** The wide net with its trained weights. */
  readonly wide: { readonly network: Network; readonly weights: HostWeights };
  readonly thin: Network;
  readonly data: Dataset;
  /** Steps of the thin net in each arm, imitation included. */
  readonly steps: number;
  readonly batch: number;
  /** `sgd`, `adamw`, or a recipe of one's own; its rates are the middle of the grids. */
  readonly recipe: keyof typeof RECIPES | BaseRecipe;
  /** All that can be used for the pair of networks unless given. */
  readonly arms?: readonly ArmName[];
  /** Settings of the rates that each arm is tried with; 6 by default. */
  readonly tries?: Tries;
  /** Unlabelled training examples by which the arm `closed-form` fits layers, at most; 600 by default. */
  readonly samples?: number;
  /** 1 by default. */
  readonly seed?: number;
  readonly onNotice?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** An arm, trained to its end at its best rates. */
export interface Compared {
  readonly arm: ArmName;
  readonly rates: Rates;
  readonly validation: Evaluation;
  readonly test: Evaluation;
  readonly weights: HostWeights;
}

/** What a comparison found. */
export interface Comparison {
  /** The arms, the best on validation first. */
  readonly arms: readonly Compared[];
  /** Arms that could not be used or trained, with the reason. */
  readonly left: readonly { readonly arm: ArmName; readonly why: string }[];
}

/** Every option, to tell a slip from one that is left out. */
const OPTIONS: Readonly<Record<keyof CompareOptions, true>> = {
  ...{ wide: true, thin: true, data: true, steps: true, batch: true, recipe: true, arms: true, tries: true },
  ...{ samples: true, seed: true, onNotice: true, signal: true },
};

/** Throws UsageError or RangeError with one line that names an option, what was expected and what was given. */
function checkCall(options: CompareOptions): void {
  const required = { wide: 'object', thin: 'object', data: 'object', steps: 'number', batch: 'number' } as const;
  checkMembers<Pick<CompareOptions, keyof typeof required>>('compareArms', options, required);
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(OPTIONS, key));
  if (unknown !== undefined) throw unknownName('option of compareArms', unknown, Object.keys(OPTIONS));
  const { wide, thin, data, steps, batch, arms = [], tries = 6, samples = 1, seed = 1 } = options;
  checkMembers('compareArms: wide', wide, { network: 'object', weights: 'object' });
  checkNetwork('compareArms: wide.network', wide.network);
  checkNetwork('compareArms: thin', thin);
  checkDataset('compareArms: data', data);
  checkWeights('compareArms: wide: its weights', wide.network, wide.weights);
  checkWhole('compareArms: steps', steps, 1);
  checkWhole('compareArms: batch', batch, 1);
  checkWhole('compareArms: samples', samples, 1);
  checkWhole('compareArms: seed', seed);
  if (!TRIES.includes(tries))
    throw new UsageError(`compareArms: tries: expected one of ${TRIES.join(', ')}, got ${String(tries)}`);
  if (!Array.isArray(arms)) throw new UsageError(`compareArms: arms: expected a list of names, got ${String(arms)}`);
  for (const name of arms) lookUp('arm', ARMS, name);
  checkRecipe(options);
}

/** Throws UsageError on a recipe that is none, or does not fit the data. */
function checkRecipe(options: CompareOptions): void {
  const { recipe, steps, batch, data } = options;
  if (typeof recipe === 'string') lookUp('recipe', RECIPES, recipe);
  const base = baseOf(options);
  checkMembers<Pick<BaseRecipe, 'rates'>>('compareArms: recipe', base, { rates: 'object' });
  for (const name of ['thin', 'imitation'] as const) {
    const checked = parseSpec(RecipeSpec, `recipe of compareArms at its rate "${name}"`, {
      ...recipeOf(base, batch, steps, base.rates[name]),
    });
    checkBatch('compareArms', checked, data.train.count);
  }
}

/**
 * Trains the thin net by every arm at the same number of steps, each at the rates that were best on validation by
 * successive halving; the test split chooses nothing. Needs an engine. Throws UsageError or RangeError on an option
 * that is not valid, InterruptedError when `signal` fires.
 *
 * @example
 *   const wide = { network, weights };
 *   const { arms } = await compareArms({ wide, thin, data, steps: 500, batch: 32, recipe: 'sgd' });
 *   console.log(arms.map(({ arm, test }) => [arm, test.accuracy]));
 */
export async function compareArms(options: CompareOptions): Promise<Comparison> {
  checkCall(options);
  const { wide, data, tries = 6, onNotice } = options;
  const names = options.arms ?? (Object.keys(ARMS) as ArmName[]);
  const teacher: Teacher = { network: wide.network, host: wide.weights, weights: weightsOf(wide.weights) };
  const left: { arm: ArmName; why: string }[] = [];
  const found: Compared[] = [];
  try {
    for (const name of names) {
      const arm: Arm = ARMS[name];
      const why = arm.obstacle?.(settingAt(options, options.steps));
      const compared =
        why === undefined ? await bestOf(options, teacher, name, ratesOf(arm, baseOf(options).rates, tries)) : why;
      if (typeof compared === 'string') left.push({ arm: name, why: compared });
      else found.push(compared);
      onNotice?.(
        typeof compared === 'string'
          ? `${name} is left out: ${compared}`
          : `${name}: ${compared.validation.accuracy.toFixed(1)} % of validation`,
      );
    }
  } finally {
    disposeWeights(teacher.weights);
  }
  const rank = ({ validation }: Compared): number => rankOf(validation, data);
  return { arms: found.sort((a, b) => rank(b) - rank(a)), left };
}

function baseOf({ recipe }: CompareOptions): BaseRecipe {
  return typeof recipe === 'string' ? RECIPES[recipe] : recipe;
}

function settingAt(options: CompareOptions, steps: number): ArmSetting {
  const { wide, thin, batch, data, samples } = options;
  const examples = { train: data.train.count, validation: data.validation.count };
  return { wide: wide.network, thin, steps, batch, base: baseOf(options), samples, examples };
}

/** An arm at its best rates, or why none of them could be trained. */
async function bestOf(
  options: CompareOptions,
  teacher: Teacher,
  arm: ArmName,
  candidates: readonly Rates[],
): Promise<Compared | string> {
  const { data } = options;
  let [last, why]: [Omit<Compared, 'test'> | undefined, string] = [undefined, ''];
  const { best } = await halve(candidates, options.steps, async (rates, steps) => {
    try {
      const procedure = (ARMS[arm] as Arm).procedure(settingAt(options, steps), rates);
      last = { arm, rates, ...(await trained(options, teacher, procedure)) };
      return rankOf(last.validation, data);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      why = error.message;
      return undefined;
    }
  });
  if (best === undefined || last === undefined) return why;
  const final: Omit<Compared, 'test'> = last;
  return { ...final, test: await figuresOf(options, final.weights, data.test) };
}

async function trained(
  { thin, data, seed = 1, signal }: CompareOptions,
  teacher: Teacher,
  procedure: Procedure,
): Promise<Pick<Compared, 'validation' | 'weights'>> {
  const context: StageContext = {
    seed,
    resumed: undefined,
    log: checkFinite,
    progress: () => {},
    shouldSave: () => signal?.aborted === true,
    save: () => {
      throw new InterruptedError('stopped; nothing was saved');
    },
  };
  const needsWide = needsOfWide(procedure).length > 0;
  const weights = await trainThin(context, procedure, { thin, teacher: needsWide ? teacher : undefined, data });
  const host = await toHost(weights).finally(() => disposeWeights(weights));
  return { validation: await figuresOf({ thin, data }, host, data.validation), weights: host };
}

function figuresOf(
  { thin, data }: Pick<CompareOptions, 'thin' | 'data'>,
  host: HostWeights,
  split: Source,
): Promise<Evaluation> {
  return withPredictor(thin, host, (predict) => evaluate(data, split, predict));
}

/** Throws FailureError on a number that is not finite. */
function checkFinite(row: Row): void {
  const bad = nonFiniteIn(row);
  if (bad !== undefined) throw new FailureError(`${bad[0]} is ${bad[1]}`);
}

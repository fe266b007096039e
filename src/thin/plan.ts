/** What `thin` will do: the networks, the data, the runs and what they cost, all known before the first step. */
import { join } from 'node:path';
import { plural, UsageError } from '../core/errors.js';
import { CUSTOM_SCALE } from '../core/experiment.js';
import { isSameNormalization, normalizationText, unusual } from '../core/normalization.js';
import type { Cell } from '../core/run.js';
import { absentLine, type Dataset } from '../data/dataset.js';
import { MOST_SIDE } from '../data/imagefolder.js';
import { inOrderOf, normalizationOf, openData, picturesOf, taskOf, type DataSpec } from '../data/index.js';
import { MOST_TOKENS } from '../data/texts.js';
import { checkToRun, parseTrainSpec } from '../method/run/check-spec.js';
import { EXPECTED_FLOPS, expectedMemory, expectedSeconds } from '../method/cost/cost.js';
import { otherVocabulary } from '../method/matching/own-tokens.js';
import { needsOfWide } from '../method/three-stage/pipeline.js';
import { TRAIN_KIND } from '../method/run/required.js';
import type { TrainSpec } from '../method/spec/spec.js';
import { readWeights } from '../models/files.js';
import { headOf, inputProblem, maxPositionsOf, networkOf, parameterCount, type NetworkSpec } from '../models/index.js';
import { forwardFlops } from '../nn/network.js';
import {
  ARMS,
  OBJECTIVE,
  OWN_ARMS,
  ratesOf,
  TRIES,
  type Arm,
  type ArmName,
  type ArmSetting,
  type Rates,
  type Tries,
} from './arms.js';
import type { DataOption, Found } from './data/form.js';
import { expectedData, findData } from './data/index.js';
import { roundsOf } from './halving.js';
import { lookAt } from './look.js';
import { batchOf, evaluated, recipeOf, RECIPES, type BaseRecipe } from './recipes.js';
import { checkPlace } from './place.js';
import { narrowed, thinningOf, widthNotes, type Size } from './size.js';
import { openSource } from './sources/index.js';
import type { Source } from './sources/source.js';
import { vocabularyNotes } from './vocabulary.js';

/** What is to be made thin, on what, and how much may be spent. */
export interface ThinOptions extends Size {
  /** A Hugging Face folder, a file of weights, or a run's id: see SOURCE_FORMATS. */
  readonly model: string;
  /** Class folders, a table of texts, a JSON file: see DATA_FORMS. Left out: the data that a run was trained on. */
  readonly data?: string | undefined;
  /** Folder of the result; `gowide-thin` by default. */
  readonly out?: string | undefined;
  /** Folder in which runs are looked for by their id; `gowide-out` by default. */
  readonly runs?: string | undefined;
  /** Passes over the training data in the final run of the thin net; the recipe's where it is left out. */
  readonly epochs?: number | undefined;
  /** Passes over the training data in the final run of the wide net, where it is trained; as `epochs` by default. */
  readonly wideEpochs?: number | undefined;
  readonly batch?: number | undefined;
  /** Rates that each arm is tried with; 1 takes the recipe's without tuning. */
  readonly tries?: Tries | undefined;
  /** Whether every rival is trained to the end at the same number of steps; else one arm is chosen on the way. */
  readonly compare?: boolean | undefined;
  /** Trains the wide net on the data first although its head fits. */
  readonly finetune?: boolean | undefined;
  readonly seed?: number | undefined;
  /**
   * Unlabelled training examples by which the arm `closed-form` fits layers, at most; 600 by default. With `compare`
   * several numbers may be given: the arm is trained with each, and the card has the curve.
   */
  readonly samples?: number | readonly number[] | undefined;
  /** Side of the pictures in pixels; by default what the network is made for. */
  readonly size?: number | undefined;
  /** Tokens of an example; by default as many as the data need. */
  readonly tokens?: number | undefined;
  /** Training examples that are used, at most. */
  readonly rows?: number | undefined;
  /** Different pictures that may be unreadable, which are left out; 16 by default. */
  readonly corrupt?: number | undefined;
  /** Which columns of a table hold what: `text`, `pair`, `label`. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
}

/** Everything that is settled before the first step. */
export interface Setup {
  readonly options: ThinOptions;
  readonly out: string;
  /** Folder of what is made on the way. */
  readonly work: string;
  readonly source: Source;
  readonly spec: DataSpec;
  readonly data: Dataset;
  /** The network of the source's files that the wide net begins with. */
  readonly begun: NetworkSpec;
  /** The wide net with the head that the data ask for, and the thin one. */
  readonly wide: NetworkSpec;
  readonly thin: NetworkSpec;
  /** Why the wide net is trained on the data first; undefined where it is taken as it is. */
  readonly training: string | undefined;
  readonly base: BaseRecipe;
  readonly batch: number;
  readonly steps: { readonly wide: number; readonly thin: number };
  readonly seed: number;
  readonly tries: Tries;
  /** Arms that are tuned, and those that cannot be, with the reason. */
  readonly arms: readonly ArmName[];
  readonly left: readonly { readonly arm: ArmName; readonly why: string }[];
  readonly notes: readonly string[];
}

/** Folder of the result where none is said. */
export const DEFAULT_OUT = 'gowide-thin';
const DEFAULT_RUNS = 'gowide-out';
/** Pictures of this side where the network does not say it. */
export const DEFAULT_SIDE = 32;

/** Whether names are the same, capitals aside. */
function among(names: readonly string[], all: readonly string[]): boolean {
  const lower = all.map((name) => name.toLowerCase());
  return names.every((name) => lower.includes(name.toLowerCase()));
}

/** Throws UsageError, naming the option, where a number is none that it can be. */
export function checkOptions(options: ThinOptions): void {
  const { epochs, wideEpochs, batch, rows, tokens, size, samples, seed, tries, corrupt } = options;
  const bad = (name: string, value: unknown, expected: string): UsageError =>
    new UsageError(`${name} ${String(value)}: expected ${expected}`);
  for (const [name, value] of Object.entries({ epochs, wideEpochs }))
    if (value !== undefined && !(value > 0 && value < Infinity)) throw bad(name, value, 'a number above 0');
  const counts = { batch, rows };
  const all = [...Object.entries(counts), ...[samples].flat().map((one) => ['samples', one] as const)];
  for (const [name, value] of all)
    if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) >= 1))
      throw bad(name, value, 'a whole number of at least 1');
  if (typeof samples === 'object' && samples.length === 0) throw bad('samples', '[]', 'at least one number');
  for (const [name, value, most] of [
    ['tokens', tokens, MOST_TOKENS],
    ['size', size, MOST_SIDE],
  ] as const)
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 8 && value <= most))
      throw bad(name, value, `a whole number from 8 to ${most}`);
  for (const [name, value] of Object.entries({ seed, corrupt }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw bad(name, value, 'a whole number of at least 0');
  if (tries !== undefined && !TRIES.includes(tries)) throw bad('tries', tries, '1, 3 or 6');
}

/** Whether names are those of another list at the same places, capitals aside. */
function isInOrder(names: readonly string[], all: readonly string[]): boolean {
  return names.every((name, i) => name.toLowerCase() === all[i]?.toLowerCase());
}

/** The options about data that were given. */
function givenOf({ columns, rows, size, tokens, corrupt }: ThinOptions): DataOption[] {
  const all = Object.entries({ columns, rows, size, tokens, corrupt }) as [DataOption, unknown][];
  return all.filter(([, value]) => value !== undefined).map(([name]) => name);
}

/** The declaration of the data that are meant, and notes about it. Throws UsageError where there is none that fits. */
function findSpec(options: ThinOptions, source: Source, work: string): Found {
  const given = givenOf(options);
  if (options.data !== undefined) {
    const { columns = {}, rows = Infinity, tokens, size, corrupt } = options;
    const side = size ?? thinningOf(source.network).side?.(source.network) ?? DEFAULT_SIDE;
    const { vocabulary } = source;
    const normalize = unusual(source.normalize?.value);
    return findData(
      options.data,
      { work, vocabulary, columns, rows, tokens, mostTokens: maxPositionsOf(source.network), side, normalize, corrupt },
      given,
    );
  }
  if (given.length > 0)
    throw new UsageError(`--${given[0]}: has no effect on the data of a run, which are declared; leave it out`);
  if (source.data === undefined)
    throw new UsageError(
      `--data is needed: the network does not say what it was trained on; ${expectedData(source.vocabulary)}`,
    );
  return { spec: source.data, notes: [] };
}

/** Throws UsageError where the data are read with another vocabulary than the network was trained with. */
async function checkVocabulary(options: ThinOptions, source: Source, spec: DataSpec): Promise<void> {
  const other = source.vocabulary === undefined ? undefined : await otherVocabulary(spec, source.vocabulary);
  if (other !== undefined)
    throw new UsageError(
      `${options.data}: its vocabulary is another one than that of ${options.model} (${other.difference}); ` +
        `expected "vocabulary": "${other.path}"`,
    );
}

/** Throws UsageError where an option changes nothing: `training` is why the wide net is trained, if it is. */
function checkEffects(options: ThinOptions, training: string | undefined, arms: readonly ArmName[]): void {
  if (options.wideEpochs !== undefined && training === undefined)
    throw new UsageError(
      '--wide-epochs: has no effect, since the head of the wide net fits the data and is not trained; leave it out, or ' +
        'add --fine-tune',
    );
  if (options.samples !== undefined && !arms.some((arm) => (ARMS[arm] as Arm).usesSamples === true))
    throw new UsageError(
      `--samples: has no effect on the arms ${arms.join(', ')}; leave it out` +
        (options.compare === true ? '' : ', or add --compare'),
    );
}

/** Opens the network and the data, and settles what is to be done. Throws UsageError with what does not fit. */
export async function setUp(options: ThinOptions): Promise<Setup> {
  checkOptions(options);
  if (typeof options.samples === 'object' && options.compare !== true)
    throw new UsageError('--samples: several numbers are compared with --compare; expected one without it');
  const { out = DEFAULT_OUT, runs = DEFAULT_RUNS, seed = 1 } = options;
  checkPlace(out, options.model, options.data);
  const work = join(out, 'work');
  const source = await openSource(options.model, { work, runs });
  if (options.runs !== undefined && source.data === undefined)
    throw new UsageError(`--runs: ${options.model} is no id of a run in a folder; leave it out`);
  const { recipe } = thinningOf(source.network);
  const found = findSpec(options, source, work);
  const spec = source.labels === undefined ? found.spec : inOrderOf(found.spec, source.labels);
  const data = await openData(spec);
  const { wide, why } = withHead(source, spec, data);
  await checkVocabulary(options, source, spec);
  const words = data.vocabulary === undefined ? [] : vocabularyNotes(options.model, wide, data.vocabulary);
  const problem = inputProblem(wide, { set: spec.set, shape: data.shape, task: taskOf(spec) });
  if (problem !== undefined) throw new UsageError(`${options.model}: ${problem}`);
  // a head of its own stays; another one may want the pooler that the task's network leaves out
  const begun = haveSameShapes(wide, source.network) ? source.network : (source.encoder ?? source.network);
  // throws where tensors are missing or of other shapes: a plan of what cannot be read would be none
  readWeights(source.weights, begun);
  const thin = narrowed(wide, options, data.shape);
  const base = RECIPES[recipe];
  const batch = batchOf(options.batch, base, data.train.count);
  const stepsOf = (epochs: number): number => Math.max(1, Math.round((epochs * data.train.count) / batch));
  const epochs = options.epochs ?? base.epochs;
  const steps = { thin: stepsOf(epochs), wide: stepsOf(options.wideEpochs ?? epochs) };
  const setting = settingOf({ options, wide, thin, batch, base, data }, steps.thin);
  const names = options.compare === true ? (Object.keys(ARMS) as ArmName[]) : OWN_ARMS;
  const obstacleOf = (arm: ArmName): string | undefined => (ARMS[arm] as Arm).obstacle?.(setting);
  const training = why ?? (options.finetune === true ? 'it was asked for' : undefined);
  const arms = names.filter((arm) => obstacleOf(arm) === undefined);
  checkEffects(options, training, arms);
  const setup: Setup = {
    ...{ options, out, work, source, spec, data, begun, wide, thin, base, batch, steps, seed },
    training,
    tries: options.tries ?? 6,
    arms,
    left: names.flatMap((arm) => {
      const obstacle = obstacleOf(arm);
      return obstacle === undefined ? [] : [{ arm, why: obstacle }];
    }),
    notes: [
      ...widthNotes(wide, thin, options),
      ...source.notes,
      ...words,
      ...found.notes,
      ...normalizationNotes(source, spec),
      ...(data.absent ?? []).map(absentLine),
    ],
  };
  // what a run would throw, before the first one
  for (const cell of cellsOf(setup)) checkToRun(parseTrainSpec(cell.spec));
  return picturesOf(spec) !== undefined ? { ...setup, notes: [...setup.notes, ...(await lookAt(data))] } : setup;
}

/** A line on how pictures are normalized, where the network's files say it. */
function normalizationNotes({ normalize }: Source, spec: DataSpec): string[] {
  if (normalize === undefined) return [];
  const own = normalizationOf(spec);
  const said = normalizationText(normalize.value);
  return own !== undefined && isSameNormalization(own, normalize.value)
    ? [`pictures are normalized by ${said}, as ${normalize.path} says`]
    : [`the data are normalized as "${spec.set}" has it, and not by ${said}, as ${normalize.path} says`];
}

/** The wide net with the head of the data's task, and why that head is a new one; no reason where it is its own. */
function withHead(source: Source, spec: DataSpec, data: Dataset): { wide: NetworkSpec; why: string | undefined } {
  const task = taskOf(spec);
  const facts = { head: task?.head, classes: data.classes, questions: task?.questions };
  const wide = thinningOf(source.network).withHead(
    source.network,
    facts as Parameters<typeof thinningOf>[0] & typeof facts,
  );
  if (!haveSameShapes(wide, source.network)) {
    const [before, after] = [source.network, wide].map((one) => describeHead(one));
    return { wide, why: `its head is new: ${before}, and the data want ${after}` };
  }
  if (source.labels !== undefined && data.labels !== undefined && !among(data.labels, source.labels))
    return { wide, why: `its classes are others: ${source.labels.slice(0, 5).join(', ')}` };
  if (source.labels !== undefined && data.labels !== undefined && !isInOrder(data.labels, source.labels))
    return { wide, why: `its classes stand in another order: ${source.labels.slice(0, 5).join(', ')}` };
  return { wide, why: undefined };
}

/** Whether the weights of one network are those of the other. */
function haveSameShapes(one: NetworkSpec, other: NetworkSpec): boolean {
  const [a, b] = [networkOf(one).shapes, networkOf(other).shapes];
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => String(a[path]) === String(b[path]));
}

function describeHead(spec: NetworkSpec): string {
  const { kind, classes } = headOf(spec);
  return classes === undefined ? `"${kind}"` : `${classes} classes`;
}

/** What arms depend on, with so many steps of the thin net. */
export function settingOf(
  { options, wide, thin, batch, base, data }: Pick<Setup, 'options' | 'wide' | 'thin' | 'batch' | 'base' | 'data'>,
  steps: number,
  samples = samplesOf(options)[0],
): ArmSetting {
  const examples = { train: data.train.count, validation: data.validation.count };
  return { wide: networkOf(wide), thin: networkOf(thin), steps, batch, base, samples, examples };
}

/** Numbers of unlabelled examples that layers are fitted by; undefined stands for the arm's own. */
function samplesOf({ samples }: ThinOptions): readonly (number | undefined)[] {
  return typeof samples === 'object' ? [...new Set(samples)].sort((a, b) => a - b) : [samples];
}

function cellOf({ seed }: Setup, arm: string, spec: TrainSpec): Cell {
  return {
    experiment: 'thin',
    arm,
    scale: CUSTOM_SCALE,
    kind: TRAIN_KIND,
    spec: spec as unknown as Cell['spec'],
    seed,
  };
}

/** The run that trains the wide net on the data, from its own weights, for so many steps. */
export function wideCellOf(setup: Setup, rate: number, steps: number): Cell {
  const { spec, begun, wide, source, base, batch } = setup;
  const recipe = evaluated(recipeOf(base, batch, steps, rate), setup.data.validation.count);
  return cellOf(setup, `wide ${rate}`, {
    data: spec,
    network: wide,
    pretrained: { network: begun, weights: source.weights },
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...recipe, objective: { ...OBJECTIVE, labels: 1 } },
  });
}

/** The run that trains the thin net by an arm, for so many steps; `weights` are the wide net's. */
export function thinCellOf(setup: Setup, weights: string, { arm, rates, samples }: Candidate, steps: number): Cell {
  const procedure = (ARMS[arm] as Arm).procedure(settingOf(setup, steps, samples), rates);
  return cellOf(setup, `${nameOf({ arm, samples })} ${Object.values(rates).join(' ')}`, {
    data: setup.spec,
    network: setup.thin,
    teacher: needsOfWide(procedure).length > 0 ? { network: setup.wide, weights } : null,
    ...procedure,
  });
}

/** Where the trained wide net is kept, as training specs name it. */
export function wideWeights({ work, source, training }: Setup): string {
  return training === undefined ? source.weights : join(work, 'wide.safetensors');
}

/** Rates that the wide net is tried with. */
export function wideRates({ base, tries }: Setup): number[] {
  return tries === 1
    ? [base.rates.wide]
    : [1 / 3, 1, 3].map((factor) => Number((base.rates.wide * factor).toPrecision(2)));
}

/** A candidate of the thin net's tuning. */
export interface Candidate {
  readonly arm: ArmName;
  readonly rates: Rates;
  /** Unlabelled examples that its layers are fitted by, where several numbers are compared. */
  readonly samples?: number;
}

/** Pools of candidates, each of which gives one trained thin net: one for all arms, or one for each arm. */
export function poolsOf({ arms, base, tries, options }: Setup): Candidate[][] {
  const candidates = (arm: ArmName, count: Tries): Candidate[] =>
    ratesOf(ARMS[arm], base.rates, count).map((rates) => ({ arm, rates }));
  if (options.compare === true)
    return arms.flatMap((arm): Candidate[][] =>
      (ARMS[arm] as Arm).usesSamples === true && typeof options.samples === 'object'
        ? samplesOf(options).map((samples) => candidates(arm, tries).map((one) => ({ ...one, samples: samples! })))
        : [candidates(arm, tries)],
    );
  // an arm with two rates gets more candidates than one with one, of which three are as dense a grid
  return [arms.flatMap((arm) => candidates(arm, tries === 6 && !ARMS[arm].imitates ? 3 : tries))];
}

/**
 * Expected seconds of a run on one core of a small machine: of its steps, and of what it looks at on the validation and
 * test splits meanwhile and at its end.
 */
export function runSeconds({ shape, validation, test }: Dataset, { spec }: Cell): number {
  const { network, teacher, imitation, training } = spec as unknown as TrainSpec;
  const looks = imitation === null ? 1 : 2;
  const examples = validation.count * ((training.evaluations ?? 0) + 2 + looks) + test.count;
  const watched = teacher === null ? 0 : validation.count * looks * forwardFlops(networkOf(teacher.network), shape);
  const flops = examples * forwardFlops(networkOf(network), shape) + watched;
  return expectedSeconds(spec as unknown as TrainSpec) + flops / EXPECTED_FLOPS;
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

/** An arm with what tells it from others of its name. */
export function nameOf({ arm, samples }: { readonly arm: ArmName; readonly samples?: number | undefined }): string {
  return samples === undefined ? arm : `${arm} by ${samples}`;
}

function nameOfRound(what: string, round: number, rounds: number): string {
  return round === rounds - 1 ? `${what}, final` : `${what}, tuning ${round + 1}`;
}

/** A duration for people. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Units of floating-point operations, the smallest first. */
const UNITS = ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP'] as const;

/** Floating-point operations for people, in the unit in which they are 1 or more: `37.2 kFLOP`. */
export function operations(flops: number): string {
  // three digits may be those of the next unit: 999,999 is 1 MFLOP
  const rounded = Number(flops.toPrecision(3));
  const power = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, rounded)) / 3)));
  return `${Number((rounded / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** Expected seconds of all parts, on one core of a small machine. */
export function secondsOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** The wide net's run at one of the rates, where it has any, and the run of every candidate, of full length. */
function cellsOf(setup: Setup): Cell[] {
  const weights = wideWeights(setup);
  const wide = setup.training === undefined ? [] : [wideCellOf(setup, wideRates(setup)[0]!, setup.steps.wide)];
  const candidates = poolsOf(setup).flat();
  return [...candidates.map((one) => thinCellOf(setup, weights, one, setup.steps.thin)), ...wide];
}

/** Expected memory of the largest run in bytes. */
function memoryOf(setup: Setup): number {
  return Math.max(...cellsOf(setup).map(({ spec }) => expectedMemory(spec as unknown as TrainSpec)));
}

/** What will be done and what it costs, a line each; `parts` are {@link partsOf} the same set-up. */
export function describe(setup: Setup, parts = partsOf(setup)): string[] {
  const { source, wide, thin, data, training, left, options } = setup;
  const size = (spec: NetworkSpec): string =>
    `${parameterCount(spec).toLocaleString('en')} parameters, ` +
    `${operations(forwardFlops(networkOf(spec), data.shape))} an example`;
  return [
    `wide net: ${options.model} (${source.format}); ${size(wide)}`,
    `thin net: ${size(thin)}`,
    ...setup.notes,
    training === undefined
      ? 'stage 1 is skipped: the wide net is taken as it is'
      : `stage 1: the wide net is trained on the data first: ${training}`,
    ...left.map(({ arm, why }) => `${arm} is left out: ${why}`),
    ...parts.map(
      ({ name, runs, steps, seconds }) =>
        `${name}: ${plural(runs, 'run')} of ${steps} steps, about ${duration(seconds)}`,
    ),
    `about ${duration(secondsOf(parts))} in all on one core of a small machine, with ` +
      `${(memoryOf(setup) / 1e9).toFixed(1)} GB of memory; ` +
      'rates and arm are chosen on validation, nothing by the test split',
  ];
}

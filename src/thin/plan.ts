/** What `thin` will do: the networks and the data are opened, and all is settled and checked before the first step. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { UsageError } from '../core/errors.js';
import { isSameNormalization, normalizationText, unusual } from '../core/normalization.js';
import { absentLine, type Dataset } from '../data/dataset.js';
import { type DataSpec, inOrderOf, normalizationOf, openData, picturesOf, taskOf } from '../data/index.js';
import { otherVocabulary } from '../method/matching/own-tokens.js';
import { checkToRun, parseTrainSpec } from '../method/run/check-spec.js';
import { readWeights } from '../models/read.js';
import { headOf, inputProblem, maxPositionsOf, type NetworkSpec } from '../models/index.js';
import { keepMade } from '../store/kept.js';
import { runsFolder } from '../store/runs.js';
import { type Arm, type ArmName, ARMS, OWN_ARMS } from './arms.js';
import { cellsOf } from './cells.js';
import type { Found } from './data/form.js';
import { expectedData, findData } from './data/index.js';
import { lookAt } from './look.js';
import {
  checkEffects,
  checkOptions,
  DEFAULT_OUT,
  DEFAULT_RUNS,
  DEFAULT_SIDE,
  givenOf,
  type ThinOptions,
} from './options.js';
import { checkDataPlace, checkPlace } from './place.js';
import { batchOf, RECIPES, stepsFor } from './recipes.js';
import { settingOf, type Setup } from './setup.js';
import { narrowed, thinningOf, widthNotes } from './size.js';
import { openSource } from './sources/index.js';
import type { Source } from './sources/source.js';
import { haveSameShapes } from './same.js';
import { labelNotes, vocabularyNotes } from './vocabulary.js';

/** Whether names are the same, capitals aside. */
function among(names: readonly string[], all: readonly string[]): boolean {
  const lower = all.map((name) => name.toLowerCase());
  return names.every((name) => lower.includes(name.toLowerCase()));
}

/** Whether names are those of another list at the same places, capitals aside. */
function isInOrder(names: readonly string[], all: readonly string[]): boolean {
  return names.every((name, i) => name.toLowerCase() === all[i]?.toLowerCase());
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

/**
 * Opens the network and the data, and settles what is to be done. Throws UsageError with what does not fit, and leaves
 * nothing behind then: no copy of the users' texts, and no folder that was not there.
 */
export async function setUp(options: ThinOptions): Promise<Setup> {
  checkOptions(options);
  if (typeof options.samples === 'object' && options.compare !== true)
    throw new UsageError('--samples: several numbers are compared with --compare; expected one without it');
  const { out = DEFAULT_OUT } = options;
  checkPlace(out, options.model, options.data);
  const work = join(out, 'work');
  const before = nearestFolder(work);
  const drafts = mkdtempSync(join(tmpdir(), 'gowide-data-'));
  try {
    const draft = await settle(options, work, drafts);
    checkDataPlace(out, draft.spec);
    const spec = keepDrafts(draft.spec, drafts, work);
    return spec === draft.spec ? draft : { ...draft, spec, data: await openData(spec) };
  } catch (error) {
    // another process may have begun to work there meanwhile
    if (before !== work && !existsSync(runsFolder(work))) rmSync(work, { recursive: true, force: true });
    removeEmpty(work, before);
    throw error;
  } finally {
    rmSync(drafts, { recursive: true, force: true });
  }
}

/** A folder, or the nearest one above it that there is. */
function nearestFolder(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

/** Removes a folder and those above it, up to `kept`, as far as there is nothing in them. */
function removeEmpty(path: string, kept: string): void {
  for (let at = path; at !== kept && at !== dirname(at); at = dirname(at)) {
    if (!existsSync(at)) continue;
    if (readdirSync(at).length > 0) return;
    rmdirSync(at);
  }
}

/** Keeps files that a form of data made in the folder of the work, and returns the declaration with their places. */
function keepDrafts(spec: DataSpec, from: string, to: string): DataSpec {
  const places = readdirSync(from).map((name) => {
    const draft = join(from, name);
    return [draft, keepMade(to, name, (path) => cpSync(draft, path, { recursive: true }))] as const;
  });
  if (places.length === 0) return spec;
  const placeOf = (path: string): string => {
    const [draft, kept] = places.find(([one]) => path === one || path.startsWith(one + sep)) ?? ['', ''];
    return kept + path.slice(draft.length);
  };
  return JSON.parse(JSON.stringify(spec), (_, value: unknown) =>
    typeof value === 'string' ? placeOf(value) : value,
  ) as DataSpec;
}

/** What is to be done; files that are made of the data go into `drafts`. */
async function settle(options: ThinOptions, work: string, drafts: string): Promise<Setup> {
  const { out = DEFAULT_OUT, runs = DEFAULT_RUNS, seed = 1 } = options;
  const source = await openSource(options.model, { work, runs });
  if (options.runs !== undefined && source.data === undefined)
    throw new UsageError(`--runs: ${options.model} is no id of a run in a folder; leave it out`);
  const { recipe } = thinningOf(source.network);
  const found = findSpec(options, source, drafts);
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
  const passes = { option: '--epochs', epochs: options.epochs ?? base.epochs, examples: data.train.count, batch };
  const { wideEpochs } = options;
  const widePasses = wideEpochs === undefined ? passes : { ...passes, option: '--wide-epochs', epochs: wideEpochs };
  const steps = { thin: stepsFor(passes), wide: stepsFor(widePasses) };
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
      ...labelNotes(options.model, source.labels),
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

function describeHead(spec: NetworkSpec): string {
  const { kind, classes } = headOf(spec);
  return classes === undefined ? `"${kind}"` : `${classes} classes`;
}

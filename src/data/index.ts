/** Every data set, and what can be known of one by its declaration. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { InputFiles } from '../core/run.js';
import { UsageError } from '../core/errors.js';
import type { Normalization } from '../core/normalization.js';
import { lookUp, registerOwn, specSchema } from '../core/registry.js';
import { parseSpec } from '../core/spec.js';
import type { OnStage } from '../text/rows.js';
import type { WordPiece } from '../text/wordpiece.js';
import { cifar10, cifar100 } from './cifar.js';
import type { Dataset } from './dataset.js';
import type { DatasetDefinition, HeldOutCounts, KnownData, PictureCut, TokenTask } from './definition.js';
import { digits } from './digits.js';
import { hierarchy } from './hierarchy.js';
import { idx } from './idx.js';
import { imageFolder } from './imagefolder.js';
import { maskedLm } from './masked.js';
import { squad } from './squad.js';
import { tsv } from './tsv.js';
import { wordNetTask } from './wordnet-tasks.js';

const OWN = {
  digits,
  hierarchy,
  cifar10,
  cifar100,
  idx,
  imagefolder: imageFolder,
  'masked-lm': maskedLm,
  'wordnet-task': wordNetTask,
  tsv,
  squad,
};

/** Every data set under its name. To add one: a file that defines it and a line above, or {@link registerDataset}. */
export const DATASETS: Record<string, DatasetDefinition> = { ...OWN };

/** Adds a data set from outside this folder. Throws UsageError when its name is taken, or a member is missing. */
export function registerDataset<Spec extends { readonly set: string }>(definition: DatasetDefinition<Spec>): void {
  registerOwn('data set', DATASETS, 'name', definition, {
    name: 'string',
    spec: 'schema',
    open: 'function',
    shape: 'function',
  });
}

/** A declaration of the program's own data sets, told apart by `set`. A registered one has a type of its own. */
export type DataSpec = z.infer<(typeof OWN)[keyof typeof OWN]['spec']>;
/** Schema of a declaration of any data set, those registered later included. */
export const DataSpec = specSchema('data set', 'set', DATASETS) as z.ZodType<DataSpec>;

function definitionOf(spec: { readonly set: string }): DatasetDefinition {
  return lookUp('data set', DATASETS, spec.set);
}

/**
 * Throws UsageError when files that the user has to bring are not there; says which, and where they belong. Reads none
 * of them but a vocabulary.
 */
export function checkData(spec: DataSpec): void {
  definitionOf(spec).check?.(spec);
}

/**
 * Throws UsageError where two splits are the same files, by whatever names: what is chosen on the test split, or tested
 * on the training examples, looks better than it is on others.
 */
export function checkSplits(spec: DataSpec): void {
  const splits = Object.entries(definitionOf(spec).splits?.(spec) ?? {});
  const places = splits.map(([, path]) => placeOf(path));
  const at = places.findIndex((place, i) => places.indexOf(place) < i);
  if (at < 0) return;
  const [[first], [second, path]] = [splits[places.indexOf(places[at]!)]!, splits[at]!];
  throw new UsageError(
    `${first} and ${second}: ${path} is to be both; expected other examples for each split: ` +
      (second.includes('validation')
        ? 'name others, or say in data.validation how many training examples are held out'
        : 'put those of one of them elsewhere, and name that'),
  );
}

/** A path as the file system has it, links followed; as it is written where nothing is there. */
function placeOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return resolve(path);
  }
}

/** Files that data are read from and that do not come with the program. Throws UsageError where a folder is missing. */
export function dataFiles(spec: DataSpec): readonly InputFiles[] {
  return definitionOf(spec).files?.(spec) ?? [];
}

/**
 * The data that a spec declares. Throws UsageError on a spec that does not fit, and when files are missing or damaged.
 * `onStage` hears of a corpus that is made ready.
 */
export async function openData(spec: DataSpec, onStage?: OnStage): Promise<Dataset> {
  const checked = parseSpec(DataSpec, 'data', spec);
  return definitionOf(checked).open(checked, onStage);
}

/** Shape of one example, [H, W, C] or [rows, T], without opening the data. */
export function exampleShape(spec: DataSpec): readonly number[] {
  return definitionOf(spec).shape(spec);
}

/** What the data ask of a network that reads tokens; undefined for images. */
export function taskOf(spec: DataSpec): TokenTask | undefined {
  return definitionOf(spec).task?.(spec);
}

/** The tokenizer of data that are texts; undefined for others. */
export async function tokenizerOf(spec: DataSpec, onStage?: OnStage): Promise<WordPiece | undefined> {
  return definitionOf(spec).tokenizer?.(spec, onStage);
}

/** How the colors of pictures are normalized, where the declaration alone decides it; undefined for other data. */
export function normalizationOf(spec: DataSpec): Normalization | undefined {
  return definitionOf(spec).normalization?.(spec);
}

/** How pictures are prepared, for data that are files of pictures; undefined for others. */
export function picturesOf(spec: DataSpec): PictureCut | undefined {
  return definitionOf(spec).pictures?.(spec);
}

/** Whether examples are pairs of texts; undefined for data that do not say it. */
export function hasPairs(spec: DataSpec): boolean | undefined {
  return definitionOf(spec).pairs?.(spec);
}

/** Names of the classes of data whose declaration alone decides them; undefined for others. */
export function declaredLabels(spec: DataSpec): readonly string[] | undefined {
  return definitionOf(spec).labels?.(spec);
}

/**
 * What is known of data before they are read, as far as their definition says it. Throws UsageError where their folders
 * are not as they should be.
 */
export function knownOf(spec: DataSpec): KnownData {
  return definitionOf(spec).known?.(spec) ?? {};
}

/** How many examples a declaration says are held out of each split. */
export function heldOutCounts(spec: DataSpec): HeldOutCounts {
  return definitionOf(spec).heldOutCounts?.(spec) ?? {};
}

/**
 * Training examples of data that are not opened, as far as that can be told; not counted beyond `enough`. Throws
 * UsageError where their files are not as they should be.
 */
export function trainCountOf(spec: DataSpec, enough: number): number | undefined {
  const definition = definitionOf(spec);
  return definition.known?.(spec).train ?? definition.trainCount?.(spec, enough);
}

/**
 * A declaration with its classes in the order of a checkpoint's, `classes`; unchanged where these are not the data's.
 * Throws UsageError where the declaration asks for another order.
 */
export function inOrderOf(spec: DataSpec, classes: readonly string[]): DataSpec {
  const definition = definitionOf(spec);
  if (definition.inOrderOf !== undefined) return definition.inOrderOf(spec, classes) as DataSpec;
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  const [own, theirs] = [lower(definition.labels?.(spec) ?? []), lower(classes)];
  const same = own.length === theirs.length && own.every((name) => theirs.includes(name));
  if (same && String(own) !== String(theirs))
    throw new UsageError(
      `data.set "${spec.set}": a checkpoint has its classes in another order, beginning ${classes[0]}`,
    );
  return spec;
}

/** What users have to bring for a declaration, in one line; undefined where all of it comes with the program. */
export function broughtFor(spec: DataSpec): string | undefined {
  return definitionOf(spec).brought?.(spec);
}

/**
 * The quality of a run by its result, as a table's columns: the task's own scores where it has some, else accuracy, of
 * the validation and of the test split.
 */
export function qualityColumns(
  spec: { readonly set: string },
  result: Readonly<Record<string, unknown>>,
): Record<string, number> {
  const { shown } = definitionOf(spec);
  const splits = ['validation', 'test'];
  if (shown === undefined)
    return Object.fromEntries(splits.map((split) => [`${split} %`, result[`${split}Accuracy`] as number]));
  return Object.fromEntries(
    splits.flatMap((split) =>
      Object.entries(shown).flatMap(([column, names]): [string, number][] => {
        const name = names.find((one) => typeof result[`${split} ${one}`] === 'number');
        return name === undefined ? [] : [[`${split} ${column}`, result[`${split} ${name}`] as number]];
      }),
    ),
  );
}

/** What the result of a run on these data says beside accuracy (percent) and cross-entropy (nats) of the test split. */
export function testFigures(
  spec: DataSpec,
  test: { readonly accuracy: number; readonly crossEntropy: number },
): Readonly<Record<string, number>> {
  return definitionOf(spec).figures?.(test) ?? {};
}

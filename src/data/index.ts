/** Every data set, as a value and opened. */
import { z } from 'zod';
import { checkCifar, loadCifar } from './cifar.js';
import type { Dataset } from './dataset.js';
import { DIGITS_SIZE, loadDigits } from './digits.js';
import { loadHierarchy } from './hierarchy.js';
import { imageClasses, openImageFolder } from './imagefolder.js';
import { MaskedSpec, openMasked } from './masked.js';
import { textFiles } from '../text/corpus.js';
import { readVocabulary } from '../text/vocabulary.js';
import type { OnStage } from '../text/rows.js';
import { checkSquad, openSquad, SquadSpec } from './squad.js';
import { checkTsv, openTsv, TsvSpec } from './tsv.js';
import { openWordNetTask, wordNetClasses, WordNetTaskSpec } from './wordnet-tasks.js';

const count = z.int().min(1);

export const DataSpec = z.discriminatedUnion('set', [
  z.strictObject({
    set: z.literal('digits'),
    /** Training images that are used. */
    train: count,
    augment: z
      .strictObject({
        rotation: z.number().min(0).max(180),
        shift: z.number().min(0).max(1),
        logScale: z.number().min(0).max(2),
        noise: z.number().min(0),
      })
      .optional(),
  }),
  z.strictObject({
    set: z.literal('hierarchy'),
    vocabulary: z.int().min(2).max(64),
    classes: z.int().min(2).max(256),
    synonyms: count,
    levels: z.int().min(1).max(8),
    branching: z.int().min(2).max(4),
    grammar: z.int().min(0),
    train: count,
    validation: count,
    test: count,
  }),
  z.strictObject({
    set: z.enum(['cifar10', 'cifar100']),
    folder: z.string(),
    validation: count,
    train: count.optional(),
    padding: z.int().min(0).max(16),
  }),
  z.strictObject({
    set: z.literal('imagefolder'),
    folder: z.string(),
    size: z.int().min(8).max(1024),
    resize: z.int().min(8).max(2048),
    validation: count,
    corrupt: z.int().min(0),
  }),
  MaskedSpec,
  WordNetTaskSpec,
  TsvSpec,
  SquadSpec,
]);
export type DataSpec = z.infer<typeof DataSpec>;

/**
 * Throws UsageError when files that the user has to bring are not there; says which, and where they belong. Reads none
 * of them but a vocabulary.
 */
export function checkData(spec: DataSpec): void {
  if (spec.set === 'cifar10' || spec.set === 'cifar100') checkCifar(spec.set, spec.folder);
  if (spec.set === 'imagefolder') imageClasses(spec.folder);
  if (
    (spec.set === 'masked-lm' ||
      ((spec.set === 'tsv' || spec.set === 'squad') && typeof spec.vocabulary === 'number')) &&
    spec.corpus !== 'glosses'
  )
    textFiles(spec.corpus);
  if ('vocabulary' in spec && typeof spec.vocabulary === 'string') readVocabulary(spec.vocabulary);
  if (spec.set === 'tsv') checkTsv(spec);
  if (spec.set === 'squad') checkSquad(spec);
}

/** Throws UsageError when files are missing or damaged. `onStage` hears of a corpus that is made ready. */
export async function openData(spec: DataSpec, onStage?: OnStage): Promise<Dataset> {
  switch (spec.set) {
    case 'digits':
      return loadDigits(spec.train, spec.augment);
    case 'hierarchy':
      return loadHierarchy(spec);
    case 'cifar10':
    case 'cifar100':
      return loadCifar(spec);
    case 'imagefolder':
      return openImageFolder(spec);
    case 'masked-lm':
      return openMasked(spec, onStage);
    case 'wordnet-task':
      return openWordNetTask(spec, onStage);
    case 'tsv':
      return openTsv(spec, onStage);
    case 'squad':
      return openSquad(spec, onStage);
  }
}

/** Shape of one example, [H, W, C] or [rows, T], without opening the data. */
export function exampleShape(spec: DataSpec): readonly number[] {
  switch (spec.set) {
    case 'digits':
      return [DIGITS_SIZE, DIGITS_SIZE, 1];
    case 'hierarchy':
      return [1, spec.branching ** spec.levels, spec.vocabulary];
    case 'cifar10':
    case 'cifar100':
      return [32, 32, 3];
    case 'imagefolder':
      return [spec.size, spec.size, 3];
    case 'masked-lm':
      return [4, spec.tokens];
    case 'wordnet-task':
    case 'tsv':
    case 'squad':
      return [3, spec.tokens];
  }
}

/**
 * What the data ask of a token network's head, and how many answers there are where that is known before the data are
 * opened; undefined for images.
 */
export function taskOf(
  spec: DataSpec,
): { readonly head: 'masked-lm' | 'classify' | 'span'; readonly classes?: number } | undefined {
  switch (spec.set) {
    case 'masked-lm':
      return { head: 'masked-lm' };
    case 'wordnet-task':
      return { head: 'classify', classes: wordNetClasses(spec.task) };
    case 'tsv':
      return { head: 'classify' };
    case 'squad':
      return { head: 'span' };
    default:
      return undefined;
  }
}

/** Questions whose answers are spans of a text, in SQuAD's format: a file to train on and one to test, in a folder. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { isFolder } from '../../core/folder.js';
import { readVocabulary } from '../../text/vocabulary.js';
import type { DataForm, Found, FormOptions } from './form.js';

/** As Google's `run_squad.py` has them, as far as the network's positions reach. */
const DEFAULTS = { tokens: 384, stride: 128, question: 64, answer: 30 } as const;
const VALIDATION = 0.1;

/** The files of a folder whose names begin in one of these ways. */
function named(folder: string, beginnings: readonly string[]): string[] {
  return readdirSync(folder).filter(
    (name) => name.endsWith('.json') && beginnings.some((one) => name.toLowerCase().startsWith(one)),
  );
}

function open(path: string, { vocabulary, mostTokens, tokens: asked }: FormOptions): Found {
  const [train, test] = [named(path, ['train']), named(path, ['dev', 'test', 'val'])];
  for (const [what, names] of [
    ['train', train],
    ['dev', test],
  ] as const)
    if (names.length !== 1)
      throw new UsageError(`${path}: ${names.length} files ${what}*.json; expected one, such as ${what}-v1.1.json`);
  const tokens = asked ?? Math.min(DEFAULTS.tokens, mostTokens);
  const question = Math.min(DEFAULTS.question, Math.floor(tokens / 4));
  return {
    spec: {
      set: 'squad',
      corpus: 'glosses',
      vocabulary: vocabulary!,
      lowercase: readVocabulary(vocabulary!).lowercase ?? true,
      tokens,
      heldOut: VALIDATION,
      train: join(path, train[0]!),
      test: join(path, test[0]!),
      validation: VALIDATION,
      stride: Math.min(DEFAULTS.stride, Math.floor(tokens / 3)),
      question,
      answer: Math.min(DEFAULTS.answer, question),
    },
    notes: [
      `questions: ${train[0]} without a tenth of its articles that are held out for choosing; ${test[0]} for the test`,
    ],
  };
}

/** Questions in SQuAD's format. */
export const questions: DataForm = {
  name: 'questions',
  looks: 'a folder with train*.json and dev*.json in SQuAD’s format',
  reads: 'texts',
  called: (path) => (isFolder(path) && named(path, ['train']).length > 0 ? 'a folder of questions' : undefined),
  heeds: ['tokens'],
  matches: (path, { vocabulary }) => vocabulary !== undefined && isFolder(path) && named(path, ['train']).length > 0,
  open,
};

/**
 * Texts or pairs of texts with a class in tab-separated files, as GLUE (Wang et al. 2018) has them: UTF-8, one example
 * on each line, no quoting.
 */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { readText } from '../store/config.js';
import type { OnStage } from '../text/rows.js';
import type { Dataset } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import {
  checkVocabulary,
  CORPUS_FIELDS,
  openTokenizer,
  sample,
  textSource,
  vocabularySize,
  type TextExample,
} from './texts.js';

/** Name of a column in the file's first line; or its number, from 0, in files without such a line. */
const column = z.union([z.string(), z.int().min(0)]);

/** Schema of {@link TsvSpec}. */
export const TsvSpec = z.strictObject({
  set: z.literal('tsv'),
  ...CORPUS_FIELDS,
  train: z.string(),
  test: z.string(),
  /** A third file, or how many of the training examples are held out. */
  validation: z.union([z.string(), z.int().min(1)]),
  columns: z.strictObject({ text: column, pair: column.optional(), label: column }),
});
/** Tab-separated files with a text, or a pair of texts, and a class on each line. */
export type TsvSpec = z.infer<typeof TsvSpec>;

/** Throws UsageError when a file is missing. */
function checkTsv({ train, test, validation }: Pick<TsvSpec, 'train' | 'test' | 'validation'>): void {
  for (const file of [train, test, ...(typeof validation === 'string' ? [validation] : [])]) {
    if (!existsSync(file))
      throw new UsageError(
        `${file}: not found; expected a file with an example on each line, its columns separated by tabs`,
      );
  }
}

interface Raw {
  readonly text: string;
  readonly pair?: string;
  readonly label: string;
  readonly line: number;
}

function readTsv(file: string, { columns }: TsvSpec): Raw[] {
  const lines = readText(file).split(/\r?\n/);
  const named = Object.values(columns).some((name) => typeof name === 'string');
  const header = named ? lines[0]!.split('\t') : [];
  const indexOf = (name: string | number): number => {
    const index = typeof name === 'number' ? name : header.indexOf(name);
    if (index < 0)
      throw new UsageError(`${file}: no column "${name}" in its first line; there are: ${header.join(', ')}`);
    return index;
  };
  const [text, pair, label] = [
    indexOf(columns.text),
    columns.pair === undefined ? undefined : indexOf(columns.pair),
    indexOf(columns.label),
  ];
  const rows = lines.flatMap((raw, i): Raw[] => {
    if ((named && i === 0) || raw.trim() === '') return [];
    const cells = raw.split('\t');
    const cell = (index: number): string => {
      const value = cells[index];
      if (value === undefined)
        throw new UsageError(`${file}, line ${i + 1}: ${cells.length} columns; column ${index + 1} is needed`);
      return value;
    };
    return [
      { text: cell(text), ...(pair !== undefined && { pair: cell(pair) }), label: cell(label).trim(), line: i + 1 },
    ];
  });
  if (rows.length === 0) throw new UsageError(`${file}: no example in it`);
  return rows;
}

/**
 * Examples [3, T]; the classes are the training file's labels, in alphabetical order. Throws UsageError with file and
 * line.
 */
export async function openTsv(spec: TsvSpec, onStage?: OnStage): Promise<Dataset> {
  const rows = readTsv(spec.train, spec);
  const names = [...new Set(rows.map(({ label }) => label))].sort();
  if (names.length < 2)
    throw new UsageError(`${spec.train}: all examples have the label "${names[0]}"; expected at least two`);
  const numbers = new Map(names.map((name, i) => [name, i]));
  const examples = (all: readonly Raw[], file: string): TextExample[] =>
    all.map(({ label, line, ...texts }) => {
      const number = numbers.get(label);
      if (number === undefined)
        throw new UsageError(`${file}, line ${line}: label "${label}"; the training file has: ${names.join(', ')}`);
      return { ...texts, label: number };
    });
  const held =
    typeof spec.validation === 'number'
      ? new Set(sample([...rows.keys()], spec.validation, 'tsv validation'))
      : new Set<number>();
  if (held.size === rows.length)
    throw new UsageError(
      `${spec.train}: ${rows.length} examples; ${held.size} are to be held out for validation, and none is left`,
    );
  const validation =
    typeof spec.validation === 'string'
      ? examples(readTsv(spec.validation, spec), spec.validation)
      : examples(
          rows.filter((_, i) => held.has(i)),
          spec.train,
        );
  const tokenizer = await openTokenizer(spec, onStage);
  const source = (list: readonly TextExample[]): Dataset['train'] => textSource(tokenizer, spec.tokens, list);
  return {
    shape: [3, spec.tokens],
    classes: names.length,
    vocabulary: tokenizer.vocabulary.length,
    train: source(
      examples(
        rows.filter((_, i) => !held.has(i)),
        spec.train,
      ),
    ),
    validation: source(validation),
    test: source(examples(readTsv(spec.test, spec), spec.test)),
  };
}

/** Texts of the user's with a class each, in tab-separated files. */
export const tsv: DatasetDefinition<TsvSpec> = {
  name: 'tsv',
  spec: TsvSpec,
  check: (spec) => {
    checkVocabulary(spec);
    checkTsv(spec);
  },
  open: openTsv,
  shape: ({ tokens }) => [3, tokens],
  task: (spec) => ({ head: 'classify', ...vocabularySize(spec) }),
  tokenizer: openTokenizer,
  brought: () => 'tab-separated files with a text and a class on each line are brought by you',
};

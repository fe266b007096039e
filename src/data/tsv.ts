/**
 * Texts or pairs of texts with a class in tab-separated files, as GLUE (Wang et al. 2018) has them: UTF-8, one example
 * on each line, no quoting; gzipped where a file's name ends with `.gz`.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { isOrAre, listed, plural, UsageError } from '../core/errors.js';
import { remembered } from '../core/memo.js';
import { byCodePoint } from '../core/text-order.js';
import { linesOf, readText } from '../store/config.js';
import type { OnStage } from '../text/rows.js';
import { checkOnce } from './columns.js';
import { absentClasses, type Dataset } from './dataset.js';
import { pathText, type DatasetDefinition } from './definition.js';
import {
  checkVocabulary,
  CORPUS_FIELDS,
  openTokenizer,
  PADDING,
  repeatedTexts,
  sample,
  textSource,
  tokenizerFiles,
  vocabularySize,
  type TextExample,
} from './texts.js';

/** Name of a column in the file's first line; or its number, from 0, in files without such a line. */
const column = z.union([z.string(), z.int().min(0)]);

/** Schema of {@link TsvSpec}. */
export const TsvSpec = z.strictObject({
  set: z.literal('tsv'),
  ...CORPUS_FIELDS,
  /** How far texts are padded: `max_length` by default. */
  padding: PADDING.optional(),
  /**
   * Whether the texts of a training batch are of similar lengths, as with `group_by_length` of Hugging Face's trainer;
   * goes with padding to the longest.
   */
  groupByLength: z.boolean().optional(),
  train: pathText(),
  test: pathText(),
  /** A third file, or how many of the training examples are held out. */
  validation: z.union([pathText(), z.int().min(1)]),
  columns: z.strictObject({ text: column, pair: column.optional(), label: column }),
  /**
   * The labels in the order of the classes. By default the order of a checkpoint that the training begins with or
   * imitates, where its configuration names the same labels; else numbers by their value, others by their letters.
   */
  labels: z.array(z.string()).min(2).optional(),
});
/** Tab-separated files with a text, or a pair of texts, and a class on each line. */
export type TsvSpec = z.infer<typeof TsvSpec>;

/** Throws UsageError when texts of similar lengths would all be padded to one length. */
function checkGrouping({ groupByLength, padding }: Pick<TsvSpec, 'groupByLength' | 'padding'>): void {
  if (groupByLength === true && padding !== 'longest')
    throw new UsageError('data.groupByLength: expected data.padding "longest" beside it, or neither');
}

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

/** A file's examples, and lines that are none. */
interface Table {
  readonly rows: readonly Raw[];
  readonly problems: readonly { readonly file: string; readonly reason: string }[];
  /** Whether "-" is a label there, beside "+" or in `data.labels`. */
  readonly signs: boolean;
}

/** The label of examples without one, on which those who labelled them did not agree (SNLI); else one beside "+". */
export const UNLABELLED = '-';

/** Numbers of examples in files, by what they are counted of: a sweep asks for each of its cells. */
const ROW_COUNTS = new Map<string, number>();

/** Number of examples in a file, counted anew when its size or time has changed. */
function rowCount(file: string, spec: TsvSpec): number {
  const { size, mtimeMs } = statSync(file);
  const key = JSON.stringify([resolve(file), size, mtimeMs, spec.columns, spec.labels]);
  return remembered(ROW_COUNTS, key, () => readTsv(file, spec).rows.length);
}

/**
 * Reads a file. A line with too few columns (there are some in QQP), with more than the first line has, as of a tab
 * within a text, or without a label is left out, and named. Throws UsageError on columns that are not there, that
 * stand twice in the first line or are to be two things, on texts that are all empty, and where more lines than not
 * have too few or too many columns.
 */
function readTsv(file: string, { columns, labels }: TsvSpec, { signs = false }: Partial<Table> = {}): Table {
  const whole = readText(file, { gzipped: file.endsWith('.gz'), dropNul: true });
  if (whole.trim() === '') throw new UsageError(`${file}: empty; expected an example on each line`);
  const lines = linesOf(whole);
  const named = Object.values(columns).some((name) => typeof name === 'string');
  const header = named ? lines[0]!.split('\t') : [];
  const indexOf = (name: string | number): number => {
    const index = typeof name === 'number' ? name : header.indexOf(name);
    if (index < 0) {
      const comma = header.length === 1 && header[0]!.includes(',') ? '; expected tabs between them, got commas' : '';
      throw new UsageError(`${file}: no column "${name}" in its first line; there are: ${listed(header)}${comma}`);
    }
    return index;
  };
  const [text, pair, label] = [
    indexOf(columns.text),
    columns.pair === undefined ? undefined : indexOf(columns.pair),
    indexOf(columns.label),
  ];
  checkOnce(file, header, [text, ...(pair === undefined ? [] : [pair]), label], 'data.columns');
  const needed = [text, pair ?? text, label];
  const isSigned =
    labels?.includes(UNLABELLED) ?? (signs || lines.some((line) => line.split('\t')[label]?.trim() === '+'));
  const [rows, uneven, unlabelled]: [Raw[], string[], string[]] = [[], [], []];
  for (const [i, raw] of lines.entries()) {
    if ((named && i === 0) || raw.trim() === '') continue;
    const cells = raw.split('\t');
    const given = cells[label]?.trim();
    const missing = needed.find((index) => index >= cells.length);
    if (missing !== undefined)
      uneven.push(`line ${i + 1}: ${plural(cells.length, 'column')}; column ${missing + 1} is needed`);
    else if (named && cells.slice(header.length).some((cell) => cell.trim() !== ''))
      uneven.push(`line ${i + 1}: ${plural(cells.length, 'column')}, ${header.length} in the first line`);
    else if (given === '') unlabelled.push(`line ${i + 1}: without a label`);
    else if (given === UNLABELLED && !isSigned) unlabelled.push(`line ${i + 1}: without a label ("${UNLABELLED}")`);
    else
      rows.push({ text: cells[text]!, ...(pair !== undefined && { pair: cells[pair]! }), label: given!, line: i + 1 });
  }
  if (uneven.length > rows.length) throw new UsageError(`${file}, ${uneven[0]}`);
  if (rows.length === 0) throw new UsageError(`${file}: no example in it; expected a text and a label on each line`);
  if (rows.every((row) => row.text.trim() === '' && (row.pair ?? '').trim() === ''))
    throw new UsageError(`${file}: no text in it, on any line with a label; expected one in the column of texts`);
  const problems = [...uneven, ...unlabelled].map((reason) => ({ file, reason: `${reason}; left out` }));
  return { rows, problems, signs: isSigned };
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Labels in the order of their classes: numbers by their value, so that 10 follows 9, others by their letters. */
function inOrder(labels: Iterable<string>): string[] {
  const names = [...new Set(labels)].sort(byCodePoint);
  return names.every((name) => NUMBER.test(name)) ? names.sort((a, b) => Number(a) - Number(b)) : names;
}

/** A number in one way of writing, whole ones to the last digit. */
function valueOf(name: string): string {
  return /^[+-]?\d+$/.test(name) ? String(BigInt(name.replace('+', ''))) : String(Number(name));
}

/** Two of the labels that are one number, written in two ways (`1`, `1.0`), where all labels are numbers. */
export function sameNumber(labels: Iterable<string>): readonly [string, string] | undefined {
  const names = inOrder(labels);
  if (!names.every((name) => NUMBER.test(name))) return undefined;
  const at = names.findIndex((name, i) => i > 0 && valueOf(name) === valueOf(names[i - 1]!));
  return at < 0 ? undefined : [names[at - 1]!, names[at]!];
}

/** The labels of a training file, in the order of the classes. Throws UsageError when there are none to tell apart. */
function labelsOf({ train, labels }: TsvSpec, rows: readonly Raw[]): readonly string[] {
  const names = inOrder(rows.map(({ label }) => label));
  if (labels !== undefined) {
    const twice = labels.find((label, i) => labels.indexOf(label) !== i);
    if (twice !== undefined) throw new UsageError(`data.labels: "${twice}" stands in it twice`);
    return labels;
  }
  const twice = sameNumber(names);
  if (twice !== undefined)
    throw new UsageError(
      `${train}: the labels "${twice[0]}" and "${twice[1]}" are one number; ` +
        'write it in one way, or say in data.labels that they are two classes',
    );
  if (names.length < 2)
    throw new UsageError(`${train}: all examples have the label "${names[0]}"; expected at least two`);
  return names;
}

/**
 * The declaration with its labels in the order of a checkpoint's classes, in the spelling of the files; unchanged where
 * the checkpoint does not name all of them. Capitals do not count, as in Hugging Face's own training scripts. Throws
 * UsageError where `data.labels` has the same labels in another order: logits and labels would be of different classes.
 */
function inOrderOf(spec: TsvSpec, classes: readonly string[]): TsvSpec {
  const given = labelsOf(spec, readTsv(spec.train, spec).rows);
  const mine = new Map(given.map((label) => [label.toLowerCase(), label]));
  const theirs = classes.map((name) => name.toLowerCase());
  if (![...mine.keys()].every((label) => theirs.includes(label))) return spec;
  const labels = theirs.map((name, i) => mine.get(name) ?? classes[i]!);
  if (spec.labels !== undefined && spec.labels.some((label, i) => label !== labels[i]))
    throw new UsageError(
      `data.labels: ${spec.labels.join(', ')}, and the checkpoint has the order ${labels.join(', ')}; ` +
        'leave data.labels out, or give it this order',
    );
  return String(labels) === String(given) ? spec : { ...spec, labels };
}

/** Examples [3, T]; the classes are the labels in their order. Throws UsageError with file and line. */
async function openTsv(spec: TsvSpec, onStage?: OnStage): Promise<Dataset> {
  const train = readTsv(spec.train, spec);
  const test = readTsv(spec.test, spec, train);
  const third = typeof spec.validation === 'string' ? readTsv(spec.validation, spec, train) : undefined;
  const { rows } = train;
  const names = labelsOf(spec, rows);
  const numbers = new Map(names.map((name, i) => [name, i]));
  const examples = (all: readonly Raw[], file: string): TextExample[] =>
    all.map(({ label, line, ...texts }) => {
      const number = numbers.get(label);
      if (number === undefined)
        throw new UsageError(
          `${file}, line ${line}: label "${label}"; ` +
            `${spec.labels === undefined ? 'the training file' : 'data.labels'} has: ${listed(names)}`,
        );
      return { ...texts, label: number };
    });
  const held =
    typeof spec.validation === 'number'
      ? new Set(sample([...rows.keys()], spec.validation, 'tsv validation'))
      : new Set<number>();
  if (held.size === rows.length)
    throw new UsageError(
      `${spec.train}: ${plural(rows.length, 'example')}; ${held.size} ${isOrAre(held.size)} to be held out for validation, and none is left`,
    );
  const part = (isHeld: boolean): TextExample[] =>
    examples(
      rows.filter((_, i) => held.has(i) === isHeld),
      spec.train,
    );
  const splits = {
    train: part(false),
    validation: third === undefined ? part(true) : examples(third.rows, String(spec.validation)),
    test: examples(test.rows, spec.test),
  };
  // a file may be several of the splits
  const problems = [
    ...new Map(
      [train, test, third].flatMap((table) => table?.problems ?? []).map((one) => [one.file + one.reason, one]),
    ).values(),
  ];
  const tokenizer = await openTokenizer(spec, onStage);
  const repeated = repeatedTexts(splits.train, splits.test);
  const { tokens, padding, groupByLength } = spec;
  const source = (list: readonly TextExample[], groupsByLength = false): Dataset['train'] =>
    textSource({ tokenizer, tokens, padding, groupsByLength }, list);
  return {
    shape: [3, tokens],
    ...(padding === 'longest' && { isRagged: true }),
    classes: names.length,
    labels: names,
    vocabulary: tokenizer.vocabulary.length,
    train: source(splits.train, groupByLength),
    validation: source(splits.validation),
    test: source(splits.test),
    ...(problems.length > 0 && { problems }),
    ...absentClasses(names, splits),
    ...(repeated && { repeated }),
  };
}

/** Texts of the user's with a class each, in tab-separated files. */
export const tsv: DatasetDefinition<TsvSpec> = {
  name: 'tsv',
  spec: TsvSpec,
  check: (spec) => {
    checkGrouping(spec);
    checkVocabulary(spec);
    checkTsv(spec);
  },
  open: openTsv,
  files: (spec) => [
    ...[spec.train, spec.test, spec.validation].flatMap((path) => (typeof path === 'string' ? [{ path }] : [])),
    ...tokenizerFiles(spec),
  ],
  splits: ({ train, test, validation }) => ({
    ...{ 'data.train': train, 'data.test': test },
    ...(typeof validation === 'string' && { 'data.validation': validation }),
  }),
  shape: ({ tokens }) => [3, tokens],
  pairs: ({ columns }) => columns.pair !== undefined,
  task: (spec) => ({ head: 'classify', ...vocabularySize(spec) }),
  trainCount: (spec) => rowCount(spec.train, spec) - (typeof spec.validation === 'number' ? spec.validation : 0),
  known: ({ labels }) => (labels === undefined ? {} : { classes: labels.length }),
  heldOutCounts: ({ validation }) => (typeof validation === 'number' ? { validation } : {}),
  tokenizer: openTokenizer,
  inOrderOf,
  brought: () => 'tab-separated files with a text and a class on each line are brought by you',
};

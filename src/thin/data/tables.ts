/**
 * Tables of texts with a class each: tab-separated without quotes, as GLUE has them, or comma-separated with quotes
 * (RFC 4180), packed by gzip or not; one file that is split, or a folder with a file for each split.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listed, plural, UsageError } from '../../core/errors.js';
import { parseNumber } from '../../core/number.js';
import { permutation, rngKey } from '../../core/rng.js';
import { checkOnce } from '../../data/columns.js';
import { repeatedLine } from '../../data/dataset.js';
import { repeatedTexts, sample } from '../../data/texts.js';
import { sameNumber, UNLABELLED } from '../../data/tsv.js';
import { makeFolder, writeAtomic } from '../../store/atomic.js';
import { linesOf, readText, withLineFeeds } from '../../store/config.js';
import { readVocabulary } from '../../text/vocabulary.js';
import { WordPiece } from '../../text/wordpiece.js';
import { adviceOn, checkNamed, columnsIn, columnsNote, columnsOf, type Columns } from './columns.js';
import type { DataForm, Found, FormOptions } from './form.js';
import { HELD_OUT, SPLIT_NAMES } from './splits.js';

/** Names of tables of texts. */
export const TABLE = /\.(tsv|csv)(\.gz)?$/i;
/** What stands for the label in test files of GLUE that are published without. */
const NO_LABEL = '-1';
/** Examples for choosing, at most: more tell rates apart no better. */
const MOST_VALIDATION = 1000;
const LEAST_VALIDATION = 200;
/** Tokens that are taken where nothing is said, at most. */
const MOST_TOKENS = 128;

interface Row {
  readonly text: string;
  readonly pair?: string;
  readonly label: string;
  /** The file and the line where it begins. */
  readonly at: string;
}

/** Lines of a table with the number of each: cells between tabs, or between commas where quotes may enclose them. */
function* cellsOf(path: string): Generator<{ readonly cells: readonly string[]; readonly line: number }> {
  const whole = readText(path, { gzipped: /\.gz$/i.test(path), dropNul: true });
  if (/\.tsv(\.gz)?$/i.test(path)) {
    for (const [i, raw] of linesOf(whole).entries())
      if (raw.trim() !== '') yield { cells: raw.split('\t'), line: i + 1 };
    return;
  }
  const text = withLineFeeds(whole);
  let [cells, cell, quoted, line, first]: [string[], string, boolean, number, number] = [[], '', false, 1, 1];
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (quoted && character === undefined)
      throw new UsageError(`${path}, line ${first}: a quote that is opened here and never closed`);
    if (character === '\n') line++;
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === ',') {
      cells.push(cell);
      cell = '';
    } else if (character === '\n' || character === undefined) {
      cells.push(cell.replace(/\r$/, ''));
      if (cells.length > 1 || cells[0]!.trim() !== '') yield { cells, line: first };
      [cells, cell, first] = [[], '', line];
    } else cell += character;
  }
}

/** A table whose first line has been read. */
interface OpenedTable {
  readonly header: readonly string[];
  readonly lines: ReturnType<typeof cellsOf>;
}

/** Throws UsageError where a table is empty. */
function openTable(path: string): OpenedTable {
  const lines = cellsOf(path);
  const first = lines.next();
  if (first.done) throw new UsageError(`${path}: empty; expected names of columns in its first line`);
  return { header: first.value.cells, lines };
}

/** A table, and which of its columns hold texts. */
interface TextTable extends OpenedTable {
  readonly columns: Columns;
}

/** Throws UsageError where a table is empty or has no column of texts. */
function openTextTable(path: string, given: FormOptions['columns']): TextTable {
  const { header, lines } = openTable(path);
  checkNamed(path, header, ['text', 'pair'], given);
  const found = columnsIn(header, given);
  if (found.text < 0)
    throw new UsageError(
      `${path}: no column for the text in its first line (${listed(header)}); ${adviceOn(path, header, 'text=NAME')}`,
    );
  // a text that is named alone is meant alone
  const columns = given.text !== undefined && given.pair === undefined ? { ...found, pair: -1 } : found;
  return { header, columns, lines };
}

/**
 * The texts of each line, one or the two of a pair; undefined for one whose column a line does not reach. Throws
 * UsageError where a column is to be two things, and where a line has more columns than the first one: none is left out
 * without a word.
 */
function textsByLine(path: string, { header, columns, lines }: TextTable): (string | undefined)[][] {
  const taken = [columns.text, columns.pair].filter((at) => at >= 0);
  checkOnce(path, header, taken, '--columns');
  const [texts, ragged]: [(string | undefined)[][], string[]] = [[], []];
  for (const { cells, line } of lines) {
    const more = moreColumns(cells, line, header.length);
    if (more === undefined) texts.push(taken.map((at) => cells[at]?.replaceAll(/\s+/g, ' ').trim()));
    else ragged.push(more);
  }
  checkRagged(path, ragged, 0);
  return texts;
}

/**
 * The texts of a table that has no column of labels, those of both columns of a pair, and a line that says which
 * columns these are; undefined where it has labels. Throws UsageError where it has no column of texts, or none is in
 * it.
 */
export function unlabelledTexts(
  path: string,
  given: FormOptions['columns'],
): { readonly texts: readonly string[]; readonly note: string } | undefined {
  if (given.label !== undefined) return undefined;
  const table = openTextTable(path, given);
  if (table.columns.label >= 0) return undefined;
  const texts = textsByLine(path, table).flat();
  return { texts: texts.map((text) => text ?? ''), note: columnsNote(table.header, table.columns) };
}

/** A text that is to be classified, or a pair of them. */
export interface TextOrPair {
  readonly text: string;
  readonly pair?: string;
}

/**
 * The texts of a table, or the pairs of them, whatever else is in it, and lines for people: which columns these are,
 * and how many lines are left out, as they have no text or do not reach the column of the second one. Throws UsageError
 * where it has no column of texts.
 */
export function tableTexts(
  path: string,
  given: FormOptions['columns'],
): { readonly rows: readonly TextOrPair[]; readonly notes: readonly string[] } {
  const table = openTextTable(path, given);
  const hasPair = table.columns.pair >= 0;
  const all = textsByLine(path, table);
  const whole = all.filter(([text, pair]) => (text ?? '') !== '' && (!hasPair || pair !== undefined));
  const rows = whole.map(([text, pair]) => ({ text: text!, ...(pair !== undefined && { pair }) }));
  const left = all.length - rows.length;
  const without = hasPair ? 'a text or a second one' : 'a text';
  const notes = left === 0 ? [] : [`${path}: ${plural(left, 'line')} without ${without} left out`];
  return { rows, notes: [columnsNote(table.header, { ...table.columns, label: -1 }), ...notes] };
}

/** What is wrong with a line that has more columns than the first one, empty ones aside. */
function moreColumns(cells: readonly string[], line: number, columns: number): string | undefined {
  const hasMore = cells.slice(columns).some((cell) => cell.trim() !== '');
  return hasMore ? `line ${line} with ${plural(cells.length, 'column')}, ${columns} in the first line` : undefined;
}

/** Throws UsageError where more lines have more columns than the first one than there are `others`. */
function checkRagged(path: string, ragged: readonly string[], others: number): void {
  if (ragged.length > others)
    throw new UsageError(
      `${path}: ${plural(ragged.length, 'line')} with more columns than the first one, such as ${ragged[0]}; ` +
        `${/\.csv/i.test(path) ? 'a text with commas in it needs quotes' : 'expected as many on each line'}`,
    );
}

/** A file's rows, and the lines that are none, each with the reason. */
interface Table {
  readonly rows: Row[];
  readonly leftOut: readonly string[];
  /** Which columns were taken, and which left out. */
  readonly columns: string;
  /** Whether "-" is a label there, beside "+". */
  readonly signs: boolean;
}

/** Reads a file; `signs` says that "-" is a label in another file of the same data. */
function readTable(path: string, given: FormOptions['columns'], signs = false): Table {
  const { header, lines } = openTable(path);
  const at = columnsOf(path, header, given);
  const [all, leftOut, ragged]: [Row[], string[], string[]] = [[], [], []];
  const clean = (text: string): string => text.replaceAll(/[\t\r\n]+/g, ' ');
  for (const { cells, line } of lines) {
    const [text, label] = [cells[at.text], clean(cells[at.label] ?? '').trim()];
    const pair = at.pair < 0 ? undefined : cells[at.pair];
    const more = moreColumns(cells, line, header.length);
    if (more !== undefined) ragged.push(more);
    else if (text === undefined || text.trim() === '') leftOut.push(`line ${line} without a text`);
    else if (label === '') leftOut.push(`line ${line} without a label`);
    else if (at.pair >= 0 && pair === undefined) leftOut.push(`line ${line} without a second text`);
    else
      all.push({
        text: clean(text),
        ...(pair !== undefined && { pair: clean(pair) }),
        label,
        at: `${path}, line ${line}`,
      });
  }
  const isSign = signs || all.some(({ label }) => label === '+');
  const isNone = ({ label }: Row): boolean => label === UNLABELLED && !isSign;
  const unlabelled = all.filter(isNone).map((row) => `${row.at.slice(path.length + 2)} with the label "${UNLABELLED}"`);
  const rows = all.filter((row) => !isNone(row));
  checkRagged(path, ragged, rows.length);
  const columns = columnsNote(header, at);
  return { rows, leftOut: [...leftOut, ...unlabelled, ...ragged], columns, signs: isSign };
}

/** Some of the rows of each label, at least one of each that has two; and the others. */
function held(rows: readonly Row[], share: number, name: string): { readonly taken: Row[]; readonly left: Row[] } {
  const taken = new Set<Row>();
  for (const label of new Set(rows.map((row) => row.label))) {
    const own = rows.filter((row) => row.label === label);
    if (own.length < 2) continue;
    const count = Math.min(own.length - 1, Math.max(1, Math.round(share * own.length)));
    for (const index of permutation(rngKey(0, 'thin', name, label), own.length).subarray(0, count))
      taken.add(own[index]!);
  }
  return { taken: rows.filter((row) => taken.has(row)), left: rows.filter((row) => !taken.has(row)) };
}

/** The files of the splits in a folder; a file that is named as several splits is refused. */
function filesIn(folder: string): Partial<Record<keyof typeof SPLIT_NAMES, string>> {
  const tables = readdirSync(folder).filter((name) => TABLE.test(name));
  return Object.fromEntries(
    Object.entries(SPLIT_NAMES).flatMap(([split, names]) => {
      const found = tables.filter((name) =>
        (names as readonly string[]).includes(name.replace(TABLE, '').toLowerCase()),
      );
      if (found.length > 1) throw new UsageError(`${folder}: ${found.join(' and ')}; expected one file for ${split}`);
      return found.length === 0 ? [] : [[split, join(folder, found[0]!)] as const];
    }),
  );
}

interface Splits {
  readonly train: Row[];
  /** Training rows that a sample leaves out. */
  readonly unused: number;
  readonly validation: Row[];
  readonly test: Row[];
  readonly notes: string[];
}

/** The rows of the three splits. With two files the second one is for test: rates are never chosen on it. */
function splitsOf(path: string, { columns, rows: most }: FormOptions): Splits {
  const isFolder = statSync(path).isDirectory();
  const files = isFolder ? filesIn(path) : { train: path };
  if (files.train === undefined)
    throw new UsageError(`${path}: no train.tsv or train.csv; expected it with dev, val or test beside it`);
  const notes: string[] = [];
  let signs = false;
  const read = (file: string): Row[] => {
    const table = readTable(file, columns, signs);
    if (table.rows.length === 0) throw new UsageError(`${file}: no line with a text and a label in it`);
    const { length } = table.leftOut;
    if (length > 0) notes.push(`${file}: ${plural(length, 'line')} left out, such as ${table.leftOut[0]}`);
    signs = table.signs;
    if (file === files.train) notes.push(table.columns);
    return table.rows;
  };
  const whole = read(files.train);
  const given = files.test !== undefined && hasLabels(files.test, columns, whole, signs) ? files.test : undefined;
  if (files.test !== undefined && given === undefined) notes.push(`${files.test}: it has no labels and is not used`);
  const testFile = given ?? files.validation;
  const first = testFile === undefined ? held(whole, HELD_OUT.test, 'test') : { taken: read(testFile), left: whole };
  const own = given !== undefined && files.validation !== undefined ? read(files.validation) : undefined;
  // of a sample of the rows not many times as many are looked at for choosing
  const looked = Math.min(MOST_VALIDATION, Math.max(LEAST_VALIDATION, most));
  const share = Math.min(HELD_OUT.validation, looked / first.left.length);
  const second = own === undefined ? held(first.left, share, 'validation') : { taken: own, left: first.left };
  const train = sample(second.left, most, 'thin rows');
  const unused = second.left.length - train.length;
  notes.push(
    `texts: ${train.length} for training` +
      `${unused > 0 ? ` of ${train.length + unused}` : ''}, ` +
      `${second.taken.length} for choosing (${own === undefined ? 'held out' : basename(files.validation!)}), ` +
      `${first.taken.length} for the test (${testFile === undefined ? 'held out' : basename(testFile)})`,
  );
  return { train, unused, validation: second.taken, test: first.taken, notes };
}

/** Whether a file has labels: GLUE's test files have none, or -1 in the place of each. */
function hasLabels(file: string, columns: FormOptions['columns'], train: readonly Row[], signs: boolean): boolean {
  const first = cellsOf(file).next();
  const header = first.done ? [] : first.value.cells;
  const { text, label } = columnsIn(header, columns);
  if (text >= 0 && label < 0) return false;
  const { rows } = readTable(file, columns, signs);
  const areTold = rows.some(({ label }) => label !== NO_LABEL) || train.some(({ label }) => label === NO_LABEL);
  return rows.length > 0 && areTold;
}

/** Whether labels are rather numbers that were measured than classes: most of so many rows have one of their own. */
function areMeasured(labels: ReadonlySet<string>, rows: number): boolean {
  return labels.size > 2 && labels.size > rows / 2 && [...labels].every((label) => parseNumber(label) !== undefined);
}

/**
 * Throws UsageError where rows are too few for three splits, where a label is in the other splits but not among the
 * training rows, and where labels cannot be told apart.
 */
function checkLabels(path: string, { train, validation, test, unused }: Splits): void {
  const labels = new Set(train.map(({ label }) => label));
  if (validation.length === 0 || test.length === 0) {
    const rows = train.length + unused + validation.length + test.length;
    throw new UsageError(
      `${path}: ${plural(rows, 'row')} with ${plural(labels.size, 'label')}, of which none can be held out for ` +
        `${test.length === 0 ? 'the test' : 'choosing'}; expected at least 3 rows of a label` +
        (areMeasured(labels, rows) ? '; numbers are taken as classes, and regression is not done' : ''),
    );
  }
  const hasPair = train[0]!.pair !== undefined;
  const other = [...validation, ...test].find(({ pair }) => (pair !== undefined) !== hasPair);
  if (other !== undefined)
    throw new UsageError(
      `${other.at}: ${hasPair ? 'no' : 'a'} second text, and ${train[0]!.at}, has ${hasPair ? 'one' : 'none'}; ` +
        'expected a column for it in the files of all splits or of none (--columns pair=NAME)',
    );
  const alien = [...validation, ...test].find(({ label }) => !labels.has(label));
  if (alien !== undefined)
    throw new UsageError(
      `${alien.at}: the label "${alien.label}" is on no training row` +
        `${unused > 0 ? ` of the ${train.length} that are used (--rows)` : ''}; there are: ${listed([...labels])}`,
    );
  if (labels.size < 2) throw new UsageError(`${train[0]!.at}: all training rows have the label "${train[0]!.label}"`);
  const twice = sameNumber(labels);
  if (twice !== undefined)
    throw new UsageError(`${path}: the labels "${twice[0]}" and "${twice[1]}" are one number; write it in one way`);
}

/** A line for people where labels differ in nothing but capitals. */
function capitalsNote({ train }: Splits): string[] {
  const labels = [...new Set(train.map(({ label }) => label))];
  const lower = labels.map((label) => label.toLowerCase());
  const other = lower.findIndex((label, i) => lower.indexOf(label) !== i);
  if (other < 0) return [];
  return [`the labels "${labels[lower.indexOf(lower[other]!)]}" and "${labels[other]}" are taken as two classes`];
}

/** As many tokens as 99 of 100 examples need, in steps of 8. */
function lengthOf(rows: readonly Row[], vocabulary: string, most: number): number {
  const { tokens, lowercase = true, settings } = readVocabulary(vocabulary);
  const tokenizer = new WordPiece(tokens, lowercase, settings);
  const lengths = sample(rows, 1000, 'thin lengths')
    .map(({ text, pair }) => {
      const second = pair === undefined ? 0 : tokenizer.encode(pair).ids.length + 1;
      return tokenizer.encode(text).ids.length + 2 + second;
    })
    .sort((a, b) => a - b);
  const needed = lengths[Math.min(lengths.length - 1, Math.floor(0.99 * lengths.length))]!;
  return Math.max(8, Math.min(most, MOST_TOKENS, 8 * Math.ceil(needed / 8)));
}

function textOf(rows: readonly Row[]): string {
  const hasPair = rows.some(({ pair }) => pair !== undefined);
  const lines = rows.map(({ text, pair, label }) => [text, ...(hasPair ? [pair] : []), label].join('\t'));
  return `${[`text${hasPair ? '\tpair' : ''}\tlabel`, ...lines].join('\n')}\n`;
}

/** Whether a path is a table by its name, or a folder with one. */
function hasTables(path: string): boolean {
  if (!existsSync(path)) return false;
  return statSync(path).isDirectory() ? readdirSync(path).some((name) => TABLE.test(name)) : TABLE.test(path);
}

function open(path: string, options: FormOptions): Found {
  const { work, vocabulary, mostTokens } = options;
  const splits = splitsOf(path, options);
  checkLabels(path, splits);
  const folder = join(work, 'data');
  makeFolder(folder);
  const tokens = options.tokens ?? lengthOf(splits.train, vocabulary!, mostTokens);
  if (tokens > mostTokens)
    throw new UsageError(
      options.tokens === undefined
        ? `the network has ${mostTokens} positions (max_position_embeddings); expected at least ${tokens}, to read texts`
        : `--tokens ${tokens}: the network has ${mostTokens} positions; expected at most as many`,
    );
  const file = (split: 'train' | 'validation' | 'test'): string => {
    const written = join(folder, `${split}.tsv`);
    writeAtomic(written, textOf(splits[split]));
    return written;
  };
  const hasPair = splits.train[0]!.pair !== undefined;
  const repeated = repeatedTexts(splits.train, splits.test);
  return {
    spec: {
      set: 'tsv',
      corpus: 'glosses',
      vocabulary: vocabulary!,
      lowercase: readVocabulary(vocabulary!).lowercase ?? true,
      tokens,
      padding: 'longest',
      heldOut: 0.1,
      train: file('train'),
      validation: file('validation'),
      test: file('test'),
      columns: { text: 'text', ...(hasPair && { pair: 'pair' }), label: 'label' },
    },
    notes: [
      ...splits.notes,
      ...capitalsNote(splits),
      ...(repeated ? [repeatedLine(repeated)] : []),
      `up to ${tokens} tokens of each`,
    ],
  };
}

/** Tables of texts with a class each. */
export const tables: DataForm = {
  name: 'tables',
  looks: 'a .tsv or .csv file (also .gz) with a column of texts and one of labels, or a folder with train, dev or test',
  reads: 'texts',
  called: (path) => {
    if (!hasTables(path)) return undefined;
    return statSync(path).isDirectory() ? 'a folder of tables' : 'a table of texts';
  },
  heeds: ['columns', 'rows', 'tokens'],
  matches: (path, { vocabulary }) => vocabulary !== undefined && hasTables(path),
  open,
};

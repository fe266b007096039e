/** Which columns of a table hold texts and label: by the names that are given, or by usual ones. */
import { listed, UsageError } from '../../core/errors.js';
import { checkOnce } from '../../data/columns.js';
import type { FormOptions } from './form.js';

/** Places of the columns in a header; -1 for what it has no column for. */
export type Columns = Readonly<Record<'text' | 'pair' | 'label', number>>;

/** Two texts that belong together, in the order in which tasks have them, and a label that only such tables call so. */
interface Pair {
  readonly text: string;
  readonly pair: string;
  readonly label?: string;
}

/** Pairs of columns that are taken where none is said, in lower case: those of GLUE, SNLI, PAWS, SICK, BoolQ. */
const PAIRS: readonly Pair[] = [
  { text: 'text', pair: 'pair' },
  { text: 'sentence1', pair: 'sentence2' },
  { text: 'premise', pair: 'hypothesis' },
  { text: 'question1', pair: 'question2', label: 'is_duplicate' },
  { text: 'question', pair: 'sentence' },
  { text: 'question', pair: 'passage', label: 'answer' },
  { text: '#1 string', pair: '#2 string', label: 'quality' },
  { text: 'sentence_a', pair: 'sentence_b', label: 'entailment_judgment' },
  { text: 'text1', pair: 'text2' },
  { text: 'text_a', pair: 'text_b' },
  { text: 'query', pair: 'passage' },
  { text: 'query', pair: 'document' },
];

/** Columns that are taken where a table has no such pair, and none is said, in their order. */
const SINGLE = {
  text: ['text', 'sentence', 'sentence1', 'premise', 'question', 'question1', 'review', 'content', 'tweet', 'title'],
  pair: ['pair', 'sentence2', 'hypothesis', 'question2'],
  label: ['label', 'labels', 'class', 'category', 'target', 'sentiment', 'gold_label'],
} as const;

/**
 * The columns of a header: those of the names that are given, the partner of a text that is named alone, or the first
 * usual ones.
 */
export function columnsIn(header: readonly string[], given: FormOptions['columns']): Columns {
  const names = header.map((name) => name.trim());
  const lower = names.map((name) => name.toLowerCase());
  const placeOf = (name: string): number => {
    const exact = names.indexOf(name.trim());
    return exact >= 0 ? exact : lower.indexOf(name.trim().toLowerCase());
  };
  const [text, pair] = [given.text, given.pair].map((name) => name?.trim().toLowerCase());
  const known = PAIRS.find(
    (one) =>
      (text ?? one.text) === one.text &&
      (pair ?? one.pair) === one.pair &&
      lower.includes(one.text) &&
      lower.includes(one.pair),
  );
  const usual = {
    text: known ? [known.text] : [...SINGLE.text, ...SINGLE.pair].filter((name) => name !== pair),
    pair: known ? [known.pair] : SINGLE.pair.filter((name) => name !== text),
    label: [...SINGLE.label, ...(known?.label === undefined ? [] : [known.label])],
  };
  const find = (what: keyof Columns): number => {
    const name = given[what];
    if (name !== undefined) return placeOf(name);
    return usual[what].map((one) => lower.indexOf(one)).find((at) => at >= 0) ?? -1;
  };
  const found = { text: find('text'), pair: find('pair'), label: find('label') };
  return found.pair === found.text ? { ...found, pair: given.pair === undefined ? -1 : found.pair } : found;
}

/** Throws UsageError where a name was given and is not in the header. */
export function checkNamed(
  path: string,
  header: readonly string[],
  what: readonly (keyof Columns)[],
  given: FormOptions['columns'],
): void {
  const found = columnsIn(header, given);
  const absent = what.find((one) => given[one] !== undefined && found[one] < 0);
  if (absent !== undefined)
    throw new UsageError(`${path}: no column "${given[absent]}" in its first line; there are: ${listed(header)}`);
}

/** Which column of a header holds what. Throws UsageError where texts or labels cannot be told. */
export function columnsOf(path: string, header: readonly string[], given: FormOptions['columns']): Columns {
  checkNamed(path, header, ['text', 'pair', 'label'], given);
  const found = columnsIn(header, given);
  for (const what of ['text', 'label'] as const)
    if (found[what] < 0)
      throw new UsageError(
        `${path}: no column for the ${what} in its first line (${listed(header)}); ` +
          adviceOn(path, header, 'text=NAME,label=NAME, with pair=NAME for a second text'),
      );
  checkOnce(
    path,
    header,
    Object.values(found).filter((at) => at >= 0),
    '--columns',
  );
  return found;
}

/** What helps where a column is not found: names that are given, or another character between the columns. */
export function adviceOn(path: string, [first = '', ...others]: readonly string[], names: string): string {
  const wanted = /\.tsv(\.gz)?$/i.test(path) ? { name: 'tabs', ending: '.csv' } : { name: 'commas', ending: '.tsv' };
  const other = others.length > 0 ? undefined : [',', ';', '\t', '|'].find((one) => first.includes(one));
  if (other === undefined) return `give --columns ${names}`;
  const isOther = other === (wanted.ending === '.csv' ? ',' : '\t');
  return (
    `its columns seem to stand between ${JSON.stringify(other)}; expected ${wanted.name}` +
    (isOther ? `, or a name that ends in ${wanted.ending}` : '')
  );
}

/** A line for people: which columns of a header are taken, and which are left out. */
export function columnsNote(header: readonly string[], { text, pair, label }: Columns): string {
  const quoted = (at: number): string => `"${header[at]!.trim()}"`;
  const texts = [text, pair].filter((at) => at >= 0).map(quoted);
  const left = header.flatMap((name, at) =>
    [text, pair, label].includes(at) || name.trim() === '' ? [] : [quoted(at)],
  );
  return (
    `columns: ${texts.join(' and ')} for the text${texts.length > 1 ? 's' : ''}` +
    (label < 0 ? '' : `, ${quoted(label)} for the label`) +
    (left.length === 0 ? '' : `; left out: ${listed(left)}`)
  );
}

/**
 * Texts and pairs of texts with a class, as a BERT reads them: [CLS] text [SEP], or [CLS] text [SEP] pair [SEP].
 * Letters: T tokens.
 */
import { z } from 'zod';
import { UsageError } from '../core/errors.js';
import { filled } from '../core/host-array.js';
import { permutation, rngKey } from '../core/rng.js';
import type { InputFiles } from '../core/run.js';
import { largest } from '../core/stats.js';
import { textFiles, textInputs } from '../text/corpus.js';
import { openCorpus, type CorpusSpec, type OnStage } from '../text/rows.js';
import { readVocabulary, vocabularyFiles, type VocabularyFile } from '../text/vocabulary.js';
import { SPECIAL, WordPiece } from '../text/wordpiece.js';
import type { HostBatch, RepeatedExamples, Source } from './dataset.js';
import { pathText, type TokenTask } from './definition.js';

/** Tokens of an example, at most. */
export const MOST_TOKENS = 4096;

/** Keys of a spec that say where tokens come from; a task has those of the training before it. */
export const CORPUS_FIELDS = {
  /** `glosses`: WordNet's, which come with the package; or a folder with .txt files, one text on each line. */
  corpus: pathText(),
  /** Size of the vocabulary that is made from the corpus' training texts; or a file with one. */
  vocabulary: z.union([z.int().min(16).max(200_000), pathText()]),
  lowercase: z.boolean().default(true),
  /** Longest sequence; shorter ones are padded, longer ones cut. */
  tokens: z.int().min(8).max(MOST_TOKENS),
  /** Share of the corpus' texts that is held out for validation, and the same for test. */
  heldOut: z.number().min(0.001).max(0.4),
};

/**
 * How far texts are padded, in the words of Hugging Face's tokenizers: `max_length`, the default, to as many tokens as
 * are read at most; `longest` to the longest text of each batch, rounded up to one of few lengths. With `longest`,
 * imitation and all that is measured of hidden states leave padding out; with `max_length` its positions count as the
 * others, as in TinyBERT's code.
 */
export const PADDING = z.enum(['max_length', 'longest']);
/** How far texts are padded. */
export type Padding = z.infer<typeof PADDING>;

/** Where tokens come from: a corpus and a vocabulary. */
export interface TextFields {
  readonly corpus: string;
  readonly vocabulary: number | string;
  readonly lowercase: boolean;
  readonly tokens: number;
  readonly heldOut: number;
}

/** The corpus that a spec declares. Throws UsageError when a vocabulary's file says otherwise about lower case. */
export function corpusOf({ corpus, vocabulary, lowercase, tokens, heldOut }: TextFields): CorpusSpec {
  if (typeof vocabulary === 'string') checkLowercase(vocabulary, lowercase);
  return {
    source: corpus === 'glosses' ? { kind: 'glosses' } : { kind: 'folder', folder: corpus },
    vocabulary,
    lowercase,
    tokens,
    heldOut,
  };
}

/** Throws UsageError when the corpus is a folder without texts. */
export function checkCorpus({ corpus }: Pick<TextFields, 'corpus'>): void {
  if (corpus !== 'glosses') textFiles(corpus);
}

/** Throws UsageError when the files that a vocabulary is read or made from are not there. */
export function checkVocabulary(fields: TextFields): void {
  if (typeof fields.vocabulary === 'string') readVocabulary(fields.vocabulary);
  else checkCorpus(fields);
}

/** Files that a tokenizer is read or made from. */
export function tokenizerFiles({ corpus, vocabulary }: Pick<TextFields, 'corpus' | 'vocabulary'>): InputFiles[] {
  return typeof vocabulary === 'string' ? vocabularyFiles(vocabulary) : corpusFiles({ corpus });
}

/** Files of a corpus; none of the glosses, which come with the program. */
export function corpusFiles({ corpus }: Pick<TextFields, 'corpus'>): InputFiles[] {
  return corpus === 'glosses' ? [] : [textInputs(corpus)];
}

/** The size of a vocabulary as a fact of a task: known where it is declared, not where a file decides it. */
export function vocabularySize({ vocabulary }: Pick<TextFields, 'vocabulary'>): Pick<TokenTask, 'vocabulary'> {
  return typeof vocabulary === 'number' ? { vocabulary } : {};
}

function checkLowercase(path: string, lowercase: boolean): VocabularyFile {
  const file = readVocabulary(path);
  const { lowercase: own = lowercase } = file;
  if (own !== lowercase)
    throw new UsageError(`${path}: its texts are ${own ? '' : 'not '}in lower case; set data.lowercase=${own}`);
  return file;
}

/** The tokenizer of a declaration; a corpus is made ready only where the vocabulary is made from it. */
export async function openTokenizer(fields: TextFields, onStage?: OnStage): Promise<WordPiece> {
  if (typeof fields.vocabulary === 'string') {
    const { tokens, settings } = checkLowercase(fields.vocabulary, fields.lowercase);
    return new WordPiece(tokens, fields.lowercase, settings);
  }
  return (await openCorpus(corpusOf(fields), onStage)).tokenizer;
}

/** A text, or a pair of texts, with its class. */
export interface TextExample {
  readonly text: string;
  readonly pair?: string;
  readonly label: number;
  /** The block of neighbors that it stands in, as {@link Source} says. */
  readonly block?: number;
}

/**
 * How many tokens of the two texts of a pair are kept, so that together they are at most `room`: as Hugging Face's
 * `tokenizers` truncates by the strategy `longest_first`. The shorter text stays whole where the longer one then has at
 * least as many tokens; else each gets half, and an odd token goes to the longer one, to the second of two equal ones.
 */
export function truncatedLengths(
  first: number,
  second: number,
  room: number,
): readonly [first: number, second: number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  const [less, more] = 2 * shorter <= room ? [shorter, room - shorter] : [Math.floor(room / 2), Math.ceil(room / 2)];
  return first > second ? [more, less] : [less, more];
}

/** Tokens of a text, or of a pair of them. */
export interface TokenizedTexts {
  readonly first: readonly number[];
  readonly second?: readonly number[] | undefined;
}

/** Tokens that are kept of a text, or of both of a pair, where `tokens` are read with those between the texts. */
function keptLengths({ first, second }: TokenizedTexts, tokens: number): readonly [first: number, second: number] {
  return second === undefined
    ? [Math.min(first.length, tokens - 2), 0]
    : truncatedLengths(first.length, second.length, tokens - 3);
}

/** Tokens of an example with those before, between and after its texts, at most `tokens`. */
function exampleLength(texts: TokenizedTexts, tokens: number): number {
  const [a, b] = keptLengths(texts, tokens);
  return a + b + (texts.second === undefined ? 2 : 3);
}

/**
 * Writes an example's tokens, segments and mask [3, T] into `values` at `at`. A text that is too long loses its last
 * tokens, of a pair as {@link truncatedLengths} says.
 */
export function writeTokens(
  tokenizer: WordPiece,
  tokens: number,
  texts: TokenizedTexts,
  values: Int32Array,
  at: number,
): void {
  const { first, second } = texts;
  const [a, b] = keptLengths(texts, tokens);
  const separator = tokenizer.id(SPECIAL.separator);
  const ids = [
    tokenizer.id(SPECIAL.class),
    ...first.slice(0, a),
    separator,
    ...(second === undefined ? [] : [...second.slice(0, b), separator]),
  ];
  values.fill(0, at, at + 3 * tokens);
  values.fill(tokenizer.id(SPECIAL.pad), at, at + tokens);
  values.set(ids, at);
  values.fill(1, at + tokens + a + 2, at + tokens + ids.length);
  values.fill(1, at + 2 * tokens, at + 2 * tokens + ids.length);
}

/** From which share of the test texts on it is said that they are training texts, too. */
const REPEATED_SHARE = 0.1;

/** How many test texts are training texts, too, whatever their labels; undefined below a tenth. */
export function repeatedTexts(
  train: readonly Omit<TextExample, 'label'>[],
  test: readonly Omit<TextExample, 'label'>[],
): RepeatedExamples | undefined {
  const keyOf = ({ text, pair }: Omit<TextExample, 'label'>): string => `${text}\t${pair ?? ''}`;
  const known = new Set(train.map(keyOf));
  const count = test.filter((one) => known.has(keyOf(one))).length;
  return count === 0 || count < REPEATED_SHARE * test.length ? undefined : { count, of: test.length };
}

/**
 * Lengths of batches, as shares of the tokens that are read at most: few, as a step is compiled for each, and on
 * WebAssembly keeps its memory; dense where the longest text of a batch usually lies. The short ones are for data of
 * which a few texts are much longer than the others.
 */
const LENGTHS = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1];
/** Lengths are multiples of so many tokens. */
const LENGTH_STEP = 8;

/** The length of a batch whose longest example has so many of `tokens`. */
function batchLength(longest: number, tokens: number): number {
  const lengths = LENGTHS.map((share) => LENGTH_STEP * Math.ceil((share * tokens) / LENGTH_STEP));
  return Math.min(
    tokens,
    lengths.find((length) => length >= longest)!,
  );
}

/** How the texts of a source are read. */
export interface TextReading {
  readonly tokenizer: WordPiece;
  /** Tokens that are read of an example at most. */
  readonly tokens: number;
  /** `max_length` by default. */
  readonly padding?: Padding | undefined;
  /** Whether training batches are of texts of similar lengths. */
  readonly groupsByLength?: boolean | undefined;
}

/** A source of examples [3, T] with a label each; T is `tokens`, or less where batches are padded to their longest. */
export function textSource(
  { tokenizer, tokens, padding, groupsByLength = false }: TextReading,
  examples: readonly TextExample[],
): Source {
  const blocks = examples.flatMap(({ block }) => (block === undefined ? [] : [block]));
  const encoded = (text: string): readonly number[] => tokenizer.encode(text).ids;
  const textsOf = ({ text, pair }: TextExample): TokenizedTexts => {
    return { first: encoded(text), second: pair === undefined ? undefined : encoded(pair) };
  };
  const isRagged = padding === 'longest';
  let lengths: readonly number[] | undefined;
  return {
    count: examples.length,
    ...(blocks.length > 0 && { blocks }),
    ...(isRagged && { lengths: () => (lengths ??= examples.map((one) => exampleLength(textsOf(one), tokens))) }),
    ...(isRagged && groupsByLength && { groupsByLength }),
    batch: (indices): HostBatch => {
      const chosen = Array.from(indices, (index) => examples[index]!);
      const texts = chosen.map(textsOf);
      const length = isRagged ? batchLength(largest(texts.map((one) => exampleLength(one, tokens))), tokens) : tokens;
      const values = new Int32Array(chosen.length * 3 * length);
      for (const [i, one] of texts.entries()) writeTokens(tokenizer, length, one, values, i * 3 * length);
      const labels = filled(new Int32Array(chosen.length), (i) => chosen[i]!.label);
      return { values, labels, ...(isRagged && { shape: [3, length] }) };
    },
  };
}

/**
 * A batch whose examples [3, L] say how long they are, with padding up to `tokens` of them: token 0, which the mask
 * leaves out; one of a fixed length as it is.
 */
export function paddedTo(batch: HostBatch, tokens: number): HostBatch {
  const { shape, values } = batch;
  if (shape === undefined || shape.at(-1) === tokens) return batch;
  const length = shape.at(-1)!;
  const longer = new Int32Array((values.length / length) * tokens);
  for (let row = 0; row * length < values.length; row++)
    longer.set(values.subarray(row * length, (row + 1) * length), row * tokens);
  return { ...batch, values: longer, shape: [...shape.slice(0, -1), tokens] };
}

/** `count` of the items in their order, the same ones in all runs. */
export function sample<T>(items: readonly T[], count: number, name: string): T[] {
  if (count >= items.length) return [...items];
  const chosen = permutation(rngKey(0, 'sample', name), items.length)
    .subarray(0, count)
    .sort();
  return Array.from(chosen, (index) => items[index]!);
}

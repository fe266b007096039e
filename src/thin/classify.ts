/** Classes of pictures and texts by a trained network, with their names. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { FailureError, isOrAre, plural, rewording, UsageError } from '../core/errors.js';
import {
  indexRanges,
  shortestFirst,
  toLabelled,
  type Asked,
  type SkippedFile,
  type Source as Examples,
} from '../data/dataset.js';
import { mayHavePictures } from '../data/picture-files.js';
import { openPictures } from '../data/picture-batches.js';
import { hasPairs, picturesOf } from '../data/index.js';
import { textSource } from '../data/texts.js';
import { tf } from '../engine/tensor.js';
import { withPredictor } from '../method/values/with-predictor.js';
import { declaredIn, readWeights } from '../models/read.js';
import { headOf, inputProblem, maxPositionsOf, networkOf, vocabSizeOf, type NetworkSpec } from '../models/index.js';
import { readOnnxMetadata } from '../onnx/metadata.js';
import { linesOf, readText } from '../store/config.js';
import { readVocabulary } from '../text/vocabulary.js';
import { WordPiece } from '../text/wordpiece.js';
import { RESIZE } from './data/pictures.js';
import { TABLE, tableTexts, type TextOrPair } from './data/tables.js';
import { checkSize, DEFAULT_SIDE } from './options.js';
import { thinningOf } from './size.js';
import { isSameNetwork } from './same.js';
import { openSource } from './sources/index.js';
import type { Source } from './sources/source.js';
import { labelNotes, vocabularyNotes } from './vocabulary.js';

/** What is to be classified, and by which network. */
export interface ClassifyOptions {
  /**
   * What `thin` reads, or what it writes: a folder, a file of weights, a run's id; also the ONNX file beside the folder
   * of its network, which is what is read then.
   */
  readonly model: string;
  /**
   * A picture, a folder of pictures, a .txt file with a text on each line, or a .tsv or .csv file (also .gz) with a
   * column of texts, or two of them for pairs.
   */
  readonly input: string;
  /** Which columns of a table hold the texts, where they have no usual names: `text`, and `pair` for a second one. */
  readonly columns?: Readonly<Partial<Record<'text' | 'pair', string>>> | undefined;
  /** Folder in which runs are looked for by their id. */
  readonly runs: string;
  /** Side of the pictures in pixels; what the network is made for, or its run was trained with, by default. */
  readonly size?: number | undefined;
}

/** A picture or a text with its class. */
export interface Classified {
  /** The file, or the text. */
  readonly item: string;
  /** The second text of a pair. */
  readonly pair?: string;
  readonly label: string;
  readonly probability: number;
  /** Probability of every class, in the order of the names. */
  readonly probabilities: readonly number[];
}

/** Pictures or texts with their classes, and what was left out. */
export interface Classification {
  /** Names of the classes in their order; their numbers where the network has no names. */
  readonly labels: readonly string[];
  readonly items: readonly Classified[];
  /** Pictures that could not be read. */
  readonly skipped: readonly SkippedFile[];
  /** What else there is to say, a line each: texts that are cut. */
  readonly notes: readonly string[];
}

/** Examples of one pass. */
const BATCH = 16;

/** Whether a path is that of an ONNX file, for which the folder beside it is read. */
function isOnnx(model: string): boolean {
  return model.endsWith('.onnx');
}

/** The path of the network itself, for those of its files that `thin` writes beside it. */
function networkAt(model: string): string {
  if (isOnnx(model) && !existsSync(model))
    throw new UsageError(
      `${model}: not found; expected an ONNX file, with the folder "model" that thin wrote beside it`,
    );
  const path = isOnnx(model) ? join(dirname(model), 'model') : model;
  if (path !== model && !existsSync(path))
    throw new UsageError(`${model}: expected the folder "model" beside it, as thin writes it, which is read for it`);
  const inner = join(path, 'model.safetensors');
  const isPlainFolder =
    existsSync(inner) && !['config.json', 'vocab.txt', 'tokenizer.json'].some((name) => existsSync(join(path, name)));
  return isPlainFolder ? inner : path;
}

/** Throws UsageError where an ONNX file declares another network than the one in the folder beside it. */
function checkOnnx(model: string, network: NetworkSpec): void {
  const declared = declaredIn(readOnnxMetadata(model), model);
  if (declared === undefined || isSameNetwork(declared, network)) return;
  throw new UsageError(
    `${model}: it is of another network than the folder "model" beside it, which would be read for it; expected the ` +
      'two that thin wrote together, or the folder or safetensors file of its network',
  );
}

/** Number of classes. Throws UsageError where a network's outputs are none. */
function classesOf(model: string, spec: NetworkSpec): number {
  const { kind, classes } = headOf(spec);
  if (classes !== undefined) return classes;
  throw new UsageError(
    `${model}: its head is "${kind}", which gives no classes; expected a network that was trained on some`,
  );
}

/** What one example is called. */
type Item = Pick<Classified, 'item' | 'pair'>;

interface Opened {
  readonly items: readonly Item[];
  /** Tokens of each item, of texts. */
  readonly lengths?: readonly number[];
  readonly examples: Examples;
  readonly shape: readonly number[];
  readonly notes: readonly string[];
}

/** The texts of a file, or the pairs of them. Throws UsageError on other files, and where there are none. */
function readTexts({ input, model, columns }: ClassifyOptions): ReturnType<typeof tableTexts> {
  const isTable = TABLE.test(input);
  if (!isTable && extname(input).toLowerCase() !== '.txt')
    throw new UsageError(
      `${input}: expected a .txt file with a text on each line, or a .tsv or .csv file with a column of them, ` +
        `as ${model} reads texts`,
    );
  if (!isTable && columns !== undefined)
    throw new UsageError(`${input}: --columns goes with a .tsv or .csv file; a .txt file has a text on each line`);
  const read = isTable ? tableTexts(input, columns ?? {}) : { rows: textsIn(input), notes: [] };
  if (read.rows.length === 0) throw new UsageError(`${input}: no text in it; expected one on each line`);
  return read;
}

function textsIn(file: string): TextOrPair[] {
  const lines = linesOf(readText(file, { dropNul: true }));
  return lines.filter((line) => line.trim() !== '').map((text) => ({ text }));
}

/** Throws UsageError where a network was trained on pairs of texts and is to read single ones, or the other way. */
function checkPairs({ input, model }: ClassifyOptions, { data }: Source, arePairs: boolean): void {
  const expected = data && hasPairs(data);
  if (expected === undefined || expected === arePairs) return;
  throw new UsageError(
    arePairs
      ? `${input}: pairs of texts, and ${model} was trained on single ones; expected --columns text=NAME for one column`
      : `${input}: single texts, and ${model} was trained on pairs; ` +
          'expected a .tsv or .csv file with two columns of texts (--columns text=NAME,pair=NAME)',
  );
}

function openTexts(options: ClassifyOptions, source: Source): Opened {
  const { model, size } = options;
  const { network, vocabulary } = source;
  if (size !== undefined) throw new UsageError(`a size of ${size} pixels is for pictures; ${model} reads texts`);
  const { rows, notes: told } = readTexts(options);
  checkPairs(options, source, rows[0]!.pair !== undefined);
  const { tokens: words, lowercase = true, settings } = readVocabulary(vocabulary!);
  const known = vocabularyNotes(model, network, words.length);
  const tokenizer = new WordPiece(words, lowercase, settings);
  const lengthOf = (text: string): number => tokenizer.encode(text).ids.length + 1;
  const lengths = rows.map(({ text, pair }) => 1 + lengthOf(text) + (pair === undefined ? 0 : lengthOf(pair)));
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const maxPositions = maxPositionsOf(network);
  const cut = lengths.filter((length) => length > maxPositions).length;
  const cutNote = `${cut} of ${plural(rows.length, 'text')} ${cut === 1 ? 'has' : 'have'} more than the ${maxPositions} tokens that are read and ${isOrAre(cut)} cut`;
  const tokens = Math.min(maxPositions, 8 * Math.ceil(longest / 8));
  const examples = textSource(
    { tokenizer, tokens, padding: 'longest' },
    rows.map((row) => ({ ...row, label: 0 })),
  );
  const items = rows.map(({ text, pair }) => ({ item: text, ...(pair !== undefined && { pair }) }));
  return { items, lengths, examples, shape: [3, tokens], notes: [...known, ...told, ...(cut === 0 ? [] : [cutNote])] };
}

function openImages({ input, model, size, columns }: ClassifyOptions, { network, data, normalize }: Source): Opened {
  if (columns !== undefined) throw new UsageError(`--columns goes with a table of texts; ${model} reads pictures`);
  const cut = data && picturesOf(data);
  if (data !== undefined && cut === undefined)
    throw new UsageError(
      `${model}: it was trained on "${data.set}", whose pictures are not prepared as those of folders are; ` +
        'expected a network that was trained on folders of pictures, or its file of weights, to have them prepared so',
    );
  if (!mayHavePictures(input))
    throw new UsageError(`${input}: expected a picture or a folder of them, as ${model} reads pictures`);
  checkSize(size);
  const side = size ?? cut?.size ?? thinningOf(network).side?.(network) ?? DEFAULT_SIDE;
  const resize = size === undefined && cut !== undefined ? cut.resize : Math.round(side * RESIZE);
  const shape = [side, side, 3];
  const problem = inputProblem(network, { set: 'pictures', shape, task: undefined });
  if (problem !== undefined) throw new UsageError(`${model}: ${problem}`);
  const { files, source } = openPictures(input, { size: side, resize, normalize: normalize?.value ?? cut?.normalize });
  return { items: files.map((item) => ({ item })), examples: source, shape, notes: [] };
}

/**
 * Opens the network and what it is to classify; the function that is returned does so, with an engine. Pictures are
 * scaled, cut and normalized as in training on folders of pictures: by the mean and standard deviation that the
 * network's files say, by ImageNet's where they say none. Throws UsageError with what does not fit.
 */
export async function openClassification(options: ClassifyOptions): Promise<() => Promise<Classification>> {
  const { model, input, runs } = options;
  if (!existsSync(input))
    throw new UsageError(`${input}: not found; expected pictures, or a .txt, .tsv or .csv file of texts`);
  const work = mkdtempSync(join(tmpdir(), 'gowide-predict-'));
  try {
    const source = await openSource(networkAt(model), { work, runs });
    const { network } = source;
    const classes = classesOf(model, network);
    const read = vocabSizeOf(network) === undefined ? openImages(options, source) : openTexts(options, source);
    const opened = { ...read, notes: [...labelNotes(model, source.labels), ...read.notes] };
    if (isOnnx(model)) checkOnnx(model, network);
    // what was made of a run lies in a folder that nobody knows
    const isMade = source.weights.startsWith(work);
    const host = rewording(
      (message) => (isMade ? message.replaceAll(source.weights, model) : message),
      () => readWeights(source.weights, network),
    );
    const labels = source.labels ?? Array.from({ length: classes }, (_, i) => String(i));
    return () => classified({ network, classes, labels, host, opened });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Job {
  readonly network: NetworkSpec;
  readonly classes: number;
  readonly labels: readonly string[];
  readonly host: ReturnType<typeof readWeights>;
  readonly opened: Opened;
}

async function classified({ network, classes, labels, host, opened }: Job): Promise<Classification> {
  const { items: names, lengths, examples, shape, notes } = opened;
  const asked: Asked = { shape, classes };
  const answers = new Array<Classified | undefined>(names.length);
  const skipped: SkippedFile[] = [];
  const order = lengths === undefined ? [...names.keys()] : shortestFirst(lengths);
  await withPredictor(networkOf(network), host, async (predict) => {
    for (const places of indexRanges(names.length, BATCH)) {
      const indices = places.map((place) => order[place]!);
      const batch = await examples.batch(indices);
      const unread = new Set((batch.skipped ?? []).map(({ file }) => file));
      skipped.push(...(batch.skipped ?? []));
      if (batch.labels.length === 0) continue;
      const { x, labels: none } = toLabelled(asked, batch);
      const shares = tf.tidy(() => tf.softmax(predict(x)));
      const values = (await shares.array()) as number[][];
      tf.dispose([x, none, shares]);
      const read = Array.from(indices).filter((index) => !unread.has(names[index]!.item));
      for (const [i, index] of read.entries()) answers[index] = answerOf(names[index]!, values[i]!, labels);
    }
  });
  const items = answers.filter((answer) => answer !== undefined);
  if (items.length > 0) return { labels, items, skipped, notes };
  const { file, reason } = skipped[0]!;
  throw new FailureError(`none of ${plural(skipped.length, 'picture')} can be read; the first is ${file}: ${reason}`);
}

/** Throws FailureError where a probability is not a number. */
function answerOf(name: Item, probabilities: readonly number[], labels: readonly string[]): Classified {
  const best = probabilities.indexOf(Math.max(...probabilities));
  if (best < 0)
    throw new FailureError(
      `${name.item}: the network's outputs are not finite; its weights are too large for 32-bit numbers`,
    );
  return { ...name, label: labels[best]!, probability: probabilities[best]!, probabilities };
}

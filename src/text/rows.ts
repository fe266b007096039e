/** Packed corpora in the cache: made once for each declaration, then read row by row. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, UsageError } from '../core/errors.js';
import { syncFolder } from '../core/folder.js';
import { hashOf } from '../core/json.js';
import { asFileError, makeFolder, writeAll, writeAtomic } from '../store/atomic.js';
import { readConfig } from '../store/config.js';
import { readInputs } from '../store/inputs.js';
import { cacheFolder } from '../toolchain/cache.js';
import { divideBlocks, glosses, lines, Packer, SPLITS, textInputs, type Piece, type Split } from './corpus.js';
import { trainWordPiece } from './train-wordpiece.js';
import { readVocabulary } from './vocabulary.js';
import { WordPiece } from './wordpiece.js';

/** Changes when the same declaration would give other rows, or another set of files. */
const FORMAT = 2;

/** A corpus, and how it becomes rows of tokens. */
export interface CorpusSpec {
  /** The WordNet glosses, or the .txt files of a folder, one text on each line. */
  readonly source: { readonly kind: 'glosses' } | { readonly kind: 'folder'; readonly folder: string };
  /** Size of the vocabulary that is made from the training texts; or a file with one. */
  readonly vocabulary: number | string;
  readonly lowercase: boolean;
  /** Tokens in a row. */
  readonly tokens: number;
  /** Share of the blocks of texts that is held out for validation, and the same for test. */
  readonly heldOut: number;
}

/** A corpus that is open. */
export interface Corpus {
  readonly tokenizer: WordPiece;
  readonly rows: Readonly<Record<Split, TokenRows>>;
}

/** Rows of a file, [rows, tokens] in 32 bits each. */
class TokenRows {
  readonly count: number;

  constructor(
    private readonly path: string,
    readonly tokens: number,
  ) {
    this.count = Math.floor(statSync(path).size / (4 * tokens));
  }

  /** The rows of these numbers [indices, T]. Throws RangeError on a number beyond the last row. */
  read(indices: Uint32Array): Int32Array {
    const all = new Int32Array(indices.length * this.tokens);
    const bytes = 4 * this.tokens;
    const file = openSync(this.path, 'r'); // not kept: there would be nobody to close it
    try {
      for (const [i, index] of indices.entries()) {
        if (index >= this.count) throw new RangeError(`row ${index} of ${this.count}`);
        readSync(file, new Uint8Array(all.buffer, i * bytes, bytes), 0, bytes, index * bytes);
      }
    } finally {
      closeSync(file);
    }
    return all;
  }
}

const fileOf = (split: Split): string => `${split}.rows`;
const VOCABULARY = 'vocab.txt';
/** Names the hash of the files beside it. */
const MADE = 'made.json';

/** Hears how far the making of a corpus is: `done` of `total` units of a stage of it. */
export type OnStage = (stage: string, done: number, total: number) => void;

/** One hash of all that a corpus in the cache consists of. */
async function contentOf(folder: string): Promise<string> {
  const [found] = await readInputs([{ path: folder, names: [VOCABULARY, ...SPLITS.map(fileOf)] }]);
  return found!.sha256;
}

/** Whether a corpus in the cache holds what was written: one that was cut off would be a smaller corpus. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    return readConfig(join(folder, MADE)).sha256 === (await contentOf(folder));
  } catch {
    return false; // a file is missing, or cannot be read
  }
}

/** Takes a damaged corpus out of the cache, at once for whoever looks; another process may have done so. */
function dropCorpus(folder: string): void {
  const aside = mkdtempSync(`${folder}-`);
  try {
    renameSync(folder, join(aside, 'damaged'));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw asFileError(error, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/**
 * Opens a corpus; makes it first where the cache has none, or a damaged one. Throws UsageError on texts or a vocabulary
 * that cannot be used.
 */
export async function openCorpus(spec: CorpusSpec, onStage: OnStage = () => {}): Promise<Corpus> {
  const key = await keyOf(spec, onStage);
  const folder = join(cacheFolder(), 'text', key);
  if (existsSync(folder) && !(await isWhole(folder))) dropCorpus(folder);
  if (!existsSync(folder)) await makeCorpus(spec, folder, key, onStage);
  const tokenizer = tokenizerIn(spec, () => readVocabulary(join(folder, VOCABULARY)).tokens);
  const rows = Object.fromEntries(
    SPLITS.map((split) => [split, new TokenRows(join(folder, fileOf(split)), spec.tokens)]),
  ) as Record<Split, TokenRows>;
  return { tokenizer, rows };
}

/** The tokenizer of a corpus: by its file, with the settings there, or by a vocabulary that was made. */
function tokenizerIn({ vocabulary, lowercase }: CorpusSpec, made: () => readonly string[]): WordPiece {
  if (typeof vocabulary === 'number') return new WordPiece(made(), lowercase);
  const { tokens, settings } = readVocabulary(vocabulary);
  return new WordPiece(tokens, lowercase, settings);
}

/** Name of a corpus in the cache, by all that its rows depend on; files count by their content, in their order. */
async function keyOf({ source, ...rest }: CorpusSpec, onStage: OnStage): Promise<string> {
  const progress = (done: number, total: number): void => onStage('hash the texts', done, total);
  const files =
    source.kind === 'folder'
      ? (await readInputs([textInputs(source.folder)], { progress })).map(({ sha256 }) => sha256)
      : [];
  const read = typeof rest.vocabulary === 'string' ? readVocabulary(rest.vocabulary) : undefined;
  const vocabulary = read?.tokens.join('\n') ?? rest.vocabulary;
  const settings = read?.settings && { settings: JSON.stringify(read.settings) };
  return `${source.kind}-${hashOf({ format: FORMAT, ...rest, vocabulary, files, ...settings })}`;
}

/** What messages call a corpus. */
function nameOf({ source }: CorpusSpec): string {
  return source.kind === 'folder' ? source.folder : source.kind;
}

async function makeCorpus(spec: CorpusSpec, folder: string, key: string, onStage: OnStage): Promise<void> {
  makeFolder(dirname(folder));
  const partial = mkdtempSync(`${folder}-`);
  try {
    const pieces = (): Iterable<Piece> | AsyncIterable<Piece> =>
      spec.source.kind === 'glosses' ? glosses() : lines(spec.source.folder);
    const [texts, blocks] = await countPieces(pieces());
    const splitOf = divideBlocks(blocks, spec.heldOut, nameOf(spec));
    const vocabulary =
      typeof spec.vocabulary === 'string'
        ? readVocabulary(spec.vocabulary).tokens
        : await vocabularyOf(pieces(), splitOf, spec, texts, onStage);
    writeAtomic(join(partial, VOCABULARY), `${vocabulary.join('\n')}\n`);
    const tokenizer = tokenizerIn(spec, () => vocabulary);
    await writeRows(pieces(), { splitOf, tokenizer, spec }, partial, { total: texts, onStage });
    if ((await keyOf(spec, onStage)) !== key)
      throw new UsageError(`${nameOf(spec)}: changed while it was read; run the same command again`);
    writeAtomic(join(partial, MADE), JSON.stringify({ sha256: await contentOf(partial) }));
    renameSync(partial, folder);
    syncFolder(dirname(folder));
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (existsSync(folder)) return; // another process made it in the meantime
    throw asFileError(error, folder);
  }
}

async function countPieces(pieces: Iterable<Piece> | AsyncIterable<Piece>): Promise<[texts: number, blocks: number]> {
  let [texts, blocks] = [0, 0];
  for await (const { block } of pieces) [texts, blocks] = [texts + 1, block + 1];
  return [texts, blocks];
}

type SplitOf = (block: number) => Split;

function vocabularyOf(
  pieces: Iterable<Piece> | AsyncIterable<Piece>,
  splitOf: SplitOf,
  spec: CorpusSpec,
  total: number,
  onStage: OnStage,
): Promise<string[]> {
  async function* training(): AsyncGenerator<string> {
    let done = 0;
    for await (const { text, block } of pieces) {
      if (splitOf(block) === 'train') yield text;
      if (++done % 1000 === 0) onStage('count words', done, total);
    }
  }
  const onToken = (done: number, size: number): void => onStage('make the vocabulary', done, size);
  return trainWordPiece(training(), { size: spec.vocabulary as number, lowercase: spec.lowercase, onToken });
}

/** How pieces of text become rows: in which split each is, as which tokens, and how many a row has. */
interface RowForm {
  readonly splitOf: SplitOf;
  readonly tokenizer: WordPiece;
  readonly spec: CorpusSpec;
}

async function writeRows(
  pieces: Iterable<Piece> | AsyncIterable<Piece>,
  { splitOf, tokenizer, spec }: RowForm,
  folder: string,
  { total, onStage }: { readonly total: number; readonly onStage: OnStage },
): Promise<void> {
  const files = SPLITS.map((split) => [split, openSync(join(folder, fileOf(split)), 'w')] as const);
  try {
    const packers = new Map(
      files.map(([split, file]) => [
        split,
        new Packer(tokenizer, spec.tokens, (row) => writeAll(file, new Uint8Array(Int32Array.from(row).buffer))),
      ]),
    );
    let done = 0;
    for await (const { text, block } of pieces) {
      packers.get(splitOf(block))!.add(text);
      if (++done % 1000 === 0) onStage('tokens', done, total);
    }
  } finally {
    for (const [, file] of files) {
      fsyncSync(file);
      closeSync(file);
    }
  }
  for (const split of SPLITS) {
    if (statSync(join(folder, fileOf(split))).size === 0)
      throw new UsageError(
        `${nameOf(spec)}: too small: no row of ${spec.tokens} tokens for ${split}; ` +
          'expected more text, or fewer data.tokens',
      );
  }
}

/**
 * A corpus as rows of tokens: texts are cut into blocks, blocks go to the splits whole, a vocabulary is made from the
 * training texts, and the tokens of each split are packed one after the other into rows of one length, in a file that
 * is read row by row: a corpus may be larger than memory. Letters: T tokens.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { plural, UsageError } from '../core/errors.js';
import { withSlashes } from '../core/folder.js';
import { permutation, rngKey } from '../core/rng.js';
import type { InputFiles } from '../core/run.js';
import { asFileError } from '../store/atomic.js';
import { SPECIAL, type WordPiece } from './wordpiece.js';
import { readWordNet } from './wordnet.js';

/** Names of the parts that a corpus is divided into. */
export const SPLITS = ['train', 'validation', 'test'] as const;
/** One of {@link SPLITS}. */
export type Split = (typeof SPLITS)[number];

/** Texts in a block: neighbors are alike, so a corpus is divided by blocks of them. */
const BLOCK = 50;

/** A text, and the number of the block that it is a part of. */
export interface Piece {
  readonly text: string;
  readonly block: number;
}

/** The WordNet glosses, in the order of the files; a gloss that stands at several synsets once. */
export function* glosses(): Generator<Piece> {
  const seen = new Set<string>();
  for (const { gloss } of readWordNet()) {
    if (seen.has(gloss)) continue;
    yield { text: gloss, block: Math.floor(seen.size / BLOCK) };
    seen.add(gloss);
  }
}

/** Files of a folder of texts, in an order that is one on every system. Throws UsageError where there are none. */
export function textFiles(folder: string): string[] {
  const isFolder = (path: string): boolean | undefined => statSync(path, { throwIfNoEntry: false })?.isDirectory();
  const found = isFolder(folder);
  if (!found)
    throw new UsageError(
      `${folder}: ${found === false ? 'no folder' : 'not found'}; expected a folder with .txt files`,
    );
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.txt') && isFolder(join(folder, name)) !== true)
    .map(withSlashes)
    .sort();
  if (names.length === 0) throw new UsageError(`${folder}: no .txt file in it; expected some, a text on each line`);
  return names.map((name) => join(folder, name));
}

/** The files of a folder of texts, as what a run reads. Throws UsageError where there are none. */
export function textInputs(folder: string): InputFiles {
  return { path: folder, names: textFiles(folder).map((file) => withSlashes(relative(folder, file))) };
}

/**
 * The lines of a folder's .txt files that are not empty, read as they are needed. Throws UsageError on a file that
 * cannot be read or is not UTF-8, then with the line.
 */
export async function* lines(folder: string): AsyncGenerator<Piece> {
  let count = 0;
  for (const file of textFiles(folder)) {
    let number = 0;
    try {
      // as latin1 a line's bytes stay what they are, whatever they are
      for await (const raw of createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Infinity })) {
        number++;
        const text = decodeLine(raw, file, number).trim();
        if (text !== '') yield { text, block: Math.floor(count++ / BLOCK) };
      }
    } catch (error) {
      throw asFileError(error, file);
    }
  }
  if (count === 0) throw new UsageError(`${folder}: its .txt files are empty; expected a text on each line`);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function decodeLine(raw: string, file: string, number: number): string {
  try {
    return UTF8.decode(Buffer.from(raw, 'latin1'));
  } catch {
    throw new UsageError(`${file}, line ${number}: not valid UTF-8; expected texts in UTF-8`);
  }
}

/**
 * Which blocks are held out: `share` of all to validation and as many to test, drawn once for all runs. Throws
 * UsageError, with the name of the corpus, where none would be left for training.
 */
export function divideBlocks(blocks: number, share: number, corpus = 'glosses'): (block: number) => Split {
  const held = Math.max(1, Math.round(blocks * share));
  if (2 * held >= blocks)
    throw new UsageError(
      `${corpus}: too small: with ${held} of ${plural(blocks, 'block')} of ${BLOCK} texts held out for ` +
        `validation and ${held} for test none is left; expected more than ${2 * BLOCK * held} texts` +
        (held === 1 ? '' : ', or a smaller data.heldOut'),
    );
  const order = permutation(rngKey(0, 'corpus', 'split'), blocks);
  const splits = new Map<number, Split>();
  order.subarray(0, held).forEach((block) => splits.set(block, 'test'));
  order.subarray(held, 2 * held).forEach((block) => splits.set(block, 'validation'));
  return (block) => splits.get(block) ?? 'train';
}

/**
 * Packs texts into rows `[CLS] text [SEP] text [SEP] ...` of T tokens, texts going on in the next row; the last row is
 * dropped unless it is full.
 */
export class Packer {
  private readonly row: number[] = [];
  private readonly first: number;
  private readonly separator: number;

  constructor(
    private readonly tokenizer: WordPiece,
    private readonly tokens: number,
    private readonly onRow: (row: readonly number[]) => void,
  ) {
    this.first = tokenizer.id(SPECIAL.class);
    this.separator = tokenizer.id(SPECIAL.separator);
  }

  add(text: string): void {
    for (const id of [...this.tokenizer.encode(text).ids, this.separator]) {
      if (this.row.length === 0) this.row.push(this.first);
      this.row.push(id);
      if (this.row.length < this.tokens) continue;
      this.onRow(this.row);
      this.row.length = 0;
    }
  }
}

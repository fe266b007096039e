/**
 * WordPiece as BERT uses it (Schuster, Nakajima 2012; Devlin et al. 2019): text to tokens of a fixed vocabulary, with
 * the position of each in the text. The same tokens as Hugging Face's `tokenizers`, on any Unicode text
 * (test/text/wordpiece.test.ts).
 */
import { UsageError } from '../core/errors.js';
import { isRemoved, kindOf, withoutAccents } from './characters.js';

/** BERT's special tokens. */
export const SPECIAL = { pad: '[PAD]', unknown: '[UNK]', class: '[CLS]', separator: '[SEP]', mask: '[MASK]' } as const;

/** A piece of a word that is not its beginning starts with this. */
export const CONTINUES = '##';

/** Longer words are unknown. */
const LONGEST_WORD = 100;
/** Words whose pieces are remembered. */
const REMEMBERED = 100_000;

/** A text as tokens. */
export interface Encoding {
  readonly ids: readonly number[];
  /** Where each token begins and ends in the text, in UTF-16 units. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** A word of a text after cleaning. */
export interface Word {
  readonly text: string;
  /** For each UTF-16 unit of the cleaned word: where the character that it comes from begins and ends. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** Cleaned characters of one character of the text: nothing, itself, or its lower case without accents. */
const cleaned = new Map<string, string>();

function clean(character: string, lowercase: boolean): string {
  if (isRemoved(character.codePointAt(0)!)) return '';
  if (!lowercase) return character;
  let result = cleaned.get(character);
  if (result === undefined) {
    // each character alone: as a part of a word, a sigma would have two lower cases
    result = Array.from(withoutAccents(character), (part) => part.toLowerCase()).join('');
    cleaned.set(character, result);
  }
  return result;
}

/** Words of a text: between spaces; punctuation marks and ideographs are words of their own. */
export function wordsOf(text: string, lowercase: boolean): Word[] {
  const words: Word[] = [];
  let [current, starts, ends]: [string, number[], number[]] = ['', [], []];
  const close = (): void => {
    if (current !== '') words.push({ text: current, starts, ends });
    [current, starts, ends] = ['', [], []];
  };
  let at = 0;
  for (const character of text) {
    const [start, end] = [at, at + character.length];
    at = end;
    const whole = clean(character, lowercase);
    // an ideograph is set apart before accents are taken off it
    const apart = whole !== '' && kindOf(character.codePointAt(0)!) === 'ideograph';
    if (apart) close();
    for (const part of whole) {
      const kind = kindOf(part.codePointAt(0)!);
      if (kind === 'space') {
        close();
        continue;
      }
      if (kind === 'punctuation') close();
      current += part;
      for (let unit = 0; unit < part.length; unit++) {
        starts.push(start);
        ends.push(end);
      }
      if (kind === 'punctuation') close();
    }
    if (apart) close();
  }
  close();
  return words;
}

/** A tokenizer with a fixed vocabulary. */
export class WordPiece {
  readonly unknown: number;
  private readonly pieces: ReadonlyMap<string, number>;
  private readonly special: RegExp;
  private readonly remembered = new Map<string, Int32Array>();
  /** Length of the longest piece, in UTF-16 units. */
  private readonly longest: number;

  /** Throws UsageError on a vocabulary with doubles, or without the special tokens. */
  constructor(
    readonly vocabulary: readonly string[],
    readonly lowercase = true,
  ) {
    this.pieces = new Map(vocabulary.map((token, id) => [token, id]));
    if (this.pieces.size !== vocabulary.length) {
      const double = vocabulary.find((token, id) => this.pieces.get(token) !== id);
      throw new UsageError(`vocabulary: "${double}" stands in it twice`);
    }
    const missing = Object.values(SPECIAL).filter((token) => !this.pieces.has(token));
    if (missing.length > 0)
      throw new UsageError(`vocabulary: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not in it`);
    this.unknown = this.pieces.get(SPECIAL.unknown)!;
    this.longest = vocabulary.reduce((length, token) => Math.max(length, token.length), 0);
    this.special = new RegExp(
      `(${Object.values(SPECIAL)
        .map((token) => token.replace(/[[\]]/g, '\\$&'))
        .join('|')})`,
    );
  }

  /** Index of a token. Throws RangeError on one that is not in the vocabulary. */
  id(token: string): number {
    const id = this.pieces.get(token);
    if (id === undefined) throw new RangeError(`no token "${token}"`);
    return id;
  }

  /** Tokens of a text, without any around it. A special token that stands in the text is that token. */
  encode(text: string): Encoding {
    const encoding = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
    let at = 0;
    for (const [i, part] of text.split(this.special).entries()) {
      if (i % 2 === 1) {
        encoding.ids.push(this.id(part));
        encoding.starts.push(at);
        encoding.ends.push(at + part.length);
      } else {
        for (const word of wordsOf(part, this.lowercase)) this.addWord(word, at, encoding);
      }
      at += part.length;
    }
    return encoding;
  }

  private addWord(word: Word, offset: number, to: { ids: number[]; starts: number[]; ends: number[] }): void {
    const pieces = this.piecesOf(word.text);
    let from = 0;
    for (let i = 0; i < pieces.length; i += 2) {
      const until = from + pieces[i + 1]!;
      to.ids.push(pieces[i]!);
      to.starts.push(offset + word.starts[from]!);
      to.ends.push(offset + word.ends[until - 1]!);
      from = until;
    }
  }

  /** Index and length, in UTF-16 units, of each piece; one unknown token when the word cannot be put together. */
  private piecesOf(word: string): Int32Array {
    const known = this.remembered.get(word);
    if (known !== undefined) return known;
    const pieces = this.split(word) ?? Int32Array.of(this.unknown, word.length);
    if (this.remembered.size < REMEMBERED) this.remembered.set(word, pieces);
    return pieces;
  }

  /** The longest piece that fits, again and again. */
  private split(word: string): Int32Array | undefined {
    if (word.length > LONGEST_WORD && Array.from(word).length > LONGEST_WORD) return undefined;
    const pieces: number[] = [];
    for (let start = 0; start < word.length;) {
      let end = Math.min(word.length, start + this.longest);
      let id: number | undefined;
      for (; end > start; end--) {
        const piece = word.slice(start, end);
        id = this.pieces.get(start === 0 ? piece : CONTINUES + piece);
        if (id !== undefined) break;
      }
      if (id === undefined) return undefined;
      pieces.push(id, end - start);
      start = end;
    }
    return Int32Array.from(pieces);
  }
}

/**
 * WordPiece as BERT uses it (Schuster, Nakajima 2012; Devlin et al. 2019): text to tokens of a fixed vocabulary, with
 * the position of each in the text. The same tokens as Hugging Face's `tokenizers`, on any Unicode text
 * (test/text/wordpiece.test.ts).
 */
import { isOrAre, UsageError } from '../core/errors.js';
import { matcherOf, type AddedToken, type Matcher } from './added-tokens.js';
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

/** How texts are normalized before they are cut into words: Hugging Face's `BertNormalizer`. */
export interface Normalization {
  readonly lowercase: boolean;
  /** Whether accents are taken off; by default where texts are put in lower case. */
  readonly stripAccents?: boolean;
  /** Whether control characters are left out, and every white space is a space; so by default. */
  readonly cleanText?: boolean;
  /** Whether each ideograph is a word of its own; so by default. */
  readonly handleChineseChars?: boolean;
}

/** What a tokenizer is told beside its vocabulary and whether texts are in lower case. */
export interface TokenizerSettings extends Omit<Normalization, 'lowercase'> {
  /** Tokens that are matched whole, beside the special ones. */
  readonly added?: readonly AddedToken[];
}

/** A text as the normalizer leaves it. */
interface Normalized {
  readonly text: string;
  /** For each UTF-16 unit: where the character that it comes from begins in the original, and ends. */
  readonly startOf: (unit: number) => number;
  readonly endOf: (unit: number) => number;
}

/** Printable ASCII: nothing of it is left out, set apart or an accent, so that every unit stays at its place. */
const PLAIN = /^[ -~]*$/;

/** Normalized characters by the character: in lower case or not, with accents or without. */
const changed = new Map<string, string>();

function change(character: string, lowercase: boolean, stripAccents: boolean): string {
  if (!lowercase && !stripAccents) return character;
  const key = `${lowercase ? 1 : 0}${stripAccents ? 1 : 0}${character}`;
  let result = changed.get(key);
  if (result === undefined) {
    const plain = stripAccents ? withoutAccents(character) : character;
    // each character alone: as a part of a word, a sigma would have two lower cases
    result = lowercase ? Array.from(plain, (part) => part.toLowerCase()).join('') : plain;
    changed.set(key, result);
  }
  return result;
}

function normalize(text: string, normalization: Normalization): Normalized {
  const { lowercase, stripAccents = lowercase, cleanText = true, handleChineseChars = true } = normalization;
  if (PLAIN.test(text))
    return { text: lowercase ? text.toLowerCase() : text, startOf: (unit) => unit, endOf: (unit) => unit + 1 };
  const [starts, ends]: [number[], number[]] = [[], []];
  let result = '';
  const add = (part: string, start: number, end: number): void => {
    result += part;
    for (let unit = 0; unit < part.length; unit++) {
      starts.push(start);
      ends.push(end);
    }
  };
  let at = 0;
  for (const character of text) {
    const [start, end, code] = [at, at + character.length, character.codePointAt(0)!];
    at = end;
    if (cleanText && isRemoved(code)) continue;
    const kind = kindOf(code);
    // an ideograph is set apart before accents are taken off it
    const apart = handleChineseChars && kind === 'ideograph';
    if (apart) add(' ', start, end);
    add(cleanText && kind === 'space' ? ' ' : change(character, lowercase, stripAccents), start, end);
    if (apart) add(' ', start, end);
  }
  return { text: result, startOf: (unit) => starts[unit]!, endOf: (unit) => ends[unit]! };
}

/**
 * Visits where each word of a part of a normalized text begins and ends: between spaces; punctuation marks are words of
 * their own.
 */
function eachWord(text: string, from: number, to: number, visit: (start: number, end: number) => void): void {
  let begin = from;
  for (let at = from; at < to;) {
    const code = text.codePointAt(at)!;
    const next = at + (code > 0xffff ? 2 : 1);
    const kind = kindOf(code);
    if (kind === 'space' || kind === 'punctuation') {
      if (begin < at) visit(begin, at);
      if (kind === 'punctuation') visit(at, next);
      begin = next;
    }
    at = next;
  }
  if (begin < to) visit(begin, to);
}

/** Normalized words of a text: between spaces; punctuation marks and ideographs are words of their own. */
export function wordsOf(text: string, lowercase: boolean): string[] {
  const { text: normalized } = normalize(text, { lowercase });
  const words: string[] = [];
  eachWord(normalized, 0, normalized.length, (start, end) => words.push(normalized.slice(start, end)));
  return words;
}

/** A special token as BERT has it: found as it is written, and nothing else. */
function wholeToken(content: string): AddedToken {
  return { content, singleWord: false, lstrip: false, rstrip: false, normalized: false };
}

/** A tokenizer with a fixed vocabulary. */
export class WordPiece {
  readonly unknown: number;
  private readonly pieces: ReadonlyMap<string, number>;
  /** Tokens that are no pieces of words. */
  private readonly extra: ReadonlySet<string>;
  /** Find added tokens in a text as it is written, and as it is normalized. */
  private readonly written: Matcher;
  private readonly normalized: Matcher;
  private readonly remembered = new Map<string, Int32Array>();
  /** Length of the longest piece, in UTF-16 units. */
  private readonly longest: number;

  /**
   * The last index of a token counts that stands in the vocabulary twice. Throws UsageError on one without the special
   * or the added tokens.
   */
  constructor(
    readonly vocabulary: readonly string[],
    readonly lowercase = true,
    readonly settings: TokenizerSettings = {},
  ) {
    this.pieces = new Map(vocabulary.map((token, id) => [token, id]));
    const { added = [] } = settings;
    this.extra = new Set(added.flatMap(({ content, extra }) => (extra ? [content] : [])));
    const wanted = [...Object.values(SPECIAL), ...added.map(({ content }) => content)];
    const missing = wanted.filter((token) => !this.pieces.has(token));
    if (missing.length > 0)
      throw new UsageError(`vocabulary: ${missing.join(', ')} ${isOrAre(missing.length)} not in it`);
    this.unknown = this.pieces.get(SPECIAL.unknown)!;
    this.longest = vocabulary.reduce((length, token) => Math.max(length, token.length), 0);
    const special = Object.values(SPECIAL).filter((token) => !added.some(({ content }) => content === token));
    const all = [...special.map(wholeToken), ...added];
    const part = (normalized: boolean): AddedToken[] => all.filter((token) => token.normalized === normalized);
    this.written = matcherOf(part(false), (content) => content);
    this.normalized = matcherOf(part(true), (content) => this.normalize(content).text);
  }

  private normalize(text: string): Normalized {
    return normalize(text, { ...this.settings, lowercase: this.lowercase });
  }

  /** Index of a token. Throws RangeError on one that is not in the vocabulary. */
  id(token: string): number {
    const id = this.pieces.get(token);
    if (id === undefined) throw new RangeError(`no token "${token}"`);
    return id;
  }

  /** Tokens of a text, without any around it. A special or added token that stands in the text is that token. */
  encode(text: string): Encoding {
    const encoding = { ids: [] as number[], starts: [] as number[], ends: [] as number[] };
    const add = (token: string, start: number, end: number): void => {
      encoding.ids.push(this.id(token));
      encoding.starts.push(start);
      encoding.ends.push(end);
    };
    for (const { token, start, end } of this.written(text)) {
      if (token !== undefined) add(token, start, end);
      else {
        const normalized = this.normalize(text.slice(start, end));
        for (const { token: inner, start: from, end: to } of this.normalized(normalized.text)) {
          if (inner !== undefined) add(inner, start + normalized.startOf(from), start + normalized.endOf(to - 1));
          else eachWord(normalized.text, from, to, (...word) => this.addWord(normalized, word, start, encoding));
        }
      }
    }
    return encoding;
  }

  /** Adds the pieces of the word from `begin` to `end` of a text that begins at `offset` of the whole. */
  private addWord(
    { text, startOf, endOf }: Normalized,
    [begin, end]: readonly [number, number],
    offset: number,
    to: { readonly ids: number[]; readonly starts: number[]; readonly ends: number[] },
  ): void {
    const pieces = this.piecesOf(text.slice(begin, end));
    let from = begin;
    for (let i = 0; i < pieces.length; i += 2) {
      const until = from + pieces[i + 1]!;
      to.ids.push(pieces[i]!);
      to.starts.push(offset + startOf(from));
      to.ends.push(offset + endOf(until - 1));
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
        const token = start === 0 ? piece : CONTINUES + piece;
        id = this.extra.has(token) ? undefined : this.pieces.get(token);
        if (id !== undefined) break;
      }
      if (id === undefined) return undefined;
      pieces.push(id, end - start);
      start = end;
    }
    return Int32Array.from(pieces);
  }
}

/**
 * Tokens that were added to a vocabulary and are found in a text whole, before its words are cut into pieces: as
 * Hugging Face's `tokenizers` finds them (`AddedVocabulary`), with the settings of each.
 */

/** A token that is matched whole. */
export interface AddedToken {
  readonly content: string;
  /** Only where no letter, digit or underscore stands beside it. */
  readonly singleWord: boolean;
  /** Takes the spaces before it, and after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Is looked for in the text as the normalizer leaves it, and not as it is written. */
  readonly normalized: boolean;
  /** Stands in no vocabulary that words are cut by: it is found whole, or not at all. */
  readonly extra?: true;
}

/** A part of a text: an added token, or what stands between two of them. */
export interface Part {
  readonly token?: string;
  readonly start: number;
  readonly end: number;
}

/** Finds added tokens in a text: the longest of those that begin first, then the next after it. */
export type Matcher = (text: string) => Part[];

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]$/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]/u;
/** Unicode's White_Space, which JavaScript's \s is not. */
const SPACE = '[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const SPACES_BEFORE = new RegExp(`${SPACE}*$`);
const SPACES_AFTER = new RegExp(`^${SPACE}*`);

/** A line without the white space at its end. */
export function trimmedEnd(line: string): string {
  return line.replace(SPACES_BEFORE, '');
}

/** The matcher of some tokens; `pattern` is what of a text stands for a token, nothing where it cannot be found. */
export function matcherOf(tokens: readonly AddedToken[], pattern: (content: string) => string): Matcher {
  const patterns = new Map<string, AddedToken>();
  for (const token of tokens) {
    const text = pattern(token.content);
    if (text !== '' && !patterns.has(text)) patterns.set(text, token);
  }
  if (patterns.size === 0) return (text) => [{ start: 0, end: text.length }];
  const longestFirst = [...patterns.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
  return (text) => {
    const parts: Part[] = [];
    let at = 0;
    for (const { 0: found, index } of text.matchAll(any)) {
      const { content, singleWord, lstrip, rstrip } = patterns.get(found)!;
      let [start, end] = [index, index + found.length];
      if (start < at) continue;
      if (singleWord && (WORD_BEFORE.test(before(text, start)) || WORD_AFTER.test(text.slice(end, end + 2)))) continue;
      if (lstrip) start = Math.max(at, start - SPACES_BEFORE.exec(text.slice(at, start))![0].length);
      if (rstrip) end += SPACES_AFTER.exec(text.slice(end))![0].length;
      if (at < start) parts.push({ start: at, end: start });
      parts.push({ token: content, start, end });
      at = end;
    }
    if (at < text.length) parts.push({ start: at, end: text.length });
    return parts;
  };
}

/** The character before a position, of one or two UTF-16 units. */
function before(text: string, at: number): string {
  const pair = text.slice(Math.max(0, at - 2), at);
  return Array.from(pair).at(-1) ?? '';
}

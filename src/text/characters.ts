/**
 * The kinds of characters that BERT's tokenizer tells apart, as the Rust library `tokenizers` has them: its tables are
 * of a fixed, older version of Unicode than the one of the machine's JavaScript, which grows, and tokens must not
 * depend on it. Taken from what `tokenizers` 0.22 does with every code point, which test/text/wordpiece_reference.py
 * hashes; differences to Unicode 15: 20 removed characters, 509 accents, 143 punctuation marks, all of scripts that
 * were added later.
 */

/**
 * Ranges of code points in base 36: the distance from the end of the range before, and, after a dash, how many more
 * follow.
 */
function decode(text: string): readonly (readonly [first: number, last: number])[] {
  let last = 0;
  return text.split(' ').map((range) => {
    const [step, more = '0'] = range.split('-') as [string, string?];
    const first = last + parseInt(step, 36);
    last = first + parseInt(more, 36);
    return [first, last];
  });
}

/** Control characters, format characters and private use. */
const REMOVED = decode(
  '0-8 3-1 2-h 2o-w e 11v-5 n 5d 1e 3cv 1kt-4 r-4 1e-4 2-9 11u9-4xr 16o 6y-2 2 3b4 xyb-3 440-7 h407 v-2n ' +
    '1egx-1ekd 3-1ekd',
);

/** Non-spacing marks. */
const ACCENTS = decode(
  'lc-33 7o-4 7e-18 2 2-1 2-1 2 21-a 1d-k h 2u-6 3-5 3-1 2-3 10 v-q 2k-a 1n-8 z-3 2-8 2-2 2-4 18-2 3s-v 1k 2 5-7 ' +
    '5 4-6 b-1 u 1n 5-3 9 l-1 u-1 1m 5-1 5-1 3-2 4 v-1 4 c-1 1m 5-4 2-1 5 l-1 u 1n 3 2-3 9 9 c-1 v 1q d 1f 1q-2 ' +
    '6-2 2-3 8-1 c-1 u 1n 3 7 6-1 l-1 u 1s-3 9 l-1 2v 8-2 2 2j 3-6 d-7 2r 3-5 2-1 c-5 23-1 s 2 2 1k-d 2-4 2-1 6-a ' +
    '2-z a 2v-3 2-5 2-1 3-1 q-1 5-2 h-3 e 3-1 7 g jk-2 qb-2 u-2 u-1 v-1 1t-1 2-6 9 3-a a 1a-2 4c 3b-2 5-1 a 7-2 ' +
    '64-1 3 1n 2-6 2 2 3-7 7-9 3 1d-d 1v-3 1d 2-4 2 6 15-8 d-1 x-3 3-1 2-2 1l 2-1 4 2-2 1n-7 3-1 49-2 2-c 2-6 5 7 ' +
    '4-1 5j-1h 7-3 k1-c 5 4-b 2db-2 3y 2p-v ff-3 30-1 n9x 5-9 x-1 29-1 7l 4 5 q-1 4e s-h 1h-7 q-a 1b-2 1d 3-3 3 15 ' +
    '1w-5 3-1 3-1 d 9 1c 1g 2-2 3-1 6-1 2 17-1 9 6n 3 5 fn5 ki-f h-f r2 6b 46-4 1af-2 2-1 6-3 15-2 5 4m-1 10b 1j-e ' +
    '1l-2 1e-3 3-1 1y-2 11-4 2-7 1r d-1 1h-8 c-2 2r-2 3 2-1 4o 4-7 m-1 1n 4 12-6 4-4 8v-5 2 5-1 2-1 6n-3 7-1 2-1 ' +
    's-1 2e-7 3 2-1 2z 2 3-5 2 2u-2 3-3 2-4 gjp-4 1o-6 ux-3 f7v-1 43t-2 i-7 3-6 v-3 45-2 1j0-1i 5-1d 9 f n-4 2-e ' +
    '2sh-6 gzl6-6n',
);

const PUNCTUATION = decode(
  'x-e b-6 r-5 r-3 z 6 4 b-1 4 4 jj 9 cz-5 16-1 1g 2 3 3 19-1 l-1 2-1 e 3-1 23-3 2v 18-d 6i-2 1j-e w 7a-1 b ao ' +
    'lg 2j b-1 4p-e 2 12-3 20 23-4 5-1 34-5 4s h1-8 48 h9-1 19-1 27-2 20-1 4e-2 2-2 12-a 8q-1 61-1 3l-6 2-5 4t-6 ' +
    '4c-3 1o-4 1r-1 1t-7 c n1-n 9-j 2-c 2-b v-1 f-1 hm-3 u-1 u6-d 28-1 w-9 b8-l 1s-3 x-1 l8-3 2-1 35 40-1a 2-i ' +
    'cf-2 5-9 3-b h d 2r 2j mwz-1 7i-2 2s b 38-5 al-3 2f-1 15-2 2 1e-1 1c 2q-c h-1 3h-3 3j-1 h-1 6y g2b-1 5t-9 n-y ' +
    '2-d 2 5 2-1 46-2 2-5 2-3 b-1 4-1 r-2 2 s 2 2-6 bf-2 il 1d bj ko 5k w 7l-8 13 35-6 1v-6 2i-3 x7-6 32-1 2-3 ' +
    '3j-3 1d-1 28-4 4 e 2-2 2h-5 30 f1 6z-m 2y-2 6x-2 2lu-4 dtm-1 3q 1u-4 9 g2j 5wo-4',
);

const IDEOGRAPHS = [
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0x2f800, 0x2fa1f],
] as const;

const SPACES = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0x85, 0x85],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
] as const;

/** Characters that JavaScript decomposes and `tokenizers` does not. */
const WHOLE = new Set([
  0x105c9, 0x105e4, 0x11383, 0x11385, 0x1138e, 0x11391, 0x113c5, 0x113c7, 0x113c8, 0x11938, 0x16121, 0x16122, 0x16123,
  0x16124, 0x16125, 0x16126, 0x16127, 0x16128, 0x16d68, 0x16d69, 0x16d6a,
]);

function within(ranges: readonly (readonly [number, number])[], code: number): boolean {
  let [low, high] = [0, ranges.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = ranges[middle]!;
    if (code < first) high = middle - 1;
    else if (code > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** What the tokenizer takes a character for. */
export type Kind = 'letter' | 'space' | 'punctuation' | 'ideograph';

function findKind(code: number): Kind {
  if (within(SPACES, code)) return 'space';
  if (within(PUNCTUATION, code)) return 'punctuation';
  return within(IDEOGRAPHS, code) ? 'ideograph' : 'letter';
}

/** Kinds of the characters that most texts are made of. */
const ASCII_KINDS = Array.from({ length: 128 }, (_, code) => findKind(code));

/** What a character is, after it was made clean: an ideograph and a punctuation mark are words of their own. */
export function kindOf(code: number): Kind {
  return ASCII_KINDS[code] ?? findKind(code);
}

/**
 * Whether cleaning leaves the character out: 0, the replacement character, and control characters other than tab and
 * line ends.
 */
export function isRemoved(code: number): boolean {
  return code === 0 || code === 0xfffd || (within(REMOVED, code) && code !== 0x09 && code !== 0x0a && code !== 0x0d);
}

/** The character without its accents; possibly nothing. */
export function withoutAccents(character: string): string {
  if (WHOLE.has(character.codePointAt(0)!)) return character;
  return Array.from(character.normalize('NFD'))
    .filter((part) => !within(ACCENTS, part.codePointAt(0)!))
    .join('');
}

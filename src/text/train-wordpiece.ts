/**
 * A WordPiece vocabulary from a corpus, as Hugging Face's trainer makes it: characters first, then the most frequent
 * pair of neighbouring pieces is joined, again and again. Sennrich, Haddow, Birch 2016, algorithm 1, with `##` before
 * what continues a word. Ties go to the pair that comes first in the vocabulary; the same corpus gives the same
 * vocabulary. For 2,048 tokens of the WordNet glosses it is the set that `tokenizers` makes, whose ties depend on
 * chance.
 */
import { UsageError } from '../core/errors.js';
import { CONTINUES, SPECIAL, wordsOf } from './wordpiece.js';

/** How a vocabulary is made. */
export interface TrainOptions {
  /** Tokens in the vocabulary, special ones included. */
  readonly size: number;
  readonly lowercase?: boolean;
  /** Different characters that are kept, the most frequent ones. */
  readonly alphabet?: number;
  /** Pairs that are rarer are not joined. */
  readonly minimum?: number;
  readonly onToken?: (done: number, total: number) => void;
}

/** How often each word stands in the texts. */
async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  lowercase = true,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const text of texts)
    for (const word of wordsOf(text, lowercase)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

interface Entry {
  pieces: number[];
  readonly count: number;
}

/**
 * Makes a vocabulary, special tokens first. Throws UsageError when there are no words, or when the size leaves no room
 * for the characters.
 */
export async function trainWordPiece(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainOptions,
): Promise<string[]> {
  const { size, lowercase = true, alphabet = 1000, minimum = 1, onToken } = options;
  const counts = await countWords(texts, lowercase);
  if (counts.size === 0) throw new UsageError('no words in the texts that the vocabulary is made from');
  const vocabulary: string[] = Object.values(SPECIAL);
  const ids = new Map(vocabulary.map((token, id) => [token, id]));
  const idOf = (token: string): number => {
    let id = ids.get(token);
    if (id === undefined) {
      id = vocabulary.push(token) - 1;
      ids.set(token, id);
    }
    return id;
  };
  const kept = frequentCharacters(counts, alphabet);
  for (const character of [...kept].sort()) idOf(character);
  const words = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const entries = words.map(([word, count]): Entry => {
    const known = Array.from(word).filter((character) => kept.has(character));
    return { pieces: known.map((character, i) => idOf(i === 0 ? character : CONTINUES + character)), count };
  });
  if (vocabulary.length > size)
    throw new UsageError(`a vocabulary of ${size}: the special tokens and characters alone are ${vocabulary.length}`);
  const pairs = new Pairs(entries);
  while (vocabulary.length < size) {
    const best = pairs.take();
    if (best === undefined || best.count < minimum) break;
    const [left, right] = best.pair;
    const joined = vocabulary[left]! + vocabulary[right]!.slice(CONTINUES.length);
    pairs.join(best.pair, idOf(joined));
    onToken?.(vocabulary.length, size);
  }
  return vocabulary;
}

function frequentCharacters(counts: ReadonlyMap<string, number>, limit: number): Set<string> {
  const characters = new Map<string, number>();
  for (const [word, count] of counts)
    for (const character of word) characters.set(character, (characters.get(character) ?? 0) + count);
  const order = [...characters].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Set(order.slice(0, limit).map(([character]) => character));
}

interface Candidate {
  readonly count: number;
  readonly pair: readonly [number, number];
}

/** Pairs of neighbors with their counts and the entries that have them; the most frequent first. */
class Pairs {
  private readonly counts = new Map<number, number>();
  private readonly entriesWith = new Map<number, Set<number>>();
  private readonly heap: Candidate[] = [];

  constructor(private readonly entries: Entry[]) {
    for (const [entry, { pieces, count }] of entries.entries()) {
      for (let i = 1; i < pieces.length; i++) this.change(pieces[i - 1]!, pieces[i]!, count, entry);
    }
    for (const [key, count] of this.counts) this.push({ count, pair: unkey(key) });
  }

  /** The most frequent pair; counts in the heap may be old, and are put right when they come up. */
  take(): Candidate | undefined {
    for (let top = this.pop(); top !== undefined; top = this.pop()) {
      const count = this.counts.get(key(...top.pair)) ?? 0;
      if (count === top.count && count > 0) return top;
      if (count > 0) this.push({ ...top, count });
    }
    return undefined;
  }

  /** Puts the new piece wherever the pair stands. */
  join([left, right]: readonly [number, number], piece: number): void {
    const changed = new Set<number>();
    for (const number of this.entriesWith.get(key(left, right)) ?? []) {
      const entry = this.entries[number]!;
      const joined: number[] = [];
      for (let i = 0; i < entry.pieces.length; i++) {
        const both = entry.pieces[i] === left && entry.pieces[i + 1] === right;
        joined.push(both ? piece : entry.pieces[i]!);
        if (both) i++;
      }
      for (let i = 1; i < entry.pieces.length; i++)
        this.change(entry.pieces[i - 1]!, entry.pieces[i]!, -entry.count, number);
      for (let i = 1; i < joined.length; i++) {
        this.change(joined[i - 1]!, joined[i]!, entry.count, number);
        if (joined[i - 1] === piece || joined[i] === piece) changed.add(key(joined[i - 1]!, joined[i]!));
      }
      entry.pieces = joined;
    }
    for (const fresh of changed) this.push({ count: this.counts.get(fresh)!, pair: unkey(fresh) });
  }

  private change(left: number, right: number, by: number, entry: number): void {
    const pair = key(left, right);
    this.counts.set(pair, (this.counts.get(pair) ?? 0) + by);
    let having = this.entriesWith.get(pair);
    if (having === undefined) this.entriesWith.set(pair, (having = new Set()));
    if (by > 0) having.add(entry);
  }

  private push(candidate: Candidate): void {
    const { heap } = this;
    let at = heap.push(candidate) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(candidate, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = candidate;
  }

  private pop(): Candidate | undefined {
    const { heap } = this;
    const [top] = heap;
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (!isBefore(heap[below]!, last)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.pair[0] !== b.pair[0] ? a.pair[0] < b.pair[0] : a.pair[1] < b.pair[1];
}

const RADIX = 2 ** 24;

function key(left: number, right: number): number {
  return left * RADIX + right;
}

function unkey(pair: number): readonly [number, number] {
  return [Math.floor(pair / RADIX), pair % RADIX];
}

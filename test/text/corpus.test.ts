import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { rngKey } from '../../src/core/rng.js';
import { divideBlocks, glosses, lines, Packer, type Split } from '../../src/text/corpus.js';
import { Masking } from '../../src/text/masking.js';
import { openCorpus, type CorpusSpec } from '../../src/text/rows.js';
import { SPECIAL, WordPiece } from '../../src/text/wordpiece.js';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'gowide-corpus-'));
const TOKENIZER = new WordPiece([...Object.values(SPECIAL), 'a', 'b', 'c', '##a', '##b']);
const [CLS, SEP, MASK] = [2, 3, 4];

test('packing: a class token first, a separator after each text, texts go on in the next row, the last one is dropped', () => {
  const rows: number[][] = [];
  const packer = new Packer(TOKENIZER, 5, (row) => rows.push([...row]));
  for (const text of ['a b', 'c', 'ab a', 'b']) packer.add(text);
  expect(rows).toEqual([
    [CLS, 5, 6, SEP, 7],
    [CLS, SEP, 5, 9, 5],
  ]);
});

test('glosses: each once, and no block in two splits', () => {
  const pieces = [...glosses()];
  expect(new Set(pieces.map(({ text }) => text)).size).toBe(pieces.length);
  expect(pieces.length).toBeGreaterThan(115_000);
  const blocks = pieces.at(-1)!.block + 1;
  const splitOf = divideBlocks(blocks, 0.05);
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (let block = 0; block < blocks; block++) counts[splitOf(block)]++;
  expect([counts.validation, counts.test]).toEqual([Math.round(blocks * 0.05), Math.round(blocks * 0.05)]);
  expect(divideBlocks(blocks, 0.05)(17)).toBe(splitOf(17));
});

test.each([
  ['one block', 1, 0.05, 'texts: too small: with 1 of 1 block of 50 texts held out for validation and 1 for test none'],
  ['two blocks', 2, 0.05, 'none is left; expected more than 100 texts'],
  ['a large share', 4, 0.4, 'none is left; expected more than 200 texts, or a smaller data.heldOut'],
])('%s cannot be divided: the corpus is named, and how many texts are expected', (_, blocks, share, message) => {
  expect(() => divideBlocks(blocks, share, 'texts')).toThrow(message);
});

describe('folders of texts', () => {
  beforeEach(() => {
    vi.stubEnv('GOWIDE_CACHE', temporary());
    return () => vi.unstubAllEnvs();
  });

  function folderOf(count: number): string {
    const folder = temporary();
    mkdirSync(join(folder, 'deep'));
    const text = (i: number): string =>
      `line ${i} is about ${['cats', 'dogs', 'birds', 'trees'][i % 4]} and ${i % 7} other things`;
    writeFileSync(join(folder, 'b.txt'), Array.from({ length: count / 2 }, (_, i) => `${text(i)}\r\n\n`).join(''));
    writeFileSync(
      join(folder, 'deep', 'a.txt'),
      Array.from({ length: count / 2 }, (_, i) => text(i + count / 2)).join('\n'),
    );
    writeFileSync(join(folder, 'notes.md'), 'not this one');
    return folder;
  }
  const spec = (folder: string, changes: Partial<CorpusSpec> = {}): CorpusSpec => ({
    source: { kind: 'folder', folder },
    vocabulary: 120,
    lowercase: true,
    tokens: 16,
    heldOut: 0.1,
    ...changes,
  });

  test('lines of all .txt files below the folder, in the order of their names, without empty ones', async () => {
    const texts: string[] = [];
    for await (const { text } of lines(folderOf(8))) texts.push(text);
    expect(texts.map((text) => text.split(' ')[1])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  test('what is no folder of texts is refused by its name, and a folder named like a text is none', async () => {
    const folder = folderOf(1000);
    await expect(openCorpus(spec(join(folder, 'b.txt')))).rejects.toThrow(
      `${join(folder, 'b.txt')}: no folder; expected a folder with .txt files`,
    );
    mkdirSync(join(folder, 'c.txt'));
    expect((await openCorpus(spec(folder))).rows.train.count).toBeGreaterThan(0);
    await expect(openCorpus(spec(join(folder, 'c.txt')))).rejects.toThrow('c.txt: no .txt file in it; expected some');
  });

  test('a corpus is made once, its rows are the texts, and another declaration is another corpus', async () => {
    const folder = folderOf(1000);
    const stages = new Set<string>();
    const { tokenizer, rows } = await openCorpus(spec(folder), (stage) => stages.add(stage));
    expect([...stages]).toEqual(['count words', 'make the vocabulary', 'tokens']);
    expect(tokenizer.vocabulary).toHaveLength(120);
    expect(rows.train.count).toBeGreaterThan(6 * rows.test.count);
    const read = rows.train.read(Uint32Array.of(2, 0));
    expect([read.length, read[0], read[16]]).toEqual([32, tokenizer.id('[CLS]'), tokenizer.id('[CLS]')]);
    expect(() => rows.test.read(Uint32Array.of(rows.test.count))).toThrow(RangeError);
    stages.clear();
    const again = await openCorpus(spec(folder), (stage) => stages.add(stage));
    expect([stages.size, [...again.rows.train.read(Uint32Array.of(2, 0))]]).toEqual([0, [...read]]);
    await openCorpus(spec(folder, { tokens: 8 }), (stage) => stages.add(stage));
    expect(stages.size).toBe(3);
    expect(readdirSync(join(process.env.GOWIDE_CACHE!, 'text'))).toHaveLength(2);
  });

  test('a vocabulary of one’s own', async () => {
    const vocabulary = join(temporary(), 'vocab.txt');
    writeFileSync(vocabulary, [...Object.values(SPECIAL), 'line', 'is', 'about'].join('\n'));
    const { tokenizer, rows } = await openCorpus(spec(folderOf(1000), { vocabulary }));
    expect(tokenizer.vocabulary).toHaveLength(8);
    expect([...rows.train.read(Uint32Array.of(0))].slice(1, 5).filter((id) => id > 4)).toHaveLength(3);
  });

  test('files of equal names, sizes and times but other content are another corpus; a copy is the same one', async () => {
    const folder = folderOf(1000);
    const rowsOf = async (path: string): Promise<number[]> => [
      ...(await openCorpus(spec(path))).rows.train.read(Uint32Array.of(0, 1, 2, 3, 4)),
    ];
    const rows = await rowsOf(folder);
    const other = temporary();
    cpSync(folder, other, { recursive: true, preserveTimestamps: true });
    expect(await rowsOf(other)).toEqual(rows);
    const made = (): string[] => readdirSync(join(process.env.GOWIDE_CACHE!, 'text'));
    expect(made()).toHaveLength(1);
    const path = join(other, 'b.txt');
    const { atime, mtime } = statSync(path);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('cats', 'rats'));
    utimesSync(path, atime, mtime);
    await rowsOf(other);
    expect(made()).toHaveLength(2);
  });

  test.each(['train.rows', 'vocab.txt', 'made.json'])(
    'one in the cache whose %s was cut off is made again',
    async (name) => {
      const folder = folderOf(1000);
      const { rows, tokenizer } = await openCorpus(spec(folder));
      const first = [...rows.train.read(Uint32Array.of(0, 1))];
      const cache = join(process.env.GOWIDE_CACHE!, 'text');
      const path = join(cache, readdirSync(cache)[0]!, name);
      writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size / 2));
      const again = await openCorpus(spec(folder));
      expect(again.rows.train.count).toBe(rows.train.count);
      expect([...again.rows.train.read(Uint32Array.of(0, 1))]).toEqual(first);
      expect(again.tokenizer.vocabulary).toEqual(tokenizer.vocabulary);
      expect(readdirSync(cache)).toHaveLength(1);
    },
  );

  test('what cannot be used is named, and leaves nothing in the cache', async () => {
    const folder = folderOf(1000);
    writeFileSync(join(folder, 'c.txt'), Uint8Array.of(0x61, 0x0a, 0xc3, 0x28, 0x0a));
    await expect(openCorpus(spec(folder))).rejects.toThrow(/c.txt, line 2: not valid UTF-8/);
    const cache = join(process.env.GOWIDE_CACHE!, 'text');
    expect(existsSync(cache) ? readdirSync(cache) : []).toEqual([]);
    const empty = temporary();
    await expect(openCorpus(spec(empty))).rejects.toThrow(/no .txt file in it/);
    writeFileSync(join(empty, 'a.txt'), ' \n\n');
    await expect(openCorpus(spec(empty))).rejects.toThrow('its .txt files are empty');
    await expect(openCorpus(spec(join(empty, 'none')))).rejects.toThrow('not found; expected a folder with .txt files');
    const short = folderOf(1000);
    await expect(openCorpus(spec(short, { tokens: 5000 }))).rejects.toThrow(
      `${short}: too small: no row of 5000 tokens for validation; expected more text, or fewer data.tokens`,
    );
  });
});

describe('masking', () => {
  const row = Int32Array.from([CLS, ...Array.from({ length: 60 }, (_, i) => [5, 8, 9, 6, 7][i % 5]!), SEP]);
  const published = { count: 9, mask: 0.8, random: 0.1, wholeWords: false };

  test('so many tokens, of which 80 % are masked, 10 % drawn, 10 % left; never a special one', () => {
    const masking = new Masking(TOKENIZER, published);
    const counts = { masked: 0, same: 0, other: 0 };
    for (let seed = 0; seed < 400; seed++) {
      const { ids, positions, labels } = masking.apply(row, rngKey(seed, 'mask'));
      expect(positions).toHaveLength(9);
      expect([...positions]).toEqual([...positions].sort((a, b) => a - b));
      for (const [i, position] of positions.entries()) {
        expect(labels[i]).toBe(row[position]);
        expect(row[position]).toBeGreaterThan(4);
        counts[ids[position] === MASK ? 'masked' : ids[position] === row[position] ? 'same' : 'other']++;
      }
      const kept = [...ids.keys()].filter((position) => !positions.includes(position));
      expect(kept.every((position) => ids[position] === row[position])).toBe(true);
    }
    const total = 400 * 9;
    // a fifth of the random ones are the same again: there are five ordinary tokens
    expect(Math.abs(counts.masked / total - 0.8)).toBeLessThan(0.03);
    expect(Math.abs(counts.same / total - 0.12)).toBeLessThan(0.03);
    expect(Math.abs(counts.other / total - 0.08)).toBeLessThan(0.03);
  });

  test('a function of the key; whole words are masked whole', () => {
    const masking = new Masking(TOKENIZER, { ...published, mask: 1, random: 0, wholeWords: true });
    const { ids, positions } = masking.apply(row, rngKey(1, 'mask'));
    expect(masking.apply(row, rngKey(1, 'mask')).positions).toEqual(positions);
    expect(masking.apply(row, rngKey(2, 'mask')).positions).not.toEqual(positions);
    expect(positions).toHaveLength(9);
    const torn = [...row.keys()].filter((at) => row[at]! >= 8 && (ids[at] === MASK) !== (ids[at - 1] === MASK));
    expect(torn.length).toBeLessThanOrEqual(1); // the last word may be cut
    expect(masking.apply(Int32Array.of(CLS, 5, SEP), rngKey(1)).positions).toEqual(Int32Array.of(1));
  });
});

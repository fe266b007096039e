import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trainWordPiece } from '../../src/text/train-wordpiece.js';
import { readVocabulary, vocabularyFiles } from '../../src/text/vocabulary.js';
import { SPECIAL, WordPiece, wordsOf } from '../../src/text/wordpiece.js';

interface Reference {
  readonly vocabulary: string[];
  readonly hashes: { readonly lowercase: string; readonly cased: string };
  /** Text, tokens, and where they begin and end in code points. */
  readonly cases: [string, number[], [number, number][]][];
}

/** Written by `python test/text/wordpiece_reference.py` with tokenizers. */
const REFERENCE = JSON.parse(readFileSync(join(import.meta.dirname, 'wordpiece_reference.json'), 'utf8')) as Reference;

describe('the same as tokenizers', () => {
  const tokenizer = new WordPiece(REFERENCE.vocabulary);

  test.each(REFERENCE.cases)('%j', (text, ids, offsets) => {
    const encoding = tokenizer.encode(text);
    expect(encoding.ids).toEqual(ids);
    const codePoint = Array.from(text).flatMap((character, i) => Array<number>(character.length).fill(i));
    codePoint.push(Array.from(text).length);
    expect(encoding.starts.map((start, i) => [codePoint[start], codePoint[encoding.ends[i]!]])).toEqual(offsets);
  });

  test.each(['lowercase', 'cased'] as const)('every character of Unicode between two letters, %s', (name) => {
    const digest = createHash('sha256');
    let block = '';
    for (let code = 0; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      block += `${wordsOf(`a${String.fromCodePoint(code)}b`, name === 'lowercase').join(' ')}\n`;
      if (block.length > 1e6 || code === 0x10ffff) {
        digest.update(block);
        block = '';
      }
    }
    expect(digest.digest('hex')).toBe(REFERENCE.hashes[name]);
  });
});

test('each token has its place in the text', () => {
  const tokenizer = new WordPiece([...Object.values(SPECIAL), 'un', '##known', 'a', '.']);
  expect(tokenizer.encode('unknown a. [MASK]')).toEqual({
    ids: [5, 6, 7, 8, 4],
    starts: [0, 2, 8, 9, 11],
    ends: [2, 7, 9, 10, 17],
  });
});

test('training: alphabet, minimum and size are kept to; the order of the texts does not matter', async () => {
  const texts = ['aaab aab', 'ab abc', 'xyz'];
  const vocabulary = await trainWordPiece(texts, { size: 100, alphabet: 2, minimum: 2 });
  // after (a, ##a), the first of three pairs that stand there twice, (a, ##b) is left
  expect(vocabulary).toEqual([...Object.values(SPECIAL), 'a', 'b', '##a', '##b', 'aa', 'ab']);
  expect(await trainWordPiece([...texts].reverse(), { size: 100, alphabet: 2, minimum: 2 })).toEqual(vocabulary);
  await expect(trainWordPiece(['abc'], { size: 6 })).rejects.toThrow(
    'a vocabulary of 6: the special tokens and characters alone are 10',
  );
  await expect(trainWordPiece([' \n'], { size: 60 })).rejects.toThrow('no words in the texts');
});

test('vocabularies that cannot be used are refused with what is wrong', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'gowide-text-')), 'vocab.txt');
  writeFileSync(path, `${[...Object.values(SPECIAL), 'a'].join('\r\n')}\r\n`);
  expect(readVocabulary(path)).toEqual({ tokens: [...Object.values(SPECIAL), 'a'] });
  writeFileSync(path, Uint8Array.of(0x61, 0xff, 0x0a));
  expect(() => readVocabulary(path)).toThrow('vocab.txt: not valid UTF-8');
  writeFileSync(path, '\n');
  expect(() => readVocabulary(path)).toThrow('vocab.txt: empty');
  expect(() => readVocabulary(`${path}.none`)).toThrow(/vocab.txt.none/);
  expect(() => new WordPiece(['[PAD]', '[UNK]', '[SEP]', '[MASK]'])).toThrow('vocabulary: [CLS] is not in it');
  expect(() => new WordPiece(Object.values(SPECIAL)).id('x')).toThrow(RangeError);
});

/** What `WordPiece.from_file` of tokenizers 0.23.3 gives for the lines that are here: by its own index each. */
test('vocab.txt: a mark at its beginning, spaces at ends, empty lines and doubles keep their numbers', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'gowide-text-')), 'vocab.txt');
  const lines = ['\ufeff[PAD]', '[UNK] ', '[CLS]\t', '[SEP]', '[MASK]', 'a', '', 'b\u3000', 'a', '   ', '##b', '', ''];
  for (const end of ['\n', '\r\n']) {
    writeFileSync(path, lines.join(end));
    const { tokens } = readVocabulary(path);
    expect(tokens).toEqual([...Object.values(SPECIAL), 'a', '', 'b', 'a', '', '##b']);
    const tokenizer = new WordPiece(tokens);
    expect(tokenizer.encode('a b ab').ids).toEqual([8, 7, 8, 10]); // of the two, the last
    expect(tokenizer.vocabulary).toHaveLength(11);
  }
});

test('tokenizer.json and folders: the vocabulary in order, with added tokens, and whether texts are in lower case', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-text-'));
  const tokens = [...Object.values(SPECIAL), 'a', '##b'];
  const write = (changes: Record<string, unknown> = {}): string => {
    const tokenizer = {
      added_tokens: [{ id: 7, content: '[unused0]', special: true }],
      normalizer: {
        type: 'BertNormalizer',
        clean_text: true,
        handle_chinese_chars: true,
        strip_accents: null,
        lowercase: false,
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      },
      ...changes,
    };
    const path = join(folder, 'tokenizer.json');
    writeFileSync(path, JSON.stringify(tokenizer));
    return path;
  };
  const whole = { singleWord: false, lstrip: false, rstrip: false, normalized: false };
  const expected = {
    tokens: [...tokens, '[unused0]'],
    lowercase: false,
    settings: { added: [{ content: '[unused0]', ...whole, extra: true }] },
  };
  expect(readVocabulary(write())).toEqual(expected);
  expect(readVocabulary(folder)).toEqual(expected);
  expect(() => readVocabulary(write({ model: { type: 'BPE', vocab: {} } }))).toThrow(
    /tokenizer.json: model.type: .*tokenizers of the kind that BERT has can be read/,
  );
  expect(() => readVocabulary(write({ added_tokens: [{ id: 9, content: 'x' }] }))).toThrow(/no token has the index 7/);
  expect(() => readVocabulary(write({ added_tokens: [{ id: 2, content: 'x' }] }))).toThrow(
    /two tokens have the same index/,
  );
  const other = mkdtempSync(join(tmpdir(), 'gowide-text-'));
  expect(() => readVocabulary(other)).toThrow(/neither vocab.txt nor tokenizer.json/);
  // a SavedModel has it below `assets`, which counts where there is none in the folder itself
  mkdirSync(join(other, 'assets'));
  writeFileSync(join(other, 'assets', 'vocab.txt'), [...tokens, 'saved'].join('\n'));
  expect(readVocabulary(other)).toEqual({ tokens: [...tokens, 'saved'] });
  expect(vocabularyFiles(other)).toEqual([{ path: other, names: [join('assets', 'vocab.txt')] }]);
  // settings count, and are inputs, where they stand beside it
  writeFileSync(join(other, 'assets', 'tokenizer_config.json'), '{"do_lower_case": false}');
  expect(readVocabulary(other).lowercase).toBe(false);
  expect(vocabularyFiles(other)).toEqual([
    { path: other, names: [join('assets', 'vocab.txt'), join('assets', 'tokenizer_config.json')] },
  ]);
  writeFileSync(join(other, 'vocab.txt'), tokens.join('\n'));
  expect(vocabularyFiles(other)).toEqual([{ path: other, names: ['vocab.txt'] }]);
  expect(readVocabulary(other)).toEqual({ tokens });
  writeFileSync(join(other, 'tokenizer_config.json'), '{"do_lower_case": true}');
  expect(readVocabulary(other)).toEqual({ tokens, lowercase: true });
});

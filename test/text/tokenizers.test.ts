/** Settings of tokenizers are followed as Hugging Face's libraries follow them, or refused by their name. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readVocabulary } from '../../src/text/vocabulary.js';
import { SPECIAL, WordPiece } from '../../src/text/wordpiece.js';

interface Reference {
  readonly vocabulary: readonly string[];
  readonly files: readonly {
    readonly normalizer: object;
    readonly added: readonly object[];
    readonly cases: readonly [text: string, ids: number[], offsets: [number, number][]][];
  }[];
  readonly folders: readonly {
    readonly name: string;
    readonly files: Readonly<Record<string, string | object>>;
    readonly cases: readonly [text: string, ids: number[]][];
  }[];
}

/** Written by `python test/text/tokenizers_reference.py` with tokenizers 0.23.3 and transformers 5.24.0. */
const REFERENCE = JSON.parse(readFileSync(join(import.meta.dirname, 'tokenizers_reference.json'), 'utf8')) as Reference;

function folderOf(files: Readonly<Record<string, string | object>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-tokenizers-'));
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return folder;
}

function tokenizerIn(path: string): WordPiece {
  const { tokens, lowercase, settings } = readVocabulary(path);
  return new WordPiece(tokens, lowercase, settings);
}

describe('tokenizer.json, as tokenizers reads it', () => {
  const model = { type: 'WordPiece', vocab: Object.fromEntries(REFERENCE.vocabulary.map((token, id) => [token, id])) };
  const named = REFERENCE.files.map((one, i) => [`${i}: ${JSON.stringify(one.normalizer)}`, one] as const);

  test.each(named)('%s', (_, { normalizer, added, cases }) => {
    const file = {
      added_tokens: added,
      normalizer: { type: 'BertNormalizer', ...normalizer },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      model,
    };
    const tokenizer = tokenizerIn(join(folderOf({ 'tokenizer.json': file }), 'tokenizer.json'));
    for (const [text, ids, offsets] of cases) {
      const encoding = tokenizer.encode(text);
      const said = `${JSON.stringify(text)} with ${JSON.stringify(added)}`;
      expect(encoding.ids, said).toEqual(ids);
      const codePoint = Array.from(text).flatMap((character, i) => Array<number>(character.length).fill(i));
      codePoint.push(Array.from(text).length);
      const found = encoding.starts.map((start, i) => [codePoint[start], codePoint[encoding.ends[i]!]]);
      expect(found, said).toEqual(offsets);
    }
  });
});

describe('folders, as transformers reads them', () => {
  test.each(REFERENCE.folders.map((one) => [one.name, one] as const))('%s', (_, { files, cases }) => {
    const tokenizer = tokenizerIn(folderOf(files));
    for (const [text, ids] of cases) expect(tokenizer.encode(text).ids, text).toEqual(ids);
  });

  test('a file named as its own stands for the folder’s settings, too', () => {
    const { files, cases } = REFERENCE.folders.find(({ name }) => name === 'added_tokens_decoder')!;
    const tokenizer = tokenizerIn(join(folderOf(files), 'vocab.txt'));
    for (const [text, ids] of cases) expect(tokenizer.encode(text).ids, text).toEqual(ids);
  });
});

describe('what cannot be followed is refused by its name', () => {
  const vocab = [...Object.values(SPECIAL), 'a'].join('\n');
  const read = (name: string, content: object): unknown =>
    readVocabulary(folderOf({ 'vocab.txt': vocab, [name]: content }));
  test.each([
    [
      'tokenizer_config.json',
      { cls_token: '<s>' },
      /tokenizer_config.json: cls_token: "<s>"; tokenizers with BERT's \[CLS\]/,
    ],
    ['special_tokens_map.json', { unk_token: { content: '<unk>' } }, /special_tokens_map.json: unk_token: "<unk>"/],
    ['tokenizer_config.json', { truncation_side: 'left' }, /tokenizer_config.json: truncation_side: expected "right"/],
    ['tokenizer_config.json', { padding_side: 'left' }, /tokenizer_config.json: padding_side: expected "right"/],
    ['tokenizer_config.json', { tokenizer_class: 'BertJapaneseTokenizer' }, /tokenizer_class: expected one of: BertTo/],
    ['tokenizer_config.json', { strip_accents: 'yes' }, /tokenizer_config.json: strip_accents: /],
    ['tokenizer_config.json', { added_tokens_decoder: { x: { content: 'b' } } }, /added_tokens_decoder/],
    ['added_tokens.json', { b: 9 }, /no token has the index 6/],
    ['added_tokens.json', { a: 6 }, /added token "a" has the index 6, the vocabulary has it at 5/],
    ['added_tokens.json', { b: 5 }, /two tokens have the same index: "a" is there, too/],
    ['added_tokens.json', { b: 'x' }, /added_tokens.json: b: /],
  ])('%s: %j', (name, content, message) => {
    expect(() => read(name, content)).toThrow(message);
  });
});

test('what tokenizer.json alone says, and transformers replaces by a default, has to be said beside it', () => {
  const { files } = REFERENCE.folders.find(
    ({ name }) => name === 'a class of BERT with its defaults before tokenizer.json',
  )!;
  const alone = { 'tokenizer.json': files['tokenizer.json']!, 'config.json': { model_type: 'bert' } };
  expect(() => readVocabulary(folderOf(alone))).toThrow(
    'normalizer.lowercase is false, and no tokenizer_config.json beside it says so',
  );
  const others = { tokenize_chinese_chars: false, strip_accents: false };
  expect(() => readVocabulary(folderOf({ ...alone, 'tokenizer_config.json': others }))).toThrow(
    '"do_lower_case": true',
  );
  const read = readVocabulary(folderOf({ ...alone, 'tokenizer_config.json': { ...others, do_lower_case: false } }));
  expect(read).toMatchObject({ lowercase: false, settings: { handleChineseChars: false } });
  expect(readVocabulary(folderOf({ ...alone, 'config.json': { model_type: 'gpt2' } }))).toEqual(read);
});

describe('what tokenizer.json puts around texts', () => {
  const vocab = Object.fromEntries([...Object.values(SPECIAL), 'a'].map((token, id) => [token, id]));
  const end = (token: string, segment = 0): object => ({ SpecialToken: { id: token, type_id: segment } });
  const text = (id: string, segment = 0): object => ({ Sequence: { id, type_id: segment } });
  const [cls, sep] = [SPECIAL.class, SPECIAL.separator];
  const ids = (token: string, id = vocab[token]): object => ({ [token]: { id: token, ids: [id], tokens: [token] } });
  const template = (changes: object = {}): object => ({
    type: 'TemplateProcessing',
    single: [end(cls), text('A'), end(sep)],
    pair: [end(cls), text('A'), end(sep), text('B', 1), end(sep, 1)],
    special_tokens: { ...ids(cls), ...ids(sep) },
    ...changes,
  });
  const berts = { type: 'BertProcessing', cls: [cls, vocab[cls]], sep: [sep, vocab[sep]] };
  const folderWith = (post_processor: unknown, tokenizer_class: string | undefined): string =>
    folderOf({
      'tokenizer.json': {
        normalizer: { type: 'BertNormalizer' },
        pre_tokenizer: { type: 'BertPreTokenizer' },
        model: { type: 'WordPiece', vocab },
        post_processor,
      },
      'config.json': { model_type: 'bert' },
      'tokenizer_config.json': { tokenizer_class },
    });

  test.each([
    ['BertProcessing', berts],
    ['a template', template()],
    ['a sequence of one', { type: 'Sequence', processors: [template()] }],
  ])('%s like BERT’s is read with every class', (_, processor) => {
    for (const name of ['PreTrainedTokenizerFast', 'TokenizersBackend', 'BertTokenizerFast', undefined])
      expect(readVocabulary(folderWith(processor, name)).tokens).toHaveLength(6);
  });

  // AutoTokenizer of transformers 5.24.0 gives '[CLS] the movie [SEP]' with BertTokenizerFast or no class for a BERT
  // whatever the post_processor is, and with a general class what that says: 'the movie' where it is null
  test.each<[string, unknown, string]>([
    ['nothing', null, 'post_processor: none, so that no [CLS] and [SEP] are put around a text, as the class'],
    ['no end', template({ single: [end(cls), text('A')] }), 'the template [CLS]:0 A:0, as the class'],
    ['one segment for both texts', template({ pair: [end(cls), text('A'), end(sep), text('B'), end(sep)] }), 'B:0'],
    ['RobertaProcessing', { ...berts, type: 'RobertaProcessing' }, '"RobertaProcessing"'],
    ['two of them', { type: 'Sequence', processors: [berts, berts] }, '"Sequence"'],
    ['the ends exchanged', { ...berts, cls: berts.sep, sep: berts.cls }, 'with [SEP] 3 and [CLS] 2'],
    ['another index', template({ special_tokens: { ...ids(cls, 5), ...ids(sep) } }), 'with [CLS] as 5'],
  ])('%s is refused with a general class, and replaced by a class of BERT’s', (_, processor, message) => {
    for (const name of ['PreTrainedTokenizerFast', 'TokenizersBackend'])
      expect(() => readVocabulary(folderWith(processor, name))).toThrow(message);
    for (const name of ['BertTokenizer', 'BertTokenizerFast', 'DistilBertTokenizerFast', undefined])
      expect(readVocabulary(folderWith(processor, name)).tokens).toHaveLength(6);
  });
});

test('tokens may be called as what every object has', () => {
  const names = ['__proto__', 'constructor', 'toString'];
  const vocab = Object.fromEntries([...Object.values(SPECIAL), ...names].map((token, id) => [token, id]));
  const file = {
    normalizer: { type: 'BertNormalizer', lowercase: false },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: { type: 'WordPiece', vocab },
  };
  const folder = folderOf({ 'tokenizer.json': file, 'added_tokens.json': '{"[__proto__]": 8}' });
  expect(readVocabulary(folder).tokens.slice(5)).toEqual([...names, '[__proto__]']);
  const wrong = JSON.stringify({ ...file, model: { type: 'WordPiece', vocab: {} } });
  const path = folderOf({ 'tokenizer.json': wrong.replace('"vocab":{}', '"vocab":{"__proto__":-1}') });
  expect(() => readVocabulary(path)).toThrow('model.vocab.__proto__: expected a whole number of at least 0');
});

test('words are not cut into tokens that were added to the vocabulary, only into those of the vocabulary itself', () => {
  const words = [...Object.values(SPECIAL), 'co', '##vid', 'a', '##a', 'now', '##no', '##w', 'x'];
  const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false };
  const tokenizer = tokenizerIn(
    folderOf({
      'tokenizer.json': {
        normalizer: { type: 'BertNormalizer', lowercase: true },
        pre_tokenizer: { type: 'BertPreTokenizer' },
        model: { type: 'WordPiece', vocab: Object.fromEntries(words.map((token, id) => [token, id])) },
        added_tokens: [
          { ...added, id: 13, content: 'covid' },
          { ...added, id: 14, content: 'aa', single_word: true },
          { ...added, id: 9, content: 'now', single_word: true },
        ],
      },
    }),
  );
  // what tokenizers 0.23.3 says of the same file: Tokenizer.from_file(..).encode(text, add_special_tokens=False).ids
  expect(tokenizer.encode('covid COVID').ids).toEqual([13, 5, 6]);
  expect(tokenizer.encode('Covid covids').ids).toEqual([5, 6, 13, 1]);
  expect(tokenizer.encode('aa AA aaa xaa').ids).toEqual([14, 7, 8, 7, 8, 8, 12, 8, 8]);
  expect(tokenizer.encode('now NOW').ids).toEqual([9, 9]);
});

"""Writes test/text/tokenizers_reference.json, which tokenizers.test.ts reads: python test/text/tokenizers_reference.py

Needs the Python libraries tokenizers (0.23.3) and transformers (5.24.0; without PyTorch, as its tokenizers need none).

`files`: what tokenizers says of texts with a tokenizer.json, over settings of the normalizer and of added tokens.
`folders`: what transformers' AutoTokenizer says of texts, over files that may stand beside a vocabulary.
"""
import itertools
import json
import os
import random
import tempfile

from tokenizers import Tokenizer
from transformers import AutoTokenizer

SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
WORDS = 'pay now num cafe café Pay Café a the number ber < > & . x é É 中 文 中文 to day today nu'.split()
LETTERS = [*'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéÉ0123456789中文', '\u0301']
VOCABULARY = SPECIAL + list(dict.fromkeys(WORDS + LETTERS + ['##' + one for one in LETTERS + ['ber', '文', 'day', '\x01']]))
PLAIN = {'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': False}


def flags(**changes):
    return {**PLAIN, **changes}


def added(contents):
    tokens = [{'id': i, 'content': token, **flags(special=True)} for i, token in enumerate(SPECIAL)]
    next_id = len(VOCABULARY)
    for content, given in contents.items():
        known = VOCABULARY.index(content) if content in VOCABULARY else None
        if known is not None and known < len(SPECIAL):
            tokens[known] = {'id': known, 'content': content, **given}
        elif known is not None:
            tokens.append({'id': known, 'content': content, **given})
        else:
            tokens.append({'id': next_id, 'content': content, **given})
            next_id += 1
    return tokens


def tokenizer_json(normalizer, contents):
    return {
        'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': added(contents),
        'normalizer': {'type': 'BertNormalizer', 'clean_text': True, 'handle_chinese_chars': True, 'strip_accents': None, 'lowercase': True, **normalizer},
        'pre_tokenizer': {'type': 'BertPreTokenizer'}, 'post_processor': {'type': 'BertProcessing', 'sep': ['[SEP]', 3], 'cls': ['[CLS]', 2]}, 'decoder': None,
        'model': {'type': 'WordPiece', 'unk_token': '[UNK]', 'continuing_subword_prefix': '##', 'max_input_chars_per_word': 100,
                  'vocab': {token: i for i, token in enumerate(VOCABULARY)}},
    }


NORMALIZERS = [{'lowercase': lower, 'strip_accents': strip, 'clean_text': clean, 'handle_chinese_chars': chinese}
               for lower, strip, clean, chinese in itertools.product([True, False], [None, True, False], [True, False], [True, False])]
ADDED = [
    {},
    {'<num>': flags()},
    {'<num>': flags(normalized=True)},
    {'<num>': flags(lstrip=True, rstrip=True), '<Num>': flags(single_word=True)},
    {'num': flags(single_word=True), 'Café now': flags(normalized=True)},
    {'num': flags(normalized=True, single_word=True), 'number': flags(normalized=True, lstrip=True)},
    {'now': flags(rstrip=True), 'now now': flags(), '中文': flags(normalized=True)},
    {'[MASK]': flags(special=True, lstrip=True), '  a': flags(), 'É': flags(normalized=True, rstrip=True)},
    {'x.': flags(normalized=True, single_word=True, lstrip=True, rstrip=True), '.': flags(single_word=True)},
]
PIECES = ['pay', ' ', '  ', '<num>', '<Num>', '<NUM>', 'num', 'Number', 'now', 'now now', 'Café now', 'cafe', 'CAFÉ', 'cafe\u0301', '中文', '中', 'É', 'é',
          '[MASK]', '[mask]', 'x.', 'X.', '.', '_', '7', '\t', '\u00a0', '\u3000', '\x01', '\u200d', 'a', '\n', '😀', '\u0301', '[CLS]', '-']
DIFFICULT = ['pay <num> now', 'pay  <num>  now', 'pay<num>now', 'number NUM num_ _num num7 num.', 'now now now', 'Café now café now', '中文 中文中',
             'a [MASK] b', 'x.x. x. X .', '']

random.seed(1)


def texts(count):
    return DIFFICULT + [''.join(random.choice(PIECES) for _ in range(random.randint(1, 8))) for _ in range(count)]


files = []
for normalizer, contents in itertools.product(NORMALIZERS, ADDED):
    plain = normalizer == {'lowercase': True, 'strip_accents': None, 'clean_text': True, 'handle_chinese_chars': True}
    # all texts with BERT's normalizer; with the others, some added tokens and some texts
    if not plain and ADDED.index(contents) not in random.sample(range(len(ADDED)), 2):
        continue
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json(normalizer, contents)))
    chosen = texts(16) if plain else random.sample(texts(10), 7)
    found = [tokenizer.encode(text, add_special_tokens=False) for text in chosen]
    files.append({'normalizer': normalizer, 'added': [one for one in added(contents) if one['id'] > 4 or one['lstrip']],
                  'cases': [[text, one.ids, one.offsets] for text, one in zip(chosen, found)]})

SMALL = SPECIAL + ['pay', 'now', 'num', '##ber', '<', '>', 'cafe', 'café', 'Pay', '中', '文', '中文', 'a', 'Café']
vocab = ''.join(token + '\n' for token in SMALL)
NEXT = len(SMALL)
one = {'content': '<num>', **PLAIN}
small_json = tokenizer_json({}, {})
small_json['model']['vocab'] = {token: i for i, token in enumerate(SMALL)}
with_num = {**small_json, 'added_tokens': small_json['added_tokens'] + [{'id': NEXT, **one, 'normalized': True}]}
config_of = lambda name, **settings: {'tokenizer_config.json': {'tokenizer_class': name, **settings}}
with_normalizer = lambda **settings: {**small_json, 'normalizer': {**small_json['normalizer'], **settings}}
config = lambda **settings: {'tokenizer_config.json': {'do_lower_case': True, **settings}}
FOLDERS = {
    'a vocabulary alone': {'vocab.txt': vocab},
    'cased': {'vocab.txt': vocab, **config(do_lower_case=False)},
    'accents kept': {'vocab.txt': vocab, **config(strip_accents=False)},
    'cased, accents taken off': {'vocab.txt': vocab, **config(do_lower_case=False, strip_accents=True)},
    'ideographs together': {'vocab.txt': vocab, **config(tokenize_chinese_chars=False)},
    'added_tokens.json': {'vocab.txt': vocab, 'added_tokens.json': {'<num>': NEXT}},
    'added_tokens.json with a token of the vocabulary': {'vocab.txt': vocab, 'added_tokens.json': {'num': SMALL.index('num')}},
    'added_tokens_decoder': {'vocab.txt': vocab, **config(added_tokens_decoder={NEXT: {**one, 'lstrip': True}})},
    'added_tokens_decoder over added_tokens.json': {'vocab.txt': vocab, 'added_tokens.json': {'<num>': NEXT}, **config(added_tokens_decoder={NEXT: {**one, 'rstrip': True}})},
    'special_tokens_map.json': {'vocab.txt': vocab, 'special_tokens_map.json': {'mask_token': {'content': '[MASK]', **PLAIN, 'lstrip': True}, 'additional_special_tokens': ['now']}},
    'additional_special_tokens': {'vocab.txt': vocab, **config(additional_special_tokens=['now', '<num>'])},
    'tokenizer.json': {'tokenizer.json': with_num, **config()},
    'tokenizer.json, accents kept by the settings': {'tokenizer.json': small_json, **config(strip_accents=False)},
    'tokenizer.json, cased by the settings': {'tokenizer.json': small_json, **config(do_lower_case=False)},
    'tokenizer.json, ideographs together by the settings': {'tokenizer.json': small_json, **config(tokenize_chinese_chars=False)},
    'tokenizer.json, other added tokens in the settings': {'tokenizer.json': with_num, **config(added_tokens_decoder={NEXT: {**one, 'lstrip': True, 'rstrip': True, 'single_word': True}})},
    'a class of BERT with its defaults before tokenizer.json': {'tokenizer.json': with_normalizer(lowercase=False, handle_chinese_chars=False, strip_accents=False), **config_of('BertTokenizer')},
    'a class of BERT with some settings before tokenizer.json': {'tokenizer.json': with_normalizer(handle_chinese_chars=False), **config_of('DistilBertTokenizer', do_lower_case=False)},
    'a general class with tokenizer.json before the settings': {'tokenizer.json': with_normalizer(lowercase=False), **config_of('PreTrainedTokenizerFast', do_lower_case=True, tokenize_chinese_chars=False)},
    'special_tokens_map.json and added_tokens.json beside added_tokens_decoder': {'vocab.txt': vocab, 'special_tokens_map.json': {'mask_token': {'content': '[MASK]', **PLAIN, 'normalized': True}, 'additional_special_tokens': ['now']}, 'added_tokens.json': {'num': SMALL.index('num')}, **config(added_tokens_decoder={NEXT: {**one, 'lstrip': True}})},
    'special_tokens_map.json over tokenizer_config.json': {'vocab.txt': vocab, 'special_tokens_map.json': {'mask_token': {'content': '[MASK]', **PLAIN, 'lstrip': True}}, **config(mask_token={'__type': 'AddedToken', 'content': '[MASK]', **PLAIN, 'normalized': True})},
    'added_tokens.json under tokenizer.json': {'tokenizer.json': {**small_json, 'added_tokens': small_json['added_tokens'] + [{'id': NEXT, **one, 'normalized': False, 'rstrip': True}]}, 'added_tokens.json': {'<num>': NEXT}, **config()},
    'a token without an index after those that have one': {'tokenizer.json': with_num, 'special_tokens_map.json': {'additional_special_tokens': ['pay <']}, **config()},
    'tokenizer.json and added_tokens.json': {'tokenizer.json': small_json, 'added_tokens.json': {'<num>': NEXT}, **config()},
    'additional_special_tokens over added_tokens.json': {'vocab.txt': vocab, 'added_tokens.json': {'<NUM>': NEXT}, **config(additional_special_tokens=['<NUM>'])},
    'extra_special_tokens over added_tokens.json': {'vocab.txt': vocab, 'added_tokens.json': {'<NUM>': NEXT}, **config(extra_special_tokens=['<NUM>'])},
    'additional_special_tokens in two files': {'vocab.txt': vocab, 'special_tokens_map.json': {'additional_special_tokens': ['<num>']}, **config(additional_special_tokens=['now'])},
    'a class of BERT cleans whatever tokenizer.json says': {'tokenizer.json': with_normalizer(clean_text=False), **config_of('BertTokenizer')},
    'so it does by the network': {'tokenizer.json': with_normalizer(clean_text=False), **config()},
    'a general class does as tokenizer.json says': {'tokenizer.json': with_normalizer(clean_text=False), **config_of('PreTrainedTokenizerFast')},
    'settings without a class and a network count for nothing': {'config.json': None, 'tokenizer.json': with_normalizer(lowercase=False, strip_accents=False), **config(tokenize_chinese_chars=False)},
    'two added tokens that are one in lower case': {'vocab.txt': vocab, 'added_tokens.json': {'<NUM>': NEXT, '<num>': NEXT + 1}},
}
FOLDER_TEXTS = ['pay <num> now', 'pay<num>now', 'Pay Café now', 'CAFÉ', '中文 pay', 'number num NUM', 'a [MASK] nowa', '<NUM> <num>', 'pa\u200by now']
folders = []
for name, contents in FOLDERS.items():
    with tempfile.TemporaryDirectory() as path:
        contents = {file: content for file, content in {'config.json': {'model_type': 'bert'}, **contents}.items() if content is not None}
        for file, content in contents.items():
            with open(os.path.join(path, file), 'w', encoding='utf8') as target:
                target.write(content if isinstance(content, str) else json.dumps(content))
        loaded = AutoTokenizer.from_pretrained(path)
        cases = [[text, loaded(text, add_special_tokens=False)['input_ids']] for text in FOLDER_TEXTS]
        folders.append({'name': name, 'files': contents, 'cases': cases})

target = os.path.join(os.path.dirname(__file__), 'tokenizers_reference.json')
with open(target, 'w', encoding='utf8') as file:
    json.dump({'vocabulary': VOCABULARY, 'files': files, 'folders': folders}, file, separators=(',', ':'), ensure_ascii=True)

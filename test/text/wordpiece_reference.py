"""Writes test/text/wordpiece_reference.json, which wordpiece.test.ts reads. Needs the Python library tokenizers (0.22): python test/text/wordpiece_reference.py

What tokenizers says of difficult texts, with a vocabulary that it trains on some sentences, and a hash of what it does with every character between two letters.
"""
import hashlib
import json
import os
import random

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

SENTENCES = [
    'a domesticated carnivorous mammal that typically has a long snout and an acute sense of smell',
    'the quality of being able to persuade; "he had a persuasive voice"',
    'a unit of weight equal to one 16th of an ounce or 1.771 grams',
    'any of various trees of the genus Acer bearing winged seeds in pairs; north temperate zone',
    'the act of walking unsteadily or of walking on and on without an aim',
]
RANGES = [(0x20, 0x7F)] * 8 + [(0, 0x20), (0x80, 0x250), (0x300, 0x370), (0x390, 0x400), (0x590, 0x700), (0x900, 0x980), (0x2000, 0x2070), (0x3040, 0x3100)]
RANGES += [(0x4E00, 0x4F00), (0xAC00, 0xAC80), (0xE000, 0xE010), (0xFFF0, 0xFFFE), (0x1100, 0x1200), (0x1E00, 0x1F00), (0x1F300, 0x1F650), (0x20000, 0x20010)]
DIFFICULT = ['', ' ', 'Ångström naïve ΣΑΣ İstanbul', '[CLS] a [MASK]ed[SEP]', 'the' * 40, 'x' * 101, '日本語テスト', 'e\u0301e\u0301', '👩‍👩‍👧 a\u200bb', 'a\u00a0b\u3000c\r\nd\te', '[mask] [UNK]']

tokenizer = Tokenizer(models.WordPiece(unk_token='[UNK]'))
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
tokenizer.train_from_iterator(SENTENCES, trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False))

random.seed(1)
texts = DIFFICULT + [''.join(chr(random.randrange(*random.choice(RANGES))) for _ in range(random.randint(1, 24))) for _ in range(150)]
cased = pre_tokenizers.BertPreTokenizer()
plain = normalizers.BertNormalizer(lowercase=False)
hashes = {}
for name, normalizer in [('lowercase', tokenizer.normalizer), ('cased', plain)]:
    digest = hashlib.sha256()
    for code in range(0x110000):
        if not 0xD800 <= code < 0xE000:
            words = [word for word, _ in cased.pre_tokenize_str(normalizer.normalize_str(f'a{chr(code)}b'))]
            digest.update((' '.join(words) + '\n').encode())
    hashes[name] = digest.hexdigest()

vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
cases = []
for text in texts:
    encoding = tokenizer.encode(text)
    cases.append([text, encoding.ids, encoding.offsets])
target = os.path.join(os.path.dirname(__file__), 'wordpiece_reference.json')
with open(target, 'w') as file:
    json.dump({'vocabulary': vocabulary, 'hashes': hashes, 'cases': cases}, file, separators=(',', ':'))

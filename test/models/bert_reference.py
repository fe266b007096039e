"""Prints the numbers that test/models/bert.test.ts pins. Needs torch and transformers: python test/models/bert_reference.py

Weights follow the formula of test/support/reference.ts: value k of the tensor with the name n is scaled from
w = 2 fraction(43758.5453 sin(12.9898 k + h(n))) - 1, with h(n) the sum of the character codes modulo 97.
"""
import torch
from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification, BertModel

BATCH, TOKENS, VOCABULARY = 3, 11, 97


def noise(count, h):
    scaled = 43758.5453 * torch.sin(12.9898 * torch.arange(count, dtype=torch.float64) + h)
    return 2 * (scaled - torch.floor(scaled)) - 1


def fill(name, shape):
    wave = noise(shape.numel(), sum(ord(c) for c in name) % 97)
    if name.endswith('bias'):
        values = 0.1 * wave
    elif len(shape) == 1:
        values = 0.6 + 0.3 * wave
    else:
        values = wave * (3 / (shape.numel() / shape[0])) ** 0.5
    return values.reshape(shape)


ids = (torch.arange(BATCH * TOKENS) * 31 % VOCABULARY).reshape(BATCH, TOKENS)
mask = torch.tensor([[1 if t < TOKENS - 3 * b else 0 for t in range(TOKENS)] for b in range(BATCH)])
types = torch.tensor([[1 if 4 <= t < TOKENS - 3 * b else 0 for t in range(TOKENS)] for b in range(BATCH)])
config = BertConfig(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40, max_position_embeddings=20, num_labels=5)
heads = {
    'pooler': (BertModel, 5),
    'masked-lm': (BertForMaskedLM, 5),
    'classify': (BertForSequenceClassification, 5),
    'span': (BertForQuestionAnswering, 2),
}
for kind, (family, labels) in heads.items():
    config = BertConfig(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, intermediate_size=40, max_position_embeddings=20, num_labels=labels)
    model = family(config).double().eval()
    own = {key: value for key, value in model.state_dict().items() if not key.startswith('cls.predictions.decoder')}
    model.load_state_dict({key: fill(key.removeprefix('bert.'), value.shape) for key, value in own.items()}, strict=False)
    with torch.no_grad():
        out = model(ids, attention_mask=mask, token_type_ids=types, output_hidden_states=True)
    sizes = ', '.join(f'{h.square().mean().sqrt().item():.6f}' for h in out.hidden_states)
    last = {
        'pooler': lambda: out.pooler_output[1, :4],
        'masked-lm': lambda: out.logits[1, 2, :4],
        'classify': lambda: out.logits[1, :4],
        'span': lambda: torch.stack([out.start_logits[1, 2], out.end_logits[1, 2]]),
    }[kind]()
    print(f"  ['{kind}', [{sizes}], [{', '.join(f'{v:.6f}' for v in last.tolist())}]],")

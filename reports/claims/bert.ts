/** Claims about language models. */
import type { Claim } from './claim.js';
import { armAbove, armBelow, CONTROL, RIVAL } from './resnet.js';

const GLOSSES = 'bert-glosses';
const PAPER = 'paper, abstract (BERT_BASE; its exact figures are unknown here)';

export const BERT_CLAIMS: readonly Claim[] = [
  armBelow(GLOSSES, 'bert-three-stage', 'On held-out glosses, a thin BERT trained in three stages predicts masked tokens better than the same net trained directly.', PAPER, [
    'three-stage',
    'direct',
  ]),
  armBelow(GLOSSES, 'bert-deeper', 'It predicts them better than a net of twice as many layers trained directly for as many steps.', PAPER, ['three-stage', 'deeper']),
  armBelow(GLOSSES, 'bert-kd', 'It predicts them better than the same net trained by distillation from random values.', RIVAL, ['three-stage', 'kd']),
  armBelow(GLOSSES, 'bert-imitation', 'Layerwise imitation adds to starting with the wide net’s embeddings and head, projected, and distillation.', CONTROL, [
    'three-stage',
    'ends-kd',
  ]),
  armBelow(GLOSSES, 'bert-projected-imitation', 'Layerwise imitation adds to starting with the whole wide net, projected, and distillation.', CONTROL, [
    'projected-three-stage',
    'projected-kd',
  ]),
  armBelow(
    GLOSSES,
    'bert-total-cost',
    'Three stages predict better than direct training of the same net with the operations of the whole pipeline, the wide net’s training included.',
    RIVAL,
    ['three-stage', 'long'],
    'at equal floating-point operations in all',
  ),
  armAbove(
    'bert-supersense',
    'bert-supersense',
    'After pre-training in three stages, the thin BERT tells the supersense of a gloss better than after direct pre-training.',
    PAPER,
    ['three-stage', 'direct'],
  ),
  armAbove('bert-hypernym', 'bert-hypernym', 'So it does with hypernyms.', PAPER, ['three-stage', 'direct']),
];

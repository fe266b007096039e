/** Claims about language models. */
import { tInterval } from '../../src/core/stats.js';
import { within } from '../verdict.js';
import { decide, type Claim } from './claim.js';
import { armAbove, CONTROL, EQUAL_STEPS, pairedDifferences, RIVAL } from './resnet.js';

const GLOSSES = 'bert-glosses';
const PAPER = 'paper, abstract (BERT_BASE; its exact figures are unknown here)';

/** One arm against another by the cross-entropy of held-out masked tokens: lower is better. */
function armBelow(id: string, statement: string, source: string, [first, second]: readonly [string, string], budget = EQUAL_STEPS): Claim {
  return ({ results }) => {
    const mine = results.filter((row) => row.experiment === GLOSSES);
    const differences = pairedDifferences(mine, first, second, 'testCrossEntropy');
    const compared = differences.length === 0 ? [] : mine.filter((row) => row.arm === first || row.arm === second);
    const rule = `Difference in test cross-entropy (nats), paired by seed, ${budget}, 95 % t-interval: supported below 0, not supported above 0, else inconclusive.`;
    return decide(
      { id, statement, source, rule },
      compared,
      () => tInterval(differences),
      (interval) => within(interval, -Infinity, 0),
    );
  };
}

export const BERT_CLAIMS: readonly Claim[] = [
  armBelow('bert-three-stage', 'On held-out glosses, a thin BERT trained in three stages predicts masked tokens better than the same net trained directly.', PAPER, [
    'three-stage',
    'direct',
  ]),
  armBelow('bert-deeper', 'It predicts them better than a net of twice as many layers trained directly for as many steps.', PAPER, ['three-stage', 'deeper']),
  armBelow('bert-kd', 'It predicts them better than the same net trained by distillation from random values.', RIVAL, ['three-stage', 'kd']),
  armBelow('bert-imitation', 'Layerwise imitation adds to starting with the wide net’s embeddings and head, projected, and distillation.', CONTROL, ['three-stage', 'ends-kd']),
  armBelow('bert-projected-imitation', 'Layerwise imitation adds to starting with the whole wide net, projected, and distillation.', CONTROL, [
    'projected-three-stage',
    'projected-kd',
  ]),
  armBelow(
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

/** Figures of the BERT experiments. */
import type { TableRow } from '../tables.js';
import type { Figure } from './figure.js';
import { armsFigure } from './resnet.js';

export function bertFigures(results: readonly TableRow[], scale: string): (Figure | undefined)[] {
  return [
    armsFigure(results, scale, {
      experiment: 'bert-glosses',
      network: 'bert',
      title: 'Masked language modelling: cross-entropy by arm',
      caption:
        'Held-out WordNet glosses, at the masked tokens; lower is better. The thin arms have the same network and the same number of steps, imitation included (but for the one at the pipeline’s total cost).',
      key: 'testCrossEntropy',
    }),
    armsFigure(results, scale, {
      experiment: 'bert-supersense',
      network: 'bert',
      title: 'The trained nets on a task: supersense of a gloss',
      caption: '45 classes, fine-tuned by one recipe; held-out glosses were seen neither here nor before.',
    }),
    armsFigure(results, scale, {
      experiment: 'bert-hypernym',
      network: 'bert',
      title: 'The trained nets on a task: hypernym or not',
      caption: 'Two glosses; half of the pairs are right. Guessing gives 50 %.',
    }),
    armsFigure(results, scale, {
      experiment: 'bert-ablations',
      network: 'bert',
      title: 'What each part of the imitation is worth in a BERT',
      caption: 'One thing changed at a time in the three stages, at equal steps of the thin net; lower is better.',
      key: 'testCrossEntropy',
    }),
  ];
}

/** Figures of the experiments on text. */
import { bertAblations, bertGlosses, bertSquad, bertSupersense, BERT_LONG_BATCH } from '../../experiments/bert.js';
import { sst2, sst2Base } from '../../experiments/sst2.js';
import { armsFigure, differenceFigure } from './arms.js';
import { curvesFigure } from './curves.js';
import type { FigureDefinition } from './figure.js';
import { equalSteps, equalStepsAndCost, firstAndLast, ofClaim } from './finding.js';
import { layersFigure } from './layers.js';
import { tradeFigure } from './trade.js';

/** The definitions of the figures, in the order of the page. */
export const BERT_FIGURES: readonly FigureDefinition[] = [
  armsFigure({
    experiment: bertGlosses,
    id: 'bert-glosses',
    finding: equalStepsAndCost('bert', 'glosses'),
    title: 'Masked language modeling: cross-entropy by arm',
    caption:
      'Held-out WordNet glosses, at the masked tokens; lower is better. The thin arms have the same network and ' +
      'the same number of steps, imitation included (but for the one at the pipeline’s total cost, in batches ' +
      `${BERT_LONG_BATCH} times as large).`,
  }),
  differenceFigure({
    experiment: bertGlosses,
    id: 'bert-differences',
    finding: ofClaim('bert-imitation', {
      supported: 'Imitation adds to the wide BERT’s projected embeddings and head',
      'not supported': 'Imitation adds nothing to the wide BERT’s projected embeddings and head',
      inconclusive: 'Whether imitation adds to the wide BERT’s projected embeddings and head is open',
    }),
    title: 'Paired differences between the thin BERTs',
    caption: 'Difference in test cross-entropy of two arms; below zero the first is better.',
    pairs: [
      ['three-stage', 'direct', 'three stages − direct'],
      ['three-stage', 'deeper', 'three stages − deeper net'],
      ['three-stage', 'kd', 'three stages − KD'],
      ['three-stage', 'hints', 'three stages − hints + KL'],
      ['three-stage', 'ends-kd', 'three stages − projected embeddings and head + KD'],
      ['projected-three-stage', 'projected-kd', 'projected, three stages − projected + KD'],
      ['three-stage', 'long', 'three stages − direct at equal total cost'],
    ],
  }),
  curvesFigure({
    experiment: bertGlosses,
    id: 'bert-curves',
    title: 'The three stages of a BERT on one axis',
    caption: 'WordNet glosses.',
  }),
  armsFigure({
    id: 'bert-supersense',
    finding: ofClaim('bert-supersense', {
      supported: 'Three-stage pre-training helps to tell supersenses',
      'not supported': 'Three-stage pre-training does not help to tell supersenses',
      inconclusive: 'Whether three-stage pre-training helps to tell supersenses is open',
    }),
    experiment: bertSupersense,
    title: 'The trained nets on a task: supersense of a gloss',
    caption: '45 classes, fine-tuned by one recipe; held-out glosses were seen neither here nor before.',
  }),
  armsFigure({
    id: 'bert-squad',
    finding: equalSteps('squad-three-stage', 'SQuAD'),
    experiment: bertSquad,
    title: 'The trained nets on SQuAD 1.1',
    caption: 'The dev set’s F1 after two epochs of fine-tuning by one recipe.',
  }),
  armsFigure({
    id: 'sst2',
    finding: equalSteps('sst2-three-stage', 'SST-2'),
    experiment: sst2,
    title: 'SST-2: MiniLM at half its width',
    caption:
      'GLUE’s dev split. Public anchors on its test split, pre-trained BERTs: 2 x 128 83.2 %, 4 x 256 85.9 %, 4 ' +
      'x 512 89.7 %.',
  }),
  armsFigure({
    id: 'sst2-base',
    finding: equalSteps('sst2-base-three-stage', 'SST-2'),
    experiment: sst2Base,
    title: 'SST-2: BERT_BASE at a third of its width',
    caption:
      'GLUE’s dev split. At scale overnight the thin nets train on a sample of 9,600 sentences, twice as many as the ' +
      'wide net was fine-tuned on. BERT_BASE has 93.5 % on the test split after three epochs of all.',
  }),
  armsFigure({
    id: 'bert-ablations',
    finding: firstAndLast('lower'),
    experiment: bertAblations,
    title: 'What each part of the imitation is worth in a BERT',
    caption:
      'One thing changed at a time in the three stages, at equal steps of the thin net (but for “imitation x 1.5”, which ' +
      'imitates for half as many again); lower is better.',
  }),
  layersFigure({
    id: 'bert-layers',
    experiment: bertAblations,
    arm: 'wide blocks',
    title: 'Layer by layer in a BERT whose wide net has equal outputs',
    caption:
      'The wide net has more heads and a larger feed-forward part in each layer, so that hybrids of the ' +
      'two nets exist.',
  }),
];

/** What lower cross-entropy costs. */
export const BERT_COST_FIGURES: readonly FigureDefinition[] = [
  tradeFigure({
    experiment: bertGlosses,
    id: 'trade-bert',
    finding: ofClaim('bert-total-cost', {
      supported: 'At equal total cost three stages win',
      'not supported': 'At equal total cost direct training wins',
      inconclusive: 'At equal total cost neither wins for certain',
    }),
    title: 'BERTs: cross-entropy against parameters and against cost',
    caption: 'WordNet glosses; lower is better.',
  }),
];

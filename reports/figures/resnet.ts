/** Figures of the experiments on images and on strings. */
import { LONG_BATCH } from '../../experiments/arms.js';
import { depthSkip } from '../../experiments/depth-skip.js';
import { cifar10, fashionMnist, fashionMnist34 } from '../../experiments/pictures.js';
import { resnetAblations, resnetDigits, resnetHierarchy } from '../../experiments/resnet.js';
import { armsFigure, differenceFigure } from './arms.js';
import { curvesFigure } from './curves.js';
import { DEPTH_LONG_FIGURE } from './depth-long.js';
import { DEPTH_SKIP_FIGURES } from './depth-skip.js';
import type { FigureDefinition } from './figure.js';
import { equalSteps, equalStepsAndCost, firstAndLast, ofClaim } from './finding.js';
import { layersFigure } from './layers.js';
import { tradeFigure } from './trade.js';

/** The definitions of the figures, in the order of the page. */
export const RESNET_FIGURES: readonly FigureDefinition[] = [
  armsFigure({
    experiment: resnetDigits,
    id: 'accuracy',
    finding: equalStepsAndCost('resnet', 'digits'),
    title: 'Test accuracy by arm',
    caption:
      'Accuracy on the 3,000 test digits, which were used for nothing else. The thin arms have the same network ' +
      'and the same number of steps, imitation included (but for the one at the pipeline’s total cost, in batches ' +
      `${LONG_BATCH} times as large).`,
  }),
  differenceFigure({
    experiment: resnetDigits,
    id: 'differences',
    finding: ofClaim('resnet-selected-imitation', {
      supported: 'Imitation adds to the wide net’s selected channels',
      'not supported': 'Imitation adds nothing to the wide net’s selected channels',
      inconclusive: 'Whether imitation adds to the wide net’s selected channels is open',
    }),
    title: 'Paired differences between the thin arms',
    caption: 'Difference in test accuracy of two arms.',
    pairs: [
      ['three-stage', 'direct', 'three stages − direct'],
      ['three-stage', 'deeper', 'three stages − deeper net'],
      ['three-stage', 'kd', 'three stages − KD'],
      ['three-stage', 'hints', 'three stages − hints + KL'],
      ['three-stage', 'all-at-once', 'three stages − all losses at once'],
      ['three-stage', 'no-imitation', 'three stages − shared parts + KL'],
      ['three-stage', 'selected-kl', 'three stages − selected + KL'],
      ['three-stage', 'long', 'three stages − direct at equal total cost'],
      ['selected-three-stage', 'selected-kl', 'selected, three stages − selected + KL'],
    ],
  }),
  curvesFigure({
    experiment: resnetDigits,
    id: 'curves',
    title: 'The three stages of a ResNet on one axis',
    caption: 'Digits.',
  }),
  layersFigure({
    experiment: resnetDigits,
    id: 'taps',
    arm: 'three-stage',
    title: 'How far the thin ResNet’s stages are from the wide one’s',
    caption: 'Three-stage arm on the digits.',
  }),
  ...DEPTH_SKIP_FIGURES,
  DEPTH_LONG_FIGURE,
  layersFigure({
    id: 'layers-plain',
    experiment: depthSkip,
    arm: { layers: 16, skip: false, training: 'imitation' },
    title: 'Layer by layer in a plain net of 16 layers',
    caption: 'Fully connected tanh net without skip connections, imitation by gradient.',
  }),
  layersFigure({
    id: 'layers-skip',
    experiment: depthSkip,
    arm: { layers: 16, skip: true, training: 'imitation' },
    title: 'Layer by layer in a residual net of 16 layers',
    caption: 'The same net with skip connections.',
  }),
  armsFigure({
    id: 'resnet-ablations',
    finding: firstAndLast('higher'),
    experiment: resnetAblations,
    title: 'What each part of the imitation is worth',
    caption: 'One thing changed at a time in the three stages, at equal steps of the thin net.',
  }),
  armsFigure({
    id: 'resnet-hierarchy',
    finding: equalStepsAndCost('hierarchy', 'strings of a grammar'),
    experiment: resnetHierarchy,
    title: 'The Random Hierarchy Model',
    caption: 'Strings of a random grammar instead of digits; no string is in two splits.',
  }),
];

/** Arms on real pictures. */
export const PICTURE_FIGURES: readonly FigureDefinition[] = [
  armsFigure({
    id: 'fashion-mnist',
    finding: equalSteps('fashion-mnist-three-stage', 'Fashion-MNIST'),
    experiment: fashionMnist,
    title: 'Fashion-MNIST',
    caption: 'The 10,000 test pictures. Public anchors of full width: ResNet-18 94.9 %, WRN-40-4 96.7 %.',
  }),
  armsFigure({
    id: 'fashion-mnist-34',
    finding: equalSteps('fashion-mnist-34-three-stage', 'Fashion-MNIST, with a thin ResNet-34,'),
    experiment: fashionMnist34,
    title: 'Fashion-MNIST, nets of four stages',
    caption:
      'The 10,000 test pictures; blocks [3,4,6,3], those of ResNet-34 and ResNet-50, the deeper net’s [3,4,23,3]. ' +
      'Public anchors of full width: ResNet-18 94.9 %, WRN-40-4 96.7 %.',
  }),
  armsFigure({
    id: 'cifar10',
    finding: equalSteps('cifar10-three-stage', 'CIFAR-10'),
    experiment: cifar10,
    title: 'CIFAR-10',
    caption:
      'The 10,000 test pictures. Public anchors of full width, 200 epochs: ResNet-20 91.7 %, ResNet-56 93.4 %, ' +
      'ResNet-110 93.7 %.',
  }),
];

/** What accuracy of the nets on images costs. */
export const RESNET_COST_FIGURES: readonly FigureDefinition[] = [
  tradeFigure({
    experiment: resnetDigits,
    id: 'trade-resnet',
    finding: ofClaim('resnet-total-cost', {
      supported: 'At equal total cost three stages win',
      'not supported': 'At equal total cost direct training wins',
      inconclusive: 'At equal total cost neither wins for certain',
    }),
    title: 'ResNets: accuracy against parameters and against cost',
    caption: 'Digits.',
  }),
];

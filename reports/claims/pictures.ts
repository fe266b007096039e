/** Claims about thin ResNets on real pictures, at scale overnight. */
import { cifar10, fashionMnist, fashionMnist34 } from '../../experiments/pictures.js';
import type { Experiment } from '../../src/core/experiment.js';
import { armBeats, RIVAL } from './arms.js';
import type { Claim } from './claim.js';
import { QUESTIONS } from './questions.js';
import { ABSTRACT } from './sources.js';

function claimsOn(experiment: Experiment, setting: string, words: string, net = 'ResNet'): Claim[] {
  const id = experiment.name;
  return [
    armBeats({
      experiment,
      id: `${id}-three-stage`,
      statement: `On ${words}, a thin ${net} trained in three stages is more accurate than the same net trained directly.`,
      question: QUESTIONS.equalSteps,
      setting,
      kind: 'paper',
      source: ABSTRACT.resnet,
      arms: ['three-stage', 'direct'],
    }),
    armBeats({
      experiment,
      id: `${id}-deeper`,
      statement:
        `On ${words}, the thin ${net} of three stages is more accurate than the deeper net trained directly for ` +
        'as many steps.',
      question: QUESTIONS.deeper,
      setting,
      kind: 'paper',
      source: ABSTRACT.resnet,
      arms: ['three-stage', 'deeper'],
      smaller: 'direct',
    }),
    armBeats({
      experiment,
      id: `${id}-selected`,
      statement:
        `On ${words}, the thin ${net} of three stages is more accurate than the same net trained by distillation ` +
        'from the wide net’s most important channels.',
      question: QUESTIONS.selectedChannels,
      setting,
      source: RIVAL,
      arms: ['three-stage', 'selected-kl'],
    }),
  ];
}

/** The claims about nets on real pictures, in the order of the page. */
export const PICTURE_CLAIMS: readonly Claim[] = [
  ...claimsOn(fashionMnist, 'fashion-mnist', 'Fashion-MNIST'),
  ...claimsOn(fashionMnist34, 'fashion-mnist', 'Fashion-MNIST', 'ResNet-34'),
  ...claimsOn(cifar10, 'cifar', 'CIFAR-10'),
];

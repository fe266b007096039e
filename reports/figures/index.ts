/** Every figure, in the order of the page. */
import { BERT_COST_FIGURES, BERT_FIGURES } from './bert.js';
import type { Draw } from './figure.js';
import { RESNET_COST_FIGURES, RESNET_FIGURES } from './resnet.js';
import { THEORY_FIGURES } from './theory.js';

export const TOPICS = ['theory', 'resnet', 'bert', 'cost'] as const;
export type Topic = (typeof TOPICS)[number];

export const FIGURES: Readonly<Record<Topic, readonly Draw[]>> = {
  theory: THEORY_FIGURES,
  resnet: RESNET_FIGURES,
  bert: BERT_FIGURES,
  cost: [...RESNET_COST_FIGURES, ...BERT_COST_FIGURES],
};

/** Terms of the page: explained under the pointer where they first stand in a text, and in a list at the end. */
import { SCALES } from '../../src/core/experiment.js';
import { escape } from '../../src/core/markup.js';

/** Every term with its meaning, in the order of the list. */
export const TERMS: Readonly<Record<string, string>> = {
  'three stages': 'the wide net is trained; the thin one imitates it layer by layer; the thin one is fine-tuned',
  'wide net': 'the network that is trained first: a start and a source of targets for the thin one',
  imitation: 'moving the thin net’s layers towards the wide net’s outputs of these layers',
  'closed form': 'imitation by ridge regression of a layer’s output weights, instead of by gradient',
  'direct training': 'training the thin net on the labels alone, from random values',
  distillation: 'training on a teacher’s softened outputs (KD, KL)',
  discrepancy: 'root mean squared distance between the outputs of two networks on held-out points (D)',
  'telescoped sum': 'the sum of distances between hybrids next to each other, which bounds the discrepancy',
  hybrid: 'a network whose lower layers are the wide net’s and whose upper layers are the thin net’s, or the reverse',
  particle: 'one hidden unit of a mean-field layer: incoming weights, outgoing weights, bias',
  'selected channels': 'a thin net that begins as the wide net’s most important channels',
  'equal steps': 'rivals have as many training steps of the thin net',
  'equal total cost': 'rivals have the operations of the whole pipeline, the wide net’s training included',
  arm: 'one way to train in an experiment; arms are compared with each other',
  scale: `sizes and durations of everything: ${SCALES.join(', ')}`,
  seed: 'the number of a repetition; arms with one seed share data order and wide net',
  logit: 'the logarithm of the odds; proportions are compared on it',
  'flow time': 'learning rate times steps',
};

const PATTERN = new RegExp(`\\b(${Object.keys(TERMS).join('|')})\\b`, 'i');

/** A text as HTML in which the first term that occurs shows its meaning under the pointer. */
export function withTerm(text: string): string {
  const found = PATTERN.exec(text);
  if (found === null) return escape(text);
  const term = found[0];
  const after = found.index + term.length;
  return (
    `${escape(text.slice(0, found.index))}` +
    `<abbr title="${escape(TERMS[term.toLowerCase()]!)}">${escape(term)}</abbr>${escape(text.slice(after))}`
  );
}

/** The list of terms. */
export function glossaryBlock(): string {
  const entries = Object.entries(TERMS).map(
    ([term, meaning]) => `<div><dt>${escape(term)}</dt><dd>${escape(meaning)}</dd></div>`,
  );
  return `<dl class="summary">${entries.join('')}</dl>`;
}

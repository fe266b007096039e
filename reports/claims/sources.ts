/**
 * What claims say of the paper. Its theorems' text was not read: the preprint's abstract was, so that a claim is about
 * the abstract's words, in this project's reading of them.
 */

const UNREAD = 'the theorem’s own text was not read';
const UNKNOWN = 'its exact figures are unknown here';

/** Statements of the paper's abstract on its theory and on trained networks, as sources of claims. */
export const ABSTRACT = {
  rates: `paper, abstract (mean-field bounds; both rates 1/√m in this project’s derivation; ${UNREAD})`,
  imitation: `paper, abstract (imitation: discrepancy linear in depth; ${UNREAD})`,
  backpropagation: `paper, abstract (backpropagation: exponential in depth, a bound; ${UNREAD})`,
  order: `paper, abstract (the bound on imitation is below that on backpropagation; ${UNREAD})`,
  time: `this project’s bound on backpropagation, exponential in time (theory/bounds); ${UNREAD}`,
  resnet: `paper, abstract (ResNet-50 on ImageNet; ${UNKNOWN})`,
  bert: `paper, abstract (BERT_BASE; ${UNKNOWN})`,
  convergence: `paper, abstract (stage 3 trains until convergence; ${UNKNOWN})`,
} as const;

/** Whether a vocabulary is the one that a network was made for, as far as their sizes tell. */
import { UsageError } from '../core/errors.js';
import { vocabSizeOf, type NetworkSpec } from '../models/index.js';

/** Rows of embeddings are often filled up to a multiple of this, which suits GPUs; a larger gap is another thing. */
const PADDED_TO = 128;

/**
 * What there is to say of a vocabulary of so many tokens beside a network, a line each: nothing where it has as many.
 * Throws UsageError where it has more than the network knows; `model` names both.
 */
export function vocabularyNotes(model: string, network: NetworkSpec, tokens: number): string[] {
  const known = vocabSizeOf(network) ?? tokens;
  if (tokens > known)
    throw new UsageError(
      `${model}: its vocabulary has ${tokens} tokens, and the network knows only ${known}; ` +
        'expected the vocabulary that it was trained with',
    );
  if (tokens === known) return [];
  const doubt = known - tokens < PADDED_TO ? '' : '; is it the vocabulary that the network was trained with?';
  return [
    `${model}: its vocabulary has ${tokens} tokens, and the network embeddings of ${known}: ` +
      `the last ${known - tokens} stay as they are, as no text has them${doubt}`,
  ];
}

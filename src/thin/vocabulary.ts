/** What the words and the names of classes beside a network leave in doubt. */
import { few, UsageError } from '../core/errors.js';
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

/** What there is to say of names of classes, a line each: a name that several have, which answers do not tell apart. */
export function labelNotes(model: string, labels: readonly string[] = []): string[] {
  const doubled = [...new Set(labels.filter((label, i) => labels.indexOf(label) !== i))];
  const said = doubled.map((label) => {
    const numbers = labels.flatMap((one, i) => (one === label ? [i] : []));
    return `"${label}" (${few(numbers.map(String), 5)})`;
  });
  return said.length === 0
    ? []
    : [`${model}: several classes have one name: ${few(said)}; answers do not tell them apart`];
}

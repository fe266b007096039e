/**
 * DistilBERT: Sanh, Debut, Chaumond, Wolf 2019, as Hugging Face has it. A BERT without segments and without a pooler of
 * its own; in front of a classifier stands a dense layer with a ReLU on the first token. Input as a BERT's, [B, 3 or 4,
 * T], of whose segments nothing is read.
 */
import { parseSpec } from '../../../core/spec.js';
import { z } from 'zod';
import type { Network } from '../../../nn/network.js';
import { isDivided, UNDIVIDED } from '../../../nn/transformer.js';
import { DROPOUT, encoder, LAYERS, READING, SIZED_HEADS, type EncoderSpec } from '../bert/network.js';

/** Schema of a DistilBERT; keys are those of a BERT, for what has the same meaning. */
export const DistilbertSpec = z
  .strictObject({
    family: z.literal('distilbert'),
    ...READING,
    ...LAYERS,
    dropout: DROPOUT,
    /** What reads the last layer, as in a BERT. */
    head: z.discriminatedUnion('kind', [z.strictObject({ kind: z.enum(['none', 'span']) }), ...SIZED_HEADS]),
  })
  .refine(isDivided, UNDIVIDED);
/** The declaration of a DistilBERT. */
export type DistilbertSpec = z.infer<typeof DistilbertSpec>;

/** A DistilBERT as an encoder that is like BERT. */
export function asEncoder(spec: DistilbertSpec): EncoderSpec {
  return { ...spec, poolerActivation: 'relu' };
}

/**
 * A DistilBERT: x [B, 3 or 4, T] of whole numbers -> its head's output; taps as a BERT's.
 * Throws UsageError on a spec that is none.
 */
export function distilbert(given: DistilbertSpec): Network {
  const spec = parseSpec(DistilbertSpec, 'network', given);
  return encoder(asEncoder(spec));
}

/**
 * Masked language modeling: rows of a corpus, some tokens changed, and what they were. Letters: T tokens, P masked
 * positions, V vocabulary.
 */
import { z } from 'zod';
import { exampleCount } from '../core/magnitudes.js';
import { UsageError } from '../core/errors.js';
import { rngKey } from '../core/rng.js';
import { Masking } from '../text/masking.js';
import { openCorpus, type Corpus, type OnStage } from '../text/rows.js';
import type { AugmentKey, Dataset, HostBatch, Source } from './dataset.js';
import type { DatasetDefinition } from './definition.js';
import {
  checkCorpus,
  checkVocabulary,
  CORPUS_FIELDS,
  corpusFiles,
  corpusOf,
  openTokenizer,
  tokenizerFiles,
  vocabularySize,
} from './texts.js';

const count = exampleCount();

/** Schema of {@link MaskedSpec}. */
export const MaskedSpec = z.strictObject({
  set: z.literal('masked-lm'),
  ...CORPUS_FIELDS,
  masking: z.strictObject({
    share: z.number().min(0.01).max(0.9),
    mask: z.number().min(0).max(1),
    random: z.number().min(0).max(1),
    wholeWords: z.boolean(),
  }),
  /** Rows that are used of the training split, and of each held-out one; all by default. */
  train: count.optional(),
  held: count.optional(),
});
/** A corpus, and how its tokens are masked. */
export type MaskedSpec = z.infer<typeof MaskedSpec>;

/** Positions that are masked in each row, P: a network with a masked-LM head must have as many. */
export function maskedPositions({ tokens, masking }: Pick<MaskedSpec, 'tokens' | 'masking'>): number {
  return Math.max(1, Math.round(tokens * masking.share));
}

/**
 * Examples [4, T]: tokens, segments (all 0), 1s, and the masked positions; labels [P]. Throws UsageError as
 * the corpus does.
 */
async function openMasked(spec: MaskedSpec, onStage?: OnStage): Promise<Dataset> {
  const corpus = await openCorpus(corpusOf(spec), onStage);
  const { vocabulary } = corpus.tokenizer;
  return {
    shape: [4, spec.tokens],
    classes: vocabulary.length,
    questions: maskedPositions(spec),
    vocabulary: vocabulary.length,
    train: source(spec, corpus, 'train', spec.train),
    validation: source(spec, corpus, 'validation', spec.held),
    test: source(spec, corpus, 'test', spec.held),
  };
}

function source(spec: MaskedSpec, { tokenizer, rows }: Corpus, split: keyof Corpus['rows'], limit = Infinity): Source {
  const { tokens } = spec;
  const positions = maskedPositions(spec);
  const masking = new Masking(tokenizer, { ...spec.masking, count: positions });
  return {
    count: Math.min(limit, rows[split].count),
    batch: (indices: Uint32Array, key?: AugmentKey): HostBatch => {
      const first = key?.from ?? 0;
      const read = rows[split].read(indices);
      const values = new Int32Array(indices.length * 4 * tokens);
      const labels = new Int32Array(indices.length * positions);
      for (const [i, index] of indices.entries()) {
        // held-out rows are masked once for all runs, training rows anew at every step
        const draw =
          key === undefined ? rngKey(0, 'mask', split, index) : rngKey(key.seed, 'mask', key.step, first + i);
        const masked = masking.apply(read.subarray(i * tokens, (i + 1) * tokens), draw);
        if (masked.positions.length !== positions)
          throw new UsageError(
            `a row of the corpus has only ${masked.positions.length} tokens that can be masked, not ${positions}; ` +
              'lower masking.share',
          );
        const at = i * 4 * tokens;
        values.set(masked.ids, at);
        values.fill(1, at + 2 * tokens, at + 3 * tokens);
        values.set(masked.positions, at + 3 * tokens);
        labels.set(masked.labels, i * positions);
      }
      return { values, labels };
    },
  };
}

/** Masked language modeling on a corpus; its perplexity is that of the masked tokens. */
export const maskedLm: DatasetDefinition<MaskedSpec> = {
  name: 'masked-lm',
  spec: MaskedSpec,
  check: (spec) => {
    checkCorpus(spec);
    checkVocabulary(spec);
  },
  open: openMasked,
  files: (spec) => [...corpusFiles(spec), ...(typeof spec.vocabulary === 'string' ? tokenizerFiles(spec) : [])],
  shape: ({ tokens }) => [4, tokens],
  task: (spec) => ({ head: 'masked-lm', questions: maskedPositions(spec), ...vocabularySize(spec) }),
  known: ({ train }) => (train === undefined ? {} : { train }),
  heldOutCounts: ({ held }) => ({ validation: held, test: held }),
  tokenizer: openTokenizer,
  brought: ({ corpus }) =>
    corpus === 'glosses' ? undefined : 'a folder of texts is brought by you (books and Wikipedia: some 16 GB)',
  figures: ({ crossEntropy }) => ({ testPerplexity: Math.exp(crossEntropy) }),
};

/** How often a network is right in each block of a split whose examples stand in blocks of neighbors. */
import type { Dataset, Source } from '../data/dataset.js';
import { tf, type Tensor } from '../engine/tensor.js';
import { valuesOver } from './batches.js';

/** The answers to one block. */
export type BlockCount = {
  readonly block: number;
  readonly examples: number;
  readonly right: number;
};

/**
 * Right answers by block of `predict`: x [B, ...] -> logits [B, classes], in the order in which blocks first appear;
 * none for a source without blocks.
 */
export async function rightByBlock(
  data: Dataset,
  source: Source,
  predict: (x: Tensor) => Tensor,
): Promise<BlockCount[]> {
  const { blocks } = source;
  if (blocks === undefined) return [];
  const answers = await valuesOver(data, source, (x, y) =>
    tf.cast(tf.equal(tf.argMax(predict(x), -1), tf.argMax(y, -1)), 'int32'),
  );
  const counts = new Map<number, BlockCount>();
  let at = 0;
  for (const values of answers)
    for (const right of values) {
      const block = blocks[at++]!;
      const { examples, right: before } = counts.get(block) ?? { examples: 0, right: 0 };
      counts.set(block, { block, examples: examples + 1, right: before + right });
    }
  return [...counts.values()];
}

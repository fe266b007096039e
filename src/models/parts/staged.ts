/** Networks whose blocks stand in stages: the names of their taps, and the block that ends at each. */
import type { Network } from '../../nn/network.js';

/** Where a block is: its own tap, and that of its stage, whose value is its last block's. */
export interface StagedBlock {
  readonly path: string;
  readonly stage: string;
}

/**
 * Taps and boundaries of a stem, blocks in the order of the forward pass, what follows them (`features`, where the
 * network has such a tap), and `logits`.
 */
export function stagedTaps(
  blocks: readonly StagedBlock[],
  after: readonly string[] = [],
): Pick<Network, 'taps' | 'boundaries'> {
  const stages = [...new Set(blocks.map(({ stage }) => stage))];
  const within = (stage: string): string[] => blocks.filter((block) => block.stage === stage).map(({ path }) => path);
  return {
    taps: ['stem', ...stages.flatMap((stage) => [...within(stage), stage]), ...after, 'logits'],
    boundaries: {
      stage: ['stem', ...stages, ...after],
      block: ['stem', ...blocks.map(({ path }) => path), ...after],
    },
  };
}

/** Index of the block at whose end a tap is, its own or that of its stage; -1 at a tap of no block. */
export function lastAt(blocks: readonly StagedBlock[], tap: string): number {
  return blocks.findLastIndex(({ stage, path }) => stage === tap || path === tap);
}

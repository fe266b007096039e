/**
 * Comparisons on a test split whose rows stand in blocks of neighbors. An interval over seeds alone is too narrow
 * there: every seed is tested on the same few blocks, and other blocks would give another difference.
 */
import type { DependentRows } from '../../src/core/experiment.js';
import {
  mean,
  standardDeviation,
  sumInterval,
  tInterval,
  type Interval,
  type VariancePart,
} from '../../src/core/stats.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, type TableRow } from '../data/rows.js';
import { logit, steepness } from './logit.js';
import { pairedValues } from './paired.js';

/** Event of a logged row for one block of the test split: its number `block`, its `examples`, and those `right`. */
const BLOCK_EVENT = 'block';

/** The logged rows that count right answers by block. */
export function blockRows(rows: readonly TableRow[]): TableRow[] {
  return rows.filter(({ values }) => values.event === BLOCK_EVENT);
}

/** The rule in words, as {@link blockInterval} computes it; it stands behind "95 % t-interval". */
export function blockRule({ block, blocks }: DependentRows): string {
  return (
    `over seeds and blocks (the test split is ${blocks} blocks of ${block}). Variance of the seeds plus that of the ` +
    'blocks, degrees of freedom by Satterthwaite: where runs log right answers by block, the cluster-robust one; ' +
    'where only accuracies are kept, that of two independent shares with the design effect of the labels, ' +
    'which is the most that it can be for arms that are not opposed to each other'
  );
}

interface BlockCount {
  readonly examples: number;
  readonly right: number;
}

/** Right answers of one arm, by block, summed over its seeds; undefined where a seed has not logged them. */
function rightByBlock(
  rows: readonly TableRow[],
  arm: string,
  seeds: readonly number[],
): Map<number, BlockCount> | undefined {
  const mine = blockRows(rows).filter((row) => row.arm === arm && seeds.includes(row.seed));
  if (new Set(mine.map(({ seed }) => seed)).size < seeds.length) return undefined;
  return new Map(
    [...groupBy(mine, (row) => numberAt(row, 'block'))].map(([block, group]) => [
      Number(block),
      {
        examples: group.reduce((sum, row) => sum + numberAt(row, 'examples'), 0),
        right: group.reduce((sum, row) => sum + numberAt(row, 'right'), 0),
      },
    ]),
  );
}

/** Cluster-robust variance of the difference of two arms' log odds, linearized; undefined without rows by block. */
function clusterVariance(
  rows: readonly TableRow[],
  arms: readonly [string, string],
  seeds: readonly number[],
): VariancePart | undefined {
  const [first, second] = arms.map((arm) => rightByBlock(rows, arm, seeds));
  if (first === undefined || second === undefined) return undefined;
  const shareOf = (blocks: NonNullable<typeof first>): { readonly share: number; readonly examples: number } => {
    const counts = [...blocks.values()];
    const examples = counts.reduce((sum, count) => sum + count.examples, 0);
    return { share: counts.reduce((sum, { right }) => sum + right, 0) / examples, examples };
  };
  const [a, b] = [shareOf(first), shareOf(second)];
  const numbers = [...first.keys()].filter((block) => second.has(block));
  if (numbers.length < 2) return undefined;
  const influence = (own: BlockCount, all: typeof a): number =>
    ((own.right - own.examples * all.share) / all.examples) * steepness(all.share);
  const squares = numbers.reduce(
    (sum, block) => sum + (influence(first.get(block)!, a) - influence(second.get(block)!, b)) ** 2,
    0,
  );
  return { variance: (squares * numbers.length) / (numbers.length - 1), df: numbers.length - 1 };
}

/** The largest variance that blocks can give the difference of two arms' log odds, of their accuracies alone. */
function designVariance(
  percents: readonly [number, number],
  { rows, blocks, designEffect }: DependentRows,
): VariancePart {
  const variance = percents.reduce((sum, percent) => sum + (designEffect / rows) * steepness(percent / 100), 0);
  return { variance, df: blocks - 1 };
}

/** An interval over seeds and blocks, and how its blocks were counted, for the evidence. */
interface BlockInterval extends Interval {
  readonly counted: string;
}

/**
 * Interval of the difference of two arms' log odds over seeds and blocks, paired by seed. The variance over seeds and
 * that over blocks are added: what differs by seed and block together counts in both, so that the interval is rather
 * too wide than too narrow. With one seed the ends are infinite. Throws RangeError without any.
 */
export function blockInterval(
  rows: readonly TableRow[],
  arms: readonly [string, string],
  key: string,
  dependent: DependentRows,
): BlockInterval {
  const results = rows.filter(({ values }) => values.event === undefined);
  const pairs = pairedValues(results, ...arms, key);
  const seeds = pairs.map(({ seed }) => seed);
  const differences = pairs.map(({ values: [a, b] }) => logit(a) - logit(b));
  const n = differences.length;
  const clusters = clusterVariance(rows, arms, seeds);
  const { blocks, designEffect } = dependent;
  const counted =
    clusters === undefined
      ? `${blocks} blocks by a design effect of ${designEffect}`
      : `${blocks} blocks, cluster-robust`;
  if (n < 2) return { ...tInterval(differences), counted };
  const means = [mean(pairs.map(({ values }) => values[0])), mean(pairs.map(({ values }) => values[1]))] as const;
  const bySeeds: VariancePart = { variance: standardDeviation(differences) ** 2 / n, df: n - 1 };
  const byBlocks = clusters ?? designVariance(means, dependent);
  return { ...sumInterval(mean(differences), [bySeeds, byBlocks], n), counted };
}

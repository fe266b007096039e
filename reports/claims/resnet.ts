/** Claims about networks that are trained on data. */
import { tInterval } from '../../src/core/stats.js';
import { numberAt, type TableRow } from '../tables.js';
import { within } from '../verdict.js';
import { decide, type Claim } from './claim.js';

/** Differences of a result between two arms, seed by seed. */
export function pairedDifferences(results: readonly TableRow[], first: string, second: string, key: string): number[] {
  const of = (arm: string): Map<number, number> => new Map(results.filter((row) => row.arm === arm).map((row) => [row.seed, numberAt(row, key)]));
  const [a, b] = [of(first), of(second)];
  return [...a].filter(([seed]) => b.has(seed)).map(([seed, value]) => value - b.get(seed)!); // prettier-ignore
}

function armAbove(id: string, statement: string, source: string, first: string, second: string): Claim {
  return ({ results }) => {
    const mine = results.filter((row) => row.experiment === 'resnet-digits');
    const differences = pairedDifferences(mine, first, second, 'testAccuracy');
    const compared = differences.length === 0 ? [] : mine.filter((row) => row.arm === first || row.arm === second);
    const rule =
      'Difference in test accuracy (points), paired by seed, at equal steps of the thin net, 95 % t-interval: supported above 0, not supported below 0, else inconclusive.';
    return decide(
      { id, statement, source, rule },
      compared,
      () => tInterval(differences),
      (interval) => within(interval, 0, Infinity),
      2,
    );
  };
}

export const RESNET_CLAIMS: readonly Claim[] = [
  armAbove(
    'resnet-three-stage',
    'On the digits, a thin ResNet trained in three stages is more accurate than the same net trained directly.',
    'paper, abstract (ResNet-50 on ImageNet; its exact figures are unknown here)',
    'three-stage',
    'direct',
  ),
  armAbove(
    'resnet-imitation',
    'On the digits, layerwise imitation adds accuracy over starting from the wide net’s shared parts and fine-tuning alone.',
    'this project’s control for the paper’s second stage',
    'three-stage',
    'no-imitation',
  ),
];

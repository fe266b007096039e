/** What imitation adds in nets of several depths, over the best way of training without it. */
import { depthSkip } from '../../experiments/depth-skip.js';
import { mean } from '../../src/core/stats.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, type TableRow } from './rows.js';

/** Ways of training without imitation: what it has to be better than. */
const WITHOUT_IMITATION = ['direct', 'kd', 'selected-kl'] as const;

/** What one way of training gains in one net. */
export interface Gain {
  readonly seed: number;
  /** Number of layers. */
  readonly depth: number;
  /** In points of test accuracy. */
  readonly gain: number;
}

/**
 * What one way of training gains over others, in nets with skip connections or without, by seed and depth: over that of
 * the others which has the highest validation accuracy at this depth, on average over the seeds.
 */
export function depthGains(
  results: readonly TableRow[],
  skip: boolean,
  first: string,
  others: readonly string[] = WITHOUT_IMITATION,
): Gain[] {
  const mine = rowsOfExperiment(results, depthSkip).filter(({ facts }) => facts.factors?.skip === skip);
  const depths = groupBy(mine, ({ facts }) => String(facts.factors!.layers));
  return [...depths].flatMap(([depth, rows]) => {
    const of = (training: string): TableRow[] => rows.filter(({ facts }) => facts.factors!.training === training);
    const validated = (training: string): number =>
      mean(of(training).map((row) => numberAt(row, 'validationAccuracy')));
    const there = others.filter((training) => of(training).length > 0);
    if (there.length === 0) return [];
    const best = there.reduce((a, b) => (validated(b) > validated(a) ? b : a));
    const rival = new Map(of(best).map((row) => [row.seed, numberAt(row, 'testAccuracy')]));
    return of(first).flatMap((row) => {
      const other = rival.get(row.seed);
      return other === undefined
        ? []
        : [{ seed: row.seed, depth: Number(depth), gain: numberAt(row, 'testAccuracy') - other }];
    });
  });
}

/** What imitation adds in nets of several depths, over the best way of training without it. */
import { depthSkip } from '../../experiments/depth-skip.js';
import type { Frontier } from '../../experiments/frontier.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { mean } from '../../src/core/stats.js';
import { groupBy } from '../../src/core/group.js';
import { frontierRows } from './frontier.js';
import { numberAt, rowsOfExperiment, type TableRow } from './rows.js';

/** Ways of training without imitation: what it has to be better than. */
export const WITHOUT_IMITATION = ['direct', 'kd', 'selected-kl'] as const;

/** The way of training of a frontier that imitates by gradient. */
const THREE_STAGES = 'three-stage';

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
  return [...depths].flatMap(([depth, rows]) => gainsAt(Number(depth), rows, first, others));
}

/** Frontiers of plain nets by their number of layers: at each depth the wide net is trained for 9,600 steps. */
export const PLAIN_FRONTIERS: ReadonlyMap<number, Frontier> = new Map(
  [8, 16, 32, 64].map((layers) => [layers, FRONTIERS[`plain-${layers}`]!]),
);

/** The runs of one depth's frontier with one budget that gains are made of. */
export function gainRows(results: readonly TableRow[], frontier: Frontier, budget: number): TableRow[] {
  const named: readonly string[] = [THREE_STAGES, ...WITHOUT_IMITATION];
  return frontierRows(frontier, results).filter(
    ({ facts: { factors } }) => factors?.budget === budget && named.includes(String(factors.training)),
  );
}

/**
 * What three stages gain with one budget over the best way of training without imitation, by seed and depth, in the
 * nets of {@link PLAIN_FRONTIERS}.
 */
export function longGains(results: readonly TableRow[], budget: number): Gain[] {
  return [...PLAIN_FRONTIERS].flatMap(([layers, frontier]) =>
    gainsAt(layers, gainRows(results, frontier, budget), THREE_STAGES, WITHOUT_IMITATION),
  );
}

/** That of some ways of training which has the highest mean validation accuracy; undefined where none was run. */
export function bestValidated(
  rows: readonly TableRow[],
  trainings: readonly string[] = WITHOUT_IMITATION,
): string | undefined {
  const validated = trainings.flatMap((training) => {
    const mine = ofTraining(rows, training);
    return mine.length === 0
      ? []
      : [{ training, accuracy: mean(mine.map((row) => numberAt(row, 'validationAccuracy'))) }];
  });
  if (validated.length === 0) return undefined;
  return validated.reduce((a, b) => (b.accuracy > a.accuracy ? b : a)).training;
}

function ofTraining(rows: readonly TableRow[], training: string): TableRow[] {
  return rows.filter(({ facts }) => facts.factors!.training === training);
}

/** The gains of one depth's rows. */
function gainsAt(depth: number, rows: readonly TableRow[], first: string, others: readonly string[]): Gain[] {
  const best = bestValidated(rows, others);
  if (best === undefined) return [];
  const rival = new Map(ofTraining(rows, best).map((row) => [row.seed, numberAt(row, 'testAccuracy')]));
  return ofTraining(rows, first).flatMap((row) => {
    const other = rival.get(row.seed);
    return other === undefined ? [] : [{ seed: row.seed, depth, gain: numberAt(row, 'testAccuracy') - other }];
  });
}

/** Arms tuned for a command: a grid trained as `gowide train` trains cells, and what was found on standard output. */
import { UsageError } from '../../src/core/errors.js';
import { armSpecs, type Experiment, type Scale } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import {
  bestOf,
  MOST_WIDENED,
  pointLabel,
  pointLabels,
  tidyRate,
  tuneByGrid,
  type MeasureCells,
  type TriedPoint,
} from '../../src/method/run/tuning.js';
import type { TrainSpec } from '../../src/method/spec/spec.js';
import { folderOf, indexRuns, readRun } from '../../src/store/runs.js';
import { trainExperiments } from '../../experiments/registry.js';
import { armsAtScale } from '../terminal/arms.js';
import { notice } from '../terminal/notices.js';
import { checkOut } from '../terminal/options.js';
import { textTable } from '../terminal/table.js';
import { work, type WorkOptions } from '../terminal/work.js';
import { searchCost, searchText } from './search.js';

/** What tuning takes: the arms as a pattern, and where and how they are run. */
export interface TuneOptions extends WorkOptions {
  readonly arm: string;
  /** Shares of the steps that imitate alone, at the declared rates. */
  readonly shares?: boolean;
  readonly json?: boolean;
}

/** Experiments with a grid of learning rates, by their group. */
export function tunedExperiments(): Record<string, Experiment[]> {
  const groups = Object.entries(trainExperiments());
  return Object.fromEntries(
    groups
      .map(([group, experiments]) => [group, experiments.filter(({ tuning }) => tuning !== undefined)] as const)
      .filter(([, experiments]) => experiments.length > 0),
  );
}

/** The arms that are tuned, and the grid. Throws UsageError where there is no grid, or no such arm. */
function tunedSpecs(experiment: Experiment, scale: Scale, pattern: string): Readonly<Record<string, TrainSpec>> {
  if (experiment.tuning === undefined) {
    const tuned = tunedExperiments()[experiment.group] ?? [];
    throw new UsageError(
      `${experiment.name} declares no grid of learning rates; expected one of: ` +
        tuned.map(({ name }) => name).join(', '),
    );
  }
  const specs = armSpecs(experiment, scale);
  const chosen = armsAtScale(experiment, scale, pattern);
  return Object.fromEntries(chosen.map((arm) => [arm, specs[arm]!])) as unknown as Readonly<Record<string, TrainSpec>>;
}

/**
 * Trains cells as `gowide train` does, and reads the validation accuracy of each of their runs: NaN of one that
 * diverged, as rates beyond the end of a grid may. Each cell is handed to `onMeasured`.
 */
function measuring(options: WorkOptions, onMeasured: (cell: Cell) => void): MeasureCells {
  const out = checkOut(options.out);
  return async (cells) => {
    cells.forEach(onMeasured);
    const diverged = await work(cells, options);
    if (diverged !== undefined) notice(diverged.message);
    return cells.map((cell) => Number(readRun(folderOf(out, cell)).result?.validationAccuracy));
  };
}

/** Seconds that a run took in all of its processes. */
function secondsIn(out: string): (cell: Cell) => number {
  const index = indexRuns(out);
  return (cell) => {
    const { seconds, environments } = readRun(folderOf(out, cell, index));
    // one that diverged has no result, and so no sum of them
    return seconds ?? environments.reduce((sum, process) => sum + process.seconds, 0);
  };
}

/** What a point gave, and where it lies on the axes of imitation. */
function measuredText({ point, accuracies }: TriedPoint): string {
  const imitation = pointLabels(point).slice(1).join(', ');
  return accuracies.map((value) => value.toFixed(1)).join(', ') + (imitation === '' ? '' : ` (${imitation})`);
}

/**
 * Tunes the arms that the options choose, and prints what was measured and what the search has cost: JSON, or a table
 * by rates, in brackets the best of what imitation was tried with at each.
 */
export async function tuneArms(experiment: Experiment, scale: Scale, options: TuneOptions): Promise<void> {
  const specs = tunedSpecs(experiment, scale, options.arm);
  const cells: Cell[] = [];
  const { measured, arms } = await tuneByGrid(
    experiment,
    specs,
    measuring(options, (cell) => void cells.push(cell)),
    options.shares === true ? 'shares' : 'rates',
  );
  const cost = searchCost(cells, secondsIn(options.out));
  for (const { arm, best, atEnd } of arms)
    if (atEnd)
      notice(
        `${arm}: the best, ${pointLabel(best.point)}, is at an end of the grid, which was widened ${MOST_WIDENED} times`,
      );
  if (options.json) {
    const rows = measured.map(({ point: [rate, imitation, imitationShare], ...row }) => ({
      ...row,
      rate,
      imitation,
      imitationShare,
    }));
    const best = Object.fromEntries(arms.map((one) => [one.arm, one.best.point]));
    const share = experiment.tuning?.share ?? 1;
    process.stdout.write(
      `${JSON.stringify({ experiment: experiment.name, scale, share, measured: rows, best, cost }, null, 2)}\n`,
    );
    return;
  }
  const rates = [...new Set(measured.map(({ point }) => point[0]))].sort((a, b) => a - b);
  const rows = arms.map(({ arm, tried, best }) => ({
    arm,
    ...Object.fromEntries(
      rates.map((rate) => {
        const there = tried.filter(({ point, mean }) => point[0] === rate && !Number.isNaN(mean));
        return [String(rate), there.length === 0 ? '' : measuredText(bestOf(there))];
      }),
    ),
    best: pointLabel(best.point),
  }));
  const { share } = experiment.tuning!;
  const trained = share === undefined ? '' : `Each was trained for ${tidyRate(100 * share)} % of its steps.\n`;
  process.stdout.write(`${textTable(rows)}\n${trained}${searchText(cost)}\n`);
}

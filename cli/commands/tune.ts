import { Command } from 'commander';
import { unknownName } from '../../src/core/errors.js';
import { armSpecs, CUSTOM_SCALE, type Experiment, type Scale, type TuningGrid } from '../../src/core/experiment.js';
import type { Cell } from '../../src/core/run.js';
import { mean } from '../../src/core/stats.js';
import { ownCost } from '../../src/method/cost.js';
import type { TrainSpec } from '../../src/method/spec.js';
import { folderOf, readRun } from '../../src/store/runs.js';
import { atSteps, type Lengths } from '../../experiments/recipes.js';
import { trainExperiment, trainExperiments } from '../../experiments/registry.js';
import { ARM_PATTERN, chosenArms } from '../terminal/arms.js';
import { experimentList, experimentOption, networkArgument } from '../terminal/experiments.js';
import { notice } from '../terminal/notices.js';
import { checkOut, examples, jobsOption, jsonOption, outOption, scaleOption } from '../terminal/options.js';
import { engineOption, withThreads } from '../terminal/run-options.js';
import { textTable } from '../terminal/table.js';
import { declaredScale, work, type WorkOptions } from '../terminal/work.js';

/** What tuning takes: the arms as a pattern, and where and how they are run. */
export interface TuneOptions extends WorkOptions {
  readonly arm: string;
  readonly json?: boolean;
}

interface Options extends TuneOptions {
  readonly experiment?: string;
  readonly scale: string;
}

/** What tuning reads and changes of a `TrainSpec`. */
type Spec = {
  readonly training: Lengths;
  readonly imitation: { readonly by: string; readonly recipe?: Lengths } | null;
};

/**
 * What an arm is tried with: the rate of its training, and where imitation is tuned that of imitation, and the share of
 * the steps that imitation takes.
 */
type Point = readonly [rate: number, imitation?: number, share?: number];

/** What a point gave: the validation accuracy of each seed. */
interface Tried {
  readonly arm: string;
  readonly point: Point;
  readonly accuracies: readonly number[];
  readonly mean: number;
}

/** A grid is widened at an end at most so often. */
const MOST_WIDENED = 3;

/** Experiments with a grid of learning rates, by their group. */
function tunedExperiments(): Record<string, Experiment[]> {
  const groups = Object.entries(trainExperiments());
  return Object.fromEntries(
    groups
      .map(([group, experiments]) => [group, experiments.filter(({ tuning }) => tuning !== undefined)] as const)
      .filter(([, experiments]) => experiments.length > 0),
  );
}

/** The arms that are tuned, and the grid. Throws UsageError where there is no grid, or no such arm. */
function tunedSpecs(experiment: Experiment, scale: Scale, pattern: string): Readonly<Record<string, Spec>> {
  if (experiment.tuning === undefined) {
    const tuned = Object.values(tunedExperiments()).flat();
    throw unknownName(
      'grid',
      experiment.name,
      tuned.map((one) => one.name),
    );
  }
  const specs = armSpecs(experiment, scale);
  const chosen = chosenArms(Object.keys(specs), pattern);
  return Object.fromEntries(chosen.map((arm) => [arm, specs[arm]!])) as unknown as Readonly<Record<string, Spec>>;
}

/**
 * The grid of an arm: its rates alone, or with those of imitation, and with its shares, where the arm imitates by
 * steps.
 */
function firstPoints({ imitation }: Spec, { rates, imitationRates, imitationShares }: TuningGrid): Point[] {
  const recipe = imitation?.recipe;
  if (recipe === undefined || (imitationRates ?? imitationShares) === undefined) return rates.map((rate) => [rate]);
  return rates.flatMap((rate) =>
    (imitationRates ?? [recipe.schedule.peak]).flatMap((other): Point[] =>
      imitationShares === undefined ? [[rate, other]] : imitationShares.map((share): Point => [rate, other, share]),
    ),
  );
}

/** The axis of a point that is a share of steps, which cannot be all of them. */
const SHARE_AXIS = 2;

/**
 * Points beyond the end of a grid at which its best point lies, one step further by the ratio of the last two values;
 * none where the best lies inside on every axis. No share reaches 1.
 */
export function pointsBeyond(points: readonly Point[], best: Point): Point[] {
  const beyond = ([...best] as number[]).map((value, axis): number | undefined => {
    const values = [...new Set(points.map((point) => point[axis]!))].sort((a, b) => a - b);
    if (values.length < 2) return undefined;
    if (value === values[0]) return tidy((value * value) / values[1]!);
    if (value !== values.at(-1)) return undefined;
    const next = tidy((value * value) / values.at(-2)!);
    return axis === SHARE_AXIS && next >= 1 ? undefined : next;
  });
  return beyond.flatMap((value, axis): Point[] => {
    if (value === undefined) return [];
    const moved = points.map((point) => point.map((one, i) => (i === axis ? value : one)) as unknown as Point);
    return [...new Map(moved.map((point) => [point.join(), point])).values()];
  });
}

/** A rate without the digits that a quotient adds. */
function tidy(rate: number): number {
  return Number(rate.toPrecision(2));
}

/** What a point has on each axis, in words. */
function labelsOf([rate, imitation, share]: Point): string[] {
  return [
    String(rate),
    ...(imitation === undefined ? [] : [String(imitation)]),
    ...(share === undefined ? [] : [`${Number((100 * share).toPrecision(3))} %`]),
  ];
}

function labelOf(point: Point): string {
  return labelsOf(point).join(' / ');
}

/** A recipe for a share of its steps, one at least. */
export function shortened<T extends Lengths>(recipe: T, share: number): T {
  return share === 1 ? recipe : atSteps(recipe, Math.max(1, Math.round(share * recipe.steps)));
}

/** The recipes of an arm with imitation at another share of its steps, which stay as many in all, up to rounding. */
function sharedOut(spec: Spec, share: number | undefined): Spec {
  const { training, imitation } = spec;
  if (share === undefined || imitation?.recipe === undefined) return spec;
  const { steps } = ownCost(spec as unknown as TrainSpec);
  const stages = (steps - training.steps) / imitation.recipe.steps;
  const each = Math.max(1, Math.round((share * steps) / stages));
  return {
    ...spec,
    training: atSteps(training, steps - each * stages),
    imitation: { ...imitation, recipe: atSteps(imitation.recipe, each) },
  };
}

/** What is trained at a point of the grid, for a share of its steps. */
export function atPoint(spec: Spec, [rate, other, imitated]: Point, share = 1): Cell['spec'] {
  const { training, imitation, ...rest } = sharedOut(spec, imitated);
  const at = (recipe: Lengths, peak?: number): Lengths => {
    const { schedule, ...rest } = shortened(recipe, share);
    return { ...rest, schedule: { ...schedule, ...(peak !== undefined && { peak }) } };
  };
  return {
    ...rest,
    training: at(training, rate),
    imitation: imitation?.recipe === undefined ? imitation : { ...imitation, recipe: at(imitation.recipe, other) },
  } as unknown as Cell['spec'];
}

/** The cells of a point, one for each seed of the grid. */
function cellsAt({ name, kind, tuning }: Experiment, arm: string, spec: Spec, point: Point): Cell[] {
  return tuning!.seeds.map((seed) => ({
    experiment: `${name}-tuning`,
    arm: `${arm} @ ${labelOf(point)}`,
    scale: CUSTOM_SCALE,
    kind,
    spec: atPoint(spec, point, tuning!.share ?? 1),
    seed,
  }));
}

function bestOf(tried: readonly Tried[]): Tried {
  return tried.reduce((top, one) => (one.mean > top.mean ? one : top));
}

/** Runs the grid of every arm, and what lies beyond an end at which the best is, until it is inside. */
async function tuned(
  experiment: Experiment,
  arms: Readonly<Record<string, Spec>>,
  options: WorkOptions,
): Promise<Tried[]> {
  const out = checkOut(options.out);
  const all: Tried[] = [];
  let open = Object.entries(arms).map(([arm, spec]) => ({ arm, spec, points: firstPoints(spec, experiment.tuning!) }));
  for (let widened = 0; open.length > 0; widened++) {
    await work(
      open.flatMap(({ arm, spec, points }) => points.flatMap((point) => cellsAt(experiment, arm, spec, point))),
      options,
    );
    for (const { arm, spec, points } of open)
      for (const point of points) {
        const runs = cellsAt(experiment, arm, spec, point).map((cell) => readRun(folderOf(out, cell)));
        const accuracies = runs.map(({ result }) => Number(result?.validationAccuracy));
        all.push({ arm, point, accuracies, mean: mean(accuracies) });
      }
    if (widened === MOST_WIDENED) break;
    open = open.flatMap(({ arm, spec }) => {
      const mine = all.filter((one) => one.arm === arm);
      const points = pointsBeyond(
        mine.map(({ point }) => point),
        bestOf(mine).point,
      ).filter((point) => !mine.some((one) => one.point.join() === point.join()));
      return points.length === 0 ? [] : [{ arm, spec, points }];
    });
  }
  return all;
}

/** What a point gave, and where it lies on the axes of imitation. */
function measuredText({ point, accuracies }: Tried): string {
  const imitation = labelsOf(point).slice(1).join(', ');
  return accuracies.map((value) => value.toFixed(1)).join(', ') + (imitation === '' ? '' : ` (${imitation})`);
}

/**
 * Tunes the arms that the options choose, and prints what was measured: JSON, or a table by rates, in brackets the best
 * of what imitation was tried with at each.
 */
export async function tuneArms(experiment: Experiment, scale: Scale, options: TuneOptions): Promise<void> {
  const arms = tunedSpecs(experiment, scale, options.arm);
  const measured = await tuned(experiment, arms, options);
  const bests = Object.keys(arms).map((arm) => {
    const mine = measured.filter((one) => one.arm === arm);
    const best = bestOf(mine);
    const points = mine.map(({ point }) => point);
    return { arm, mine, best, atEnd: pointsBeyond(points, best.point).length > 0 };
  });
  for (const { arm, best, atEnd } of bests)
    if (atEnd)
      notice(
        `${arm}: the best, ${labelOf(best.point)}, is at an end of the grid, which was widened ${MOST_WIDENED} times`,
      );
  if (options.json) {
    const rows = measured.map(({ point: [rate, imitation, imitationShare], ...row }) => ({
      ...row,
      rate,
      imitation,
      imitationShare,
    }));
    const best = Object.fromEntries(bests.map((one) => [one.arm, one.best.point]));
    const share = experiment.tuning?.share ?? 1;
    process.stdout.write(
      `${JSON.stringify({ experiment: experiment.name, scale, share, measured: rows, best }, null, 2)}\n`,
    );
    return;
  }
  const rates = [...new Set(measured.map(({ point }) => point[0]))].sort((a, b) => a - b);
  const rows = bests.map(({ arm, mine, best }) => ({
    arm,
    ...Object.fromEntries(
      rates.map((rate) => {
        const there = mine.filter(({ point }) => point[0] === rate);
        return [String(rate), there.length === 0 ? '' : measuredText(bestOf(there))];
      }),
    ),
    best: labelOf(best.point),
  }));
  const { share } = experiment.tuning!;
  const trained = share === undefined ? '' : `Each was trained for ${tidy(100 * share)} % of its steps.\n`;
  process.stdout.write(`${textTable(rows)}\n${trained}`);
}

/** `gowide tune`. */
export function command(): Command {
  return withThreads(new Command('tune'))
    .addArgument(networkArgument(tunedExperiments()))
    .description(
      'validation accuracy of each arm at each learning rate of one grid, ' +
        'widened while the best is at an end, with seeds that no table uses',
    )
    .addOption(experimentOption(tunedExperiments()))
    .option('--arm <pattern>', ARM_PATTERN, 'all')
    .addOption(scaleOption())
    .addOption(outOption())
    .addOption(engineOption())
    .addOption(jobsOption())
    .addOption(jsonOption())
    .addHelpText('after', () => experimentList(tunedExperiments()))
    .addHelpText(
      'after',
      examples(['gowide tune resnet --scale minutes', 'gowide tune resnet --experiment depth-skip --arm "^16 "']),
    )
    .action(async (name: string, options: Options) => {
      const experiment = trainExperiment(name, options.experiment);
      const scale = declaredScale(experiment, options.scale);
      await tuneArms(experiment, scale, options);
    });
}

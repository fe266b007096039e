/**
 * Tuning by grid: each arm of an experiment is trained at every point of one grid, with seeds that no table uses, and
 * takes the point with the highest validation accuracy. A grid is widened while the best point is at one of its ends.
 */
import { UsageError } from '../../core/errors.js';
import { CUSTOM_SCALE, type Experiment, type TuningGrid } from '../../core/experiment.js';
import type { Cell } from '../../core/run.js';
import { mean } from '../../core/stats.js';
import { ownCost } from '../cost/cost.js';
import { atSteps, shortened } from '../spec/recipe-steps.js';
import type { ImitationSpec, RecipeSpec, TrainSpec } from '../spec/spec.js';

/**
 * What an arm is tried with: the peak rate of its training, and where imitation is tuned the peak rate of imitation and
 * the share of the steps that imitation takes.
 */
export type GridPoint = readonly [rate: number, imitation?: number, share?: number];

/** What a point gave. */
export interface TriedPoint {
  readonly arm: string;
  readonly point: GridPoint;
  /** Validation accuracy of each seed of the grid, in percent. */
  readonly accuracies: readonly number[];
  readonly mean: number;
}

/** An arm with all that it was tried with. */
export interface TunedArm {
  readonly arm: string;
  readonly tried: readonly TriedPoint[];
  /** The point with the highest mean; the first of several. */
  readonly best: TriedPoint;
  /** Whether the best is at an end of the grid after the last widening. */
  readonly atEnd: boolean;
}

/** Trains cells, and returns the validation accuracy of each, in percent, in their order. */
export type MeasureCells = (cells: readonly Cell[]) => Promise<readonly number[]>;

/** The most often that a grid is widened. */
export const MOST_WIDENED = 3;

/** The axis of a point that is a share of steps, which cannot be all of them. */
const SHARE_AXIS = 2;

/** A rate without the digits that a quotient adds. */
export function tidyRate(rate: number): number {
  return Number(rate.toPrecision(2));
}

/** What a point has on each axis, in words: rates as numbers, the share in percent. */
export function pointLabels([rate, imitation, share]: GridPoint): string[] {
  return [
    String(rate),
    ...(imitation === undefined ? [] : [String(imitation)]),
    ...(share === undefined ? [] : [`${Number((100 * share).toPrecision(3))} %`]),
  ];
}

/** A point in words, as it stands in the arms of its cells. */
export function pointLabel(point: GridPoint): string {
  return pointLabels(point).join(' / ');
}

/** The recipe of imitation by steps; undefined where the second stage has none, or there is none. */
function recipeOf(imitation: ImitationSpec | null): RecipeSpec | undefined {
  return imitation !== null && 'recipe' in imitation ? imitation.recipe : undefined;
}

/**
 * The grid that an arm begins with: its rates alone, or with those of imitation and its shares, where the arm imitates
 * by steps.
 */
function firstPoints(spec: TrainSpec, { rates, imitationRates, imitationShares }: TuningGrid): GridPoint[] {
  const recipe = recipeOf(spec.imitation);
  if (recipe === undefined || (imitationRates ?? imitationShares) === undefined) return rates.map((rate) => [rate]);
  return rates.flatMap((rate) =>
    (imitationRates ?? [recipe.schedule.peak]).flatMap((other): GridPoint[] =>
      imitationShares === undefined ? [[rate, other]] : imitationShares.map((share): GridPoint => [rate, other, share]),
    ),
  );
}

/** Which part of a grid is tried: that of rates, or the shares that are tried when these are chosen. */
export type GridPart = 'rates' | 'shares';

/** The points that an arm begins with: none where it has no such part. */
function partOf(part: GridPart, spec: TrainSpec, grid: TuningGrid): GridPoint[] {
  if (part === 'rates') return firstPoints(spec, grid);
  const recipe = recipeOf(spec.imitation);
  if (recipe === undefined) return [];
  const { sharesAfterwards = [] } = grid;
  return sharesAfterwards.map((share) => [spec.training.schedule.peak, recipe.schedule.peak, share]);
}

/**
 * Points beyond the end of a grid at which its best point lies, one step further by the ratio of the last two values;
 * none where the best lies inside on every axis. No share reaches 1.
 */
export function pointsBeyond(points: readonly GridPoint[], best: GridPoint): GridPoint[] {
  const beyond = ([...best] as number[]).map((value, axis): number | undefined => {
    const values = [...new Set(points.map((point) => point[axis]!))].sort((a, b) => a - b);
    if (values.length < 2) return undefined;
    if (value === values[0]) return tidyRate((value * value) / values[1]!);
    if (value !== values.at(-1)) return undefined;
    const next = tidyRate((value * value) / values.at(-2)!);
    return axis === SHARE_AXIS && next >= 1 ? undefined : next;
  });
  return beyond.flatMap((value, axis): GridPoint[] => {
    if (value === undefined) return [];
    const moved = points.map((point) => point.map((one, i) => (i === axis ? value : one)) as unknown as GridPoint);
    return [...new Map(moved.map((point) => [point.join(), point])).values()];
  });
}

/**
 * An arm whose imitation by steps takes another share of its steps, which stay as many in all, up to rounding; the arm
 * itself where it imitates in no steps, or no share is given.
 */
export function atShare(spec: TrainSpec, share: number | undefined): TrainSpec {
  const { training, imitation } = spec;
  const recipe = recipeOf(imitation);
  if (share === undefined || recipe === undefined) return spec;
  const { steps } = ownCost(spec);
  const stages = (steps - training.steps) / recipe.steps;
  // where the thin net has nothing that is not the wide net's own, nothing imitates
  if (stages === 0) return spec;
  // one step at least is left to what follows, however few there are
  const most = Math.floor((steps - 1) / stages);
  const each = Math.max(1, Math.min(most, Math.round((share * steps) / stages)));
  return {
    ...spec,
    training: atSteps(training, steps - each * stages),
    imitation: { ...imitation, recipe: atSteps(recipe, each) } as ImitationSpec,
  };
}

/** What is trained at a point of the grid, for a share of its steps, of imitation too. */
export function specAtPoint(spec: TrainSpec, [rate, other, imitated]: GridPoint, share = 1): TrainSpec {
  const { training, imitation, ...rest } = atShare(spec, imitated);
  const at = <T extends RecipeSpec>(recipe: T, peak?: number): T => {
    const { schedule, ...others } = shortened(recipe, share);
    return { ...others, schedule: { ...schedule, ...(peak !== undefined && { peak }) } } as T;
  };
  const recipe = recipeOf(imitation);
  return {
    ...rest,
    training: at(training, rate),
    imitation: recipe === undefined ? imitation : ({ ...imitation, recipe: at(recipe, other) } as ImitationSpec),
  };
}

/** The grid of an experiment. Throws UsageError where it has none. */
function gridOf({ name, tuning }: Experiment): TuningGrid {
  if (tuning === undefined)
    throw new UsageError(`experiment "${name}" has no grid; expected one in its declaration, as \`tuning\``);
  return tuning;
}

function nothingToTry({ name, tuning }: Experiment, part: GridPart): UsageError {
  if (part === 'shares' && tuning?.sharesAfterwards === undefined)
    return new UsageError(
      `${name} declares no shares of imitation to try at its rates; expected \`tuning.sharesAfterwards\``,
    );
  return new UsageError(`${name}: expected an arm that ${part === 'shares' ? 'imitates by steps' : 'is trained'}`);
}

/** The cells of a point, one for each seed of the grid. */
function cellsAt(experiment: Experiment, arm: string, spec: TrainSpec, point: GridPoint): Cell[] {
  const { seeds, share } = gridOf(experiment);
  return seeds.map((seed) => ({
    experiment: `${experiment.name}-tuning`,
    arm: `${arm} @ ${pointLabel(point)}`,
    scale: CUSTOM_SCALE,
    kind: experiment.kind,
    spec: specAtPoint(spec, point, share) as unknown as Cell['spec'],
    seed,
  }));
}

/**
 * What was tried with the highest mean; the first of several. A mean that is NaN, as of a run without a validation
 * accuracy, is worse than any other. Throws UsageError where every one is, or there is none.
 */
export function bestOf(tried: readonly TriedPoint[]): TriedPoint {
  const [first, ...others] = tried.filter((one) => !Number.isNaN(one.mean));
  if (first === undefined) {
    const arms = [...new Set(tried.map(({ arm }) => arm))].join(', ');
    throw new UsageError(
      `${arms}: no point of the grid has a validation accuracy; expected \`validationAccuracy\` of every run of one ` +
        'point at least',
    );
  }
  return others.reduce((top, one) => (one.mean > top.mean ? one : top), first);
}

/** Throws RangeError unless each cell has its result. */
function checkMeasured(cells: readonly Cell[], given: readonly number[]): void {
  if (given.length !== cells.length)
    throw new RangeError(`measure: expected ${cells.length} results, one for each cell, got ${given.length}`);
}

/**
 * Measures the grid of every arm, or a part of it, and what lies beyond an end at which the best is, until it is inside
 * or was widened three times. `measured` has all points in the order in which they were tried; arms without the part
 * are left out. Throws UsageError where the experiment has no grid, no arm has the part, or no point of an arm has a
 * validation accuracy; RangeError where `measure` gives another number of results than there are cells.
 */
export async function tuneByGrid(
  experiment: Experiment,
  specs: Readonly<Record<string, TrainSpec>>,
  measure: MeasureCells,
  part: GridPart = 'rates',
): Promise<{ readonly measured: readonly TriedPoint[]; readonly arms: readonly TunedArm[] }> {
  const grid = gridOf(experiment);
  const measured: TriedPoint[] = [];
  const triedBy = (arm: string): TriedPoint[] => measured.filter((one) => one.arm === arm);
  const beyond = (arm: string): GridPoint[] =>
    pointsBeyond(
      triedBy(arm).map(({ point }) => point),
      bestOf(triedBy(arm)).point,
    );
  let open = Object.entries(specs).flatMap(([arm, spec]) => {
    const points = partOf(part, spec, grid);
    return points.length === 0 ? [] : [{ arm, spec, points }];
  });
  if (open.length === 0) throw nothingToTry(experiment, part);
  const names = open.map(({ arm }) => arm);
  for (let widened = 0; open.length > 0; widened++) {
    const tried = open.flatMap(({ arm, spec, points }) =>
      points.map((point) => ({ arm, point, cells: cellsAt(experiment, arm, spec, point) })),
    );
    const all = tried.flatMap(({ cells }) => cells);
    const given = await measure(all);
    checkMeasured(all, given);
    for (const [i, { arm, point, cells }] of tried.entries()) {
      const accuracies = given.slice(i * cells.length, (i + 1) * cells.length);
      measured.push({ arm, point, accuracies, mean: mean(accuracies) });
    }
    if (widened === MOST_WIDENED) break;
    open = open.flatMap(({ arm, spec }) => {
      const known = new Set(triedBy(arm).map(({ point }) => point.join()));
      const points = beyond(arm).filter((point) => !known.has(point.join()));
      return points.length === 0 ? [] : [{ arm, spec, points }];
    });
  }
  const arms = names.map((arm) => {
    const tried = triedBy(arm);
    return { arm, tried, best: bestOf(tried), atEnd: beyond(arm).length > 0 };
  });
  return { measured, arms };
}

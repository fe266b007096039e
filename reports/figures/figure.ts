/** What a figure is: a vega-lite spec made of rows, with words about it. */
import type { Experiment } from '../../src/core/experiment.js';
import { errorOf } from '../../src/core/errors.js';
import { remembered } from '../../src/core/memo.js';
import { largest, smallest, tInterval, type Interval } from '../../src/core/stats.js';
import { fromLogit, logit } from '../claims/logit.js';
import type { Outcome } from '../claims/verdict.js';
import { shownInterval } from '../data/interval.js';
import { groupBy } from '../../src/core/group.js';
import type { Curve, TableRow } from '../data/rows.js';

/**
 * A vega-lite spec: any object here, so that these types ask for no package; those of vega-lite, such as its
 * TopLevelSpec, can be given.
 */
export type FigureSpec = object;

/** A figure of one scale, ready to be drawn. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  /** What is seen, for those who do not see it. */
  readonly alt: string;
  /** Seeds, interval, and how to read it. */
  readonly caption: string;
  readonly scale: string;
  /** Command that makes the runs. */
  readonly command: string;
  /** Its data are {@link data}. */
  readonly spec: FigureSpec;
  /**
   * Every value that is drawn, as shown in the table under the figure: means with `mean`, `low` and `high`, seeds with
   * `value`.
   */
  readonly data: readonly Datum[];
  readonly runs: readonly string[];
}

/** Everything of one scale. */
export interface FigureInput {
  readonly scale: string;
  readonly rows: readonly TableRow[];
  readonly results: readonly TableRow[];
  readonly curves: readonly Curve[];
}

/** A figure, or undefined where nothing of it was run. */
export type Draw = (input: FigureInput) => Figure | undefined;

/** Hears why the figure of an id cannot be drawn. */
export type Lost = (why: string, id: string) => void;

/** Figures that cannot be drawn: what several lack is said once, and names them all. */
export class LostFigures {
  private readonly ids = new Map<string, Set<string>>();

  readonly hear: Lost = (why, id) => void remembered(this.ids, why, () => new Set<string>()).add(id);

  /** A line for each reason. */
  lines(): string[] {
    return [...this.ids].map(([why, ids]) => `${why}; not drawn of it: ${figuresNamed([...ids])}`);
  }
}

/** `the figure "a"`, or several of them. */
export function figuresNamed(ids: readonly string[]): string {
  return `the figure${ids.length === 1 ? '' : 's'} ${ids.map((id) => `"${id}"`).join(', ')}`;
}

/**
 * What is drawn of rows of one scale. Rows that lack what a figure reads, or of whose numbers statistics throw
 * RangeError, make none, and `lost` hears why. Throws FailureError, with the figure's id, where it fails otherwise.
 */
export function drawnOf(
  { id, draw }: Pick<FigureDefinition, 'id' | 'draw'>,
  input: FigureInput,
  lost: Lost,
): Figure | undefined {
  try {
    return draw(input);
  } catch (error) {
    if (!(error instanceof RangeError)) throw errorOf(`the figure "${id}" cannot be drawn`, error);
    lost(`scale ${input.scale}: ${error.message}`, id);
    return undefined;
  }
}

/** The outcome of a claim by its id; undefined for one that is not registered. */
export type OutcomeOf = (claim: string) => Outcome | undefined;

/** What a figure shows, in one sentence without its full stop; undefined where nothing of it was decided or run. */
export type Finding = (outcome: OutcomeOf, figure: Figure) => string | undefined;

/** A figure as it is declared: where it stands, and how it is made of rows. */
export interface FigureDefinition {
  readonly id: string;
  /** The section of the page: the group of an experiment, or one of its own such as `cost`. */
  readonly section: string;
  /** Name of the experiment whose claims stand below it; of one with several figures, those below the first. */
  readonly experiment?: string;
  /** Names of other experiments whose rows it shows, too: a kept spec of it is made of the tables of all of them. */
  readonly reads?: readonly string[];
  /** What it shows, in a sentence that turns with the data; its title unless given. */
  readonly finding?: Finding;
  readonly draw: Draw;
}

/** What the figures of one experiment declare. */
export interface ExperimentFigure {
  readonly id: string;
  readonly experiment: Experiment;
  readonly title: string;
  readonly caption: string;
  /** The section of the page; the experiment's group unless given. */
  readonly section?: string;
  readonly finding?: Finding;
}

/** The definition of a figure of one experiment. */
export function define(
  { id, experiment, finding, section = experiment.group }: ExperimentFigure,
  draw: Draw,
): FigureDefinition {
  return { id, section, experiment: experiment.name, ...(finding !== undefined && { finding }), draw };
}

/** Names in an experiment's order, and those that it does not name after them. */
export function inOrder({ order = [] }: Experiment, names: Iterable<string>): string[] {
  const all = [...new Set(names)];
  return [...order.filter((name) => all.includes(name)), ...all.filter((name) => !order.includes(name))];
}

/** One row of a figure's table. */
export type Datum = Readonly<Record<string, string | number>>;

/** Seeds are drawn one by one where there are fewer than this. */
const MANY_SEEDS = 10;

/** What a figure of means and bands shows, in words; `seeds` are the points of single seeds that it draws. */
export function legendOf(seeds: readonly unknown[], mean: string): string {
  return `${lead(seeds, 'lines')}: ${mean}; bands: 95 % t-intervals over seeds.`;
}

/** What the intervals are, in words: those of a proportion are taken on the logit scale. */
export function intervalWords(proportion: boolean): string {
  return `95 % t-intervals${proportion ? ' on the logit scale' : ''}`;
}

/** What a figure of ticks and bars shows, in words; `seeds` are the points of single seeds that it draws. */
export function tickLegend(seeds: readonly unknown[], proportion = false): string {
  return `${lead(seeds, 'ticks')}: means; bars: ${intervalWords(proportion)}.`;
}

/** The first words of a legend: the points of seeds where there are any, and the mark of the means. */
function lead(seeds: readonly unknown[], mark: 'lines' | 'ticks'): string {
  return seeds.length > 0 ? `Points: seeds; ${mark}` : mark[0]!.toUpperCase() + mark.slice(1);
}

/** Points are drawn where there are no more than so many in a figure. */
const MANY_POINTS = 150;

/** The points of single seeds, or none where they are too many to be told apart. */
export function seedPoints<T extends { readonly seed: number }>(points: readonly T[]): readonly T[] {
  const seeds = new Set(points.map(({ seed }) => seed)).size;
  return seeds < MANY_SEEDS && points.length <= MANY_POINTS ? points.filter(allFinite) : [];
}

/** Whether every number of a row is finite: no axis has a place for the others. */
function allFinite(row: object): boolean {
  return Object.values(row).every((value) => typeof value !== 'number' || Number.isFinite(value));
}

/** Whether a row has an interval that can be drawn. */
export function isDrawn({ mean, low, high }: Datum): boolean {
  return [mean, low, high].every(Number.isFinite);
}

/** A mean in words; "–" where there is none that is finite. */
export function meanText({ mean }: Datum, digits: number): string {
  return mean === undefined ? '–' : Number(mean).toFixed(digits);
}

/** Which rows cannot be drawn, for the caption; empty where all are. */
export function notDrawn(rows: readonly Datum[]): string {
  const names = [...new Set(rows.filter((row) => !isDrawn(row)).map(({ name }) => `“${name}”`))];
  return names.length === 0 ? '' : `Not drawn, as a value is not finite: ${names.join(', ')}.`;
}

/** The order of rows by their means, those without one last. */
export function byMean(better: 'higher' | 'lower'): (a: Datum, b: Datum) => number {
  const sign = better === 'higher' ? -1 : 1;
  const place = ({ mean }: Datum): number => (mean === undefined ? Number.MAX_VALUE : sign * Number(mean));
  return (a, b) => place(a) - place(b);
}

/** The layer without the scale of its colors where an earlier layer has said it: layers share their scales. */
function withoutSaid<T>(layer: T, said: Set<string>): T {
  const { encoding } = layer as { readonly encoding?: Readonly<Record<string, { readonly scale?: unknown }>> };
  if (encoding?.color?.scale === undefined) return layer;
  const { scale, ...color } = encoding.color;
  const key = JSON.stringify(scale);
  if (said.has(key)) return { ...layer, encoding: { ...encoding, color } };
  said.add(key);
  return layer;
}

/** Layers without those whose data are all missing: vega finds no extent for them. */
export function layersWithData<T extends { readonly needs?: string }>(
  data: readonly Datum[],
  layers: readonly T[],
): Omit<T, 'needs'>[] {
  const said = new Set<string>();
  return layers
    .filter(({ needs }) => needs === undefined || data.some((datum) => datum[needs] !== undefined))
    .map((layer) => withoutSaid(layer, said))
    .map(({ needs, ...layer }) => ({
      ...(needs !== undefined && { transform: [{ filter: `isValid(datum.${needs})` }] }),
      ...layer,
    }));
}

/**
 * Mean of percentages and their 95 % t-interval on the logit scale, which ends between 0 and 100 %. Where a few seeds
 * are far from all others, so that it does not hold the mean, it is that of the percentages, cut off there.
 */
export function proportionInterval(values: readonly number[]): Interval {
  const plain = tInterval(values);
  if (plain.n < 2) return plain;
  const share = tInterval(values.map(logit));
  const byLogit = { low: fromLogit(share.low), high: fromLogit(share.high) };
  const { low, high } = byLogit.low < plain.mean && plain.mean < byLogit.high ? byLogit : plain;
  return { ...plain, low: Math.max(0, low), high: Math.min(100, high) };
}

/**
 * Mean and 95 % t-interval, that of a proportion as {@link proportionInterval} says; of one seed, the ends are the
 * mean. Where a value is not finite there is neither mean nor interval, but how many are not.
 */
export function intervalOf(values: readonly number[], proportion = false): Datum {
  const { mean, low, high, n } = shownInterval(values, proportion ? proportionInterval : tInterval);
  const infinite = values.filter((value) => !Number.isFinite(value)).length;
  if (!Number.isFinite(mean)) return { seeds: n, 'not finite': infinite };
  return n < 2 ? { mean, low: mean, high: mean, seeds: n } : { mean, low, high, seeds: n };
}

/** An axis that holds the given values with some room, and no percentages that there are none of; 0 to 1 of none. */
export function domainOf(values: readonly number[], proportion = false): [number, number] {
  if (values.length === 0) return [0, 1];
  const [low, high] = [smallest(values), largest(values)];
  const room = 0.04 * (high - low || Math.abs(high) || 1);
  return proportion ? [Math.max(0, low - room), Math.min(100, high + room)] : [low - room, high + room];
}

/** Every number that the rows draw. */
export function drawnValues(data: readonly Datum[]): number[] {
  return data.flatMap((datum) =>
    ['mean', 'low', 'high', 'value', 'level'].flatMap((column) =>
      typeof datum[column] === 'number' ? [datum[column]] : [],
    ),
  );
}

/** Width in pixels that a tick's label may need, with the gap beside it. */
const TICK_ROOM = 30;

/** The values that have room for their labels along an axis of so many pixels; the last is among them. */
export function ticksOf(values: readonly number[], pixels: number, log: boolean): number[] {
  const sorted = [...values].sort((a, b) => b - a);
  const [high, low] = [sorted[0]!, sorted.at(-1)!];
  const at = (value: number): number =>
    high === low
      ? 0
      : log
        ? (pixels * Math.log(value / low)) / Math.log(high / low)
        : (pixels * (value - low)) / (high - low);
  const kept: number[] = [];
  for (const value of sorted) if (kept.length === 0 || at(kept.at(-1)!) - at(value) >= TICK_ROOM) kept.push(value);
  return kept.reverse();
}

/**
 * Where several seeds share x and series: on a logarithmic axis the geometric mean and the 95 % t-interval of the
 * logarithm, on a linear one the mean and its interval; that of proportions as {@link intervalOf} says.
 */
export function summarize(
  points: readonly { x: number; y: number; series: string; facet?: string }[],
  scale: 'log' | 'linear' | 'proportion' = 'log',
): Datum[] {
  const [to, from] = scale === 'log' ? [Math.log, Math.exp] : [(value: number) => value, (value: number) => value];
  return [...groupBy(points, ({ x, series, facet }) => JSON.stringify([facet ?? '', series, x])).values()].flatMap(
    (group): Datum[] => {
      const { x, series, facet } = group[0]!;
      const names = { ...(facet !== undefined && { facet }), series, x };
      if (!group.every(({ y }) => Number.isFinite(y))) return [];
      if (scale === 'proportion')
        return [
          {
            ...names,
            ...intervalOf(
              group.map(({ y }) => y),
              true,
            ),
          },
        ];
      const values = group.map(({ y }) => to(y));
      // a distance of 0, as of a net from itself, has no place on an axis of logarithms
      if (!values.every(Number.isFinite)) return [];
      const { mean, low, high, n } = tInterval(values);
      const ends = n > 1 ? { low: from(low), high: from(high) } : { low: from(mean), high: from(mean) };
      return [{ ...names, mean: from(mean), ...ends, seeds: n }];
    },
  );
}

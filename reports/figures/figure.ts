/** What a figure is: a vega-lite spec made of rows, with words about it. */
import type { TopLevelSpec } from 'vega-lite';
import type { Experiment } from '../../src/core/experiment.js';
import { tInterval } from '../../src/core/stats.js';
import { groupBy, type Curve, type TableRow } from '../data/rows.js';

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
  readonly spec: TopLevelSpec;
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

/** A figure as it is declared: where it stands, and how it is made of rows. */
export interface FigureDefinition {
  readonly id: string;
  /** The section of the page: the group of an experiment, or one of its own such as `cost`. */
  readonly section: string;
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
}

/** The definition of a figure of one experiment. */
export function define({ id, experiment, section = experiment.group }: ExperimentFigure, draw: Draw): FigureDefinition {
  return { id, section, draw };
}

/** Names in an experiment's order, and those that it does not name after them. */
export function inOrder({ order = [] }: Experiment, names: Iterable<string>): string[] {
  const all = [...new Set(names)];
  return [...order.filter((name) => all.includes(name)), ...all.filter((name) => !order.includes(name))];
}

/** One row of a figure's table. */
export type Datum = Readonly<Record<string, string | number>>;

/** Seeds are drawn one by one where there are fewer than this. */
const MANY_SEEDS = 20;

/** What a figure of means and bands shows, in words; `seeds` are the points of single seeds that it draws. */
export function legendOf(seeds: readonly unknown[], mean: string): string {
  return `${seeds.length > 0 ? 'Points: seeds; lines' : 'Lines'}: ${mean}; bands: 95 % t-intervals over seeds.`;
}

/** The points of single seeds, or none where they are too many to be told apart. */
export function seedPoints<T extends { readonly seed: number }>(points: readonly T[]): readonly T[] {
  return new Set(points.map(({ seed }) => seed)).size < MANY_SEEDS ? points : [];
}

/** Layers without those whose data are all missing: vega finds no extent for them. */
export function layersWithData<T extends { readonly needs?: string }>(
  data: readonly Datum[],
  layers: readonly T[],
): Omit<T, 'needs'>[] {
  return layers
    .filter(({ needs }) => needs === undefined || data.some((datum) => datum[needs] !== undefined))
    .map(({ needs, ...layer }) => ({
      ...(needs !== undefined && { transform: [{ filter: `isValid(datum.${needs})` }] }),
      ...layer,
    }));
}

/** Mean and 95 % t-interval; of one seed, the ends are the mean. */
export function intervalOf(values: readonly number[]): Datum {
  const { mean, low, high, n } = tInterval(values);
  return { mean, low: n > 1 ? low : mean, high: n > 1 ? high : mean, seeds: n };
}

/**
 * Where several seeds share x and series: on a logarithmic axis the geometric mean and the 95 % t-interval of the
 * logarithm, on a linear one the mean and its interval.
 */
export function summarize(
  points: readonly { x: number; y: number; series: string; facet?: string }[],
  scale: 'log' | 'linear' = 'log',
): Datum[] {
  const [to, from] = scale === 'log' ? [Math.log, Math.exp] : [(value: number) => value, (value: number) => value];
  return [...groupBy(points, ({ x, series, facet }) => JSON.stringify([facet ?? '', series, x])).values()].map(
    (group) => {
      const { mean, low, high, n } = tInterval(group.map(({ y }) => to(y)));
      const { x, series, facet } = group[0]!;
      const ends = n > 1 ? { low: from(low), high: from(high) } : { low: from(mean), high: from(mean) };
      return { ...(facet !== undefined && { facet }), series, x, mean: from(mean), ...ends, seeds: n };
    },
  );
}

/** Laws: one quantity against another, lines with bands over seeds, a point for each seed, a panel for each setting. */
import { commandOf } from '../../experiments/registry.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { CONFIG, dashScale, SERIES, seriesScale } from './theme.js';
import {
  inOrder,
  layersWithData,
  legendOf,
  seedPoints,
  summarize,
  ticksOf,
  type Datum,
  type ExperimentFigure,
  type Figure,
  type FigureInput,
  type FigureSpec,
} from './figure.js';

/** Name of a series of the theory's figures. */
export type SeriesName = keyof typeof SERIES;

/** Axes and panels of a figure. */
export interface Axes {
  readonly x: {
    readonly title: string;
    readonly log: boolean;
    readonly values: readonly number[];
    readonly format?: string;
  };
  readonly y: { readonly title: string; readonly log: boolean };
  /** Panels in their order, at most four in a row. */
  readonly facets: readonly string[];
  /** Whether every panel has axes of its own. */
  readonly independent?: boolean;
  /** Width and height of a panel in pixels; by the number of panels unless given. */
  readonly size?: readonly [number, number];
}

/** One value of one seed. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
  readonly facet: string;
  readonly seed: number;
}

/** A point as a row of the figure's table. */
export const asDatum = ({ x, y, series, facet, seed }: Point): Datum => ({ facet, series, x, value: y, seed });

/** What the line of a closed form is called in a caption: series of the key may be dashed, too, in their color. */
export const THEORY_LINE = 'Thin and dashed, without a color:';

/** A band, a line, points of seeds and a dashed closed form; each stands where the data have its column. */
function lawLayers(
  names: readonly SeriesName[],
  xChannel: object,
  yChannel: (field: string) => object,
  { color, legend }: { readonly color: object; readonly legend: object },
): { readonly needs: string; readonly mark: object; readonly encoding: object }[] {
  return [
    {
      needs: 'mean',
      mark: { type: 'area', opacity: 0.18 },
      encoding: { x: xChannel, y: yChannel('low'), y2: { field: 'high' }, color },
    },
    {
      needs: 'mean',
      mark: { type: 'line', strokeWidth: 2 },
      encoding: {
        x: xChannel,
        y: yChannel('mean'),
        color,
        strokeDash: { field: 'series', type: 'nominal', scale: dashScale(names), title: null, legend },
      },
    },
    {
      needs: 'value',
      mark: { type: 'point', filled: true, size: 22, opacity: 0.6 },
      encoding: {
        x: xChannel,
        y: yChannel('value'),
        color,
        shape: {
          field: 'series',
          type: 'nominal',
          scale: { domain: seriesScale(names).domain },
          title: null,
          legend,
        },
      },
    },
    {
      needs: 'beyond',
      mark: { type: 'point', shape: 'triangle-up', filled: false, size: 60, strokeWidth: 1.5 },
      encoding: { x: xChannel, y: yChannel('beyond'), color },
    },
    {
      needs: 'label',
      mark: { type: 'text', dy: 14, color: '#222' },
      encoding: { x: xChannel, y: yChannel('beyond'), text: { field: 'label' } },
    },
    {
      needs: 'theory',
      mark: { type: 'line', strokeDash: [5, 4], color: '#222', strokeWidth: 1.2 },
      encoding: { x: xChannel, y: yChannel('theory'), detail: { field: 'series', type: 'nominal' } },
    },
  ];
}

/** Sizes of panels by their number, so that two, three or four stand beside each other on the page. */
const PANEL_SIZES: readonly { readonly upTo: number; readonly size: readonly [number, number] }[] = [
  { upTo: 2, size: [330, 260] },
  { upTo: 3, size: [200, 200] },
  { upTo: Infinity, size: [140, 180] },
];

/** The label of a tick on a logarithmic axis: 8 and 9 have none, so that they leave the next power of ten its own. */
const LOG_LABEL = "indexof('89', slice(format(datum.value, '.0e'), 0, 1)) < 0 ? datum.label : ''";

/** The spec of lines with bands, one panel for each setting. */
export function lawSpec(
  data: readonly Datum[],
  names: readonly SeriesName[],
  { x, y, facets, independent = false, size }: Axes,
): FigureSpec {
  const xScale = x.log ? { type: 'log' as const, base: 2 } : { type: 'linear' as const, zero: false, nice: false };
  const [width, height] = size ?? PANEL_SIZES.find(({ upTo }) => facets.length <= upTo)!.size;
  const values = independent ? {} : { values: ticksOf(x.values, width, x.log) };
  const xAxis = {
    title: x.title,
    ...values,
    format: x.format ?? 'd',
    grid: false,
    labelOverlap: independent,
    labelFlush: false,
  };
  const legend = { columns: facets.length > 1 ? 3 : 2 };
  const color = { field: 'series', type: 'nominal' as const, scale: seriesScale(names), title: null, legend };
  const xChannel = { field: 'x', type: 'quantitative' as const, scale: xScale, axis: xAxis };
  const yScale = y.log
    ? { type: 'log' as const, nice: false, padding: 8 }
    : { type: 'linear' as const, zero: false, padding: 8 };
  const yChannel = (field: string): object => ({
    ...{ field, type: 'quantitative', scale: yScale, title: y.title },
    ...(y.log && field === 'mean' && { axis: { labelExpr: LOG_LABEL } }),
  });
  const rows = facets.length > 3;
  const spec = {
    config: CONFIG,
    data: { values: data },
    ...(rows
      ? { columns: 4, facet: { field: 'facet', type: 'nominal', title: null, sort: facets } }
      : { facet: { column: { field: 'facet', type: 'nominal', title: null, sort: facets } } }),
    ...(independent ? { resolve: { scale: { x: 'independent', y: 'independent' } } } : {}),
    spec: {
      width,
      height,
      layer: layersWithData(data, lawLayers(names, xChannel, yChannel, { color, legend })),
    },
  };
  return spec;
}

/** A figure of one study: which columns are drawn against which, and the words about it. */
export interface LawFigure extends ExperimentFigure {
  readonly alt: string;
  /** Column of x, and the columns that are drawn. */
  readonly x: string;
  readonly series: readonly SeriesName[];
  /** Series of columns that some rows may lack. */
  readonly optional?: readonly SeriesName[];
  /** Columns of closed forms, drawn dashed. */
  readonly theory?: readonly string[];
  readonly xTitle: string;
  readonly xLog?: boolean;
  readonly xFormat?: string;
  readonly yTitle: string;
  readonly yLinear?: boolean;
  readonly independent?: boolean;
  /** A value beyond which numbers cannot be told, and its words: points there are open arrows. */
  readonly end?: { readonly at: number; readonly label: string };
  /** The panel of a row; its arm unless given. */
  readonly facet?: (row: TableRow) => string;
  /** Rows that count; all of the experiment's unless given. */
  readonly keep?: (row: TableRow) => boolean;
}

/** Points up to the end of what can be told, and one row for each x at which some seed lies beyond it. */
function endOf(
  points: readonly Point[],
  end: LawFigure['end'],
): { readonly within: readonly Point[]; readonly beyond: readonly Datum[] } {
  if (end === undefined) return { within: points, beyond: [] };
  const keyOf = ({ facet, series, x }: Point): string => JSON.stringify([facet, series, x]);
  const passed = groupBy(
    points.filter(({ y }) => y >= end.at),
    keyOf,
  );
  const labelled = new Set<string>();
  const beyond = [...passed.values()].map(([point]): Datum => {
    const { facet, series, x } = point!;
    const first = !labelled.has(facet);
    labelled.add(facet);
    return { facet, series, x, beyond: end.at, ...(first && { label: end.label }) };
  });
  return { within: points.filter((point) => !passed.has(keyOf(point))), beyond };
}

/** The figure of one study, or undefined without rows. */
export function lawFigure(law: LawFigure, { rows, scale }: FigureInput): Figure | undefined {
  const mine = rowsOfExperiment(rows, law.experiment).filter((row) => law.keep?.(row) ?? true);
  if (mine.length === 0) return undefined;
  const panel = law.facet ?? ((row: TableRow): string => row.arm);
  const points = mine.flatMap((row) =>
    law.series
      .filter((name) => !(law.optional ?? []).includes(name) || row.values[name] !== undefined)
      .map((name): Point => ({
        x: numberAt(row, law.x),
        y: numberAt(row, name),
        series: SERIES[name].label,
        facet: panel(row),
        seed: row.seed,
      })),
  );
  const { within, beyond } = endOf(points, law.end);
  const summary = summarize(within, law.yLinear ? 'linear' : 'log');
  // Closed forms do not depend on the seed: those of each panel's first run.
  const first = [...groupBy(mine, panel).values()].flatMap((group) => group.filter((row) => row.run === group[0]!.run));
  const theory = first.flatMap((row) =>
    (law.theory ?? []).map((name): Datum => ({
      facet: panel(row),
      series: name,
      x: numberAt(row, law.x),
      theory: numberAt(row, name),
    })),
  );
  const values = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const axes: Axes = {
    x: { title: law.xTitle, log: law.xLog ?? false, values, ...(law.xFormat !== undefined && { format: law.xFormat }) },
    y: { title: law.yTitle, log: !law.yLinear },
    facets: inOrder(law.experiment, mine.map(panel)),
    ...(law.independent !== undefined && { independent: law.independent }),
  };
  const seeds = seedPoints(within);
  const data = [...summary, ...beyond, ...theory, ...seeds.map(asDatum)];
  return {
    id: law.id,
    title: law.title,
    alt: law.alt,
    caption: `${law.caption} ${legendOf(seeds, law.yLinear ? 'means' : 'geometric means')}`,
    scale,
    command: commandOf(law.experiment, scale),
    spec: lawSpec(data, law.series, axes),
    data,
    runs: runIds(mine),
  };
}

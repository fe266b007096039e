/** Local exponents: how steep a law is between one value and the next, where one fit over all would hide a trend. */
import { commandOf } from '../../experiments/registry.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { SERIES } from './theme.js';
import { inOrder, legendOf, seedPoints, summarize, type Datum, type Draw, type ExperimentFigure } from './figure.js';
import { asDatum, lawSpec, type Point, type SeriesName } from './law.js';

/** A figure of local exponents of one study. */
export interface ExponentFigure extends ExperimentFigure {
  readonly alt: string;
  /** Column of x. */
  readonly x: string;
  readonly xTitle: string;
  readonly series: readonly SeriesName[];
  /** The number that a series has in a row; undefined in rows that are not of it. */
  readonly value: (row: TableRow, series: SeriesName) => number | undefined;
  /** The exponent that the theory has, drawn dashed. */
  readonly theory: number;
}

/** log(y2/y1) / log(x2/x1) of neighbors, at the geometric mean of their x. */
function localExponents(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  return sorted.slice(1).map((point, i) => {
    const before = sorted[i]!;
    const x = Number(Math.sqrt(before.x * point.x).toPrecision(3));
    return { ...point, x, y: Math.log(point.y / before.y) / Math.log(point.x / before.x) };
  });
}

/** Draws local exponents, one line for each series, a panel for each arm. */
export function drawExponents(figure: ExponentFigure): Draw {
  return ({ rows, scale }) => {
    const mine = rowsOfExperiment(rows, figure.experiment);
    if (mine.length === 0) return undefined;
    const all = mine.flatMap((row) =>
      figure.series.flatMap((name): Point[] => {
        const y = figure.value(row, name);
        const place = { series: SERIES[name].label, facet: row.arm, seed: row.seed };
        return y === undefined ? [] : [{ x: numberAt(row, figure.x), y, ...place }];
      }),
    );
    const curves = groupBy(all, ({ series, facet, seed }) => JSON.stringify([series, facet, seed]));
    const points = [...curves.values()].flatMap(localExponents);
    const values = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
    const facets = inOrder(
      figure.experiment,
      points.map(({ facet }) => facet),
    );
    const theory = facets.flatMap((facet) =>
      values.map((x): Datum => ({ facet, series: 'theory', x, theory: figure.theory })),
    );
    const seeds = seedPoints(points);
    const data = [...summarize(points, 'linear'), ...theory, ...seeds.map(asDatum)];
    return {
      id: figure.id,
      title: figure.title,
      alt: figure.alt,
      caption: `${figure.caption} ${legendOf(seeds, 'means')}`,
      scale,
      command: commandOf(figure.experiment, scale),
      spec: lawSpec(data, figure.series, {
        x: { title: figure.xTitle, log: true, values },
        y: { title: 'local exponent', log: false },
        facets,
      }),
      data,
      runs: runIds(mine),
    };
  };
}

/** Figures of the theory: D(m), D(L), and the attained instance. */
import type { TopLevelSpec } from 'vega-lite';
import { numberAt, runIds, type TableRow } from '../tables.js';
import { CONFIG, SERIES, seriesScale } from '../theme.js';
import { summarize, type Datum, type Figure } from './figure.js';

type SeriesName = keyof typeof SERIES;

/** Lines with bands and one point per seed, side by side for each facet, on logarithmic y. */
function lawSpec(summary: readonly Datum[], points: readonly Datum[], names: readonly SeriesName[], x: { title: string; log: boolean; values: number[] }, y: string): TopLevelSpec {
  const xScale = x.log ? { type: 'log' as const, base: 2 } : { type: 'linear' as const, zero: false, nice: false };
  const xAxis = { title: x.title, values: x.values, format: 'd', grid: false };
  const color = { field: 'series', type: 'nominal' as const, scale: seriesScale(names), title: null };
  const xChannel = { field: 'x', type: 'quantitative' as const, scale: xScale, axis: xAxis };
  const yScale = { type: 'log' as const, nice: false, padding: 8 };
  const spec = {
    config: CONFIG,
    data: { values: [...summary, ...points] },
    facet: { column: { field: 'facet', type: 'nominal', title: null, sort: ['skip', 'no skip'] } },
    spec: {
      width: 330,
      height: 260,
      layer: [
        {
          transform: [{ filter: 'isValid(datum.mean)' }],
          mark: { type: 'area', opacity: 0.18 },
          encoding: { x: xChannel, y: { field: 'low', type: 'quantitative', scale: yScale, title: y }, y2: { field: 'high' }, color },
        },
        {
          transform: [{ filter: 'isValid(datum.mean)' }],
          mark: { type: 'line', strokeWidth: 2 },
          encoding: { x: xChannel, y: { field: 'mean', type: 'quantitative', scale: yScale, title: y }, color },
        },
        {
          transform: [{ filter: 'isValid(datum.value)' }],
          mark: { type: 'point', filled: true, size: 22, opacity: 0.6 },
          encoding: {
            x: xChannel,
            y: { field: 'value', type: 'quantitative', scale: yScale, title: y },
            color,
            shape: { field: 'series', type: 'nominal', scale: { domain: seriesScale(names).domain }, title: null },
          },
        },
        ...(summary.some((datum) => datum.theory !== undefined)
          ? [
              {
                transform: [{ filter: 'isValid(datum.theory)' }],
                mark: { type: 'line', strokeDash: [5, 4], color: '#222', strokeWidth: 1.2 },
                encoding: { x: xChannel, y: { field: 'theory', type: 'quantitative', scale: yScale, title: y }, detail: { field: 'series', type: 'nominal' } },
              },
            ]
          : []),
      ],
    },
  };
  return spec as unknown as TopLevelSpec;
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
  readonly facet: string;
  readonly seed: number;
}

const asDatum = ({ x, y, series, facet, seed }: Point): Datum => ({ facet, series, x, value: y, seed });

/** D(m), one panel with a skip connection and one without. */
export function widthFigure(rows: readonly TableRow[], scale: string): Figure | undefined {
  const mine = rows.filter((row) => row.experiment === 'width');
  if (mine.length === 0) return undefined;
  const names: SeriesName[] = ['direct', 'imitation', 'sampled', 'layer'];
  const points = mine.map((row): Point => {
    const series = SERIES[row.values.training as SeriesName].label;
    return { x: numberAt(row, 'm'), y: numberAt(row, 'discrepancy'), series, facet: row.arm, seed: row.seed };
  });
  const summary = summarize(points);
  const widths = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  // The theory's slope through the middle of the imitation line of each panel.
  const theory = [...new Set(points.map(({ facet }) => facet))].flatMap((facet) => {
    const line = summary.filter((datum) => datum.facet === facet && datum.series === SERIES.imitation.label);
    const middle = line[Math.floor(line.length / 2)]!;
    return widths.map((x): Datum => ({ facet, series: 'slope −1/2', x, theory: Number(middle.mean) * Math.sqrt(Number(middle.x) / x) }));
  });
  return {
    id: 'width',
    title: 'Discrepancy against thin width',
    alt: 'Discrepancy D against thin width m on logarithmic axes, with and without a skip connection. Imitation follows the slope −1/2; direct training follows it with a skip connection and flattens without one.',
    caption:
      'D[S, B] on held-out points after direct training, after imitation from the wide net’s trained particles, and of those particles as sampled; “one layer alone” is the root mean square over layers of the single-layer error. Points: seeds (each with its own task and wide net). Lines: geometric means; bands: 95 % t-intervals over seeds. Dashed: slope −1/2. Both axes logarithmic.',
    command: `gowide theory run width --scale ${scale}`,
    spec: lawSpec([...summary, ...theory], points.map(asDatum), names, { title: 'thin width m', log: true, values: widths }, 'discrepancy D'),
    data: summary,
    runs: runIds(mine),
  };
}

/** D(L) and the telescoped sum. */
export function depthFigure(rows: readonly TableRow[], scale: string): Figure | undefined {
  const mine = rows.filter((row) => row.experiment === 'depth');
  if (mine.length === 0) return undefined;
  const names: SeriesName[] = ['direct', 'imitation', 'telescoped'];
  const points = mine.flatMap((row) =>
    names.map((name): Point => ({ x: numberAt(row, 'depth'), y: numberAt(row, name), series: SERIES[name].label, facet: row.arm, seed: row.seed })),
  );
  const summary = summarize(points);
  const depths = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  return {
    id: 'depth',
    title: 'Discrepancy against depth',
    alt: 'Discrepancy D against the number of layers L. The telescoped sum lies above the discrepancy after imitation everywhere; direct training does not explode with depth.',
    caption:
      'D[S, B] after direct training and after imitation, and the telescoped sum of hybrids, which bounds the latter with no constants. A double exponential would bend upwards on this logarithmic axis. Points: seeds; lines: geometric means; bands: 95 % t-intervals over seeds.',
    command: `gowide theory run depth --scale ${scale}`,
    spec: lawSpec(summary, points.map(asDatum), names, { title: 'depth L (layers)', log: false, values: depths }, 'discrepancy D'),
    data: summary,
    runs: runIds(mine),
  };
}

/** Instance B1: measured against its closed form. */
export function saddleFigure(rows: readonly TableRow[], scale: string): Figure | undefined {
  const mine = rows.filter((row) => row.experiment === 'saddle');
  if (mine.length === 0) return undefined;
  const names: SeriesName[] = ['direct', 'telescoped'];
  const facet = 'instance B1';
  const points = mine.flatMap((row) => names.map((name): Point => ({ x: numberAt(row, 'depth'), y: numberAt(row, name), series: SERIES[name].label, facet, seed: row.seed })));
  const summary = summarize(points);
  const depths = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const first = mine.filter((row) => row.run === mine[0]!.run);
  const theory = first.flatMap((row) => names.map((name): Datum => ({ facet, series: `${name} theory`, x: numberAt(row, 'depth'), theory: numberAt(row, `${name}Theory`) })));
  return {
    id: 'saddle',
    title: 'Where direct training does explode: the symmetric saddle B1',
    alt: 'Root m times D against depth for the saddle instance. Direct training is a straight, steep line on the logarithmic axis; the telescoped sum of imitation stays almost flat. Both lie on their dashed closed forms.',
    caption:
      '√m D after direct training over T = 0.4, and √m times the telescoped sum of sampled particles. Dashed: closed forms, √L exp(((κ − 2) L − (κ − 1)) T) and L √(2/π). Points: seeds; lines: geometric means; bands: 95 % t-intervals over seeds.',
    command: `gowide theory run saddle --scale ${scale}`,
    spec: lawSpec([...summary, ...theory], points.map(asDatum), names, { title: 'depth L (layers)', log: false, values: depths }, '√m × discrepancy'),
    data: [...summary, ...theory],
    runs: runIds(mine),
  };
}

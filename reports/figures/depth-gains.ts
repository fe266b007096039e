/** What figures of the gain by depth share: their axis, their series, the theory's ratio, and two panels of both. */
import { depth, limit } from '../../experiments/theory.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, type TableRow } from '../data/rows.js';
import { layersWithData, type Datum, type FigureSpec } from './figure.js';
import { CONFIG } from './theme.js';

/** Number of layers, each depth with its tick. */
export function depthAxis(depths: readonly number[]): object {
  return {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', base: 2, nice: false, padding: 12 },
    title: 'layers',
    axis: { values: [...new Set(depths)], grid: false },
  };
}

/** The color of each series, and a legend of so many columns. */
export function seriesColor(series: readonly string[], colors: readonly string[], columns: number): object {
  return {
    field: 'series',
    type: 'nominal',
    scale: { domain: series, range: colors },
    title: null,
    legend: { columns },
  };
}

/** The dashes of each series, beside its color. */
export function seriesDash(series: readonly string[], dashes: readonly (readonly number[])[]): object {
  return {
    field: 'series',
    type: 'nominal',
    scale: { domain: series, range: dashes.map((dash) => [...dash]) },
    title: null,
    legend: { columns: 2 },
  };
}

/** What is compared in the two panels of the gain: what imitation adds to trained nets, and what the theory has. */
const COMPARED = {
  trained: 'points over the best rival (trained nets)',
  theory: 'distance, direct over imitation (theory)',
} as const;

/** The theory's distances after direct training over those after imitation, of particle nets and of their limit. */
export interface TheoryRatios {
  readonly particles: readonly Point[];
  readonly infinite: readonly Point[];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Those of nets with skip connections or without, one for each depth and seed. */
export function theoryRatios(rows: readonly TableRow[], skip: boolean): TheoryRatios {
  const particles = rowsOfExperiment(rows, depth)
    .filter(({ facts }) => facts.factors?.skip === skip)
    .map((row) => ({ x: numberAt(row, 'depth'), y: numberAt(row, 'direct') / numberAt(row, 'imitation') }));
  const limits = rowsOfExperiment(rows, limit).filter(
    ({ facts, values }) => facts.factors?.skip === skip && values.event === undefined,
  );
  const nets = groupBy(limits, ({ values, seed }) => JSON.stringify([values.depth, seed]));
  const infinite = [...nets.values()].flatMap((group) => {
    const [direct, imitation] = ['direct', 'imitation'].map(
      (training) => group.find(({ values }) => values.training === training)?.values.limit,
    );
    return typeof direct === 'number' && typeof imitation === 'number'
      ? [{ x: numberAt(group[0]!, 'depth'), y: direct / imitation }]
      : [];
  });
  return { particles, infinite };
}

/** A line of the two panels: its name, color and dashes. */
export interface GainSeries {
  readonly series: string;
  readonly color: string;
  readonly dash: readonly number[];
}

/** Both panels, with a level line where nothing is gained; without the theory's where there is nothing of it. */
export function gainData(trained: readonly Datum[], theory: readonly Datum[]): Datum[] {
  return [
    ...trained.map((datum) => ({ facet: COMPARED.trained, ...datum })),
    ...theory.map((datum) => ({ facet: COMPARED.theory, ...datum })),
    { facet: COMPARED.trained, level: 0 },
    ...(theory.length === 0 ? [] : [{ facet: COMPARED.theory, level: 1 }]),
  ];
}

/** What imitation gains against depth, and beside it the theory's ratio: data of {@link gainData} as two panels. */
export function gainSpec(data: readonly Datum[], lines: readonly GainSeries[]): FigureSpec {
  const domain = lines.map(({ series }) => series);
  const color = seriesColor(
    domain,
    lines.map((one) => one.color),
    2,
  );
  const strokeDash = seriesDash(
    domain,
    lines.map(({ dash }) => dash),
  );
  const panel = (facet: string): object => {
    const mine = data.filter((datum) => datum.facet === facet);
    const y = (field: string): object => ({ field, type: 'quantitative', title: facet, scale: { zero: false } });
    const x = depthAxis(mine.flatMap((datum) => (typeof datum.x === 'number' ? [datum.x] : [])));
    return {
      width: 340,
      height: 260,
      transform: [{ filter: `datum.facet === '${facet}'` }],
      layer: layersWithData(mine, [
        { needs: 'level', mark: { type: 'rule', color: '#555', strokeWidth: 1 }, encoding: { y: y('level') } },
        {
          needs: 'mean',
          mark: { type: 'line', strokeWidth: 2, point: { size: 30 } },
          encoding: { x, color, y: y('mean'), strokeDash },
        },
        {
          needs: 'mean',
          mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
          encoding: { x, color, y: y('low'), y2: { field: 'high' } },
        },
      ]),
    };
  };
  const facets = Object.values(COMPARED).filter((facet) => data.some((datum) => datum.facet === facet));
  return { config: CONFIG, data: { values: data }, hconcat: facets.map(panel) };
}

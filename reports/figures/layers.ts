/** How far a thin net's layers are from the wide net's, in trained networks. */
import type { TopLevelSpec } from 'vega-lite';
import { groupBy, numberAt, runIds, type TableRow } from '../data/tables.js';
import { CONFIG } from './theme.js';
import { layersWithData, intervalOf, seedPoints, summarize, type Datum, type Draw } from './figure.js';

const MOMENTS: Readonly<Record<string, string>> = { imitation: 'after imitation', end: 'after fine-tuning' };
const DISTANCE = '√(Σ|thin − wide|² / Σ|wide|²) on the validation split: 0 is a perfect copy, 1 says nothing.';

/** What is measured at each place of a network. */
const QUANTITIES = {
  discrepancy: 'the layer’s output',
  alone: 'the layer alone, fed with the wide net’s values',
  hybrid: 'what the layer adds to the telescoped sum',
} as const;

export interface LayersFigure {
  readonly id: string;
  readonly experiment: string;
  readonly arm: string;
  readonly network: 'resnet' | 'bert';
  readonly title: string;
  readonly caption: string;
}

/** Relative discrepancy of each place of one arm's net, right after imitation and at the end. */
export function layersFigure({ id, experiment, arm, network, title, caption }: LayersFigure): Draw {
  return ({ rows, scale }) => {
    const mine = rows.filter(
      (row) => row.experiment === experiment && row.arm === arm && Object.hasOwn(QUANTITIES, String(row.values.event)),
    );
    // places that every quantity has, with the logits: a block's inside says little beside its output
    const hybrids = new Set(mine.filter((row) => row.values.event === 'hybrid').map((row) => String(row.values.tap)));
    const shown = mine.filter((row) =>
      hybrids.size === 0
        ? /^(stage\d+|layer\d+|logits)$/.test(String(row.values.tap))
        : hybrids.has(String(row.values.tap)),
    );
    if (shown.length === 0) return undefined;
    const points = shown.map((row) => ({
      quantity: QUANTITIES[row.values.event as keyof typeof QUANTITIES],
      when: MOMENTS[String(row.values.when)]!,
      tap: String(row.values.tap),
      value: numberAt(row, 'discrepancy'),
      seed: row.seed,
    }));
    const summary = [...groupBy(points, ({ quantity, when, tap }) => `${quantity}|${when}|${tap}`).values()].map(
      (group): Datum => {
        const { quantity, when, tap } = group[0]!;
        return { quantity, when, tap, ...intervalOf(group.map(({ value }) => value)) };
      },
    );
    const data = [...summary, ...seedPoints(points)];
    const taps = [...new Set(points.map(({ tap }) => tap))];
    const moments = Object.values(MOMENTS);
    const quantities = Object.values(QUANTITIES).filter((name) => points.some(({ quantity }) => quantity === name));
    const x = {
      field: 'tap',
      type: 'ordinal',
      sort: taps,
      title: 'at',
      axis: { labelAngle: taps.length > 6 ? -60 : 0, grid: false },
    };
    const color = {
      field: 'when',
      type: 'nominal',
      sort: moments,
      scale: { domain: moments, range: ['#0072B2', '#D55E00'] },
      title: null,
    };
    const y = (field: string): object => ({ field, type: 'quantitative', title: 'relative discrepancy' });
    const spec = {
      config: CONFIG,
      data: { values: data },
      facet: { column: { field: 'quantity', type: 'nominal', sort: quantities, title: null } },
      spec: {
        width: quantities.length > 1 ? 230 : 520,
        height: 220,
        encoding: { x, xOffset: { field: 'when', sort: moments }, color },
        layer: layersWithData(data, [
          {
            needs: 'mean',
            mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
            encoding: { y: y('low'), y2: { field: 'high' } },
          },
          { needs: 'mean', mark: { type: 'tick', thickness: 3, size: 12 }, encoding: { y: y('mean') } },
          {
            needs: 'value',
            mark: { type: 'point', filled: true, size: 24, opacity: 0.75 },
            encoding: { y: y('value') },
          },
        ]),
      },
    } as unknown as TopLevelSpec;
    return {
      id,
      title,
      alt: 'Relative discrepancy at each place of the network, after imitation and after fine-tuning; the table has the values.',
      caption: `${caption} ${DISTANCE} Points: seeds; ticks: means; bars: 95 % t-intervals.`,
      scale,
      command: `gowide train ${network} --experiment ${experiment} --arm '^${arm}$' --scale ${scale}`,
      spec,
      data,
      runs: runIds(shown),
    };
  };
}

const KINDS: Readonly<Record<string, string>> = { plain: 'without skip connections', skip: 'with skip connections' };
const SUMS = [
  {
    series: 'telescoped sum, imitation by gradient',
    arm: 'imitation',
    event: 'hybrid',
    color: '#0072B2',
    dash: [1, 0],
  },
  {
    series: 'discrepancy, imitation by gradient',
    arm: 'imitation',
    event: 'discrepancy',
    color: '#0072B2',
    dash: [5, 3],
  },
  {
    series: 'telescoped sum, closed-form imitation',
    arm: 'closed-form',
    event: 'hybrid',
    color: '#009E73',
    dash: [1, 0],
  },
  {
    series: 'discrepancy, closed-form imitation',
    arm: 'closed-form',
    event: 'discrepancy',
    color: '#009E73',
    dash: [5, 3],
  },
] as const;

function sumsOf(
  rows: readonly TableRow[],
  { series, arm, event }: (typeof SUMS)[number],
): { x: number; y: number; series: string; facet: string; seed: number }[] {
  const mine = rows.filter(
    (row) =>
      row.values.event === event && row.arm.endsWith(` ${arm}`) && (event === 'hybrid' || row.values.tap === 'logits'),
  );
  return [...groupBy(mine, (row) => row.run).values()].map((group) => {
    const [depth, kind] = group[0]!.arm.split(' ') as [string, string];
    return {
      x: Number(depth),
      y: group.reduce((sum, row) => sum + numberAt(row, 'discrepancy'), 0),
      series,
      facet: KINDS[kind]!,
      seed: group[0]!.seed,
    };
  });
}

/**
 * The bridge between the two halves: the theory's telescoped sum on networks that are trained on data, against their
 * depth.
 */
export const bridgeFigure: Draw = ({ rows, scale }) => {
  const mine = rows.filter((row) => row.experiment === 'depth-skip' && row.values.when === 'imitation');
  const points = SUMS.flatMap((sum) => sumsOf(mine, sum));
  if (points.length === 0) return undefined;
  const drawn = seedPoints(points).map(({ x, y, series, facet, seed }): Datum => ({
    facet,
    series,
    x,
    value: y,
    seed,
  }));
  const summary = summarize(points);
  const data = [...summary, ...drawn];
  const domain = SUMS.map(({ series }) => series);
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain, range: SUMS.map((sum) => sum.color) },
    title: null,
    legend: { columns: 2 },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', base: 2, nice: false, padding: 12 },
    title: 'layers',
    axis: { values: [...new Set(points.map((point) => point.x))], grid: false },
  };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 8 },
    title: 'relative discrepancy',
  });
  const spec = {
    config: CONFIG,
    data: { values: data },
    facet: { column: { field: 'facet', type: 'nominal', sort: Object.values(KINDS), title: null } },
    spec: {
      width: 340,
      height: 260,
      encoding: { x, color },
      layer: layersWithData(data, [
        { needs: 'mean', mark: { type: 'area', opacity: 0.15 }, encoding: { y: y('low'), y2: { field: 'high' } } },
        {
          needs: 'mean',
          mark: { type: 'line', strokeWidth: 2 },
          encoding: {
            y: y('mean'),
            strokeDash: {
              field: 'series',
              type: 'nominal',
              scale: { domain, range: SUMS.map(({ dash }) => [...dash]) },
              title: null,
              legend: { columns: 2 },
            },
          },
        },
        { needs: 'value', mark: { type: 'point', filled: true, size: 20, opacity: 0.6 }, encoding: { y: y('value') } },
      ]),
    },
  } as unknown as TopLevelSpec;
  return {
    id: 'bridge',
    title: 'The theory’s telescoped sum on trained networks',
    alt: 'Relative discrepancy of the logits and its telescoped sum against depth, right after imitation, without and with skip connections, for imitation by gradient and in closed form.',
    caption:
      'Fully connected tanh nets on the digits, right after imitation and before fine-tuning. Hybrids H_l are the wide net up to layer l and the thin one after it; the sum of their distances bounds the discrepancy. Solid: the sum; dashed: the discrepancy itself. Geometric means, 95 % t-intervals, and points for the seeds; both axes logarithmic.',
    scale,
    command: `gowide train resnet --experiment depth-skip --arm all --scale ${scale}`,
    spec,
    data,
    runs: runIds(mine),
  };
};

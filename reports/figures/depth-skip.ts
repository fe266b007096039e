/** Figures of nets of several depths, with skip connections and without. */
import { depthSkip } from '../../experiments/depth-skip.js';
import { commandOf } from '../../experiments/registry.js';
import { depth, limit } from '../../experiments/theory.js';
import { depthGains } from '../data/depth-gains.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { depthAxis, gainData, gainSpec, seriesColor, seriesDash, theoryRatios } from './depth-gains.js';
import {
  domainOf,
  drawnValues,
  intervalWords,
  layersWithData,
  seedPoints,
  summarize,
  type Datum,
  type Draw,
  type FigureDefinition,
  type FigureSpec,
} from './figure.js';
import { acrossSettings, ofClaim, together } from './finding.js';
import { shadesOf } from './shades.js';
import { CONFIG } from './theme.js';

const PANELS = ['without skip connections', 'with skip connections'] as const;

function panelOf({ facts }: TableRow): string {
  return PANELS[facts.factors!.skip === true ? 1 : 0];
}

/** A panel of the nets without skip connections, and beside it one of those with them. */
function panels(data: readonly Datum[], panel: { readonly encoding: object; readonly layer: unknown }): FigureSpec {
  return {
    config: CONFIG,
    data: { values: data },
    facet: { column: { field: 'facet', type: 'nominal', sort: PANELS, title: null } },
    spec: { width: 340, height: 260, ...panel },
  };
}

function accuracySpec(
  depths: readonly number[],
  data: readonly Datum[],
  palette: ReadonlyMap<string, string>,
): FigureSpec {
  const domain = domainOf(drawnValues(data), true);
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { domain, zero: false, nice: false },
    title: 'test accuracy, %',
  });
  return panels(data, {
    encoding: { x: depthAxis(depths), color: seriesColor([...palette.keys()], [...palette.values()], 3) },
    layer: [
      { mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
      { mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 }, encoding: { y: y('low'), y2: { field: 'high' } } },
    ],
  });
}

/** Test accuracy against depth, without and with skip connections. */
const drawAccuracy: Draw = ({ results, scale }) => {
  // an arm that the experiment does not declare has no depth
  const mine = rowsOfExperiment(results, depthSkip).filter((row) => row.facts.factors !== undefined);
  if (mine.length === 0) return undefined;
  const points = mine.map((row) => ({
    x: Number(row.facts.factors!.layers),
    y: numberAt(row, 'testAccuracy'),
    series: row.facts.label,
    facet: panelOf(row),
  }));
  const summary = summarize(points, 'proportion');
  return {
    id: 'depth-skip',
    title: 'Where imitation itself pays: depth and skip connections',
    alt:
      'Test accuracy of fully connected tanh nets against depth, without and with skip connections, one line for ' +
      'each way of training.',
    caption:
      'Fully connected tanh nets, 16 channels wide (wide net: 64), on the digits; equal steps of the thin net, ' +
      'each arm at its own learning rate at each depth, chosen on the validation split. ' +
      `Means and ${intervalWords(true)} over the seeds.`,
    scale,
    command: commandOf(depthSkip, scale),
    spec: accuracySpec(
      points.map(({ x }) => x),
      summary,
      shadesOf(depthSkip, mine),
    ),
    data: summary,
    runs: runIds(mine),
  };
};

const SUMS = [
  {
    series: 'telescoped sum, imitation by gradient',
    training: 'imitation',
    event: 'hybrid',
    color: '#CC79A7',
    dash: [1, 0],
  },
  {
    series: 'discrepancy, imitation by gradient',
    training: 'imitation',
    event: 'discrepancy',
    color: '#0072B2',
    dash: [1, 0],
  },
  {
    series: 'telescoped sum, closed-form imitation',
    training: 'closed-form',
    event: 'hybrid',
    color: '#CC79A7',
    dash: [5, 3],
  },
  {
    series: 'discrepancy, closed-form imitation',
    training: 'closed-form',
    event: 'discrepancy',
    color: '#56B4E9',
    dash: [1, 0],
  },
] as const;

function sumsOf(
  rows: readonly TableRow[],
  { series, training, event }: (typeof SUMS)[number],
): { x: number; y: number; series: string; facet: string; seed: number }[] {
  const mine = rows.filter(
    (row) =>
      row.values.event === event &&
      row.facts.factors?.training === training &&
      (event === 'hybrid' || row.values.tap === 'logits'),
  );
  return [...groupBy(mine, (row) => row.run).values()].map((group) => {
    return {
      x: Number(group[0]!.facts.factors!.layers),
      y: group.reduce((sum, row) => sum + numberAt(row, 'discrepancy'), 0),
      series,
      facet: panelOf(group[0]!),
      seed: group[0]!.seed,
    };
  });
}

function bridgeSpec(depths: readonly number[], data: readonly Datum[]): FigureSpec {
  const domain = SUMS.map(({ series }) => series);
  const colors = SUMS.map(({ color }) => color);
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 8 },
    title: 'relative discrepancy',
  });
  return panels(data, {
    encoding: { x: depthAxis(depths), color: seriesColor(domain, colors, 2) },
    layer: layersWithData(data, [
      { needs: 'mean', mark: { type: 'area', opacity: 0.15 }, encoding: { y: y('low'), y2: { field: 'high' } } },
      {
        needs: 'mean',
        mark: { type: 'line', strokeWidth: 2 },
        encoding: {
          y: y('mean'),
          strokeDash: seriesDash(
            domain,
            SUMS.map(({ dash }) => dash),
          ),
        },
      },
      { needs: 'value', mark: { type: 'point', filled: true, size: 20, opacity: 0.6 }, encoding: { y: y('value') } },
    ]),
  });
}

/**
 * The bridge between the two halves: the theory's telescoped sum on networks that are trained on data, against their
 * depth.
 */
const drawBridge: Draw = ({ rows, scale }) => {
  const mine = rowsOfExperiment(rows, depthSkip).filter((row) => row.values.when === 'imitation');
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
  return {
    id: 'bridge',
    title: 'The theory’s telescoped sum on trained networks',
    alt:
      'Relative discrepancy of the logits and its telescoped sum against depth, right after imitation, without and ' +
      'with skip connections, for imitation by gradient and in closed form.',
    caption:
      'Fully connected tanh nets on the digits, right after imitation and before fine-tuning. Hybrids H_l are the ' +
      'wide net up to layer l and the thin one after it; the sum of their distances bounds the discrepancy. ' +
      'Geometric means and 95 % t-intervals over the seeds; both axes logarithmic.',
    scale,
    command: commandOf(depthSkip, scale),
    spec: bridgeSpec(
      points.map(({ x }) => x),
      data,
    ),
    data,
    runs: runIds(mine),
  };
};

const GAIN_SERIES = Object.entries({
  'by gradient': [1, 0],
  'in closed form': [6, 3],
  'infinite width': [2, 2],
}).flatMap(([kind, dash]) =>
  [false, true].map((skip) => ({ series: gainSeries(kind, skip), dash, color: skip ? '#E69F00' : '#0072B2' })),
);

function gainSeries(kind: string, skip: boolean): string {
  return `${kind}, ${skip ? 'with skips' : 'without skips'}`;
}

/** What imitation adds in trained nets by their depth, and beside it what the theory says of the same depths. */
const drawGain: Draw = ({ rows, results, scale }) => {
  const gains = [false, true].flatMap((skip) =>
    Object.entries({ imitation: 'by gradient', 'closed-form': 'in closed form' }).flatMap(([training, kind]) =>
      depthGains(results, skip, training).map(({ depth: x, gain: y }) => ({ x, y, series: gainSeries(kind, skip) })),
    ),
  );
  if (gains.length === 0) return undefined;
  const theory = [false, true].flatMap((skip) => {
    const { particles, infinite } = theoryRatios(rows, skip);
    return [
      ...summarize(particles.map((point) => ({ ...point, series: gainSeries('by gradient', skip) }))),
      ...summarize(infinite.map((point) => ({ ...point, series: gainSeries('infinite width', skip) }))),
    ];
  });
  const data = gainData(summarize(gains, 'linear'), theory);
  return {
    id: 'depth-gain',
    title: 'What imitation adds by depth, and what the theory says',
    alt:
      'Left: points of test accuracy that imitation adds over the best rival without it, against depth, without and ' +
      'with skip connections. Right: the theory’s distance to the wide net after direct training over that after ' +
      'imitation, against depth.',
    caption:
      'Left: fully connected tanh nets on the digits after equal steps, over that of direct training, KD and selected ' +
      'channels + KL which validation puts first at each depth; means and 95 % t-intervals over the seeds. Right: ' +
      'particle nets of the theory, and their limits of infinite width (of √m times the distance) where these were ' +
      'computed; geometric means and intervals over the seeds. Above the line imitation is better.',
    scale,
    command: commandOf(depthSkip, scale),
    spec: gainSpec(data, GAIN_SERIES),
    data,
    runs: runIds([
      ...rowsOfExperiment(results, depthSkip),
      ...[depth, limit].flatMap((experiment) => rowsOfExperiment(rows, experiment)),
    ]),
  };
};

/** Figures of nets with and without skip connections at several depths. */
export const DEPTH_SKIP_FIGURES: readonly FigureDefinition[] = [
  {
    id: 'depth-skip',
    section: depthSkip.group,
    experiment: depthSkip.name,
    finding: together(
      ofClaim('depth-plain', {
        supported: 'Without skip connections imitation beats every rival without it',
        'not supported': 'Without skip connections imitation does not beat its best rival',
        inconclusive: 'Whether imitation beats its best rival without skip connections is open',
      }),
      ofClaim('depth-growth', {
        supported: 'What it adds grows with depth',
        'not supported': 'What it adds does not grow with depth',
        inconclusive: 'Whether what it adds grows with depth is open',
      }),
      ofClaim('depth-bridge', {
        supported: 'With them it adds less',
        'not supported': 'With them it adds as much',
        inconclusive: 'Whether it adds less with them is open',
      }),
    ),
    draw: drawAccuracy,
  },
  {
    id: 'depth-gain',
    section: depthSkip.group,
    experiment: depthSkip.name,
    reads: [depth.name, limit.name],
    finding: ofClaim('depth-bridge', {
      supported: 'Imitation adds more without skips, as in the theory',
      'not supported': 'Imitation adds as much with skips as without them, unlike in the theory',
      inconclusive: 'Whether imitation adds more without skips, as in the theory, is open',
    }),
    draw: drawGain,
  },
  {
    id: 'bridge',
    section: depthSkip.group,
    experiment: depthSkip.name,
    finding: acrossSettings(
      { 'with skip connections': 'depth-telescoped-skip', 'without them': 'depth-telescoped-plain' },
      {
        supported: (where) => `In trained nets the bound on imitation grows at most linearly with depth, ${where}`,
        'not supported': (where) => `In trained nets the bound on imitation grows faster than linearly ${where}`,
        inconclusive: (where) => `Whether the bound grows at most linearly ${where} is open`,
      },
    ),
    draw: drawBridge,
  },
];

/**
 * Arms of an experiment on trained networks: each by one measure, by paired differences, and against what they cost.
 */
import type { TopLevelSpec } from 'vega-lite';
import { pairedDifferences } from '../claims/index.js';
import { groupBy, numberAt, runIds, type TableRow } from '../data/tables.js';
import { CONFIG } from './theme.js';
import { layersWithData, intervalOf, seedPoints, type Datum, type Draw } from './figure.js';

/** By what an arm learns from: labels alone, the wide net, or the wide net's layers. */
export const [REFERENCE, FROM_LABELS, FROM_OUTPUTS, FROM_LAYERS] = [
  '#555555',
  '#D55E00',
  '#009E73',
  '#0072B2',
] as const;
const SOURCES: readonly (readonly [string, string])[] = [
  ['the wide net itself', REFERENCE],
  ['the labels', FROM_LABELS],
  ['the wide net’s outputs', FROM_OUTPUTS],
  ['the wide net’s layers', FROM_LAYERS],
];

const ARMS: Readonly<Record<string, { label: string; color: string }>> = {
  wide: { label: 'wide net', color: REFERENCE },
  direct: { label: 'thin, direct', color: FROM_LABELS },
  deeper: { label: 'deeper net, direct', color: FROM_LABELS },
  long: { label: 'thin, direct, at the pipeline’s total cost', color: FROM_LABELS },
  'selected-direct': { label: 'thin, selected channels, direct', color: FROM_LABELS },
  fresh: { label: 'thin, without pre-training', color: FROM_LABELS },
  kd: { label: 'thin, KD', color: FROM_OUTPUTS },
  'no-imitation': { label: 'thin, shared parts + KL', color: FROM_OUTPUTS },
  'selected-kl': { label: 'thin, selected channels + KL', color: FROM_OUTPUTS },
  'ends-kd': { label: 'thin, projected embeddings and head + KD', color: FROM_OUTPUTS },
  'projected-kd': { label: 'thin, all projected + KD', color: FROM_OUTPUTS },
  hints: { label: 'thin, hints + KL', color: FROM_LAYERS },
  'all-at-once': { label: 'thin, all imitation losses at once, then KL', color: FROM_LAYERS },
  'three-stage': { label: 'thin, three stages', color: FROM_LAYERS },
  'selected-three-stage': { label: 'thin, selected channels, three stages', color: FROM_LAYERS },
  'projected-three-stage': { label: 'thin, all projected, three stages', color: FROM_LAYERS },
};

export type Measure = 'testAccuracy' | 'testCrossEntropy';
const MEASURES = {
  testAccuracy: { axis: 'test accuracy, %', difference: 'difference in test accuracy, points', digits: 1, unit: ' %' },
  testCrossEntropy: {
    axis: 'test cross-entropy, nats',
    difference: 'difference in test cross-entropy, nats',
    digits: 3,
    unit: ' nats',
  },
} as const;
const COLOURS = 'Orange learns from the labels, green from the wide net’s outputs, blue from its layers.';
const MARKS = 'Points: seeds; ticks: means; bars: 95 % t-intervals.';

export interface ArmsFigure {
  readonly id: string;
  readonly experiment: string;
  /** Of the command that makes the runs. */
  readonly network: 'resnet' | 'bert';
  readonly title: string;
  readonly caption: string;
  /** By what the arms are compared: test accuracy, or cross-entropy, where lower is better. */
  readonly measure?: Measure;
}

const commandOf = ({ network, experiment }: ArmsFigure, scale: string): string =>
  `gowide train ${network} --experiment ${experiment} --arm all --scale ${scale}`;

/** Horizontal intervals with one point per seed; `rule` marks a value. */
function intervalSpec(
  data: readonly Datum[],
  order: readonly string[],
  title: string,
  { rule, byArm = false }: { rule?: number; byArm?: boolean },
): TopLevelSpec {
  const y = { field: 'name', type: 'nominal' as const, sort: [...order], title: null, axis: { grid: false } };
  const scale = { zero: false, nice: true, padding: 12 };
  const arms = Object.values(ARMS);
  const color = {
    field: 'name',
    type: 'nominal' as const,
    scale: { domain: arms.map(({ label }) => label), range: arms.map((arm) => arm.color) },
    legend: null,
  };
  const paint = byArm ? { color } : { color: { value: FROM_LAYERS } };
  const spec = {
    config: CONFIG,
    width: 480,
    height: { step: 34 },
    data: { values: data },
    layer: layersWithData(data, [
      ...(rule === undefined
        ? []
        : [
            {
              data: { values: [{ at: rule }] },
              mark: { type: 'rule', color: '#222', strokeDash: [4, 4] },
              encoding: { x: { field: 'at', type: 'quantitative', scale } },
            },
          ]),
      {
        needs: 'mean',
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
        encoding: { y, x: { field: 'low', type: 'quantitative', scale, title }, x2: { field: 'high' }, ...paint },
      },
      {
        needs: 'mean',
        mark: { type: 'tick', thickness: 3, size: 22 },
        encoding: { y, x: { field: 'mean', type: 'quantitative', scale, title }, ...paint },
      },
      {
        needs: 'value',
        mark: { type: 'point', filled: true, size: 40, opacity: 0.75 },
        encoding: { y, x: { field: 'value', type: 'quantitative', scale, title }, ...paint },
      },
    ]),
  };
  return spec as unknown as TopLevelSpec;
}

function resultsOf(results: readonly TableRow[], experiment: string): TableRow[] {
  return results.filter((row) => row.experiment === experiment);
}

/** Every arm of an experiment by one measure. */
export function armsFigure(figure: ArmsFigure): Draw {
  const measure = figure.measure ?? 'testAccuracy';
  const { axis, digits, unit } = MEASURES[measure];
  return ({ results, scale }) => {
    const mine = resultsOf(results, figure.experiment);
    if (mine.length === 0) return undefined;
    const arms = [...new Set(mine.map((row) => row.arm))];
    // arms of the comparison have their labels, order and colours everywhere
    const known = arms.every((arm) => arm in ARMS);
    const nameOf = (arm: string): string => (known ? ARMS[arm]!.label : arm);
    const order = known ? Object.values(ARMS).map(({ label }) => label) : arms;
    const points = mine.map((row) => ({ name: nameOf(row.arm), value: numberAt(row, measure), seed: row.seed }));
    const summary = [...groupBy(mine, (row) => row.arm)].map(([arm, rows]): Datum => ({
      name: nameOf(arm),
      ...intervalOf(rows.map((row) => numberAt(row, measure))),
    }));
    const data = [...summary, ...seedPoints(points)];
    return {
      id: figure.id,
      title: figure.title,
      alt: `${axis} of each arm. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(digits)}${unit}`).join('; ')}.`,
      caption: `${figure.caption} ${known ? `${COLOURS} ` : ''}${MARKS}`,
      scale,
      command: commandOf(figure, scale),
      spec: intervalSpec(data, order, axis, { byArm: known }),
      data,
      runs: runIds(mine),
    };
  };
}

/** A pair of arms and what it is called. */
export type Pair = readonly [first: string, second: string, name: string];

/** Differences between arms, paired by seed. */
export function differenceFigure(figure: ArmsFigure & { readonly pairs: readonly Pair[] }): Draw {
  const measure = figure.measure ?? 'testAccuracy';
  const { difference, digits } = MEASURES[measure];
  return ({ results, scale }) => {
    const mine = resultsOf(results, figure.experiment);
    const pairs = figure.pairs
      .map(([first, second, name]) => ({ name, values: pairedDifferences(mine, first, second, measure) }))
      .filter(({ values }) => values.length > 0);
    if (pairs.length === 0) return undefined;
    const summary = pairs.map(({ name, values }): Datum => ({
      name,
      ...intervalOf(values.map(({ difference: value }) => value)),
    }));
    const points = pairs.flatMap(({ name, values }) =>
      values.map(({ seed, difference: value }) => ({ name, value, seed })),
    );
    const data = [...summary, ...seedPoints(points)];
    return {
      id: figure.id,
      title: figure.title,
      alt: `${difference}, paired by seed. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(digits)}`).join('; ')}.`,
      caption: `${figure.caption} Two arms with the same seed have the same data order and the same wide net. An interval that crosses the dashed zero decides nothing. ${MARKS}`,
      scale,
      command: commandOf(figure, scale),
      spec: intervalSpec(
        data,
        pairs.map(({ name }) => name),
        difference,
        { rule: 0 },
      ),
      data,
      runs: runIds(mine),
    };
  };
}

const PANELS = { size: 'by parameters, thousands', cost: 'by training cost, TFLOP, the wide net’s included' } as const;

/** Each arm's measure against its parameters and against what its training cost. */
export function tradeFigure(figure: ArmsFigure): Draw {
  const measure = figure.measure ?? 'testAccuracy';
  const { axis } = MEASURES[measure];
  return ({ results, scale }) => {
    const mine = resultsOf(results, figure.experiment).filter((row) => row.arm in ARMS);
    if (mine.length === 0) return undefined;
    const data = [...groupBy(mine, (row) => row.arm)].flatMap(([arm, rows]): Datum[] => {
      const { label, color } = ARMS[arm]!;
      const first = rows[0]!;
      const common = {
        name: label,
        learns: SOURCES.find(([, code]) => code === color)![0],
        ...intervalOf(rows.map((row) => numberAt(row, measure))),
      };
      return [
        { panel: PANELS.size, x: numberAt(first, 'parameters') / 1000, ...common },
        {
          panel: PANELS.cost,
          x: (numberAt(first, 'gigaflops') + numberAt(first, 'teacherGigaflops')) / 1000,
          ...common,
        },
      ];
    });
    const domain = SOURCES.map(([name]) => name);
    const color = {
      field: 'learns',
      type: 'nominal',
      scale: { domain, range: SOURCES.map(([, code]) => code) },
      title: 'learns from',
      legend: { columns: 4 },
    };
    const x = {
      field: 'x',
      type: 'quantitative',
      scale: { type: 'log', nice: false, padding: 16 },
      title: null,
      axis: { grid: false, format: '.3~g', labelOverlap: true },
    };
    const y = (field: string): object => ({
      field,
      type: 'quantitative',
      scale: { zero: false, padding: 10 },
      title: axis,
    });
    const spec = {
      config: CONFIG,
      data: { values: data },
      facet: { column: { field: 'panel', type: 'nominal', sort: Object.values(PANELS), title: null } },
      resolve: { scale: { x: 'independent' } },
      spec: {
        width: 340,
        height: 260,
        encoding: { x, color },
        layer: [
          { mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 }, encoding: { y: y('low'), y2: { field: 'high' } } },
          {
            mark: { type: 'point', filled: true, size: 60, opacity: 0.9 },
            encoding: {
              y: y('mean'),
              shape: { field: 'learns', type: 'nominal', scale: { domain }, title: 'learns from' },
            },
          },
        ],
      },
    } as unknown as TopLevelSpec;
    return {
      id: figure.id,
      title: figure.title,
      alt: `${axis} of each arm against its number of parameters and against the floating-point operations of its training; the table has the values.`,
      caption: `${figure.caption} Means and 95 % t-intervals over the seeds; both x axes logarithmic.`,
      scale,
      command: commandOf(figure, scale),
      spec,
      data,
      runs: runIds(mine),
    };
  };
}

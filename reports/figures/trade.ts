/** Arms of an experiment against what they cost: parameters of the net that is kept, and all training behind it. */
import { commandOf } from '../../experiments/registry.js';
import type { Metric } from '../../src/core/experiment.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import { metricOf } from './arms.js';
import {
  byMean,
  define,
  domainOf,
  drawnValues,
  intervalOf,
  intervalWords,
  isDrawn,
  notDrawn,
  ticksOf,
  type Datum,
  type ExperimentFigure,
  type FigureDefinition,
  type FigureSpec,
} from './figure.js';
import { LABEL_LINE, logTicksWithin, spreadLabels } from './labels.js';
import { CONFIG, SOURCES, sourceOf } from './theme.js';

/** What a panel has on its horizontal axis. */
interface CostAxis {
  readonly title: string;
  readonly of: (row: TableRow) => number;
}

const TRAINING: CostAxis = {
  title: 'cost of all training, TFLOP, the wide net’s included',
  of: (row) => (numberAt(row, 'gigaflops') + numberAt(row, 'teacherGigaflops')) / 1000,
};
const AXES: readonly CostAxis[] = [
  TRAINING,
  { title: 'parameters of the net that is kept, thousands', of: (row) => numberAt(row, 'parameters') / 1000 },
];

const PAD = 14;

/** A figure of arms against their cost. */
export interface TradeFigure extends ExperimentFigure {
  /** The arms that it shows; all of the experiment unless given. */
  readonly arms?: readonly string[];
  /** Width and height of a panel in pixels. */
  readonly size?: readonly [number, number];
  /** Whether it has the cost of training alone. */
  readonly costOnly?: boolean;
  /** Whether the mean stands before each name. */
  readonly values?: boolean;
}

/** Rows of one panel: each arm's metric and the place of its name, the highest first. */
function panelRows(
  rows: readonly TableRow[],
  axis: CostAxis,
  { key, proportion = false }: Metric,
  height: number,
): Datum[] {
  const means = [...groupBy(rows, (row) => row.arm).values()].map((group): Datum => ({
    panel: axis.title,
    name: group[0]!.facts.label,
    learns: SOURCES[sourceOf(group[0]!.facts)!].label,
    x: axis.of(group[0]!),
    ...intervalOf(
      group.map((row) => numberAt(row, key)),
      proportion,
    ),
  }));
  const sorted = means.filter(isDrawn).sort(byMean('higher'));
  const domain = domainOf(drawnValues(sorted), proportion);
  const gap = (LABEL_LINE * (domain[1] - domain[0])) / height;
  const labels = spreadLabels(
    sorted.map(({ mean }) => Number(mean)),
    gap,
    domain,
  );
  return [...sorted.map((datum, i) => ({ ...datum, label: labels[i]! })), ...means.filter((one) => !isDrawn(one))];
}

/** The cost of an arm; ticks are those that have room in some panel. Several panels have their titles above them. */
function costEncoding(data: readonly Datum[], axes: readonly CostAxis[], width: number): object {
  const xs = data.map((datum) => Number(datum.x));
  const ticks = axes.flatMap(({ title }) => {
    const mine = data.filter(({ panel }) => panel === title).map(({ x }) => Number(x));
    const [low, high] = [Math.min(...mine) / 1.2, Math.max(...mine) * 1.2];
    return ticksOf([...logTicksWithin(low, high)], width - 2 * PAD, true);
  });
  return {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: PAD },
    title: axes.length === 1 ? axes[0]!.title : null,
    axis: {
      grid: false,
      format: '.3~r',
      values: ticks.length === 0 ? xs : ticks,
      labelOverlap: false,
      titleAnchor: 'start',
    },
  };
}

/** What an arm learns from, as its color. */
function sourceColor(): object {
  const sources = Object.values(SOURCES);
  return {
    field: 'learns',
    type: 'nominal',
    scale: { domain: sources.map(({ label }) => label), range: sources.map((source) => source.color) },
    title: 'learns from',
  };
}

function tradeSpec(
  data: readonly Datum[],
  axes: readonly CostAxis[],
  metric: Metric,
  { size: [width, height], values = false }: Pick<TradeFigure, 'values'> & { readonly size: readonly [number, number] },
): FigureSpec {
  const name = "replace(datum.name, 'thin, ', '')";
  const [x, color] = [costEncoding(data, axes, width), sourceColor()];
  const scale = { domain: domainOf(drawnValues(data), metric.proportion), zero: false, nice: false };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale,
    title: `${metric.label}, ${metric.unit}`,
  });
  const labelY = { field: 'label', type: 'quantitative', scale };
  return {
    config: CONFIG,
    data: { values: data },
    ...(axes.length > 1 && {
      facet: {
        column: {
          field: 'panel',
          type: 'nominal',
          sort: axes.map(({ title }) => title),
          title: null,
          // names stand beside the panel: a centered title would begin left of it and be cut off
          header: { labelAnchor: 'start' },
        },
      },
      resolve: { scale: { x: 'independent' } },
    }),
    ...inner(axes.length > 1, {
      width,
      height,
      layer: [
        {
          mark: { type: 'rule', color: '#bbb', strokeWidth: 0.8 },
          encoding: { x, x2: { value: width + 6 }, y: y('mean'), y2: { field: 'label' } },
        },
        {
          mark: { type: 'text', align: 'left', fontSize: 11.5, color: '#222' },
          transform: [
            { calculate: values ? `format(datum.mean, '.${metric.digits}f') + ' ' + ${name}` : name, as: 'short' },
          ],
          encoding: { x: { value: width + 9 }, y: labelY, text: { field: 'short' } },
        },
        {
          mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
          encoding: { x, y: y('low'), y2: { field: 'high' }, color },
        },
        { mark: { type: 'point', filled: true, size: 60, opacity: 0.9 }, encoding: { x, y: y('mean'), color } },
      ],
    }),
  };
}

/** The panel's spec, below a facet where there are several. */
function inner(several: boolean, spec: object): object {
  return several ? { spec } : spec;
}

/** Each arm's metric against what its training cost, and against its parameters. */
export function tradeFigure(figure: TradeFigure): FigureDefinition {
  const { id, experiment, title, caption, arms, size = [160, 260], costOnly = false, values = false } = figure;
  const metric = metricOf(figure);
  const axes = costOnly ? [TRAINING] : AXES;
  return define({ section: 'cost', ...figure }, ({ results, scale }) => {
    const mine = rowsOfExperiment(results, experiment).filter(
      ({ arm, facts }) => sourceOf(facts) !== undefined && (arms?.includes(arm) ?? true),
    );
    if (mine.length === 0) return undefined;
    const all = axes.flatMap((axis) => panelRows(mine, axis, metric, size[1]));
    const data = all.filter(isDrawn);
    if (data.length === 0) return undefined;
    const said = data.filter(({ panel }) => panel === TRAINING.title);
    return {
      id,
      title,
      alt:
        `${metric.label} against the cost of all training. ` +
        `${said.map(({ name, x, mean }) => `${name}: ${Number(mean).toFixed(metric.digits)} ${metric.unit} for ${Number(x).toPrecision(2)} TFLOP`).join('; ')}.`,
      caption:
        `${[caption, notDrawn(all)].filter(Boolean).join(' ')} Means and ${intervalWords(metric.proportion ?? false)} ` +
        'over the seeds; nets without a size in their names are thin ones; costs are on a logarithmic axis.',
      scale,
      command: commandOf(experiment, scale),
      spec: tradeSpec(data, axes, metric, { size, values }),
      data,
      runs: runIds(mine),
    };
  });
}

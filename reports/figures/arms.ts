/**
 * Arms of an experiment on trained networks: each by the experiment's metric, by paired differences, and against what
 * they cost.
 */
import type { TopLevelSpec } from 'vega-lite';
import { commandOf } from '../../experiments/registry.js';
import type { Experiment, Metric } from '../../src/core/experiment.js';
import { pairedDifferences } from '../claims/arms.js';
import { groupBy, numberAt, runIds, type TableRow } from '../data/rows.js';
import {
  define,
  inOrder,
  intervalOf,
  layersWithData,
  seedPoints,
  type Datum,
  type ExperimentFigure,
  type FigureDefinition,
} from './figure.js';
import { CONFIG, SOURCES, sourceOf } from './theme.js';

const COLORS = 'Orange learns from the labels, green from the wide net’s outputs, blue from its layers.';
const MARKS = 'Points: seeds; ticks: means; bars: 95 % t-intervals.';

/** A color for each label. */
type Palette = ReadonlyMap<string, string>;

function channelsOf(order: readonly string[], palette: Palette | undefined): { y: object; paint: object } {
  const y = { field: 'name', type: 'nominal', sort: [...order], title: null, axis: { grid: false } };
  if (palette === undefined) return { y, paint: { color: { value: SOURCES.layers.color } } };
  const scale = { domain: [...palette.keys()], range: [...palette.values()] };
  return { y, paint: { color: { field: 'name', type: 'nominal', scale, legend: null } } };
}

/** Horizontal intervals with one point per seed; `rule` marks a value. */
function intervalSpec(
  data: readonly Datum[],
  order: readonly string[],
  title: string,
  { rule, palette }: { readonly rule?: number; readonly palette?: Palette | undefined },
): TopLevelSpec {
  const { y, paint } = channelsOf(order, palette);
  const scale = { zero: false, nice: true, padding: 12 };
  const x = (field: string): object => ({ field, type: 'quantitative', scale, title });
  const ruled: { readonly needs?: string } & Record<string, unknown> = {
    data: { values: [{ at: rule }] },
    mark: { type: 'rule', color: '#222', strokeDash: [4, 4] },
    encoding: { x: { field: 'at', type: 'quantitative', scale } },
  };
  const spec = {
    config: CONFIG,
    width: 480,
    height: { step: 34 },
    data: { values: data },
    layer: layersWithData(data, [
      ...(rule === undefined ? [] : [ruled]),
      {
        needs: 'mean',
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
        encoding: { y, x: x('low'), x2: { field: 'high' }, ...paint },
      },
      { needs: 'mean', mark: { type: 'tick', thickness: 3, size: 22 }, encoding: { y, x: x('mean'), ...paint } },
      {
        needs: 'value',
        mark: { type: 'point', filled: true, size: 40, opacity: 0.75 },
        encoding: { y, x: x('value'), ...paint },
      },
    ]),
  };
  return spec as unknown as TopLevelSpec;
}

function resultsOf(results: readonly TableRow[], { name }: Experiment): TableRow[] {
  return results.filter((row) => row.experiment === name);
}

/** The metric of a figure's experiment. Throws RangeError where none is declared. */
function metricOf({ id, experiment }: ExperimentFigure): Metric {
  if (experiment.metric === undefined)
    throw new RangeError(`figure "${id}": experiment "${experiment.name}" declares no metric`);
  return experiment.metric;
}

/** Labels of the arms with the colors of what they learn from, or undefined where that is not declared for all. */
function paletteOf(rows: readonly TableRow[]): Palette | undefined {
  const sources = rows.map(({ facts }) => [facts.label, sourceOf(facts)] as const);
  if (sources.some(([, source]) => source === undefined)) return undefined;
  return new Map(sources.map(([label, source]) => [label, SOURCES[source!].color]));
}

/** Every arm of an experiment by its metric. */
export function armsFigure(figure: ExperimentFigure): FigureDefinition {
  const { id, experiment, title, caption } = figure;
  const { key, label, unit, digits } = metricOf(figure);
  const axis = `${label}, ${unit}`;
  return define(figure, ({ results, scale }) => {
    const mine = resultsOf(results, experiment);
    if (mine.length === 0) return undefined;
    const arms = groupBy(mine, (row) => row.arm);
    const ordered = inOrder(experiment, arms.keys()).map((arm) => arms.get(arm)![0]!);
    const palette = paletteOf(ordered);
    const points = mine.map((row) => ({ name: row.facts.label, value: numberAt(row, key), seed: row.seed }));
    const summary = [...arms.values()].map((rows): Datum => ({
      name: rows[0]!.facts.label,
      ...intervalOf(rows.map((row) => numberAt(row, key))),
    }));
    const data = [...summary, ...seedPoints(points)];
    return {
      id,
      title,
      alt: `${axis} of each arm. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(digits)} ${unit}`).join('; ')}.`,
      caption: `${caption} ${palette === undefined ? '' : `${COLORS} `}${MARKS}`,
      scale,
      command: commandOf(experiment, scale),
      spec: intervalSpec(
        data,
        ordered.map(({ facts }) => facts.label),
        axis,
        { palette },
      ),
      data,
      runs: runIds(mine),
    };
  });
}

/** A pair of arms and what it is called. */
export type Pair = readonly [first: string, second: string, name: string];

/** Differences between arms, paired by seed. */
export function differenceFigure(figure: ExperimentFigure & { readonly pairs: readonly Pair[] }): FigureDefinition {
  const { id, experiment, title, caption } = figure;
  const { key, label, differenceUnit, digits } = metricOf(figure);
  const axis = `difference in ${label}, ${differenceUnit}`;
  return define(figure, ({ results, scale }) => {
    const mine = resultsOf(results, experiment);
    const pairs = figure.pairs
      .map(([first, second, name]) => ({ name, values: pairedDifferences(mine, first, second, key) }))
      .filter(({ values }) => values.length > 0);
    if (pairs.length === 0) return undefined;
    const summary = pairs.map(({ name, values }): Datum => ({
      name,
      ...intervalOf(values.map(({ difference }) => difference)),
    }));
    const points = pairs.flatMap(({ name, values }) =>
      values.map(({ seed, difference: value }) => ({ name, value, seed })),
    );
    const data = [...summary, ...seedPoints(points)];
    return {
      id,
      title,
      alt: `${axis}, paired by seed. ${summary.map((row) => `${row.name}: ${Number(row.mean).toFixed(digits)}`).join('; ')}.`,
      caption: `${caption} Two arms with the same seed have the same data order and the same wide net. An interval that crosses the dashed zero decides nothing. ${MARKS}`,
      scale,
      command: commandOf(experiment, scale),
      spec: intervalSpec(
        data,
        pairs.map(({ name }) => name),
        axis,
        { rule: 0 },
      ),
      data,
      runs: runIds(mine),
    };
  });
}

const PANELS = { size: 'by parameters, thousands', cost: 'by training cost, TFLOP, the wide net’s included' } as const;

/** Two rows of each arm: its metric by parameters, and by what its training cost. */
function tradeData(rows: readonly TableRow[], key: string): Datum[] {
  return [...groupBy(rows, (row) => row.arm).values()].flatMap((group): Datum[] => {
    const first = group[0]!;
    const common = {
      name: first.facts.label,
      learns: SOURCES[sourceOf(first.facts)!].label,
      ...intervalOf(group.map((row) => numberAt(row, key))),
    };
    const cost = numberAt(first, 'gigaflops') + numberAt(first, 'teacherGigaflops');
    return [
      { panel: PANELS.size, x: numberAt(first, 'parameters') / 1000, ...common },
      { panel: PANELS.cost, x: cost / 1000, ...common },
    ];
  });
}

function tradeSpec(data: readonly Datum[], axis: string): TopLevelSpec {
  const sources = Object.values(SOURCES);
  const domain = sources.map(({ label }) => label);
  const color = {
    field: 'learns',
    type: 'nominal',
    scale: { domain, range: sources.map((source) => source.color) },
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
  };
  return spec as unknown as TopLevelSpec;
}

/** Each arm's metric against its parameters and against what its training cost. */
export function tradeFigure(figure: ExperimentFigure): FigureDefinition {
  const { id, experiment, title, caption } = figure;
  const { key, label, unit } = metricOf(figure);
  const axis = `${label}, ${unit}`;
  return define({ section: 'cost', ...figure }, ({ results, scale }) => {
    const mine = resultsOf(results, experiment).filter(({ facts }) => sourceOf(facts) !== undefined);
    if (mine.length === 0) return undefined;
    const data = tradeData(mine, key);
    return {
      id,
      title,
      alt: `${axis} of each arm against its number of parameters and against the floating-point operations of its training; the table has the values.`,
      caption: `${caption} Means and 95 % t-intervals over the seeds; both x axes logarithmic.`,
      scale,
      command: commandOf(experiment, scale),
      spec: tradeSpec(data, axis),
      data,
      runs: runIds(mine),
    };
  });
}

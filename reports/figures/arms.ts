/** Arms of an experiment on trained networks: each by the experiment's metric, and by paired differences. */
import { commandOf } from '../../experiments/registry.js';
import type { Experiment, Metric } from '../../src/core/experiment.js';
import { pairedDifferences } from '../claims/paired.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, rowsOfExperiment, runIds, type TableRow } from '../data/rows.js';
import {
  byMean,
  define,
  domainOf,
  drawnValues,
  inOrder,
  intervalOf,
  isDrawn,
  layersWithData,
  meanText,
  notDrawn,
  seedPoints,
  tickLegend,
  type Datum,
  type ExperimentFigure,
  type FigureDefinition,
  type FigureSpec,
} from './figure.js';
import { CONFIG, REFERENCE, SOURCES, sourceOf } from './theme.js';

/** Names of the colors of what arms learn from. */
const COLORS = { labels: 'orange', outputs: 'green', layers: 'blue' } as const;
const REFERENCE_LINE = 'Line: the wide net, by its mean.';

/** A color for each label. */
type Palette = ReadonlyMap<string, string>;

/** Pixels of a row of an arm: its name, and its interval below that. */
const ROW = 38;
/** Pixels of the axis of intervals, and of a letter of a name at most. */
const [WIDTH, LETTER] = [440, 7.5];

function channelsOf(palette: Palette | undefined): { y: object; paint: object } {
  const axis = { labels: false, ticks: false, domain: false, grid: false };
  const y = { field: 'name', type: 'nominal', sort: null, title: null, axis };
  if (palette === undefined) return { y, paint: { color: { value: SOURCES.layers.color } } };
  const scale = { domain: [...palette.keys()], range: [...palette.values()] };
  return { y, paint: { color: { field: 'name', type: 'nominal', scale, legend: null } } };
}

/** A layer that vega-lite draws where the rows have the column that it needs. */
type Layer = { readonly needs?: string } & Record<string, unknown>;

/**
 * Names above their intervals, of the rows that have a column; those that a line crosses, at so many pixels, stand out
 * from it.
 */
function nameLayers(order: readonly string[], y: object, lines: readonly number[], column: string): Layer[] {
  const named = (mark: object, filter: readonly object[] = []): Layer => ({
    transform: [{ filter: `isValid(datum.${column})` }, ...filter],
    mark: { type: 'text', align: 'left', fontSize: 12.5, ...mark },
    encoding: { y, x: { value: 0 }, yOffset: { value: -9 }, text: { field: 'name' } },
  });
  const crossed = order.filter((name) => lines.some((at) => at < LETTER * name.length));
  const halo = named({ stroke: 'white', strokeWidth: 4 }, [{ filter: { field: 'name', oneOf: crossed } }]);
  return [...(crossed.length === 0 ? [] : [halo]), named({ color: '#222' })];
}

/** What stands in the axis of intervals beside them. */
interface IntervalAxis {
  readonly title: string;
  readonly proportion: boolean;
  /** A value that is marked, dashed. */
  readonly rule?: number;
  /** The mean of what the others are measured by, with its name. */
  readonly reference?: { readonly at: number; readonly label: string } | undefined;
  readonly palette?: Palette | undefined;
}

/** Horizontal intervals, each below its name, with one point per seed. */
function intervalSpec(
  data: readonly Datum[],
  order: readonly string[],
  { title, proportion, rule, reference, palette }: IntervalAxis,
): FigureSpec {
  const { y, paint } = channelsOf(palette);
  const marked = [rule, reference?.at].filter((value) => value !== undefined);
  const scale = { domain: domainOf([...drawnValues(data), ...marked], proportion), zero: false, nice: false };
  const axis = { tickCount: 6, labelOverlap: 'greedy', labelFlush: false };
  const x = (field: string): object => ({ field, type: 'quantitative', scale, title, axis });
  const line = (at: number, mark: object): Layer => ({
    data: { values: [{ at }] },
    mark: { type: 'rule', ...mark },
    encoding: { x: { field: 'at', type: 'quantitative', scale } },
  });
  const yOffset = { value: 9 };
  const [from, to] = scale.domain;
  const lines = marked.map((at) => (WIDTH * (at - from)) / (to - from));
  const spec = {
    config: CONFIG,
    width: WIDTH,
    height: { step: ROW },
    data: { values: data },
    layer: layersWithData(data, [
      ...(rule === undefined ? [] : [line(rule, { color: '#222', strokeDash: [4, 4] })]),
      ...(reference === undefined ? [] : [line(reference.at, { color: REFERENCE, strokeWidth: 2 })]),
      {
        needs: 'mean',
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.5 },
        encoding: { y, yOffset, x: x('low'), x2: { field: 'high' }, ...paint },
      },
      {
        needs: 'mean',
        mark: { type: 'tick', thickness: 3, size: 14 },
        encoding: { y, yOffset, x: x('mean'), ...paint },
      },
      {
        needs: 'value',
        mark: { type: 'point', filled: true, size: 40, opacity: 0.75 },
        encoding: { y, yOffset, x: x('value'), ...paint },
      },
      // last, as the first layer with rows has all names in their order, and these may not
      ...nameLayers(
        order,
        y,
        lines,
        notDrawn(data.filter(({ seeds }) => seeds !== undefined)) === '' ? 'mean' : 'seeds',
      ),
    ]),
  };
  return spec;
}

/** The metric of a figure's experiment. Throws RangeError where none is declared. */
export function metricOf({ id, experiment }: ExperimentFigure): Metric {
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

/** What the colors of a figure stand for, of those that it has; nothing where all arms have one. */
function colorLegend(palette: Palette | undefined): string {
  const drawn = new Set(palette?.values());
  const said = (['labels', 'outputs', 'layers'] as const)
    .filter((source) => drawn.has(SOURCES[source].color))
    .map((source, i) => `${COLORS[source]} ${i === 0 ? 'learns ' : ''}from ${SOURCES[source].label}`)
    .join(', ');
  return drawn.size < 2 || said === '' ? '' : `${said[0]!.toUpperCase()}${said.slice(1)}.`;
}

/**
 * The label of the arm that most others are variants of, where no single wide net is what they are measured by;
 * undefined where there is none.
 */
function commonBaseline(
  arms: ReadonlyMap<string, readonly TableRow[]>,
  wide: number,
  { baseline = '' }: Experiment,
): string | undefined {
  const rows = arms.get(baseline);
  const facts = [...arms.values()].map(([row]) => row!.facts);
  return wide !== 1 && facts.some((one) => one.baseline === baseline) ? rows?.[0]?.facts.label : undefined;
}

/** Every arm of an experiment by its metric, the best first; what the others are measured by is a line. */
export function armsFigure(figure: ExperimentFigure): FigureDefinition {
  const { id, experiment, title, caption } = figure;
  const { key, label, unit, digits, better, proportion = false } = metricOf(figure);
  const axis = `${label}, ${unit}`;
  return define(figure, ({ results, scale }) => {
    const mine = rowsOfExperiment(results, experiment);
    if (mine.length === 0) return undefined;
    const arms = groupBy(mine, (row) => row.arm);
    const summary = [...arms.values()].map((rows): Datum => ({
      name: rows[0]!.facts.label,
      ...intervalOf(
        rows.map((row) => numberAt(row, key)),
        proportion,
      ),
      ...(rows[0]!.facts.reference === true && { reference: 'yes' }),
    }));
    const sorted = [...summary].sort(byMean(better));
    const wide = sorted.filter((row) => row.reference !== undefined && isDrawn(row));
    const palette = paletteOf(inOrder(experiment, arms.keys()).map((arm) => arms.get(arm)![0]!));
    const points = mine.map((row) => ({ name: row.facts.label, value: numberAt(row, key), seed: row.seed }));
    const seeds = seedPoints(points);
    const data = [...sorted, ...seeds];
    const reference = wide.length === 1 ? { at: Number(wide[0]!.mean), label: String(wide[0]!.name) } : undefined;
    const common = commonBaseline(arms, wide.length, experiment);
    const rule = common === undefined ? undefined : sorted.find((row) => row.name === common && isDrawn(row))?.mean;
    return {
      id,
      title,
      alt: `${axis} of each arm. ${sorted.map((row) => `${row.name}: ${meanText(row, digits)} ${unit}`).join('; ')}.`,
      caption: [
        caption,
        colorLegend(palette),
        tickLegend(seeds, proportion),
        reference === undefined ? '' : REFERENCE_LINE,
        rule === undefined ? '' : `Dashed: “${common}”, by its mean.`,
        notDrawn(sorted),
      ]
        .filter(Boolean)
        .join(' '),
      scale,
      command: commandOf(experiment, scale),
      spec: intervalSpec(
        data,
        sorted.map(({ name }) => String(name)),
        { title: axis, proportion, palette, reference, ...(rule !== undefined && { rule: Number(rule) }) },
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
  const { key, label, differenceUnit, digits, better } = metricOf(figure);
  const axis = `difference in ${label}, ${differenceUnit}`;
  return define(figure, ({ results, scale }) => {
    const mine = rowsOfExperiment(results, experiment);
    const pairs = figure.pairs
      .map(([first, second, name]) => ({ name, values: pairedDifferences(mine, first, second, key) }))
      .filter(({ values }) => values.length > 0);
    if (pairs.length === 0) return undefined;
    const means = pairs.map(({ name, values }): Datum => ({
      name,
      ...intervalOf(values.map(({ difference }) => difference)),
    }));
    const summary = [...means].sort(byMean(better));
    const points = pairs.flatMap(({ name, values }) =>
      values.map(({ seed, difference: value }) => ({ name, value, seed })),
    );
    const seeds = seedPoints(points);
    const data = [...summary, ...seeds];
    return {
      id,
      title,
      alt: `${axis}, paired by seed. ` + `${summary.map((row) => `${row.name}: ${meanText(row, digits)}`).join('; ')}.`,
      caption:
        `${caption} Two arms with the same seed have the same data order and the same wide net. An interval that ` +
        `crosses the dashed zero decides nothing. ${[tickLegend(seeds), notDrawn(summary)].filter(Boolean).join(' ')}`,
      scale,
      command: commandOf(experiment, scale),
      spec: intervalSpec(
        data,
        summary.map(({ name }) => String(name)),
        { title: axis, proportion: false, rule: 0 },
      ),
      data,
      runs: runIds(mine),
    };
  });
}

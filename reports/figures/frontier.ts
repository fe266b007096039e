/** The frontier: accuracy against what it cost, counted in three ways. */
import type { TopLevelSpec } from 'vega-lite';
import { FRONTIERS, type Frontier } from '../../experiments/frontier.js';
import { bootstrapInterval, mean } from '../../src/core/stats.js';
import { COSTS, frontierPoints, frontierRows, type CostName, type FrontierPoint } from '../data/frontier.js';
import { groupBy, runIds } from '../data/rows.js';
import type { Datum, FigureDefinition } from './figure.js';
import { shadesOf } from './shades.js';
import { CONFIG } from './theme.js';

const AXIS = 'test accuracy, %';

/** Mean and interval of one way of training with one budget, at its cost in one way of counting. */
function datumOf(group: readonly FrontierPoint[], cost: CostName): Datum {
  const values = group.map(({ accuracy }) => accuracy);
  const { label, budget } = group[0]!;
  // percentages near 100 are far from normal, and a t-interval would pass 100
  const { low, high } = bootstrapInterval(values);
  const x = group[0]!.cost[cost];
  return { panel: COSTS[cost], series: label, budget, x, mean: mean(values), low, high, seeds: values.length };
}

function dataOf(points: readonly FrontierPoint[]): Datum[] {
  const arms = [...groupBy(points, ({ training, budget }) => `${training} ${budget}`).values()];
  return (Object.keys(COSTS) as CostName[]).flatMap((cost) =>
    arms.filter((group) => Number.isFinite(group[0]!.cost[cost])).map((group) => datumOf(group, cost)),
  );
}

function specOf(data: readonly Datum[], palette: ReadonlyMap<string, string>): TopLevelSpec {
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: [...palette.keys()], range: [...palette.values()] },
    title: null,
    legend: { columns: 4 },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 10 },
    title: 'GFLOP',
    axis: { grid: false, format: '~g', labelOverlap: true },
  };
  const y = (field: string): object => ({ field, type: 'quantitative', scale: { zero: false }, title: AXIS });
  return {
    config: CONFIG,
    data: { values: data },
    facet: {
      column: {
        field: 'panel',
        type: 'nominal',
        sort: Object.values(COSTS),
        title: null,
        header: { labelLimit: 260, labelFontSize: 11 },
      },
    },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 240,
      height: 260,
      encoding: { x, color },
      layer: [
        { mark: { type: 'rule', strokeWidth: 2, opacity: 0.4 }, encoding: { y: y('low'), y2: { field: 'high' } } },
        { mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
      ],
    },
  } as unknown as TopLevelSpec;
}

function frontierFigure(frontier: Frontier): FigureDefinition {
  const { name, of, title, baseSteps, experiment } = frontier;
  return {
    id: name,
    section: experiment.group,
    draw: ({ results, scale }) => {
      const points = frontierPoints(frontier, results);
      if (points.length === 0) return undefined;
      const rows = frontierRows(frontier, results);
      const data = dataOf(points);
      const palette = shadesOf(
        experiment,
        rows.filter(({ facts }) => facts.factors !== undefined),
      );
      return {
        id: name,
        title,
        alt: `${AXIS} of each way of training against its cost in three panels: ${Object.values(COSTS).join('; ')}. The table has the values.`,
        caption: `The nets of ${of.name}, the thin one trained for 1, 2, 4, … times ${baseSteps} steps; every arm tuned, its rate that of the nearest tuned budget. One point for each budget: mean over the seeds with its 95 % bootstrap interval. Floating-point operations, logarithmic; the wide net’s own line has no teacher.`,
        scale,
        command: `gowide frontier ${of.name} --scale ${scale}`,
        spec: specOf(data, palette),
        data,
        runs: runIds(rows),
      };
    },
  };
}

/** The figure of every frontier. */
export const FRONTIER_FIGURES: readonly FigureDefinition[] = Object.values(FRONTIERS).map(frontierFigure);

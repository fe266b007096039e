/** The frontier: accuracy against what it cost, counted in three ways. */
import { keyOf, type Frontier } from '../../experiments/frontier.js';
import { FRONTIERS } from '../../experiments/frontiers.js';
import { bootstrapInterval, mean } from '../../src/core/stats.js';
import {
  byTrainingAndBudget,
  COSTS,
  frontierPoints,
  frontierRows,
  type CostName,
  type FrontierPoint,
} from '../data/frontier.js';
import { shownInterval } from '../data/interval.js';
import { runIds } from '../data/rows.js';
import {
  domainOf,
  drawnValues,
  isDrawn,
  type Datum,
  type Draw,
  type FigureDefinition,
  type FigureSpec,
} from './figure.js';
import { ofClaim, together } from './finding.js';
import { shadesOf } from './shades.js';
import { CONFIG } from './theme.js';

const AXIS = 'test accuracy, %';

/** Mean and interval of one way of training with one budget, at its cost in one way of counting. */
function datumOf(group: readonly FrontierPoint[], cost: CostName): Datum {
  const values = group.map(({ accuracy }) => accuracy);
  const { label, budget } = group[0]!;
  // percentages near 100 are far from normal, and a t-interval would pass 100
  const { low, high } = shownInterval(values, bootstrapInterval);
  const x = group[0]!.cost[cost];
  return { panel: COSTS[cost], series: label, budget, x, mean: mean(values), low, high, seeds: values.length };
}

function dataOf(points: readonly FrontierPoint[], costs: readonly CostName[]): Datum[] {
  const arms = byTrainingAndBudget(points);
  return costs.flatMap((cost) =>
    arms
      .filter((group) => Number.isFinite(group[0]!.cost[cost]))
      .map((group) => datumOf(group, cost))
      .filter(isDrawn),
  );
}

function specOf(
  data: readonly Datum[],
  palette: ReadonlyMap<string, string>,
  [width, height]: readonly [number, number],
): FigureSpec {
  const domain = domainOf(drawnValues(data), true);
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
    axis: { grid: false, format: '~s', labelOverlap: 'greedy', tickCount: 4 },
  };
  const y = (field: string): object => ({
    field,
    type: 'quantitative',
    scale: { domain, zero: false, nice: false },
    title: AXIS,
  });
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
      width,
      height,
      encoding: { x, color },
      layer: [
        { mark: { type: 'rule', strokeWidth: 2, opacity: 0.4 }, encoding: { y: y('low'), y2: { field: 'high' } } },
        { mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
      ],
    },
  };
}

/** What a figure of a frontier shows of it. */
interface FrontierView {
  readonly id: string;
  readonly costs: readonly CostName[];
  readonly size: readonly [number, number];
}

/** Draws accuracy against each of some costs, a panel each. */
export function drawFrontier(frontier: Frontier, { id, costs, size }: FrontierView): Draw {
  const { of, title, baseSteps, experiment } = frontier;
  return ({ results, scale }) => {
    const points = frontierPoints(frontier, results);
    if (points.length === 0) return undefined;
    const rows = frontierRows(frontier, results);
    const data = dataOf(points, costs);
    const palette = shadesOf(
      experiment,
      rows.filter(({ facts }) => facts.factors !== undefined),
    );
    return {
      id,
      title,
      alt:
        `${AXIS} of each way of training against its cost: ${costs.map((cost) => COSTS[cost]).join('; ')}. The table ` +
        'has the values.',
      caption:
        `The nets of ${of.name}, the thin one trained for 1, 2, 4, … times ${baseSteps} steps; every arm tuned, its ` +
        'rate that of the nearest tuned budget. One point for each budget: mean over the seeds with its 95 % ' +
        'bootstrap interval. Floating-point operations, logarithmic; the wide net’s own line has no teacher.',
      scale,
      command: `gowide frontier ${keyOf(frontier)} --scale ${scale}`,
      spec: specOf(data, palette, size),
      data,
      runs: runIds(rows),
    };
  };
}

function frontierFigure(frontier: Frontier): FigureDefinition {
  const { name, experiment } = frontier;
  const words = (cost: string): Parameters<typeof ofClaim>[1] => ({
    supported: `Three stages beat direct training at equal ${cost}`,
    'not supported': `Direct training beats three stages at equal ${cost}`,
    inconclusive: `At equal ${cost} neither wins for certain`,
  });
  return {
    id: name,
    section: experiment.group,
    experiment: experiment.name,
    finding: together(
      ofClaim(`${name}-existing-cost`, words('cost with a wide net that exists')),
      ofClaim(`${name}-total-cost`, words('total cost')),
    ),
    draw: drawFrontier(frontier, { id: name, costs: Object.keys(COSTS) as CostName[], size: [240, 260] }),
  };
}

/** The figure of every frontier whose claims are declared: a figure's title says what they found. */
export const FRONTIER_FIGURES: readonly FigureDefinition[] = Object.values(FRONTIERS)
  .filter(({ claims }) => claims !== undefined)
  .map(frontierFigure);

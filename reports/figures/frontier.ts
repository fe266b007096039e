/** The frontier: accuracy against what it cost, counted in three ways. */
import { keyOf, WIDE, type Frontier } from '../../experiments/frontier.js';
import {
  byTrainingAndBudget,
  COSTS,
  frontierPoints,
  frontierRows,
  type CostName,
  type FrontierPoint,
} from '../data/frontier.js';
import { groupBy } from '../../src/core/group.js';
import { listOf } from '../claims/verdict.js';
import { runIds } from '../data/rows.js';
import {
  domainOf,
  drawnValues,
  intervalOf,
  intervalWords,
  isDrawn,
  layersWithData,
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
  const { label, budget } = group[0]!;
  const x = group[0]!.cost[cost];
  const interval = intervalOf(
    group.map(({ accuracy }) => accuracy),
    true,
  );
  return { panel: COSTS[cost], series: label, budget, x, ...interval };
}

/** Costs of arms that a wide net teaches lie by less than this factor apart where its training is most of each, */
const CLOSE = 2;
/** but for a few: the longest training may have a longer wide net. */
const MOST = 0.85;

/**
 * Where a panel begins in which the arms that a wide net teaches would stand in one upright line on an axis of decades:
 * at its training, which all of them pay for. Undefined for a panel in which they lie apart.
 */
function startOf(points: readonly FrontierPoint[], cost: CostName): number | undefined {
  const trained = points.map((point) => point.cost.total - point.cost.existing).filter((training) => training > 0);
  const taught = points.filter((point) => point.cost.total > point.cost.existing).map((point) => point.cost[cost]);
  if (cost !== 'total' || taught.length === 0) return undefined;
  const close = taught.filter((one) => one < CLOSE * Math.min(...taught));
  return close.length >= MOST * taught.length ? Math.min(...trained) : undefined;
}

/** The rows of one panel; what ends before its start is a level line, at the accuracy of its longest run. */
function panelRows(data: readonly Datum[], start: number | undefined): Datum[] {
  if (start === undefined) return [...data];
  // the wide net's own run may be what the others pay for, but for a rounding
  const within = data.filter(({ x }) => Number(x) >= 0.999 * start);
  const end = Math.max(...within.map(({ x }) => Number(x)));
  const shown = new Set(within.map(({ series }) => series));
  const before = groupBy(
    data.filter(({ series }) => !shown.has(series!)),
    ({ series }) => series!,
  );
  const levels = [...before.values()].flatMap((list) => {
    const { panel, series, budget, mean } = list.reduce((last, datum) => (datum.x! > last.x! ? datum : last));
    return [start, end].map((x): Datum => ({ panel: panel!, series: series!, budget: budget!, x, level: mean! }));
  });
  return [...within, ...levels];
}

function dataOf(points: readonly FrontierPoint[], costs: readonly CostName[]): Datum[] {
  const arms = byTrainingAndBudget(points);
  return costs.flatMap((cost) => {
    const counted = arms.filter((group) => Number.isFinite(group[0]!.cost[cost]));
    return panelRows(counted.map((group) => datumOf(group, cost)).filter(isDrawn), startOf(counted.flat(), cost));
  });
}

/**
 * Labels of costs. A logarithmic axis leaves some of its ticks without one, all of them where it has less than a
 * decade: those of the panel that begins late are written here.
 */
function labelsOf(data: readonly Datum[]): object {
  const late = data.find(({ level }) => level !== undefined)?.panel;
  const xs = data.filter(({ panel }) => panel === late).map(({ x }) => Number(x));
  if (late === undefined) return {};
  const within = `datum.value >= ${Math.min(...xs)} && datum.value <= ${Math.max(...xs)}`;
  return { labelExpr: `datum.label === '' && ${within} ? format(datum.value, '.3~s') : datum.label` };
}

function specOf(
  data: readonly Datum[],
  palette: ReadonlyMap<string, string>,
  { size: [width, height], columns = 4 }: Pick<FrontierView, 'size' | 'columns'>,
): FigureSpec {
  const domain = domainOf(drawnValues(data), true);
  const color = {
    field: 'series',
    type: 'nominal',
    scale: { domain: [...palette.keys()], range: [...palette.values()] },
    title: null,
    legend: { columns },
  };
  const x = {
    field: 'x',
    type: 'quantitative',
    scale: { type: 'log', nice: false, padding: 10 },
    title: 'GFLOP',
    axis: { grid: false, format: '~s', labelOverlap: 'greedy', tickCount: 4, ...labelsOf(data) },
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
      layer: layersWithData(data, [
        {
          needs: 'mean',
          mark: { type: 'rule', strokeWidth: 2, opacity: 0.4 },
          encoding: { y: y('low'), y2: { field: 'high' } },
        },
        { needs: 'mean', mark: { type: 'line', point: { size: 36 } }, encoding: { y: y('mean') } },
        { needs: 'level', mark: { type: 'line', strokeDash: [5, 4] }, encoding: { y: y('level') } },
      ]),
    },
  };
}

/** For how many steps the nets were trained, and where the longest budgets have fewer ways of training than others. */
function lengthsSaid(points: readonly FrontierPoint[], baseSteps: number): string {
  const budgetsOf = (some: readonly FrontierPoint[]): number[] =>
    [...new Set(some.map(({ budget }) => budget))].sort((a, b) => a - b);
  const thin = points.filter(({ training }) => training !== WIDE);
  if (thin.length === 0) return `the wide one trained for ${listOf(budgetsOf(points))} times ${baseSteps} steps.`;
  const budgets = budgetsOf(thin);
  const longer = budgetsOf(points).filter((budget) => budget > Math.max(...budgets));
  return (
    `the thin one trained for ${listOf(budgets)} times ${baseSteps} steps` +
    `${longer.length > 0 ? `, the wide one for ${listOf(longer)} times as many, too` : ''}; every arm tuned, its rate ` +
    `that of the nearest tuned budget.${leftToFew(thin)}`
  );
}

function leftToFew(points: readonly FrontierPoint[]): string {
  const ways = new Map([...groupBy(points, ({ budget }) => budget)].map(([budget, at]) => [budget, waysIn(at)]));
  const all = waysIn(points);
  const whole = Math.max(...[...ways].filter(([, at]) => at === all).map(([budget]) => budget));
  const few = Math.max(0, ...[...ways].filter(([budget]) => budget > whole).map(([, at]) => at));
  return Number.isFinite(whole) && few > 0
    ? ` ${few} of the ${all} ways ${few === 1 ? 'has' : 'have'} more than ${whole} times.`
    : '';
}

function waysIn(points: readonly FrontierPoint[]): number {
  return new Set(points.map(({ training }) => training)).size;
}

/** What a figure of a frontier shows of it. */
interface FrontierView {
  readonly id: string;
  readonly costs: readonly CostName[];
  /** Width and height of a panel in pixels. */
  readonly size: readonly [number, number];
  /** Columns of the key. */
  readonly columns?: number;
  /** What stands below it in place of all that there is to say. */
  readonly caption?: string;
}

/** Draws accuracy against each of some costs, a panel each. */
export function drawFrontier(frontier: Frontier, { id, costs, caption, ...view }: FrontierView): Draw {
  const { of, title, nets = `The nets of ${of.name}`, baseSteps, experiment } = frontier;
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
        caption ??
        `${nets}, ${lengthsSaid(points, baseSteps)} One point for each budget: mean and ` +
          `${intervalWords(true)} over the seeds. Floating-point operations, logarithmic; the wide net’s own line ` +
          'has no teacher.' +
          (data.some(({ level }) => level !== undefined)
            ? ' The last panel begins where the wide net’s training is paid for; dashed: ways of training whose longest ' +
              'run has cost less than that, at its accuracy.'
            : ''),
      scale,
      command: `gowide frontier ${keyOf(frontier)} --scale ${scale}`,
      spec: specOf(data, palette, view),
      data,
      runs: runIds(rows),
    };
  };
}

/** The figure of a frontier: accuracy against each count of the cost. */
export function frontierFigure(frontier: Frontier): FigureDefinition {
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
    draw: drawFrontier(frontier, { id: name, costs: Object.keys(COSTS) as CostName[], size: [230, 260] }),
  };
}

/** What three stages add by depth and length of training, from wide nets that are trained for long. */
import { depth, limit } from '../../experiments/theory.js';
import { gainRows, longGains, PLAIN_FRONTIERS } from '../data/depth-gains.js';
import { rowsOfExperiment, runIds } from '../data/rows.js';
import { gainData, gainSpec, theoryRatios, type GainSeries } from './depth-gains.js';
import { summarize, type Draw, type FigureDefinition } from './figure.js';
import { ofClaim, together } from './finding.js';

/** Budgets by their colors, from the fewest steps to the most. */
const BUDGETS: ReadonlyMap<number, string> = new Map([
  [1, '#E69F00'],
  [4, '#D55E00'],
  [16, '#CC79A7'],
  [64, '#56B4E9'],
  [256, '#0072B2'],
]);

const PARTICLES = 'particle nets (theory)';
const INFINITE = 'infinite width (theory)';

const frontiers = [...PLAIN_FRONTIERS.values()];
/** The deepest nets, of which the claims below the figure are. */
const deepest = frontiers.at(-1)!;

function nameOf(budget: number): string {
  return `${(budget * deepest.baseSteps).toLocaleString('en-US')} steps`;
}

const LINES: readonly GainSeries[] = [
  ...[...BUDGETS].map(([budget, color]) => ({ series: nameOf(budget), color, dash: [1, 0] })),
  { series: PARTICLES, color: '#222222', dash: [1, 0] },
  { series: INFINITE, color: '#222222', dash: [2, 2] },
];

const draw: Draw = ({ rows, results, scale }) => {
  const gains = [...BUDGETS.keys()].flatMap((budget) =>
    longGains(results, budget).map(({ depth: x, gain: y }) => ({ x, y, series: nameOf(budget) })),
  );
  if (gains.length === 0) return undefined;
  const { particles, infinite } = theoryRatios(rows, false);
  const theory = [
    ...summarize(particles.map((point) => ({ ...point, series: PARTICLES }))),
    ...summarize(infinite.map((point) => ({ ...point, series: INFINITE }))),
  ];
  const data = gainData(summarize(gains, 'linear'), theory);
  const drawn = new Set(data.map(({ series }) => series));
  const read = frontiers.flatMap((frontier) =>
    [...BUDGETS.keys()].flatMap((budget) => gainRows(results, frontier, budget)),
  );
  return {
    id: 'depth-long',
    title: 'What three stages add by depth, from a wide net that is trained for long',
    alt:
      'Left: points of test accuracy that three stages add over the best rival without imitation, against depth, in ' +
      'plain nets, one line for each number of steps. Right: the theory’s distance to the wide net after direct ' +
      'training over that after imitation, against depth.',
    caption:
      'Left: plain tanh nets on the digits, 16 channels wide, each depth’s wide net trained for 9,600 steps; three ' +
      'stages less that of direct training, KD and selected channels + KL which validation puts first at each depth ' +
      'and number of thin steps; each way at its own rate; means and 95 % t-intervals over the seeds. Right: particle ' +
      'nets of the theory without skip connections, and their limits of infinite width where these were computed; ' +
      'geometric means and intervals over the seeds. Above the line imitation is better.',
    scale,
    command: `gowide frontier ${deepest.key} --scale ${scale}`,
    spec: gainSpec(
      data,
      LINES.filter(({ series }) => drawn.has(series)),
    ),
    data,
    runs: runIds([...read, ...[depth, limit].flatMap((experiment) => rowsOfExperiment(rows, experiment))]),
  };
};

/** The figure of the gain by depth and length of training. */
export const DEPTH_LONG_FIGURE: FigureDefinition = {
  id: 'depth-long',
  section: deepest.experiment.group,
  experiment: deepest.experiment.name,
  reads: [...frontiers.slice(0, -1).map(({ name }) => name), depth.name, limit.name],
  finding: together(
    ofClaim('depth-long-teacher', {
      supported: 'From a wide net of 9,600 steps what three stages add after 300 grows with depth',
      'not supported': 'From a wide net of 9,600 steps what three stages add after 300 does not grow with depth',
      inconclusive: 'From a wide net of 9,600 steps it is open whether what three stages add grows with depth',
    }),
    ofClaim('depth-long-training', {
      supported: 'After 4,800 it still does',
      'not supported': 'After 4,800 it does not',
      inconclusive: 'After 4,800 it is open',
    }),
  ),
  draw,
};

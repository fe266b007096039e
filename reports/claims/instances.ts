/** Claims about the instances whose law is known, about the search for others, and about newer rates. */
import { generic, residual, saddle, tanhSaddle } from '../../experiments/theory.js';
import { fitLine, powerLaw, tInterval } from '../../src/core/stats.js';
import { groupBy, numberAt, type TableRow } from '../data/rows.js';
import { within, type Outcome } from './verdict.js';
import { byInterval, curves, explosion, perSeed, rowsOf, stableRows, type Claim } from './claim.js';

const saddleSlope = (key: string, group: readonly TableRow[]): number =>
  fitLine(
    group.map((row) => numberAt(row, 'depth')),
    group.map((row) => Math.log(numberAt(row, key) / Math.sqrt(numberAt(row, 'depth')))),
  ).slope;

const saddleDirect: Claim = {
  id: 'saddle-direct',
  statement:
    'There is an initial law (instance B1: all block Lipschitz constants 1) under which direct training’s discrepancy grows exponentially with depth, at the rate of its closed form.',
  source: 'this project (theory/instances/saddle.ts); the paper’s bound would allow even more',
  rule: 'Ratio of the measured growth of log(√m D/√L) per layer to the closed form’s, one fit per seed, 95 % t-interval: supported inside [0.95, 1.05], not supported outside, else inconclusive.',
  experiment: saddle,
  arms: ['B1'],
  rows: rowsOf(saddle, 'B1'),
  judge: byInterval(
    (rows) => tInterval(perSeed(rows, (group) => saddleSlope('direct', group) / saddleSlope('directTheory', group))),
    (interval) => within(interval, 0.95, 1.05),
  ),
};

const saddleImitation: Claim = {
  id: 'saddle-imitation',
  statement: 'In the same instance, the telescoped sum under imitation grows linearly with depth.',
  source: 'paper, Theorem on layerwise imitation; closed form of this project',
  rule: 'Exponent of √m sum h_l against L, one fit per seed, 95 % t-interval: supported inside [0.9, 1.1], not supported outside, else inconclusive.',
  experiment: saddle,
  arms: ['B1'],
  rows: rowsOf(saddle, 'B1'),
  judge: byInterval(
    (rows) => powerLaw(curves(rows, 'depth', 'telescoped')),
    (interval) => within(interval, 0.9, 1.1),
  ),
};

/** Depths at which the growth of instance B stands clear of the scatter of its start. */
const B_FROM = 7;
const B_SKIP = 1.3;

const saddleGrowth = (row: TableRow, key: string): number =>
  Math.log(numberAt(row, key) / (B_SKIP ** (numberAt(row, 'depth') - 1) * Math.sqrt(numberAt(row, 'depth'))));
const total = (group: readonly TableRow[], value: (row: TableRow) => number): number =>
  group.reduce((sum, row) => sum + value(row), 0);

const doubleExponential: Claim = {
  id: 'saddle-double-exponential',
  statement:
    'There is an initial law (instance B, skip g = 1.3) under which direct training’s discrepancy grows double-exponentially with depth, as its closed form says: log D grows as (2L − 3) g^(2L−2).',
  source: 'this project (theory/instances/saddle.ts); the paper’s bound on backpropagation, attained',
  rule: `Sum over depths from ${B_FROM} of log(√m D / (g^(L−1) √L)), over the same of the closed form, one ratio per seed, 95 % t-interval: supported inside [0.95, 1.05], not supported outside, else inconclusive.`,
  experiment: saddle,
  arms: ['B'],
  rows: (input) => rowsOf(saddle, 'B')(input).filter((row) => numberAt(row, 'depth') >= B_FROM),
  judge: byInterval(
    (rows) =>
      tInterval(
        perSeed(
          rows,
          (group) =>
            total(group, (row) => saddleGrowth(row, 'direct')) /
            total(group, (row) => saddleGrowth(row, 'directTheory')),
        ),
      ),
    (interval) => within(interval, 0.95, 1.05),
  ),
};

const tanhSaddleGrowth: Claim = {
  id: 'tanh-saddle-growth',
  statement:
    'Tanh particles near the symmetric saddle (instance C), moved one by one, grow with depth as the linearised flow says, before they saturate.',
  source: 'this project (theory/instances/tanh-saddle.ts)',
  rule: 'Sum of the measured log growth over that of the linearised one, over the depths where the latter is below 1, one ratio per seed, 95 % t-interval: supported inside [0.9, 1.1], not supported outside, else inconclusive.',
  experiment: tanhSaddle,
  rows: (input) => rowsOf(tanhSaddle)(input).filter((row) => numberAt(row, 'linearised') < 1),
  judge: byInterval(
    (rows) =>
      tInterval(
        perSeed(
          rows,
          (group) =>
            total(group, (row) => numberAt(row, 'growth')) / total(group, (row) => numberAt(row, 'linearised')),
        ),
      ),
    (interval) => within(interval, 0.9, 1.1),
  ),
};

/** The search: a find is a family whose log growth rises with depth and bends upwards. */
const genericSearch: Claim = {
  id: 'generic-search',
  statement:
    'Some generic (not symmetric) initial law makes direct training’s discrepancy grow faster than exponentially with depth.',
  source: 'this project’s search over families of laws and targets (experiments/theory.ts)',
  rule: 'For each family: growth of log(D(T)/D(0)) per layer over the deeper half of the depths, and how much steeper the second part of that half is than the first, without depths at which the loss rises; 95 % t-intervals over seeds. A family with both above 0 is a find: supported. Every family with either below 0: not supported. Else inconclusive.',
  experiment: generic,
  rows: rowsOf(generic),
  judge: (rows) => {
    const families = [...groupBy(rows, (row) => row.arm)].map(([family, group]) => {
      return {
        family,
        ...explosion(curves(stableRows(group, 'depth').kept, 'depth', 'growth').map(({ x, y }) => ({ x, logs: y }))),
      };
    });
    const finds = families.filter(({ outcome }) => outcome === 'supported');
    const open = families.filter(({ outcome }) => outcome === 'inconclusive');
    const told = (list: typeof families): string =>
      list.map(({ family, evidence }) => `${family}: ${evidence.replace('; ', ', ')}`).join('; ');
    const outcome: Outcome = finds.length > 0 ? 'supported' : open.length === 0 ? 'not supported' : 'inconclusive';
    return {
      outcome,
      evidence: `${families.length} families, ${finds.length} finds, ${open.length} undecided${finds.length + open.length > 0 ? `: ${told([...finds, ...open])}` : ''}`,
    };
  },
};

/** The published constants of the hidden error. */
function residualConstant(id: string, key: string, published: number, term: string): Claim {
  return {
    id,
    statement: `In deep residual nets at scale 1/(L M), the hidden error has a term ${term} with the published constant ${published}.`,
    source: 'arXiv 2603.18168 (fit at D, M up to 2000); arXiv 2509.10167',
    rule: `Our fit’s constant, one per seed, 95 % t-interval: supported when it holds ${published} and is no wider than a factor of 4 from end to end, not supported when it lies apart, else inconclusive.`,
    experiment: residual,
    rows: (input) => rowsOf(residual)(input).filter((row) => row.values.row === 'fit'),
    judge: byInterval(
      (rows) => tInterval(rows.map((row) => numberAt(row, key))),
      ({ low, high, n }) =>
        n < 3
          ? 'inconclusive'
          : high < published || low > published
            ? 'not supported'
            : low > 0 && high / low <= 4
              ? 'supported'
              : 'inconclusive',
    ),
  };
}

/** The claims about instances, in the order of the page. */
export const INSTANCE_CLAIMS: readonly Claim[] = [
  saddleDirect,
  saddleImitation,
  doubleExponential,
  tanhSaddleGrowth,
  genericSearch,
  residualConstant('residual-sampling', 'hiddenSampling', 0.8, 'a √(D/(L M))'),
  residualConstant('residual-embedding', 'hiddenEmbedding', 2.5, 'b/√D'),
];

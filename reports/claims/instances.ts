/** Claims about the instances whose law is known, about the search for others, and about newer rates. */
import { generic, residual, residualDepth, saddle, tanhSaddle } from '../../experiments/theory.js';
import { fitLine, mean, powerLaw, tInterval } from '../../src/core/stats.js';
import { DEPTH_BEND, DEPTH_GROWTH } from '../../theory/studies/depth.js';
import { EQUIVALENT, publishedBand, PUBLISHED, type PublishedConstant } from '../../theory/studies/residual.js';
import { RESIDUAL_DEPTH } from '../../theory/studies/residual-depth.js';
import { bandWords, LEVEL } from '../../theory/studies/rule.js';
import { SADDLE_GROWTH, SADDLE_SUM } from '../../theory/studies/saddle.js';
import { LINEAR_BELOW, TANH_GROWTH } from '../../theory/studies/tanh-saddle.js';
import { groupBy } from '../../src/core/group.js';
import { numberAt, type TableRow } from '../data/rows.js';
import { rowsOf, type Claim } from './claim.js';
import { QUESTIONS } from './questions.js';
import {
  bandText,
  byBand,
  byInterval,
  CHANCE,
  curves,
  explosion,
  laterExponent,
  perSeed,
  stableRows,
  type Judge,
} from './rules.js';
import { ABSTRACT } from './sources.js';
import { formatNumber, within, type Outcome } from './verdict.js';

const saddleSlope = (key: string, group: readonly TableRow[]): number =>
  fitLine(
    group.map((row) => numberAt(row, 'depth')),
    group.map((row) => Math.log(numberAt(row, key) / Math.sqrt(numberAt(row, 'depth')))),
  ).slope;

/** A judgement of the linear regime, with what real particles have of the law, depth by depth, in its evidence. */
function besideParticles(judge: Judge): Judge {
  return (rows) => {
    const judgement = judge(rows);
    const shares = [...groupBy(rows, (row) => numberAt(row, 'depth')).entries()].map(([depth, group]) => {
      const share = (row: TableRow): number => numberAt(row, 'directParticles') / numberAt(row, 'directTheory');
      return `${formatNumber(mean(group.map(share)), 2)} at L = ${depth}`;
    });
    return { ...judgement, evidence: `${judgement.evidence}; D of real particles over the law: ${shares.join(', ')}` };
  };
}

const LINEAR = 'in the linear regime (means of 10¹² particles, drawn exactly; real particles saturate)';
const OWN_BOUND = 'the paper’s theorem was not read; this project’s bound (theory/bounds/gronwall.ts)';

const saddleDirect: Claim = {
  id: 'saddle-direct',
  statement:
    'There is an initial law (instance B1: all block Lipschitz constants 1) under which direct training’s ' +
    `discrepancy grows exponentially with depth, at the rate of its closed form, ${LINEAR}.`,
  source: `this project (theory/instances/saddle.ts); ${OWN_BOUND} would allow even more`,
  question: 'A special law exists whose D under direct training grows exponentially with depth',
  rule:
    `${bandText(SADDLE_GROWTH)} Growth: of log(√m D/√L) per layer, one fit for each seed. The closed form is the ` +
    'flow’s linearization, so that this tests the simulator and the regime, and real particles stand beside it.',
  experiment: saddle,
  arms: ['B1'],
  rows: rowsOf(saddle, 'B1'),
  judge: besideParticles(
    byBand(SADDLE_GROWTH, (rows) =>
      perSeed(rows, (group) => saddleSlope('direct', group) / saddleSlope('directTheory', group)),
    ),
  ),
};

const saddleImitation: Claim = {
  id: 'saddle-imitation',
  statement: 'In the same instance, the telescoped sum under imitation grows linearly with depth.',
  source: `${ABSTRACT.imitation}; closed form of this project`,
  question: QUESTIONS.telescopedDepth,
  kind: 'paper',
  rule: bandText(SADDLE_SUM),
  experiment: saddle,
  arms: ['B1'],
  rows: rowsOf(saddle, 'B1'),
  judge: byInterval(
    (rows) => powerLaw(curves(rows, 'depth', 'telescoped')),
    (interval) => within(interval, SADDLE_SUM.from, SADDLE_SUM.to),
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
    'There is an initial law (instance B, skip g = 1.3) under which direct training’s discrepancy grows ' +
    `double-exponentially with depth, as its closed form says, ${LINEAR}: log D grows as (2L − 3) g^(2L−2).`,
  source: `this project (theory/instances/saddle.ts), at a rate of the form exp(T L g^(2L)); ${OWN_BOUND} has that form`,
  question: 'A special law exists whose D grows double-exponentially with depth',
  rule:
    `${bandText(SADDLE_GROWTH)} Growth: sum over depths from ${B_FROM} of log(√m D / (g^(L−1) √L)). The closed form ` +
    'is the flow’s linearization; real particles stand beside it.',
  experiment: saddle,
  arms: ['B'],
  rows: (input) => rowsOf(saddle, 'B')(input).filter((row) => numberAt(row, 'depth') >= B_FROM),
  judge: besideParticles(
    byBand(SADDLE_GROWTH, (rows) =>
      perSeed(
        rows,
        (group) =>
          total(group, (row) => saddleGrowth(row, 'direct')) / total(group, (row) => saddleGrowth(row, 'directTheory')),
      ),
    ),
  ),
};

const tanhSaddleGrowth: Claim = {
  id: 'tanh-saddle-growth',
  statement:
    'Tanh particles near the symmetric saddle (instance C), moved one by one, grow with depth as the linearized ' +
    'flow says, before they saturate.',
  source: 'this project (theory/instances/tanh-saddle.ts)',
  question: 'Tanh particles near the saddle grow as the linearized flow says',
  rule: `${bandText(TANH_GROWTH)} Sums over the depths where the linearized growth is below ${LINEAR_BELOW}.`,
  experiment: tanhSaddle,
  rows: (input) => rowsOf(tanhSaddle)(input).filter((row) => numberAt(row, 'linearised') < LINEAR_BELOW),
  judge: byBand(TANH_GROWTH, (rows) =>
    perSeed(
      rows,
      (group) => total(group, (row) => numberAt(row, 'growth')) / total(group, (row) => numberAt(row, 'linearised')),
    ),
  ),
};

/** The search: a find is a family whose log growth rises with depth and bends upwards, at the level of all families. */
const genericSearch: Claim = {
  id: 'generic-search',
  statement:
    'Some generic (not symmetric) initial law makes direct training’s discrepancy grow faster than ' +
    'exponentially with depth.',
  source: 'this project’s search over families of laws and targets (experiments/theory.ts)',
  question: 'Some generic law makes D grow faster than exponentially with depth',
  rule:
    `For each family, without depths at which the loss rises: ${DEPTH_GROWTH.statistic}, and ` +
    `${DEPTH_BEND.statistic}; t-intervals over seeds. A family with both above 0, at 95 % over all k families ` +
    'together (intervals at 1 − 0.05/k), is a find: supported. Every family with either below 0 at 95 %: not ' +
    'supported. Else inconclusive. Growth that is purely exponential has no bend, and gives a false find in at most ' +
    `${Number((100 * CHANCE).toFixed(2))} % of searches.`,
  experiment: generic,
  rows: rowsOf(generic),
  judge: (rows) => {
    const arms = [...groupBy(rows, (row) => row.arm)];
    const families = arms.map(([family, group]) => {
      const { kept, note } = stableRows(group, 'depth');
      const bySeed = curves(kept, 'depth', 'growth');
      const { outcome, evidence, p = 1 } = explosion(bySeed);
      const found = outcome === 'supported' && arms.length * p < 1 - LEVEL;
      return {
        family,
        p,
        outcome: outcome === 'supported' && !found ? 'inconclusive' : outcome,
        evidence: `${evidence}${note}`,
      };
    });
    const finds = families.filter(({ outcome }) => outcome === 'supported');
    const open = families.filter(({ outcome }) => outcome === 'inconclusive');
    const told = (list: typeof families): string =>
      list.map(({ family, evidence }) => `${family}: ${evidence.replaceAll('; ', ', ')}`).join('; ');
    const outcome: Outcome = finds.length > 0 ? 'supported' : open.length === 0 ? 'not supported' : 'inconclusive';
    const p =
      finds.length > 0
        ? arms.length * Math.min(...finds.map((one) => one.p))
        : open.length > 0
          ? 1
          : Math.max(...families.map((one) => one.p));
    return {
      outcome,
      p,
      evidence:
        `${families.length} families, ${finds.length} finds, ${open.length} ` +
        `undecided${finds.length + open.length > 0 ? `: ${told([...finds, ...open])}` : ''}`,
    };
  },
};

const TERMS = {
  hiddenSampling: 'hidden error has a term a √(D/(L M))',
  hiddenEmbedding: 'hidden error has a term b/√D',
  outputSampling: 'output error has a term a D/(L M)',
  outputEmbedding: 'output error has a term b/√D',
} as const satisfies Record<PublishedConstant, string>;

const CONSTANT_IDS = {
  hiddenSampling: 'residual-sampling',
  hiddenEmbedding: 'residual-embedding',
  outputSampling: 'residual-output-sampling',
  outputEmbedding: 'residual-output-embedding',
} as const satisfies Record<PublishedConstant, string>;

/** One of the published constants of deep residual nets. */
function residualConstant(name: PublishedConstant): Claim {
  const band = publishedBand(name);
  return {
    id: CONSTANT_IDS[name],
    statement:
      `In deep residual nets at scale 1/(L M), the ${TERMS[name]} with the published constant ${PUBLISHED[name]}, ` +
      `within a factor of ${EQUIVALENT}.`,
    question: `Deep residual nets have the published constant: ${TERMS[name]}`,
    source: 'arXiv 2603.18168 (fit at D, M up to 2000); arXiv 2509.10167',
    rule:
      `Our fit’s constant, one for each seed, 95 % t-interval: supported ${bandWords(band)}, which is the published ` +
      `one within a factor of ${EQUIVALENT}, not supported outside, else inconclusive.`,
    experiment: residual,
    rows: (input) => rowsOf(residual)(input).filter((row) => row.values.row === 'fit'),
    judge: byInterval(
      (rows) => tInterval(rows.map((row) => numberAt(row, name))),
      (interval) => within(interval, band.from, band.to),
    ),
  };
}

const KINDS = {
  linear: 'Linear deep residual nets at scale 1/(L M), of infinitely many units and directions,',
  tanh: 'Deep residual nets of tanh at scale 1/(L M), of infinitely many units (D = 2 at laptop),',
} as const;

/** The term 1/L, of one kind of residual nets. */
function residualBlocks(arm: keyof typeof KINDS): Claim {
  return {
    id: `residual-depth-${arm}`,
    statement: `${KINDS[arm]} come to infinitely many blocks as 1/L.`,
    question: 'Infinitely wide deep residual nets come to infinitely many blocks as 1/L',
    setting: arm,
    source: 'arXiv 2509.10167 (error O(1/L)); computed without sampling (theory/flow/residual.ts)',
    rule: `${bandText(RESIDUAL_DEPTH)} Depths at which the loss rises are left out.`,
    experiment: residualDepth,
    arms: [arm],
    rows: rowsOf(residualDepth, arm),
    judge: (rows) => {
      const { kept, note } = stableRows(rows, 'depth');
      const depths = new Set(kept.map((row) => numberAt(row, 'depth'))).size;
      if (depths < 3)
        return { outcome: 'inconclusive', evidence: `cannot be decided: ${depths} depths are left${note}` };
      const judgement = laterExponent(RESIDUAL_DEPTH, kept, 'depth', 'change');
      return { ...judgement, evidence: `${judgement.evidence}${note}` };
    },
  };
}

/** The claims about instances, in the order of the page. */
export const INSTANCE_CLAIMS: readonly Claim[] = [
  saddleDirect,
  saddleImitation,
  doubleExponential,
  tanhSaddleGrowth,
  genericSearch,
  ...(Object.keys(PUBLISHED) as PublishedConstant[]).map(residualConstant),
  ...(['linear', 'tanh'] as const).map(residualBlocks),
];
